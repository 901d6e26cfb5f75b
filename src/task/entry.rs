//! The results of a task's stages, and how they change the record. A stage returns an entry or adds
//! it to the journal; only this file changes the record of a running task.

use super::{
    ChunkCount, Definition, Filled, OutputRecord, SourceRecord, TargetRecord, TaskRecord,
    TimelineRecord, Usage, VerifiedRecord,
};
use crate::object::{ETag, ObjectUri};
use crate::process::request::Clip;

/// The greatest progress of a task that has not ended, in percent.
const MOST_PROGRESS: u8 = 99;

/// A new fact about a task.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Its progress in percent.
    Progress(u8),
    /// Warnings about accepted but unusual input. A warning that already exists is not repeated.
    Warnings(Vec<String>),
    /// The concatenation list, and all warnings known with it; replaces the earlier ones.
    Sources(Vec<SourceRecord>, Vec<String>),
    /// Bytes that were read of a clip's source, in addition to those that are recorded.
    Fetched {
        /// The first clip of the source.
        clip: usize,
        /// Number of bytes.
        bytes: u64,
    },
    /// How each source is used in the output, and its place there.
    Planned(Vec<PlannedSource>, Vec<TimelineRecord>),
    /// The time that a stage took, in milliseconds, in addition to what is recorded.
    Took(Stage, u64),
    /// Number of pieces.
    Chunks(ChunkCount),
    /// The properties of the finished output.
    Verified(Box<Finished>),
    /// The objects that were stored.
    Stored(Vec<TargetRecord>),
    /// The usage of another invocation.
    Used(Usage),
}

/// A stage whose time is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its stage")]
pub enum Stage {
    Fetch,
    Probe,
    Encode,
    Verify,
    Store,
}

/// What planning adds to a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSource {
    /// Length of the clip's cut.
    pub duration_ms: u64,
    /// Which streams it lacks, so that black or silence takes their place.
    pub filled: Vec<Filled>,
}

/// A finished output.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Its properties.
    pub output: OutputRecord,
    /// The numbers that were counted.
    pub verified: VerifiedRecord,
    /// Its length, with milliseconds.
    pub seconds: f64,
    /// Its billing class.
    pub definition: Definition,
}

impl SourceRecord {
    /// A source of which nothing has been read. Until planning, its length is the requested one.
    #[must_use]
    pub fn new(uri: ObjectUri, etag: ETag, size: u64, asked: &Clip) -> Self {
        Self {
            uri,
            etag,
            size,
            bytes_fetched: 0,
            start_ms: asked.start_ms,
            duration_ms: asked.duration_ms.unwrap_or(0),
            filled: Vec::new(),
        }
    }
}

impl TaskRecord {
    /// Adds an entry.
    pub fn note(&mut self, entry: Entry) {
        match entry {
            Entry::Progress(percent) => {
                self.progress = percent.min(MOST_PROGRESS).max(self.progress);
            }
            Entry::Warnings(warnings) => {
                for warning in warnings {
                    if !self.warnings.contains(&warning) {
                        self.warnings.push(warning);
                    }
                }
            }
            Entry::Sources(sources, warnings) => {
                (self.sources, self.warnings) = (sources, warnings);
            }
            Entry::Fetched { clip, bytes } => self.sources[clip].bytes_fetched += bytes,
            Entry::Planned(sources, timeline) => {
                for (source, planned) in self.sources.iter_mut().zip(sources) {
                    source.duration_ms = planned.duration_ms;
                    source.filled = planned.filled;
                }
                self.timeline = timeline;
            }
            Entry::Took(stage, ms) => *self.timing(stage) += ms,
            Entry::Chunks(chunks) => self.chunks = Some(chunks),
            Entry::Verified(finished) => {
                let Finished { output, verified, seconds, definition } = *finished;
                (self.output, self.verified) = (Some(output), Some(verified));
                self.usage.output_seconds = seconds;
                self.usage.definition = Some(definition);
            }
            Entry::Stored(targets) => self.targets = targets,
            Entry::Used(usage) => self.usage.add(&usage),
        }
    }

    /// Adds several entries in order.
    pub fn note_all(&mut self, entries: impl IntoIterator<Item = Entry>) {
        entries.into_iter().for_each(|entry| self.note(entry));
    }

    fn timing(&mut self, stage: Stage) -> &mut u64 {
        let timings = &mut self.timings;
        match stage {
            Stage::Fetch => &mut timings.fetch_ms,
            Stage::Probe => &mut timings.probe_ms,
            Stage::Encode => &mut timings.encode_ms,
            Stage::Verify => &mut timings.verify_ms,
            Stage::Store => &mut timings.store_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Stage};
    use crate::task::{Status, TaskRecord, Usage, example};

    fn running() -> TaskRecord {
        TaskRecord { status: Status::Running, progress: 0, ..example() }
    }

    #[test]
    fn progress_never_goes_back_nor_says_that_a_task_has_ended() {
        let mut record = running();
        record.note_all([40, 20].map(Entry::Progress));
        assert_eq!(record.progress, 40);
        record.note(Entry::Progress(100));
        assert_eq!(record.progress, 99);
    }

    #[test]
    fn what_several_functions_did_is_added_up() {
        let mut record = running();
        let before = record.clone();
        let clip = record.sources.len() - 1;
        let used = Usage { get_requests: 7, memory_mb: 10_240, ..Usage::default() };
        record.note_all([
            Entry::Took(Stage::Verify, 30),
            Entry::Took(Stage::Verify, 12),
            Entry::Fetched { clip, bytes: 5 },
            Entry::Used(used),
        ]);
        assert_eq!(record.timings.verify_ms, before.timings.verify_ms + 42);
        assert_eq!(record.sources[clip].bytes_fetched, before.sources[clip].bytes_fetched + 5);
        assert_eq!(record.usage.get_requests, before.usage.get_requests + 7);
        assert_eq!(record.usage.memory_mb, 10_240);
    }

    #[test]
    fn a_warning_is_there_once() {
        let mut record = running();
        record.note(Entry::Sources(record.sources.clone(), vec!["a".to_owned()]));
        record.note(Entry::Warnings(vec!["b".to_owned(), "a".to_owned(), "b".to_owned()]));
        assert_eq!(record.warnings, ["a", "b"]);
    }
}
