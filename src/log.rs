//! The log: one JSON object per line, with the request's and the task's id on each.

use std::fmt;
use std::sync::RwLock;

use serde_json::Value;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The trace of the event that is being handled; an instance handles one event at a time.
static TRACE: RwLock<Option<String>> = RwLock::new(None);

/// Starts logging. `get` returns variables of the environment.
pub fn begin(get: impl Fn(&str) -> Option<String>) {
    let service = get("AWS_LAMBDA_FUNCTION_NAME").filter(|name| !name.is_empty());
    let lines = Lines {
        inner: tracing_subscriber::fmt::format()
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .with_current_span(true)
            .with_target(false),
        service: service.unwrap_or_else(|| "video-concat".to_owned()),
    };
    let level = level(get("RUST_LOG").as_deref(), get("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let layer =
        tracing_subscriber::fmt::layer().json().event_format(lines).fmt_fields(JsonFields::new());
    tracing_subscriber::registry().with(layer).with(level).init();
}

/// Reads the trace from Lambda's header, `Root=...;Parent=...;Sampled=...`.
pub fn trace(header: Option<&str>) {
    let mut parts = header.into_iter().flat_map(|header| header.split(';'));
    let root = parts.find_map(|part| part.trim().strip_prefix("Root="));
    if let Ok(mut trace) = TRACE.write() {
        *trace = root.map(str::to_owned);
    }
}

/// `level`, or `target=level,...`. Filters by fields of spans would need regular expressions, which
/// would be a twentieth of the function's size.
fn level(rust: Option<&str>, lambda: Option<&str>) -> Targets {
    let own = rust.filter(|text| !text.is_empty());
    if let Some(filter) = own.and_then(|text| text.parse().ok()) {
        return filter;
    }
    let level = lambda.map(str::to_ascii_lowercase);
    Targets::new().with_default(match level.as_deref() {
        Some("trace") => LevelFilter::TRACE,
        Some("debug") => LevelFilter::DEBUG,
        Some("warn") => LevelFilter::WARN,
        Some("error" | "fatal") => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    })
}

/// Adds to each line what all lines of a log have in common.
struct Lines {
    inner: Format<Json, SystemTime>,
    service: String,
}

impl<S> FormatEvent<S, JsonFields> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        write!(writer, "{{\"service\":{}", Value::from(&*self.service))?;
        if let Some(trace) = TRACE.read().ok().and_then(|trace| trace.clone()) {
            write!(writer, ",\"xray_trace_id\":{}", Value::from(trace))?;
        }
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, ",{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn the_level_is_the_callers_or_else_lambdas() {
        for (rust, lambda, expected) in [
            (None, None, "info"),
            (Some(""), Some("DEBUG"), "debug"),
            (Some("warn"), Some("DEBUG"), "warn"),
            (Some("WARN,video_concat=debug"), None, "video_concat=debug,warn"),
            (Some("a=b=c"), Some("WARN"), "warn"),
            (None, Some("TRACE"), "trace"),
            (None, Some("INFO"), "info"),
            (None, Some("WARN"), "warn"),
            (None, Some("ERROR"), "error"),
            (None, Some("FATAL"), "error"),
            (None, Some("loud"), "info"),
        ] {
            assert_eq!(level(rust, lambda).to_string(), expected, "{rust:?} {lambda:?}");
        }
    }
}
