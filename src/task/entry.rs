//! What the stages of a task find out, and how a record takes it. A stage returns it or notes it in the
//! journal; this is the only place where the record of a task at work is written.

use super::{
    ChunkCount, Definition, Filled, OutputRecord, SourceRecord, TargetRecord, TaskRecord,
    TimelineRecord, Usage, VerifiedRecord,
};
use crate::object::{ETag, ObjectUri};
use crate::process::request::Clip;

/// Progress of a task that has not ended, in percent.
const MOST_PROGRESS: u8 = 99;

/// What is known of a task by now.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// How far it is, in percent.
    Progress(u8),
    /// What was accepted but should be known. A warning that is there already is not repeated.
    Warnings(Vec<String>),
    /// The concatenation list, and all warnings that are known with it, in place of those before.
    Sources(Vec<SourceRecord>, Vec<String>),
    /// Bytes that were read of the source of a clip, beside those that are noted.
    Fetched {
        /// The first clip of the source.
        clip: usize,
        /// How many.
        bytes: u64,
    },
    /// What each source is in the output, and where it is.
    Planned(Vec<PlannedSource>, Vec<TimelineRecord>),
    /// How long a stage took, in milliseconds, beside the time that is noted.
    Took(Stage, u64),
    /// How many pieces there are.
    Chunks(ChunkCount),
    /// What was counted on the output.
    Verified(Box<Finished>),
    /// What was stored.
    Stored(Vec<TargetRecord>),
    /// What another invocation used.
    Used(Usage),
}

/// A stage whose time is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the stage of its name")]
pub enum Stage {
    Fetch,
    Probe,
    Encode,
    Verify,
    Store,
}

/// What is known of a source after planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSource {
    /// How long the clip's cut is.
    pub duration_ms: u64,
    /// What it lacked and was given.
    pub filled: Vec<Filled>,
}

/// What is known of a finished output.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What the output is.
    pub output: OutputRecord,
    /// What was counted on it.
    pub verified: VerifiedRecord,
    /// Its length, to the millisecond.
    pub seconds: f64,
    /// Its billing class.
    pub definition: Definition,
}

impl SourceRecord {
    /// A source of which nothing has been read. Its length is what was asked for until planning.
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
    /// Takes over what is known by now.
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

    /// Takes over all of them, in their order.
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
