//! Sources that claim too much: sizes, counts, lengths, depths.

use std::fs;

use super::{PAL, SECONDS, Trap, film};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::boxes::{boxed, changed, children, with_number};

const SAMPLE_TABLE: [&str; 5] = ["moov", "trak", "mdia", "minf", "stbl"];

/// A film with the video before the header, so that boxes may grow.
fn mp4() -> Vec<u8> {
    fs::read(film(2).write("film.mp4")).unwrap()
}

/// The film with one table of each track changed.
fn table(name: &str, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    table_of(&mp4(), name, change)
}

fn table_of(film: &[u8], name: &str, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    changed(film, &[&SAMPLE_TABLE[..], &[name]].concat(), change)
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// Frames of a codec that takes their size from the container.
fn unsized_film(name: &str) -> Vec<u8> {
    let source = Source::new(2).size(320, 320).seconds(0.2).video_codec("ffv1").no_audio();
    fs::read(source.write(name)).unwrap()
}

/// The width and height as encoded in the format, and their replacement.
fn sized(name: &str, side: u16) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let film = unsized_film(name);
    if name == "a.mkv" {
        let from = [0xb0, 0x82, 1, 64, 0xba, 0x82, 1, 64];
        replaced(film, &from, &[0xb0, 0x82, high, low, 0xba, 0x82, high, low])
    } else {
        let from = [40, 0, 0, 0, 64, 1, 0, 0, 64, 1, 0, 0];
        replaced(film, &from, &[40, 0, 0, 0, low, high, 0, 0, low, high, 0, 0])
    }
}

fn nested(kind: &str, depth: usize) -> Vec<u8> {
    let ftyp = boxed("ftyp", b"isom\0\0\0\0isom");
    let boxes = (1..=depth).rev().flat_map(|inner| {
        let size = u32::try_from(8 * inner).unwrap().to_be_bytes();
        [&size, kind.as_bytes()].concat()
    });
    [ftyp, boxes.collect()].concat()
}

/// This many tracks, all of which refer to the film's media.
fn many_tracks(count: usize) -> Vec<u8> {
    changed(&mp4(), &["moov"], &|movie| {
        let all = children(movie);
        let (_, track) = all.iter().find(|(kind, _)| *kind == b"trak").unwrap();
        [movie, &movie[track.clone()].repeat(count)].concat()
    })
}

/// A movie header in compressed form that claims to unpack to four gigabytes.
fn packed_header() -> Vec<u8> {
    let packed = boxed("dcom", b"zlib");
    let movie = boxed("cmvd", &[&[0xff; 4][..], &[0x78, 0x9c, 3, 0]].concat());
    let movie = boxed("moov", &boxed("cmov", &[packed, movie].concat()));
    [boxed("ftyp", b"qt  \0\0\0\0qt  "), movie].concat()
}

#[test]
fn what_can_not_be_is_refused() {
    let trap = Trap::new();
    let most = u32::MAX;
    for (name, bytes, words) in [
        ("wide.mkv", sized("a.mkv", u16::MAX), "size 65535x65535 is invalid"),
        ("wide.avi", sized("a.avi", u16::MAX), "size 65535x65535 is invalid"),
        ("tracks.mp4", many_tracks(5000), "streams exceeds max_streams"),
        ("movies.mp4", nested("moov", 20_000), "too deeply nested"),
        ("nested.mp4", nested("trak", 20_000), "not at top-level"),
        ("packed.mov", packed_header(), "ran out of the 2880 MB"),
        ("samples.mp4", table("stsz", &|sizes| with_number(sizes, 8, most)), "damaged"),
        ("times.mp4", table("stts", &|times| with_number(times, 4, most)), "ran out of"),
    ] {
        let message = trap.task(name, &bytes).failed("UnsupportedMedia");
        assert!(message.contains(words), "{name}: {message}");
    }
    trap.assert_unharmed();
}

#[test]
fn what_is_not_there_is_not_waited_for() {
    let trap = Trap::new();
    for (name, table_name, place) in [("frames.mp4", "stts", 8), ("chunks.mp4", "stco", 4)] {
        let bytes = table(table_name, &|entries| with_number(entries, place, u32::MAX));
        let clips = vec![Clip::whole(2, PAL, SECONDS)];
        trap.task(name, &bytes).shows(&Expected::new(PAL, clips));
    }
    trap.assert_unharmed();
}

/// The last frame lasts for two days.
#[test]
fn a_film_without_end_ends_with_the_function_s_time() {
    let trap = Trap::new();
    let entries = [2, 24, 512, 1, i32::MAX].map(i32::to_be_bytes).concat();
    // An edit list would cut it off.
    let film = film(2).extra_args(&["-use_editlist", "0"]).write("whole.mp4");
    let film = fs::read(film).unwrap();
    let bytes = table_of(&film, "stts", &|_| [&[0; 4], &entries[..]].concat());
    let record = trap.task_within("long.mp4", &bytes, 10);
    assert_eq!(record["Code"], "DeadlineExceeded", "{record:#}");
    trap.assert_unharmed();
}

/// Thirty megabytes, each byte of which is six in JSON.
#[test]
fn a_title_is_not_read() {
    let trap = Trap::new();
    let audio = film(2).no_video().audio_codec("libmp3lame");
    let audio = fs::read(audio.write("film.mp3")).unwrap();
    let title = vec![1; 30_000_000];
    let frame = [b"TIT2", &tag_size(title.len())[..], &[0, 0, 3], &title].concat();
    let tag = [b"ID3\x04\x00\x00", &tag_size(frame.len())[..], &frame].concat();
    trap.task("titled.mp3", &[tag, audio].concat()).succeeded();
    assert!(trap.scene.function.peak_memory().unwrap() < 64 * 1024 * 1024);
    trap.assert_unharmed();
}

/// Four bytes of seven bits each.
fn tag_size(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap())
}

/// A video of 64 megapixels in a few bytes, which no function of this size could encode.
#[test]
fn a_bomb_does_not_take_more_memory_than_there_is() {
    let trap = Trap::with_memory("512");
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.mov");
    let made = "-f lavfi -i color=s=64x64:r=25:d=0.2 -c:v png -pix_fmt rgba64be".split(' ');
    run(ffmpeg().args(made).arg(&small));
    let mut bytes = fs::read(small).unwrap();
    let headers: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| four == b"IHDR")
        .map(|(at, _)| at)
        .collect();
    for at in headers {
        bytes[at + 4..at + 12].copy_from_slice(&[0, 0, 0x1f, 0xff, 0, 0, 0x1f, 0xff]);
    }
    let message = trap.task("bomb.mov", &bytes).failed("UnsupportedMedia");
    assert!(message.contains("ran out of the 288 MB"), "{message}");
    trap.assert_unharmed();
}
