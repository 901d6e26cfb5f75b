//! The contact sheet: a row for each source, with frames from its part of the result, and the audio
//! of that part below them.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::{Running, run};
use crate::bed::reading::Reading;
use crate::canvas::{Canvas, Colour, blend, text_height, text_width};
use crate::failure::Failure;
use crate::report::Chunk;
use crate::source::SOURCES;

const PICTURES: usize = 6;
const PICTURE: (usize, usize) = (256, 144);
const GAP: usize = 10;
const MARGIN: usize = 28;
const LABEL: usize = 252;
const TITLE: usize = 74;
const TIMES: usize = 30;
const SOUND: usize = 64;
/// The height at which the loudest audio is drawn.
const LOUDEST: f64 = 52.0;
const ROW: usize = PICTURE.1 + TIMES + SOUND;
const BETWEEN: usize = 26;

const PAPER: Colour = [246, 246, 244];
const INK: Colour = [32, 34, 40];
const FAINT: Colour = [120, 122, 128];
const WHITE: Colour = [255, 255, 255];

pub(crate) fn write(
    video: &Path,
    reading: &Reading,
    parts: &[Chunk],
    sheet: &Path,
) -> Result<(), Failure> {
    let width = 2 * MARGIN + LABEL + PICTURES * (PICTURE.0 + GAP) - GAP;
    let height = TITLE + parts.len() * (ROW + BETWEEN) + 4;
    let mut canvas = Canvas::new(width, height, PAPER);
    let name = video.file_name().unwrap_or_default().to_string_lossy().into_owned();
    canvas.text((MARGIN, 26), 4, INK, &name);
    let total = parts.last().map_or(0.0, |part| part.end_seconds);
    let note = format!(
        "{total:.0} s: video and audio of each source, in order of time, top left to bottom right"
    );
    canvas.text((MARGIN + text_width(4, &name) + 40, 36), 2, FAINT, &note);
    let frames = frames(video, parts);
    let audio = reading.mono();
    for (index, part) in parts.iter().enumerate() {
        let row = Row {
            top: TITLE + index * (ROW + BETWEEN),
            part,
            colour: colour_of(part),
            number: index + 1,
        };
        row.label(&mut canvas);
        row.frames(&mut canvas, &frames[index * PICTURES..][..PICTURES]);
        row.audio(&mut canvas, reading, &audio);
    }
    save(&canvas, sheet)
}

fn colour_of(part: &Chunk) -> Colour {
    let source = SOURCES.iter().find(|source| source.name == part.name);
    source.map_or(INK, |source| source.colour)
}

struct Row<'a> {
    top: usize,
    part: &'a Chunk,
    colour: Colour,
    number: usize,
}

