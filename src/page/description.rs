//! The description of a source in a few words: `25.02s 1280x720 25fps 48000Hz 2ch`.

use std::fmt;
use std::str::FromStr;

use num_rational::Ratio;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem;
use crate::flicks::Flicks;
use crate::frame_rate::{decimal, standardise};
use crate::media::report::{Chosen, Report, ReportError, Scan};
use crate::media::{
    AudioStream, Coding, Colour, Demuxer, Further, Media, Size, Undecodable, VideoStream,
};
use crate::quantity::microseconds;
use crate::quote::quote;

/// Greater than any requested bit rate, so that a source of unknown bit rate never counts as too
/// low.
const UNKNOWN_BIT_RATE: u64 = 1 << 40;

/// See the module. Properties that are missing get the values of an average source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Description {
    length: Flicks,
    /// Size, and frames per second.
    video: Option<(Size, Ratio<i64>)>,
    /// Hz and channels.
    audio: Option<(u32, u8)>,
}

impl Description {
    /// A source with video and audio that is this many milliseconds long.
    pub(super) fn reaching(millis: u64) -> Self {
        let video = Some((Size::new(1280, 720), Ratio::from_integer(25)));
        Self { length: Flicks::from_millis(millis), video, audio: Some((48_000, 2)) }
    }

    /// A file with this description.
    pub(super) fn media(&self) -> Media {
        let (start, end) = (Flicks::ZERO, self.length);
        let video = self.video.map(|(size, frame_rate)| VideoStream {
            index: 0,
            codec: "h264".to_owned(),
            size,
            sample_aspect: Ratio::from_integer(1),
            aspect_changes: Vec::new(),
            turned: false,
            orientation: None,
            guessed: false,
            frame_rate,
            pixel_format: "yuv420p".to_owned(),
            colour: Colour::standard(size),
            start,
            last: end - Flicks::of_units(1, frame_rate),
            end,
            late: Flicks::ZERO,
            key_frames: Vec::new(),
            bit_rate: UNKNOWN_BIT_RATE,
            frames: end.to_units(frame_rate).unsigned_abs(),
            coding: Coding::default(),
        });
        let audio = self.audio.map(|(sample_rate, channels)| AudioStream {
            index: 1,
            codec: "aac".to_owned(),
            sample_rate,
            channels,
            layout: String::new(),
            bit_depth: None,
            unsteady: false,
            start,
            end,
            late: Flicks::ZERO,
            bit_rate: UNKNOWN_BIT_RATE,
        });
        let (undecodable, further) = (Undecodable::default(), Further::default());
        let demuxer = Demuxer::Mov;
        Media { demuxer, depth: 0, start, length: end, video, audio, undecodable, further }
    }

    fn of(media: &Media) -> Self {
        let video = media.video.as_ref().map(|s| (s.display_size(), s.frame_rate));
        let audio = media.audio.as_ref().map(|s| (s.sample_rate, s.channels));
        Self { length: media.length, video, audio }
    }
}

impl FromStr for Description {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut read = Self::reaching(0);
        let (mut size, mut rate) = read.video.expect("it has both streams");
        let (mut sample_rate, mut channels) = read.audio.expect("it has both streams");
        for word in text.split_whitespace() {
            if word == "no-video" {
                read.video = None;
            } else if word == "no-audio" {
                read.audio = None;
            } else if let Some(number) = word.strip_suffix("fps").and_then(frames_per_second) {
                rate = number;
            } else if let Some(number) = word.strip_suffix("Hz").and_then(positive) {
                sample_rate = number;
            } else if let Some(number) = word.strip_suffix("ch").and_then(channel_count) {
                channels = number;
            } else if let Some(found) = sides(word) {
                size = found;
            } else if let Some(length) = length(word) {
                read.length = length;
            } else {
                let example = "expected words such as `25.02s`, `1280x720`, `29.97fps`, `48000Hz`, \
                               `2ch`, `no-video`, or `no-audio`";
                return Err(format!("{} is not understood; {example}", quote(word)));
            }
        }
        read.video = read.video.map(|_| (size, rate));
        read.audio = read.audio.map(|_| (sample_rate, channels));
        match (read.length, &read.video, &read.audio) {
            (Flicks::ZERO, ..) => Err("its length is missing, such as `25.02s`".to_owned()),
            (_, None, None) => Err("it has no video and no audio".to_owned()),
            _ => Ok(read),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.length.as_option();
        write!(f, "{}s", seconds.trim_end_matches('0').trim_end_matches('.'))?;
        match self.video {
            Some((size, rate)) => write!(f, " {size} {}fps", decimal(rate))?,
            None => f.write_str(" no-video")?,
        }
        match self.audio {
            Some((rate, channels)) => write!(f, " {rate}Hz {channels}ch"),
            None => f.write_str(" no-audio"),
        }
    }
}

