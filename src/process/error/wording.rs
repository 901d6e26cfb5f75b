//! The messages. Each has a problem, after which the offset follows, and usually a remedy.

use super::kind::ProcessErrorKind as Kind;
use super::written;
use crate::process::table::{Kind as ValueKind, LONGEST_PROCESS, Operation, PARAMETERS, Parameter};
use crate::process::text::{list, nearest};
use crate::process::value::ValueError;
use crate::quote::quote;

/// What is wrong with a parameter that has this value, without the offset.
pub(super) fn problem(kind: &Kind, value: &str) -> String {
    match kind {
        Kind::Empty => "the process string is empty".to_owned(),
        Kind::TooLong { bytes } => format!("the process string has {bytes} bytes: too many"),
        Kind::UnknownProcess { found } => format!("unknown process {}", quote(found)),
        Kind::UnknownOperation { found, .. } => format!("unknown operation {}", quote(found)),
        Kind::MisplacedOperation { found, .. } => format!("{} is out of place", quote(found)),
        Kind::RepeatedOperation(operation) => format!("second `{operation}`"),
        Kind::MissingOperation(operation) => format!("missing `{operation}`"),
        Kind::EmptyParameter(operation) => format!("empty parameter in `{operation}`"),
        Kind::UnknownParameter { operation, name } => {
            format!("unknown parameter {} in `{operation}`", quote(name))
        }
        Kind::RepeatedParameter { parameter, .. } => format!("second {}", given(parameter, value)),
        Kind::MissingValue(parameter) => format!("no value for {}", place(parameter)),
        Kind::MissingParameter(parameter) => format!("missing {}", place(parameter)),
        Kind::BadValue { parameter, value, .. } => {
            format!("invalid value {} for {}", quote(value), place(parameter))
        }
        Kind::Needs { parameter, need } => format!("{} without {need}", given(parameter, value)),
        Kind::Excludes { parameter, other } => {
            let given = quote(&written(parameter.name, value));
            format!("{given} together with `{other}` in `{}`", parameter.operation)
        }
        Kind::Conflict(conflict) => conflict.problem(),
    }
}

/// What would be right.
pub(super) fn remedy(kind: &Kind) -> Option<String> {
    let text = match kind {
        Kind::Empty => "expected `video/concat`, as in \
            `video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_<name>`"
            .to_owned(),
        Kind::TooLong { .. } => format!("expected at most {LONGEST_PROCESS}"),
        Kind::UnknownProcess { .. } => "expected `video/concat`".to_owned(),
        Kind::UnknownOperation { found, expected, follows_name } => {
            unknown_operation(found, expected, *follows_name)
        }
        Kind::MisplacedOperation { operation, .. } => right_place(*operation).to_owned(),
        Kind::RepeatedOperation(operation) => format!("`{operation}` can be given once"),
        Kind::MissingOperation(operation) => {
            format!("expected `{operation},o_<name>`, which names the target")
        }
        Kind::EmptyParameter(_) => "there is one comma too many".to_owned(),
        Kind::UnknownParameter { operation, name } => unknown_parameter(*operation, name),
        Kind::RepeatedParameter { first, .. } => format!("the first is at byte {}", first.start),
        Kind::MissingValue(parameter) => {
            format!("expected `{}_` and {}", parameter.name, parameter.kind)
        }
        Kind::MissingParameter(parameter) => expected(parameter),
        Kind::BadValue { parameter, value, error } => bad_value(parameter, value, error),
        Kind::Needs { parameter, need } => {
            format!("add {need} or leave `{}` out", parameter.name)
        }
        Kind::Excludes { .. } => "leave one of them out".to_owned(),
        Kind::Conflict(conflict) => return conflict.remedy(),
    };
    Some(text)
}

fn unknown_operation(found: &str, expected: &[&str], follows_name: bool) -> String {
    let mut text = match nearest(found, expected.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None if expected.is_empty() => "expected the end".to_owned(),
        None => {
            let quoted = expected.iter().map(|known| format!("`{known}`"));
            format!("expected {}", list(&quoted.collect::<Vec<_>>(), "or"))
        }
    };
    if follows_name && found.starts_with('/') {
        text.push_str("; in a name, URL-safe Base64 writes `_` for `/`");
    }
    text
}

fn right_place(operation: Operation) -> &'static str {
    match operation {
        Operation::Concat => "`video/concat` comes first, and once",
        Operation::Pre | Operation::Sur | Operation::Segment => {
            "`/pre`, `/sur`, and `/segment` come before `|sys/saveas`"
        }
        Operation::SaveAs => "`|sys/saveas` comes once, after every `/pre`, `/sur`, and `/segment`",
        Operation::Notify => "`/notify` comes last, and once, after `|sys/saveas`",
    }
}

fn unknown_parameter(operation: Operation, name: &str) -> String {
    let known: Vec<&str> = operation.parameters().map(|parameter| parameter.name).collect();
    if let Some(near) = nearest(name, known.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    if let Some((key, value)) = name.split_once('=')
        && known.contains(&key)
    {
        return format!("write {}", quote(&format!("{key}_{value}")));
    }
    match PARAMETERS.iter().find(|parameter| parameter.name == name) {
        Some(elsewhere) => format!("`{name}` belongs to `{}`", elsewhere.operation),
        None if known.len() == 1 => format!("expected {}", known[0]),
        None => format!("expected {}", list(&known, "or")),
    }
}

fn bad_value(parameter: &Parameter, value: &str, error: &ValueError) -> String {
    match error {
        ValueError::NotAllowed => {
            let ValueKind::Word(words) = parameter.kind else {
                return expected(parameter);
            };
            match nearest(value, words.iter().copied()) {
                Some(near) => format!("{}; did you mean `{near}`?", expected(parameter)),
                None => expected(parameter),
            }
        }
        ValueError::Name(error) => error.to_string(),
        ValueError::Template(error) => error.to_string(),
    }
}

fn expected(parameter: &Parameter) -> String {
    match parameter.unit {
        Some(unit) => format!("expected {} ({unit})", parameter.kind),
        None => format!("expected {}", parameter.kind),
    }
}

fn given(parameter: &Parameter, value: &str) -> String {
    format!("{} in `{}`", quote(&written(parameter.name, value)), parameter.operation)
}

fn place(parameter: &Parameter) -> String {
    format!("`{}` in `{}`", parameter.name, parameter.operation)
}
