//! The process string for uploads that carry none.

use super::Reader;
use crate::process::{Limits, known_main, parse, resolve};

/// Checks it as far as it can be without an upload.
pub(super) fn process<G: Fn(&str) -> Option<String>>(
    reader: &mut Reader<G>,
    max_sources: usize,
) -> Option<String> {
    let text = reader.value("UPLOAD_PROCESS")?;
    let main = known_main(None, None).expect("nothing is known of it that could be wrong");
    let request = parse(&text).and_then(|spec| resolve(&spec, &main, Limits { max_sources }));
    if let Err(error) = request {
        reader.wrong("UPLOAD_PROCESS", format!("can't be used: {error}"));
    }
    Some(text)
}
