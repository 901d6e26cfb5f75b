//! Every container with every codec that it may contain: the file plays in order and in sync, or
//! the combination is rejected at once.

use video_concat::codec::{
    AudioCodec, Container, VideoCodec, audio_ban, combination_ban, video_ban,
};

use crate::bed::beep::pitch;
use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

const PAL: (u32, u32) = (25, 1);
/// The part of a beep's rise whose loss is not noticed.
const UNHEARD_MS: f64 = 1.75;

/// These files can't declare the encoder's delay at the start of the audio: this many samples of
/// the start are missing, and the rest is in place.
const CUT: &[(Container, AudioCodec, f64)] = &[
    (Container::Avi, AudioCodec::Mp3, 1105.0),
    (Container::Avi, AudioCodec::Aac, 1024.0),
    (Container::Avi, AudioCodec::Ac3, 256.0),
];

/// How far a beep may be from its place: a sample, and half a millisecond if timestamps are rounded
/// to milliseconds.
fn tolerance_ms(container: Container, audio: AudioCodec) -> f64 {
    let whole = [Container::Mkv, Container::Asf, Container::Flv].contains(&container);
    let rounded = if whole { 0.5 } else { 0.0 };
    rounded
        + match audio {
            // The codec produces another wave, which may fit best one period away.
            AudioCodec::Amr => 1000.0 / pitch(1),
            _ => 1000.0 / 44_100.0,
        }
}

/// What is wrong with the output of one combination; empty if nothing is.
fn faults(
    scene: &Scene,
    container: Container,
    video: VideoCodec,
    audio: AudioCodec,
) -> Vec<String> {
    // The last beep ends with the file.
    let end = format!("{},ss_20,t_1040", sur("b.mp4"));
    let parameters = format!("f_{container},vcodec_{video},acodec_{audio}{end}");
    let outcome = scene.run("a.mp4", &parameters);
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{}", outcome.record["Message"])];
    }
    let reading = outcome.reading();
    let clips = vec![Clip::whole(1, PAL, 1.2), Clip::whole(2, PAL, 1.2).cut(20.0, 26)];
    let expected = Expected {
        beep_tolerance_ms: tolerance_ms(container, audio),
        edge_tolerance_ms: if audio == AudioCodec::Amr { 5.0 } else { 3.0 },
        sample_tolerance: 4608,
        ..Expected::new(PAL, clips)
    };
    let (cuts, differences): (Vec<_>, Vec<_>) =
        expected.differences(&reading).into_iter().partition(is_first_cut);
    let mut faults: Vec<String> = differences.iter().take(4).map(ToString::to_string).collect();
    faults.extend(miscut(&cuts, container, audio));
    if reading.unevenness_ms(PAL) > 2.0 {
        faults.push(format!("uneven by {} ms", reading.unevenness_ms(PAL)));
    }
    faults
}

fn is_first_cut(difference: &Difference) -> bool {
    matches!(difference, Difference::BeepCut { clip: 1, at_ms: 0.0, .. })
}

/// Whether the first beep is cut and should not be, or the other way round.
fn miscut(found: &[Difference], container: Container, audio: AudioCodec) -> Option<String> {
    let cut = CUT.iter().find(|cut| (cut.0, cut.1) == (container, audio));
    let right = match (found, cut) {
        ([], None) => true,
        ([Difference::BeepCut { by_ms, .. }], Some((.., samples))) => {
            (by_ms - samples / 48.0 + UNHEARD_MS).abs() < 1.0
        }
        _ => false,
    };
    (!right).then(|| format!("{found:?} and not {cut:?}"))
}

fn check(container: Container) {
    let source = |id| Source::new(id).seconds(1.2);
    // Other tests check outputs by decoding them; here the check compares packets.
    let scene = Scene::with(|settings| settings.set("VERIFY", "packets"));
    let scene = scene.source("a.mp4", &source(1)).source("b.mp4", &source(2));
    let mut wrong = Vec::new();
    for &video in VideoCodec::ALL {
        for &audio in AudioCodec::ALL {
            if video_ban(container, video)
                .or(audio_ban(container, audio))
                .or(combination_ban(container, Some(video), audio, false))
                .is_some()
            {
                continue;
            }
            let faults = faults(&scene, container, video, audio);
            if !faults.is_empty() {
                wrong.push(format!(
                    "{} {} {}: {faults:?}",
                    container.name(),
                    video.name(),
                    audio.name()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}

macro_rules! containers {
    ($($name:ident $container:ident),*) => {
        $(#[test] fn $name() { check(Container::$container); })*
    };
}

containers!(mp4 Mp4, mkv Mkv, mov Mov, asf Asf, avi Avi, mxf Mxf, ts Ts, flv Flv);

#[test]
fn banned_pairs_are_refused_with_a_reason_before_any_request() {
    let scene = Scene::new();
    for &container in Container::ALL {
        for &video in VideoCodec::ALL {
            for &audio in AudioCodec::ALL {
                let Some(reason) = video_ban(container, video)
                    .or(audio_ban(container, audio))
                    .or(combination_ban(container, Some(video), audio, false))
                else {
                    continue;
                };
                let parameters = format!("f_{container},vcodec_{video},acodec_{audio}");
                let message = scene.run("a.mp4", &parameters).failed("InvalidArgument");
                assert!(message.contains(reason), "{message}");
            }
        }
    }
    assert!(scene.s3.calls().is_empty());
}

/// Segments with every codec that their container supports.
fn check_segments(container: Container, format: &str) {
    let scene = Scene::with(|settings| settings.set("VERIFY", "packets"));
    let scene = scene.source("a.mp4", &Source::new(1).seconds(1.2));
    let mut wrong = Vec::new();
    for &video in VideoCodec::ALL {
        for &audio in AudioCodec::ALL {
            let ban = video_ban(container, video)
                .or(audio_ban(container, audio))
                .or(combination_ban(container, Some(video), audio, true));
            let parameters =
                format!("f_{container},vcodec_{video},acodec_{audio}/segment,f_{format},t_500");
            let outcome = scene.run("a.mp4", &parameters);
            let expected = if ban.is_some() { "Failed" } else { "Succeeded" };
            if outcome.record["Status"] != expected {
                wrong.push(format!("{parameters}: {}", outcome.record["Message"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hls_mp4() {
    check_segments(Container::Mp4, "hls");
}

#[test]
fn hls_ts() {
    check_segments(Container::Ts, "hls");
}

#[test]
fn dash_mp4() {
    check_segments(Container::Mp4, "dash");
}
