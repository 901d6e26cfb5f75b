//! Probe: what a fetched file really is.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use thiserror::Error;

use crate::code::Code;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::flicks::Flicks;
use crate::media::report::{Report, ReportError};
use crate::media::{Demuxer, FormatError, HEAD_LENGTH, Media, Recognised, recognise};
use crate::plan::input::{Input, file_url};
use streams::Reader;

mod parts;
mod streams;

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
    /// A stream is there, and none of it can be used.
    #[error("nothing of its {kind} can be decoded{}{complaints}", if complaints.is_empty() { "" } else { ": " })]
    Undecodable {
        /// `video` or `audio`.
        kind: &'static str,
        /// What the decoder says.
        complaints: String,
    },
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
    pub fn code(&self) -> Code {
        match self {
            Self::Format(_)
            | Self::Report(_)
            | Self::TooManyStreams
            | Self::Damaged(_)
            | Self::Undecodable { .. } => Code::UnsupportedMedia,
            Self::Run(error) => error.code(),
            Self::File(_) => Code::InternalError,
        }
    }
}

impl From<RunError> for ProbeError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Failed { log, .. } => Self::Damaged(log),
            RunError::OutOfMemory { .. } | RunError::Start { .. } | RunError::Stream { .. } => {
                Self::Run(error)
            }
        }
    }
}

/// A probed file, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// What it is made of, one behind the other: itself alone, mostly.
    pub parts: Vec<Part>,
    /// All parts as one.
    pub media: Arc<Media>,
    /// What its owner should know.
    pub notices: Vec<Notice>,
}

/// A file that is a part of a source, or all of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where it is.
    pub file: PathBuf,
    /// Its streams.
    pub media: Arc<Media>,
}

/// Files that are probed at the same time.
const PARALLEL_PROBES: usize = 4;

/// Probes every file.
///
/// # Errors
/// As [`probe`], with the index of the file.
pub async fn probe_all<P: AsRef<Path>>(
    ffmpeg: &Ffmpeg,
    files: &[P],
) -> Result<Vec<Probed>, (usize, ProbeError)> {
    let ffmpeg = &ffmpeg.shared(PARALLEL_PROBES.min(files.len()));
    let paths: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
    stream::iter(paths.into_iter().enumerate())
        .map(|(index, path)| async move {
            probe(ffmpeg, path).await.map_err(|error| (index, error))
        })
        .buffered(PARALLEL_PROBES)
        .try_collect()
        .await
}

impl Probed {
    /// What is known of its parts.
    #[must_use]
    pub fn media(&self) -> Vec<Arc<Media>> {
        self.parts.iter().map(|part| Arc::clone(&part.media)).collect()
    }

    fn single(path: &Path, media: Media, notices: Vec<Notice>) -> Self {
        let part = Part { file: path.to_owned(), media: Arc::new(media) };
        Self { media: Arc::clone(&part.media), parts: vec![part], notices }
    }
}

/// What is odd about a file that can be used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its clock starts anew in the middle.
    Joined,
    /// Its end is missing.
    CutShort {
        /// Length by its header.
        declared: Flicks,
        /// Length of what is there.
        found: Flicks,
    },
    /// The demuxer reported errors.
    Damaged(String),
    /// One of several files that it is made of can't be used.
    LeftOut {
        /// Its number, from 1.
        part: usize,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("its time stamps jump: they were made continuous"),
            Self::CutShort { declared, found } => write!(
                f,
                "it is damaged: it declares {} ms and holds {} ms",
                declared.to_millis(),
                found.to_millis()
            ),
            Self::Damaged(log) => write!(f, "it is damaged, what can be read was used: {log}"),
            Self::LeftOut { part, reason } => write!(
                f,
                "it is made of several files, and number {part} of them was left out: {reason}"
            ),
        }
    }
}

impl Notice {
    fn of(report: &Report, media: &Media, complaints: &[String]) -> Vec<Self> {
        let lengths = report.lengths(media).into_iter();
        let mut cut_short = lengths.filter_map(|(declared, found)| Self::cut(declared, found));
        let damaged = (!complaints.is_empty()).then(|| Self::Damaged(complaints.join("; ")));
        cut_short.next().into_iter().chain(damaged).collect()
    }

    /// Headers round, and encoders miscount a few frames.
    fn cut(declared: Flicks, found: Flicks) -> Option<Self> {
        let missing = declared - found;
        let much = (found.count() / 20).max(Flicks::from_millis(250).count());
        (missing.count() > much).then_some(Self::CutShort { declared, found })
    }
}

