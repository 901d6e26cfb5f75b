//! Every container with every codec that it is allowed to hold: the file plays
//! back in order and in sync, or the pair is refused before anything is done.

use video_concat::process::codec::{
    AudioCodec, Container, VideoCodec, audio_ban, combination_ban, video_ban,
};

use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

const PAL: (u32, u32) = (25, 1);

/// What is wrong with the output of one combination; nothing is right.
fn faults(
    scene: &Scene,
    container: Container,
    video: VideoCodec,
    audio: AudioCodec,
) -> Vec<String> {
    let parameters = format!(
        "f_{},vcodec_{},acodec_{}{}",
        container.name(),
        video.name(),
        audio.name(),
        sur("b.mp4")
    );
    let outcome = scene.run("a.mp4", &parameters);
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{}", outcome.record["Message"])];
    }
    let reading = outcome.reading();
    let clips = vec![Clip::whole(1, PAL, 1.2), Clip::whole(2, PAL, 1.2)];
    let expected =
        Expected { beep_tolerance_ms: 12.0, sample_tolerance: 4608, ..Expected::new(PAL, clips) };
    // AVI can't tell an encoder's delay: the sound behind it is in place, and
    // the first beep is cut by it.
    let cut_short = |difference: &Difference| {
        container == Container::Avi
            && matches!(difference, Difference::BeepShifted { at_ms, .. } if *at_ms == 0.0)
    };
    let mut faults: Vec<String> = expected
        .differences(&reading)
        .iter()
        .filter(|difference| !cut_short(difference))
        .take(4)
        .map(ToString::to_string)
        .collect();
    if reading.unevenness_ms(PAL) > 2.0 {
        faults.push(format!("uneven by {} ms", reading.unevenness_ms(PAL)));
    }
    faults
}

fn check(container: Container) {
    let source = |id| Source::new(id).seconds(1.2);
    let scene = Scene::new().source("a.mp4", &source(1)).source("b.mp4", &source(2));
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

/// Segments of every codec that their container has.
fn check_segments(container: Container, format: &str) {
    let scene = Scene::new().source("a.mp4", &Source::new(1).seconds(1.2));
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
