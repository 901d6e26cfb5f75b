//! Files that are not media, or that no free decoder can read.

use super::{plain, scene};
use crate::scene::{Scene, USUAL, sur};

/// A name, what the file holds, and why it is refused.
const NO_MEDIA: &[(&str, &[u8], &str)] = &[
    ("empty.mp4", b"", "the file is empty"),
    ("text.mp4", b"not a film\n", "the file is text"),
    ("page.html", b"<!DOCTYPE html><html><body>404</body></html>", "the file is text"),
    ("utf8.txt", "Übrigens: ein Text.\n".as_bytes(), "the file is text"),
    ("list.m3u8", b"#EXTM3U\n#EXT-X-VERSION:3\n", "the file is a playlist"),
    ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "still picture (JPEG)"),
    ("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "still picture (PNG)"),
    ("photo.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "still picture (WebP)"),
    ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "still picture (HEIC)"),
    ("photo.mp4", b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "still picture (AVIF)"),
    ("moving.gif", b"GIF89a\x40\x01\xb4\0\xf7\0\0", "animated picture (GIF)"),
    ("items.mp4", ITEMS, "still picture (HEIC)"),
    ("moving.avif", b"\0\0\0\x18ftypavis\0\0\0\0avismsf1", "animated picture (AVIF)"),
    ("archive.zip", b"PK\x03\x04\x14\0\0\0\x08\0", "in no known media format"),
    ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "in no known media format"),
    ("film.gxf", b"\0\0\0\0\x01\xbc\0\0\0\x4a\0\0\0\0\xe1\xe2", "in no known media format"),
    ("film.ivf", b"DKIF\0\0\x20\0VP80\xa0\0\x78\0", "in no known media format"),
    ("film.h264", b"\0\0\0\x01\x67\x42\xc0\x0c\xd9\x02\x82", "in no known media format"),
    ("film.hevc", b"\0\0\0\x01\x40\x01\x0c\x01\xff\xff", "in no known media format"),
    ("film.vc1", b"\0\0\x01\x0f\xc4\x0a\x1f\xc1", "in no known media format"),
    ("film.nut", b"nut/multimedia container\0NM", "in no known media format"),
    ("audio.dts", b"\x7f\xfe\x80\x01\xfc\x3c\x3f\xf0", "in no known media format"),
    ("audio.thd", b"\x30\x5a\0\0\xf8\x72\x6f\xba", "in no known media format"),
    ("audio.wv", b"wvpk\x52\0\0\0\x10\x04\0\0", "in no known media format"),
    ("audio.tta", b"TTA1\x01\0\x02\0\x10\0", "in no known media format"),
    ("zeros.mp4", &[0; 4096], "in no known media format"),
    ("tag.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x05hello", "a tag and nothing else"),
];

/// A picture with the name of an MP4 file.
const ITEMS: &[u8] = b"\0\0\0\x14ftypmp42\0\0\0\0heic\0\0\0\x2cmeta\0\0\0\0\0\0\0\x20hdlr\0\0\0\0\
    \0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0";

/// The task's message about such a second clip.
fn message(scene: &Scene, name: &str, bytes: &[u8]) -> String {
    scene.s3.put("sources", name, bytes);
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}{}", sur(name)));
    outcome.failed("UnsupportedMedia")
}

#[test]
fn files_that_are_no_media_are_named_with_what_they_are() {
    let scene = scene();
    for (name, bytes, reason) in NO_MEDIA {
        let message = message(&scene, name, bytes);
        let object = format!("s3://sources/{name}");
        for part in ["clip 1", &object, reason] {
            assert!(message.contains(part), "{name}: {message}");
        }
    }
    let results = scene.s3.keys("results");
    assert!(results.iter().all(|key| key.starts_with(".tasks/")), "{results:?}");
    scene.assert_clean();
}

#[test]
fn headers_alone_are_no_film() {
    let scene = scene();
    let whole =
        std::fs::read(plain(4).extra_args(&["-movflags", "+faststart"]).write("f.mp4")).unwrap();
    let media = whole.windows(4).position(|four| four == b"mdat").unwrap();
    for (name, bytes) in [
        ("header.mp4", &whole[..media - 4]),
        ("box.mp4", &whole[..32]),
        ("no-header.mp4", &whole[media - 4..]),
    ] {
        let message = message(&scene, name, bytes);
        assert!(message.contains(&format!("clip 1 (`s3://sources/{name}`)")), "{message}");
    }
}
