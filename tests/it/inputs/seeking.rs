//! Cuts inside long groups of pictures, exact to the frame.

use super::PAL;
use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL};

fn long(codec: &str, parameters: &str) -> Source {
    let option = if codec == "libx264" { "-x264-params" } else { "-x265-params" };
    let source = Source::new(5).video_codec(codec).seconds(12.0);
    source.extra_args(&["-g", "250", option, parameters])
}

/// What is wrong with one second from `start_ms` on.
fn faults(scene: &Scene, name: &str, start_ms: u32) -> Vec<String> {
    let outcome = scene.run(name, &format!("ss_{start_ms},t_1000,f_mp4,{USUAL}"));
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{name} from {start_ms}: {}", outcome.record["Message"])];
    }
    let start = super::lead_ms(&scene.s3.path("sources", name));
    let clip = Clip::whole(5, PAL, 12.0).cut(f64::from(start_ms), 25).late(start, start);
    let expected = Expected::new(PAL, vec![clip]);
    let differences = expected.differences(&outcome.reading());
    let tell = |difference: &crate::bed::expect::Difference| {
        format!("{name} from {start_ms}: {difference}")
    };
    differences.iter().take(3).map(tell).collect()
}

#[track_caller]
fn check(cases: &[(&str, Source)]) {
    let mut scene = Scene::new();
    let mut wrong = Vec::new();
    for (name, source) in cases {
        scene = scene.source(name, source);
        for start_ms in [440, 10_040, 10_640] {
            wrong.extend(faults(&scene, name, start_ms));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn closed_groups_of_250() {
    let plain = || long("libx264", "bframes=3:b-pyramid=normal");
    check(&[
        ("a.mp4", plain()),
        ("a.mkv", plain()),
        ("a.ts", plain()),
        ("live.mkv", plain().extra_args(&["-live", "1"])),
        ("fragments.mp4", plain().extra_args(&["-movflags", "frag_keyframe+delay_moov"])),
        ("a.flv", plain()),
    ]);
}

#[test]
fn open_groups() {
    let open = "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0";
    check(&[
        ("open.mp4", long("libx264", open)),
        ("open.mkv", long("libx264", open)),
        ("open.ts", long("libx264", open)),
    ]);
}

#[test]
fn open_groups_of_h265() {
    let open = "open-gop=1:bframes=3:b-pyramid=1:log-level=error";
    check(&[
        ("open265.mp4", long("libx265", open)),
        ("open265.mkv", long("libx265", open)),
        ("open265.ts", long("libx265", open)),
    ]);
}

#[test]
fn frames_that_are_refreshed_bit_by_bit() {
    let refresh = "intra-refresh=1:bframes=0";
    check(&[
        ("refresh.mp4", long("libx264", refresh).extra_args(&["-g", "50"])),
        ("refresh.mkv", long("libx264", refresh).extra_args(&["-g", "50"])),
    ]);
}
