//! The direct event: it contains the whole request.

use serde_json::Value;

use super::field::{optional_text, text};
use super::{EventError, ProcessSource, Submission, Trigger};

const FIELDS: [&str; 4] = ["bucket", "object", "process", "userData"];
const LONGEST_USER_DATA: usize = 2048;

/// Decodes a direct event that arrived through `trigger`.
pub(super) fn decode(event: &Value, trigger: Trigger) -> Result<Submission, EventError> {
    let Value::Object(fields) = event else {
        return Err(EventError::UnknownKind);
    };
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(EventError::UnknownField { name: name.clone(), nearest: nearest(name) });
    }
    let user_data = optional_text(event, &["userData"])?;
    if let Some(data) = user_data
        && data.len() > LONGEST_USER_DATA
    {
        return Err(EventError::UserDataTooLong(data.len()));
    }
    Ok(Submission {
        bucket: text(event, &["bucket"])?.to_owned(),
        object: text(event, &["object"])?.to_owned(),
        version: None,
        etag: None,
        process: ProcessSource::Given(text(event, &["process"])?.to_owned()),
        user_data: user_data.map(str::to_owned),
        trigger,
    })
}

/// The known field that is closest to `name`, if it may be a typing error.
fn nearest(name: &str) -> Option<&'static str> {
    // Far longer than any field, and the distance would take much time and memory.
    if name.len() > 64 {
        return None;
    }
    let distance =
        |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    match name.to_lowercase().as_str() {
        // The name that S3 uses.
        "key" => Some("object"),
        _ => FIELDS
            .into_iter()
            .min_by_key(|known| distance(known))
            .filter(|known| distance(known) <= 2),
    }
}
