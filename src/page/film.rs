//! The timeline to scale, of a request with descriptions of its sources, or of a record.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::description::Description;
use super::verdict::Mistake;
use super::{Asked, problem};
use crate::codec::Preset;
use crate::flicks::Flicks;
use crate::media::Media;
use crate::object::Key;
use crate::plan::{Plan, plan};
use crate::process::Request;
use crate::task::{Filled, OutputRecord, SourceRecord, TimelineRecord};

/// The data that the page draws.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Film {
    clips: Vec<Clip>,
    /// The output as text.
    summary: String,
    output: OutputRecord,
    /// Largest distance between video and audio at a join, in milliseconds.
    max_join_offset_ms: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Clip {
    object: String,
    start_ms: u64,
    duration_ms: u64,
    filled: Vec<Filled>,
    #[serde(flatten)]
    place: TimelineRecord,
    /// How much later the clip's video begins than its audio.
    join_offset_ms: f64,
}

impl Film {
    fn new(clips: Vec<Clip>, output: OutputRecord) -> Self {
        let mut film = Self { clips, summary: output.to_string(), output, max_join_offset_ms: 0.0 };
        for index in 1..film.clips.len() {
            let offset = film.join_offset_ms(&film.clips[index].place);
            film.clips[index].join_offset_ms = offset;
            film.max_join_offset_ms = film.max_join_offset_ms.max(offset.abs());
        }
        film
    }

    /// Zero if there is only one stream.
    fn join_offset_ms(&self, place: &TimelineRecord) -> f64 {
        let (Some(video), Some(audio)) = (&self.output.video, &self.output.audio) else {
            return 0.0;
        };
        let video = seconds(place.first_frame, video.frame_rate);
        let audio = seconds(place.first_sample, audio.sample_rate.into());
        let microseconds = ((video - audio) * 1e6).round();
        microseconds / 1000.0
    }

    /// `None` if the task has not got that far.
    pub(super) fn of_record(
        sources: &[SourceRecord],
        timeline: &[TimelineRecord],
        output: Option<&OutputRecord>,
    ) -> Option<Self> {
        let output = output?.clone();
        let clips = timeline.iter().filter_map(|place| {
            let source = sources.get(place.source)?;
            Some(Clip {
                object: source.uri.key.to_string(),
                start_ms: source.start_ms,
                duration_ms: source.duration_ms,
                filled: source.filled.clone(),
                place: *place,
                join_offset_ms: 0.0,
            })
        });
        Some(Self::new(clips.collect(), output))
    }

    fn of_plan(request: &Request, media: &[Arc<Media>], plan: &Plan) -> Self {
        let of_clip = request.sources().of_clip;
        let millis = |length: Flicks| length.to_millis().unsigned_abs();
        let clips = plan.clips.iter().zip(&plan.timeline.places).map(|(planned, place)| {
            let media = &media[of_clip[planned.clip]];
            let lacks = [
                (plan.output.audio.is_some() && media.audio.is_none(), Filled::Audio),
                (plan.output.video.is_some() && media.video.is_none(), Filled::Video),
            ];
            Clip {
                object: shown(&request.clips[planned.clip].key).to_owned(),
                start_ms: millis(planned.range.start),
                duration_ms: millis(planned.range.length),
                filled: lacks
                    .into_iter()
                    .filter_map(|(lacks, filled)| lacks.then_some(filled))
                    .collect(),
                place: TimelineRecord {
                    source: planned.clip,
                    first_frame: place.first_frame,
                    frames: place.frames,
                    first_sample: place.first_sample,
                    samples: place.samples,
                    copied: 0,
                },
                join_offset_ms: 0.0,
            }
        });
        Self::new(clips.collect(), OutputRecord::from(plan))
    }
}

fn seconds(count: u64, rate: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "frames and samples of a film")]
    let count = count as f64;
    count / rate
}

/// The key, or nothing if the main object is unknown.
fn shown(key: &Key) -> &str {
    if key.is_known() { key } else { "" }
}

/// `Sources` is always present; `Film` is present if enough is known about the sources, and
/// otherwise the reason why not.
pub(super) fn film(asked: &Asked, descriptions: &BTreeMap<String, String>) -> Value {
    let request = match asked.resolve() {
        Ok(request) => request,
        Err(Mistake::Main(error)) => return problem(error),
        Err(Mistake::Process(error)) => return problem(error),
    };
    let sources = request.sources();
    let keys: Vec<&str> = sources.keys.iter().map(|&(key, _)| shown(key)).collect();
    let mut answer = json!({"Sources": keys});
    match described(&request, &keys, descriptions) {
        Ok(media) => {
            let files: Vec<Vec<Arc<Media>>> = media.iter().map(|m| vec![Arc::clone(m)]).collect();
            match plan(&request, &files, Preset::Fast) {
                Ok(plan) => {
                    answer["Film"] = json!(Film::of_plan(&request, &media, &plan));
                    answer["Warnings"] = json!(plan.warnings);
                }
                Err(error) => answer["Problem"] = error.to_string().into(),
            }
        }
        Err((key, why)) => {
            answer["Problem"] = why.into();
            answer["Source"] = key.into();
        }
    }
    answer
}

/// The sources by their descriptions. A source without a description is as long as the request uses
/// of it.
fn described(
    request: &Request,
    keys: &[&str],
    descriptions: &BTreeMap<String, String>,
) -> Result<Vec<Arc<Media>>, (String, String)> {
    let media = keys.iter().enumerate().map(|(source, &key)| {
        let given = descriptions.get(key).map(|text| text.trim()).filter(|text| !text.is_empty());
        let description = match given {
            Some(text) => text.parse::<Description>().map_err(|why| (key.to_owned(), why))?,
            None => Description::reaching(
                used(request, source)
                    .ok_or_else(|| (key.to_owned(), "its length is not known".to_owned()))?,
            ),
        };
        Ok(Arc::new(description.media()))
    });
    media.collect()
}

/// The end of the used part of a source in milliseconds, if the request determines it.
fn used(request: &Request, source: usize) -> Option<u64> {
    let of_clip = request.sources().of_clip;
    let clips = request.clips.iter().zip(of_clip).filter(|(_, of)| *of == source);
    let ends = clips.map(|(clip, _)| Some(clip.start_ms.saturating_add(clip.duration_ms?)));
    ends.collect::<Option<Vec<u64>>>()?.into_iter().max()
}
