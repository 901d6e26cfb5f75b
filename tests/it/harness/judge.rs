//! A judge that finds no fault proves nothing: each fault is made here, and has to be found.

use std::io::Write;
use std::process::Stdio;

use crate::bed::beep;
use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::frame_code::FrameCode;
use crate::bed::process::Running;
use crate::bed::reading::Reading;

const RATE: (u32, u32) = (25, 1);
const SAMPLES: u32 = 48_000;
/// Clip 1 is frames 0..=49, clip 2 is 50..=99, clip 3 is 100..=149.
const CLIPS: [u8; 3] = [1, 2, 3];
const SIZE: (usize, usize) = (160, 120);

/// A result before it is encoded, so that any fault can be put into it.
struct Film {
    frames: Vec<Option<FrameCode>>,
    audio: Vec<f64>,
}

impl Film {
    /// Three whole clips of two seconds each.
    fn good() -> Self {
        let frames =
            CLIPS.into_iter().flat_map(|id| (0..50).map(move |n| Some(FrameCode::new(id, n))));
        let clip =
            |id| (0..2 * SAMPLES).map(move |n| beep::sample(id, f64::from(n) / f64::from(SAMPLES)));
        Self { frames: frames.collect(), audio: CLIPS.into_iter().flat_map(clip).collect() }
    }

    fn with(mut self, fault: impl FnOnce(&mut Self)) -> Self {
        fault(&mut self);
        self
    }

    /// The differences that the judge finds in the finished file.
    fn judged(&self) -> Vec<Difference> {
        let folder = tempfile::tempdir().unwrap();
        let (audio, out) = (folder.path().join("audio"), folder.path().join("out.mp4"));
        let samples = self.audio.iter().flat_map(|value| ((value * 32767.0) as i16).to_le_bytes());
        std::fs::write(&audio, wav(&samples.collect::<Vec<_>>())).unwrap();
        let mut command = ffmpeg();
        command.args(
            "-f rawvideo -pix_fmt rgb24 -s 160x120 -framerate 25 -i pipe:0 -f wav -i".split(' '),
        );
        command
            .arg(&audio)
            .args("-c:v libx264 -pix_fmt yuv420p -preset ultrafast -c:a aac".split(' '));
        let mut child = Running::start(command.arg(&out).stdin(Stdio::piped()));
        let mut pipe = child.0.stdin.take().unwrap();
        self.frames.iter().for_each(|code| pipe.write_all(&video(*code)).unwrap());
        drop(pipe);
        assert!(child.0.wait().unwrap().success());
        expected().differences(&Reading::of(&out))
    }
}

fn expected() -> Expected {
    Expected::new(RATE, CLIPS.map(|id| Clip::whole(id, RATE, 2.0)).to_vec())
}

fn video(code: Option<FrameCode>) -> Vec<u8> {
    let (width, height) = SIZE;
    let mut rgb = vec![if code.is_some() { 100 } else { 0 }; 3 * width * height];
    if let Some(code) = code {
        code.paint(&mut rgb, width, height);
    }
    rgb
}

fn wav(samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap();
    let words =
        |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let format = words(&[16, 0x0001_0001, SAMPLES, SAMPLES * 2, 0x0010_0002]);
    [b"RIFF", &words(&[36 + length])[..], b"WAVEfmt ", &format, b"data", &words(&[length]), samples]
        .concat()
}

fn wrong_frames(differences: &[Difference]) -> Vec<usize> {
    let number = |difference: &Difference| match difference {
        Difference::Frame { number, .. } => Some(*number),
        _ => None,
    };
    differences.iter().filter_map(number).collect()
}

fn shifts(differences: &[Difference]) -> Vec<f64> {
    let shift = |difference: &Difference| match difference {
        Difference::BeepShifted { by_ms, .. } => Some(*by_ms),
        _ => None,
    };
    differences.iter().filter_map(shift).collect()
}

fn samples(ms: usize) -> usize {
    ms * SAMPLES as usize / 1000
}

#[test]
fn the_untouched_file_has_no_differences() {
    assert_eq!(Film::good().judged(), []);
}

#[test]
fn two_swapped_clips_are_seen_and_heard() {
    let found = Film::good().with(|film| {
        film.frames[50..].rotate_left(50);
        film.audio[samples(2000)..].rotate_left(samples(2000));
    });
    let found = found.judged();
    assert_eq!(wrong_frames(&found), (50..150).collect::<Vec<_>>());
    for clip in [2, 3] {
        let unheard =
            |d: &Difference| matches!(d, Difference::BeepMissing { clip: c, .. } if *c == clip);
        assert_eq!(found.iter().filter(|difference| unheard(difference)).count(), 2, "{found:?}");
    }
}

