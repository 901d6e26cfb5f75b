//! Finds out what a fetched file really contains.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use thiserror::Error;

use crate::code::Code;
use crate::engine::ffmpeg::{Ffmpeg, RunError};
use crate::media::elements::Cues;
use crate::media::report::{Chosen, Report, ReportError};
use crate::media::{
    Demuxer, FormatError, HEAD_LENGTH, Media, Places, Recognised, Undecodable, recognise,
};
use crate::plan::input::{Input, file_url};
use parts::{MOST_PARTS, Parted, straighten};
use streams::Reader;

mod notice;
mod parts;
mod streams;

pub use notice::Notice;

/// Most ID3 tags at the start of a file that are skipped.
const MOST_TAGS: u32 = 8;
/// Most zeros at the start of a file that are skipped.
const MOST_ZEROS: usize = 1 << 24;

/// Why a file can't be a source.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// Its first bytes are of no known format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its streams can't be used.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Its description is too long.
    #[error("the file describes more streams than a media file has")]
    TooManyStreams,
    /// The demuxer failed.
    #[error("the file is damaged beyond reading: {0}")]
    Damaged(String),
    /// A stream exists, but nothing of it can be decoded.
    #[error("nothing of its {kind} can be decoded{}{complaints}", if complaints.is_empty() { "" } else { ": " })]
    Undecodable {
        /// `video` or `audio`.
        kind: &'static str,
        /// The decoder's errors.
        complaints: String,
    },
    /// ffprobe could not be run.
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

/// A probed file, and what is unusual about it.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The files that it consists of, in order: usually only itself.
    pub parts: Vec<Part>,
    /// All parts as one.
    pub media: Arc<Media>,
    /// What the caller should know.
    pub notices: Vec<Notice>,
    /// Whether the file is still the one that was fetched.
    pub is_own: bool,
}

/// A part of a source, or all of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The part's file.
    pub file: PathBuf,
    /// Its streams.
    pub media: Arc<Media>,
}

/// Number of files that are probed at the same time.
pub const PARALLEL_PROBES: usize = 4;

/// Probes every file.
///
/// # Errors
/// Like [`probe`], with the index of the file.
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
    /// The media of its parts.
    #[must_use]
    pub fn media(&self) -> Vec<Arc<Media>> {
        self.parts.iter().map(|part| Arc::clone(&part.media)).collect()
    }
}

