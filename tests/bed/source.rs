//! Media made by the real ffmpeg, of which every frame and second can be recognised in the result.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::cache;
use super::ffmpeg::ffmpeg;
use super::footage::{Video, offset};
use super::process::Running;
use super::soundtrack::Audio;

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
        Self { clip, video: Some(Video::plain()), audio: Some(Audio::plain()), extra: Vec::new() }
    }

    fn video(mut self, change: impl FnOnce(&mut Video)) -> Self {
        self.video = self.video.map(|mut video| {
            change(&mut video);
            video
        });
        self
    }

    fn with_audio(mut self, change: impl FnOnce(&mut Audio)) -> Self {
        self.audio = self.audio.map(|mut audio| {
            change(&mut audio);
            audio
        });
        self
    }

    /// The size of the upright video, whatever the rotation.
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
        self.with_audio(|audio| audio.seconds = seconds)
    }

    pub fn video_codec(self, codec: &str) -> Self {
        self.video(|video| video.codec = codec.into())
    }

    pub fn pixel_format(self, format: &str) -> Self {
        self.video(|video| video.pixel_format = format.into())
    }

    /// By how many degrees a player has to rotate the stored video clockwise: 90, 180 or 270; mov
    /// and mp4 only.
    pub fn rotation(self, degrees: u16) -> Self {
        self.video(|video| video.rotation = degrees)
    }

    pub fn sar(self, width: u32, height: u32) -> Self {
        self.video(|video| video.sar = (width, height))
    }

    /// Top field first. Both fields contain the frame's code; a bar moves between them.
    pub fn interlaced(self) -> Self {
        self.video(|video| video.interlaced = true)
    }

    /// Variable rate: the durations of the frames in milliseconds, repeated.
    pub fn vfr(self, durations_ms: &[u32]) -> Self {
        self.video(|video| video.durations_ms = durations_ms.to_vec())
    }

    /// Converted to and tagged as `bt709`, `bt2020nc`, `smpte170m`, ...
    pub fn colour_space(self, name: &str) -> Self {
        self.video(|video| video.colour_space = Some(name.into()))
    }

    pub fn audio(self, rate: u32, channels: usize) -> Self {
        self.with_audio(|audio| (audio.rate, audio.channels) = (rate, channels))
    }

    pub fn audio_codec(self, codec: &str) -> Self {
        self.with_audio(|audio| audio.codec = codec.into())
    }

    /// A steady tone in each channel, in Hz.
    pub fn tones(self, hertz: &[f64]) -> Self {
        self.with_audio(|audio| audio.tones = hertz.to_vec())
    }

    pub fn no_beeps(self) -> Self {
        self.with_audio(|audio| audio.beeps = false)
    }

    pub fn no_audio(mut self) -> Self {
        self.audio = None;
        self
    }

    pub fn no_video(mut self) -> Self {
        self.video = None;
        self
    }

    /// When video and audio begin on the container's clock; the video's time is rounded to the
    /// nearest frame.
    pub fn start_offset_ms(self, video_ms: u32, audio_ms: u32) -> Self {
        self.video(|video| video.offset_ms = video_ms)
            .with_audio(|audio| audio.offset_ms = audio_ms)
    }

    /// Further arguments for the output.
    pub fn extra_args(mut self, arguments: &[&str]) -> Self {
        self.extra.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// The number of frames in the file.
    pub fn frames(&self) -> usize {
        self.video.as_ref().map_or(0, Video::frames)
    }

    /// The start of each frame, if the rate is variable.
    pub fn starts_ms(&self) -> Vec<f64> {
        let durations = self
            .video
            .iter()
            .flat_map(|video| video.durations_ms.iter().cycle().take(video.frames()));
        let start = |next: &mut u32, ms: &u32| Some(f64::from(std::mem::replace(next, *next + ms)));
        durations.scan(0, start).collect()
    }

    /// Makes the file, unless it is in the cache. The name's extension determines the container.
    pub fn write(&self, name: &str) -> PathBuf {
        cache::file(&format!("{self:?}"), name, |folder| self.make(folder, name))
    }

    fn make(&self, folder: &Path, name: &str) {
        let mut command = ffmpeg();
        if let Some(video) = &self.video {
            command.args(video.input());
        }
        if let Some(audio) = &self.audio {
            let wav = folder.join("audio.pcm.wav");
            std::fs::write(&wav, audio.wav(self.clip)).expect("the draft can be written");
            command.args(offset(audio.offset_ms)).args(["-f", "wav", "-i"]).arg(wav);
        }
        command.args(self.video.iter().flat_map(Video::output));
        command.args(self.audio.iter().flat_map(|audio| ["-c:a", audio.codec.as_str()]));
        command.args(&self.extra).arg(folder.join(name));
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running::start(&mut command);
        let stdin = child.0.stdin.take().expect("it is piped");
        if let Some(video) = &self.video {
            // If ffmpeg stops reading early, its message says why.
            let _ = video.feed(self.clip, stdin);
        }
        let said = std::io::read_to_string(child.0.stderr.take().expect("it is piped"));
        let status = child.0.wait().expect("our own child");
        assert!(status.success(), "{command:?}\n{status}: {}", said.unwrap_or_default());
        if let Some(video) = self.video.as_ref().filter(|video| video.rotation != 0) {
            super::rotation::write(&folder.join(name), video.rotation);
        }
    }
}
