//! Tasks: their names and their records.

mod definition;
mod entry;
mod id;
mod output;
mod record;
mod requests;
mod run;
mod stored;
mod time;

pub use definition::Definition;
pub use entry::{Entry, Finished, PlannedSource, Stage};
pub use id::{EventId, RequestId, TaskId, TaskIdError};
pub use record::{
    AudioRecord, ChunkCount, Filled, OutputRecord, SourceRecord, Status, TASK_TYPE, TargetRecord,
    TaskRecord, TaskType, TimelineRecord, Timings, Usage, VerifiedRecord, VideoRecord,
};
pub use requests::Requests;
pub use run::{Run, RunError, execution_arn, state_machine_arn};
pub use stored::{Execution, LEASE, Lease, START, Segments, State, StoredRecord};
pub use time::Moment;

/// A finished task, for tests that render one.
#[cfg(test)]
pub(crate) fn example() -> TaskRecord {
    serde_json::from_str(include_str!("task/example.json")).unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Moment, TaskRecord, example};
    use crate::code::Code;

    #[test]
    fn a_record_is_written_by_the_outward_names() {
        let written = serde_json::to_value(example()).unwrap();
        let expected: Value = serde_json::from_str(include_str!("task/example.json")).unwrap();
        assert_eq!(written, expected);
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let done = example();
        let (task, event, request) = (done.task_id, done.event_id, done.request_id);
        let mut record = TaskRecord::begin(task, event, request, done.start_time, String::new());
        let has = |record: &TaskRecord, name: &str| {
            serde_json::to_value(record).unwrap().get(name).is_some()
        };
        for name in ["Code", "Message", "UserData", "EndTime", "Output", "Verified"] {
            assert!(!has(&record, name), "{name}");
        }
        record.fail(Code::NoSuchKey, "gone", Moment::new(jiff::Timestamp::UNIX_EPOCH));
        assert!(has(&record, "Code") && has(&record, "Message") && has(&record, "EndTime"));
    }
}
