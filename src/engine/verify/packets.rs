//! Lists what the encoders produced, and what the finished file has of it.

use std::path::Path;

use super::VerifyError;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::engine::packets::{PacketFile, each, list};
use crate::plan::{Packet, PacketList};

/// Opens the list that the joining process wrote.
pub(super) fn encoded(listing: &Path) -> Result<PacketFile, VerifyError> {
    PacketFile::open(listing).map_err(VerifyError::Listing)
}

/// Lists the packets of a file.
pub(super) async fn found(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<PacketList, VerifyError> {
    match list(ffmpeg, arguments).await {
        Ok((list, log)) => silent(log).map(|()| list),
        Err(error) => failed(error),
    }
}

/// Passes each packet of a file to a function.
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

/// If a process succeeds but writes a log, the file does not decode properly.
pub(super) fn silent(log: String) -> Result<(), VerifyError> {
    if log.is_empty() { Ok(()) } else { Err(VerifyError::Undecodable(log)) }
}

/// If a process fails, its log says what is wrong with the file.
pub(super) fn failed<T>(error: RunError) -> Result<T, VerifyError> {
    Err(match error {
        RunError::Failed { log, .. } => VerifyError::Undecodable(log),
        other => VerifyError::Run(other),
    })
}
