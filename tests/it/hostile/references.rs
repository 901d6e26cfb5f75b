//! Sources that refer to other files and servers.

use std::net::TcpStream;

use super::{PAL, SECONDS, Trap, film};
use crate::bed::expect::{Clip, Expected};
use crate::bed::ffmpeg::ffprobe;
use crate::bed::process::run;
use crate::boxes::{boxed, changed};

/// Texts that some players would follow to `to`.
fn texts(to: &str) -> Vec<(&'static str, String)> {
    vec![
        ("hls", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{to}\n#EXT-X-ENDLIST\n")),
        ("hls key", format!("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"{to}\"\n#EXTINF:9,\n{to}\n")),
        ("ffconcat", format!("ffconcat version 1.0\nfile '{to}'\n")),
        ("concat list", format!("file '{to}'\n")),
        ("mpd", format!("<?xml version=\"1.0\"?><MPD><BaseURL>{to}</BaseURL></MPD>")),
        ("smil", format!("<smil><body><video src=\"{to}\"/></body></smil>")),
        ("asx", format!("[Reference]\nRef1={to}\n")),
        ("pls", format!("[playlist]\nFile1={to}\n")),
        ("sdp", format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nu={to}\nm=video 9 RTP/AVP 96\n")),
        ("bare", to.to_owned()),
        ("concat", format!("concat:{to}|{to}")),
        ("subfile", format!("subfile,,start,0,end,0,,:{to}")),
        ("crypto", format!("crypto:{to}")),
        ("pattern", format!("{to}%03d.png")),
        ("data", "data:video/mp4;base64,AAAAIGZ0eXBpc29t".to_owned()),
    ]
}

/// Each text as it is, and after the first bytes of a media file.
fn disguised(text: &str) -> [Vec<u8>; 5] {
    let fronts: [&[u8]; 5] = [
        b"",
        b"\n\n\n",
        b"ID3\x04\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00",
        b"RIFF\xff\xff\x00\x00AVI ",
    ];
    fronts.map(|front| [front, text.as_bytes()].concat())
}

#[test]
fn no_text_leads_anywhere() {
    let trap = Trap::new();
    let file = format!("file://{}", trap.canary.display());
    for (to, also_disguised) in [(file, true), (trap.url(), false)] {
        for (name, text) in texts(&to) {
            let all = disguised(&text);
            let count = if also_disguised { all.len() } else { 1 };
            for (number, bytes) in all.iter().take(count).enumerate() {
                let message = trap.task("list.mp4", bytes).failed("UnsupportedMedia");
                assert!(message.contains("clip 0"), "{name} {number}: {message}");
            }
        }
    }
    trap.assert_unharmed();
}

/// Media whose headers refer to other files: with data references outside of the file, and with
/// what should be played next.
#[test]
fn no_header_leads_anywhere() {
    let trap = Trap::new();
    let path = trap.canary.to_str().unwrap();
    for (name, reference) in [
        ("alias.mov", alias(path)),
        ("url.mov", reference("url ", format!("file://{path}\0").as_bytes())),
        ("http.mov", reference("url ", format!("{}\0", trap.url()).as_bytes())),
    ] {
        let outcome = trap.task(name, &referring(&reference));
        // Reading the file's own bytes instead is harmless.
        if outcome.record["Status"] == "Failed" {
            outcome.failed("UnsupportedMedia");
        } else {
            let clips = vec![Clip::whole(2, PAL, SECONDS)];
            outcome.shows(&Expected::new(PAL, clips));
        }
    }
    let movie = reference_movie(&trap.url());
    trap.task("reference.mov", &movie).failed("UnsupportedMedia");
    let clips = vec![Clip::whole(3, PAL, SECONDS)];
    trap.task("linked.mkv", &linked()).shows(&Expected::new(PAL, clips));
    trap.assert_unharmed();
}

/// A film with this reference to its media.
fn referring(reference: &[u8]) -> Vec<u8> {
    let film = std::fs::read(film(2).write("film.mov")).unwrap();
    let place = ["moov", "trak", "mdia", "minf", "dinf", "dref"];
    changed(&film, &place, &|_| [&[0, 0, 0, 0, 0, 0, 0, 1], reference].concat())
}

/// An entry of a `dref` box that is not in this file.
fn reference(kind: &str, place: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[0; 4], place].concat())
}

