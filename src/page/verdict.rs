//! Whether a process string is valid, and the commands that send it.

use serde_json::{Map, Value, json};

use super::{Asked, problem};
use crate::code::Code;
use crate::process::table::{Operation, Parameter, find};
use crate::process::{
    Limits, MainObjectError, ProcessError, Request, Span, known_main, name, parse, resolve,
};
use crate::sender;

/// Why a request can be rejected before a source is read.
pub(super) enum Mistake {
    Main(MainObjectError),
    Process(ProcessError),
}

impl Asked {
    pub(super) fn resolve(&self) -> Result<Request, Mistake> {
        let main = known_main(self.bucket(), self.object()).map_err(Mistake::Main)?;
        let request =
            parse(&self.process).and_then(|spec| resolve(&spec, &main, Limits::default()));
        request.map_err(Mistake::Process)
    }
}

/// `Verdict` is the output of the command line's `check --json`.
pub(super) fn check(asked: &Asked) -> Value {
    let (verdict, caret) = match asked.resolve() {
        Ok(request) => (json!({"Process": request.canonical, "Warnings": request.warnings}), None),
        Err(Mistake::Main(error)) => {
            (refusal(&error.to_string(), error.argument, &error.value).into(), None)
        }
        Err(Mistake::Process(error)) => (of_process(&error), Some(error.caret(&asked.process))),
    };
    let names: Vec<Value> = names(&asked.process)
        .map(|(parameter, span, text)| {
            let of = format!("{} {}", parameter.operation, parameter.name);
            json!({"Of": of, "Start": span.start, "End": span.end, "Text": text})
        })
        .collect();
    json!({"Verdict": verdict, "Caret": caret, "Names": names})
}

fn of_process(error: &ProcessError) -> Value {
    let mut fields = refusal(&error.to_string(), error.argument_name(), error.argument_value());
    let Span { start, end } = error.span();
    fields.insert("Start".to_owned(), start.into());
    fields.insert("End".to_owned(), end.into());
    fields.into()
}

fn refusal(message: &str, name: &str, value: &str) -> Map<String, Value> {
    let fields = [
        ("Code", Code::InvalidArgument.to_string().into()),
        ("Message", message.into()),
        ("ArgumentName", name.into()),
        ("ArgumentValue", value.into()),
    ];
    fields.map(|(name, value): (&str, Value)| (name.to_owned(), value)).into_iter().collect()
}

/// The decoded names in a process string, and their places, even if the rest of the string is
/// wrong.
fn names(process: &str) -> impl Iterator<Item = (&'static Parameter, Span, String)> {
    let mut operation = Operation::Concat;
    let mut end = 0;
    process.split_inclusive([',', '/', '|']).filter_map(move |piece| {
        let start = end;
        end += piece.len();
        let word = piece.trim_end_matches([',', '/', '|', '\r', '\n']);
        let is_parameter = process[..start].ends_with(',');
        if !is_parameter {
            let named =
                Operation::ALL.into_iter().find(|o| o.name().rsplit('/').next() == Some(word));
            operation = named.unwrap_or(operation);
            return None;
        }
        let (name, value) = word.split_once('_')?;
        let parameter = find(operation, name).filter(|parameter| parameter.kind.is_name())?;
        let at = start + name.len() + 1;
        Some((parameter, Span::new(at, at + value.len()), name::decode(value).ok()?.text))
    })
}

/// The outputs of the command line's `build`, in its order.
pub(super) fn send(asked: &Asked) -> Value {
    let request = match asked.resolve() {
        Ok(request) => request,
        Err(Mistake::Main(error)) => return problem(error),
        Err(Mistake::Process(error)) => return problem(error),
    };
    let process = &request.canonical;
    let mut texts = json!({"String": format!("{process}\n")});
    if let (Some(bucket), Some(object)) = (asked.bucket(), asked.object()) {
        texts["Event"] = sender::event(bucket, object, process).into();
        texts["Curl"] = sender::curl(bucket, object, process).into();
        texts["Python"] = sender::python(bucket, object, process).into();
    }
    texts
}
