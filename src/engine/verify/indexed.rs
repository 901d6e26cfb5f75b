//! Checks an output whose video ranges stay in storage: its index, its audio, and the first frame
//! of each range. Each range was decoded completely by the function that rendered it.

use std::path::Path;

use num_rational::Ratio;

use super::content::decode;
use super::packets::found;
use super::{Verified, VerifyError, demuxer, expect};
use crate::clamped::clamped;
use crate::engine::ffmpeg::Ffmpeg;
use crate::engine::probe::scan;
use crate::flicks::Flicks;
use crate::media::{Media, VideoStream};
use crate::mp4::{Packets, Samples};
use crate::plan::input::Input;
use crate::plan::{PacketError, PacketList, Plan};

/// Such an output, as files.
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    /// The programs to run.
    pub ffmpeg: &'a Ffmpeg,
    /// The plan.
    pub plan: &'a Plan,
    /// The muxer's file, with the audio (all of it, or that of the first range) and the first
    /// fragment of the video.
    pub template: &'a Path,
    /// The output, with holes in place of the ranges that are stored elsewhere.
    pub file: &'a Path,
    /// A video of the first frame of each range, with the header of the whole.
    pub beginnings: &'a Path,
    /// The samples of each range.
    pub ranges: &'a [&'a Samples],
    /// The audio packets of each range; empty if the template has all audio.
    pub audio: &'a [&'a Packets],
}

/// Checks such an output.
///
/// # Errors
/// When it is not what was planned, or the check can't be run.
pub async fn verify_indexed(check: &Indexed<'_>) -> Result<Verified, VerifyError> {
    let Indexed { ffmpeg, plan, ranges, .. } = *check;
    let demuxer = demuxer(plan.output.container);
    let input = |path| Input::whole(demuxer, path);
    let video = found(ffmpeg, plan.video_index_arguments(&input(check.file)));
    let (media, video, decoded, begun) = tokio::join!(
        scan(ffmpeg, demuxer, check.template),
        video,
        decode(ffmpeg, input(check.template)),
        decode(ffmpeg, input(check.beginnings)),
    );
    decoded?;
    expect("the number of ranges that a decoder can begin with", &begun?, &(ranges.len() as u64))?;
    let (video, mut media) = (video?, media?);
    check_video(plan, &video, ranges)?;
    if plan.output.audio.is_some() {
        let arguments = |path| plan.audio_index_arguments(&input(path));
        let placed = found(ffmpeg, arguments(check.file)).await?;
        let made = found(ffmpeg, arguments(check.template)).await?;
        if check.audio.is_empty() {
            check_audio(&made, &placed)?;
        } else {
            check_woven(&made, &placed, check.audio)?;
        }
        complete_audio(&mut media, &made, check.audio);
    }
    complete(&mut media, plan, &video);
    Verified::by_parts(plan, media)
}

/// Checks that the index has every sample of the ranges, at its time.
fn check_video(plan: &Plan, found: &PacketList, ranges: &[&Samples]) -> Result<(), PacketError> {
    let encoded = ranges.iter().map(|range| range.samples.len()).sum();
    if found.packets.len() != encoded {
        let found = found.packets.len();
        return Err(PacketError::Count { stream: "video", found, encoded });
    }
    let samples = ranges.iter().flat_map(|range| {
        range.samples.iter().map(|sample| (sample, plan.times_of(sample, range.time_scale)))
    });
    for (packet, (sample, (shown, decoded))) in samples.enumerate() {
        if found.packets[packet].size != sample.size {
            return Err(PacketError::Content { stream: "video", packet });
        }
        if (found.packets[packet].shown, found.packets[packet].decoded) != (shown, decoded) {
            let (found_ms, encoded_ms) =
                (found.packets[packet].shown.to_millis(), shown.to_millis());
            return Err(PacketError::Time { packet, found_ms, encoded_ms });
        }
    }
    Ok(())
}

/// Checks that the audio equals the muxer's.
fn check_audio(made: &PacketList, placed: &PacketList) -> Result<(), PacketError> {
    let (found, encoded) = (placed.packets.len(), made.packets.len());
    if found != encoded {
        return Err(PacketError::Count { stream: "audio", found, encoded });
    }
    let mut pairs = made.packets.iter().zip(&placed.packets);
    match pairs.position(|(made, placed)| made != placed) {
        Some(packet) => Err(PacketError::Content { stream: "audio", packet }),
        None => Ok(()),
    }
}

/// Checks that the audio is that of all ranges, from the time at which the muxer begins it.
fn check_woven(
    made: &PacketList,
    placed: &PacketList,
    audio: &[&Packets],
) -> Result<(), PacketError> {
    let stream = "audio";
    let (found, encoded) = (placed.packets.len(), audio.iter().map(|it| it.sizes.len()).sum());
    if found != encoded || made.packets.is_empty() {
        return Err(PacketError::Count { stream, found, encoded });
    }
    let scale = audio.iter().find(|range| range.time_scale > 0).map_or(1, |it| it.time_scale);
    let base = Ratio::new(1, i64::from(scale));
    let (mut ticks, first) = (0, made.packets[0].shown);
    for (packet, (size, step)) in audio.iter().flat_map(|range| range.each()).enumerate() {
        let due = first + Flicks::from_ticks(ticks, base).unwrap_or_default();
        let is_it = placed.packets[packet].size == size;
        if !is_it || placed.packets[packet].shown != due {
            return Err(PacketError::Content { stream, packet });
        }
        ticks = ticks.saturating_add(i64::from(step));
    }
    Ok(())
}

/// Extends the description of the first range's audio to the audio of all ranges.
fn complete_audio(media: &mut Media, made: &PacketList, audio: &[&Packets]) {
    let Some(stream) = media.audio.as_mut().filter(|_| !audio.is_empty()) else { return };
    let time = |range: &&Packets| {
        let base = Ratio::new(1, i64::from(range.time_scale.max(1)));
        let ticks = clamped::<i64>(range.duration());
        Flicks::from_ticks(ticks, base).unwrap_or_default()
    };
    let all: Flicks = audio.iter().map(time).sum();
    stream.end = made.packets[0].shown + all;
    let bits = audio.iter().map(|range| u128::from(range.bytes())).sum::<u128>() * 8;
    let second = Flicks::of_units(1, 1.into()).count().unsigned_abs();
    let mean = bits * u128::from(second) / u128::from(all.count().max(1).unsigned_abs());
    stream.bit_rate = clamped(mean);
}

/// Extends the description of the first fragment's video to the whole video.
fn complete(media: &mut Media, plan: &Plan, found: &PacketList) {
    let Some(video) = &mut media.video else { return };
    let times = found.packets.iter().map(|packet| packet.shown);
    let last = times.max().unwrap_or_default();
    let frame = Flicks::of_units(1, plan.timeline.frame_rate);
    let bytes: u64 = found.packets.iter().map(|packet| u64::from(packet.size)).sum();
    let length = (last + frame - video.start).count().max(1).unsigned_abs();
    let second = Flicks::of_units(1, 1.into()).count().unsigned_abs();
    let bits = u128::from(bytes) * 8 * u128::from(second) / u128::from(length);
    *video = VideoStream {
        frames: found.packets.len() as u64,
        last,
        end: last + frame,
        bit_rate: clamped::<u64>(bits),
        ..video.clone()
    };
    let end = video.end.max(media.audio.as_ref().map_or(video.end, |audio| audio.end));
    media.length = end - media.start;
}
