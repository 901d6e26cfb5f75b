//! What the encoders gave, and what of it is in the finished file.

use std::path::Path;

use super::VerifyError;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::packets::{PacketFile, each, list};
use crate::plan::{Packet, PacketList};

/// Reads what the joining process listed.
pub(super) fn encoded(listing: &Path) -> Result<PacketFile, VerifyError> {
    PacketFile::open(listing).map_err(VerifyError::Listing)
}

/// Lists what a file holds.
pub(super) async fn found(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<PacketList, VerifyError> {
    match list(ffmpeg, arguments).await {
        Ok((list, log)) => silent(log).map(|()| list),
        Err(error) => failed(error),
    }
}

/// Looks at each packet that a file holds.
pub(super) async fn look<L: Send + 'static>(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
    looking: L,
    look: impl FnMut(&mut L, Packet) + Send + 'static,
) -> Result<L, VerifyError> {
    match each(ffmpeg, arguments, looking, look).await {
        Ok((looking, log)) => silent(log).map(|()| looking),
        Err(error) => failed(error),
    }
}

/// A process that ended well has nothing to report.
pub(super) fn silent(log: String) -> Result<(), VerifyError> {
    if log.is_empty() { Ok(()) } else { Err(VerifyError::Undecodable(log)) }
}

/// One that ended badly has reported what is wrong with the file.
pub(super) fn failed<T>(error: RunError) -> Result<T, VerifyError> {
    Err(match error {
        RunError::Failed { log, .. } => VerifyError::Undecodable(log),
        other => VerifyError::Run(other),
    })
}
