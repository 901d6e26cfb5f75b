//! Compares a file of the finished output with what was encoded: its packets, and the frames that
//! they decode to.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::packets::{encoded, failed, look, silent};
use super::{Check, VerifyError, expect};
use crate::engine::ffmpeg::{Ffmpeg, Progress};
use crate::media::{Demuxer, Media};
use crate::plan::input::Input;
use crate::plan::{AudioComparison, Group, PacketError, Times, VideoComparison, groups};
use crate::policy::Verify;

/// The streams that a file has according to the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    pub(super) video: bool,
    pub(super) audio: bool,
}

/// The results for one file.
#[derive(Debug)]
pub(super) struct Found {
    /// Whether the video's packets are the encoder's, and the packets' times (kept if not all of
    /// them are decoded).
    video: Option<(Result<(), PacketError>, Times)>,
    /// Whether the audio's packets are the encoder's, if the audio was not decoded with the video.
    audio: Option<Result<(), PacketError>>,
    /// Number of decoded video frames, if all were decoded.
    decoded: Option<u64>,
}

/// Reads the packets of a file, and decodes what has to be decoded in any case.
pub(super) async fn read(
    check: &Check<'_>,
    file: Input<'_>,
    has: Content,
) -> Result<Found, VerifyError> {
    let lists = &check.made.lists;
    let video = async {
        if !has.video {
            return Ok(None);
        }
        compared_video(check, &lists.video, file).await.map(Some)
    };
    let audio = async {
        match &lists.audio {
            Some(listing) if has.audio => compared_audio(check, listing, file).await.map(Some),
            _ => Ok(None),
        }
    };
    let decoded = async {
        match check.verify {
            Verify::Decode => decode(check.ffmpeg, file).await.map(Some),
            Verify::Packets => Ok(None),
        }
    };
    let (video, audio, decoded) = tokio::join!(video, audio, decoded);
    // Reported first, since the decoder's errors say more.
    let decoded = decoded?;
    Ok(Found { video: video?, audio: audio?, decoded })
}

/// Compares the packets of the video with those of the encoder.
async fn compared_video(
    check: &Check<'_>,
    listing: &Path,
    file: Input<'_>,
) -> Result<(Result<(), PacketError>, Times), VerifyError> {
    let keeps_times = check.verify == Verify::Packets;
    let comparison = VideoComparison::new(check.plan.output.container, encoded(listing)?);
    let arguments = check.plan.video_listing_arguments(&file);
    let looking = (comparison, Times::default());
    let note = move |(comparison, times): &mut (VideoComparison<_>, Times), packet| {
        comparison.found(packet);
        if keeps_times {
            times.add(&packet);
        }
    };
    let looked = Box::pin(look(check.ffmpeg, arguments, looking, note));
    let (comparison, times) = looked.await?;
    let (compared, mut encoded) = comparison.end();
    encoded.check().map_err(VerifyError::Listing)?;
    Ok((compared, times))
}

/// Compares the decoded audio with the decoded packets of the encoder.
async fn compared_audio(
    check: &Check<'_>,
    listing: &Path,
    file: Input<'_>,
) -> Result<Result<(), PacketError>, VerifyError> {
    let comparison = AudioComparison::new(encoded(listing)?);
    let arguments = check.plan.audio_listing_arguments(&file);
    let looked = Box::pin(look(check.ffmpeg, arguments, comparison, AudioComparison::found));
    let (compared, mut encoded) = looked.await?.end();
    encoded.check().map_err(VerifyError::Listing)?;
    Ok(compared)
}

impl Found {
    /// Fails unless the file holds what the encoders produced. Returns the number of decoded
    /// frames.
    pub(super) async fn prove(
        self,
        check: &Check<'_>,
        file: Input<'_>,
        media: &Media,
    ) -> Result<u64, VerifyError> {
        let Check { plan, made, .. } = check;
        self.audio.unwrap_or(Ok(()))?;
        let Some((compared, times)) = self.video else {
            return Ok(0);
        };
        if let Some(decoded) = self.decoded {
            expect("the number of decoded frames", &decoded, &plan.frames().end)?;
        }
        let mut listed = encoded(&made.lists.video)?;
        let checked = plan.check_encoded(listed.by_ref(), &made.chunks);
        listed.check().map_err(VerifyError::Listing)?;
        checked?;
        plan.check_copied(encoded(&made.lists.video)?)?;
        compared?;
        match self.decoded {
            Some(decoded) => Ok(decoded),
            None => decode_groups(check, file, &times, media).await,
        }
    }
}

/// Decodes the groups of pictures at the ends of the video and at its seams, or all of it if the
/// groups can't be determined. Returns the number of decoded frames.
async fn decode_groups(
    check: &Check<'_>,
    file: Input<'_>,
    found: &Times,
    media: &Media,
) -> Result<u64, VerifyError> {
    let keys = media.video.as_ref().map_or(&[][..], |video| &video.key_frames);
    let seams: Vec<u64> = check.made.chunks.iter().skip(1).map(|chunk| chunk.start).collect();
    let groups = groups(found, keys, &seams).filter(|groups| groups.len() > 1);
    // Transparency is a second video inside the same packets, which the list does not contain.
    let groups = groups.filter(|_| check.plan.intermediate().can_be_continued());
    let Some(groups) = groups else {
        let decoded = decode(check.ffmpeg, file).await?;
        expect("the number of decoded frames", &decoded, &check.plan.frames().end)?;
        return Ok(decoded);
    };
    let parts: Vec<(Group, _)> =
        groups.into_iter().enumerate().map(|(n, g)| (g, check.workspace.group(n))).collect();
    let arguments = check.plan.group_arguments(&file, &parts);
    check.ffmpeg.encode(arguments, |_| ()).await.map_or_else(failed, silent)?;
    let mut frames = 0;
    for (group, part) in &parts {
        let decoded = decode(check.ffmpeg, Input::whole(Demuxer::Matroska, part)).await?;
        expect("the number of decoded frames", &decoded, &group.frames)?;
        frames += decoded;
    }
    Ok(frames)
}

/// Decodes everything, and counts the frames of the video.
pub(super) async fn decode(ffmpeg: &Ffmpeg, file: Input<'_>) -> Result<u64, VerifyError> {
    let frames = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&frames);
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    // Errors occur in parsing packets, so the loop filter and the IDCT, which only change pixels,
    // are skipped. Where parameter sets change from copied ones to our own, the frame count goes
    // on.
    let mut arguments = words("-skip_loop_filter all -skip_idct all -reinit_filter 0");
    arguments.extend(file.arguments());
    // Timestamps are replaced by counters: this checks the frames and the audio only, and the null
    // muxer would report rounded timestamps as errors.
    arguments
        .extend(words("-map 0 -vf setpts=N -af asetpts=N -fps_mode passthrough -f null pipe:"));
    let progress = move |progress: Progress| counter.store(progress.frames, Ordering::Relaxed);
    ffmpeg.encode(arguments, progress).await.map_or_else(failed, silent)?;
    Ok(frames.load(Ordering::Relaxed))
}
