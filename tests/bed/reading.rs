//! What a finished file contains, found out by decoding it, without using anything that its
//! producer says.
//!
//! Loops over samples are plain ones, since tests are compiled without optimisation, where every call
//! of an iterator takes time.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use super::beep::{self, Beep};
use super::ffmpeg::{ffmpeg, ffprobe};
use super::frame_code::{self, Region, Shown};
use super::process::{Running, run};

/// Clones share what has been decoded.
#[derive(Debug, Clone)]
pub struct Reading {
    path: PathBuf,
    facts: Value,
    /// Where the code may be in a frame, the most likely place first.
    regions: Vec<Region>,
    frames: Arc<OnceLock<Vec<Shown>>>,
    audio: Arc<OnceLock<Vec<f32>>>,
    audio_delay_ms: Arc<OnceLock<f64>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub stream: usize,
    pub pts: f64,
    pub key: bool,
}

impl Reading {
    pub fn of(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        let facts = probe(&path, &["-show_streams", "-show_format"]);
        let mut reading = Self {
            path,
            facts,
            regions: Vec::new(),
            frames: Arc::default(),
            audio: Arc::default(),
            audio_delay_ms: Arc::default(),
        };
        let (width, height) = reading.size();
        reading.regions.push(Region::whole(width, height));
        reading
    }

    /// Also looks for the code here, for example between black bars.
    pub fn region(mut self, region: Region) -> Self {
        self.regions.push(region);
        self.frames = Arc::default();
        self
    }

    pub fn streams(&self) -> &[Value] {
        self.facts["streams"].as_array().map_or(&[], Vec::as_slice)
    }

    /// ffprobe's `format` object.
    pub fn format(&self) -> &Value {
        &self.facts["format"]
    }

    /// The first stream of this kind, `video` or `audio`; `Null` if there is none.
    pub fn stream(&self, kind: &str) -> &Value {
        self.streams().iter().find(|stream| stream["codec_type"] == kind).unwrap_or(&Value::Null)
    }

    pub fn has(&self, kind: &str) -> bool {
        !self.stream(kind).is_null()
    }

    /// The stored size of the video; 0 by 0 without one.
    pub fn size(&self) -> (usize, usize) {
        let side = |name: &str| self.stream("video")[name].as_u64().unwrap_or(0) as usize;
        (side("width"), side("height"))
    }

    pub fn sample_rate(&self) -> u32 {
        self.stream("audio")["sample_rate"].as_str().and_then(|rate| rate.parse().ok()).unwrap_or(0)
    }

    pub fn channel_count(&self) -> usize {
        self.stream("audio")["channels"].as_u64().unwrap_or(0) as usize
    }

    /// What each decoded frame shows, in presentation order.
    pub fn frames(&self) -> &[Shown] {
        self.frames.get_or_init(|| self.read_frames())
    }

    pub fn frame_count(&self) -> usize {
        self.frames().len()
    }

    /// Number of decoded samples per channel.
    pub fn sample_count(&self) -> usize {
        self.interleaved().len() / self.channel_count().max(1)
    }

    /// The mean of all channels.
    pub fn mono(&self) -> Vec<f32> {
        let count = self.channel_count().max(1);
        let (samples, mut at) = (self.interleaved(), 0);
        let mut means = Vec::with_capacity(samples.len() / count);
        while at + count <= samples.len() {
            let (mut sum, end) = (0.0, at + count);
            while at < end {
                sum += samples[at];
                at += 1;
            }
            means.push(sum / count as f32);
        }
        means
    }

    pub fn channel(&self, index: usize) -> Vec<f32> {
        let (samples, count) = (self.interleaved(), self.channel_count().max(1));
        assert!(index < count, "there are {count} channels, and none is number {index}");
        let mut values = Vec::with_capacity(samples.len() / count);
        let mut at = index;
        while at < samples.len() {
            values.push(samples[at]);
            at += count;
        }
        values
    }

    /// Times are relative to the first frame, so that what is seen and heard together has the same
    /// time.
    pub fn beeps(&self) -> Vec<Beep> {
        let late = self.audio_delay_ms();
        let mut beeps = beep::detect(&self.mono(), self.sample_rate());
        for beep in &mut beeps {
            beep.at_ms += late;
        }
        beeps
    }

    pub fn silences(&self, at_least_ms: f64) -> Vec<(f64, f64)> {
        beep::silences(&self.mono(), self.sample_rate(), at_least_ms)
    }

    /// How much later than the first frame the first sample is played.
    pub fn audio_delay_ms(&self) -> f64 {
        if !self.has("video") || !self.has("audio") {
            return 0.0;
        }
        let delay = || (self.first_time("a:0") - self.first_time("v:0")) * 1000.0;
        *self.audio_delay_ms.get_or_init(delay)
    }

    /// In presentation order within each stream.
    pub fn packets(&self, kind: &str) -> Vec<Packet> {
        let entries = "packet=stream_index,pts_time,dts_time,flags";
        let select = if kind == "video" { "v:0" } else { "a:0" };
        let facts = probe(&self.path, &["-select_streams", select, "-show_entries", entries]);
        let mut packets: Vec<_> =
            facts["packets"].as_array().into_iter().flatten().map(packet).collect();
        packets.sort_by(|a, b| a.pts.total_cmp(&b.pts));
        packets
    }

    /// The level that the video declares, in its codec's own units.
    pub fn video_level(&self) -> i64 {
        self.stream("video")["level"].as_i64().unwrap()
    }

