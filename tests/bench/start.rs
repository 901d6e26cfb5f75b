//! The time from the function's start until it asks for work.

use std::time::Instant;

use serde_json::{Value, json};

use crate::bed::emulator::Emulator;
use crate::bed::function::{Function, Settings};
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::job::TOPIC;
use crate::ours;
use crate::stats::{Numbers, cell, row, title};

/// With how many warm invocations a cold one is compared.
const WARM: usize = 3;

pub(crate) fn measure(starts: usize, preset: &str) -> Value {
    let (s3, sns) = (S3::start(&[]), Sns::start(&[TOPIC]));
    let settings = ours::settings(&s3, &sns, preset);
    println!("starting the function {starts} times under each API");
    let own_api: Numbers = (0..starts)
        .map(|_| Function::start(settings.clone()).cold_start().as_secs_f64() * 1000.0)
        .collect();
    let emulator: Numbers = (0..starts).map(|_| under_emulator(&settings)).collect();
    title(&format!("Start of the function, medians of {starts}"));
    row("milliseconds", &["median", "least", "most"]);
    for (name, numbers) in [
        ("start to first request for work", &own_api),
        ("the same in Lambda's emulator", &emulator),
    ] {
        let json = numbers.json();
        let cells = ["median", "least", "most"].map(|key| cell(json[key].as_f64(), ""));
        row(name, &cells.each_ref().map(String::as_str));
    }
    json!({"unit": "ms", "own_api": own_api.json(), "emulator": emulator.json()})
}

/// The emulator starts the function with its first event, so that one takes longer than the
/// following ones by the start. The event needs no time.
fn under_emulator(settings: &Settings) -> f64 {
    let emulator = Emulator::start(settings);
    let event = json!({"bucket": "none", "object": "none", "process": "none"});
    let invoke = || {
        let started = Instant::now();
        emulator.invoke(&event).unwrap();
        started.elapsed().as_secs_f64() * 1000.0
    };
    let cold = invoke();
    let warm: Numbers = (0..WARM).map(|_| invoke()).collect();
    cold - warm.median().unwrap_or(0.0)
}
