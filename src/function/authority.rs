//! Who asks by HTTP, and what they may.

use jiff::Timestamp;
use tracing::{error, info};

use super::Function;
use crate::access_keys::{AccessKey, HttpAuth};
use crate::code::Code;
use crate::event::{HttpRequest, Resource};
use crate::object::ObjectUri;
use crate::process::Request;
use crate::reply::{Refusal, Refused};
use crate::signature::{Claim, SignatureError};
use crate::task::TaskRecord;

/// On whose authority a request is served.
#[derive(Debug)]
pub(super) enum Authority {
    /// Of whom the gateway let through; on a developer's machine, anyone.
    Caller,
    /// Of an access key's owner.
    Key {
        key: Box<AccessKey>,
        /// What the signature was made for.
        resource: Resource,
    },
}

/// Finds out who asks.
///
/// # Errors
/// Where nobody who may is named.
pub(super) async fn establish(
    function: &Function,
    request: &HttpRequest,
) -> Result<Authority, Refusal> {
    let HttpAuth::Required { iam, oss } = function.worker.settings.http_auth else {
        return Ok(Authority::Caller);
    };
    if oss && let Some(claim) = Claim::of(request).map_err(|error| refusal(&error))? {
        return by_signature(function, request, &claim).await;
    }
    match &request.caller {
        Some(caller) if iam => {
            info!(caller, "authorised");
            Ok(Authority::Caller)
        }
        _ => Err(Refusal::new(Refused::Task(Code::AccessDenied), wanted(iam, oss))),
    }
}

fn wanted(iam: bool, oss: bool) -> &'static str {
    match (iam, oss) {
        (true, true) => {
            "anonymous requests are not served: sign the request with an OSS access key, or as the API's authoriser wants it"
        }
        (false, true) => {
            "anonymous requests are not served: sign the request with an OSS access key"
        }
        _ => "anonymous requests are not served: sign the request as the API's authoriser wants it",
    }
}

async fn by_signature(
    function: &Function,
    request: &HttpRequest,
    claim: &Claim,
) -> Result<Authority, Refusal> {
    let id = claim.key_id();
    let key = function.keys.key(id).await.map_err(|error| {
        error!(%error, "no access keys");
        let message = "the access keys can't be read; the function's log says why";
        Refusal::new(Refused::Task(Code::InternalError), message)
    })?;
    let unknown = || SignatureError::UnknownKey(id.to_owned());
    let key = key.ok_or_else(unknown).map_err(|error| refusal(&error))?;
    claim.check_time(Timestamp::now()).map_err(|error| refusal(&error))?;
    let resources = request.resources(function.worker.settings.default_bucket.as_deref());
    let resource = claim.verify(&key.secret, request, &resources);
    let resource = resource.map_err(|error| refusal(&error))?.clone();
    info!(access_key = id, "authorised");
    Ok(Authority::Key { key: Box::new(key), resource })
}

fn refusal(error: &SignatureError) -> Refusal {
    let code = match error {
        SignatureError::Malformed(_) => Refused::Task(Code::InvalidArgument),
        SignatureError::Skewed { .. } => Refused::RequestTimeTooSkewed,
        SignatureError::Expired(_) => Refused::Task(Code::AccessDenied),
        SignatureError::UnknownKey(_) => Refused::InvalidAccessKeyId,
        SignatureError::Mismatch => Refused::SignatureDoesNotMatch,
        SignatureError::BodyChanged(_) => Refused::InvalidDigest,
    };
    Refusal::new(code, error.to_string())
}

impl Authority {
    /// What a signature says that the path means.
    pub(super) fn resource(&self) -> Option<&Resource> {
        match self {
            // The service's own resource names no object.
            Self::Key { resource, .. } if !resource.bucket.is_empty() => Some(resource),
            Self::Key { .. } | Self::Caller => None,
        }
    }

    /// Whether it reaches every object that a task would touch.
    ///
    /// # Errors
    /// Where it doesn't.
    pub(super) fn check(&self, request: &Request) -> Result<(), Refusal> {
        let Self::Key { key, .. } = self else {
            return Ok(());
        };
        for clip in &request.clips {
            let uri = ObjectUri::new(&request.bucket, &clip.key);
            if !key.sources.allows(&uri) {
                return Err(outside(format!("the access key may not read `{uri}`")));
            }
        }
        if !key.targets.allows_target(request) {
            let target = request.target.key.source();
            return Err(outside(format!(
                "the access key may not write all that the target `{target}` can be"
            )));
        }
        Ok(())
    }

    /// Whether it may see a task's record.
    pub(super) fn may_see(&self, record: &TaskRecord) -> bool {
        let Self::Key { key, .. } = self else {
            return true;
        };
        if key.sources.is_none() && key.targets.is_none() {
            return true;
        }
        let mut sources = record.sources.iter().map(|source| &source.uri);
        let mut targets = record.targets.iter().map(|target| &target.uri);
        sources.all(|uri| key.sources.allows(uri)) && targets.all(|uri| key.targets.allows(uri))
    }
}

fn outside(message: String) -> Refusal {
    Refusal::new(Refused::Task(Code::AccessDenied), message)
}
