//! The jobs that are measured: the event, and the equivalent by hand.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::media;

const SEED: &str = include_str!("../../events/direct.json");
pub(crate) const SOURCE_BUCKET: &str = "examplebucket";
pub(crate) const TARGET_BUCKET: &str = "outbucket";
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:AudioConvert";
/// Parameters of most jobs.
const USUAL: &str = "f_mp4,vcodec_h264,fps_25,acodec_aac,ab_96000,ar_48000,ac_2";

pub(crate) struct Job {
    pub(crate) name: String,
    /// Keys and files.
    pub(crate) sources: Vec<(String, PathBuf)>,
    pub(crate) event: Value,
    /// For the job by hand: each source with the options before it, in output order.
    pub(crate) inputs: Vec<(String, &'static str)>,
    /// Width and height of the output.
    pub(crate) size: (usize, usize),
    pub(crate) bit_rate: u32,
}

/// `events/direct.json`, unchanged.
pub(crate) fn seed(height: usize, seconds: usize) -> Job {
    let options = ["", "-ss 10", "-t 10"];
    let keys = media::NAMES.map(str::to_owned);
    Job {
        name: format!("the seed job, {height}p, sources of {seconds} s"),
        sources: keys.iter().cloned().zip(media::sources(height, seconds)).collect(),
        event: serde_json::from_str(SEED).expect("the example is JSON"),
        inputs: keys.into_iter().zip(options).collect(),
        size: (height * 16 / 9 / 2 * 2, height),
        bit_rate: 1_000_000,
    }
}

/// Ten seconds from the middle of a large file.
pub(crate) fn cut(extension: &str, bytes: usize) -> Job {
    let key = format!("long.{extension}");
    let file = media::long(&key, bytes);
    let size = std::fs::metadata(&file).map_or(0, |file| file.len());
    Job {
        name: format!("10 s of a {extension} of {} MB", size / 1_000_000),
        event: event(&key, &format!("ss_20000,t_10000,{USUAL},vb_1000000")),
        inputs: vec![(key.clone(), "-ss 20 -t 10")],
        sources: vec![(key, file)],
        size: (1280, 720),
        bit_rate: 1_000_000,
    }
}

/// Eleven clips of a few seconds each.
pub(crate) fn short(seconds: usize) -> Job {
    let keys: Vec<String> = (0..11).map(|number| format!("short-{number}.mp4")).collect();
    let others: Vec<String> =
        keys[1..].iter().map(|key| format!("/sur,o_{}", URL_SAFE_NO_PAD.encode(key))).collect();
    let files = keys.iter().map(|key| media::short(key, seconds));
    Job {
        name: format!("eleven clips of {seconds} s"),
        event: event(&keys[0], &format!("{USUAL},vb_1000000{}", others.concat())),
        sources: keys.iter().cloned().zip(files).collect(),
        inputs: keys.into_iter().map(|key| (key, "")).collect(),
        size: (1280, 720),
        bit_rate: 1_000_000,
    }
}

/// A long object between two short ones, all of which may be copied if `option` allows it.
pub(crate) fn between(name: &str, option: &str, seconds: usize) -> Job {
    let keys = ["intro.mp4", "main.mp4", "outro.mp4"].map(str::to_owned);
    let files = [
        media::fitting(&keys[0], 4),
        media::fitting(&keys[1], seconds),
        media::fitting(&keys[2], 4),
    ];
    let [intro, _, outro] = keys.each_ref().map(|key| URL_SAFE_NO_PAD.encode(key));
    let asked = format!("{USUAL},vb_2000000{option}/pre,o_{intro}/sur,o_{outro}");
    Job {
        name: format!("{seconds} s between intro and outro, {name}"),
        event: event(&keys[1], &asked),
        sources: keys.iter().cloned().zip(files).collect(),
        inputs: keys.into_iter().map(|key| (key, "")).collect(),
        size: (1280, 720),
        bit_rate: 2_000_000,
    }
}

fn event(key: &str, parameters: &str) -> Value {
    let (bucket, target) =
        (URL_SAFE_NO_PAD.encode(TARGET_BUCKET), URL_SAFE_NO_PAD.encode("ours.mp4"));
    let process = format!("video/concat,{parameters}|sys/saveas,b_{bucket},o_{target}");
    json!({"bucket": SOURCE_BUCKET, "object": key, "process": process})
}
