//! The job that is measured: `events/direct.json`, word for word.

use serde_json::Value;

const EVENT: &str = include_str!("../../events/direct.json");
pub(crate) const SOURCE_BUCKET: &str = "examplebucket";
pub(crate) const TARGET_BUCKET: &str = "outbucket";
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:AudioConvert";

pub(crate) fn event() -> Value {
    serde_json::from_str(EVENT).expect("the example is JSON")
}
