//! Checks that a finished file is what was planned.
//!
//! Everything is counted in the file itself, by reading all its packets and decoding all its
//! frames, or as many as requested. Its packets have to be those that the encoders produced.

mod content;
mod indexed;
mod packets;
mod ranges;

use std::io;
use std::path::{Path, PathBuf};

use num_rational::Ratio;
use thiserror::Error;

use crate::clamped::clamped;
use crate::code::Code;
use crate::codec::Container;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::make::Made;
use crate::engine::probe::{ProbeError, scan};
use crate::engine::workspace::Workspace;
use crate::flicks::Flicks;
use crate::media::report::ReportError;
use crate::media::{AudioStream, Demuxer, Media, VideoStream};
use crate::output::{AudioOutput, VideoOutput};
use crate::plan::input::Input;
use crate::plan::{PacketError, Plan, signed};
use crate::policy::Verify;
use content::Content;
pub use indexed::{Indexed, verify_indexed};
pub use ranges::{verify_range, verify_ranges};

/// Containers with millisecond timestamps round each of them.
const TICK_MS: u64 = 1;

/// What was found in a finished file that matches the plan.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its streams.
    pub media: Media,
    /// What was counted.
    pub counts: Counts,
}

impl Verified {
    /// Checks the combined result of parts that were decoded separately.
    fn by_parts(plan: &Plan, media: Media) -> Result<Self, VerifyError> {
        compare(plan, &media)?;
        let frames = plan.frames().end;
        let counts = Counts {
            frames,
            samples: media.audio.as_ref().map_or(0, counted_samples),
            max_join_offset_ms: join_offset(plan, &media),
            decoded: true,
            decoded_frames: frames,
        };
        Ok(Self { media, counts })
    }

    /// The same for an output whose frames were all decoded before they were put into the file.
    #[must_use]
    pub fn with_all_decoded(self) -> Self {
        let decoded_frames = self.counts.frames;
        Self { counts: Counts { decoded: true, decoded_frames, ..self.counts }, ..self }
    }
}

/// Numbers counted in a finished file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// Frames of the video.
    pub frames: u64,
    /// Samples of the audio, per channel.
    pub samples: u64,
    /// Largest distance between video and audio at a join, in milliseconds.
    pub max_join_offset_ms: f64,
    /// Whether every frame was decoded.
    pub decoded: bool,
    /// How many frames were decoded.
    pub decoded_frames: u64,
}

/// Why a finished file is not accepted.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// It can't be read.
    #[error("the finished output can't be read back: {0}")]
    Unreadable(#[from] ProbeError),
    /// It does not decode.
    #[error("the finished output does not decode: {0}")]
    Undecodable(String),
    /// The check could not be run.
    #[error("the finished output could not be checked: {0}")]
    Run(RunError),
    /// Its packets are not those of the encoders.
    #[error("the finished output is not as planned: {0}")]
    Packets(#[from] PacketError),
    /// The list of the encoders' packets can't be read.
    #[error("the list of encoded packets can't be read: {0}")]
    Listing(io::Error),
    /// A property differs from the plan.
    #[error("the finished output is not as planned: {what} is {found}, not {planned}")]
    Mismatch {
        /// The property.
        what: &'static str,
        /// Its value in the file.
        found: String,
        /// Its value in the plan.
        planned: String,
    },
}

impl VerifyError {
    /// The outward code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unreadable(_)
            | Self::Undecodable(_)
            | Self::Packets(_)
            | Self::Mismatch { .. } => Code::OutputMismatch,
            Self::Listing(_) => Code::InternalError,
            Self::Run(error) => error.code(),
        }
    }
}

/// A check of a finished output.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The programs to run.
    pub ffmpeg: &'a Ffmpeg,
    /// The plan.
    pub plan: &'a Plan,
    /// How the output was made.
    pub made: &'a Made,
    /// The folder for intermediate files.
    pub workspace: &'a Workspace,
    /// What has to be decoded.
    pub verify: Verify,
}