#[test]
fn a_dropped_frame_is_seen() {
    let found = Film::good()
        .with(|film| {
            film.frames.retain(|code| *code != Some(FrameCode::new(2, 20)));
        })
        .judged();
    assert!(found.contains(&Difference::FrameCount { expected: 150, found: 149 }), "{found:?}");
    assert_eq!(wrong_frames(&found), (70..149).collect::<Vec<_>>());
}

#[test]
fn a_frame_shown_twice_is_seen() {
    let found = Film::good().with(|film| film.frames.insert(70, film.frames[70])).judged();
    assert!(found.contains(&Difference::FrameCount { expected: 150, found: 151 }), "{found:?}");
    assert_eq!(wrong_frames(&found), (71..150).collect::<Vec<_>>());
}

#[test]
fn a_frame_shown_in_place_of_the_next_is_seen() {
    // The number of frames is right: only their contents show the fault.
    let found = Film::good().with(|film| film.frames[71] = film.frames[70]).judged();
    assert_eq!(wrong_frames(&found), [71]);
    assert_eq!(found.len(), 1);
}

#[test]
fn a_black_frame_at_a_join_is_seen() {
    let found = Film::good().with(|film| film.frames[50] = None).judged();
    assert_eq!(wrong_frames(&found), [50]);
}

#[test]
fn late_and_early_audio_is_heard() {
    for late in [12, 40, 80] {
        let found = Film::good().with(|film| film.audio.rotate_right(samples(late))).judged();
        let shifts = shifts(&found);
        assert_eq!(shifts.len(), 6, "{late}: {found:?}");
        assert!(shifts.iter().all(|by| (by - late as f64).abs() < 2.0), "{late}: {found:?}");
    }
    let found = Film::good().with(|film| film.audio.rotate_left(samples(40))).judged();
    let shifts = shifts(&found);
    assert!(shifts.len() == 5 && shifts.iter().all(|by| (by + 40.0).abs() < 2.0), "{found:?}");
}

#[test]
fn a_muted_clip_is_missed() {
    let found =
        Film::good().with(|film| film.audio[samples(2000)..samples(4000)].fill(0.0)).judged();
    let missing = |at_ms| Difference::BeepMissing { clip: 2, at_ms };
    assert_eq!(found, [missing(2000.0), missing(3000.0)]);
}

#[test]
fn audio_from_elsewhere_is_heard() {
    let found =
        Film::good().with(|film| film.audio.copy_within(..samples(60), samples(4500))).judged();
    let [Difference::BeepUnexpected { clip: Some(1), at_ms }] = found[..] else {
        panic!("{found:?}")
    };
    assert!((at_ms - 4500.0).abs() < 2.0);
}

#[test]
fn audio_that_stops_early_is_counted() {
    let found = Film::good().with(|film| film.audio.truncate(samples(5900))).judged();
    assert!(
        matches!(found[..], [Difference::SampleCount { expected: 288_000, found: ..284_500 }]),
        "{found:?}"
    );
}

#[test]
fn a_missing_or_needless_stream_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent.mp4");
    std::fs::copy(crate::bed::source::Source::new(1).no_audio().write("silent.mp4"), &silent)
        .unwrap();
    let reading = Reading::of(&silent);
    let expected = Expected::new(RATE, vec![Clip::whole(1, RATE, 2.0)]);
    assert_eq!(
        expected.differences(&reading),
        [Difference::Stream { kind: "audio", expected: true }]
    );
    let found = expected.no_audio().no_video().differences(&reading);
    assert_eq!(found, [Difference::Stream { kind: "video", expected: false }]);
}

#[test]
fn a_clip_knows_which_of_its_frames_may_be_shown() {
    let whole = || Clip::whole(1, (50, 1), 2.0);
    let table = [
        ("every other frame", whole(), 10, (25, 1), 20..=20),
        ("between two", whole(), 10, (30, 1), 16..=17),
        ("a cut on a frame", whole().cut(400.0, 10), 3, (50, 1), 23..=23),
        ("a cut between two", whole().cut(410.0, 10), 0, (50, 1), 20..=21),
        ("the last one holds", whole(), 200, (25, 1), 99..=99),
        ("uneven frames", whole().uneven(vec![0.0, 20.0, 80.0, 120.0]), 2, (25, 1), 1..=2),
        ("a late video", whole().late(200.0, 0.0), 10, (25, 1), 10..=10),
    ];
    for (name, clip, number, rate, shown) in table {
        assert_eq!(clip.shows(number, rate), shown, "{name}");
    }
}