/// Probes a fetched file. One whose clock jumps is written anew with a
/// continuous one: nothing of it could be placed otherwise.
///
/// # Errors
/// When it is no source, or the probe can't be run.
pub async fn probe(ffmpeg: &Ffmpeg, path: &Path) -> Result<Probed, ProbeError> {
    let demuxer = recognise_file(path)?;
    let files = parts::part(path, demuxer)?;
    if files.len() > 1 {
        return several(ffmpeg, demuxer, files).await;
    }
    let (media, jumps, notices) = read(ffmpeg, demuxer, path).await?;
    if jumps
        && matches!(demuxer, Demuxer::MpegTs | Demuxer::MpegPs)
        && make_continuous(ffmpeg, &media, path).await?
    {
        let media = scan(ffmpeg, Demuxer::MpegTs, path).await?;
        return Ok(Probed::single(path, media, vec![Notice::Joined]));
    }
    Ok(Probed::single(path, media, notices))
}

/// Probes the parts of a file that is made of several. One that can't be used is left out.
async fn several(
    ffmpeg: &Ffmpeg,
    demuxer: Demuxer,
    files: Vec<PathBuf>,
) -> Result<Probed, ProbeError> {
    let mut parts = Vec::with_capacity(files.len());
    let mut notices = Vec::new();
    for (index, file) in files.into_iter().enumerate() {
        match read(ffmpeg, demuxer, &file).await {
            Ok((media, _, found)) => {
                notices.extend(found);
                parts.push(Part { file, media: Arc::new(media) });
            }
            Err(error) if error.code() == Code::UnsupportedMedia && index > 0 => {
                notices.push(Notice::LeftOut { part: index + 1, reason: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    let (first, others) = parts.split_first().expect("the first part is used or refused");
    let media = Media::in_a_row(&first.media, others.iter().map(|part| &part.media));
    Ok(Probed { parts, media, notices })
}

/// Copies the streams that count into a transport stream without jumps, in the
/// file's place. False where a transport stream can't hold them.
async fn make_continuous(ffmpeg: &Ffmpeg, media: &Media, path: &Path) -> Result<bool, ProbeError> {
    let copy = path.with_extension("continuous");
    let mut arguments = Input::of(media, path).arguments();
    let video = media.video.as_ref().map(|stream| stream.index);
    let audio = media.audio.as_ref().map(|stream| stream.index);
    for index in video.into_iter().chain(audio) {
        arguments.extend(["-map".to_owned(), format!("0:{index}")]);
    }
    arguments.extend(["-c", "copy", "-f", "mpegts"].map(str::to_owned));
    arguments.push(file_url(&copy));
    match ffmpeg.encode(arguments, |_| ()).await {
        Ok(_) => {
            std::fs::rename(&copy, path)?;
            Ok(true)
        }
        Err(RunError::Failed { .. }) => {
            // It may not even have begun.
            let _ = std::fs::remove_file(&copy);
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the streams and packets of a file whose format is known.
///
/// # Errors
/// As [`probe`].
pub async fn scan(ffmpeg: &Ffmpeg, demuxer: Demuxer, path: &Path) -> Result<Media, ProbeError> {
    read(ffmpeg, demuxer, path).await.map(|(media, ..)| media)
}

/// The media, whether its clock jumps, and what is odd about it.
async fn read(
    ffmpeg: &Ffmpeg,
    demuxer: Demuxer,
    file: &Path,
) -> Result<(Media, bool, Vec<Notice>), ProbeError> {
    let reader = Reader { ffmpeg, demuxer, file, depth: 0 };
    let (report, reader) = reader.describe().await?;
    let (chosen, complaints) = reader.choose(&report).await?;
    let jumps = chosen.jumps();
    let media = Media { depth: reader.depth, ..chosen.finish(demuxer, &report)? };
    let notices = Notice::of(&report, &media, &complaints);
    Ok((media, jumps, notices))
}

fn recognise_file(path: &Path) -> Result<Demuxer, ProbeError> {
    let mut file = File::open(path)?;
    let mut offset = 0;
    for _ in 0..MOST_TAGS {
        file.seek(SeekFrom::Start(offset))?;
        let mut head = Vec::with_capacity(HEAD_LENGTH);
        file.by_ref().take(HEAD_LENGTH as u64).read_to_end(&mut head)?;
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
