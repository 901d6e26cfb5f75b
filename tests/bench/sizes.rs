//! The sizes of what is deployed: the function and its layer, unpacked and zipped.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::bed::process::{repository, run};
use crate::stats::{cell, mebibytes, row, title};

const FUNCTION: &str = "target/lambda/bootstrap";
const FUNCTION_LIMIT: u64 = 12 * 1024 * 1024;
const LAYER: &str = "target/layers/ffmpeg";
/// Lambda's limit for the function and all of its layers.
const UNPACKED_LIMIT: u64 = 262_144_000;

pub(crate) fn measure() -> Value {
    title("Sizes");
    row("MiB", &["unpacked", "zipped", "limit"]);
    let function = package("function", &repository().join(FUNCTION), FUNCTION_LIMIT);
    // An installed ffmpeg may be used instead of the layer.
    let layer = package("layer", &repository().join(LAYER), UNPACKED_LIMIT);
    json!({"function": function, "layer": layer})
}

fn package(name: &str, folder: &Path, limit: u64) -> Option<Value> {
    if !folder.is_dir() {
        row(name, &["-", "-", "-"]);
        return None;
    }
    let (unpacked, zipped) = (unpacked(folder), zipped(folder));
    let cells = [unpacked, zipped, limit].map(|bytes| cell(Some(mebibytes(bytes)), ""));
    row(name, &cells.each_ref().map(String::as_str));
    Some(json!({"unpacked_bytes": unpacked, "zipped_bytes": zipped, "limit_bytes": limit}))
}

fn unpacked(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => unpacked(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Zipped as by `sam deploy`, with Python's zip.
fn zipped(folder: &Path) -> u64 {
    let draft = tempfile::tempdir().expect("no temporary folder");
    let zip = draft.path().join("package.zip");
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    run(command.args(["-m", "zipfile", "-c"]).arg(&zip).arg(folder));
    std::fs::metadata(&zip).map_or(0, |file| file.len())
}
