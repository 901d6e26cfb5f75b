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
    let values = Variables {
        bucket: request.bucket.clone(),
        key: request.clips[request.main].key.clone(),
        autoext: request.auto_extension().to_owned(),
        ..Variables::default()
    };
    let early = |template: &&Template| template.variables().all(Variable::is_known_early);
    let known_bucket = match bucket {
        None => Some(request.bucket.clone()),
        Some(bucket) => Some(bucket).filter(early).and_then(|bucket| bucket.render(&values).ok()),
    };
    let known_key = Some(key).filter(early).and_then(|key| key.target_key(&values).ok());
    check_known(request, known_bucket.as_deref(), known_key.as_deref()).map_err(|error| {
        let name = error.argument_name();
        arguments.error(name, Conflict::Target(error))
    })
}