/// Checks the finished output. `files` contain its streams: one file for all, or one for each
/// stream, with the video first.
///
/// # Errors
/// When it is not what was planned, or the check can't be run.
pub async fn verify(check: &Check<'_>, files: &[PathBuf]) -> Result<Verified, VerifyError> {
    let demuxer = demuxer(check.plan.output.container);
    let mut media: Option<Media> = None;
    let mut contents = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let input = Input::whole(demuxer, file);
        let has = Content {
            video: check.plan.output.video.is_some() && index == 0,
            audio: check.plan.output.audio.is_some() && index + 1 == files.len(),
        };
        let (part, found) =
            tokio::join!(scan(check.ffmpeg, demuxer, file), content::read(check, input, has));
        let part = part?;
        media = Some(match media {
            Some(whole) => whole.joined(part),
            None => part,
        });
        contents.push(found);
    }
    let media = media.ok_or(ReportError::NoStreams).map_err(ProbeError::from)?;
    compare(check.plan, &media)?;
    let mut decoded_frames = 0;
    for (file, found) in files.iter().zip(contents) {
        decoded_frames += found?.prove(check, Input::whole(demuxer, file), &media).await?;
    }
    let frames = check.plan.frames().end;
    let counts = Counts {
        frames,
        samples: media.audio.as_ref().map_or(0, counted_samples),
        max_join_offset_ms: join_offset(check.plan, &media),
        decoded: decoded_frames == frames,
        decoded_frames,
    };
    Ok(Verified { media, counts })
}

/// Checks that the video has as many segments as planned.
///
/// # Errors
/// When the number differs.
pub fn verify_segments(plan: &Plan, found: u64) -> Result<(), VerifyError> {
    expect("the number of segments", &found, &plan.segment_count())
}

/// Compares everything that is known without decoding.
fn compare(plan: &Plan, media: &Media) -> Result<(), VerifyError> {
    let kinds = |video: bool, audio: bool| match (video, audio) {
        (true, true) => "video and audio",
        (true, false) => "video alone",
        (false, true) => "audio alone",
        (false, false) => "nothing",
    };
    let output = &plan.output;
    expect(
        "its content",
        kinds(media.video.is_some(), media.audio.is_some()),
        kinds(output.video.is_some(), output.audio.is_some()),
    )?;
    expect("the number of its further streams", &media.further.streams, &0)?;
    expect("the number of its chapters", &media.further.chapters, &0)?;
    if let (Some(output), Some(stream)) = (&output.video, &media.video) {
        compare_video(plan, output, stream)?;
    }
    if let (Some(output), Some(stream)) = (&output.audio, &media.audio) {
        compare_audio(plan, output, stream)?;
    }
    Ok(())
}

fn compare_video(
    plan: &Plan,
    output: &VideoOutput,
    stream: &VideoStream,
) -> Result<(), VerifyError> {
    expect("the video codec", stream.codec.as_str(), output.codec.ffprobe_name())?;
    expect("the size", &stream.display_size(), &output.size)?;
    // ffmpeg has names of its own for the formats with full range.
    let found = stream.pixel_format.replace("yuvj", "yuv");
    expect("the pixel format", found.as_str(), output.pixel_format.name())?;
    expect("the number of frames", &stream.frames, &plan.timeline.frames())?;
    // From the first to the last frame; a single frame has no distance.
    let planned = Flicks::of_units(signed(plan.timeline.frames()) - 1, output.frame_rate);
    let found = stream.last - stream.start;
    within("the time of the last frame", found, planned, 2 * TICK_MS, 2 * TICK_MS)
}

fn compare_audio(
    plan: &Plan,
    output: &AudioOutput,
    stream: &AudioStream,
) -> Result<(), VerifyError> {
    let codec = output.codec.ffprobe_name();
    if !stream.codec.starts_with(codec) {
        expect("the audio codec", stream.codec.as_str(), codec)?;
    }
    let played = output.codec.played_rate(output.sample_rate);
    expect("the sample rate", &stream.sample_rate, &played)?;
    expect("the number of channels", &stream.channels, &output.channels)?;
    let planned = Flicks::of_units(signed(plan.timeline.samples()), rate(output.sample_rate));
    let found = stream.end - stream.start;
    // In containers that can't declare an encoder's delay and padding, the audio includes them.
    let padding =
        output.encoder_delay() + i64::from(output.codec.packet_samples(output.sample_rate)) * 2;
    let allowed = Flicks::of_units(padding, rate(output.sample_rate)).to_millis().unsigned_abs();
    within("the length of the audio", found, planned, 2 * TICK_MS, allowed + 2 * TICK_MS)
}

