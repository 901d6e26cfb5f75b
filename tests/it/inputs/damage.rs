//! Damaged files: what decodes is used, the record has a warning, and all counts agree.

use super::{PAL, SECONDS, lead_ms, scene};
use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, sur};

const FILMS: [&str; 11] = [
    "b.mp4", "b.mov", "b.mkv", "b.ts", "b.flv", "b.avi", "b.mpg", "b.mxf", "b.wmv", "b.webm",
    "b.ogv",
];

/// The outcome with these bytes between two plain clips.
fn outcome(scene: &Scene, name: &str, bytes: &[u8]) -> Outcome {
    scene.s3.put("sources", name, bytes);
    let parameters = format!("f_mp4,{USUAL}{}{}", sur(name), sur("c.mp4"));
    scene.run("a.mp4", &parameters)
}

/// Two seconds of codecs whose damage can be detected, which is not so for raw audio.
fn film(name: &str) -> Vec<u8> {
    let source = Source::new(2).seconds(2.0).extra_args(&["-g", "12"]);
    let source = match name.rsplit('.').next().unwrap() {
        "mp4" | "mov" => source.extra_args(&["-movflags", "faststart"]),
        "avi" => source.video_codec("mpeg4").audio_codec("ac3"),
        "mpg" => source.video_codec("mpeg2video").audio_codec("mp2"),
        "mxf" => source.video_codec("mpeg2video").no_audio(),
        "wmv" => {
            let source = source.video_codec("wmv2").audio_codec("wmav2");
            source.extra_args(&["-f", "asf"])
        }
        "webm" => source.video_codec("libvpx").audio_codec("libvorbis"),
        "ogv" => {
            let source = source.video_codec("libvpx").audio_codec("libvorbis");
            source.extra_args(&["-f", "ogg"])
        }
        _ => source,
    };
    std::fs::read(source.write(name)).unwrap()
}

/// Files with one damage each: each has to succeed with a warning, with this number of frames, and
/// with the same number in the file as in the record.
fn check(damage: impl Fn(&mut Vec<u8>), least: u64, most: u64, untold: &[&str]) {
    let scene = scene();
    let mut faults = Vec::new();
    for name in FILMS {
        let mut bytes = film(name);
        damage(&mut bytes);
        let outcome = outcome(&scene, name, &bytes);
        if outcome.record["Status"] != "Succeeded" {
            faults.push(format!("{name}: {}", outcome.record["Message"]));
            continue;
        }
        let frames = outcome.frames();
        if !(least..=most).contains(&frames[1]) {
            faults.push(format!("{name}: {frames:?}"));
        }
        if outcome.reading().frame_count() as u64 != frames.iter().sum::<u64>() {
            faults.push(format!("{name}: not {frames:?} in the file"));
        }
        let told = format!("clip 1 (`s3://sources/{name}`): it is damaged");
        if !outcome.warnings().contains(&told) && !untold.contains(&name) {
            faults.push(format!("{name}: no warning"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.assert_clean();
}

#[test]
fn a_file_cut_short_is_used_as_far_as_it_goes() {
    // An Ogg file does not declare its length.
    check(|bytes| bytes.truncate(bytes.len() * 7 / 10), 20, 47, &["b.ogv"]);
}

#[test]
fn flipped_bits_are_survived() {
    let flip = |bytes: &mut Vec<u8>| {
        for place in 8..12 {
            let at = bytes.len() * place / 20;
            bytes[at..at + 150].iter_mut().for_each(|byte| *byte ^= 0xff);
        }
    };
    check(flip, 50, 53, &[]);
}

#[test]
fn a_film_of_which_nothing_decodes_is_refused_by_name() {
    let scene = scene();
    let mut bytes = film("b.mp4");
    let media = bytes.windows(4).position(|four| four == b"mdat").unwrap();
    bytes[media + 4..].iter_mut().for_each(|byte| *byte ^= 0xff);
    for (more, kind) in [("", "video"), (",an_1", "video"), (",vn_1", "audio")] {
        scene.s3.put("sources", "b.mp4", &bytes[..]);
        let parameters = format!("f_mp4,{USUAL}{more}{}{}", sur("b.mp4"), sur("c.mp4"));
        let message = scene.run("a.mp4", &parameters).failed("UnsupportedMedia");
        let whole = format!("clip 1 (`s3://sources/b.mp4`) can't be used: nothing of its {kind}");
        assert!(message.starts_with(&whole), "{message}");
    }
}

#[test]
fn concatenated_transport_streams_are_one_film() {
    let scene = scene();
    let second = Source::new(4).seconds(SECONDS).write("d.ts");
    let both = [film("b.ts"), std::fs::read(second).unwrap()].concat();
    let outcome = outcome(&scene, "joined.ts", &both);
    assert!(outcome.warnings().contains("made continuous"), "{}", outcome.warnings());
    let lead = lead_ms(&scene.s3.path("sources", "joined.ts"));
    let clips = vec![
        Clip::whole(1, PAL, SECONDS),
        Clip::whole(2, PAL, 2.0).cut(0.0, 51).late(lead, lead),
        Clip::whole(4, PAL, SECONDS).cut(0.0, 31).late(lead, lead),
        Clip::whole(3, PAL, SECONDS),
    ];
    // The ends of audio and video differ by less than a frame; the record does not say by how much.
    outcome.shows(&Expected { beep_tolerance_ms: 25.0, ..Expected::new(PAL, clips) });
}

#[test]
fn a_gap_of_an_hour_is_closed() {
    let scene = scene();
    let late = Source::new(4).seconds(SECONDS);
    let late = late.extra_args(&["-output_ts_offset", "3600"]).write("d.ts");
    let both = [film("b.ts"), std::fs::read(late).unwrap()].concat();
    let outcome = outcome(&scene, "gap.ts", &both).succeeded();
    assert!((80..=83).contains(&outcome.frames()[1]), "{:?}", outcome.frames());
}

/// Packets of a transport stream are counted, since decoders do not report every missing one.
#[test]
fn a_lost_packet_of_a_transport_stream_is_reported_and_a_seam_is_none() {
    let scene = scene();
    let told = "of its video lack";
    let whole = film("b.ts");
    let video = |packet: &[u8]| u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff == 0x100;
    let packets: Vec<&[u8]> = whole.chunks(188).collect();
    let lost = (packets.len() / 3..packets.len())
        .find(|&n| video(packets[n]) && video(packets[n - 1]))
        .unwrap();
    let rest = [&packets[..lost], &packets[lost + 1..]].concat().concat();
    let outcome = outcome(&scene, "b.ts", &rest).succeeded();
    assert!(outcome.warnings().contains(told), "{}", outcome.warnings());

    let later = Source::new(3).seconds(2.0).extra_args(&["-output_ts_offset", "2.08"]);
    let joined = [whole, std::fs::read(later.write("later.ts")).unwrap()].concat();
    let outcome = self::outcome(&scene, "b.ts", &joined).succeeded();
    assert!(!outcome.warnings().contains(told), "{}", outcome.warnings());
    assert!(outcome.frames()[1] >= 99, "{:?}", outcome.frames());
}
