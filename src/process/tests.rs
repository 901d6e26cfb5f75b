//! The language as a whole, from text to request.

mod seed;

use super::{Limits, MainObject, ProcessError, Request, parse, resolve};

/// Reads `process` for `bucket/example.mkv`.
fn read(process: &str) -> Result<Request, ProcessError> {
    let main = MainObject {
        bucket: "bucket".to_owned(),
        key: "example.mkv".to_owned(),
    };
    resolve(&parse(process)?, &main, &Limits::default())
}
