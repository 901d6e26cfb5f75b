//! What the encoders and the muxer are told.

use num_rational::Ratio;

use super::intermediate::Intermediate;
use super::words::words;
use super::{Chunk, Plan};
use crate::clamped::clamped;
use crate::codec::{AudioCodec, Container, VideoCodec, largest_buffer};
use crate::flicks::Flicks;
use crate::frame_rate::decimal;
use crate::output::{AudioOutput, AudioRateControl, OutputSpec, VideoOutput, VideoRate};

/// Ticks a second beyond which lengths of hours outgrow 32 bits.
const LARGEST_TIME_SCALE: i64 = 10_000_000;
/// The shortest output that a mean bit rate is kept to lasts ten times as long.
const LEAST_BUFFER_MS: u64 = 1000;
/// The number has 31 bits.
const LARGEST_BUFFER: u64 = 2_147_483_647;
/// How full the decoder's buffer is taken to be where another encoder's chunk went before. The
/// encoders' own nine tenths would let each chunk spend it again.
const LATER_FILL: &str = "0.3";
/// Without it, x265 fills the log that failures are told from.
const X265_LOG: &str = "log-level=error";
/// Where x265 keeps to a buffer, its threads don't look at how far the others are, which is another
/// each time.
const X265_STEADY: &str = "const-vbv=1";
/// The largest number that `crf` has in the language, and in VP9.
const MAX_CRF: i64 = 51;
const MAX_VP9_CRF: i64 = 63;

/// Arguments for the video's encoder.
pub(super) fn video(plan: &Plan, output: &VideoOutput, chunk: &Chunk) -> Vec<String> {
    let Plan { output: OutputSpec { container, segments, .. }, preset, .. } = plan;
    // The frames are at their places already.
    let time_base = output.frame_rate.recip();
    let mut arguments = words(&format!("-fps_mode passthrough -enc_time_base {time_base} -c:v"));
    arguments.push(output.codec.encoder().to_owned());
    arguments.extend(words(&match output.codec {
        VideoCodec::H264 | VideoCodec::H265 => format!("-preset {preset}"),
        VideoCodec::Vp9 => format!("-row-mt 1 -cpu-used {}", preset.vp9_speed()),
    }));
    arguments.extend(words(&format!("-g {}", output.key_frame_interval)));
    arguments.extend(words(&match output.codec {
        VideoCodec::H264 => x264_rate(plan, output, chunk),
        VideoCodec::H265 => x265_rate(plan, output, chunk),
        VideoCodec::Vp9 => vp9_rate(output.rate),
    }));
    // Both count frames instead of stamping them: a frame that is shown later
    // than it is stored would be out of place.
    if matches!(container, Container::Avi | Container::Asf) {
        arguments.extend(words("-bf 0"));
    }
    if !plan.copying.runs.is_empty() {
        arguments.extend(beside_copies(plan, chunk));
    }
    if let Some(length) = segments.and_then(|segments| segments.length) {
        arguments.extend(key_frames(output, length, chunk));
    }
    arguments
}

/// What is encoded beside copied groups has parameter sets of its own, and is decoded as much before
/// it is shown as they are.
fn beside_copies(plan: &Plan, chunk: &Chunk) -> Vec<String> {
    let first = super::signed(chunk.frames.start) + Intermediate::LEAD - plan.copying.delay;
    let sets = if plan.has_sets_in_band() { "dump_extra," } else { "" };
    words(&format!(
        "-x264-params sps-id={} -bsf:v {sets}setts=pts=PTS:dts=N+{first}",
        plan.copying.own_sets
    ))
}

/// A key frame at the start of every segment. Frames are counted: by their
/// times, rounding would slip one now and then.
fn key_frames(output: &VideoOutput, length: Flicks, chunk: &Chunk) -> Vec<String> {
    let frames = length.to_units(output.frame_rate).max(1);
    let mut arguments = vec![
        "-force_key_frames".to_owned(),
        format!("expr:eq(mod(n+{},{frames}),0)", chunk.frames.start),
    ];
    if output.codec == VideoCodec::H265 {
        // Its forced key frames would let later frames refer to earlier ones.
        arguments.extend(words("-forced-idr 1"));
    }
    arguments
}

