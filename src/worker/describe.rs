//! What the record says of each step, in the record's own words.

use num_rational::Ratio;

use super::sources::Sources;
use crate::engine::verify::Verified;
use crate::flicks::Flicks;
use crate::media::Media;
use crate::output::{VideoOutput, VideoRate};
use crate::plan::Plan;
use crate::process::Request;
use crate::task::{
    AudioRecord, Definition, Filled, OutputRecord, SourceRecord, TaskRecord, TimelineRecord,
    VerifiedRecord, VideoRecord,
};

/// The list as it was asked for; lengths are known after the probe.
pub(super) fn sources(request: &Request, sources: &Sources) -> Vec<SourceRecord> {
    let clips = request.clips.iter().enumerate();
    clips
        .map(|(clip, asked)| {
            let source = sources.of(clip);
            SourceRecord {
                uri: source.uri.clone(),
                etag: source.head.etag.clone(),
                size: source.head.size,
                bytes_fetched: 0,
                start_ms: asked.start_ms,
                duration_ms: asked.duration_ms.unwrap_or(0),
                filled: Vec::new(),
            }
        })
        .collect()
}

/// Where every clip is in the output, and what it was given.
pub fn plan(plan: &Plan, record: &mut TaskRecord) {
    let parts = || plan.clips.iter().zip(&plan.timeline.places);
    let copied = |index: usize| -> u64 {
        let runs = plan.copying.runs.iter().filter(|run| run.clip == index);
        runs.map(|run| run.frames.end - run.frames.start).sum()
    };
    for (clip, source) in record.sources.iter_mut().enumerate() {
        let parts = || parts().filter(|(part, _)| part.clip == clip);
        let length: Flicks = parts().map(|(part, _)| part.range.length).sum();
        source.duration_ms = length.to_millis().unsigned_abs();
        source.filled = filled(plan, || parts().map(|(part, _)| &*plan.sources[part.source]));
    }
    record.timeline.clear();
    for (index, (part, place)) in parts().enumerate() {
        match record.timeline.last_mut().filter(|last| last.source == part.clip) {
            Some(last) => {
                last.frames += place.frames;
                last.copied += copied(index);
                last.samples += place.samples;
            }
            None => record.timeline.push(TimelineRecord {
                source: part.clip,
                first_frame: place.first_frame,
                frames: place.frames,
                copied: copied(index),
                first_sample: place.first_sample,
                samples: place.samples,
            }),
        }
    }
}

/// What is copied, and that nobody asked for the quality that it has.
pub fn copying(plan: &Plan, record: &mut TaskRecord) {
    self::plan(plan, record);
    let is_asked = |video: &VideoOutput| matches!(video.rate, VideoRate::BitRate(_));
    if plan.output.video.as_ref().is_some_and(is_asked) {
        return;
    }
    for place in record.timeline.iter().filter(|place| place.copied > 0) {
        record.warnings.push(format!(
            "clip {}: {} of {} frames were copied as they are, since `COPY` is `fitting`",
            place.source, place.copied, place.frames
        ));
    }
}

/// What a clip lacks, or one of its parts.
fn filled<'a, I: Iterator<Item = &'a Media>>(plan: &Plan, parts: impl Fn() -> I) -> Vec<Filled> {
    let audio = plan.output.audio.is_some() && parts().any(|media| media.audio.is_none());
    let video = plan.output.video.is_some() && parts().any(|media| media.video.is_none());
    let kinds = [(audio, Filled::Audio), (video, Filled::Video)];
    kinds.into_iter().filter(|(missing, _)| *missing).map(|(_, kind)| kind).collect()
}

/// What the output is, as it was found on the finished file.
pub fn verified(plan: &Plan, verified: &Verified, record: &mut TaskRecord) {
    let (media, counts) = (&verified.media, verified.counts);
    let video = plan.output.video.as_ref().zip(media.video.as_ref());
    let audio = plan.output.audio.as_ref().zip(media.audio.as_ref());
    let size = video.map(|(_, found)| found.display_size());
    record.output = Some(OutputRecord {
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
    });
    record.verified = Some(VerifiedRecord {
        frames: counts.frames,
        samples: counts.samples,
        max_join_offset_ms: counts.max_join_offset_ms,
        decoded: counts.decoded,
        decoded_frames: counts.decoded_frames,
    });
    record.usage.output_seconds = float(Ratio::new(media.length.to_millis(), 1000));
    record.usage.definition = Some(Definition::of(size.map(|size| (size.width, size.height))));
}

/// JSON has no fractions; a record may round what the timeline may not.
fn float(number: Ratio<i64>) -> f64 {
    let part = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
    part(*number.numer()) / part(*number.denom())
}
