//! Large sources are read as far as they are needed.

use crate::bed::source::Source;
use crate::scene::{Scene, USUAL};

/// Twenty seconds, 10 to 100 MB of them.
fn large() -> Source {
    let source = Source::new(1).size(1280, 720).seconds(20.0).video_codec("mjpeg");
    source.extra_args(&["-q:v", "1", "-pix_fmt", "yuvj444p"])
}

/// A cut of a source of these bytes: what was read of it, and the output.
fn cut(bytes: &[u8], parameters: &str) -> (u64, Vec<u8>) {
    let scene = Scene::new();
    scene.s3.put("sources", "a.mp4", bytes);
    let outcome = scene.run("a.mp4", parameters).succeeded();
    let source = &outcome.record["Sources"][0];
    let fetched = source["BytesFetched"].as_u64().unwrap();
    assert_eq!(outcome.record["Usage"]["BytesFetched"], fetched);
    let tag = source["ETag"].as_str().unwrap();
    let gets = scene.s3.calls_of("GET", "/sources/a.mp4");
    assert!(gets.iter().all(|get| get.if_match.as_deref().is_some_and(|m| m.contains(tag))));
    (fetched, scene.s3.get("results", "result.mp4").unwrap())
}

#[test]
fn a_cut_of_a_large_mp4_reads_its_part_alone() {
    let parameters = format!("ss_8000,t_1000,f_mp4,{USUAL}");
    for (name, flags) in [
        ("index behind", &["-write_tmcd", "0"][..]),
        ("index in front", &["-movflags", "+faststart"]),
    ] {
        let bytes = std::fs::read(large().extra_args(flags).write("ranged.mp4")).unwrap();
        let size = bytes.len() as u64;
        assert!(size > 8 << 20, "{name}: {size}");
        let (fetched, output) = cut(&bytes, &parameters);
        assert!(fetched > size / 40 && fetched < size / 2, "{name}: {fetched} of {size}");
        // With a box that is cut short, its index is not trusted.
        let broken = [&bytes[..], b"\0\x10\0\0skip"].concat();
        let (all, expected) = cut(&broken, &parameters);
        assert_eq!(all, broken.len() as u64, "{name}");
        assert!(output == expected, "{name}: another output");
    }
}
