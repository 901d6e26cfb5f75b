//! Files with damaged timestamps: the clip keeps its length, and there is a warning.

use std::ops::Range;

use super::scene;
use crate::bed::source::Source;
use crate::ranged::clusters::{CLUSTER, SEGMENT, elements};
use crate::scene::{Scene, USUAL, sur};

const SECONDS: i64 = 90_000;

/// Where the headers begin of a stream's packets that have a presentation time.
fn headers(file: &[u8], streams: std::ops::RangeInclusive<u8>) -> Vec<usize> {
    let is_one = |at: &usize| {
        let head = &file[*at..*at + 9];
        let begins = head.starts_with(&[0, 0, 1]) && streams.contains(&head[3]);
        begins && head[6] & 0xc0 == 0x80 && head[7] & 0x80 != 0 && head[8] >= 5
    };
    (0..file.len() - 20).filter(is_one).collect()
}

fn shift(field: &mut [u8], by: i64) {
    let bits = field.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    let time = (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7fff) << 15 | bits >> 1 & 0x7fff;
    let time = time.wrapping_add_signed(by) % (1 << 33);
    let ones = bits >> 36 << 36 | 1 << 32 | 1 << 16 | 1;
    let bits = ones | time >> 30 << 33 | (time >> 15 & 0x7fff) << 17 | (time & 0x7fff) << 1;
    field.copy_from_slice(&bits.to_be_bytes()[3..]);
}

/// What is wrong with a clip of three seconds, one of whose timestamps is damaged.
fn faults(scene: &Scene, name: &str, bytes: &[u8], case: &str) -> Vec<String> {
    scene.s3.put("sources", name, bytes);
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}{}", sur(name), sur("c.mp4")));
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{case}: {}", outcome.record["Message"])];
    }
    let mut faults = Vec::new();
    let (frames, reading) = (outcome.frames(), outcome.reading());
    if !(74..=78).contains(&frames[1]) {
        faults.push(format!("{case}: {frames:?}"));
    }
    let shown = reading.frames().iter().filter_map(|frame| frame.code());
    let mut shown: Vec<_> = shown.filter(|code| code.clip == 2).map(|code| code.frame).collect();
    let is_sorted = shown.is_sorted();
    shown.dedup();
    if shown.len() < 72 || !is_sorted {
        faults.push(format!("{case}: shows {shown:?}"));
    }
    let beeps = reading.beeps().into_iter().filter(|beep| beep.clip == Some(2));
    let beeps: Vec<f64> = beeps.map(|beep| beep.at_ms).collect();
    let apart = |two: &[f64]| (two[1] - two[0] - 1000.0).abs() < 40.0;
    if beeps.len() != 3 || !beeps.windows(2).all(apart) {
        faults.push(format!("{case}: beeps at {beeps:?}"));
    }
    if !outcome.warnings().contains("it is damaged") {
        faults.push(format!("{case}: {}", outcome.warnings()));
    }
    faults
}

#[test]
fn a_damaged_timestamp_makes_no_frozen_frame() {
    let scene = scene();
    let mut wrong = Vec::new();
    let film = |name: &str| {
        let source = Source::new(2).seconds(3.0).extra_args(&["-g", "25"]);
        let source = match name {
            "b.mpg" => {
                source.video_codec("mpeg2video").audio_codec("mp2").extra_args(&["-f", "vob"])
            }
            _ => source,
        };
        std::fs::read(source.write(name)).unwrap()
    };
    let (ts, ps) = (film("b.ts"), film("b.mpg"));
    let (video, audio) = (0xe0..=0xef, 0xc0..=0xdf);
    for (name, file, streams, part, pts, dts) in [
        ("b.ts", &ts, &video, 2, 200, 0),
        ("b.ts", &ts, &video, 2, 40_000, 40_000),
        ("b.ts", &ts, &video, 2, -30, -30),
        ("b.ts", &ts, &video, 1, 200, 200),
        ("b.ts", &ts, &audio, 2, 200, 200),
        ("b.ts", &ts, &audio, 1, 40_000, 40_000),
        ("b.mpg", &ps, &video, 2, 40_000, 0),
        ("b.mpg", &ps, &audio, 2, 200, 200),
    ] {
        let mut bytes = file.clone();
        let headers = headers(&bytes, streams.clone());
        // In the middle, or the last one.
        let at = headers[headers.len() / part - usize::from(part == 1)];
        shift(&mut bytes[at + 9..at + 14], pts * SECONDS);
        if bytes[at + 7] & 0x40 != 0 {
            shift(&mut bytes[at + 14..at + 19], dts * SECONDS);
        }
        let case = format!("{name}, {streams:?}, 1/{part}, {pts} s, {dts} s");
        wrong.extend(faults(&scene, name, &bytes, &case));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}

/// Where the times are in a Matroska file: of its clusters, and of the blocks of its video and of
/// its audio.
fn times(file: &[u8]) -> [Vec<Range<usize>>; 3] {
    const TIME: u32 = 0xe7;
    const SIMPLE_BLOCK: u32 = 0xa3;
    let inside = |within: Range<usize>| {
        let start = within.start;
        let all = elements(&file[within]).into_iter();
        all.map(move |(id, _, body)| (id, body.start + start..body.end + start))
    };
    let segment = inside(0..file.len()).find(|element| element.0 == SEGMENT).unwrap().1;
    let clusters = inside(segment).filter(|element| element.0 == CLUSTER);
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for (id, body) in clusters.flat_map(|(_, body)| inside(body)) {
        match (id, file[body.start]) {
            (TIME, _) => found[0].push(body),
            (SIMPLE_BLOCK, 0x81) => found[1].push(body.start + 1..body.start + 3),
            (SIMPLE_BLOCK, 0x82) => found[2].push(body.start + 1..body.start + 3),
            _ => {}
        }
    }
    found
}

#[test]
fn a_damaged_time_in_matroska_loses_nothing_of_what_follows() {
    const CLUSTERS: usize = 0;
    const VIDEO: usize = 1;
    const AUDIO: usize = 2;
    let scene = scene();
    let mut wrong = Vec::new();
    let source = Source::new(2).seconds(3.0);
    let source = source.extra_args(&["-g", "25", "-cluster_time_limit", "500"]);
    let file = std::fs::read(source.write("b.mkv")).unwrap();
    let times = times(&file);
    for (kind, ms) in [
        (CLUSTERS, 50_000),
        (CLUSTERS, 4_000),
        (CLUSTERS, 20_000),
        (VIDEO, 30_000),
        (VIDEO, -20_000),
        (AUDIO, 30_000),
        (AUDIO, 3_000),
        (AUDIO, -9_000),
    ] {
        let mut bytes = file.clone();
        let field = &mut bytes[times[kind][times[kind].len() / 2].clone()];
        let time = field.iter().fold(0, |sum: i64, &byte| sum << 8 | i64::from(byte));
        let length = field.len();
        field.copy_from_slice(&(time + ms).to_be_bytes()[8 - length..]);
        wrong.extend(faults(&scene, "b.mkv", &bytes, &format!("b.mkv, {kind}, {ms} ms")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.assert_clean();
}
