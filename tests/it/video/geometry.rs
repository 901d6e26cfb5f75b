//! `s`, `sopt`, `scaletype` and `arotate`; rotation and non-square pixels.

use super::chart::{Chart, Seen};
use crate::scene::{Outcome, Scene, sur};

const WIDE: Chart = Chart::new(160, 120);
const TALL: Chart = Chart::new(120, 160);
const LOSSLESS: &str = "ffv1 -pix_fmt yuv444p";
/// All four corners are at their places.
const WHOLE: &str = "rgyw";

const QUICK: &str = "vcodec_h264,acodec_aac,an_1,crf_8";

fn seen(outcome: &Outcome, number: usize) -> Seen {
    Seen::of(outcome.file(), outcome.reading().size(), number)
}

fn run(chart: Chart, name: &str, parameters: &str) -> Outcome {
    let scene = Scene::new();
    chart.put(&scene, name);
    let comma = if parameters.is_empty() { "" } else { "," };
    scene.run(name, &format!("f_mkv,{QUICK}{comma}{parameters}"))
}

type Case = (&'static str, &'static str, Chart, (usize, usize), &'static str, (usize, usize));

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for &(parameters, name, chart, size, corners, square) in cases {
        let outcome = run(chart, name, parameters).succeeded();
        let seen = seen(&outcome, 5);
        if !seen.is(size, corners, square) {
            wrong.push(format!("{name} {parameters}: {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_frame_has_the_asked_sides() {
    check(&[
        ("", "a.mp4", WIDE, (160, 120), WHOLE, (60, 60)),
        ("s_200x100", "a.mp4", WIDE, (200, 100), WHOLE, (75, 50)),
        ("s_200x", "a.mp4", WIDE, (200, 120), WHOLE, (75, 60)),
        ("s_x90", "a.mp4", WIDE, (160, 90), WHOLE, (60, 45)),
        ("s_201x101", "a.mp4", WIDE, (200, 100), WHOLE, (75, 50)),
        // The missing side is computed from the display size, not from the stored size.
        ("s_200x", "a.mp4", TALL.turned(90), (200, 160), WHOLE, (100, 60)),
        ("s_x90", "a.mp4", WIDE.aspect(2), (160, 90), WHOLE, (60, 45)),
    ]);
}

#[test]
fn scale_types_place_the_video() {
    let frame = (200, 100);
    check(&[
        ("s_200x100,scaletype_stretch", "a.mp4", WIDE, frame, WHOLE, (75, 50)),
        ("s_200x100,scaletype_crop", "a.mp4", WIDE, frame, "bbbb", (75, 75)),
        ("s_200x100,scaletype_fill", "a.mp4", WIDE, frame, "kkkk", (50, 50)),
        ("s_200x100,scaletype_fit", "a.mp4", WIDE, (134, 100), WHOLE, (50, 50)),
        ("s_100x200,scaletype_crop", "a.mp4", WIDE, (100, 200), "bbbb", (100, 100)),
        ("s_100x200,scaletype_fill", "a.mp4", WIDE, (100, 200), "kkkk", (38, 38)),
        ("s_100x200,scaletype_fit", "a.mp4", WIDE, (100, 76), WHOLE, (38, 38)),
    ]);
}

#[test]
fn a_turned_or_narrow_align_clip_is_seen_upright() {
    check(&[
        ("", "a.mp4", WIDE.turned(90), (160, 120), WHOLE, (60, 60)),
        ("", "a.mp4", WIDE.turned(180), (160, 120), WHOLE, (60, 60)),
        ("", "a.mov", WIDE.turned(270), (160, 120), WHOLE, (60, 60)),
        ("", "a.mp4", TALL.turned(270), (120, 160), WHOLE, (60, 60)),
        ("", "a.mp4", WIDE.aspect(2), (160, 120), WHOLE, (60, 60)),
    ]);
}

#[test]
fn odd_sources_lose_a_line() {
    let odd = Chart::new(161, 121).codec(LOSSLESS);
    check(&[
        ("", "a.mkv", odd, (160, 120), WHOLE, (60, 60)),
        ("pixfmt_yuv420p", "a.mkv", odd, (160, 120), WHOLE, (60, 60)),
        ("s_201x", "a.mkv", odd, (200, 120), WHOLE, (75, 60)),
    ]);
    let outcome = run(odd, "a.mkv", "").succeeded();
    assert!(outcome.warnings().contains("161x121"));
}

#[test]
fn arotate_turns_the_frame_to_the_clip() {
    check(&[
        ("s_200x100,arotate_1", "a.mp4", WIDE, (200, 100), WHOLE, (75, 50)),
        ("s_200x100,arotate_1", "a.mp4", TALL, (100, 200), WHOLE, (50, 75)),
        ("s_200x100,arotate_1", "a.mp4", TALL.turned(90), (100, 200), WHOLE, (50, 75)),
        ("s_100x200,arotate_1", "a.mp4", WIDE, (200, 100), WHOLE, (75, 50)),
        ("s_100x200,arotate_0", "a.mp4", WIDE, (100, 200), WHOLE, (38, 100)),
        ("s_200x,arotate_1", "a.mp4", TALL, (120, 200), WHOLE, (60, 75)),
        ("s_x100,arotate_1", "a.mp4", TALL, (100, 160), WHOLE, (50, 60)),
    ]);
}

#[test]
fn sopt_compares_areas() {
    check(&[
        ("s_320x240,sopt_0", "a.mp4", WIDE, (320, 240), WHOLE, (120, 120)),
        ("s_320x240,sopt_1", "a.mp4", WIDE, (160, 120), WHOLE, (60, 60)),
        ("s_80x60,sopt_1", "a.mp4", WIDE, (80, 60), WHOLE, (30, 30)),
        // Wider, and yet smaller.
        ("s_200x90,sopt_1", "a.mp4", WIDE, (200, 90), WHOLE, (75, 45)),
        ("s_200x90,sopt_2", "a.mp4", WIDE, (200, 90), WHOLE, (75, 45)),
        ("s_160x120,sopt_2", "a.mp4", WIDE, (160, 120), WHOLE, (60, 60)),
    ]);
    let message = run(WIDE, "a.mp4", "s_162x120,sopt_2").failed("InvalidArgument");
    assert!(message.contains("162x120") && message.contains("160x120"), "{message}");
}

/// Every clip after the first is scaled into the frame of the first.
#[test]
fn other_clips_are_fitted_into_the_frame() {
    let scene = Scene::new();
    WIDE.put(&scene, "wide.mp4");
    TALL.turned(90).put(&scene, "turned.mp4");
    Chart::new(240, 120).aspect(2).put(&scene, "narrow.mp4");
    Chart::new(81, 61).codec(LOSSLESS).put(&scene, "odd.mkv");
    let others = sur("turned.mp4") + &sur("narrow.mp4") + &sur("odd.mkv");
    let mut wrong = Vec::new();
    for (parameters, size, expected) in [
        ("", (160, 120), [("kkkk", (44, 44)), ("kkkk", (40, 40)), (WHOLE, (60, 60))]),
        (",s_200x100", (200, 100), [(WHOLE, (100, 38)), (WHOLE, (50, 50)), (WHOLE, (75, 50))]),
        (
            ",s_160x120,scaletype_crop",
            (160, 120),
            [("bbbb", (80, 80)), ("bbbb", (60, 60)), (WHOLE, (60, 60))],
        ),
        (
            ",s_200x100,scaletype_fit",
            (134, 100),
            [("kkkk", (38, 38)), ("kkkk", (34, 34)), (WHOLE, (50, 50))],
        ),
    ] {
        let parameters = format!("f_mp4,{QUICK}{parameters}{others}");
        let outcome = scene.run("wide.mp4", &parameters).succeeded();
        for (clip, (corners, square)) in (1..).zip(expected) {
            let seen = seen(&outcome, clip * 10 + 5);
            if !seen.is(size, corners, square) {
                wrong.push(format!("clip {clip} {parameters}: {seen:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
