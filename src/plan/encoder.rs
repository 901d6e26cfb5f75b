//! The arguments for the encoders and the muxer.

use num_rational::Ratio;

use super::intermediate::Intermediate;
use super::words::words;
use super::{Chunk, Plan};
use crate::clamped::clamped;
use crate::codec::{AudioCodec, Container, VideoCodec, largest_buffer};
use crate::flicks::Flicks;
use crate::frame_rate::decimal;
use crate::output::{AudioOutput, AudioRateControl, OutputSpec, VideoOutput, VideoRate};

/// With more ticks a second, a length of hours no longer fits in 32 bits.
const LARGEST_TIME_SCALE: i64 = 10_000_000;
/// Outputs shorter than ten times this are too short to keep a mean bit rate.
const LEAST_BUFFER_MS: u64 = 1000;
/// `bufsize` has 31 bits.
const LARGEST_BUFFER: u64 = 2_147_483_647;
/// How full an encoder assumes the decoder's buffer to be if another encoder made the preceding
/// chunk. With the encoders' default of nine tenths, each chunk could spend the buffer anew.
const LATER_FILL: &str = "0.3";
/// Without it, x265 fills the log from which failures are diagnosed.
const X265_LOG: &str = "log-level=error";
/// With a buffer to keep to, x265's threads would depend on each other's progress, so that each run
/// would give other bytes.
const X265_STEADY: &str = "const-vbv=1";
/// Largest `crf` of the request's syntax, and of VP9.
const MAX_CRF: i64 = 51;
const MAX_VP9_CRF: i64 = 63;

/// Arguments for the video encoder.
pub(super) fn video(plan: &Plan, output: &VideoOutput, chunk: &Chunk) -> Vec<String> {
    let Plan { output: OutputSpec { container, segments, .. }, preset, .. } = plan;
    // The frames already have their timestamps.
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
    // These containers count frames and store no timestamps: a reordered frame would be shown in
    // the wrong place.
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

/// Encoded chunks that are joined with copied ones need parameter sets with another number, and the
/// same reordering delay.
fn beside_copies(plan: &Plan, chunk: &Chunk) -> Vec<String> {
    let first = super::signed(chunk.frames.start) + Intermediate::LEAD - plan.copying.delay;
    let sets = if plan.has_sets_in_band() { "dump_extra," } else { "" };
    words(&format!(
        "-x264-params sps-id={} -bsf:v {sets}setts=pts=PTS:dts=N+{first}",
        plan.copying.own_sets
    ))
}

/// Forces a key frame at the start of every segment, by frame number: with times, rounding would
/// sometimes move one by a frame.
fn key_frames(output: &VideoOutput, length: Flicks, chunk: &Chunk) -> Vec<String> {
    let frames = length.to_units(output.frame_rate).max(1);
    let mut arguments = vec![
        "-force_key_frames".to_owned(),
        format!("expr:eq(mod(n+{},{frames}),0)", chunk.frames.start),
    ];
    if output.codec == VideoCodec::H265 {
        // Without it, frames after x265's forced key frame may refer to earlier ones.
        arguments.extend(words("-forced-idr 1"));
    }
    arguments
}

/// x264 and x265 treat a mean bit rate as a wish: ten seconds with more motion get up to twice as
/// much. A buffer of a tenth of the output's length limits that, and leaves them free within it.
/// The buffer is no larger than that of the lowest level that allows this size and frame rate: with
/// a larger one the encoder would declare a higher level, which players may reject.
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

/// With a buffer to keep to, x264's threads depend on each other's progress, so that each run would
/// give other bytes. One encoder thread gives the same bytes in each run; decoder and filters have
/// their own threads.
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

/// With a buffer shorter than a second, x265 exceeds the peak by up to a quarter, so it gets four
/// fifths of the buffer. A buffer that starts full would raise the mean bit rate.
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

/// VP9 has another scale of quality. In one pass, libvpx keeps a bit rate or a peak only in
/// constant-rate mode; the minimum quantiser then saves the bits that the requested quality does
/// not need. With a minimum quantiser, its rate model can get stuck at nothing for good after a
/// still picture, unless parts of the frame are refreshed in turn (`aq-mode 3`).
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

/// Arguments that copy the rendered video. Timestamps and durations are set explicitly, since some
/// muxers would cut the last frame off. `is_cut` is whether the output is made of segments.
pub(super) fn copy(output: &VideoOutput, container: Container, is_cut: bool) -> Vec<String> {
    let rate = output.frame_rate;
    let start = format!("{}*{}/TB", Intermediate::LEAD, rate.recip());
    // Where a rate is given, no time is finer than a frame.
    let (given, decoded) = if is_cut && container == Container::Ts {
        (String::new(), decoded_when_shown(&start, rate))
    } else {
        (format!("-r {rate}"), format!("DTS-{start}"))
    };
    // Containers that hold the parameter sets in band.
    let in_band =
        matches!(container, Container::Ts | Container::Avi | Container::Asf | Container::Mxf);
    let in_band = match output.codec {
        VideoCodec::H264 if in_band => "h264_mp4toannexb,",
        VideoCodec::H265 if in_band => "hevc_mp4toannexb,",
        _ => "",
    };
    let mut arguments = words(&format!(
        "{given} -c:v copy -bsf:v \
         {in_band}setts=pts=round(PTS-{start}):dts=round({decoded}):duration=round({}/TB)",
        rate.recip()
    ));
    arguments.extend(words(video_tag(output.codec, container)));
    if output.pixel_format.has_alpha() {
        // ffmpeg's own decoder, which ffprobe uses, does not report the transparency.
        arguments.extend(words("-metadata:s:v alpha_mode=1"));
    }
    arguments
}

/// Decoding times of which the first is the time when the first frame is shown: hls.js counts a
/// transport stream from where its first frame is decoded, and would play all of it later by as
/// much. The frames that would be decoded before that time are decoded within the first frame's.
fn decoded_when_shown(start: &str, rate: Ratio<i64>) -> String {
    let early = format!("({start}-STARTDTS)*{rate}*TB");
    format!("if(gt(DTS\\,{start})\\,DTS-{start}\\,(DTS-STARTDTS)/({early}+1))")
}

/// Four-character codes for cases in which the muxer has none, or one that players don't know.
fn video_tag(codec: VideoCodec, container: Container) -> &'static str {
    match (codec, container) {
        (VideoCodec::H265, Container::Mp4 | Container::Mov) => "-tag:v hvc1",
        (VideoCodec::H265, Container::Asf | Container::Avi) => "-tag:v HEVC",
        _ => "",
    }
}

/// Arguments for the audio encoder.
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

/// libvorbis rejects bit rates above 50 kHz, and its real control is a quality from -1 to 10: there
/// a bit rate is converted to the quality that gives about this many bits per channel.
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

/// Drops the metadata and chapters of the first source, which ffmpeg would copy to the output.
/// Without the muxers' random numbers, the same task gives the same bytes.
pub(super) fn nothing_inherited() -> Vec<String> {
    words("-map_metadata -1 -map_chapters -1 -fflags +bitexact")
}

/// Arguments for the muxer of a single file.
pub(super) fn muxer(output: &OutputSpec) -> Vec<String> {
    let amr = output.audio.as_ref().is_some_and(|audio| audio.codec == AudioCodec::Amr);
    match output.container {
        // The MP4 muxer does not support AMR; the muxer of QuickTime, from which MP4 is derived,
        // does.
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

/// With the index first, players can start before the end has arrived. Edit lists count in the
/// movie's time scale, so it is chosen such that frames and samples are whole numbers of ticks, and
/// no end is rounded.
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
