//! Media made by the real ffmpeg whose every frame and second can be recognised in the result.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::beep;
use super::ffmpeg::{ffmpeg, ffmpeg_path};
use super::frame_code::{FrameCode, colour};
use super::process::{Running, repository};

/// To be raised when the same settings begin to give other media.
const EDITION: u32 = 1;

#[derive(Debug, Clone)]
struct Video {
    width: usize,
    height: usize,
    rate: (u32, u32),
    codec: String,
    pixel_format: String,
    rotation: u16,
    sar: (u32, u32),
    interlaced: bool,
    /// Repeated over and over: how long each frame lasts.
    durations_ms: Vec<u32>,
    colour_space: Option<String>,
    seconds: f64,
    offset_ms: u32,
}

#[derive(Debug, Clone)]
struct Audio {
    rate: u32,
    channels: usize,
    codec: String,
    seconds: f64,
    offset_ms: u32,
    /// One steady tone a channel, beside the beeps.
    tones: Vec<f64>,
    beeps: bool,
}

#[derive(Debug, Clone)]
pub struct Source {
    clip: u8,
    video: Option<Video>,
    audio: Option<Audio>,
    extra: Vec<String>,
}

impl Source {
    /// Two seconds of 160x120 at 25 frames a second in H.264, with stereo AAC at 48 kHz.
    pub fn new(clip: u8) -> Self {
        let video = Video {
            width: 160,
            height: 120,
            rate: (25, 1),
            codec: "libx264".into(),
            pixel_format: "yuv420p".into(),
            rotation: 0,
            sar: (1, 1),
            interlaced: false,
            durations_ms: Vec::new(),
            colour_space: None,
            seconds: 2.0,
            offset_ms: 0,
        };
        let audio = Audio {
            rate: 48_000,
            channels: 2,
            codec: "aac".into(),
            seconds: 2.0,
            offset_ms: 0,
            tones: Vec::new(),
            beeps: true,
        };
        Self {
            clip,
            video: Some(video),
            audio: Some(audio),
            extra: Vec::new(),
        }
    }

    fn video(mut self, change: impl FnOnce(&mut Video)) -> Self {
        self.video = self.video.map(|mut video| {
            change(&mut video);
            video
        });
        self
    }

    fn sound(mut self, change: impl FnOnce(&mut Audio)) -> Self {
        self.audio = self.audio.map(|mut audio| {
            change(&mut audio);
            audio
        });
        self
    }

    /// The stored picture's size, upright whatever the rotation.
    pub fn size(self, width: usize, height: usize) -> Self {
        self.video(|video| (video.width, video.height) = (width, height))
    }

    pub fn rate(self, numerator: u32, denominator: u32) -> Self {
        self.video(|video| video.rate = (numerator, denominator))
    }

    pub fn seconds(self, seconds: f64) -> Self {
        self.video_seconds(seconds).audio_seconds(seconds)
    }

    pub fn video_seconds(self, seconds: f64) -> Self {
        self.video(|video| video.seconds = seconds)
    }

    pub fn audio_seconds(self, seconds: f64) -> Self {
        self.sound(|audio| audio.seconds = seconds)
    }

    pub fn video_codec(self, codec: &str) -> Self {
        self.video(|video| video.codec = codec.into())
    }

    pub fn pixel_format(self, format: &str) -> Self {
        self.video(|video| video.pixel_format = format.into())
    }

    /// How far a player has to turn the stored picture clockwise: 90, 180 or 270; mov and mp4 only.
    pub fn rotation(self, degrees: u16) -> Self {
        self.video(|video| video.rotation = degrees)
    }

    pub fn sar(self, width: u32, height: u32) -> Self {
        self.video(|video| video.sar = (width, height))
    }

    /// Top field first. Both fields carry the frame's code; a bar moves between them.
    pub fn interlaced(self) -> Self {
        self.video(|video| video.interlaced = true)
    }

    /// Variable rate: the frames last so many milliseconds each, over and over.
    pub fn vfr(self, durations_ms: &[u32]) -> Self {
        self.video(|video| video.durations_ms = durations_ms.to_vec())
    }

    /// Converted to and tagged as `bt709`, `bt2020nc`, `smpte170m`, ...
    pub fn colour_space(self, name: &str) -> Self {
        self.video(|video| video.colour_space = Some(name.into()))
    }

    pub fn audio(self, rate: u32, channels: usize) -> Self {
        self.sound(|audio| (audio.rate, audio.channels) = (rate, channels))
    }

    pub fn audio_codec(self, codec: &str) -> Self {
        self.sound(|audio| audio.codec = codec.into())
    }

    /// A steady tone in each channel, in Hz.
    pub fn tones(self, hertz: &[f64]) -> Self {
        self.sound(|audio| audio.tones = hertz.to_vec())
    }

    pub fn no_beeps(self) -> Self {
        self.sound(|audio| audio.beeps = false)
    }

