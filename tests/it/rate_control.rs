//! `vb`, `crf`, `maxrate`, `bufsize`, `g`, `vbopt` and `abopt`, measured in packets.

use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::Scene;
use crate::video::studio::{Studio, put};

const CODECS: [&str; 3] = ["h264", "h265", "vp9"];
const RATE: f64 = 25.0;

const LARGE: (u32, u32) = (240, 180);
const SMALL: (u32, u32) = (160, 120);

/// `start` for some seconds, then a video in which everything moves.
fn busy(size: (u32, u32), (start, seconds): (&str, u32), moving: u32) -> Scene {
    let (scene, studio) = (Scene::new(), Studio::new());
    let whole = format!("s={}x{}:r=25", size.0, size.1);
    let quarter = format!("s={}x{}:r=25", size.0 / 2, size.1 / 2);
    let file = studio.make(
        "busy.mkv",
        &format!(
            "-filter_complex {start}:{whole}:d={seconds},setsar=1,format=yuv420p[start];\
             mandelbrot={whole},setsar=1[back];testsrc2={quarter}[front];\
             [back][front]overlay=x=40+n:y=30,noise=alls=12:allf=t,trim=end={moving}[moving];\
             [start][moving]concat,format=yuv420p -c:v libx264 -preset ultrafast -crf 10"
        ),
    );
    put(&scene, &file);
    scene
}

/// Where it is not the bits of a second that are judged.
fn small(still: u32, moving: u32) -> Scene {
    busy(SMALL, ("color=gray", still), moving)
}

/// Bits of every frame, in the order of the file.
fn bits(scene: &Scene, main: &str, parameters: &str) -> Vec<f64> {
    let parameters = format!("f_mkv,acodec_aac,an_1,{parameters}");
    let outcome = scene.run(main, &parameters).succeeded();
    let sizes = Reading::of(outcome.file()).packet_sizes("video");
    sizes.into_iter().map(|bytes| bytes as f64 * 8.0).collect()
}

fn mean(bits: &[f64]) -> f64 {
    bits.iter().sum::<f64>() * RATE / bits.len() as f64
}

/// The largest excess over `rate` bits a second in any window of frames.
fn excess(bits: &[f64], rate: f64) -> f64 {
    let (most, _) = bits.iter().fold((0.0_f64, 0.0_f64), |(most, level), bits| {
        let level = level.max(0.0) + bits - rate / RATE;
        (most.max(level), level)
    });
    most
}

#[test]
fn vb_is_the_mean_bit_rate() {
    let scene = busy(LARGE, ("color=gray", 0), 10);
    for codec in CODECS {
        for asked in [300_000, 1_000_000] {
            let found = mean(&bits(&scene, "busy.mkv", &format!("vcodec_{codec},vb_{asked}")));
            let off = found / f64::from(asked) - 1.0;
            assert!(off.abs() < 0.1, "{codec} {asked}: {found}");
        }
    }
}

/// Later parts that need more bits don't get those that earlier parts did not need.
#[test]
fn vb_is_the_mean_bit_rate_of_what_grows_busier() {
    let scene = busy(LARGE, ("testsrc2=sar=1", 5), 7);
    for codec in CODECS {
        let found = mean(&bits(&scene, "busy.mkv", &format!("vcodec_{codec},vb_600000")));
        assert!((0.9..1.1).contains(&(found / 600_000.0)), "{codec}: {found}");
    }
}

#[test]
fn a_larger_crf_has_fewer_bits() {
    let scene = small(0, 2);
    for codec in CODECS {
        let sizes = ["0.5", "18", "28", "29.5", "38", "51"]
            .map(|crf| mean(&bits(&scene, "busy.mkv", &format!("vcodec_{codec},crf_{crf}"))));
        let falls = sizes.windows(2).all(|two| two[0] > two[1]);
        assert!(falls, "{codec}: {sizes:?}");
    }
}

/// The buffer never has to supply more than it holds, even after a still video has filled it.
#[test]
fn maxrate_holds_over_any_window() {
    let scene = busy(LARGE, ("color=gray", 2), 4);
    for codec in CODECS {
        for (rate, buffer) in [(400_000, 400_000), (400_000, 800_000), (800_000, 0)] {
            let asked = format!("vcodec_{codec},crf_18,maxrate_{rate},bufsize_{buffer}");
            let found = excess(&bits(&scene, "busy.mkv", &asked), f64::from(rate));
            let buffer = if buffer == 0 { rate * 2 } else { buffer };
            assert!(found <= f64::from(buffer), "{asked}: {found}");
        }
        let free = bits(&scene, "busy.mkv", &format!("vcodec_{codec},crf_18"));
        assert!(excess(&free, 400_000.0) > 1_600_000.0, "{codec}: nothing to hold");
    }
}

