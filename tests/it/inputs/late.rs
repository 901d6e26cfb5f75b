//! Streams that begin long after the others of their file.

use super::{Between, PAL, SECONDS, all_faults, plain, scene};
use crate::bed::expect::Clip;
use crate::bed::source::Source;

/// A source in which one kind of stream begins this many seconds later.
fn late(name: &str, seconds: u32, video: bool) -> (Between, Source) {
    let late_ms = f64::from(seconds) * 1000.0;
    let whole = f64::from(seconds) + SECONDS;
    let frames = Clip::whole(2, PAL, whole).frames;
    let codecs = if name.ends_with("mpg") { ("mpeg2video", "mp2") } else { ("libx264", "aac") };
    let source = plain(2).video_codec(codecs.0).audio_codec(codecs.1);
    if video {
        // How late it is, is read from the file.
        let clip =
            |clip: Clip| Clip { frames, audio_ms: whole * 1000.0, ..clip.late(0.0, -late_ms) };
        let source = source.audio_seconds(whole).start_offset_ms(seconds * 1000, 0);
        (Between::new(name).clip(clip), source)
    } else {
        let clip = |clip: Clip| Clip { frames, source_frames: frames, ..clip.late(0.0, late_ms) };
        let source = source.video_seconds(whole).start_offset_ms(0, seconds * 1000);
        (Between::new(name).clip(clip), source)
    }
}

#[track_caller]
fn check(cases: &[(&str, u32)], video: bool) {
    super::check_all(cases.iter().map(|&(name, seconds)| late(name, seconds, video)));
}

#[test]
fn video_that_begins_late() {
    let cases = [("b.mp4", 12), ("b.mkv", 30), ("b.mpg", 6), ("c.mpg", 12), ("b.ts", 30)];
    check(&[&cases[..], &[("b.flv", 12), ("b.mov", 6)]].concat(), true);
}

#[test]
fn audio_that_begins_late() {
    check(&[("b.mp4", 6), ("b.mkv", 12), ("b.mpg", 30), ("b.ts", 12), ("b.flv", 6)], false);
}

/// The header and the script of an FLV file may announce only the audio.
#[test]
fn video_that_is_not_announced() {
    let scene = scene();
    let mut sources = Vec::new();
    for (name, seconds) in [("b.flv", 6), ("later.flv", 30)] {
        let (between, source) = late(name, seconds, true);
        // Nothing of it is read from the file; its audio begins a packet early.
        let packet_ms = 1024.0 / 48.0;
        let late_ms = f64::from(seconds) * 1000.0 + packet_ms;
        let between = between.clip(|clip| clip.late(late_ms, packet_ms));
        let bytes = unannounced(&std::fs::read(source.write(name)).unwrap());
        scene.s3.put("sources", name, bytes);
        sources.push(between);
    }
    let faults = all_faults(&scene, &sources);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The header declares audio only, there is no script tag, and the configuration of the video's
/// decoder comes just before its first frame.
fn unannounced(bytes: &[u8]) -> Vec<u8> {
    const AUDIO: u8 = 4;
    let (header, mut rest) = bytes.split_at(13);
    let mut found = header.to_vec();
    found[4] = AUDIO;
    let mut setup = Vec::new();
    while let [kind, a, b, c, ..] = *rest {
        let length = u32::from_be_bytes([0, a, b, c]) as usize + 15;
        let (tag, behind) = rest.split_at(length);
        rest = behind;
        match (kind, tag[12]) {
            (18, _) => {}
            (9, 0) => setup = tag.to_vec(),
            (9, _) if !setup.is_empty() => {
                setup[4..8].copy_from_slice(&tag[4..8]);
                found.append(&mut setup);
                found.extend_from_slice(tag);
            }
            _ => found.extend_from_slice(tag),
        }
    }
    found
}