/// A mean bit rate is a wish to x264 and x265: ten seconds that grow busier
/// get up to twice as much. A buffer that holds a tenth of the output bounds
/// that, and leaves them free inside it.
/// No larger, though, than a decoder of the level that size and rate need: the encoder would name a
/// higher level, which players may refuse.
fn x26x_rate(output: &VideoOutput, length: Flicks) -> String {
    match output.rate {
        VideoRate::BitRate(bits) => {
            let tenth = length.to_millis().unsigned_abs() / 10;
            let size = (output.size.width, output.size.height);
            let allowed = largest_buffer(output.codec, size, output.frame_rate, bits);
            let buffer = bits * tenth.max(LEAST_BUFFER_MS) / 1000;
            let buffer = allowed.into_iter().fold(buffer, u64::min).min(LARGEST_BUFFER);
            format!("-b:v {bits} -maxrate {bits} -bufsize {buffer}")
        }
        VideoRate::Quality { crf, peak } => quality(crf, peak),
    }
}

/// Where a buffer has to be kept to, x264's threads look at how far the others are, which is
/// another each time. One thread gives the same bytes in each run; decoder and filters have theirs.
fn x264_rate(plan: &Plan, output: &VideoOutput, chunk: &Chunk) -> String {
    let rate = x26x_rate(output, plan.rate_length());
    match output.rate {
        VideoRate::Quality { peak: None, .. } => rate,
        VideoRate::Quality { peak: Some(_), .. } if plan.follows_another(chunk) => {
            format!("{rate} -threads 1 -x264-params vbv-init={LATER_FILL}")
        }
        VideoRate::BitRate(_) | VideoRate::Quality { .. } => format!("{rate} -threads 1"),
    }
}

/// x265 takes up to a quarter more than any buffer of less than a second. A buffer that is full at
/// first would be bits beside the mean.
fn x265_rate(plan: &Plan, output: &VideoOutput, chunk: &Chunk) -> String {
    match output.rate {
        VideoRate::BitRate(_) => {
            let rate = x26x_rate(output, plan.rate_length());
            format!("{rate} -x265-params {X265_LOG}:{X265_STEADY}:vbv-init=0.6")
        }
        VideoRate::Quality { crf, peak } => {
            let fill = match peak {
                Some(_) if plan.follows_another(chunk) => format!(":vbv-init={LATER_FILL}"),
                _ => String::new(),
            };
            let peak = peak.map(|(rate, buffer)| (rate, buffer / 5 * 4));
            format!("{} -x265-params {X265_LOG}:{X265_STEADY}{fill}", quality(crf, peak))
        }
    }
}

fn quality(crf: Ratio<i64>, peak: Option<(u64, u64)>) -> String {
    let peak = peak
        .map_or_else(String::new, |(rate, buffer)| format!(" -maxrate {rate} -bufsize {buffer}"));
    format!("-crf {}{peak}", decimal(crf))
}

/// VP9 has another scale of quality. In one pass, libvpx keeps to a bit rate
/// or a peak only where that is constant; the smallest quantiser then saves
/// the bits that the asked quality does not need. With such a quantiser and a
/// still picture its model of the rate sticks at nothing for good, unless parts
/// of the video are refreshed in turn.
fn vp9_rate(rate: VideoRate) -> String {
    let scaled = |crf: Ratio<i64>| (crf * MAX_VP9_CRF / MAX_CRF).round().to_integer();
    let constant =
        |rate, buffer| format!("-b:v {rate} -minrate {rate} -maxrate {rate} -bufsize {buffer}");
    match rate {
        VideoRate::BitRate(bits) => constant(bits, bits * 2),
        VideoRate::Quality { crf, peak: None } => format!("-crf {} -b:v 0", scaled(crf)),
        VideoRate::Quality { crf, peak: Some((rate, buffer)) } => {
            let least = scaled(crf);
            format!("{} -qmin {least} -qmax {MAX_VP9_CRF} -aq-mode 3", constant(rate, buffer))
        }
    }
}

/// Arguments that take the rendered video over as it is, at its places and each frame as long as it
/// lasts: some muxers would cut the last one off.
pub(super) fn copy(output: &VideoOutput, container: Container) -> Vec<String> {
    let rate = output.frame_rate;
    let start = format!("{}*{}/TB", Intermediate::LEAD, rate.recip());
    // These hold the parameter sets among the frames.
    let in_band =
        matches!(container, Container::Ts | Container::Avi | Container::Asf | Container::Mxf);
    let in_band = match output.codec {
        VideoCodec::H264 if in_band => "h264_mp4toannexb,",
        VideoCodec::H265 if in_band => "hevc_mp4toannexb,",
        _ => "",
    };
    let mut arguments = words(&format!(
        "-r {rate} -c:v copy -bsf:v \
         {in_band}setts=pts=round(PTS-{start}):dts=round(DTS-{start}):duration=round({}/TB)",
        rate.recip()
    ));
    arguments.extend(words(video_tag(output.codec, container)));
    if output.pixel_format.has_alpha() {
        // FFmpeg's own decoder, which looks at the stream, leaves the transparency out.
        arguments.extend(words("-metadata:s:v alpha_mode=1"));
    }
    arguments
}

