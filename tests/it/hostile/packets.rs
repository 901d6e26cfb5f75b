//! Small files with very many packets: the function's own memory does not grow with them.

use std::fs;

use serde_json::json;

use crate::bed::source::Source;
use crate::boxes::boxed;
use crate::scene::{Scene, USUAL, b64};

/// `HOSTILE_PACKETS=3000000` shows what a real one takes.
const PACKETS: u32 = 40_000;
/// What such a task may take more than one of a usual source: 16 bytes for each packet of each clip would
/// be too much.
const MORE: u64 = 6 << 20;

fn packets() -> u32 {
    std::env::var("HOSTILE_PACKETS").map_or(PACKETS, |count| count.parse().unwrap())
}

/// A frame that can be decoded.
fn jpeg() -> Vec<u8> {
    let source = Source::new(2).size(16, 16).seconds(0.04).no_audio();
    let source = source.video_codec("mjpeg").pixel_format("yuvj420p");
    fs::read(source.extra_args(&["-f", "image2pipe"]).write("frame.jpg")).unwrap()
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64 | 1 << 56).to_be_bytes();
    [id, &length, body].concat()
}

/// A Matroska of key frames, each of a millisecond, all but the first of one byte.
fn matroska(frames: u32) -> Vec<u8> {
    let first = jpeg();
    let header = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    let info =
        element(&[0x15, 0x49, 0xa9, 0x66], &element(&[0x2a, 0xd7, 0xb1], &[0x0f, 0x42, 0x40]));
    let size = [element(&[0xb0], &[16]), element(&[0xba], &[16])].concat();
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        element(&[0x86], b"V_MJPEG"),
        element(&[0xe0], &size),
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    let mut segment = [info, tracks].concat();
    for start in (0..frames).step_by(30_000) {
        let mut cluster = element(&[0xe7], &start.to_be_bytes());
        for frame in start..frames.min(start + 30_000) {
            let time = u16::try_from(frame - start).unwrap().to_be_bytes();
            let data = if frame == 0 { &first[..] } else { &[0] };
            let length = (4 + data.len() as u32) | 1 << 28;
            cluster.extend(
                [&[0xa3][..], &length.to_be_bytes(), &[0x81], &time, &[0x80], data].concat(),
            );
        }
        segment.extend(element(&[0x1f, 0x43, 0xb6, 0x75], &cluster));
    }
    [header, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat()
}

fn full(kind: &str, fields: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = [0].iter().chain(fields).flat_map(|field| field.to_be_bytes()).collect();
    boxed(kind, &bytes)
}

/// An MP4 of the same.
fn mp4(frames: u32) -> Vec<u8> {
    let first = jpeg();
    let start = 28 + 8;
    let ftyp = boxed("ftyp", b"isom\0\0\0\0isomiso2mp41");
    let length = first.len() as u32 + frames - 1;
    let data = boxed("mdat", &[first.clone(), vec![0; frames as usize - 1]].concat());
    assert_eq!(data.len(), 8 + length as usize);
    let entry = [
        &[0; 6][..],
        &[0, 1],
        &[0; 16],
        &[0, 16, 0, 16, 0, 0x48, 0, 0, 0, 0x48, 0, 0],
        &[0; 4],
        &[0, 1],
        &[0; 32],
        &[0, 24, 0xff, 0xff],
    ]
    .concat();
    let stsd = boxed("stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed("jpeg", &entry)].concat());
    let mut sizes = vec![0, frames, first.len() as u32];
    sizes.resize(2 + frames as usize, 1);
    let stbl = [
        stsd,
        full("stts", &[1, frames, 1]),
        full("stsc", &[1, 1, frames, 1]),
        full("stsz", &sizes),
        full("stco", &[1, start]),
    ];
    let dinf = boxed("dinf", &full("dref", &[1, 12, u32::from_be_bytes(*b"url "), 1]));
    let minf =
        [boxed("vmhd", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), dinf, boxed("stbl", &stbl.concat())];
    let handler = [&[0; 8][..], b"vide", &[0; 13]].concat();
    let mdia = [
        full("mdhd", &[0, 0, 1000, frames, 0x55c4_0000]),
        boxed("hdlr", &handler),
        boxed("minf", &minf.concat()),
    ];
    let matrix = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
    let tkhd: Vec<u32> = [0, 0, 1, 0, frames, 0, 0, 0, 0]
        .into_iter()
        .chain(matrix)
        .chain([16 << 16, 16 << 16])
        .collect();
    let trak = [full("tkhd", &tkhd), boxed("mdia", &mdia.concat())];
    let mvhd: Vec<u32> = [0, 0, 1000, frames, 0x1_0000, 0x0100_0000, 0, 0]
        .into_iter()
        .chain(matrix)
        .chain([0, 0, 0, 0, 0, 0, 2])
        .collect();
    let moov = boxed("moov", &[full("mvhd", &mvhd), boxed("trak", &trak.concat())].concat());
    [ftyp, data, moov].concat()
}

#[test]
fn millions_of_packets_do_not_take_the_functions_memory() {
    let scene = Scene::new().source("good.mp4", &Source::new(1).seconds(0.5));
    scene.run("good.mp4", &format!("f_mp4,{USUAL}")).succeeded();
    let usual = scene.function.peak_memory().unwrap();
    for (name, bytes) in [("many.mkv", matroska(packets())), ("many.mp4", mp4(packets()))] {
        scene.s3.put("sources", name, bytes);
        // Short cuts, as not the output is to be large.
        let clips = format!("/sur,o_{},t_40", b64(name)).repeat(10);
        let process = format!(
            "video/concat,f_mp4,{USUAL},t_40{clips}|sys/saveas,b_{},o_{}",
            b64("results"),
            b64("late.mp4")
        );
        let event = json!({"bucket": "sources", "object": name, "process": process});
        let reply = scene.function.invoke(&event);
        let peak = scene.function.peak_memory().expect("the function lives");
        println!(
            "{name}: {} kB, before {} kB: {:.2000}",
            peak / 1024,
            usual / 1024,
            format!("{reply:?}")
        );
        assert!(peak <= usual + MORE, "{name}: {peak} bytes, and {usual} before");
    }
    scene.assert_clean();
}
