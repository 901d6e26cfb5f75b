//! The test bed: real protocols, real binaries, and media in which every frame can be recognised.
//!
//! The integration tests, the demo and the benchmark all include this module, each using its own
//! part. Nothing here outlives the value that started it: servers and child processes end when it
//! is dropped.

#![allow(
    // Each includer uses only its own part.
    dead_code,
    unreachable_pub,
    // Names are chosen so that tests read like sentences; only tests see them.
    missing_docs,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    // If the bed can't go on, the test has to fail.
    clippy::unwrap_used,
    // Pixels, samples and milliseconds are all far from the types' limits.
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

#[path = "bed/beep.rs"]
pub mod beep;
#[path = "bed/browser.rs"]
pub mod browser;
#[path = "bed/bus.rs"]
pub mod bus;
#[path = "bed/cache.rs"]
pub mod cache;
#[path = "bed/client.rs"]
pub mod client;
#[path = "bed/emulator.rs"]
pub mod emulator;
#[path = "bed/expect.rs"]
pub mod expect;
#[path = "bed/fault.rs"]
pub mod fault;
#[path = "bed/ffmpeg.rs"]
pub mod ffmpeg;
#[path = "bed/footage.rs"]
pub mod footage;
#[path = "bed/frame_code.rs"]
pub mod frame_code;
#[path = "bed/function.rs"]
pub mod function;
#[path = "bed/gateway.rs"]
pub mod gateway;
#[path = "bed/http.rs"]
pub mod http;
#[path = "bed/invocation.rs"]
pub mod invocation;
#[path = "bed/lambda.rs"]
pub mod lambda;
#[path = "bed/moto.rs"]
pub mod moto;
#[path = "bed/process.rs"]
pub mod process;
#[path = "bed/process_strings.rs"]
pub mod process_strings;
#[path = "bed/reading.rs"]
pub mod reading;
#[path = "bed/rotation.rs"]
pub mod rotation;
#[path = "bed/s3.rs"]
pub mod s3;
#[path = "bed/s3_gaps.rs"]
pub mod s3_gaps;
#[path = "bed/secrets.rs"]
pub mod secrets;
#[path = "bed/sns.rs"]
pub mod sns;
#[path = "bed/soundtrack.rs"]
pub mod soundtrack;
#[path = "bed/source.rs"]
pub mod source;
#[path = "bed/step_functions.rs"]
pub mod step_functions;
