//! The tasks that run while calls fail: one for each way to store a result.

use serde_json::{Value, json};

use crate::bed::source::Source;
use crate::scene::{TOPIC, b64};

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) main: &'static str,
    pub(super) parameters: &'static str,
    pub(super) target: &'static str,
    /// The object that is at the target before.
    pub(super) previous: Option<&'static str>,
    /// Settings of the function in addition to the necessary ones.
    pub(super) settings: &'static [(&'static str, &'static str)],
    /// Whether there is an event bus.
    pub(super) announced: bool,
}

pub(super) const ONE_REQUEST: Scenario = Scenario {
    name: "one request",
    main: "a.mp4",
    parameters: "f_mp4,vcodec_h264,acodec_aac",
    target: "result.mp4",
    previous: Some("the old one"),
    settings: &[],
    announced: false,
};

pub(super) const ANNOUNCED: Scenario = Scenario { name: "events", announced: true, ..ONE_REQUEST };

/// The groups in the middle are copied, those at the ends encoded.
pub(super) const COPIED: Scenario = Scenario {
    name: "copies",
    main: "groups.mp4",
    parameters: "ss_100,f_mp4,vcodec_h264,acodec_aac,vb_9000000,vbopt_1",
    ..ONE_REQUEST
};

/// The source is read as far as it is needed.
pub(super) const RANGED: Scenario = Scenario {
    name: "ranges",
    main: "far.mp4",
    parameters: "ss_1000,t_200,f_mp4,vcodec_h264,acodec_aac",
    ..ONE_REQUEST
};

/// 18 MB of audio, so that it goes in two parts.
pub(super) const PARTS: Scenario = Scenario {
    name: "parts",
    main: "long.mp3",
    parameters: "f_mkv,vn_1,vcodec_h264,acodec_pcm,ar_96000,ac_8",
    target: "result.mkv",
    ..ONE_REQUEST
};

pub(super) const SEGMENTS: Scenario = Scenario {
    name: "segments",
    main: "a.mp4",
    parameters: "f_ts,vcodec_h264,acodec_aac/segment,f_hls,t_80",
    target: "result.m3u8",
    previous: None,
    ..ONE_REQUEST
};

/// So many calls that few of them are at the task's beginning or end.
pub(super) const MANY_SEGMENTS: Scenario = Scenario {
    name: "many segments",
    main: "b.mp4",
    parameters: "f_ts,vcodec_h264,acodec_aac/segment,f_hls,t_40",
    target: "result.m3u8",
    previous: None,
    ..ONE_REQUEST
};

pub(super) const FIFTY_SEGMENTS: Scenario =
    Scenario { name: "50 segments", main: "c.mp4", ..MANY_SEGMENTS };

/// More than storage lists or deletes at once.
pub(super) const THOUSANDS_OF_SEGMENTS: Scenario =
    Scenario { name: "2,000 segments", main: "d.mp4", ..MANY_SEGMENTS };

impl Scenario {
    pub(super) fn source(&self) -> Vec<u8> {
        let source = match self.main {
            "far.mp4" => return crate::ranged::large_film(),
            "groups.mp4" => {
                let groups = ["-g", "25", "-sc_threshold", "0"];
                Source::new(1).size(64, 48).seconds(5.0).extra_args(&groups)
            }
            "long.mp3" => {
                Source::new(1).no_video().seconds(12.0).audio(8000, 1).audio_codec("libmp3lame")
            }
            "b.mp4" => Source::new(1).size(64, 48).seconds(1.2),
            "c.mp4" => Source::new(1).size(64, 48).seconds(2.0),
            "d.mp4" => Source::new(1).size(64, 48).seconds(80.0),
            _ => Source::new(1).size(64, 48).seconds(0.2),
        };
        std::fs::read(source.write(self.main)).unwrap()
    }

    pub(super) fn event(&self) -> Value {
        json!({"bucket": "sources", "object": self.main, "process": self.process()})
    }

    fn process(&self) -> String {
        format!(
            "video/concat,{}|sys/saveas,b_{},o_{}/notify,topic_{}",
            self.parameters,
            b64("results"),
            b64(self.target),
            b64(TOPIC),
        )
    }
}
