//! Patches of known colours in one colour space have the same light in another.

use super::space::{BT601, BT709, BT2020, FULL, HLG, PQ, RGB, Space};
use super::studio::{Studio, frame, put};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::scene::{Outcome, Scene, sur};

const SIDE: usize = 32;
const SIZE: (usize, usize) = (SIDE * PATCHES.len(), 48);

/// Linear light in BT.709's primaries: greys, then red, green, blue, skin. Not brighter than where
/// the curve for HDR begins to bend.
const PATCHES: [[f64; 3]; 8] = [
    [0.0, 0.0, 0.0],
    [0.02, 0.02, 0.02],
    [0.1, 0.1, 0.1],
    [0.28, 0.28, 0.28],
    [0.28, 0.05, 0.05],
    [0.05, 0.28, 0.05],
    [0.05, 0.05, 0.28],
    [0.25, 0.15, 0.1],
];

/// Half a second of the patches, each a column, in lossless video of ten bits.
fn film(scene: &Scene, name: &str, space: &Space, gain: f64, codec: &str) {
    let planes = PATCHES.map(|light| space.encode(light.map(|part| part * gain)));
    let mut bytes = Vec::new();
    for plane in 0..3 {
        for _ in 0..SIZE.1 {
            for patch in &planes {
                // Codes of ten bits are four times those of eight, but for full range's end.
                let most = if space.names[3] == "tv" { 1020.0 } else { 1023.0 };
                let code = (patch[plane] * most).round().clamp(0.0, 1023.0) as u16;
                bytes.extend(code.to_le_bytes().repeat(SIDE));
            }
        }
    }
    let bytes = bytes.repeat(5);
    let studio = Studio::new();
    let raw = studio.path("patches.raw");
    std::fs::write(&raw, bytes).unwrap();
    let format = if space.weights.is_some() { "yuv444p10le" } else { "gbrp10le" };
    let (width, height) = SIZE;
    let mut command = ffmpeg();
    let input = format!("-f rawvideo -pix_fmt {format} -s {width}x{height} -r 10 -i");
    command.args(input.split(' ')).arg(&raw).args(codec.split(' '));
    let [matrix, primaries, transfer, range] = space.names;
    if space.weights.is_some() {
        command.args(["-vf", &format!(
            "setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={range}"
        )]);
    }
    let file = studio.path(name);
    run(command.arg(&file));
    put(scene, &file);
}

/// The patches of frame `number`, as light.
fn light(outcome: &Outcome, space: &Space, number: usize) -> Vec<[f64; 3]> {
    let (width, height) = SIZE;
    let video = frame(outcome.file(), number, "yuv444p10le", width * height * 6);
    let patch = |index: usize| {
        let at = |plane: usize| {
            let at = 2 * (plane * width * height + height / 2 * width + index * SIDE + SIDE / 2);
            let code = u16::from_le_bytes([video[at], video[at + 1]]);
            let most = if space.names[3] == "tv" { 1020.0 } else { 1023.0 };
            f64::from(code) / most
        };
        space.decode([0, 1, 2].map(at))
    };
    (0..PATCHES.len()).map(patch).collect()
}

/// Steps of 255 as an eye perceives them.
fn distance(found: [f64; 3], expected: [f64; 3]) -> f64 {
    let seen = |light: f64| 255.0 * light.max(0.0).powf(1.0 / 2.4);
    let parts = found.iter().zip(expected);
    parts.map(|(a, b)| (seen(*a) - seen(b)).abs()).fold(0.0, f64::max)
}

/// FFV1 has no full range.
const LOSSLESS: &str = "-c:v libx264 -qp 0 -preset ultrafast";

/// What is wrong with patches of `from` after a clip of `to`.
fn faults(name: &str, from: &Space, codec: &str, to: &Space) -> Vec<String> {
    let scene = Scene::new();
    let own = if to.weights.is_some() { LOSSLESS } else { "-c:v ffv1" };
    film(&scene, "align.mkv", to, 1.0, own);
    film(&scene, name, from, 1.0, codec);
    let parameters = format!("f_mkv,vcodec_h264,acodec_aac,an_1,crf_3{}", sur(name));
    let outcome = scene.run("align.mkv", &parameters).succeeded();
    let stream = outcome.reading().stream("video").clone();
    let tags = ["color_space", "color_primaries", "color_transfer", "color_range"];
    let found = tags.map(|tag| stream[tag].as_str().unwrap_or("none").to_owned());
    let mut faults = Vec::new();
    let to = if to.weights.is_some() { to } else { &BT709 };
    if found != to.names {
        faults.push(format!("tags {found:?}"));
    }
    for number in [2, 7] {
        for (found, expected) in light(&outcome, to, number).into_iter().zip(PATCHES) {
            let off = distance(found, expected);
            if off > 6.0 {
                faults.push(format!("frame {number}: {expected:.2?} is {found:.3?}, off {off:.1}"));
            }
        }
    }
    faults
}

