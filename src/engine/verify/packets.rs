//! What the encoders gave, and what of it is in the finished file.

use std::path::Path;

use super::VerifyError;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::packets::{list, read};
use crate::plan::PacketList;

/// Reads what the joining process listed.
pub(super) fn encoded(listing: &Path) -> Result<PacketList, VerifyError> {
    read(listing).map_err(VerifyError::Listing)
}

/// Lists what a file holds.
pub(super) async fn found(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<PacketList, VerifyError> {
    match list(ffmpeg, arguments).await {
        Ok((list, log)) => silent(log).map(|()| list),
        Err(error) => failed(error).map(|()| PacketList::default()),
    }
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
