//! Every code that this service returns, as tables for the README beside `src/task`.

use std::fmt::Write as _;

use crate::code::{Code, Help};
use crate::reply::Refused;

/// The tables: first the codes of tasks, then those of HTTP replies only.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "### Codes of a task\n\n| code | HTTP | why | what to do | function error |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let Help { why, remedy } = code.help();
        let retried = if code.is_retryable() { "yes" } else { "no" };
        let status = code.http_status();
        // Writing to a String never fails.
        let _ = writeln!(out, "| `{code}` | {status} | {why} | {remedy} | {retried} |");
    }
    out.push_str("\n### Codes over HTTP only\n\n");
    out.push_str("| code | HTTP | why | what to do |\n|---|---|---|---|\n");
    for refused in Refused::BY_HTTP_ONLY {
        let (name, status) = (refused.as_str(), refused.http_status());
        let Help { why, remedy } = refused.help();
        let _ = writeln!(out, "| `{name}` | {status} | {why} | {remedy} |");
    }
    out
}
