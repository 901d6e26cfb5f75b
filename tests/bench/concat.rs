//! A job, alternately by the function and by hand, so that other load of the machine affects both.

use serde_json::{Value, json};

use crate::bed::function::Function;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::by_hand::ByHand;
use crate::job::{Job, SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::options::Options;
use crate::ours;
use crate::stats::{Numbers, cell, ratio, row, title};
use crate::throttle::Throttle;

/// The key in a round's numbers, and its name in the table.
const ROWS: [(&str, &str); 12] = [
    ("total", "whole job"),
    ("checked", "the same, by hand checked as well"),
    ("fetch", "fetch"),
    ("probe", "probe"),
    ("encode", "encode"),
    ("verify", "verify (upload included)"),
    ("store", "store"),
    ("between_stages", "between the stages"),
    ("outside_task", "around the task"),
    ("handler_cpu", "handler's processor time"),
    ("ffmpeg_cpu", "ffmpeg's processor time"),
    ("fetched_mb", "fetched, in MB"),
];

/// The speed of storage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    Full,
    /// See [`Throttle`].
    Held,
}

/// The function has its own settings except for these.
pub(crate) fn measure(
    options: &Options,
    job: &Job,
    speed: Speed,
    changed: &[(&str, &str)],
    preset: &'static str,
) -> Value {
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    for (key, file) in &job.sources {
        s3.put_file(SOURCE_BUCKET, key, file);
    }
    let throttle = (speed == Speed::Held).then(|| Throttle::before(&s3.url()));
    let url = throttle.map_or_else(|| s3.url(), |throttle| throttle.url());
    let settings = ours::settings(&s3, &sns, preset).set("AWS_ENDPOINT_URL_S3", &url);
    let settings =
        changed.iter().fold(settings, |settings, (name, value)| settings.set(name, *value));
    let function = Function::start(settings);
    let by_hand = ByHand::new(S3::client_by(&url), preset);
    let mut rounds = Vec::new();
    let storage = if speed == Speed::Full { "" } else { ", storage held to 80 MB/s a connection" };
    let with: Vec<String> =
        changed.iter().map(|(name, value)| format!(", {name}={value}")).collect();
    let name = format!("{}{storage}{}", job.name, with.concat());
    for round in 1..=options.rounds {
        println!("{name}, round {round} of {}", options.rounds);
        let ours = ours::round(&function, &s3, job);
        rounds.push(json!({"ours": ours, "by_hand": by_hand.round(job)}));
    }
    report(&name, &rounds, function.peak_memory())
}

fn report(name: &str, rounds: &[Value], memory: Option<u64>) -> Value {
    let of = |side: &str, key: &str| -> Numbers {
        let numbers = rounds.iter().filter_map(|round| round[side][key].as_f64());
        numbers.collect()
    };
    title(&format!("{name}, medians of {} rounds", rounds.len()));
    row("seconds", &["ours", "by hand", "ratio"]);
    let mut medians = serde_json::Map::new();
    for (key, name) in ROWS {
        let (ours, theirs) = (of("ours", key), of("by_hand", key));
        let compared = ratio(ours.median(), theirs.median());
        let cells = [cell(ours.median(), ""), cell(theirs.median(), ""), cell(compared, "")];
        row(name, &cells.each_ref().map(String::as_str));
        let numbers = json!({"ours": ours.json(), "by_hand": theirs.json(), "ratio": compared});
        medians.insert(key.to_owned(), numbers);
    }
    json!({
        "job": name,
        "seconds": medians,
        "rounds": rounds,
        "handler_peak_memory_bytes": memory,
    })
}
