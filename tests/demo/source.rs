//! The demo's own sources: each shows its colour, its number, its name and its running time in the
//! video, so that the result can be judged by looking at it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::Running;
use crate::canvas::{Canvas, Colour, blend, text_height};

const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [0, 0, 0];

pub(crate) struct Source {
    pub(crate) name: &'static str,
    /// What it is, in words for people who don't know the parameters.
    pub(crate) about: &'static str,
    pub(crate) colour: Colour,
    number: &'static str,
    seconds: usize,
    video: Option<Video>,
    audio: &'static str,
    /// Arguments for the encoders.
    encoders: &'static str,
}

#[derive(Clone, Copy)]
struct Video {
    width: usize,
    height: usize,
    rate: usize,
}

/// As different as the sources of one job can be, in the order of the result.
pub(crate) const SOURCES: [Source; 3] = [
    Source {
        name: "pre.mov",
        about: "640x480, 30 frames/s, ProRes, PCM 44.1 kHz mono, 5 s",
        colour: [37, 99, 235],
        number: "1",
        seconds: 5,
        video: Some(Video { width: 640, height: 480, rate: 30 }),
        // A beep at the start of each second.
        audio: "0.7*sin(2*PI*660*t)*lt(mod(t,1),0.15):s=44100",
        encoders: "-c:v prores_ks -profile:v proxy -pix_fmt yuv422p10le -c:a pcm_s16le",
    },
    Source {
        name: "example.mkv",
        about: "1280x720, 24 frames/s, H.264, Opus 48 kHz stereo, 16 s",
        colour: [217, 79, 20],
        number: "2",
        seconds: 16,
        video: Some(Video { width: 1280, height: 720, rate: 24 }),
        // Two tones that swell every other second.
        audio: "0.5*sin(2*PI*220*t)*pow(sin(PI*t/2),2)|0.5*sin(2*PI*277*t)*pow(sin(PI*t/2),2):s=48000",
        encoders: "-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p -c:a libopus",
    },
    Source {
        name: "sur1.aac",
        about: "audio alone, AAC 32 kHz stereo, 12 s",
        colour: [22, 130, 72],
        number: "3",
        seconds: 12,
        video: None,
        // Plucked strings, four notes repeatedly.
        audio: "0.5*exp(-5*mod(t,0.5))*sin(2*PI*(330+55*floor(mod(2*t,4)))*t)|0.5*exp(-5*mod(t,0.5))*sin(2*PI*(165+55*floor(mod(2*t,4)))*t):s=32000",
        encoders: "-c:a aac",
    },
];

impl Source {
    /// Makes the file in `folder`.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join(self.name);
        let mut command = ffmpeg();
        if let Some(Video { width, height, rate }) = self.video {
            let format = format!("-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {rate}");
            command.args(format.split(' ')).args(["-i", "pipe:0"]);
        }
        let (audio, seconds) = (self.audio, self.seconds);
        let audio = match audio.rsplit_once(':') {
            Some((expressions, rate)) => format!("aevalsrc='{expressions}':{rate}:d={seconds}"),
            None => audio.to_owned(),
        };
        command.args(["-f", "lavfi", "-i", &audio]);
        command.args(self.encoders.split(' ')).arg(&file);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running::start(&mut command);
        let stdin = child.0.stdin.take().expect("it is piped");
        if let Some(video) = self.video {
            // If ffmpeg stops reading early, its output below says why.
            let _ = self.draw(video, stdin);
        }
        let said = std::io::read_to_string(child.0.stderr.take().expect("it is piped"));
        let status = child.0.wait().expect("our own child");
        let said = said.unwrap_or_default();
        assert!(status.success(), "ffmpeg cannot make {} ({status}): {said}", self.name);
        file
    }

    fn draw(&self, video: Video, mut pipe: impl Write) -> std::io::Result<()> {
        let still = self.still(video);
        (0..self.seconds * video.rate)
            .try_for_each(|frame| pipe.write_all(&self.moment(still.clone(), video, frame).rgb))
    }

    /// The parts that do not move: the background, the number and the name.
    fn still(&self, video: Video) -> Canvas {
        let (top, bottom) = (blend(self.colour, WHITE, 60), blend(self.colour, BLACK, 120));
        let mut canvas = Canvas::gradient(video.width, video.height, top, bottom);
        let unit = video.height / 80;
        canvas.centred(7 * unit, 5 * unit, WHITE, self.number);
        canvas.centred(47 * unit, unit, WHITE, self.name);
        canvas
    }

    /// The clock, and a disc that crosses the frame once.
    fn moment(&self, mut canvas: Canvas, video: Video, frame: usize) -> Canvas {
        let unit = video.height / 80;
        let hundredths = frame * 100 / video.rate;
        let clock = format!("{:02}.{:02}", hundredths / 100, hundredths % 100);
        canvas.centred(58 * unit, 2 * unit, WHITE, &clock);
        let (radius, last) = (2 * unit, self.seconds * video.rate);
        let x = radius + (video.width - 2 * radius) * frame / last;
        let y = 59 * unit + text_height(2 * unit) + 2 * unit;
        canvas.fill((0, y - unit / 6), (x, unit / 3), blend(self.colour, WHITE, 140));
        canvas.disc((x, y), radius, WHITE);
        canvas
    }
}