/// The smaller the frame, the harder its bits are to predict.
#[test]
fn maxrate_holds_in_a_small_frame_after_a_still_video() {
    let scene = small(2, 4);
    for (codec, rate, buffer) in [
        ("h264", 100_000, 25_000),
        ("h265", 100_000, 25_000),
        ("h265", 300_000, 75_000),
        ("vp9", 200_000, 400_000),
        ("vp9", 60_000, 120_000),
    ] {
        let asked = format!("vcodec_{codec},crf_18,maxrate_{rate},bufsize_{buffer}");
        let bits = bits(&scene, "busy.mkv", &asked);
        let found = excess(&bits, f64::from(rate));
        assert!(found <= f64::from(buffer), "{asked}: {found}");
        assert!(mean(&bits) > f64::from(rate) * 0.3, "{asked}: {}", mean(&bits));
    }
}

/// A peak that is never reached does not change the quality.
#[test]
fn a_high_maxrate_keeps_the_quality() {
    let scene = small(0, 2);
    for codec in CODECS {
        let with = |more: &str| {
            let asked = format!("vcodec_{codec},crf_32{more}");
            mean(&bits(&scene, "busy.mkv", &asked))
        };
        let (free, held) = (with(""), with(",maxrate_50000000,bufsize_100000000"));
        assert!((0.5..1.5).contains(&(held / free)), "{codec}: {free} {held}");
    }
}

#[test]
fn g_is_the_largest_distance_of_key_frames() {
    let scene = small(1, 3);
    for codec in CODECS {
        for interval in [1, 10, 50] {
            let parameters = format!("f_mkv,acodec_aac,an_1,vcodec_{codec},g_{interval}");
            let outcome = scene.run("busy.mkv", &parameters).succeeded();
            let mut keys = outcome.reading().key_frames();
            assert_eq!(keys.first(), Some(&0), "{parameters}");
            keys.push(100);
            let largest = keys.windows(2).map(|two| two[1] - two[0]).max();
            assert_eq!(largest, Some(interval), "{parameters}: {keys:?}");
        }
    }
}

/// MP4 declares the bit rates of its streams; Matroska does not, so they are measured.
#[test]
fn vbopt_and_abopt_compare_with_the_align_clip() {
    let source = Source::new(1).size(320, 240).audio_codec("mp3");
    let source = source.extra_args(&["-b:a", "64k"]);
    let scene = Scene::new().source("a.mp4", &source).source("a.mkv", &source);
    for main in ["a.mp4", "a.mkv"] {
        let run = |asked: &str| scene.run(main, &format!("f_mkv,vcodec_h264,acodec_mp3,{asked}"));
        for asked in ["vb_100000000,vbopt_2", "ab_128000,abopt_2"] {
            let message = run(asked).failed("InvalidArgument");
            assert!(message.contains("bit/s"), "{message}");
        }
        run("vb_10000,vbopt_2,ab_32000,abopt_2").succeeded();
        let audio = |asked: &str| {
            let outcome = run(asked).succeeded();
            let rate = outcome.record["Output"]["Audio"]["BitRate"].as_f64().unwrap();
            (rate / 8000.0).round() * 8.0
        };
        assert_eq!(audio("ab_128000,abopt_0"), 128.0, "{main}");
        assert_eq!(audio("ab_128000,abopt_1"), 64.0, "{main}");
        assert_eq!(audio("ab_32000,abopt_1"), 32.0, "{main}");
        let video = |asked: &str| bits(&scene, main, &format!("vcodec_h264,{asked}"));
        let held = mean(&video("vb_5000000,vbopt_1"));
        let own = mean(
            &Reading::of(source.write(main))
                .packet_sizes("video")
                .into_iter()
                .map(|bytes| bytes as f64 * 8.0)
                .collect::<Vec<_>>(),
        );
        assert!(held < own * 1.5, "{main}: {held} of {own}");
    }
}

/// A long output has a large buffer, and must not declare a level that its size and rate do not
/// need.
#[test]
fn the_level_is_what_size_and_rate_need_however_long_the_output_is() {
    let (scene, studio) = (Scene::new(), Studio::new());
    let long = "-f lavfi -i color=gray:s=64x64:r=5:d=1200 -c:v libx264 -preset ultrafast";
    put(&scene, &studio.make("long.mkv", long));
    for (codec, most) in [("h264", 20), ("h265", 60)] {
        let parameters = format!("f_mp4,acodec_aac,an_1,vcodec_{codec},vb_1000000");
        let outcome = scene.run("long.mkv", &parameters).succeeded();
        let level = Reading::of(outcome.file()).video_level();
        assert!(level <= most, "{codec}: level {level}");
    }
}
