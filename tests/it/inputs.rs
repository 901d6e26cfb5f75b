//! What sources may be: every container and codec between two plain clips, checked frame by frame
//! and beep by beep in what the real function stores.

use std::path::Path;
use std::process::Command;

use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, sur};

mod audio;
mod beginnings;
mod broadcast;
mod changes;
mod codecs;
mod containers;
mod damage;
pub(crate) mod decoders;
mod jitter;
mod key_frames;
mod late;
mod loss;
mod refused;
mod seeking;
mod selection;
mod several;
mod stamps;
mod structure;
mod tags;

const PAL: (u32, u32) = (25, 1);
/// Length of the clips here.
const SECONDS: f64 = 1.2;
/// Its frames.
const FRAMES: usize = 30;
/// The plain clips and their names.
const PLAIN: [(u8, &str); 2] = [(1, "a.mp4"), (3, "c.mp4")];
/// How many sources are checked in one task, which takes eleven clips.
const TOGETHER: usize = 5;

/// A source between two plain clips.
struct Between {
    name: String,
    clip: Clip,
    late_ms: f64,
    rough: bool,
    speech: bool,
}

impl Between {
    /// Clip 2, video and audio, of the usual length.
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            clip: Clip::whole(2, PAL, SECONDS),
            late_ms: 0.0,
            rough: false,
            speech: false,
        }
    }

    fn black(self) -> Self {
        self.clip(Clip::black)
    }

    fn clip(self, change: impl FnOnce(Clip) -> Clip) -> Self {
        Self { clip: change(self.clip), ..self }
    }

    /// For codecs and containers that can't declare an encoder's delay: the audio is later than
    /// declared by that delay.
    fn delayed(self, late_ms: f64) -> Self {
        Self { late_ms, ..self }
    }

    /// The codec changes the audio's wave by up to a period, and its start may be lost.
    fn rough(self) -> Self {
        Self { rough: true, ..self }
    }

    /// The same, and the level of a steady tone falls: the codec is made for voices.
    fn speech(self) -> Self {
        Self { speech: true, ..self.rough() }
    }

    /// What is wrong with the result; empty if nothing is.
    fn faults(&self, scene: &Scene) -> Vec<String> {
        faults(scene, &[self])
    }

    fn outcome(&self, scene: &Scene) -> Outcome {
        outcome(scene, &[self])
    }

    fn differences(&self, scene: &Scene, outcome: &Outcome) -> Vec<String> {
        differences(scene, &[self], outcome)
    }

    /// Which of the differences are faults.
    fn counts(&self, difference: &Difference) -> bool {
        match difference {
            Difference::BeepCut { clip: 2, at_ms, .. } => {
                !(self.speech || self.rough && *at_ms < 1300.0)
            }
            _ => true,
        }
    }

    /// As it is expected in the result, with this number of frames.
    fn shown(&self, scene: &Scene, frames: usize) -> Clip {
        let start = lead_ms(&scene.s3.path("sources", &self.name));
        let clip = self.clip.clone();
        let (video, audio) = (clip.video_from_ms + start, clip.audio_from_ms + start);
        let start = clip.start_ms;
        clip.cut(start, frames).late(video, audio + self.late_ms)
    }
}

/// One task in which each source is between two plain clips.
fn outcome(scene: &Scene, sources: &[&Between]) -> Outcome {
    let clips = sources.iter().zip(PLAIN.iter().cycle().skip(1));
    let clips = clips.map(|(source, (_, plain))| sur(&source.name) + &sur(plain));
    scene.run(PLAIN[0].1, &format!("f_mp4,{USUAL}{}", clips.collect::<String>()))
}

/// What is wrong with the result of this task.
fn faults(scene: &Scene, sources: &[&Between]) -> Vec<String> {
    let outcome = outcome(scene, sources);
    let mut faults = Vec::new();
    if outcome.record["Status"] == "Succeeded" {
        faults = differences(scene, sources, &outcome);
        if outcome.warnings().contains("damaged") {
            faults.push(outcome.warnings());
        }
    } else {
        faults.push(outcome.record["Message"].to_string());
    }
    faults.truncate(4);
    let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
    faults.into_iter().map(|fault| format!("{}: {fault}", names.join(", "))).collect()
}

