//! Segments that each range makes itself. They are stored in the run's folder; the join step makes
//! storage copy them to their final place, and writes the playlist.

use std::io;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use tracing::info;

use super::super::deliver::Goods;
use super::super::{Job, TaskError, Worker, millis};
use super::Shift;
use super::folder::{Folder, Piece};
use super::in_place::Join;
use super::notes::{PieceNote, PlanNote, RangeNote, SegmentNote};
use crate::engine::artifacts::{Artifact, Copied, Kind};
use crate::engine::segments::{RangeSegments, make_segments};
use crate::engine::verify::{VerifyError, verify_range, verify_ranges};
use crate::engine::weave::own_audio;
use crate::engine::workspace::{OUTPUT, Workspace};
use crate::ledger::run_name;
use crate::object::ObjectUri;
use crate::plan::{AudioRange, Chunk};
use crate::playlist::{SegmentNames, join, rename, segment_content_type, with_length};
use crate::process::request::SegmentFormat;
use crate::storage::upload::PendingUpload;
use crate::storage::{FileSlice, Precondition};
use crate::task::{Entry, Stage};

/// The name of the file with the encoded audio of a range.
pub(super) const AUDIO: &str = "audio";
/// How many segments are stored at the same time.
const PARALLEL_FILES: usize = 16;

impl Worker {
    /// Makes the segments of a rendered range, checks and stores them, and records them.
    pub(super) async fn keep_segments(
        &self,
        shift: &Shift<'_>,
        note: &PlanNote,
        index: usize,
        workspace: &Workspace,
        video: &Path,
        piece: &mut PieceNote,
    ) -> Result<(), TaskError> {
        let (plan, ffmpeg) = (&note.plan, self.ffmpeg());
        let range = note.ranges.get(index).ok_or(TaskError::NoRange(index))?;
        let started = Instant::now();
        let audio = match note.audio_of(range) {
            Some(audio) => Some(write_own_audio(audio, workspace).await?),
            None => None,
        };
        let with_audio = audio.as_ref().map(|(range, file)| (range, file.as_path()));
        let target = workspace.output(&note.extension);
        make_segments(&ffmpeg, plan, range, video, with_audio, &target).await?;
        let made = RangeSegments::of(workspace, plan, range)?;
        piece.timings.encode_ms += millis(started);
        let started = Instant::now();
        check_counts(note, index, range, &made.counts)?;
        let media = verify_range(&ffmpeg, plan, range, &made.readable).await?;
        piece.frames = range.frames.end - range.frames.start;
        piece.timings.verify_ms = millis(started);
        let started = Instant::now();
        self.check_run(shift).await?;
        let stored_as = Folder::segments_of(Piece::Range(index));
        let files = self.store_segments(shift, &stored_as, &made.files).await?;
        piece.size = files.iter().map(|file| file.size).sum();
        piece.segments = Some(RangeNote { stored_as, files, playlist: made.playlist, media });
        piece.timings.store_ms = millis(started);
        piece.usage = self.used(shift.invocation);
        let uri = shift.folder.note(Piece::Range(index));
        shift.folder.write(&self.store, &uri, piece).await.map_err(TaskError::Record)
    }

    async fn store_segments(
        &self,
        shift: &Shift<'_>,
        stored_as: &str,
        files: &[(String, PathBuf)],
    ) -> Result<Vec<SegmentNote>, TaskError> {
        let description = shift.folder.description("application/octet-stream");
        let description = &description;
        stream::iter(files)
            .map(|(suffix, path)| async move {
                let uri = shift.folder.segment(stored_as, suffix);
                let size = std::fs::metadata(path)?.len();
                let slice = FileSlice { path, offset: 0, length: size };
                let put = self.store.put_file(&uri, &slice, description, &Precondition::None);
                let etag = put.await.map_err(TaskError::Record)?;
                Ok(SegmentNote { suffix: suffix.clone(), etag, size })
            })
            .buffered(PARALLEL_FILES)
            .try_collect()
            .await
    }