    pub fn packet_sizes(&self, kind: &str) -> Vec<u64> {
        let select = if kind == "video" { "v:0" } else { "a:0" };
        let options = ["-select_streams", select, "-show_entries", "packet=size"];
        let facts = probe(&self.path, &options);
        let size = |packet: &Value| packet["size"].as_str()?.parse().ok();
        let packets = facts["packets"].as_array().into_iter().flatten();
        packets.filter_map(size).collect()
    }

    /// The numbers of the key frames.
    pub fn key_frames(&self) -> Vec<usize> {
        let packets = self.packets("video");
        packets
            .iter()
            .enumerate()
            .filter(|(_, packet)| packet.key)
            .map(|(index, _)| index)
            .collect()
    }

    /// The greatest deviation of a frame from an even rate, in milliseconds.
    pub fn unevenness_ms(&self, rate: (u32, u32)) -> f64 {
        let packets = self.packets("video");
        let first = packets.first().map_or(0.0, |packet| packet.pts);
        let step = f64::from(rate.1) / f64::from(rate.0);
        let off =
            |(index, packet): (usize, &Packet)| (packet.pts - first - index as f64 * step).abs();
        packets.iter().enumerate().map(off).fold(0.0, f64::max) * 1000.0
    }

    /// The mean colour around a point of frame `number`; the point is given in fractions of the
    /// frame's sides.
    pub fn colour(&self, number: usize, (x, y): (f64, f64)) -> [f64; 3] {
        let (width, height) = self.size();
        let mut video = vec![0; width * height * 3];
        let (_decoder, mut pipe) = self.decode_frames("rgb24", Some(number + 1));
        for _ in 0..=number {
            pipe.read_exact(&mut video).unwrap_or_else(|_| panic!("there is no frame {number}"));
        }
        let around = |at: f64, side: usize| {
            let (centre, reach) = ((at * side as f64) as usize, (side / 40).max(1));
            centre.saturating_sub(reach)..(centre + reach).min(side)
        };
        let points = around(y, height)
            .flat_map(|row| around(x, width).map(move |column| row * width + column));
        mean(points.map(|point| [video[3 * point], video[3 * point + 1], video[3 * point + 2]]))
    }

    fn read_frames(&self) -> Vec<Shown> {
        if !self.has("video") {
            return Vec::new();
        }
        let (width, height) = self.size();
        let mut video = vec![0; width * height];
        let (mut decoder, mut pipe) = self.decode_frames("gray", None);
        let mut frames = Vec::new();
        while pipe.read_exact(&mut video).is_ok() {
            frames.push(self.read_video(&video, width));
        }
        let status = decoder.0.wait().expect("our own child");
        assert!(status.success(), "{} does not decode: {status}", self.path.display());
        frames
    }

    fn read_video(&self, video: &[u8], width: usize) -> Shown {
        let read = |region: &Region| frame_code::read(video, width, *region);
        let all = || self.regions.iter().map(read);
        all()
            .find(|shown| matches!(shown, Shown::Code(_)))
            .or_else(|| all().next())
            .expect("never empty")
    }

    fn decode_frames(&self, format: &str, count: Option<usize>) -> (Running, ChildStdout) {
        let mut command = ffmpeg();
        command.args(["-noautorotate", "-i"]).arg(&self.path).args([
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
        ]);
        command.args(count.iter().flat_map(|count| ["-frames:v".to_owned(), count.to_string()]));
        command.args(["-f", "rawvideo", "-pix_fmt", format, "pipe:1"]);
        let mut decoder = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let pipe = decoder.0.stdout.take().expect("it is piped");
        (decoder, pipe)
    }

    fn interleaved(&self) -> &[f32] {
        self.audio.get_or_init(|| if self.has("audio") { self.decode_audio() } else { Vec::new() })
    }

    fn decode_audio(&self) -> Vec<f32> {
        let mut command = ffmpeg();
        command.arg("-i").arg(&self.path).args([
            "-map",
            "0:a:0",
            "-c:a",
            "pcm_s16le",
            "-f",
            "s16le",
            "pipe:1",
        ]);
        let bytes = run(command.stdin(Stdio::null())).stdout;
        let mut samples = Vec::with_capacity(bytes.len() / 2);
        let mut at = 0;
        while at + 1 < bytes.len() {
            samples.push(f32::from(i16::from_le_bytes([bytes[at], bytes[at + 1]])) / 32768.0);
            at += 2;
        }
        samples
    }

    fn first_time(&self, select: &str) -> f64 {
        let entries = "frame=best_effort_timestamp_time";
        let options =
            ["-select_streams", select, "-read_intervals", "%+#4", "-show_entries", entries];
        let facts = probe(&self.path, &options);
        time(&facts["frames"][0]["best_effort_timestamp_time"])
    }
}

fn probe(path: &Path, options: &[&str]) -> Value {
    let output = run(ffprobe().args(options).args(["-of", "json"]).arg(path));
    serde_json::from_slice(&output.stdout).expect("ffprobe writes JSON")
}

fn packet(value: &Value) -> Packet {
    Packet {
        stream: value["stream_index"].as_u64().unwrap_or(0) as usize,
        // ASF and AVI store only one timestamp.
        pts: time(value.get("pts_time").unwrap_or(&value["dts_time"])),
        key: value["flags"].as_str().is_some_and(|flags| flags.contains('K')),
    }
}

fn time(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

fn mean(points: impl Iterator<Item = [u8; 3]>) -> [f64; 3] {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for point in points {
        count += 1.0;
        sum.iter_mut().zip(point).for_each(|(sum, value)| *sum += f64::from(value));
    }
    sum.map(|sum| sum / count)
}
