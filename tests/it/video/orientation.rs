//! Video that its own stream rotates, in a container that declares nothing.

use std::path::Path;

use super::chart::{Chart, Seen};
use super::studio::{Studio, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::scene::{Outcome, Scene, sur};

const WIDE: Chart = Chart::new(160, 120);
const TALL: Chart = Chart::new(120, 160);
/// All four corners are at their places.
const WHOLE: &str = "rgyw";
const QUICK: &str = "f_mkv,vcodec_h264,acodec_aac,an_1,crf_8";

fn is_whole(outcome: &Outcome, number: usize, size: (usize, usize), square: (usize, usize)) {
    let seen = Seen::of(outcome.file(), outcome.reading().size(), number);
    assert!(seen.is(size, WHOLE, square), "{seen:?}");
}

fn copied(from: &Path, filter: &str, to: &Path) {
    run(ffmpeg().arg("-i").arg(from).args("-c copy -bsf:v".split(' ')).arg(filter).arg(to));
}

/// The H.264 of a chart that is stored rotated, and declares the rotation itself.
fn h264(scene: &Scene, chart: Chart, name: &str) {
    let studio = Studio::new();
    let plain = chart.make(&studio, "plain.mp4", "");
    let (turn, file) = (360 - u32::from(chart.turn), studio.path(name));
    copied(&plain, &format!("h264_metadata=display_orientation=insert:rotate={turn}"), &file);
    put(scene, &file);
}

/// The same in H.265, for a chart that is rotated by 90 degrees.
fn h265(scene: &Scene, chart: Chart, name: &str) {
    let studio = Studio::new();
    let codec = "libx265 -crf 8 -preset ultrafast -pix_fmt yuv420p \
                 -x265-params log-level=error:bframes=0";
    let plain = chart.codec(codec).make(&studio, "plain.h265", "");
    let mut stream = std::fs::read(&plain).unwrap();
    let slice = |bytes: &[u8]| bytes[..3] == [0, 0, 1] && bytes[3] >> 1 < 32;
    let place = stream.windows(4).position(slice).unwrap();
    let angle: u32 = if chart.turn == 90 { 0xc000 } else { 0x4000 };
    // Not canceled, not mirrored, the angle, for all that follows; then a one to the end.
    let [_, payload @ ..] = (angle << 5 | 1 << 4 | 1 << 3).to_be_bytes();
    let mut message = vec![0, 0, 1, 39 << 1, 1, 47, 3];
    message.extend(payload);
    message.push(0x80);
    stream.splice(place..place, message);
    std::fs::write(&plain, stream).unwrap();
    let file = studio.path(name);
    copied(&plain, "setts=ts=N/25/TB", &file);
    put(scene, &file);
}

#[test]
fn the_frame_is_turned_with_its_content() {
    let scene = Scene::new();
    for (name, turn) in [("a.mp4", 90), ("a.ts", 270), ("a.mkv", 180), ("a.flv", 90), ("a.mov", 90)]
    {
        h264(&scene, WIDE.turned_untold(turn), name);
        is_whole(&scene.run(name, QUICK).succeeded(), 5, (160, 120), (60, 60));
        h264(&scene, TALL.turned_untold(turn), name);
        let parameters = format!("{QUICK},s_200x100,arotate_1");
        is_whole(&scene.run(name, &parameters).succeeded(), 5, (100, 200), (50, 75));
    }
    for (name, turn) in [("b.mp4", 90), ("b.ts", 270), ("b.mkv", 270)] {
        h265(&scene, WIDE.turned_untold(turn), name);
        is_whole(&scene.run(name, QUICK).succeeded(), 5, (160, 120), (60, 60));
    }
}

/// Only the first frame declares it, and the second clip begins after that frame.
#[test]
fn a_cut_after_the_message_is_rotated_as_well() {
    let (scene, studio) = (Scene::new(), Studio::new());
    let chart = WIDE.turned_untold(90);
    let short = chart.make(&studio, "short.mp4", "-g 10");
    let long = studio.path("long.mp4");
    let mut command = ffmpeg();
    command.args("-stream_loop 9 -i".split(' ')).arg(&short).args(["-c", "copy"]).arg(&long);
    run(&mut command);
    let file = studio.path("a.mp4");
    copied(&long, "h264_metadata=display_orientation=insert:rotate=270", &file);
    put(&scene, &file);
    WIDE.put(&scene, "b.mp4");
    let parameters = format!("{QUICK}{},ss_2400,t_400", sur("a.mp4"));
    let outcome = scene.run("b.mp4", &parameters).succeeded();
    assert_eq!(outcome.frames(), [10, 10]);
    is_whole(&outcome, 5, (160, 120), (60, 60));
    is_whole(&outcome, 15, (160, 120), (60, 60));
}