fn check(pairs: &[(&str, Space, &str, Space)]) {
    let mut wrong = Vec::new();
    for (name, from, codec, to) in pairs {
        let faults = faults(name, from, codec, to);
        if !faults.is_empty() {
            let faults = faults.join("\n  ");
            wrong.push(format!("{name} {:?} to {:?}:\n  {faults}", from.names, to.names));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn standard_frames_keep_their_colours() {
    check(&[
        ("b.mkv", BT601, LOSSLESS, BT709),
        ("b.mkv", BT709, LOSSLESS, BT601),
        ("b.mkv", BT2020, LOSSLESS, BT709),
        ("b.mkv", BT709, LOSSLESS, BT2020),
    ]);
}

#[test]
fn full_range_keeps_its_levels() {
    check(&[
        ("b.mkv", FULL, LOSSLESS, BT709),
        ("b.mkv", BT709, LOSSLESS, FULL),
        ("b.mkv", FULL, LOSSLESS, BT601),
        ("b.mp4", FULL, "-c:v libx264 -qp 0 -pix_fmt yuv444p", BT601),
    ]);
}

#[test]
fn rgb_keeps_its_colours() {
    check(&[
        ("b.mkv", RGB, "-c:v ffv1 -pix_fmt gbrp10le", BT709),
        ("b.mkv", RGB, "-c:v ffv1 -pix_fmt bgr0", BT601),
        ("b.mov", RGB, "-c:v png -pix_fmt rgb24", BT709),
        ("b.mov", RGB, "-c:v qtrle -pix_fmt argb", BT709),
        ("b.mkv", BT601, LOSSLESS, RGB),
    ]);
}

#[test]
fn hdr_beside_sdr_is_as_bright() {
    check(&[
        ("b.mkv", PQ, LOSSLESS, BT709),
        ("b.mkv", HLG, LOSSLESS, BT709),
        ("b.mkv", BT709, LOSSLESS, PQ),
        ("b.mkv", BT601, LOSSLESS, HLG),
        ("b.mkv", PQ, LOSSLESS, HLG),
        ("b.mkv", HLG, LOSSLESS, PQ),
    ]);
}

/// Increasingly bright greys stay distinct, and SDR's white stays as bright.
#[test]
fn highlights_of_hdr_roll_off() {
    let greys = [0.5, 1.0, 2.0, 4.0].map(|gain| {
        let scene = Scene::new();
        film(&scene, "align.mkv", &BT709, 1.0, LOSSLESS);
        film(&scene, "b.mkv", &PQ, gain / PATCHES[3][0], LOSSLESS);
        let parameters = format!("f_mkv,vcodec_h264,acodec_aac,an_1,crf_3{}", sur("b.mkv"));
        let outcome = scene.run("align.mkv", &parameters).succeeded();
        let [r, g, b] = light(&outcome, &BT709, 7)[3];
        assert!((r - g).abs() < 0.03 && (b - g).abs() < 0.03, "{r} {g} {b}");
        g
    });
    assert!(greys.windows(2).all(|two| two[0] + 0.02 < two[1]), "{greys:?}");
    assert!(greys[1] > 0.6 && greys[3] < 1.01, "{greys:?}");
}

/// Bars, and a clip without video, are exactly the colour space's black.
#[test]
fn black_is_black_in_every_range() {
    for space in [FULL, BT709, PQ] {
        let scene = Scene::new();
        film(&scene, "align.mkv", &space, 1.0, LOSSLESS);
        let studio = Studio::new();
        let audio = studio.make("b.wav", "-f lavfi -i sine=d=0.5");
        put(&scene, &audio);
        let parameters =
            format!("f_mkv,vcodec_h264,acodec_aac,crf_3,s_256x96,scaletype_fill{}", sur("b.wav"));
        let outcome = scene.run("align.mkv", &parameters).succeeded();
        for number in [2, 7] {
            let video = frame(outcome.file(), number, "yuv444p10le", 256 * 96 * 6);
            let code = |plane: usize| {
                let at = 2 * (plane * 256 * 96 + 4 * 256 + 100);
                u16::from_le_bytes([video[at], video[at + 1]])
            };
            let black: u16 = if space.names[3] == "tv" { 64 } else { 0 };
            let found = [0, 1, 2].map(code);
            let off = [black, 512, 512].iter().zip(found).map(|(a, b)| a.abs_diff(b)).max();
            assert!(off <= Some(4), "{:?} frame {number}: {found:?}", space.names);
        }
    }
}

#[test]
fn every_container_and_codec_tells_the_colours() {
    let tags = ["color_space", "color_primaries", "color_transfer", "color_range"];
    for space in [BT709, BT601, FULL, PQ, HLG] {
        let scene = Scene::new();
        film(&scene, "a.mkv", &space, 1.0, LOSSLESS);
        for (container, codecs) in [
            ("mp4", &["h264", "h265", "vp9"][..]),
            ("mkv", &["h264", "h265", "vp9"]),
            ("ts", &["h264", "h265"]),
        ] {
            for codec in codecs {
                let parameters =
                    format!("f_{container},vcodec_{codec},acodec_aac,an_1,pixfmt_yuv420p10le");
                let outcome = scene.run("a.mkv", &parameters).succeeded();
                let stream = outcome.reading().stream("video").clone();
                let found = tags.map(|tag| stream[tag].as_str().unwrap_or("none").to_owned());
                assert_eq!(found, space.names, "{parameters}");
            }
        }
    }
}
