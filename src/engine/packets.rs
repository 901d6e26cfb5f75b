//! Lists of packets, as ffmpeg writes them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ffmpeg::{Ffmpeg, RunError};
use crate::plan::PacketList;

/// Reads a list that a process wrote to a file.
pub(super) fn read(listing: &Path) -> io::Result<PacketList> {
    let mut list = PacketList::default();
    for line in BufReader::new(File::open(listing)?).lines() {
        list.line(&line?);
    }
    Ok(list)
}

/// Runs a process that writes a list to its standard output. Returns also what it reported.
pub(super) async fn list(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<(PacketList, String), RunError> {
    let list = Arc::new(Mutex::new(PacketList::default()));
    let lines = Arc::clone(&list);
    let on_line = move |line: &str| {
        lines.lock().line(line);
    };
    let log = ffmpeg.list(arguments, on_line).await?;
    let list = std::mem::take(&mut *list.lock());
    Ok((list, log))
}
