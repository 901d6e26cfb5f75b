//! Messages about a task: the completion message for subscribers of the topic, and the events for a
//! bus.

use serde_json::json;

use crate::task::{EventId, Status, TASK_TYPE, TaskRecord, state_machine_arn};

/// The limit of SNS is 256 KiB, including attributes.
const LARGEST: usize = 256 * 1024 - 4 * 1024;

/// Most bytes of an event's detail. The limit of `EventBridge` is 256 KB, including the
/// names next to the detail.
const LARGEST_DETAIL: usize = 200_000;

/// The `source` of every event.
pub const EVENT_SOURCE: &str = "video-concat";

/// The kind of an event about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It has started or ended.
    StateChange,
    /// It has made progress.
    Progress,
}

impl EventKind {
    /// `detail-type` of the event.
    #[must_use]
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::StateChange => "Task State Change",
            Self::Progress => "Task Progress",
        }
    }
}

/// The detail of an event: the record, without its largest lists if it would not fit.
#[must_use]
pub fn detail(record: &TaskRecord) -> String {
    let whole = content(record);
    if whole.len() <= LARGEST_DETAIL {
        return whole;
    }
    let mut short = shortened(record);
    let text = content(&short);
    if text.len() <= LARGEST_DETAIL {
        return text;
    }
    short.sources.clear();
    short.warnings.push("it leaves out the sources as well".to_owned());
    content(&short)
}

/// A message for the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// JSON text.
    pub body: String,
    /// Attributes for subscription filters.
    pub attributes: Vec<(&'static str, String)>,
}

/// Makes the message for a task that has ended. `function_arn` is what has run the task, unless an
/// execution has; `time` is in epoch milliseconds.
#[must_use]
pub fn completion(record: &TaskRecord, function_arn: &str, time: i64) -> Message {
    let state_machine = record.execution_arn.as_deref().map(state_machine_arn);
    let arn = state_machine.as_deref().unwrap_or(function_arn);
    let mut body = body(&record.event_id, &content(record), arn, time);
    if body.len() > LARGEST {
        body = self::body(&record.event_id, &content(&shortened(record)), arn, time);
    }
    Message { body, attributes: attributes(record) }
}

fn body(id: &EventId, content: &str, arn: &str, time: i64) -> String {
    json!({
        "id": id,
        "source": "video-concat",
        "type": format!("imm:Task:{TASK_TYPE}"),
        "subject": format!("{arn}/imm:Task:{TASK_TYPE}"),
        "time": time.to_string(),
        "content": content,
    })
    .to_string()
}

fn content(record: &TaskRecord) -> String {
    record.to_json()
}

/// The record without most targets: thousands of segments do not fit into a message, or into a
/// reply with several records. The last target is the playlist, which names all segments.
pub(crate) fn shortened(record: &TaskRecord) -> TaskRecord {
    let mut short = record.clone();
    short.targets = record.targets.last().cloned().into_iter().collect();
    short.timeline.clear();
    short.warnings = vec![
        "the timeline, warnings, and all targets but the last are left out here; the task's record has them".to_owned(),
    ];
    short
}

fn attributes(record: &TaskRecord) -> Vec<(&'static str, String)> {
    let mut attributes = vec![
        ("TaskId", record.task_id.to_string()),
        ("TaskType", TASK_TYPE.to_owned()),
        ("Status", record.status.to_string()),
    ];
    if let (Status::Failed, Some(code)) = (record.status, record.code) {
        attributes.push(("Code", code.to_string()));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{LARGEST, LARGEST_DETAIL, completion, detail};
    use crate::code::Code;
    use crate::object::{ETag, ObjectUri};
    use crate::task::{Status, TargetRecord, TaskRecord, example};

    const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:concat";

    #[test]
    fn the_body_carries_the_record_as_text() {
        let record = example();
        let message = completion(&record, ARN, 1_744_872_010_123);
        let body: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(body["id"], record.event_id.to_string());
        assert_eq!(body["source"], "video-concat");
        assert_eq!(body["type"], "imm:Task:MediaConvert");
        assert_eq!(body["subject"], format!("{ARN}/imm:Task:MediaConvert"));
        assert_eq!(body["time"], "1744872010123");
        let content: TaskRecord = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
        assert_eq!(content, record);
    }

    #[test]
    fn of_a_distributed_task_the_state_machine_is_the_subject() {
        let execution = "arn:aws:states:eu-west-1:123456789012:execution:long:name".to_owned();
        let record = TaskRecord { execution_arn: Some(execution), ..example() };
        let body: Value = serde_json::from_str(&completion(&record, ARN, 0).body).unwrap();
        let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:long";
        assert_eq!(body["subject"], format!("{machine}/imm:Task:MediaConvert"));
    }

    #[test]
    fn a_failure_can_be_filtered_by_its_code() {
        let mut record = example();
        let names = |record: &TaskRecord| {
            let message = completion(record, ARN, 0);
            message.attributes.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(names(&record), ["TaskId", "TaskType", "Status"]);
        record.status = Status::Failed;
        record.code = Some(Code::NoSuchKey);
        assert_eq!(names(&record), ["TaskId", "TaskType", "Status", "Code"]);
        let message = completion(&record, ARN, 0);
        assert_eq!(message.attributes[3].1, "NoSuchKey");
        assert_eq!(message.attributes[2].1, "Failed");
    }

    #[test]
    fn an_event_has_the_whole_record_where_it_fits() {
        let record = example();
        let detail: TaskRecord = serde_json::from_str(&detail(&record)).unwrap();
        assert_eq!(detail, record);
    }

    #[test]
    fn an_event_of_a_large_record_says_what_it_leaves_out() {
        let mut record = segmented(10_000);
        let short: TaskRecord = serde_json::from_str(&detail(&record)).unwrap();
        assert_eq!(short.targets, record.targets[9_999..]);
        assert_eq!(short.sources, record.sources);
        assert!(short.warnings[0].contains("left out here"), "{:?}", short.warnings);

        // In JSON, each byte of such a key takes six bytes.
        let mut source = record.sources[0].clone();
        source.uri = ObjectUri::named("bucket", "\u{1}".repeat(1024)).unwrap();
        record.sources = vec![source; 64];
        let text = detail(&record);
        assert!(text.len() <= LARGEST_DETAIL);
        let short: TaskRecord = serde_json::from_str(&text).unwrap();
        assert!(short.sources.is_empty());
        assert!(short.warnings[1].contains("the sources"), "{:?}", short.warnings);
    }

    fn segmented(count: usize) -> TaskRecord {
        let mut record = example();
        record.targets = (0..count)
            .map(|index| TargetRecord {
                uri: ObjectUri::named("bucket", format!("a/long/enough/name/{index}.ts")).unwrap(),
                etag: ETag::new("0123456789abcdef0123456789abcdef"),
                size: 1,
                content_type: "video/mp2t".to_owned(),
            })
            .collect();
        record
    }

    #[test]
    fn a_message_with_thousands_of_segments_still_fits() {
        let message = completion(&segmented(5000), ARN, 0);
        assert!(message.body.len() <= LARGEST);
        assert!(message.body.contains("/4999.ts"));
    }
}
