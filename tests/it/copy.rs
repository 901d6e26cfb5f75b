//! Groups of pictures that are copied: the same frames at the same places, and only if the request
//! allows it.

use std::path::Path;

use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, sur};

const PAL: (u32, u32) = (25, 1);
/// At this bit rate, each of these sources can be copied.
pub(crate) const SATISFIED: &str = "vcodec_h264,acodec_aac,vb_9000000,vbopt_1";

/// Six seconds in closed groups of one second.
pub(crate) fn grouped(id: u8) -> Source {
    Source::new(id).seconds(6.0).extra_args(&["-g", "25", "-sc_threshold", "0"])
}

pub(crate) fn copied(outcome: &Outcome) -> Vec<u64> {
    let timeline = outcome.record["Timeline"].as_array().unwrap();
    timeline.iter().map(|place| place["Copied"].as_u64().unwrap()).collect()
}

/// A hash of every frame in display order, from this time on.
fn frames(file: &Path, from: &str) -> Vec<String> {
    let mut command = ffmpeg();
    command.args(["-ss", from, "-i"]).arg(file);
    command.args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let text = String::from_utf8(run(&mut command).stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

#[test]
fn copied_frames_are_the_source_s_and_edges_are_encoded() {
    for (verify, source, targets) in [
        ("decode", "a.mp4", &["mp4", "mkv", "ts", "mov"][..]),
        ("packets", "a.mkv", &["mp4", "ts"]),
        ("packets", "a.ts", &["mp4", "mkv"]),
    ] {
        let scene = Scene::with(|settings| settings.set("VERIFY", verify));
        let scene = scene.source(source, &grouped(1));
        let original = frames(&scene.s3.path("sources", source), "0");
        for target in targets {
            let parameters = format!("f_{target},{SATISFIED},ss_520,t_4000");
            let outcome = scene.run(source, &parameters).succeeded();
            assert_eq!(copied(&outcome), [75], "{source} {target}: {:#}", outcome.record);
            assert_eq!(outcome.record["Verified"]["Frames"], 100);
            let made = frames(outcome.file(), "0");
            assert_eq!(made.len(), 100);
            let first = (0..=25).find(|&first| made[first..first + 75] == original[25..100]);
            assert!(first.is_some(), "{source} {target}");
            // After a seek into the copied part, and after it.
            for (from, frame) in [("2.0", 50), ("3.8", 95)] {
                let sought = frames(outcome.file(), from);
                let (left, name) = (sought.len(), format!("{source} {target} {from}"));
                assert!(made.ends_with(&sought), "{name}: {left}");
                // A transport stream has no index: ffmpeg begins at the next key frame.
                let off = if *target == "ts" { 26 } else { 3 };
                assert!(left.abs_diff(100 - frame) < off, "{name}: {left}");
            }
        }
        scene.assert_clean();
    }
}

/// The copied part begins long after the start of the source, whose video begins after its audio.
#[test]
fn a_late_part_of_a_source_is_copied() {
    let source = grouped(1).seconds(14.0).start_offset_ms(400, 0);
    let scene = Scene::new().source("late.mp4", &source);
    let original = frames(&scene.s3.path("sources", "late.mp4"), "0");
    for (start, first) in [("ss_8520", 203), ("ss_9400", 225)] {
        let outcome =
            scene.run("late.mp4", &format!("f_mp4,{SATISFIED},{start},t_4000")).succeeded();
        let copied = copied(&outcome)[0];
        assert!((75..=100).contains(&copied), "{start}: {:#}", outcome.record);
        let made = frames(outcome.file(), "0");
        assert_eq!(made.len(), 100);
        let (whole, place) = (225 - first, usize::try_from(copied).unwrap());
        assert_eq!(made[whole..whole + place], original[225..225 + place], "{start}");
    }
}

#[test]
fn clips_that_fit_are_copied_whole_and_others_encoded_between() {
    let scene = Scene::new()
        .source("a.mp4", &grouped(1))
        .source("b.mp4", &Source::new(2).size(320, 240))
        .source("c.mp4", &grouped(3));
    let parameters = format!("f_mp4,{SATISFIED}{}{}", sur("b.mp4"), sur("c.mp4"));
    let clips = vec![Clip::whole(1, PAL, 6.0), Clip::whole(2, PAL, 2.0), Clip::whole(3, PAL, 6.0)];
    let outcome = scene.run("a.mp4", &parameters).shows(&Expected::new(PAL, clips));
    assert_eq!(copied(&outcome), [150, 0, 150]);
    let segmented = scene.segment(&format!("f_mp4,{SATISFIED}"), "f_hls,t_2000", "list.m3u8");
    assert_eq!(copied(&segmented.succeeded()), [150, 0]);
}

#[test]
fn what_was_asked_for_is_encoded() {
    let scene = Scene::new().source("a.mp4", &grouped(1));
    for (parameters, frames) in [
        ("vb_9000000,vbopt_1", 150),
        ("vb_9000000", 0),
        ("vb_10000,vbopt_1", 0),
        ("crf_23", 0),
        ("g_250", 0),
        ("vb_9000000,vbopt_1,g_20", 0),
        ("vb_9000000,vbopt_1,fps_30", 0),
        ("vb_9000000,vbopt_1,s_320x240", 0),
        ("vb_9000000,vbopt_1,pixfmt_yuv422p", 0),
    ] {
        let parameters = format!("f_mp4,vcodec_h264,acodec_aac,{parameters}");
        let outcome = scene.run("a.mp4", &parameters).succeeded();
        assert_eq!(copied(&outcome), [frames], "{parameters}");
    }
    let never = Scene::with(|settings| settings.set("COPY", "never"));
    let never = never.source("a.mp4", &grouped(1));
    assert_eq!(copied(&never.run("a.mp4", &format!("f_mp4,{SATISFIED}")).succeeded()), [0]);
    let fitting = Scene::with(|settings| settings.set("COPY", "fitting"));
    let fitting = fitting.source("a.mp4", &grouped(1));
    let outcome = fitting.run("a.mp4", "f_mp4,vcodec_h264,acodec_aac").succeeded();
    assert_eq!(copied(&outcome), [150]);
    assert!(outcome.warnings().contains("150 of 150 frames were copied"), "{:#}", outcome.record);
    assert_eq!(copied(&fitting.run("a.mp4", "f_mp4,vcodec_h264,acodec_aac,crf_30")), [0]);
}

/// Each plays to its end as if all of it were encoded.
#[test]
fn groups_that_can_not_stand_alone_are_encoded() {
    let open = "open-gop=1:keyint=25:scenecut=0:bframes=2:b-adapt=0";
    for (name, source, most) in [
        ("open groups", grouped(1).extra_args(&["-x264-params", open]), 0),
        ("interlaced", grouped(1).size(160, 128).interlaced(), 0),
        ("one long group", Source::new(1).seconds(6.0), 0),
        ("a baseline profile", grouped(1).extra_args(&["-profile:v", "baseline"]), 0),
        ("a high level", grouped(1).extra_args(&["-level", "6.1"]), 0),
        ("pixels that are not square", grouped(1).sar(4, 3), 0),
        ("full range", grouped(1).pixel_format("yuvj420p"), 0),
        ("another rate in the middle", Source::new(1).seconds(6.0).vfr(&[40, 40, 40, 60]), 0),
        ("rotated", grouped(1).rotation(180), 0),
    ] {
        let scene = Scene::new().source("a.mp4", &source);
        let outcome = scene.run("a.mp4", &format!("f_mp4,{SATISFIED},s_160x120")).succeeded();
        assert!(copied(&outcome)[0] <= most, "{name}: {:#}", outcome.record);
    }
}

#[test]
fn a_damaged_group_is_encoded() {
    let scene = Scene::new();
    let file = grouped(1).write("a.mp4");
    let mut bytes = std::fs::read(file).unwrap();
    let at = bytes.windows(4).position(|kind| kind == b"mdat").unwrap();
    let middle = at + (bytes.len() - at) / 3;
    bytes[middle..middle + 400].fill(0xaa);
    scene.s3.put("sources", "a.mp4", bytes);
    let outcome = scene.run("a.mp4", &format!("f_mp4,{SATISFIED}")).succeeded();
    assert_eq!(copied(&outcome), [0]);
}
