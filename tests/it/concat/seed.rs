//! The request in the original service's documentation, byte for byte.

use serde_json::Value;

use crate::bed::expect::{Clip, Expected};
use crate::bed::frame_code::Region;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::Scene;

const PROCESS: &str = "video/concat,ss_10000,f_mp4,vcodec_h264,fps_25,vb_1000000,acodec_aac,\
    ab_96000,ar_48000,ac_2,align_1/pre,o_cHJlLm1vdgo/sur,o_c3VyMS5hYWMK,t_10000\
    |sys/saveas,b_b3V0YnVja2V0,o_b3V0b2JqLnthdXRvZXh0fQo/notify,topic_QXVkaW9Db252ZXJ0";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:AudioConvert";

#[test]
fn makes_its_output_and_its_message() {
    let sns = Sns::start(&[TOPIC]);
    let mut scene = Scene::with(|settings| settings.with(sns.environment()));
    scene.sns = sns;
    fill(&scene.s3);
    let outcome = scene.process("example.mkv", PROCESS);
    // The first clip is 3 s, the second 14 s less 10, the third 10 s.
    let expected = Expected::new(
        (25, 1),
        vec![
            Clip { source_rate: (30, 1), source_frames: 90, ..Clip::whole(1, (25, 1), 3.0) },
            Clip { source_rate: (24, 1), source_frames: 336, ..Clip::whole(2, (25, 1), 14.0) }
                .cut(10_000.0, 100),
            Clip { audio_ms: 12_000.0, ..Clip::whole(3, (25, 1), 10.0) }
                // ADTS can't declare the encoder's delay, 1024 samples.
                .black()
                .late(0.0, 23.2),
        ],
    );
    // 160x120 in a frame of 320x180.
    let region = Region { x: 40, y: 0, width: 240, height: 180 };
    let outcome = outcome.shows_in(&[region], &expected);
    assert_eq!(scene.s3.keys("outbucket").last().unwrap(), "outobj.mp4");
    assert_eq!(outcome.record["Sources"][2]["Filled"], serde_json::json!(["video"]));
    assert_streams(&outcome.record["Output"]);
    let places = outcome.record["Timeline"].as_array().unwrap();
    let samples: u64 = places.iter().map(|place| place["Samples"].as_u64().unwrap()).sum();
    assert_eq!(outcome.record["Verified"]["Samples"], samples);
    assert_eq!(outcome.record["Verified"]["Frames"], 425);
    assert_message(&scene.sns, &outcome.record);
    scene.assert_clean();
}

/// A mov of another size, rate, codec and shape, an mkv, and audio alone.
fn fill(s3: &S3) {
    let sources = [
        ("pre.mov", Source::new(1).rate(30, 1).seconds(3.0).video_codec("mpeg4").audio(44_100, 1)),
        (
            "example.mkv",
            Source::new(2).size(320, 180).rate(24, 1).seconds(14.0).audio_codec("libopus"),
        ),
        ("sur1.aac", Source::new(3).no_video().audio_seconds(12.0).audio(44_100, 2)),
    ];
    for (name, source) in sources {
        s3.put_file("sources", name, &source.write(name));
    }
    s3.create_bucket("outbucket");
}

fn assert_streams(output: &Value) {
    let video = &output["Video"];
    assert_eq!(output["Container"], "mp4");
    assert_eq!(video["Codec"], "h264");
    assert_eq!((&video["Width"], &video["Height"]), (&320.into(), &180.into()));
    assert_eq!(video["FrameRate"], 25.0);
    assert_eq!(video["Frames"], 425);
    let audio = &output["Audio"];
    assert_eq!(audio["Codec"], "aac");
    assert_eq!((&audio["SampleRate"], &audio["Channels"]), (&48_000.into(), &2.into()));
}

fn assert_message(sns: &Sns, record: &Value) {
    assert_eq!(sns.refusals(), [] as [String; 0]);
    let messages = sns.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].topic, TOPIC);
    assert_eq!(messages[0].attributes["Status"].1, "Succeeded");
    let body: Value = serde_json::from_str(&messages[0].body).unwrap();
    assert_eq!(body["id"], record["EventId"]);
    let content: Value = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
    assert_eq!(&content, record);
    assert_eq!(content["Targets"][0]["URI"], "s3://outbucket/outobj.mp4");
}