    /// Makes one playlist from those of all ranges. The segments in it still have to be copied.
    pub(super) async fn join_segments(
        &self,
        work: &Join<'_>,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Join { note, workspace, journal, .. } = *work;
        let started = Instant::now();
        let ranges = range_notes(work)?;
        let run = run_name(journal.holder());
        let names = SegmentNames::new(&note.target.key, &note.numbers, Some(&run));
        let output = workspace.output(&note.extension);
        std::fs::write(&output, playlist(note, &ranges, &names)?)?;
        let mut files = Vec::new();
        for range in &ranges {
            let copies = range.files.iter().map(|file| copy(work, range, file, &names));
            files.extend(copies.collect::<io::Result<Vec<_>>>()?);
        }
        // The playlist comes last, so that readers never find a name of a missing segment.
        let content_type = format(note).content_type();
        let (uri, kind) = (note.target.clone(), Kind::Playlist(note.numbers.clone()));
        files.push(Artifact { path: output, uri, content_type, kind });
        let request =
            self.read(&Job::new(&note.main.bucket, &note.main.key, journal.latest().process))?;
        for file in &files {
            self.check_target(&request, &file.uri)?;
        }
        let join_ms = millis(started);
        info!(ms = join_ms, pieces = ranges.len(), segments = files.len() - 1, "join");
        journal.note(Entry::Took(Stage::Encode, join_ms));
        let verify = async {
            let media: Vec<_> = ranges.iter().map(|range| range.media.clone()).collect();
            verify_ranges(&note.plan, &media)
        };
        let goods = Goods { files: &files, assembly: &[] };
        let uploads = Box::pin(self.send_checked(&note.plan, goods, verify, journal)).await?;
        Ok((files, uploads))
    }
}

/// The segments that a try has stored.
pub(super) fn segments_of(shift: &Shift<'_>, note: &PieceNote) -> Vec<ObjectUri> {
    let segments = note.segments.iter().flat_map(|range| {
        range.files.iter().map(|file| shift.folder.segment(&range.stored_as, &file.suffix))
    });
    segments.collect()
}

fn format(note: &PlanNote) -> SegmentFormat {
    note.plan.output.segments.expect("only segments are made in ranges").format
}

async fn write_own_audio(
    range: AudioRange,
    workspace: &Workspace,
) -> Result<(AudioRange, PathBuf), TaskError> {
    let (encoded, target) = (workspace.part(AUDIO), workspace.part("own-audio"));
    let written = tokio::task::spawn_blocking(move || {
        own_audio(&encoded, &range, &target).map(|()| (range, target))
    });
    Ok(written.await.map_err(io::Error::other)??)
}

/// Each stream must have as many segments as planned, except that the number for audio may differ
/// at the end.
fn check_counts(
    note: &PlanNote,
    index: usize,
    range: &Chunk,
    counts: &[u64],
) -> Result<(), TaskError> {
    let planned = note.plan.segments_of(range);
    let is_last = index + 1 == note.ranges.len();
    let counted = if is_last { &counts[..counts.len().min(1)] } else { counts };
    match counted.iter().find(|&&count| count != planned) {
        None => Ok(()),
        Some(count) => Err(TaskError::Verify(VerifyError::Mismatch {
            what: "the number of a range's segments",
            found: count.to_string(),
            planned: planned.to_string(),
        })),
    }
}

/// The notes about the segments of each range.
fn range_notes<'a>(work: &Join<'a>) -> Result<Vec<&'a RangeNote>, TaskError> {
    let pieces = work.pieces.iter().enumerate();
    pieces
        .map(|(index, (_, piece))| piece.segments.as_ref().ok_or(TaskError::OddRange(index)))
        .collect()
}

/// The playlist of all ranges, with the segments' names.
fn playlist(note: &PlanNote, ranges: &[&RangeNote], names: &SegmentNames) -> io::Result<String> {
    let playlists: Vec<&str> = ranges.iter().map(|range| &*range.playlist).collect();
    let length = note.plan.segment_length().unwrap_or(note.plan.length());
    let text = join(&playlists, format(note), length);
    let text = text.ok_or_else(|| io::Error::other("the playlists of the ranges don't fit"))?;
    let text = rename(&text, format(note), OUTPUT, names);
    Ok(with_length(&text, note.plan.length()))
}

fn copy(
    work: &Join<'_>,
    range: &RangeNote,
    SegmentNote { suffix, etag, size }: &SegmentNote,
    names: &SegmentNames,
) -> io::Result<Artifact> {
    let uri = work.note.target.beside(names.key(suffix)).map_err(io::Error::other)?;
    let from = work.shift.folder.segment(&range.stored_as, suffix);
    Ok(Artifact {
        path: PathBuf::new(),
        content_type: segment_content_type(&uri.key),
        uri,
        kind: Kind::Stored(Copied { uri: from, etag: etag.clone(), size: *size }),
    })
}
