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
        let outcome = self.outcome(scene);
        if outcome.record["Status"] != "Succeeded" {
            return vec![format!("{}: {}", self.name, outcome.record["Message"])];
        }
        let mut faults = self.differences(scene, &outcome);
        if outcome.warnings().contains("damaged") {
            faults.push(outcome.warnings());
        }
        faults.truncate(4);
        let name = |fault: String| format!("{}: {fault}", self.name);
        faults.into_iter().map(name).collect()
    }

    fn outcome(&self, scene: &Scene) -> Outcome {
        let middle = sur(&self.name);
        scene.run("a.mp4", &format!("f_mp4,{USUAL}{middle}{}", sur("c.mp4")))
    }

    fn differences(&self, scene: &Scene, outcome: &Outcome) -> Vec<String> {
        let frames = usize::try_from(outcome.frames()[1]).unwrap();
        let mut faults = Vec::new();
        // The audio's last packet may end after the video.
        if !(self.clip.frames..=self.clip.frames + 3).contains(&frames) {
            faults.push(format!("{frames} frames"));
        }
        let start = lead_ms(&scene.s3.path("sources", &self.name));
        let clip = self.clip.clone();
        let (video, audio) = (clip.video_from_ms + start, clip.audio_from_ms + start);
        let start = clip.start_ms;
        let clip = clip.cut(start, frames).late(video, audio + self.late_ms);
        let plain = |id| Clip::whole(id, PAL, SECONDS);
        let mut clips = vec![plain(1), clip, plain(3)];
        for (clip, place) in clips.iter_mut().zip(0..) {
            clip.audio_offset_ms = join_offset_ms(&outcome.record, place);
        }
        let expected = Expected {
            beep_tolerance_ms: if self.rough { 1.3 } else { 1.0 },
            edge_tolerance_ms: 7.0,
            ..Expected::new(PAL, clips)
        };
        let mut differences = expected.differences(&outcome.reading());
        let start_lost = |d: &Difference| matches!(d, Difference::BeepCut { clip: 2, at_ms, .. } if *at_ms < 1300.0);
        differences.retain(|difference| !self.rough || !start_lost(difference));
        let weak = |d: &Difference| matches!(d, Difference::BeepCut { clip: 2, .. });
        differences.retain(|difference| !self.speech || !weak(difference));
        faults.extend(differences.iter().map(ToString::to_string));
        faults
    }
}

/// The plain clips, and a source of the usual length.
fn scene() -> Scene {
    Scene::new().source("a.mp4", &plain(1)).source("c.mp4", &plain(3))
}

fn plain(id: u8) -> Source {
    Source::new(id).seconds(SECONDS)
}

/// Checks a table of sources, and reports everything that is wrong at once.
#[track_caller]
fn check_all(cases: impl IntoIterator<Item = (Between, Source)>) {
    let mut scene = scene();
    let mut faults = Vec::new();
    for (between, source) in cases {
        scene = scene.source(&between.name, &source);
        faults.extend(between.faults(&scene));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.assert_clean();
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
