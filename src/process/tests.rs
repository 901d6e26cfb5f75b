//! The language as a whole, from text to request.

mod grammar;
mod matrix;
mod meaning;
mod properties;
mod seed;
mod table;
mod template;
mod values;
mod wording;

use super::{Limits, MainObject, ProcessError, Request, parse, resolve};

/// Parameters that are enough for `video/concat`.
const LEAST: &str = "f_mp4,vcodec_h264,acodec_aac";
/// A target, `out`.
const TARGET: &str = "|sys/saveas,o_b3V0";

/// Reads `process` for `bucket/example.mkv`.
fn read(process: &str) -> Result<Request, ProcessError> {
    let main = MainObject { bucket: "bucket".to_owned(), key: "example.mkv".to_owned() };
    resolve(&parse(process)?, &main, Limits::default())
}

/// Reads the least request with these parameters added to `video/concat`.
fn read_with(parameters: &str) -> Result<Request, ProcessError> {
    read(&format!("video/concat,{LEAST},{parameters}{TARGET}"))
}

/// What is wrong with `process`, as the user is told.
fn complaint(process: &str) -> String {
    read(process).unwrap_err().to_string()
}