/// Four-character codes that the muxer does not find, or players don't know.
fn video_tag(codec: VideoCodec, container: Container) -> &'static str {
    match (codec, container) {
        (VideoCodec::H265, Container::Mp4 | Container::Mov) => "-tag:v hvc1",
        (VideoCodec::H265, Container::Asf | Container::Avi) => "-tag:v HEVC",
        _ => "",
    }
}

/// Arguments for the audio's encoder.
pub(super) fn audio(output: &AudioOutput) -> Vec<String> {
    let encoder = output.codec.encoder(output.sample_rate, output.bit_depth);
    let mut arguments = words(&format!("-c:a {encoder}"));
    arguments.extend(words(match (output.codec, output.bit_depth) {
        (AudioCodec::Flac, 0..=16) => "-sample_fmt s16",
        (AudioCodec::Flac, _) => "-sample_fmt s32 -bits_per_raw_sample 24",
        _ => "",
    }));
    match output.rate {
        AudioRateControl::Default => {}
        AudioRateControl::Quality(_) | AudioRateControl::BitRate(_)
            if output.codec == AudioCodec::Vorbis =>
        {
            arguments.extend(vorbis_rate(output));
        }
        AudioRateControl::Quality(quality) => {
            if let Some(range) = output.bit_rates() {
                let (low, high) = (range.start(), range.end());
                let bits = low + (high - low) * u64::from(quality) / 100;
                arguments.extend(words(&format!("-b:a {bits}")));
            }
        }
        AudioRateControl::BitRate(bits) => arguments.extend(words(&format!("-b:a {bits}"))),
    }
    arguments
}

/// libvorbis knows no bit rates above 50 kHz, and steers by quality from -1 to
/// 10 at all: there a bit rate becomes the quality that has about so many bits
/// for a channel.
fn vorbis_rate(output: &AudioOutput) -> Vec<String> {
    let tenths = match output.rate {
        AudioRateControl::Default => return Vec::new(),
        AudioRateControl::Quality(quality) => i64::from(quality),
        AudioRateControl::BitRate(bits) if output.sample_rate <= 50_000 => {
            return words(&format!("-b:a {bits}"));
        }
        AudioRateControl::BitRate(bits) => {
            let per_channel = bits / u64::from(output.channels.max(1));
            let tenths = (clamped::<i64>(per_channel) - 32_000) / 1400;
            tenths.clamp(-10, 100)
        }
    };
    words(&format!("-q:a {}", decimal(Ratio::new(tenths, 10))))
}

/// What the first source says of itself would become what the output says of itself: its title,
/// place and chapters. Without muxers' random numbers the same task gives the same bytes.
pub(super) fn nothing_inherited() -> Vec<String> {
    words("-map_metadata -1 -map_chapters -1 -fflags +bitexact")
}

/// Arguments for the muxer of a single file.
pub(super) fn muxer(output: &OutputSpec) -> Vec<String> {
    let amr = output.audio.as_ref().is_some_and(|audio| audio.codec == AudioCodec::Amr);
    match output.container {
        // The MP4 muxer has no entry for AMR; QuickTime's, which is its parent
        // format, has.
        Container::Mp4 if amr => quicktime("mov -brand mp42", output),
        Container::Mp4 => quicktime("mp4", output),
        Container::Mov => quicktime("mov", output),
        Container::Mkv => words("-f matroska"),
        Container::Asf => words("-f asf"),
        Container::Avi => words("-f avi"),
        Container::Mxf => words("-f mxf"),
        Container::Ts => words("-f mpegts"),
        Container::Flv => words("-f flv"),
    }
}

/// The index in front lets players start before the end has come. Edit lists
/// count in the movie's time scale: one that both frames and samples are whole
/// numbers in, so that no end is rounded.
fn quicktime(format: &str, output: &OutputSpec) -> Vec<String> {
    let frames = output.video.as_ref().map_or(1, |video| *video.frame_rate.numer());
    let samples = output.audio.as_ref().map_or(1, |audio| i64::from(audio.sample_rate));
    let common = frames / gcd(frames, samples) * samples;
    let scale = if common <= LARGEST_TIME_SCALE { common } else { samples.max(1000) };
    words(&format!("-f {format} -movflags +faststart -movie_timescale {}", scale.max(1000)))
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
