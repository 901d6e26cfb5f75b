//! What a file of the finished output holds: its packets, and what they decode to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::packets::{encoded, failed, found, silent};
use super::{Check, VerifyError, expect};
use crate::engine::ffmpeg::{Ffmpeg, Progress};
use crate::media::{Demuxer, Media};
use crate::plan::input::Input;
use crate::plan::{Group, PacketList, compare_audio, compare_video, groups};
use crate::policy::Verify;

/// Streams that a file has by the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    pub(super) video: bool,
    pub(super) audio: bool,
}

/// What was read of them.
#[derive(Debug)]
pub(super) struct Found {
    /// Packets of the video.
    video: Option<PacketList>,
    /// Frames of the audio, where it was not decoded with the video.
    audio: Option<PacketList>,
    /// Frames of the video, where all were decoded.
    decoded: Option<u64>,
}

/// Reads the packets of a file, and decodes what has to be decoded whatever they are.
pub(super) async fn read(
    check: &Check<'_>,
    file: Input<'_>,
    has: Content,
) -> Result<Found, VerifyError> {
    let Check { ffmpeg, plan, .. } = check;
    let video = async {
        if !has.video {
            return Ok(None);
        }
        found(ffmpeg, plan.video_listing_arguments(&file)).await.map(Some)
    };
    let audio = async {
        if !has.audio || check.made.lists.audio.is_none() {
            return Ok(None);
        }
        found(ffmpeg, plan.audio_listing_arguments(&file)).await.map(Some)
    };
    let decoded = async {
        match check.verify {
            Verify::Decode => decode(ffmpeg, file).await.map(Some),
            Verify::Packets => Ok(None),
        }
    };
    let (video, audio, decoded) = tokio::join!(video, audio, decoded);
    // The decoder's own words tell more.
    let decoded = decoded?;
    Ok(Found { video: video?, audio: audio?, decoded })
}

impl Found {
    /// Proves that the file holds what the encoders gave. Returns how many frames were decoded.
    pub(super) async fn prove(
        self,
        check: &Check<'_>,
        file: Input<'_>,
        media: &Media,
    ) -> Result<u64, VerifyError> {
        let lists = &check.made.lists;
        if let (Some(found), Some(listing)) = (&self.audio, &lists.audio) {
            compare_audio(&encoded(listing)?, found)?;
        }
        let Some(found) = &self.video else {
            return Ok(0);
        };
        if let Some(decoded) = self.decoded {
            expect("the number of decoded frames", &decoded, &check.plan.frames().end)?;
        }
        let encoded = encoded(&lists.video)?;
        check.plan.check_encoded(&encoded, &check.made.chunks)?;
        check.plan.check_copied(&encoded)?;
        compare_video(check.plan.output.container, &encoded, found)?;
        match self.decoded {
            Some(decoded) => Ok(decoded),
            None => decode_groups(check, file, found, media).await,
        }
    }
}

/// Decodes the groups at the ends of the video and at its seams; all of it, where they can't be
/// told. Returns how many frames they have.
async fn decode_groups(
    check: &Check<'_>,
    file: Input<'_>,
    found: &PacketList,
    media: &Media,
) -> Result<u64, VerifyError> {
    let keys = media.video.as_ref().map_or(&[][..], |video| &video.key_frames);
    let seams: Vec<u64> = check.made.chunks.iter().skip(1).map(|chunk| chunk.start).collect();
    let groups = groups(found, keys, &seams).filter(|groups| groups.len() > 1);
    // Transparency is a second video beside each packet, which the list does not hold.
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
    // Errors are in what is read, so what only beautifies frames is left out. Where parameter sets
    // change, copied ones to our own, the count goes on.
    let mut arguments = words("-skip_loop_filter all -skip_idct all -reinit_filter 0");
    arguments.extend(file.arguments());
    // Time stamps are replaced by a count: the check here is of the frames and the audio, and the
    // null muxer reports rounded time stamps as errors.
    arguments
        .extend(words("-map 0 -vf setpts=N -af asetpts=N -fps_mode passthrough -f null pipe:"));
    let progress = move |progress: Progress| counter.store(progress.frames, Ordering::Relaxed);
    ffmpeg.encode(arguments, progress).await.map_or_else(failed, silent)?;
    Ok(frames.load(Ordering::Relaxed))
}
