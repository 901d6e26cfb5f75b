//! Turns a parsed process string into a consistent [`Request`].

mod audio;
mod video;

use super::arguments::{Arguments, Operations};
use super::canonical::canonical;
use super::error::{Conflict, ProcessError};
use super::parse::ProcessSpec;
use super::request::{Clip, Request, Role, Segment, SegmentFormat};
use super::saveas;
use super::value::Value;
use crate::codec::{Container, audio_ban, combination_ban, video_ban};
use crate::object::{Key, ObjectUri};
use crate::quote::printable;

/// The limits of this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest concatenation list, including the main object.
    pub max_sources: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_sources: 11 }
    }
}

/// Reads every value, adds defaults and checks all values together.
///
/// # Errors
///
/// When a value is not allowed, alone or together with others.
pub fn resolve(
    spec: &ProcessSpec,
    main: &ObjectUri,
    limits: Limits,
) -> Result<Request, ProcessError> {
    let operations = Operations::read(spec)?;
    check_list(spec, limits)?;
    let concat = &operations.concat;
    let clips = clips(&operations, main);
    let container = concat.presume("f", concat.word("f").and_then(Container::from_name));
    check_streams(concat)?;
    let mut warnings = dropped_line_breaks(spec, &operations);
    let mut request = Request {
        bucket: main.bucket.clone(),
        main: operations.pre.len(),
        align: align(concat, clips.len())?,
        clips,
        container,
        video: video::video(concat, container, &mut warnings)?,
        audio: audio::audio(concat, container)?,
        segment: operations.segment.as_ref().map(|s| segment(s, container)).transpose()?,
        target: saveas::target(&operations.target),
        topic: operations.notify.as_ref().and_then(|notify| notify.name("topic")),
        warnings,
        canonical: canonical(&operations),
    };
    check_combination(&request, concat)?;
    saveas::check_early(&request, &operations.target)?;
    request.warnings.extend(saveas::warning(&request, &operations.target));
    Ok(request)
}

/// Each codec alone has been checked against the container; this checks both together.
fn check_combination(request: &Request, concat: &Arguments<'_>) -> Result<(), ProcessError> {
    let Some(audio) = &request.audio else {
        return Ok(());
    };
    let (container, codec) = (request.container, audio.codec);
    let video = request.video.as_ref().map(|video| video.codec);
    match combination_ban(container, video, codec, request.segment.is_some()) {
        None => Ok(()),
        Some(reason) => Err(concat.error("acodec", Conflict::AudioBan(container, codec, reason))),
    }
}

fn check_list(spec: &ProcessSpec, limits: Limits) -> Result<(), ProcessError> {
    let (count, limit) = (spec.clips.len() + 1, limits.max_sources);
    if count <= limit {
        return Ok(());
    }
    // The first clip above the limit, in the order of the text.
    let extra = spec.clips.get(limit.saturating_sub(1)).unwrap_or(&spec.concat);
    let kind = Conflict::TooManySources { count, limit };
    Err(ProcessError::new(kind, extra.span, &spec.source))
}

/// Every `/pre`, then the main object, then every `/sur`.
fn clips(operations: &Operations<'_>, main: &ObjectUri) -> Vec<Clip> {
    let mut clips = Vec::with_capacity(operations.pre.len() + 1 + operations.sur.len());
    for pre in &operations.pre {
        clips.push(clip(pre, Role::Pre, named(pre)));
    }
    clips.push(clip(&operations.concat, Role::Main, main.key.clone()));
    for sur in &operations.sur {
        clips.push(clip(sur, Role::Sur, named(sur)));
    }
    clips
}

fn named(arguments: &Arguments<'_>) -> Key {
    Key::new(arguments.presume("o", arguments.name("o"))).expect("the value was read as a key")
}

fn clip(arguments: &Arguments<'_>, role: Role, key: Key) -> Clip {
    Clip {
        role,
        key,
        start_ms: arguments.integer("ss").unwrap_or_default(),
        duration_ms: arguments.positive("t"),
    }
}

fn align(concat: &Arguments<'_>, count: usize) -> Result<usize, ProcessError> {
    let align = concat.presume("align", concat.integer("align"));
    match usize::try_from(align) {
        Ok(index) if index < count => Ok(index),
        _ => Err(concat.error("align", Conflict::AlignBeyondList { align, count })),
    }
}

fn check_streams(concat: &Arguments<'_>) -> Result<(), ProcessError> {
    if concat.flag("vn") && concat.flag("an") {
        return Err(concat.error("an", Conflict::NothingLeft));
    }
    Ok(())
}

fn segment(segment: &Arguments<'_>, container: Container) -> Result<Segment, ProcessError> {
    let format = segment.presume("f", segment.word("f").and_then(SegmentFormat::from_name));
    let allowed: &'static [Container] = match format {
        SegmentFormat::Hls => &[Container::Mp4, Container::Ts],
        SegmentFormat::Dash => &[Container::Mp4],
    };
    if !allowed.contains(&container) {
        let format = format.name();
        let kind = Conflict::SegmentBan { format, container, allowed };
        return Err(segment.error("f", kind));
    }
    Ok(Segment { format, length_ms: segment.positive("t") })
}

fn dropped_line_breaks(spec: &ProcessSpec, operations: &Operations<'_>) -> Vec<String> {
    let dropped = |(parameter, value): (&super::table::Parameter, &Value)| match value {
        Value::Name(name) | Value::Template(_, name) if name.line_break_dropped => Some(format!(
            "`{}` in `{}` ended in a line break, which was dropped: `{}`",
            parameter.name,
            parameter.operation,
            printable(&name.text),
        )),
        _ => None,
    };
    let of_names = operations.iter().flat_map(Arguments::in_table_order).filter_map(dropped);
    let whole = "the process string ended in a line break, which was dropped".to_owned();
    of_names.chain(spec.line_break_dropped.then_some(whole)).collect()
}