fn differences(scene: &Scene, sources: &[&Between], outcome: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    let plain = |index: usize| Clip::whole(PLAIN[index % 2].0, PAL, SECONDS);
    let mut clips = vec![plain(0)];
    for (index, source) in sources.iter().enumerate() {
        let frames = usize::try_from(outcome.frames()[2 * index + 1]).unwrap();
        // The audio's last packet may end after the video.
        if !(source.clip.frames..=source.clip.frames + 3).contains(&frames) {
            faults.push(format!("{frames} frames of {}", source.name));
        }
        clips.extend([source.shown(scene, frames), plain(index + 1)]);
    }
    for (clip, place) in clips.iter_mut().zip(0..) {
        clip.audio_offset_ms = join_offset_ms(&outcome.record, place);
    }
    let expected = Expected {
        beep_tolerance_ms: if sources.iter().any(|source| source.rough) { 1.3 } else { 1.0 },
        edge_tolerance_ms: 7.0,
        ..Expected::new(PAL, clips)
    };
    let mut differences = expected.differences(&outcome.reading());
    differences.retain(|difference| sources.iter().all(|source| source.counts(difference)));
    faults.extend(differences.iter().map(ToString::to_string));
    faults
}

/// The plain clips, and a source of the usual length.
fn scene() -> Scene {
    let [(first, a), (second, c)] = PLAIN;
    Scene::new().source(a, &plain(first)).source(c, &plain(second))
}

fn plain(id: u8) -> Source {
    Source::new(id).seconds(SECONDS)
}

/// Checks a table of sources, and reports everything that is wrong at once.
#[track_caller]
fn check_all(cases: impl IntoIterator<Item = (Between, Source)>) {
    let mut scene = scene();
    let mut sources = Vec::new();
    for (between, source) in cases {
        scene = scene.source(&between.name, &source);
        sources.push(between);
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.assert_clean();
}

/// What is wrong with these sources, of which several are checked in one task. If that finds a
/// fault, each has a task of its own as well, which tells whose fault it is.
fn all_faults(scene: &Scene, sources: &[Between]) -> Vec<String> {
    // More is tolerated for the rough ones.
    let (rough, exact): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.rough);
    let mut all: Vec<String> = rough.iter().flat_map(|source| source.faults(scene)).collect();
    for some in exact.chunks(TOGETHER) {
        let found = faults(scene, some);
        if !found.is_empty() && some.len() > 1 {
            all.extend(some.iter().flat_map(|source| source.faults(scene)));
        }
        all.extend(found);
    }
    all
}

/// How much later than its video a clip's audio begins according to the record.
fn join_offset_ms(record: &serde_json::Value, clip: usize) -> f64 {
    let place = &record["Timeline"][clip];
    let at = |name: &str, rate: f64| place[name].as_f64().unwrap() * 1000.0 / rate;
    at("FirstSample", 48_000.0) - at("FirstFrame", 25.0)
}

/// How much later than its first timestamp a source's video starts, if the audio's encoder delay
/// comes first. In MP4 and Matroska what is before zero is not part of the media.
fn lead_ms(path: &Path) -> f64 {
    let reading = Reading::of(path);
    let zero_based = ["mp4", "mov", "m4v", "m4a", "3gp", "mkv", "webm"];
    let extension = path.extension().and_then(|name| name.to_str()).unwrap();
    // Its only timestamps do not include the decoder's reordering delay.
    if extension == "avi" {
        return 0.0;
    }
    // WMA's first packet counts, and gives no audio.
    if !zero_based.contains(&extension) && extension != "wmv" {
        return (-reading.audio_delay_ms()).max(0.0);
    }
    let first = |kind| reading.packets(kind).first().map(|packet| packet.pts.max(0.0) * 1000.0);
    match (first("video"), first("audio")) {
        (Some(video), Some(audio)) => (video - audio).max(0.0),
        _ => 0.0,
    }
}

/// The file that ffmpeg makes with these arguments; `{}` among them is the
/// source's path.
fn made(source: &Path, arguments: &str, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join(name);
    let mut command: Command = ffmpeg();
    for word in arguments.split_whitespace() {
        let source = source.to_str().unwrap();
        command.arg(word.replace("{}", source));
    }
    run(command.arg(&target));
    std::fs::read(target).unwrap()
}
