//! Commands that send a request: an event, a curl command, or a program.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// The characters that are not encoded in a path.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A direct event.
#[must_use]
pub fn event(bucket: &str, object: &str, process: &str) -> String {
    let event = json!({"bucket": bucket, "object": object, "process": process});
    format!("{event:#}\n")
}

/// A curl command for an endpoint that requires an IAM signature.
#[must_use]
pub fn curl(bucket: &str, object: &str, process: &str) -> String {
    let path = utf8_percent_encode(object, PATH);
    let body = quoted(&format!("x-oss-async-process={process}"));
    format!(
        "curl --fail-with-body --aws-sigv4 \"aws:amz:$AWS_REGION:${{SERVICE:-execute-api}}\" \\\n    \
         --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \\\n    \
         ${{AWS_SESSION_TOKEN:+--header \"x-amz-security-token: $AWS_SESSION_TOKEN\"}} \\\n    \
         --data-binary {body} \\\n    \
         \"$ENDPOINT/{bucket}/{path}?x-oss-async-process\"\n"
    )
}

/// A program for an endpoint that requires an OSS signature.
#[must_use]
pub fn python(bucket: &str, object: &str, process: &str) -> String {
    // JSON strings are valid Python strings.
    let [bucket, object, process] = [bucket, object, process].map(|text| json!(text).to_string());
    format!(
        "import os\n\nimport oss2\n\n\
         auth = oss2.AuthV4(os.environ[\"OSS_ACCESS_KEY_ID\"], os.environ[\"OSS_ACCESS_KEY_SECRET\"])\n\
         bucket = oss2.Bucket(\n    \
         auth, os.environ[\"ENDPOINT\"], {bucket}, region=\"us-east-1\", is_path_style=True\n)\n\
         task = bucket.async_process_object(\n    {object},\n    {process},\n)\n\
         print(task.task_id)\n"
    )
}

/// The text as one word of a shell.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        for (text, word) in [
            ("a_b-c.mp4", "a_b-c.mp4"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a|b", "'a|b'"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }
}
