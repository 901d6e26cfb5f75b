//! Joins ranges without downloading them: they become the output inside storage.
//!
//! Storage copies the ranges into the parts of a multipart upload. This function uploads only the
//! index, the audio unless the ranges contain it, and as much of the ranges as is needed to make
//! these parts large enough.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use tracing::info;

use super::super::deliver::Goods;
use super::super::{Job, TaskError, Worker, millis};
use super::Shift;
use super::folder::Piece;
use super::notes::{PieceNote, PlanNote};
use crate::engine::artifacts::{Artifact, Kind};
use crate::engine::template::{Template, template};
use crate::engine::verify::{Indexed, verify_indexed};
use crate::engine::workspace::Workspace;
use crate::ledger::Journal;
use crate::mp4::{Movie, Packets, Samples, Stretch};
use crate::storage::assembly::{Assembly, Bytes, Wanted};
use crate::storage::fetch::fetch_part;
use crate::storage::upload::PendingUpload;
use crate::task::{Entry, Stage};

/// How many objects are read at the same time.
const PARALLEL_READS: usize = 16;

/// The inputs of a join.
pub(super) struct Join<'a> {
    pub(super) shift: &'a Shift<'a>,
    pub(super) note: &'a PlanNote,
    pub(super) pieces: &'a [(Piece, PieceNote)],
    pub(super) workspace: &'a Workspace,
    pub(super) journal: &'a Journal,
}

impl<'a> Join<'a> {
    /// The ranges and their notes.
    fn ranges(&self) -> impl Iterator<Item = (Piece, &'a PieceNote)> {
        let pieces = self.pieces.iter().filter(|(piece, _)| *piece != Piece::Sound);
        pieces.map(|(piece, note)| (*piece, note))
    }

    /// The samples of every range, if the ranges can be joined.
    fn samples(&self) -> Result<Vec<&'a Samples>, TaskError> {
        let (mut all, mut header) = (Vec::new(), None);
        for (index, (_, piece)) in self.ranges().enumerate() {
            let samples = &piece.samples;
            let planned = self.note.plan.are_all_of(samples, &self.note.ranges[index]);
            let starts = samples.samples.first().is_some_and(|sample| sample.sync);
            let described = *header.get_or_insert(&piece.header) == &piece.header;
            let size = samples.bytes() + piece.audio.bytes();
            if !planned || !starts || !described || size != piece.size {
                return Err(TaskError::OddRange(index));
            }
            all.push(samples);
        }
        Ok(all)
    }

    /// The audio of every range, if the ranges contain it.
    fn audio(&self) -> Vec<&'a Packets> {
        let ranges = self.ranges().filter(|_| self.note.audio_in_ranges);
        ranges.map(|(_, piece)| &piece.audio).collect()
    }
}

impl Worker {
    /// Joins the ranges. The returned upload is complete and only has to be finished.
    pub(super) async fn join_where_stored(
        &self,
        join: &Join<'_>,
    ) -> Result<(Vec<Artifact>, Vec<PendingUpload>), TaskError> {
        let Join { shift, note, workspace, journal, .. } = *join;
        let started = Instant::now();
        let ffmpeg = self.ffmpeg();
        let first = workspace.part("first");
        self.fetch_whole(&shift.folder.first(), &first).await?;
        let sound = self.fetch_sound(shift, note, join.pieces, workspace).await?;
        let path = workspace.part("template");
        let template = template(&ffmpeg, &note.plan, &sound, &first, &path).await?;
        let (ranges, audio) = (join.samples()?, join.audio());
        let rate = note.plan.timeline.frame_rate;
        let movie = if audio.is_empty() {
            Movie::new(&template.moov, &ranges, rate)?
        } else {
            let both: Vec<_> = ranges.iter().copied().zip(audio.iter().copied()).collect();
            Movie::woven(&template.moov, &both, rate)?
        };
        let output = workspace.output(&note.extension);
        let assembly = self.put_together(join, &template, &movie, &output).await?;
        let beginnings = workspace.part("beginnings");
        let of_each = Samples::beginnings(&ranges);
        let short = Movie::new(&template.moov, &[&of_each], rate)?.mute();
        let head = short.head(&template.ftyp, template.filler)?;
        self.begin_each(join, &movie, &head, &beginnings).await?;
        let join_ms = millis(started);
        info!(ms = join_ms, pieces = ranges.len(), parts = assembly.parts.len(), "join");
        journal.note(Entry::Took(Stage::Encode, join_ms));
        let target = note.target.clone();
        let request =
            self.read(&Job::new(&note.main.bucket, &note.main.key, journal.latest().process))?;
        self.check_target(&request, &target)?;
        let content_type = note.plan.output.container.content_type();
        let files = vec![Artifact { path: output, uri: target, content_type, kind: Kind::Media }];
        let check = Indexed {
            ffmpeg: &ffmpeg,
            plan: &note.plan,
            template: &template.path,
            file: &files[0].path,
            beginnings: &beginnings,
            ranges: &ranges,
            audio: &audio,
        };
        let goods = Goods { files: &files, assembly: &assembly.parts };
        let sent = self.send_checked(&note.plan, goods, verify_indexed(&check), journal);
        let uploads = Box::pin(sent).await?;
        Ok((files, uploads))
    }