/// Decodes the audio of a finished output whose video packets are checked elsewhere.
///
/// # Errors
/// When it does not decode.
pub async fn decode_audio(check: &Check<'_>, files: &[PathBuf]) -> Result<(), VerifyError> {
    let Some(file) = files.last().filter(|_| check.plan.output.audio.is_some()) else {
        return Ok(());
    };
    let input = Input::whole(demuxer(check.plan.output.container), file);
    packets::found(check.ffmpeg, check.plan.audio_listing_arguments(&input)).await.map(drop)
}

/// Decodes the video of a file that is not finished yet, and counts its frames.
///
/// # Errors
/// When their number differs from the plan, or they do not decode.
pub async fn decoded_frames(
    ffmpeg: &Ffmpeg,
    demuxer: Demuxer,
    path: &Path,
    planned: u64,
) -> Result<u64, VerifyError> {
    let frames = content::decode(ffmpeg, Input::whole(demuxer, path)).await?;
    expect("the number of decoded frames", &frames, &planned)?;
    Ok(frames)
}

fn expect<T: PartialEq + ToString + ?Sized>(
    what: &'static str,
    found: &T,
    planned: &T,
) -> Result<(), VerifyError> {
    if found == planned {
        return Ok(());
    }
    Err(VerifyError::Mismatch { what, found: found.to_string(), planned: planned.to_string() })
}

fn within(
    what: &'static str,
    found: Flicks,
    planned: Flicks,
    less_ms: u64,
    more_ms: u64,
) -> Result<(), VerifyError> {
    let least = planned - Flicks::from_millis(less_ms);
    let most = planned + Flicks::from_millis(more_ms);
    if (least..=most).contains(&found) { Ok(()) } else { expect(what, &found, &planned) }
}

/// The largest distance between video and audio at any join, in milliseconds: from the counted
/// frames and samples, and from the distance between the starts of the two streams, without the
/// encoder's delay.
fn join_offset(plan: &Plan, media: &Media) -> f64 {
    let (Some(video), Some(audio), Some(output)) = (&media.video, &media.audio, &plan.output.audio)
    else {
        return 0.0;
    };
    let late = video.start - audio.start;
    let late_by_delay = late - Flicks::of_units(output.encoder_delay(), rate(output.sample_rate));
    let apart = |offset: Flicks| offset.count().unsigned_abs();
    let start = apart(late).min(apart(late_by_delay));
    let joins = plan.timeline.places.iter().map(|place| {
        let video = Flicks::of_units(signed(place.first_frame), plan.timeline.frame_rate);
        let audio = Flicks::of_units(signed(place.first_sample), rate(output.sample_rate));
        apart(video - audio)
    });
    let most = joins.fold(0, Ord::max) + start;
    let micros = Flicks::new(clamped::<i64>(most)).to_micros();
    f64::from(clamped::<i32>(micros)) / 1000.0
}

fn counted_samples(stream: &AudioStream) -> u64 {
    (stream.end - stream.start).to_units(rate(stream.sample_rate)).unsigned_abs()
}

fn demuxer(container: Container) -> Demuxer {
    match container {
        Container::Mp4 | Container::Mov => Demuxer::Mov,
        Container::Mkv => Demuxer::Matroska,
        Container::Asf => Demuxer::Asf,
        Container::Avi => Demuxer::Avi,
        Container::Mxf => Demuxer::Mxf,
        Container::Ts => Demuxer::MpegTs,
        Container::Flv => Demuxer::Flv,
    }
}

fn rate(per_second: u32) -> Ratio<i64> {
    Ratio::from_integer(i64::from(per_second))
}
