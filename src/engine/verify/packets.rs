//! What the encoders gave, and what of it is in the finished file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::VerifyError;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::plan::PacketList;

/// Reads what the joining process listed.
pub(super) fn encoded(listing: &Path) -> Result<PacketList, VerifyError> {
    let mut list = PacketList::default();
    for line in BufReader::new(File::open(listing).map_err(VerifyError::Listing)?).lines() {
        list.line(&line.map_err(VerifyError::Listing)?);
    }
    Ok(list)
}

/// Lists what a file holds.
pub(super) async fn found(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<PacketList, VerifyError> {
    let list = Arc::new(Mutex::new(PacketList::default()));
    let lines = Arc::clone(&list);
    let on_line = move |line: &str| {
        lines.lock().unwrap_or_else(PoisonError::into_inner).line(line);
    };
    ffmpeg.list(arguments, on_line).await.map_or_else(failed, silent)?;
    let list = std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(list)
}

/// A process that ended well has nothing to report.
pub(super) fn silent(log: String) -> Result<(), VerifyError> {
    if log.is_empty() { Ok(()) } else { Err(VerifyError::Undecodable(log)) }
}

/// One that ended badly has reported what is wrong with the file.
pub(super) fn failed(error: RunError) -> Result<(), VerifyError> {
    match error {
        RunError::Failed { log, .. } => Err(VerifyError::Undecodable(log)),
        other => Err(VerifyError::Run(other)),
    }
}
