//! Every integration test, in one binary: the real crate and the real function with servers that
//! implement the real protocols.

#![allow(
    // The lint knows test functions, but not the functions that they call.
    clippy::unwrap_used,
    // Pixels, samples and milliseconds, all far from the types' limits.
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    // Values are compared exactly as they were written.
    clippy::float_cmp,
    // Short texts, once.
    clippy::format_push_string
)]

#[path = "../bed.rs"]
mod bed;

mod audio;
mod boxes;
mod bus;
mod claim;
#[cfg(feature = "cli")]
mod cli;
mod concat;
mod confined;
mod connections;
mod copy;
mod doors;
mod fault_sweep;
mod ffmpeg_faults;
mod harness;
mod hostile;
mod inputs;
mod joined;
mod layer;
mod long_tasks;
mod matrix;
mod names;
mod notify;
mod operations;
#[cfg(feature = "cli")]
mod page;
mod players;
mod ranged;
mod rate_control;
mod readme;
mod refusals;
mod release;
mod scene;
mod stage;
mod storage;
mod verify;
mod video;
