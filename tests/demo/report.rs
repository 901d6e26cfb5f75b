//! The result in plain words.

use std::path::Path;

use serde_json::Value;

use crate::bed::reading::Reading;
use crate::bed::sns::Message;
use crate::failure::Failure;

/// How many samples an AAC decoder may output after the last one: the rest of a block, and one more
/// block.
const SAMPLE_TOLERANCE: u64 = 2048;

/// The completion message as the topic received it. The record in it is long, and is shown
/// afterwards.
pub(crate) fn message(message: &Message) -> Result<Value, Failure> {
    let mut body: Value = serde_json::from_str(&message.body)
        .map_err(|error| Failure::new(format!("the message is not JSON: {error}")))?;
    let text = body["content"].as_str().unwrap_or_default().to_owned();
    let content: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("the message holds no record: {error}")))?;
    let shown =
        format!("{{\"TaskId\": {}, ... the task record, {} bytes}}", content["TaskId"], text.len());
    println!("\nThe topic {} got this message", last(&message.topic, ':'));
    for name in ["id", "source", "type", "subject", "time"] {
        println!("  {name:<11}{}", body[name]);
    }
    println!("  content    {shown}");
    let attributes = message.attributes.iter();
    let attributes: Vec<_> =
        attributes.map(|(name, (_, value))| format!("{name}={value}")).collect();
    println!("  attributes {}", attributes.join(", "));
    body["content"] = content;
    Ok(body)
}

/// Prints what the output is, and checks that the file agrees with the record.
pub(crate) fn output(record: &Value, file: &Path, reading: &Reading) -> Result<(), Failure> {
    let (video, audio) = (&record["Output"]["Video"], &record["Output"]["Audio"]);
    let bytes = std::fs::metadata(file)?.len();
    let seconds = record["Output"]["DurationMs"].as_f64().unwrap_or(0.0) / 1000.0;
    let (container, size) = (text(&record["Output"]["Container"]), megabytes(bytes));
    println!("\nThe result: {container}, {seconds} s, {size}");
    println!(
        "  video    {}, {}x{}, {} frames/s, {}, {} frames",
        text(&video["Codec"]),
        video["Width"],
        video["Height"],
        video["FrameRate"].as_f64().unwrap_or(0.0),
        text(&video["PixelFormat"]),
        video["Frames"],
    );
    println!(
        "  audio    {}, {} Hz, {} channels, {} samples",
        text(&audio["Codec"]),
        audio["SampleRate"],
        audio["Channels"],
        audio["Samples"],
    );
    check(record, reading)?;
    println!(
        "  Decoded and counted once more by this demo: the same. At the joins video and audio are \
         at most {} ms apart.",
        record["Verified"]["MaxJoinOffsetMs"]
    );
    Ok(())
}

/// Does not rely on the record: the file itself is decoded.
fn check(record: &Value, reading: &Reading) -> Result<(), Failure> {
    let (video, audio) = (&record["Output"]["Video"], &record["Output"]["Audio"]);
    let (width, height) = reading.size();
    let told = [
        ("width", video["Width"].as_u64(), width),
        ("height", video["Height"].as_u64(), height),
        ("number of frames", video["Frames"].as_u64(), reading.packets("video").len()),
        ("number of channels", audio["Channels"].as_u64(), reading.channel_count()),
    ];
    let differs = |what: &str, told: Option<u64>, found: u64| {
        let told = told.unwrap_or(0);
        let sentence = format!("the record says that the {what} is {told}, the file has {found}");
        Failure::new(sentence)
    };
    for (what, told, found) in told {
        if told != Some(found as u64) {
            return Err(differs(what, told, found as u64));
        }
    }
    let (told, found) = (audio["Samples"].as_u64(), reading.sample_count() as u64);
    if told.is_none_or(|told| told.abs_diff(found) > SAMPLE_TOLERANCE) {
        return Err(differs("number of samples", told, found));
    }
    Ok(())
}

/// A part of the result, from the record's timeline.
pub(crate) struct Chunk {
    pub(crate) name: String,
    pub(crate) first_frame: usize,
    pub(crate) frames: usize,
    pub(crate) start_seconds: f64,
    pub(crate) end_seconds: f64,
    /// The start of the cut in the source.
    from_seconds: f64,
    filled: Vec<String>,
}

impl Chunk {
    /// What replaces a stream that the source lacks.
    pub(crate) fn filled_note(&self) -> Option<&'static str> {
        match self.filled.first()?.as_str() {
            "video" => Some("no video: black"),
            "audio" => Some("no audio: silence"),
            _ => None,
        }
    }
}

pub(crate) fn parts(record: &Value) -> Vec<Chunk> {
    let rate = record["Output"]["Video"]["FrameRate"].as_f64().unwrap_or(25.0);
    let entries = record["Timeline"].as_array().into_iter().flatten();
    entries.map(|entry| part(record, entry, rate)).collect()
}

fn part(record: &Value, entry: &Value, rate: f64) -> Chunk {
    let number = |name: &str| entry[name].as_u64().unwrap_or(0);
    let source = &record["Sources"][usize::try_from(number("Source")).unwrap_or(usize::MAX)];
    let seconds = |frame: u64| f64::from(u32::try_from(frame).unwrap_or(u32::MAX)) / rate;
    let (first, frames) = (number("FirstFrame"), number("Frames"));
    let filled = source["Filled"].as_array().into_iter().flatten();
    Chunk {
        name: last(&text(&source["URI"]), '/').to_owned(),
        first_frame: usize::try_from(first).unwrap_or(usize::MAX),
        frames: usize::try_from(frames).unwrap_or(usize::MAX),
        start_seconds: seconds(first),
        end_seconds: seconds(first + frames),
        from_seconds: source["StartMs"].as_f64().unwrap_or(0.0) / 1000.0,
        filled: filled.map(text).collect(),
    }
}

pub(crate) fn timeline(parts: &[Chunk]) {
    println!("\nWhich source is where");
    for part in parts {
        let note = part.filled_note();
        let remark = note.map_or_else(String::new, |note| format!("; {note}"));
        println!(
            "  {:6.2} s to {:5.2} s  frames {:3} to {:3}  {}, from its {:.0} s on{remark}",
            part.start_seconds,
            part.end_seconds,
            part.first_frame,
            part.first_frame + part.frames - 1,
            part.name,
            part.from_seconds,
        );
    }
}

pub(crate) fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}