fn positive(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&number| number > 0)
}

/// At most as many channels as a source may have.
fn channel_count(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| (1..=64).contains(number))
}

fn sides(word: &str) -> Option<Size> {
    let (width, height) = word.split_once('x')?;
    Some(Size::new(positive(width)?, positive(height)?))
}

fn frames_per_second(text: &str) -> Option<Ratio<i64>> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let thousandths: i64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    let whole: u16 = whole.parse().ok()?;
    let rate = Ratio::new(i64::from(whole) * 1000 + thousandths, 1000);
    (rate > Ratio::from_integer(0)).then(|| standardise(rate))
}

/// A number without a unit means seconds, as ffprobe prints them.
fn length(word: &str) -> Option<Flicks> {
    let micros = microseconds(word).or_else(|| microseconds(&format!("{word}s")))?;
    Flicks::from_ticks(i64::try_from(micros).ok()?, Ratio::new(1, 1_000_000))
}

/// The fields of ffprobe's JSON that are read here, in addition to those that the report's own
/// reader reads.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    filename: String,
    #[serde(rename = "format_name")]
    demuxers: String,
    duration: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    time_base: String,
    start_pts: i64,
    duration_ts: Option<i64>,
}

impl Stream {
    /// In ticks. Matroska stores the length of the whole file only.
    fn length(&self, format: &Format) -> Option<i64> {
        let whole = || {
            let micros = i64::try_from(microseconds(&format!("{}s", format.duration.as_deref()?))?);
            let length = Flicks::from_ticks(micros.ok()?, Ratio::new(1, 1_000_000))?;
            let (numerator, denominator) = self.time_base.split_once('/')?;
            let ticks = Ratio::new(
                denominator.parse::<i32>().ok()?,
                numerator.parse().ok().filter(|n| *n > 0)?,
            );
            Some(length.to_units(Ratio::new((*ticks.numer()).into(), (*ticks.denom()).into())))
        };
        self.duration_ts.or_else(whole)
    }
}

/// The files in ffprobe's output, which may contain the JSON of several files.
pub(super) fn probe(text: &str) -> Value {
    let values: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(text).into_iter().collect();
    let values = match values {
        Ok(values) => values,
        Err(error) => return problem(format!("this is not ffprobe's JSON: {error}")),
    };
    let mut files = Vec::new();
    for value in &values {
        match file(value) {
            Ok((name, media)) => {
                let name = name.rsplit_once('/').map_or(&*name, |(_, name)| name);
                files.push(
                    json!({"Name": name, "Description": Description::of(&media).to_string()}),
                );
            }
            Err(error) => return problem(error),
        }
    }
    json!({"Files": files})
}

/// The media, as if each stream were one packet of the declared length.
fn file(value: &Value) -> Result<(String, Media), ReportError> {
    let told: Told = serde_json::from_value(value.clone())?;
    let report = Report::read(&value.to_string())?;
    let mut names = told.format.demuxers.split(',');
    let demuxer = names.find_map(Demuxer::from_name).unwrap_or(Demuxer::Mov);
    let scan = |index: Option<u32>| {
        let stream = told.streams.iter().find(|stream| Some(stream.index) == index)?;
        let (start, length) = (stream.start_pts, stream.length(&told.format)?);
        let mut scan = Scan::new(demuxer, &report, stream.index)?;
        scan.packet(&format!("{},{start},{start},{length},0,K__", stream.index));
        Some(scan)
    };
    let video = report.videos().first().copied();
    let audio = report.audios(video).first().copied();
    let chosen = Chosen { video: scan(video), audio: scan(audio), ..Chosen::default() };
    let media = chosen.finish(demuxer, &report)?;
    Ok((told.format.filename, media))
}
