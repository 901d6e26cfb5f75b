//! `sys/saveas`: the target as it was asked for.

use super::arguments::Arguments;
use super::error::{Conflict, ProcessError};
use super::request::{Request, Target};
use super::target::check_known;
use super::template::{RenderError, Template, Variable, Variables};

/// `sys/saveas` as it was asked for.
pub(super) fn target(arguments: &Arguments<'_>) -> Target {
    let key = arguments.presume("o", arguments.template("o"));
    Target { bucket: arguments.template("b"), key }
}

/// What should be known of the name of the target: mostly such a name is meant otherwise.
pub(super) fn warning(request: &Request, arguments: &Arguments<'_>) -> Option<String> {
    let (key, main) = (&request.target.key, &request.clips[request.main].key);
    if !main.is_known() && key.variables().next().is_some() {
        return None;
    }
    // What is not known yet is never empty: these stand for it.
    let values = Variables { resolution: Some("1x1".to_owned()), ..values(request) };
    let asked = key.render(&values).ok()?;
    let end = asked.chars().next_back().filter(|end| matches!(end, '/' | '.'))?;
    Some(format!(
        "{}: the target key ends in `{end}`, and gets `.{}` behind it",
        arguments.quoted("o"),
        values.autoext
    ))
}

/// As much as is known before any object is looked at.
fn values(request: &Request) -> Variables {
    Variables {
        bucket: request.bucket.to_string(),
        key: request.clips[request.main].key.to_string(),
        autoext: request.auto_extension().to_owned(),
        ..Variables::default()
    }
}

/// Checks as much of the target as can be told before any object is looked at.
pub(super) fn check_early(
    request: &Request,
    arguments: &Arguments<'_>,
) -> Result<(), ProcessError> {
    let Target { bucket, key } = &request.target;
    for (name, template) in [("b", bucket.as_ref()), ("o", Some(key))] {
        let mut variables = template.into_iter().flat_map(Template::variables);
        if request.video.is_none() && variables.any(|v| v == Variable::Resolution) {
            let kind = Conflict::Render(RenderError::NoResolution);
            return Err(arguments.error(name, kind));
        }
    }
    let values = values(request);
    let early = |template: &&Template| template.variables().all(Variable::is_known_early);
    let known_bucket = match bucket {
        None => Some(request.bucket.to_string()),
        Some(bucket) => Some(bucket).filter(early).and_then(|bucket| bucket.render(&values).ok()),
    };
    let known_key = Some(key).filter(early).and_then(|key| key.target_key(&values).ok());
    check_known(request, known_bucket, known_key).map_err(|error| {
        let name = error.argument_name();
        arguments.error(name, Conflict::Target(error))
    })
}
