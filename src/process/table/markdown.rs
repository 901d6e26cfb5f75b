//! The tables for the README.

use std::fmt::Write as _;

use super::{Absent, Kind, MAX_DECIMALS, Operation, Parameter};
use crate::codec::{
    AudioCodec, Container, VideoCodec, audio_ban, max_channels, sample_rates, video_ban,
};

/// Renders every parameter and both matrices as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    for operation in Operation::ALL {
        // Writing to a String never fails.
        let _ = writeln!(out, "### `{operation}`\n");
        out.push_str("| key | values | unit | default | meaning |\n|---|---|---|---|---|\n");
        for parameter in operation.parameters() {
            let _ = writeln!(out, "{}", parameter_row(parameter));
        }
        out.push('\n');
    }
    out.push_str("### Containers and codecs\n\n");
    out.push_str(&matrix());
    out.push_str(&reasons());
    out.push_str("\n### Sample rates and channels\n\n");
    out.push_str(&audio_limits());
    out
}

fn parameter_row(parameter: &Parameter) -> String {
    format!(
        "| `{}` | {} | {} | {} | {} |",
        parameter.name,
        values(&parameter.kind),
        parameter.unit.unwrap_or_default(),
        absent(&parameter.absent),
        meaning(parameter),
    )
}

/// Its meaning, what it needs, and what it excludes.
pub(crate) fn meaning(parameter: &Parameter) -> String {
    let mut meaning = parameter.doc.to_owned();
    if let Some(need) = parameter.needs {
        // Writing to a String never fails.
        let _ = write!(meaning, " Needs {need}.");
    }
    if let Some(other) = parameter.excludes {
        let _ = write!(meaning, " Excludes `{other}`.");
    }
    meaning
}

/// The allowed values.
pub(crate) fn values(kind: &Kind) -> String {
    match kind {
        Kind::Integer { min, max } if *max >= u64::from(u32::MAX) => format!("from {min}"),
        Kind::Integer { min, max } => format!("{min}-{max}"),
        Kind::IntegerOrZero { min, max } => format!("0, {min}-{max}"),
        Kind::OneOf(numbers) => numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        Kind::Decimal { max } | Kind::FrameRate { max } => {
            format!("0-{max}, up to {MAX_DECIMALS} decimals")
        }
        Kind::Word(words) => words.join(" "),
        Kind::Size { max_side } => format!("`WxH`, `Wx`, `xH`; sides 1-{max_side}"),
        Kind::Key | Kind::Topic => "name".to_owned(),
        Kind::Template => "name with variables".to_owned(),
    }
}

/// What applies without it.
pub(crate) fn absent(absent: &Absent) -> String {
    match absent {
        Absent::Required => "required".to_owned(),
        Absent::Value(value) => (*value).to_owned(),
        Absent::ValueUnless { value, other } => format!("{value} without `{other}`"),
        Absent::Words(words) => (*words).to_owned(),
    }
}

/// One row per container, one column per codec; `-` where they can't be combined.
fn matrix() -> String {
    let codecs = VideoCodec::NAMES.iter().chain(AudioCodec::NAMES).copied();
    let mut out = format!("| `f` | {} |\n", codecs.collect::<Vec<_>>().join(" | "));
    out.push_str(&"|---".repeat(1 + VideoCodec::ALL.len() + AudioCodec::ALL.len()));
    out.push_str("|\n");
    for &container in Container::ALL {
        let video = VideoCodec::ALL.iter().map(|&codec| video_ban(container, codec));
        let audio = AudioCodec::ALL.iter().map(|&codec| audio_ban(container, codec));
        let cells = video.chain(audio).map(|ban| if ban.is_some() { "-" } else { "yes" });
        let _ = writeln!(out, "| `{container}` | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    out
}

/// The reason for each `-` of the matrix.
fn reasons() -> String {
    let mut out = "\nWhy not:\n\n".to_owned();
    for &container in Container::ALL {
        let video = VideoCodec::ALL
            .iter()
            .filter_map(|&codec| Some((codec.name(), video_ban(container, codec)?)));
        let audio = AudioCodec::ALL
            .iter()
            .filter_map(|&codec| Some((codec.name(), audio_ban(container, codec)?)));
        for (codec, reason) in video.chain(audio) {
            let _ = writeln!(out, "- `{codec}` in `{container}`: {reason}");
        }
    }
    out
}

/// One row for each codec, and one for each container that allows less than the codec.
fn audio_limits() -> String {
    let mut out = "| `acodec` | `ar` | `ac` |\n|---|---|---|\n".to_owned();
    for &codec in AudioCodec::ALL {
        // Matroska allows everything that a codec supports.
        let all = audio_limit(Container::Mkv, codec);
        let _ = writeln!(out, "| `{codec}` | {all} |");
        for &container in Container::ALL {
            let limit = audio_limit(container, codec);
            if audio_ban(container, codec).is_none() && limit != all {
                let _ = writeln!(out, "| `{codec}` in `{container}` | {limit} |");
            }
        }
    }
    out
}

fn audio_limit(container: Container, codec: AudioCodec) -> String {
    let rates = sample_rates(container, codec).iter().map(u32::to_string);
    let rates = rates.collect::<Vec<_>>().join(" ");
    match max_channels(container, codec) {
        1 => format!("{rates} | 1"),
        most => format!("{rates} | 1-{most}"),
    }
}
