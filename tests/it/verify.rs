//! How much of an output is decoded before it is stored, and that its packets are checked in any
//! case.

use serde_json::Value;

use crate::bed::source::Source;
use crate::scene::{Scene, sur};

/// The record's number of frames, whether all were decoded, and how many.
fn counts(record: &Value) -> (u64, bool, u64) {
    let verified = &record["Verified"];
    let number = |name: &str| verified[name].as_u64().unwrap();
    (number("Frames"), verified["Decoded"].as_bool().unwrap(), number("DecodedFrames"))
}

#[test]
fn packets_are_proven_and_the_ends_decoded() {
    let scene = Scene::with(|settings| settings.set("VERIFY", "packets"));
    let scene = scene.source("a.mp4", &Source::new(1)).source("b.mp4", &Source::new(2));
    for (parameters, decoded) in [
        ("f_mp4,vcodec_h264,acodec_aac,g_20", 40),
        ("f_mkv,vcodec_h264,acodec_opus,g_20", 40),
        ("f_mov,vcodec_h264,acodec_pcm,g_20", 40),
        ("f_ts,vcodec_h264,acodec_mp3,g_20", 40),
        ("f_flv,vcodec_h264,acodec_aac,g_20", 40),
        ("f_avi,vcodec_h264,acodec_ac3,g_20", 40),
        ("f_mkv,vcodec_vp9,acodec_vorbis,g_20", 40),
        // One group is all there is.
        ("f_mp4,vcodec_h264,acodec_aac,g_150", 100),
    ] {
        let parameters = format!("{parameters}{}", sur("b.mp4"));
        let record = scene.run("a.mp4", &parameters).succeeded().record;
        assert_eq!(counts(&record), (100, decoded == 100, decoded), "{parameters}");
        assert!(record["Verified"]["Samples"].as_u64().unwrap() > 176_000, "{parameters}");
    }
    // Forty packets, of which the encoder's last one is only padding, which AVI can't declare.
    let parameters = "f_avi,vcodec_h264,acodec_mp3,ar_48000,t_960";
    assert_eq!(counts(&scene.run("a.mp4", parameters).succeeded().record), (24, true, 24));
    // An open group's first frames refer to the group before, and can't be decoded without it.
    let parameters = format!("f_mp4,vcodec_h265,acodec_aac,g_20{}", sur("b.mp4"));
    let (frames, all, decoded) = counts(&scene.run("a.mp4", &parameters).succeeded().record);
    assert!(frames == 100 && !all && (30..=40).contains(&decoded), "{decoded}");
    let segments = "f_mp4,vcodec_h264,acodec_aac,g_20";
    let record = scene.segment(segments, "f_hls,t_1000", "list.m3u8").succeeded().record;
    // Segments begin groups as well: the last one has the five frames from 95 on.
    assert_eq!(counts(&record), (100, false, 25));
    scene.assert_clean();
}

#[test]
fn every_frame_is_decoded_by_default() {
    let scene = Scene::new().source("a.mp4", &Source::new(1));
    let record = scene.run("a.mp4", "f_mp4,vcodec_h264,acodec_aac,g_10").succeeded().record;
    assert_eq!(counts(&record), (50, true, 50));
}