    pub fn no_audio(mut self) -> Self {
        self.audio = None;
        self
    }

    pub fn no_video(mut self) -> Self {
        self.video = None;
        self
    }

    /// When picture and sound begin on the container's clock, the picture to the nearest frame.
    pub fn start_offset_ms(self, video_ms: u32, audio_ms: u32) -> Self {
        self.video(|video| video.offset_ms = video_ms)
            .sound(|audio| audio.offset_ms = audio_ms)
    }

    /// Further arguments for the output.
    pub fn extra_args(mut self, arguments: &[&str]) -> Self {
        self.extra
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// How many frames the file has.
    pub fn frames(&self) -> usize {
        self.video.as_ref().map_or(0, Video::frames)
    }

    /// When each frame begins, where the rate is variable.
    pub fn starts_ms(&self) -> Vec<f64> {
        let durations = self
            .video
            .iter()
            .flat_map(|video| video.durations_ms.iter().cycle().take(video.frames()));
        let start = |next: &mut u32, ms: &u32| Some(f64::from(std::mem::replace(next, *next + ms)));
        durations.scan(0, start).collect()
    }

    /// Makes the file, or finds it made. The name's extension chooses the container.
    pub fn write(&self, name: &str) -> PathBuf {
        let cache = repository().join("target/bed-cache");
        let folder = cache.join(self.key());
        let file = folder.join(name);
        if file.is_file() {
            return file;
        }
        static DRAFTS: AtomicUsize = AtomicUsize::new(0);
        let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = cache.join(format!("draft-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&draft).expect("the cache can be written");
        self.make(&draft, name);
        std::fs::create_dir_all(&folder).expect("the cache can be written");
        // Whoever else made the same file meanwhile made the same bytes.
        std::fs::rename(draft.join(name), &file).expect("the cache can be written");
        std::fs::remove_dir_all(&draft).expect("the draft is ours");
        file
    }

    fn key(&self) -> String {
        let ffmpeg = std::fs::metadata(ffmpeg_path()).and_then(|file| file.modified());
        let text = format!("{EDITION} {self:?} {:?} {ffmpeg:?}", ffmpeg_path());
        let digest = Sha256::digest(text);
        digest
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn make(&self, folder: &Path, name: &str) {
        let mut command = ffmpeg();
        if let Some(video) = &self.video {
            command.args(video.input());
        }
        if let Some(audio) = &self.audio {
            let wav = folder.join("sound.pcm.wav");
            std::fs::write(&wav, audio.wav(self.clip)).expect("the draft can be written");
            command
                .args(offset(audio.offset_ms))
                .args(["-f", "wav", "-i"])
                .arg(wav);
        }
        command.args(self.video.iter().flat_map(Video::output));
        command.args(
            self.audio
                .iter()
                .flat_map(|audio| ["-c:a", audio.codec.as_str()]),
        );
        command.args(&self.extra).arg(folder.join(name));
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running::start(&mut command);
        let stdin = child.0.stdin.take().expect("it is piped");
        if let Some(video) = &self.video {
            // Where ffmpeg stops reading early, its message says why.
            let _ = video.feed(self.clip, stdin);
        }
        let said = std::io::read_to_string(child.0.stderr.take().expect("it is piped"));
        let status = child.0.wait().expect("our own child");
        assert!(
            status.success(),
            "{command:?}\n{status}: {}",
            said.unwrap_or_default()
        );
        if let Some(video) = self.video.as_ref().filter(|video| video.rotation != 0) {
            super::rotation::write(&folder.join(name), video.rotation);
        }
    }
}

impl Video {
    fn frames(&self) -> usize {
        if self.durations_ms.is_empty() {
            return (self.seconds * f64::from(self.rate.0) / f64::from(self.rate.1)).round()
                as usize;
        }
        let mut ends = self.durations_ms.iter().cycle().scan(0, |end, &ms| {
            *end += ms;
            Some(f64::from(*end))
        });
        ends.position(|end| end >= self.seconds * 1000.0)
            .map_or(0, |last| last + 1)
    }

    fn stored_size(&self) -> (usize, usize) {
        if self.rotation % 180 == 0 {
            (self.width, self.height)
        } else {
            (self.height, self.width)
        }
    }

    fn input(&self) -> Vec<String> {
        let (width, height) = self.stored_size();
        let rate = if self.durations_ms.is_empty() {
            self.rate
        } else {
            (1000, 1)
        };
        let mut input = offset(self.offset_ms);
        input.extend(words("-f rawvideo -pix_fmt rgb24"));
        input.extend(words(&format!(
            "-s {width}x{height} -framerate {}/{} -i pipe:0",
            rate.0, rate.1
        )));
        input
    }

    fn output(&self) -> Vec<String> {
        let mut output = words(&format!(
            "-c:v {} -pix_fmt {} -fps_mode passthrough",
            self.codec, self.pixel_format
        ));
        if self.codec == "libx264" {
            output.extend(words("-preset veryfast -crf 18"));
        }
        if let Some(name) = &self.colour_space {
            let wide = if name == "bt2020nc" { "bt2020" } else { name };
            output.extend(words(&format!(
                "-colorspace {name} -color_primaries {wide} -color_trc bt709"
            )));
        }
        if self.sar != (1, 1) {
            let (width, height) = self.stored_size();
            let (width, height) = (width * self.sar.0 as usize, height * self.sar.1 as usize);
            output.extend(words(&format!("-aspect {width}:{height}")));
        }
        if self.interlaced {
            output.extend(words("-flags +ilme+ildct -x264-params tff=1"));
        }
        let filters = self.filters();
        if !filters.is_empty() {
            output.extend(["-vf".to_owned(), filters.join(",")]);
        }
        output
    }

    fn filters(&self) -> Vec<String> {
        let mut filters = Vec::new();
        if let Some(name) = &self.colour_space {
            let matrix = name.trim_end_matches("nc");
            filters.push(format!("scale=out_color_matrix={matrix}:out_range=tv"));
        }
        if !self.durations_ms.is_empty() {
            filters.push(format!(
                "setpts='({})/(1000*TB)'",
                start_expression(&self.durations_ms)
            ));
        }
        filters
    }

    fn feed(&self, clip: u8, mut pipe: impl Write) -> std::io::Result<()> {
        let base = colour(clip).repeat(self.width * self.height);
        for number in 0..self.frames() {
            let mut picture = self.picture(&base, clip, number, 0);
            if self.interlaced {
                let late = self.picture(&base, clip, number, 1);
                let line = 3 * self.width;
                let odd = picture
                    .chunks_mut(line)
                    .zip(late.chunks(line))
                    .skip(1)
                    .step_by(2);
                odd.for_each(|(line, later)| line.copy_from_slice(later));
            }
            pipe.write_all(&super::rotation::stored(
                picture,
                (self.width, self.height),
                self.rotation,
            ))?;
        }
        Ok(())
    }

    fn picture(&self, base: &[u8], clip: u8, number: usize, field: usize) -> Vec<u8> {
        let mut picture = base.to_vec();
        let frame = u16::try_from(number).expect("at most 65,536 frames");
        FrameCode::new(clip, frame).paint(&mut picture, self.width, self.height);
        let bar = (self.width / 32).max(2);
        let at = (2 * number + field) * bar / 2 % (self.width - bar);
        for row in self.height * 7 / 8..self.height {
            picture[3 * (row * self.width + at)..][..3 * bar].fill(255);
        }
        picture
    }
}

impl Audio {
    fn wav(&self, clip: u8) -> Vec<u8> {
        let frames = (self.seconds * f64::from(self.rate)).round() as usize;
        let bytes = u32::try_from(frames * self.channels * 2).expect("a short sound");
        let channels = u16::try_from(self.channels).expect("few channels");
        let mut wav = Vec::with_capacity(44 + bytes as usize);
        wav.extend_from_slice(b"RIFF");
        wav.extend_from_slice(&(36 + bytes).to_le_bytes());
        wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
        wav.extend_from_slice(&channels.to_le_bytes());
        wav.extend_from_slice(&self.rate.to_le_bytes());
        wav.extend_from_slice(&(self.rate * u32::from(channels) * 2).to_le_bytes());
        wav.extend_from_slice(&(channels * 2).to_le_bytes());
        wav.extend_from_slice(b"\x10\0data");
        wav.extend_from_slice(&bytes.to_le_bytes());
        for index in 0..frames {
            let at = index as f64 / f64::from(self.rate);
            wav.extend(
                (0..self.channels).flat_map(|channel| self.sample(clip, channel, at).to_le_bytes()),
            );
        }
        wav
    }

    fn sample(&self, clip: u8, channel: usize, at: f64) -> i16 {
        let tone = self.tones.get(channel).map_or(0.0, |hertz| {
            0.1 * (std::f64::consts::TAU * hertz * at).sin()
        });
        let beep = if self.beeps {
            beep::sample(clip, at)
        } else {
            0.0
        };
        ((tone + beep) * f64::from(i16::MAX)).round() as i16
    }
}

/// When frame N begins, in milliseconds, for ffmpeg's expressions.
fn start_expression(durations_ms: &[u32]) -> String {
    let (count, round) = (durations_ms.len(), durations_ms.iter().sum::<u32>());
    let later =
        (1..count).map(|index| format!("+gte(mod(N,{count}),{index})*{}", durations_ms[index - 1]));
    format!("floor(N/{count})*{round}{}", later.collect::<String>())
}

fn offset(ms: u32) -> Vec<String> {
    if ms == 0 {
        Vec::new()
    } else {
        vec!["-itsoffset".into(), format!("{}", f64::from(ms) / 1000.0)]
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