/// Probes a fetched file. A file that consists of several files is split, and one whose timestamps
/// jump is rewritten with continuous ones, since nothing after a jump could be placed otherwise.
///
/// # Errors
/// When it can't be a source, or the probe can't be run.
pub async fn probe(ffmpeg: &Ffmpeg, path: &Path) -> Result<Probed, ProbeError> {
    let (demuxer, start) = recognise_file(path)?;
    let Parted { files, count, rewritten, unused, damaged } = parts::part(path, start, demuxer)?;
    let mut probed = Vec::with_capacity(files.len());
    let mut notices = Vec::new();
    if count > 1 && matches!(demuxer, Demuxer::MpegTs | Demuxer::MpegPs) {
        notices.push(Notice::Joined);
    }
    if damaged > 0 {
        notices.push(Notice::Damaged(format!("timestamps that can't be right: {damaged}")));
    }
    let (mut refused, mut is_own) = (None, !rewritten);
    for (index, (file, demuxer)) in files.into_iter().enumerate() {
        match part(ffmpeg, demuxer, &file).await.and_then(|it| usable(it, count)) {
            Ok((media, found)) => {
                is_own &= !found.contains(&Notice::Joined);
                notices.extend(found);
                probed.push(Part { file, media: Arc::new(media) });
            }
            Err(error) if error.code() == Code::UnsupportedMedia && count > 1 => {
                notices.push(Notice::LeftOut { part: index + 1, reason: error.to_string() });
                refused = refused.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    if count > MOST_PARTS {
        notices.push(Notice::TooMany { count, used: MOST_PARTS });
    }
    notices.extend(unused.map(|bytes| Notice::Behind { bytes }));
    let mut known = Vec::new();
    notices.retain(|notice| {
        !known.contains(notice) && {
            known.push(notice.clone());
            true
        }
    });
    let Some((first, others)) = probed.split_first() else {
        return Err(refused.unwrap_or_else(|| ReportError::NoPackets.into()));
    };
    let media = Media::in_a_row(&first.media, others.iter().map(|part| &part.media));
    Ok(Probed { parts: probed, media, notices, is_own })
}

/// Refuses one of several parts if nothing of a stream in it can be decoded: the others are used.
fn usable<T>((media, rest): (Media, T), parts: usize) -> Result<(Media, T), ProbeError> {
    let Undecodable { video, audio } = media.undecodable;
    if parts == 1 || !(video || audio) {
        return Ok((media, rest));
    }
    let kind = if video { "video" } else { "audio" };
    Err(ProbeError::Undecodable { kind, complaints: String::new() })
}

/// Probes a part of a source.
async fn part(
    ffmpeg: &Ffmpeg,
    demuxer: Demuxer,
    path: &Path,
) -> Result<(Media, Vec<Notice>), ProbeError> {
    let (media, jumps, notices) = read(ffmpeg, demuxer, path).await?;
    if !jumps {
        return Ok((media, notices));
    }
    match demuxer {
        Demuxer::MpegTs | Demuxer::MpegPs => {
            let copy = path.with_extension("continuous");
            let continuous = make_continuous(ffmpeg, &media, path, &copy).await?;
            let media = match continuous {
                Some(found) if found.holds_as_much_as(&media) => found,
                // Otherwise the streams that the copy lacks would be lost without a notice.
                _ => {
                    remove(&copy)?;
                    return Ok((media, [notices, vec![Notice::Jumps]].concat()));
                }
            };
            std::fs::rename(&copy, path)?;
            Ok((media, vec![Notice::Joined]))
        }
        Demuxer::Flv => {
            let copy = path.with_extension("continuous");
            if !straighten(path, &copy)? {
                remove(&copy)?;
                return Ok((media, notices));
            }
            std::fs::rename(&copy, path)?;
            let (media, _, found) = read(ffmpeg, demuxer, path).await?;
            // The header counts the gap as part of the length.
            let found = found.into_iter().filter(|it| !matches!(it, Notice::CutShort { .. }));
            Ok((media, [Notice::Joined].into_iter().chain(found).collect()))
        }
        _ => Ok((media, notices)),
    }
}

/// Probes a partial file whose index is filled. `None` if the index does not say enough: then the
/// file has to be probed once it is complete.
///
/// # Errors
/// Like [`probe`].
pub async fn probe_index(
    ffmpeg: &Ffmpeg,
    path: &Path,
) -> Result<Option<(Probed, Places)>, ProbeError> {
    let (demuxer, _) = recognise_file(path)?;
    let waiting = ffmpeg.waiting(vec![path.to_owned()]);
    let reader = Reader { ffmpeg: &waiting, demuxer, file: path, depth: 0 };
    let (report, reader) = reader.describe().await?;
    // Missing blocks are read as zeros here, but nothing uses their content.
    let index = Reader { ffmpeg, ..reader };
    finish_index(reader, &report, index.index(&report).await?).await
}

/// The same for a Matroska file with known cues. Bit rates and numbers of frames are estimates
/// then, and audio counts as unsteady. If `any_timing`, the frame rate and the ends
/// of the streams are estimates as well.
///
/// # Errors
/// Like [`probe`].
pub async fn probe_cues(
    ffmpeg: &Ffmpeg,
    path: &Path,
    cues: &Cues,
    any_timing: bool,
) -> Result<Option<(Probed, Places)>, ProbeError> {
    let waiting = ffmpeg.waiting(vec![path.to_owned()]);
    let reader = Reader { ffmpeg: &waiting, demuxer: Demuxer::Matroska, file: path, depth: 0 };
    let (report, reader) = reader.describe().await?;
    let found = reader.cued(&report, cues, any_timing).await?;
    finish_index(reader, &report, found).await
}

async fn finish_index(
    reader: Reader<'_>,
    report: &Report,
    found: Option<(Chosen, Places)>,
) -> Result<Option<(Probed, Places)>, ProbeError> {
    let Some((mut chosen, places)) = found else { return Ok(None) };
    if let Some(video) = &mut chosen.video {
        reader.turn(video).await?;
    }
    let pause = chosen.pause();
    let media = Media { depth: reader.depth, ..chosen.finish(reader.demuxer, report)? };
    // If there is anything to report, the whole file has to be probed, so that the report is
    // complete.
    if !Notice::of(report, &media, pause, &[]).is_empty() {
        return Ok(None);
    }
    let (file, media) = (reader.file.to_owned(), Arc::new(media));
    let parts = vec![Part { file, media: Arc::clone(&media) }];
    Ok(Some((Probed { parts, media, notices: Vec::new(), is_own: true }, places)))
}

/// Copies the used streams into a transport stream without jumps. `None` if the format can't hold
/// them.
async fn make_continuous(
    ffmpeg: &Ffmpeg,
    media: &Media,
    path: &Path,
    copy: &Path,
) -> Result<Option<Media>, ProbeError> {
    let mut arguments = Input::of(media, path).arguments();
    let video = media.video.as_ref().map(|stream| stream.index);
    let audio = media.audio.as_ref().map(|stream| stream.index);
    for index in video.into_iter().chain(audio) {
        arguments.extend(["-map".to_owned(), format!("0:{index}")]);
    }
    arguments.extend(["-c", "copy", "-f", "mpegts"].map(str::to_owned));
    arguments.push(file_url(copy));
    match ffmpeg.encode(arguments, |_| ()).await {
        Ok(_) => match scan(ffmpeg, Demuxer::MpegTs, copy).await {
            Ok(media) => Ok(Some(media)),
            Err(error) if error.code() == Code::UnsupportedMedia => Ok(None),
            Err(error) => Err(error),
        },
        Err(RunError::Failed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file that may not exist.
fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads the streams and packets of a file whose format is known.
///
/// # Errors
/// Like [`probe`].
pub async fn scan(ffmpeg: &Ffmpeg, demuxer: Demuxer, path: &Path) -> Result<Media, ProbeError> {
    read(ffmpeg, demuxer, path).await.map(|(media, ..)| media)
}

/// Returns the media, whether the timestamps jump, and what is unusual about the file.
async fn read(
    ffmpeg: &Ffmpeg,
    demuxer: Demuxer,
    file: &Path,
) -> Result<(Media, bool, Vec<Notice>), ProbeError> {
    let reader = Reader { ffmpeg, demuxer, file, depth: 0 };
    let (report, reader) = reader.describe().await?;
    let (chosen, mut complaints) = reader.choose(&report).await?;
    match chosen.torn() {
        0 => {}
        1 => complaints.push("1 frame of its video lacks parts".to_owned()),
        count => complaints.push(format!("{count} frames of its video lack parts")),
    }
    let (jumps, pause) = (chosen.jumps(), chosen.pause());
    let media = Media { depth: reader.depth, ..chosen.finish(demuxer, &report)? };
    let notices = Notice::of(&report, &media, pause, &complaints);
    Ok((media, jumps, notices))
}

/// The demuxer for a file, and the offset of its media: 0 if the demuxer finds that itself.
fn recognise_file(path: &Path) -> Result<(Demuxer, u64), ProbeError> {
    let mut file = File::open(path)?;
    let (mut offset, mut tags, mut zeros) = (0, 0, 0);
    loop {
        file.seek(SeekFrom::Start(offset))?;
        let mut head = Vec::with_capacity(HEAD_LENGTH);
        file.by_ref().take(HEAD_LENGTH as u64).read_to_end(&mut head)?;
        if head.is_empty() && offset > 0 {
            let nothing = if tags > 0 { FormatError::TagAlone } else { FormatError::Unknown };
            return Err(nothing.into());
        }
        match recognise(&head) {
            Ok(Recognised::TagUntil(length)) if tags < MOST_TAGS => {
                offset += length;
                tags += 1;
            }
            Ok(Recognised::TagUntil(_)) => return Err(FormatError::Unknown.into()),
            Ok(Recognised::As(demuxer)) => {
                let skips_tags = matches!(demuxer, Demuxer::Mp3 | Demuxer::Aac | Demuxer::Flac);
                let is_known = zeros == 0 && skips_tags;
                return Ok((demuxer, if is_known { 0 } else { offset }));
            }
            Ok(Recognised::From(at, demuxer)) => return Ok((demuxer, offset + at as u64)),
            // Up to three of the zeros may belong to what follows: to a length, or to a start code.
            Err(FormatError::Unknown)
                if head[0] == 0
                    && (zeros > 0 || head.starts_with(&[0; 4]))
                    && zeros < MOST_ZEROS =>
            {
                let count = head.iter().take_while(|&&byte| byte == 0).count();
                let is_all = count == head.len();
                let passed = if is_all { count } else { count.saturating_sub(3).max(1) };
                zeros += passed;
                offset += passed as u64;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
