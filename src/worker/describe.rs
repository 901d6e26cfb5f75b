//! The entries of the record that each step adds.

use num_rational::Ratio;

use super::sources::Sources;
use crate::clamped::clamped;
use crate::engine::verify::Verified;
use crate::flicks::Flicks;
use crate::media::Media;
use crate::output::{VideoOutput, VideoRate};
use crate::plan::Plan;
use crate::process::Request;
use crate::task::{
    AudioRecord, Definition, Entry, Filled, Finished, OutputRecord, PlannedSource, SourceRecord,
    TimelineRecord, VerifiedRecord, VideoRecord,
};

/// The list as requested; lengths are known only after the probe.
pub(super) fn sources(request: &Request, sources: &Sources) -> Vec<SourceRecord> {
    let clips = request.clips.iter().enumerate();
    clips
        .map(|(clip, asked)| {
            let source = sources.of(clip);
            let (uri, head) = (source.uri.clone(), &source.head);
            SourceRecord::new(uri, head.etag.clone(), head.size, asked)
        })
        .collect()
}

/// The place of every clip in the output, and which streams were made for it.
#[must_use]
pub fn planned(plan: &Plan) -> Entry {
    let sources = 0..plan.clips.last().map_or(0, |part| part.clip + 1);
    Entry::Planned(sources.map(|clip| source(plan, clip)).collect(), timeline(plan))
}

fn source(plan: &Plan, clip: usize) -> PlannedSource {
    let parts = || plan.clips.iter().filter(move |part| part.clip == clip);
    let length: Flicks = parts().map(|part| part.range.length).sum();
    PlannedSource {
        duration_ms: length.to_millis().unsigned_abs(),
        filled: filled(plan, || parts().map(|part| &*plan.sources[part.source])),
    }
}

fn timeline(plan: &Plan) -> Vec<TimelineRecord> {
    let mut timeline: Vec<TimelineRecord> = Vec::new();
    let copied = |index: usize| -> u64 {
        let runs = plan.copying.runs.iter().filter(|run| run.clip == index);
        runs.map(|run| run.frames.end - run.frames.start).sum()
    };
    for (index, (part, place)) in plan.clips.iter().zip(&plan.timeline.places).enumerate() {
        match timeline.last_mut().filter(|last| last.source == part.clip) {
            Some(last) => {
                last.frames += place.frames;
                last.copied += copied(index);
                last.samples += place.samples;
            }
            None => timeline.push(TimelineRecord {
                source: part.clip,
                first_frame: place.first_frame,
                frames: place.frames,
                copied: copied(index),
                first_sample: place.first_sample,
                samples: place.samples,
            }),
        }
    }
    timeline
}

/// Warnings about what is copied, unless the request asks for it.
#[must_use]
pub fn copied(plan: &Plan) -> Entry {
    let is_asked = |video: &VideoOutput| matches!(video.rate, VideoRate::BitRate(_));
    if plan.output.video.as_ref().is_some_and(is_asked) {
        return Entry::Warnings(Vec::new());
    }
    let copied = timeline(plan).into_iter().filter(|place| place.copied > 0);
    let warnings = copied.map(|TimelineRecord { source, copied, frames, .. }| {
        format!(
            "clip {source}: {copied} of {frames} frames were copied as they are, since `COPY` is `fitting`"
        )
    });
    Entry::Warnings(warnings.collect())
}

/// What a clip, or one of its parts, lacks.
fn filled<'a, I: Iterator<Item = &'a Media>>(plan: &Plan, parts: impl Fn() -> I) -> Vec<Filled> {
    let audio = plan.output.audio.is_some() && parts().any(|media| media.audio.is_none());
    let video = plan.output.video.is_some() && parts().any(|media| media.video.is_none());
    let kinds = [(audio, Filled::Audio), (video, Filled::Video)];
    kinds.into_iter().filter(|(missing, _)| *missing).map(|(_, kind)| kind).collect()
}

/// The properties of the output, as found in the finished file.
#[must_use]
pub fn verified(plan: &Plan, verified: &Verified) -> Entry {
    let (media, counts) = (&verified.media, verified.counts);
    let video = plan.output.video.as_ref().zip(media.video.as_ref());
    let audio = plan.output.audio.as_ref().zip(media.audio.as_ref());
    let size = video.map(|(_, found)| found.display_size());
    let output = OutputRecord {
        container: plan.output.container.name().to_owned(),
        duration_ms: media.length.to_millis().unsigned_abs(),
        video: video.map(|(output, found)| VideoRecord {
            codec: output.codec.name().to_owned(),
            width: found.display_size().width,
            height: found.display_size().height,
            frame_rate: float(output.frame_rate),
            pixel_format: output.pixel_format.name().to_owned(),
            frames: counts.frames,
            bit_rate: Some(found.bit_rate),
        }),
        audio: audio.map(|(output, found)| AudioRecord {
            codec: output.codec.name().to_owned(),
            sample_rate: found.sample_rate,
            channels: found.channels,
            bit_rate: Some(found.bit_rate),
            samples: counts.samples,
        }),
    };
    let verified = VerifiedRecord {
        frames: counts.frames,
        samples: counts.samples,
        max_join_offset_ms: counts.max_join_offset_ms,
        decoded: counts.decoded,
        decoded_frames: counts.decoded_frames,
    };
    let seconds = float(Ratio::new(media.length.to_millis(), 1000));
    let definition = Definition::of(size.map(|size| (size.width, size.height)));
    Entry::Verified(Box::new(Finished { output, verified, seconds, definition }))
}

/// JSON has no fractions; unlike the timeline, a record may round.
fn float(number: Ratio<i64>) -> f64 {
    let part = |n: i64| f64::from(clamped::<i32>(n));
    part(*number.numer()) / part(*number.denom())
}
