//! Planning: from a request and its probed sources to the plan.

use std::sync::Arc;

use thiserror::Error;

use super::segment::LONGEST_DASH;
use super::{Copying, Plan, PlannedClip};
use crate::codec::{Container, Preset};
use crate::flicks::Flicks;
use crate::media::Media;
use crate::object::ObjectUri;
use crate::output::{OutputError, OutputSpec, specify};
use crate::process::Request;
use crate::process::table::Operation;
use crate::timeline::{SourceRange, Timeline};

/// Why a request can't be fulfilled with its sources.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A clip starts at or after the end of its media.
    #[error(
        "`ss_{start_ms}`: clip {clip} (`{uri}`) lasts {length_ms} ms, and has to start before its end"
    )]
    Start {
        /// Index in the concatenation list.
        clip: usize,
        /// The object.
        uri: ObjectUri,
        /// The requested start.
        start_ms: u64,
        /// Length of the media.
        length_ms: i64,
    },
    /// All clips together are shorter than a frame.
    #[error("{given}: the clips together last {length_ms} ms: less than one frame of the output")]
    NoFrame {
        /// The parameter as it was given: `fps`, or `ar` if there is no video.
        given: String,
        /// Length of all clips.
        length_ms: i64,
    },
    /// The request does not fit the sources.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Plans a request. `sources` has one entry for each distinct source, in the order of
/// [`Request::sources`]: the files that the source consists of, usually one.
///
/// # Errors
/// See [`PlanError`].
///
/// # Panics
/// If a source is missing or has no files.
pub fn plan(
    request: &Request,
    sources: &[Vec<Arc<Media>>],
    preset: Preset,
) -> Result<Plan, PlanError> {
    let whole = |parts: &Vec<Arc<Media>>| {
        let (first, others) = parts.split_first().expect("a source is made of a file at least");
        Media::in_a_row(first, others.iter())
    };
    let media: Vec<Arc<Media>> = sources.iter().map(whole).collect();
    let of_clip = request.sources().of_clip;
    let of_clips: Vec<&Media> = of_clip.iter().map(|&source| &*media[source]).collect();
    let clips = ranges(request, sources, &of_clip, &of_clips)?;
    let mut warnings = Vec::new();
    let output = specify(request, &of_clips, &mut warnings)?;
    let timeline = timeline(&output, &clips);
    if timeline.frames() == 0 && (output.video.is_some() || timeline.samples() == 0) {
        let length: Flicks = clips.iter().map(|clip| clip.range.length).sum();
        let given = request.quoted(Operation::Concat, no_frame_at(&output));
        return Err(PlanError::NoFrame { given, length_ms: length.to_millis() });
    }
    let sources = sources.concat();
    let copying = Copying::default();
    let plan =
        Plan { output, timeline, sources, clips, preset, copying, warnings, range_length: None };
    match plan.impossible_segment() {
        None => Ok(plan),
        Some(length) => Err(OutputError::LongSegment {
            given: request.quoted(Operation::Segment, "t"),
            most_ms: LONGEST_DASH.to_millis(),
            asked_ms: length.to_millis(),
        }
        .into()),
    }
}

/// The parameter that determines the least length.
fn no_frame_at(output: &OutputSpec) -> &'static str {
    if output.video.is_some() { "fps" } else { "ar" }
}

/// What each clip takes from the files of its source.
fn ranges(
    request: &Request,
    sources: &[Vec<Arc<Media>>],
    of_clip: &[usize],
    media: &[&Media],
) -> Result<Vec<PlannedClip>, PlanError> {
    let mut clips = Vec::new();
    for (clip, (asked, &source)) in request.clips.iter().zip(of_clip).enumerate() {
        let length = media[clip].length;
        let range = SourceRange::of(length, asked.start_ms, asked.duration_ms);
        let range = range.ok_or_else(|| PlanError::Start {
            clip,
            uri: request.uri(&asked.key),
            start_ms: asked.start_ms,
            length_ms: length.to_millis(),
        })?;
        let before: usize = sources[..source].iter().map(Vec::len).sum();
        let lengths = sources[source].iter().map(|part| part.length);
        let parts = range.split(lengths);
        clips.extend(parts.map(|(part, range)| PlannedClip { clip, source: before + part, range }));
    }
    Ok(clips)
}

/// Without video or audio in the output, the timeline has no frames or no samples.
fn timeline(output: &OutputSpec, clips: &[PlannedClip]) -> Timeline {
    let lengths: Vec<Flicks> = clips.iter().map(|clip| clip.range.length).collect();
    let frame_rate = output.video.as_ref().map(|video| video.frame_rate);
    let sample_rate = output.audio.as_ref().map(|audio| audio.sample_rate);
    let mut timeline = Timeline::new(
        &lengths,
        frame_rate.unwrap_or_else(|| 25.into()),
        sample_rate.unwrap_or(48_000),
    );
    if output.container == Container::Mxf && sample_rate.is_some() {
        timeline.end_audio_with_video();
    }
    for place in &mut timeline.places {
        if frame_rate.is_none() {
            (place.first_frame, place.frames) = (0, 0);
        }
        if sample_rate.is_none() {
            (place.first_sample, place.samples) = (0, 0);
        }
    }
    timeline
}
