//! Audio that changes its sample rate or its channels in the middle.

use super::{PAL, USUAL, made, scene};
use crate::bed::expect::{Clip, Expected};
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

/// A second of video, and audio that ends where the next one's begins: after
/// this many frames of AAC.
fn broadcast(clip: u8, rate: u32, channels: usize, frames: f64, start: &str) -> Vec<u8> {
    let seconds = frames * 1024.0 / f64::from(rate);
    let source = Source::new(clip).seconds(1.0).audio(rate, channels).audio_seconds(seconds);
    let stamps = ["-output_ts_offset", start, "-muxdelay", "0", "-muxpreload", "0"];
    std::fs::read(source.extra_args(&stamps).write("part.ts")).unwrap()
}

#[test]
fn a_broadcast_from_stereo_to_mono_to_surround() {
    let scene = Scene::new();
    // Each starts where the audio before has ended, and later by the encoder's delay.
    let parts = [
        broadcast(2, 48_000, 2, 46.0, "10"),
        broadcast(4, 44_100, 1, 42.0, "11.004553"),
        broadcast(5, 48_000, 6, 46.0, "12.001125"),
    ];
    scene.s3.put("sources", "a.ts", parts.concat());
    for parameters in [",an_1", "", ",ac_1,ar_44100"] {
        // The first video comes 21.3 ms after the first audio.
        let outcome = scene.run("a.ts", &format!("ss_21,t_2960,f_mp4,{USUAL}{parameters}"));
        let part = |clip, audio_offset_ms, frames| Clip {
            audio_offset_ms,
            ..Clip::whole(clip, PAL, 1.0).cut(0.0, frames)
        };
        let clips = vec![part(2, 0.333, 25), part(4, 4.886, 25), part(5, 1.458, 24)];
        let expected = Expected::new(PAL, clips);
        let expected = if parameters == ",an_1" { expected.no_audio() } else { expected };
        outcome.shows(&expected);
    }
    // To surround, which the beeps of two channels do not fill.
    let outcome = scene.run("a.ts", &format!("ss_21,t_2960,f_mkv,{USUAL},ac_6")).succeeded();
    assert_eq!(outcome.record["Output"]["Audio"]["Channels"], 6);
    assert_eq!(outcome.frames(), [74]);
    scene.assert_clean();
}

/// Between plain clips, from the middle on.
#[test]
fn ac_3_from_stereo_to_surround() {
    let scene = scene();
    let part = |clip, channels| {
        let audio = Source::new(clip).no_video().audio_codec("ac3").audio_seconds(1.28);
        audio.audio(48_000, channels).write("part.ac3")
    };
    let both = [part(2, 2), part(4, 6)].map(|path| std::fs::read(path).unwrap()).concat();
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("b.ac3");
    std::fs::write(&raw, &both).unwrap();
    scene.s3.put("sources", "b.mkv", made(&raw, "-f ac3 -i {} -c copy", "b.mkv"));
    scene.s3.put("sources", "b.ac3", both);
    for name in ["b.mkv", "b.ac3"] {
        let changing = format!("{},ss_400,t_1600", sur(name));
        let outcome = scene.run("a.mp4", &format!("f_mkv,{USUAL}{changing}{}", sur("c.mp4")));
        // In front of each are 256 samples of delay.
        let cut = |clip, from, frames| Clip::whole(clip, PAL, 1.28).black().cut(from, frames);
        let late = |clip: Clip| Clip { audio_offset_ms: 256.0 / 48.0, ..clip };
        let clips = vec![
            Clip::whole(1, PAL, 1.2),
            late(cut(2, 400.0, 22)),
            late(cut(4, 0.0, 18)),
            Clip::whole(3, PAL, 1.2),
        ];
        outcome.shows(&Expected::new(PAL, clips));
    }
    scene.assert_clean();
}
