//! `sys/saveas`: the target as requested.

use super::arguments::Arguments;
use super::error::{Conflict, ProcessError};
use super::request::{Request, Target};
use super::target::check_known;
use super::template::{RenderError, Template, Variable, Variables};

/// The target that `sys/saveas` requests.
pub(super) fn target(arguments: &Arguments<'_>) -> Target {
    let key = arguments.presume("o", arguments.template("o"));
    Target { bucket: arguments.template("b"), key }
}

/// A warning about a target name that is probably a mistake.
pub(super) fn warning(request: &Request, arguments: &Arguments<'_>) -> Option<String> {
    let (key, main) = (&request.target.key, &request.clips[request.main].key);
    if !main.is_known() && key.variables().next().is_some() {
        return None;
    }
    // Variables that are not known yet are never empty, so placeholders do for them.
    let values = Variables { resolution: Some("1x1".to_owned()), ..values(request) };
    let asked = key.render(&values).ok()?;
    let end = asked.chars().next_back().filter(|end| matches!(end, '/' | '.'))?;
    Some(format!(
        "{}: the target key ends in `{end}`, so `.{}` is appended",
        arguments.quoted("o"),
        values.autoext
    ))
}

/// The variables that are known before any object is read.
fn values(request: &Request) -> Variables {
    Variables {
        bucket: request.bucket.to_string(),
        key: request.clips[request.main].key.to_string(),
        autoext: request.auto_extension().to_owned(),
        ..Variables::default()
    }
}

/// Checks the target as far as possible before any object is read.
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
