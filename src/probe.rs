//! Probe: what a fetched file really is.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::code::Code;
use crate::ffmpeg::{Ffmpeg, RunError};
use crate::media::report::{PACKET_FIELDS, ReportError, Scan};
use crate::media::{Demuxer, FormatError, HEAD_LENGTH, Media, Recognised, recognise};

/// The longest description of streams that is read.
const REPORT_LIMIT: usize = 4 * 1024 * 1024;
/// The most ID3 tags in front of a file that are stepped over.
const MOST_TAGS: u32 = 8;

/// Why a file is no source.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// Its first bytes are of no known format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its streams are of no use.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Its description has no end.
    #[error("the file describes more streams than a media file has")]
    TooManyStreams,
    /// The demuxer gave it up.
    #[error("the file is damaged beyond reading: {0}")]
    Damaged(String),
    /// The probe could not be run.
    #[error(transparent)]
    Run(RunError),
    /// The local file can't be read.
    #[error("can't read the fetched file: {0}")]
    File(#[from] io::Error),
}

impl ProbeError {
    /// The outward code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Format(_) | Self::Report(_) | Self::TooManyStreams | Self::Damaged(_) => {
                Code::UnsupportedMedia
            }
            Self::Run(_) | Self::File(_) => Code::InternalError,
        }
    }
}

impl From<RunError> for ProbeError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failed { log, .. } => Self::Damaged(log),
            RunError::Start { .. } => Self::Run(error),
        }
    }
}

/// Probes a fetched file.
///
/// # Errors
/// When it is no source, or the probe can't be run.
pub async fn probe(ffmpeg: &Ffmpeg, path: &Path) -> Result<Media, ProbeError> {
    scan(ffmpeg, recognise_file(path)?, path).await
}

/// Reads the streams and packets of a file whose format is known.
///
/// # Errors
/// As [`probe`].
pub async fn scan(ffmpeg: &Ffmpeg, demuxer: Demuxer, path: &Path) -> Result<Media, ProbeError> {
    let report = describe(ffmpeg, demuxer, path).await?;
    let scan = Arc::new(Mutex::new(Scan::new(demuxer, &report)?));
    let packets = Arc::clone(&scan);
    let on_line = move |line: &str| {
        packets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .packet(line);
    };
    let arguments = ["-show_entries", PACKET_FIELDS, "-of", "csv=p=0"];
    ffmpeg
        .inspect(demuxer.name(), path, &arguments, on_line)
        .await?;
    let scan =
        Arc::into_inner(scan).map(|scan| scan.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(scan
        .ok_or_else(|| io::Error::other("the packet reader did not end"))?
        .finish()?)
}

/// ffprobe's description of the streams, as JSON.
async fn describe(ffmpeg: &Ffmpeg, demuxer: Demuxer, path: &Path) -> Result<String, ProbeError> {
    let report = Arc::new(Mutex::new(String::new()));
    let lines = Arc::clone(&report);
    let on_line = move |line: &str| {
        let mut report = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if report.len() <= REPORT_LIMIT {
            report.push_str(line);
        }
    };
    let arguments = ["-show_streams", "-of", "json=compact=1"];
    ffmpeg
        .inspect(demuxer.name(), path, &arguments, on_line)
        .await?;
    let report = std::mem::take(&mut *report.lock().unwrap_or_else(PoisonError::into_inner));
    if report.len() > REPORT_LIMIT {
        Err(ProbeError::TooManyStreams)
    } else {
        Ok(report)
    }
}

fn recognise_file(path: &Path) -> Result<Demuxer, ProbeError> {
    let mut file = File::open(path)?;
    let mut offset = 0;
    for _ in 0..MOST_TAGS {
        file.seek(SeekFrom::Start(offset))?;
        let mut head = Vec::with_capacity(HEAD_LENGTH);
        file.by_ref()
            .take(HEAD_LENGTH as u64)
            .read_to_end(&mut head)?;
        if head.is_empty() && offset > 0 {
            return Err(FormatError::TagAlone.into());
        }
        match recognise(&head)? {
            Recognised::As(demuxer) => return Ok(demuxer),
            Recognised::TagUntil(length) => offset += length,
        }
    }
    Err(FormatError::Unknown.into())
}
