//! Sources have the properties that their settings describe.

use crate::bed::beep;
use crate::bed::expect::{Clip, Expected};
use crate::bed::frame_code::{FrameCode, Region, Shown, colour, read};
use crate::bed::reading::Reading;
use crate::bed::source::Source;

fn assert_whole(name: &str, source: &Source, rate: (u32, u32), seconds: f64) {
    let expected = Expected::new(rate, vec![Clip::whole(7, rate, seconds)]);
    let reading = Reading::of(source.write(name));
    let expected = if reading.has("video") { expected } else { expected.no_video() };
    let expected = if reading.has("audio") { expected } else { expected.no_audio() };
    assert_eq!(expected.differences(&reading), [], "{name} {source:?}");
}

#[test]
fn every_frame_code_is_read_back() {
    let (width, height) = (64, 48);
    for clip in 0..32 {
        for frame in [0, 1, 2, 255, 4095, 65535] {
            let code = FrameCode::new(clip, frame);
            let mut rgb = vec![90; width * height * 3];
            code.paint(&mut rgb, width, height);
            let gray: Vec<_> = rgb.iter().step_by(3).copied().collect();
            assert_eq!(read(&gray, width, Region::whole(width, height)), Shown::Code(code));
        }
    }
}

#[test]
fn a_video_between_bars_is_read_in_its_region() {
    let (code, region) = (FrameCode::new(3, 77), Region { x: 40, y: 0, width: 120, height: 100 });
    let mut rgb = vec![90; 3 * region.width * region.height];
    code.paint(&mut rgb, region.width, region.height);
    let mut gray = vec![16; 200 * 100];
    for (row, line) in rgb.chunks(3 * region.width).enumerate() {
        let line: Vec<_> = line.iter().step_by(3).copied().collect();
        gray[200 * row + region.x..][..region.width].copy_from_slice(&line);
    }
    assert_eq!(read(&gray, 200, region), Shown::Code(code));
    assert_eq!(read(&gray, 200, Region::whole(200, 100)), Shown::Unreadable);
}

#[test]
fn black_and_plain_frames_hold_no_code() {
    let whole = Region::whole(64, 48);
    assert_eq!(read(&[16; 64 * 48], 64, whole), Shown::Black);
    assert_eq!(read(&[120; 64 * 48], 64, whole), Shown::Unreadable);
}

#[test]
fn sources_of_many_kinds_are_read_back() {
    let new = || Source::new(7);
    let table = [
        ("plain.mp4", new(), (25, 1)),
        ("ntsc.mov", new().rate(30_000, 1001), (30_000, 1001)),
        ("small.mkv", new().size(128, 96).audio(44_100, 1), (25, 1)),
        ("wide.mp4", new().size(320, 180).pixel_format("yuv422p"), (25, 1)),
        ("coarse.mp4", new().extra_args(&["-crf", "40"]), (25, 1)),
        ("field.ts", new().video_codec("mpeg2video").audio_codec("mp2"), (25, 1)),
        ("anamorphic.mp4", new().sar(4, 3), (25, 1)),
        ("interlaced.mp4", new().interlaced(), (25, 1)),
        ("bt709.mp4", new().colour_space("bt709"), (25, 1)),
        ("silent.mp4", new().no_audio(), (25, 1)),
        ("audio.wav", new().no_video().audio_codec("pcm_s16le"), (25, 1)),
        ("phone.m4a", new().no_video().audio(8000, 1), (25, 1)),
    ];
    for (name, source, rate) in table {
        assert_whole(name, &source, rate, 2.0);
    }
}

#[test]
fn a_source_is_made_once() {
    let source = Source::new(30).seconds(0.4);
    let made = |path| std::fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(made(source.write("once.mp4")), made(source.write("once.mp4")));
}

#[test]
fn a_turned_source_is_upright_to_a_player() {
    for degrees in [90, 180, 270] {
        let path = Source::new(4).rotation(degrees).seconds(0.4).write("turned.mov");
        let folder = tempfile::tempdir().unwrap();
        let upright = folder.path().join("upright.mkv");
        let mut command = crate::bed::ffmpeg::ffmpeg();
        crate::bed::process::run(
            command.arg("-i").arg(path).args(["-an", "-c:v", "libx264"]).arg(&upright),
        );
        let reading = Reading::of(upright);
        assert_eq!(reading.size(), (160, 120), "{degrees}");
        let codes: Vec<_> = reading.frames().iter().map(|shown| shown.code()).collect();
        assert_eq!(
            codes,
            (0..10).map(|n| Some(FrameCode::new(4, n))).collect::<Vec<_>>(),
            "{degrees}"
        );
    }
}

#[test]
fn variable_rate_is_variable() {
    let source = Source::new(5).vfr(&[20, 60, 40]).no_audio().seconds(1.2);
    let reading = Reading::of(source.write("vfr.mkv"));
    assert_eq!(reading.frame_count(), 30);
    let times: Vec<_> =
        reading.packets("video").iter().map(|p| (p.pts * 1000.0).round() as u32).collect();
    assert_eq!(times[..7], [0, 20, 80, 120, 140, 200, 240]);
    assert_eq!(source.starts_ms()[..7], [0.0, 20.0, 80.0, 120.0, 140.0, 200.0, 240.0]);
}

#[test]
fn streams_can_start_late() {
    let late = Reading::of(Source::new(6).start_offset_ms(0, 320).write("late.mkv"));
    assert!((late.beeps()[0].at_ms - 320.0).abs() < 5.0, "{:?}", late.beeps());
    let early = Reading::of(Source::new(6).start_offset_ms(320, 0).write("early.mkv"));
    assert!((early.beeps()[0].at_ms + 320.0).abs() < 5.0, "{:?}", early.beeps());
}

#[test]
fn colours_are_the_clips_own() {
    let reading = Reading::of(Source::new(9).no_audio().write("colour.mp4"));
    let seen = reading.colour(10, (0.1, 0.1));
    for (seen, made) in seen.into_iter().zip(colour(9)) {
        assert!((seen - f64::from(made)).abs() < 12.0, "{seen} for {made}");
    }
}

#[test]
fn channels_are_recognised() {
    let source =
        Source::new(8).no_video().no_beeps().tones(&[600.0, 900.0]).audio_codec("pcm_s16le");
    let reading = Reading::of(source.write("tones.wav"));
    let loud =
        |channel, hertz| beep::amplitude(&reading.channel(channel), reading.sample_rate(), hertz);
    assert!(loud(0, 600.0) > 0.09 && loud(0, 900.0) < 0.01);
    assert!(loud(1, 900.0) > 0.09 && loud(1, 600.0) < 0.01);
}

#[test]
fn clicks_and_silences_are_heard() {
    let tone: Vec<f32> = (0..48_000).map(|n| (n as f32 * 0.05).sin() * 0.2).collect();
    let hertz = 0.05 * 48_000.0 / std::f64::consts::TAU;
    assert!(beep::clicks(&tone, 48_000, hertz).is_empty());
    let mut broken = tone;
    broken[20_000..24_000].fill(0.0);
    let clicks = beep::clicks(&broken, 48_000, hertz);
    assert!(clicks.iter().any(|at| (at - 416.6).abs() < 2.0), "{clicks:?}");
    let silences = beep::silences(&broken, 48_000, 20.0);
    assert!(silences.len() == 1 && (silences[0].0 - 416.6).abs() < 3.0, "{silences:?}");
}