impl Row<'_> {
    fn label(&self, canvas: &mut Canvas) {
        let size = (LABEL - 2 * GAP, ROW);
        canvas.fill((MARGIN, self.top), size, self.colour);
        let left = MARGIN + 14;
        let number = self.number.to_string();
        canvas.text((left, self.top + 20), 11, WHITE, &number);
        canvas.text((left, self.top + 116), 3, WHITE, &self.part.name);
        let (from, to) = (self.part.start_seconds, self.part.end_seconds);
        let times = format!("{from:.1} - {to:.1} s");
        canvas.text((left, self.top + 156), 2, WHITE, &times);
        let frames = format!("{} frames", self.part.frames);
        canvas.text((left, self.top + 180), 2, WHITE, &frames);
        if let Some(note) = self.part.filled_note() {
            canvas.text((left, self.top + 204), 2, WHITE, note);
        }
    }

    fn frames(&self, canvas: &mut Canvas, frames: &[Canvas]) {
        let seconds = self.part.end_seconds - self.part.start_seconds;
        for (index, video) in frames.iter().enumerate() {
            let at = (left_of(index), self.top);
            canvas.lay(at, video);
            let within = pick(self.part.frames, index);
            let part = f64::from(u32::try_from(within).unwrap_or(0));
            let of = f64::from(u32::try_from(self.part.frames).unwrap_or(1)).max(1.0);
            let time = format!("{:.2} s", self.part.start_seconds + seconds * part / of);
            let x = at.0 + (PICTURE.0 - text_width(2, &time)) / 2;
            let y = at.1 + PICTURE.1 + (TIMES - text_height(2)) / 2;
            canvas.text((x, y), 2, FAINT, &time);
        }
    }

    /// The loudest sample of each column's span.
    fn audio(&self, canvas: &mut Canvas, reading: &Reading, audio: &[f32]) {
        let loudest = peak(audio).max(f64::EPSILON);
        let (left, top) = (left_of(0), self.top + PICTURE.1 + TIMES);
        let width = left_of(PICTURES) - GAP - left;
        canvas.fill((left, top), (width, SOUND), blend(self.colour, WHITE, 225));
        let sample = |seconds: f64| whole(seconds * f64::from(reading.sample_rate()));
        let first = sample(self.part.start_seconds).min(audio.len());
        let last = sample(self.part.end_seconds).min(audio.len());
        let samples = &audio[first..last];
        for column in 0..width {
            let span = samples.len() * column / width..samples.len() * (column + 1) / width;
            let height = whole(peak(&samples[span]) / loudest * LOUDEST).clamp(1, SOUND);
            let at = (left + column, top + (SOUND - height) / 2);
            canvas.fill(at, (1, height), self.colour);
        }
    }
}

fn left_of(index: usize) -> usize {
    MARGIN + LABEL + index * (PICTURE.0 + GAP)
}

/// Evenly distributed, including the first and the last frame.
fn pick(frames: usize, index: usize) -> usize {
    frames.saturating_sub(1) * index / (PICTURES - 1)
}

/// Every frame for every row, from decoding the result once.
fn frames(video: &Path, parts: &[Chunk]) -> Vec<Canvas> {
    let numbers = parts
        .iter()
        .flat_map(|part| (0..PICTURES).map(|index| part.first_frame + pick(part.frames, index)));
    let wanted: Vec<String> = numbers.map(|number| format!("eq(n,{number})")).collect();
    let (width, height) = PICTURE;
    let filter = format!("select='{}',scale={width}:{height}:flags=area", wanted.join("+"));
    let mut command = ffmpeg();
    command.arg("-i").arg(video).args(["-vf", &filter]);
    let format = "-an -fps_mode passthrough -f rawvideo -pix_fmt rgb24 pipe:1";
    let output = run(command.args(format.split(' ')).stdin(Stdio::null()));
    let frames = output.stdout.chunks_exact(3 * width * height);
    let frames: Vec<Canvas> =
        frames.map(|rgb| Canvas { width, height, rgb: rgb.to_vec() }).collect();
    assert_eq!(frames.len(), wanted.len(), "some frames of the result do not decode");
    frames
}

fn save(canvas: &Canvas, file: &Path) -> Result<(), Failure> {
    let mut command = ffmpeg();
    let format = format!(
        "-f rawvideo -pix_fmt rgb24 -s {}x{} -i pipe:0 -frames:v 1 -c:v png -f image2 -update 1",
        canvas.width, canvas.height
    );
    command.args(format.split(' ')).arg(file);
    let mut child = Running::start(command.stdin(Stdio::piped()));
    let mut stdin = child.0.stdin.take().expect("it is piped");
    stdin.write_all(&canvas.rgb)?;
    drop(stdin);
    let status = child.0.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("ffmpeg cannot write the contact sheet: {status}")))
}

fn peak(audio: &[f32]) -> f64 {
    let loudness = audio.iter().map(|value| f64::from(value.abs()));
    loudness.fold(0.0, f64::max)
}

/// Rounds a small, non-negative number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> usize {
    number.round() as usize
}
