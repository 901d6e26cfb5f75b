//! The explanation as text.

use std::fmt::Write as _;

use video_concat::cost::PRICES;
use video_concat::quote::quote;
use video_concat::sender::quoted;
use video_concat::task::{Filled, TimelineRecord};

use super::{AskedClip, Explanation, Planned};

pub(super) fn of(explanation: &Explanation) -> String {
    let mut text = String::new();
    push(&mut text, "process", &explanation.process);
    for (index, clip) in explanation.clips.iter().enumerate() {
        push(&mut text, if index == 0 { "clips" } else { "" }, &asked(index, clip));
    }
    if let Some(planned) = &explanation.planned {
        push_planned(&mut text, planned);
    }
    let target = explanation.target.as_deref();
    push(&mut text, "target", target.unwrap_or("named when the task begins"));
    if let Some(planned) = &explanation.planned {
        push_work(&mut text, planned);
        for (index, command) in planned.commands.iter().enumerate() {
            let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
            let name = if index + 1 == planned.commands.len() { "join" } else { "render" };
            push(&mut text, name, &words.join(" "));
        }
    }
    text
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing to a String never fails.
    let _ = writeln!(text, "{name:9}{value}");
}

fn asked(index: usize, clip: &AskedClip) -> String {
    let AskedClip { object, start_ms, duration_ms } = clip;
    let start = seconds(*start_ms);
    match duration_ms {
        Some(length) => {
            format!("{index}  {}  {} s from {start} s on", quote(object), seconds(*length))
        }
        None => format!("{index}  {}  from {start} s to its end", quote(object)),
    }
}

fn push_planned(text: &mut String, planned: &Planned) {
    for (index, (source, place)) in planned.sources.iter().zip(&planned.timeline).enumerate() {
        let mut line = format!(
            "{index}  {}  {} to {} s",
            quote(&source.uri.key),
            seconds(source.start_ms),
            seconds(source.start_ms + source.duration_ms)
        );
        for (count, first, name) in [
            (place.frames, place.first_frame, "frames"),
            (place.samples, place.first_sample, "samples"),
        ] {
            if count > 0 {
                let _ = write!(line, ", {count} {name} from {first} on");
            }
        }
        for filled in &source.filled {
            line.push_str(match filled {
                Filled::Audio => ", silent: it has no audio",
                Filled::Video => ", black: it has no video",
            });
        }
        push(text, if index == 0 { "clips" } else { "" }, &line);
        if place.copied > 0 {
            push(text, "", &format!("   {} frames are copied", place.copied));
        }
    }
    push_not_copied(text, planned);
    push(text, "output", &planned.output.to_string());
    let chunks = &planned.chunks;
    if chunks.len() > 1 {
        let frames: Vec<String> = chunks.iter().map(|chunk| chunk.frames.to_string()).collect();
        push(text, "chunks", &format!("{}, of {} frames", chunks.len(), frames.join(", ")));
    } else {
        push(text, "chunks", &chunks.len().to_string());
    }
}

/// If all clips have the same reason, it is printed once.
fn push_not_copied(text: &mut String, planned: &Planned) {
    let reasons = &planned.not_copied;
    let of_video = |place: &TimelineRecord| place.frames > 0;
    if !planned.timeline.iter().any(of_video) {
        return;
    }
    match reasons.first() {
        Some(Some(reason)) if reasons.iter().all(|other| other.as_ref() == Some(reason)) => {
            push(text, "encoded", &format!("all clips: {reason}"));
        }
        _ => {
            let mut title = "encoded";
            for (index, reason) in reasons.iter().enumerate() {
                if let Some(reason) = reason {
                    push(text, title, &format!("{index}  {reason}"));
                    title = "";
                }
            }
        }
    }
}

fn push_work(text: &mut String, planned: &Planned) {
    for (index, source) in planned.sources.iter().filter(|s| s.bytes_fetched > 0).enumerate() {
        let line = format!("{} of {}", bytes(source.bytes_fetched), quote(&source.uri.key));
        push(text, if index == 0 { "fetched" } else { "" }, &line);
    }
    let output = planned
        .disk
        .output
        .map_or("the output".to_owned(), |size| format!("about {} for the output", bytes(size)));
    push(text, "disk", &format!("{} for the sources, and {output}", bytes(planned.disk.sources)));
    let time = &planned.time;
    let about = time.here.map_or_else(String::new, |here| format!(", about {} in all", took(here)));
    let least =
        format!("at least {} to encode on {} processors here", took(time.least), time.processors);
    push(text, "time", &format!("{least}{about}"));
    let kind = if time.here.is_some() { "about" } else { "at least" };
    let function =
        format!("{kind} {} in a function with {} MB", took(time.function), time.function_memory_mb);
    push(text, "", &function);
    let prices = format!("list prices of {}, {}", PRICES.region, PRICES.as_of);
    push(text, "cost", &format!("{kind} ${:.6} ({prices})", planned.cost.total));
}

fn seconds(milliseconds: u64) -> String {
    let (whole, part) = (milliseconds / 1000, milliseconds % 1000);
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:03}") }
}

/// Times below a second get a second digit.
fn took(seconds: f64) -> String {
    if seconds < 1.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}

fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}
