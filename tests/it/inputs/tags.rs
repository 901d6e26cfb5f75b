//! Properties of a stream that come from tags or from single frames.

use super::{Between, made, plain, scene};
use crate::bed::source::Source;
use crate::scene::USUAL;

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], content].concat()
}

/// The place of a box inside a part of a file, and its end.
fn find(bytes: &[u8], from: usize, until: usize, kind: [u8; 4]) -> Option<(usize, usize)> {
    let mut at = from;
    while at + 8 <= until {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if bytes[at + 4..at + 8] == kind {
            return Some((at, at + size));
        }
        at += size;
    }
    None
}

/// Adds iTunes' tag, which says that this many samples of the audio are an encoder's delay, to a
/// file whose index is at its end.
fn tagged(mut film: Vec<u8>, samples: u32) -> Vec<u8> {
    let (moov, end) = find(&film, 0, film.len(), *b"moov").unwrap();
    assert_eq!(end, film.len());
    if let Some((from, until)) = find(&film, moov + 8, end, *b"udta") {
        film.drain(from..until);
    }
    let value = format!(" 00000000 {samples:08X} 00000000 0000000000010000 00000000");
    let data = [b"\0\0\0\x01\0\0\0\0", value.as_bytes()].concat();
    let tag = [
        boxed(*b"mean", b"\0\0\0\0com.apple.iTunes"),
        boxed(*b"name", b"\0\0\0\0iTunSMPB"),
        boxed(*b"data", &data),
    ];
    let handler = boxed(*b"hdlr", b"\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
    let list = boxed(*b"ilst", &boxed(*b"----", &tag.concat()));
    let meta = boxed(*b"meta", &[&[0; 4], &handler[..], &list].concat());
    film.extend(boxed(*b"udta", &meta));
    let size = u32::try_from(film.len() - moov).unwrap();
    film[moov..moov + 4].copy_from_slice(&size.to_be_bytes());
    film
}

#[test]
fn a_delay_that_a_tag_alone_tells_is_made_up_for() {
    let scene = scene();
    let video = plain(2).no_audio().extra_args(&["-bf", "0"]).write("video.mp4");
    let audio = plain(2).no_video().write("audio.aac");
    let arguments = format!("-i {{}} -i {} -c copy", audio.display());
    let film = made(&video, &arguments, "film.mp4");
    scene.s3.put("sources", "tagged.mp4", tagged(film, 1024));
    assert_eq!(Between::new("tagged.mp4").faults(&scene), [""; 0]);
}

#[test]
fn a_single_frame_of_a_dvd_has_the_rate_of_frames() {
    let scene = scene();
    let frame = Source::new(2).seconds(0.04).interlaced().video_codec("mpeg2video").no_audio();
    let source = frame.extra_args(&["-f", "vob"]);
    scene.s3.put("sources", "frame.vob", std::fs::read(source.write("frame.vob")).unwrap());
    let outcome = scene.run("frame.vob", &format!("f_mp4,{USUAL}{}", crate::scene::sur("c.mp4")));
    let outcome = outcome.succeeded();
    assert_eq!(outcome.record["Output"]["Video"]["FrameRate"], 25.0);
    assert_eq!(outcome.frames(), [1, 30]);
}
