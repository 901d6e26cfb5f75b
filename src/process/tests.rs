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

use super::{Limits, ProcessError, Request, parse, resolve};
use crate::object::ObjectUri;

/// The smallest set of parameters for `video/concat`.
const LEAST: &str = "f_mp4,vcodec_h264,acodec_aac";
/// A target, `out`.
const TARGET: &str = "|sys/saveas,o_b3V0";

/// Reads `process` for `bucket/example.mkv`.
fn read(process: &str) -> Result<Request, ProcessError> {
    let main = ObjectUri::named("bucket", "example.mkv").unwrap();
    resolve(&parse(process)?, &main, Limits::default())
}

/// Reads the smallest request with these parameters added to `video/concat`.
fn read_with(parameters: &str) -> Result<Request, ProcessError> {
    read(&format!("video/concat,{LEAST},{parameters}{TARGET}"))
}

/// The error message for `process`.
fn complaint(process: &str) -> String {
    read(process).unwrap_err().to_string()
}