    /// Writes the index, the audio that is in no range, and the bytes of ranges that have to be
    /// uploaded with them. The rest of the file is a hole.
    async fn put_together(
        &self,
        join: &Join<'_>,
        template: &Template,
        movie: &Movie<'_>,
        output: &Path,
    ) -> Result<Assembly, TaskError> {
        let ranges: Vec<_> = join.ranges().collect();
        let head = movie.head(&template.ftyp, template.filler)?;
        let mut runs = vec![Bytes::Here(head.len() as u64)];
        let stretches = movie.stretches();
        runs.extend(stretches.iter().map(|stretch| match *stretch {
            Stretch::Audio(extent) => Bytes::Here(extent.length),
            Stretch::Range { range, length } => {
                let (piece, note) = ranges[range];
                let (uri, etag) = (join.shift.folder.media(piece), note.head().etag);
                Bytes::Stored { uri, etag, length }
            }
        }));
        let assembly = Assembly::of(&runs);
        self.check_room(&runs, &assembly)?;
        let file = File::options().read(true).write(true).create_new(true).open(output)?;
        write_own(&file, &head, &stretches, template)?;
        let file = &file;
        stream::iter(&assembly.wanted)
            .map(|&Wanted { run, length, at }| {
                let Some(Stretch::Range { range, .. }) = stretches.get(run - 1) else {
                    unreachable!("only ranges are stored")
                };
                let (piece, note) = ranges[*range];
                self.fetch_bytes(join, (piece, note), 0..length, (output, file, at))
            })
            .buffer_unordered(PARALLEL_READS)
            .try_collect::<()>()
            .await?;
        Ok(assembly)
    }

    fn check_room(&self, runs: &[Bytes], assembly: &Assembly) -> Result<(), TaskError> {
        let here = runs.iter().map(|run| match run {
            Bytes::Here(length) => *length,
            Bytes::Stored { .. } => 0,
        });
        let wanted = assembly.wanted.iter().map(|wanted| wanted.length);
        self.check_output_space(here.chain(wanted).sum())
    }

    /// Writes a video of the first frame of each range.
    async fn begin_each(
        &self,
        join: &Join<'_>,
        movie: &Movie<'_>,
        head: &[u8],
        path: &Path,
    ) -> Result<(), TaskError> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.write_all_at(head, 0)?;
        let mut at = head.len() as u64;
        let beginnings = join.ranges().enumerate().map(|(range, (piece, note))| {
            let length = note.samples.samples.first().map_or(0, |sample| u64::from(sample.size));
            let (start, place) = (movie.video_in(range), at);
            at += length;
            (piece, note, start..start + length, place)
        });
        let (beginnings, file): (Vec<_>, _) = (beginnings.collect(), &file);
        stream::iter(beginnings)
            .map(|(piece, note, bytes, at)| {
                self.fetch_bytes(join, (piece, note), bytes, (path, file, at))
            })
            .buffer_unordered(PARALLEL_READS)
            .try_collect()
            .await
    }

    async fn fetch_bytes(
        &self,
        join: &Join<'_>,
        (piece, note): (Piece, &PieceNote),
        bytes: Range<u64>,
        place: (&Path, &File, u64),
    ) -> Result<(), TaskError> {
        let uri = join.shift.folder.media(piece);
        Ok(fetch_part(&self.store, &uri, &note.head(), bytes, place).await?)
    }
}

/// Writes the index, and the audio at its places.
fn write_own(
    file: &File,
    head: &[u8],
    stretches: &[Stretch],
    template: &Template,
) -> io::Result<()> {
    file.write_all_at(head, 0)?;
    let mut at = head.len() as u64;
    for stretch in stretches {
        if let Stretch::Audio(extent) = stretch {
            template.copy(*extent, file, at)?;
        }
        at += stretch.length();
    }
    file.set_len(at)
}
