//! Files that consist of several files.

use super::{FRAMES, SECONDS, made, plain, scene};
use crate::bed::frame_code::FrameCode;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL};

/// Checks that clips 2 and 4, with this number of frames each, are shown and played one after the
/// other. `video` is false if there is none.
fn faults(scene: &Scene, name: &str, bytes: Vec<u8>, video: bool) -> Vec<String> {
    scene.s3.put("sources", name, bytes);
    // Audio alone would have large frames.
    let outcome = scene.run(name, &format!("f_mp4,{USUAL},s_160x120"));
    if outcome.record["Status"] != "Succeeded" {
        return vec![format!("{name}: {}", outcome.record["Message"])];
    }
    let mut faults = Vec::new();
    if outcome.warnings().contains("damaged") {
        faults.push(format!("{name}: {}", outcome.warnings()));
    }
    let reading = outcome.reading();
    let shown: Vec<_> = reading.frames().iter().map(|frame| frame.code()).collect();
    if video {
        for id in [2, 4] {
            let count = shown.iter().flatten().filter(|code| code.clip == id).count();
            if !(FRAMES..=FRAMES + 4).contains(&count) {
                faults.push(format!("{name}: {count} frames of {id}"));
            }
        }
        let order = shown.iter().flatten().map(|code| (code.clip, code.frame));
        if !order.is_sorted() {
            faults.push(format!("{name}: {shown:?}"));
        }
    } else if !(2 * FRAMES..=2 * FRAMES + 6).contains(&shown.len()) {
        faults.push(format!("{name}: {} frames", shown.len()));
    }
    let beeps = reading.beeps();
    let clips: Vec<_> = beeps.iter().map(|beep| beep.clip).collect();
    if clips != [2, 2, 4, 4].map(Some) {
        faults.push(format!("{name}: beeps {beeps:?}"));
        return faults;
    }
    // A beep each second, and those of the second file after the end of the first.
    let off = (beeps[2].at_ms - beeps[0].at_ms) - 1200.0;
    if !(-60.0..=110.0).contains(&off) {
        faults.push(format!("{name}: off by {off} ms"));
    }
    faults
}

fn film(video: &str, audio: &str, more: &[&str]) -> impl Fn(u8) -> Source {
    let (video, audio) = (video.to_owned(), audio.to_owned());
    let more: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
    move |id| {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        plain(id).video_codec(&video).audio_codec(&audio).extra_args(&more)
    }
}

fn bytes(name: &str, source: &Source) -> Vec<u8> {
    std::fs::read(source.write(name)).unwrap()
}