/// The alias record of `QuickTime`, as FFmpeg reads it: volume and name at their places, then tagged
/// texts, of which 2 is the path from the volume and 18 the whole path.
fn alias(path: &str) -> Vec<u8> {
    let mut record = vec![0; 150];
    record[10] = 1;
    record[50] = 1;
    // How many folders are between the two files.
    record[131] = 1;
    for (tag, text) in [(2_u16, format!("/:{path}")), (18, path.to_owned())] {
        let length = u16::try_from(text.len()).unwrap();
        record.extend([tag.to_be_bytes(), length.to_be_bytes()].concat());
        record.extend(text.bytes().chain((length % 2 == 1).then_some(0)));
    }
    record.extend([0xff, 0xff, 0, 0]);
    reference("alis", &record)
}

/// A movie that is nothing but the address of another.
fn reference_movie(url: &str) -> Vec<u8> {
    let address = format!("{url}\0");
    let length = u32::try_from(address.len()).unwrap().to_be_bytes();
    let rdrf = boxed("rdrf", &[&[0; 4], &b"url "[..], &length, address.as_bytes()].concat());
    let movie = boxed("moov", &boxed("rmra", &boxed("rmda", &rdrf)));
    [boxed("ftyp", b"qt  \0\0\0\0qt  "), movie].concat()
}

/// A Matroska file that says which file comes after it.
fn linked() -> Vec<u8> {
    // Written for a pipe, so that no position in it depends on the bytes before.
    let source = film(3).extra_args(&["-live", "1", "-f", "matroska"]);
    let mut bytes = std::fs::read(source.write("live.mkv")).unwrap();
    let info = bytes.windows(4).position(|four| four == [0x15, 0x49, 0xa9, 0x66]).unwrap();
    let name = b"canary.mov";
    let next_file = [&[0x3e, 0x83, 0xbb, 0x80 | 0xa][..], name].concat();
    let next_id = [&[0x3e, 0xb9, 0x23, 0x80 | 0x10][..], &[7; 16]].concat();
    let (size, width) = size_at(&bytes, info + 4);
    let added = [next_file, next_id].concat();
    let larger = (size + added.len() as u64) | 1 << 56;
    let content = info + 4 + width;
    bytes.splice(content..content, added);
    bytes.splice(info + 4..content, larger.to_be_bytes());
    bytes
}

/// An element's size, and the number of bytes that encode it.
fn size_at(bytes: &[u8], at: usize) -> (u64, usize) {
    let width = bytes[at].leading_zeros() as usize + 1;
    let number = bytes[at..at + width].iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    (number & !(1 << (7 * width)), width)
}

#[test]
fn a_name_is_a_name() {
    let trap = Trap::new();
    let film = std::fs::read(film(4).write("film.mp4")).unwrap();
    for name in
        ["http:a.mp4", "concat:a|b.mp4", "subfile,,start,0,end,9,,:a.mp4", "a%03d.mp4", "-i"]
    {
        let clips = vec![Clip::whole(4, PAL, SECONDS)];
        trap.task(name, &film).shows(&Expected::new(PAL, clips));
    }
    trap.assert_unharmed();
}

/// Shows that the tests above work: if anybody opened the file or connected, they would notice.
#[test]
fn the_trap_closes() {
    let trap = Trap::new();
    let folder = tempfile::tempdir().unwrap();
    let path = trap.canary.to_str().unwrap();
    let list = format!("ffconcat version 1.0\nfile '{path}'\n").into_bytes();
    for (options, bytes) in [
        ("-f concat -safe 0", list),
        ("-f mov -enable_drefs 1 -use_absolute_path 1", referring(&alias(path))),
    ] {
        let source = folder.path().join("source");
        std::fs::write(&source, bytes).unwrap();
        run(ffprobe().args(options.split(' ')).arg("-i").arg(source));
        assert!(trap.watch.opened().contains(&"canary.mov".to_owned()), "{options}");
    }
    TcpStream::connect(trap.server.local_addr().unwrap()).unwrap();
    trap.server.accept().unwrap();
}
