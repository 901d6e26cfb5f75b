//! The job, by the function and by hand in turn, so that whatever else the machine does meets both.

use serde_json::{Value, json};

use crate::bed::function::Function;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::by_hand::ByHand;
use crate::job::{SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::media::{self, NAMES};
use crate::options::Options;
use crate::ours;
use crate::stats::{Numbers, cell, ratio, row, title};

/// Key in a round's numbers, and what it is called in the table.
const ROWS: [(&str, &str); 10] = [
    ("total", "whole job"),
    ("fetch", "fetch"),
    ("probe", "probe"),
    ("encode", "encode"),
    ("verify", "verify (upload included)"),
    ("store", "store"),
    ("between_stages", "between the stages"),
    ("outside_task", "around the task"),
    ("handler_cpu", "handler's processor time"),
    ("ffmpeg_cpu", "ffmpeg's processor time"),
];

pub(crate) fn measure(options: &Options, height: usize, preset: &'static str) -> Value {
    let files = media::sources(height, options.seconds);
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    for (name, file) in NAMES.iter().zip(&files) {
        s3.put_file(SOURCE_BUCKET, name, file);
    }
    let function = Function::start(ours::settings(&s3, &sns, preset));
    let by_hand = ByHand::new(&s3, preset);
    let size = (height * 16 / 9 / 2 * 2, height);
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        println!("{height}p, round {round} of {}", options.rounds);
        let ours = ours::round(&function, &s3);
        rounds.push(json!({"ours": ours, "by_hand": by_hand.round(size)}));
    }
    let memory = function.peak_memory();
    report(options, height, &rounds, memory)
}

fn report(options: &Options, height: usize, rounds: &[Value], memory: Option<u64>) -> Value {
    let of = |side: &str, key: &str| -> Numbers {
        let numbers = rounds.iter().filter_map(|round| round[side][key].as_f64());
        numbers.collect()
    };
    title(&format!(
        "The seed job, {height}p, sources of {} s, medians of {} rounds",
        options.seconds, options.rounds
    ));
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
        "height": height,
        "source_seconds": options.seconds,
        "seconds": medians,
        "rounds": rounds,
        "handler_peak_memory_bytes": memory,
    })
}