#[test]
fn concatenated_films_are_one_film() {
    let scene = scene();
    let mut all = Vec::new();
    let ogg: &[&str] = &["-f", "ogg"];
    let m2ts: &[&str] = &["-f", "mpegts", "-mpegts_m2ts_mode", "1"];
    for (name, video, audio, more) in [
        ("b.mkv", "libx264", "flac", &[][..]),
        ("b.flv", "libx264", "aac", &[]),
        ("b.ogv", "libvpx", "flac", ogg),
        ("b.mp4", "libx264", "aac", &[]),
        ("pieces.mp4", "libx264", "aac", &["-movflags", "frag_keyframe+empty_moov+delay_moov"]),
        ("b.mov", "mpeg4", "pcm_s16le", &[]),
        ("b.avi", "mpeg4", "ac3", &[]),
        ("b.wmv", "wmv2", "wmav2", &["-f", "asf"]),
        ("b.rm", "rv20", "ac3", &["-q:v", "3"]),
        ("b.mxf", "mpeg2video", "pcm_s16le", &[]),
        ("dvd.vob", "mpeg2video", "pcm_dvd", &["-f", "vob"]),
        ("bluray.m2ts", "libx264", "pcm_bluray", m2ts),
        ("ac3.ts", "libx264", "ac3", &[]),
        ("late.ts", "libx264", "aac", &["-output_ts_offset", "900"]),
    ] {
        let make = film(video, audio, more);
        let joined = [bytes(name, &make(2)), bytes(name, &make(4))].concat();
        all.extend(faults(&scene, name, joined, true));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    scene.assert_clean();
}

#[test]
fn concatenated_audio_files_are_one() {
    let scene = scene();
    let mut all = Vec::new();
    for (name, codec, more) in [
        ("b.wav", "pcm_s16le", &[][..]),
        ("b.flac", "flac", &[]),
        ("b.m4a", "aac", &[]),
        ("b.mp3", "libmp3lame", &[]),
        ("b.caf", "pcm_s16be", &[]),
    ] {
        let make = |id| plain(id).no_video().audio_codec(codec).extra_args(more);
        let joined = [bytes(name, &make(2)), bytes(name, &make(4))].concat();
        all.extend(faults(&scene, name, joined, false));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    scene.assert_clean();
}

/// Neither the description of the second file nor the delay of its encoder is heard.
#[test]
fn concatenated_mp3_files_are_as_long_as_each() {
    let scene = scene();
    let mp3 = |id, more: &[&str]| {
        bytes("b.mp3", &plain(id).no_video().audio_codec("libmp3lame").extra_args(more))
    };
    for (name, more) in [
        ("tagged.mp3", &["-write_id3v1", "1"][..]),
        ("untagged.mp3", &["-id3v2_version", "0"]),
        ("mono.mp3", &["-ac", "1", "-ar", "22050"]),
    ] {
        scene.s3.put("sources", name, [mp3(2, more), mp3(4, more)].concat());
        let outcome = scene.run(name, "f_mkv,vn_1,vcodec_h264,acodec_flac").succeeded();
        let beeps = outcome.reading().beeps();
        let clips: Vec<_> = beeps.iter().map(|beep| beep.clip).collect();
        assert_eq!(clips, [2, 2, 4, 4].map(Some), "{name}: {beeps:?}");
        for (beep, at_ms) in beeps.iter().zip([0.0, 1000.0, 1200.0, 2200.0]) {
            assert!((beep.at_ms - at_ms).abs() < 1.0, "{name}: {beeps:?}");
        }
        assert_eq!(outcome.warnings(), "[]", "{name}");
    }
}

#[test]
fn files_of_several_formats_are_one_film() {
    let scene = scene();
    let mp4 = bytes("b.mp4", &plain(2));
    let mkv = bytes("b.mkv", &plain(4));
    let wav = |id| bytes("b.wav", &plain(id).no_video().audio_codec("pcm_s16le"));
    let flac = bytes("b.flac", &plain(4).no_video().audio_codec("flac"));
    let mut all = faults(&scene, "mp4-mkv.bin", [mp4.clone(), mkv].concat(), true);
    all.extend(faults(&scene, "wav-flac.bin", [wav(2), flac].concat(), false));
    // Written to a pipe: nobody knew how long it would be.
    let mut live = wav(2);
    live[4..8].fill(0xff);
    let data = live.windows(4).position(|four| four == b"data").unwrap();
    live[data + 4..data + 8].fill(0xff);
    all.extend(faults(&scene, "live.wav", [live, wav(4)].concat(), false));
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// If one of them can't be used, it is left out, whichever it is.
#[test]
fn a_part_that_cannot_be_used_is_left_out_by_name() {
    let scene = scene();
    let broken = {
        let mut bytes = bytes("b.mp4", &plain(2));
        let at = bytes.windows(4).position(|four| four == b"moov").unwrap();
        bytes[at..at + 4].copy_from_slice(b"lost");
        bytes
    };
    let whole = bytes("b.mp4", &plain(4));
    for (name, joined, number) in [
        ("first.mp4", [&broken[..], &whole].concat(), 1),
        ("last.mp4", [&whole[..], &broken].concat(), 2),
    ] {
        scene.s3.put("sources", name, joined);
        let outcome = scene.run(name, &format!("f_mp4,{USUAL}")).succeeded();
        let told = format!("number {number} of them was left out");
        assert!(outcome.warnings().contains(&told), "{}", outcome.warnings());
        let reading = outcome.reading();
        let shown = reading.frames().iter().map(|frame| frame.code().map(|it| it.clip));
        let shown: Vec<_> = shown.collect();
        assert!((FRAMES..FRAMES + 3).contains(&shown.len()), "{}", shown.len());
        assert!(shown.iter().all(|clip| *clip == Some(4)), "{shown:?}");
    }
}

/// The timestamps of one file jump forward or back.
/// The clock of a transport stream is in the packets of its video, so that nothing but the audio's
/// timestamps shows at first that another file has begun.
#[test]
fn video_that_begins_late_in_joined_files() {
    let scene = scene();
    let mut all = Vec::new();
    for (name, audio, late) in [
        ("second.ts", "aac", [0, 6]),
        ("both.ts", "ac3", [3, 3]),
        ("first.ts", "mp2", [6, 0]),
        ("both.m2ts", "ac3", [6, 6]),
    ] {
        let seconds = |late: u32| f64::from(late) + SECONDS;
        let m2ts: &[&str] = if name.ends_with("m2ts") { &["-mpegts_m2ts_mode", "1"] } else { &[] };
        let source = |id, late: u32| {
            let source = plain(id).video_codec("libx264").audio_codec(audio).extra_args(m2ts);
            bytes(name, &source.audio_seconds(seconds(late)).start_offset_ms(late * 1000, 0))
        };
        scene.s3.put("sources", name, [source(2, late[0]), source(4, late[1])].concat());
        let outcome = scene.run(name, &format!("f_mp4,{USUAL}"));
        assert_eq!(outcome.record["Status"], "Succeeded", "{name}: {:#}", outcome.record);
        let reading = outcome.reading();
        let beeps = reading.beeps();
        let heard = |id| beeps.iter().find(|beep| beep.clip == Some(id)).unwrap().at_ms;
        let codes: Vec<_> = reading.frames().iter().map(|frame| frame.code()).collect();
        // Its first frame is held in front as well.
        let shown = |id: u8| {
            let is_second = |code: &Option<FrameCode>| {
                code.is_some_and(|code| (code.clip, code.frame) == (id, 1))
            };
            let second = codes.iter().position(is_second);
            second.map_or(f64::NAN, |frame| (frame as f64 - 1.0) * 40.0)
        };
        let off = [
            shown(2) - heard(2) - f64::from(late[0]) * 1000.0,
            shown(4) - heard(4) - f64::from(late[1]) * 1000.0,
            heard(4) - heard(2) - seconds(late[0]) * 1000.0,
        ];
        if off.iter().any(|off| !(-110.0..=110.0).contains(off)) {
            all.push(format!("{name}: off by {off:?} ms"));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_clock_that_jumps_leaves_no_gap() {
    let scene = scene();
    let source = plain(2).seconds(2.4).extra_args(&["-g", "30"]);
    let film = bytes("b.flv", &source);
    let mut all = Vec::new();
    for (name, jump) in [("ahead.flv", 600_000), ("back.flv", -1_500), ("day.flv", 86_400_000)] {
        scene.s3.put("sources", name, jumping(&film, 1600, jump));
        let outcome = scene.run(name, &format!("f_mp4,{USUAL}"));
        if outcome.record["Status"] != "Succeeded" {
            all.push(format!("{name}: {}", outcome.record["Message"]));
            continue;
        }
        if !outcome.warnings().contains("made continuous") {
            all.push(format!("{name}: {}", outcome.warnings()));
        }
        let shown: Vec<_> = outcome.reading().frames().iter().map(|it| it.code()).collect();
        let numbers: Vec<_> = shown.iter().flatten().map(|code| code.frame).collect();
        let whole = (0..60).all(|frame| numbers.contains(&frame));
        if !whole || !numbers.is_sorted() || !(60..=66).contains(&shown.len()) {
            all.push(format!("{name}: {numbers:?}"));
        }
        let beeps = outcome.reading().beeps();
        let apart: Vec<_> = beeps.windows(2).map(|two| two[1].at_ms - two[0].at_ms).collect();
        if beeps.len() != 3 || apart.iter().any(|apart| (apart - 1000.0).abs() > 60.0) {
            all.push(format!("{name}: {beeps:?}"));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Elsewhere it may be meant so.
#[test]
fn a_pause_of_all_streams_stays_with_a_warning() {
    let scene = scene();
    let steady = plain(2).seconds(2.0).extra_args(&["-bf", "0"]).write("steady.mp4");
    for name in ["pause.mp4", "pause.mkv", "pause.mov"] {
        let later = "setts=ts='TS+if(gte(TS*TB,0.99),12/TB,0)'";
        let words = format!("-i {{}} -map 0 -c copy -bsf:v {later} -bsf:a {later}");
        scene.s3.put("sources", name, made(&steady, &words, name));
        let outcome = scene.run(name, &format!("f_mp4,{USUAL}")).succeeded();
        assert!(outcome.warnings().contains("jump by 12 s, "), "{name}: {}", outcome.warnings());
        let frames = outcome.reading().frames().len();
        assert!((350..353).contains(&frames), "{name}: {frames}");
    }
    // A picture that is shown for long is not a pause.
    scene.s3.put("sources", "slides.mp4", bytes("slides.mp4", &plain(2).rate(1, 15).seconds(45.0)));
    let outcome = scene.run("slides.mp4", &format!("f_mp4,{USUAL},fps_5")).succeeded();
    assert_eq!(outcome.warnings(), "[]");
}

/// Moves the clock of Flash video, from a time on.
fn jumping(film: &[u8], from: i64, jump: i64) -> Vec<u8> {
    let mut film = film.to_vec();
    let mut at = 13;
    while at + 11 < film.len() {
        let size = u32::from_be_bytes([0, film[at + 1], film[at + 2], film[at + 3]]) as usize;
        let time = u32::from_be_bytes([film[at + 7], film[at + 4], film[at + 5], film[at + 6]]);
        if i64::from(time) >= from {
            let moved = u32::try_from(i64::from(time) + jump).unwrap().to_be_bytes();
            film[at + 7] = moved[0];
            film[at + 4..at + 7].copy_from_slice(&moved[1..]);
        }
        at += size + 15;
    }
    film
}
