//! Who the caller of an HTTP request is, and what the caller may do.

use jiff::Timestamp;
use tracing::{error, info};

use super::Function;
use crate::access_keys::{AccessKey, HttpAuth};
use crate::code::Code;
use crate::event::{HttpRequest, Resource};
use crate::process::Request;
use crate::quote::printable;
use crate::reply::{Refusal, Refused};
use crate::signature::{Claim, SignatureError, Verified};
use crate::task::TaskRecord;

/// The authority of a request's caller.
#[derive(Debug)]
pub(super) enum Authority {
    /// The gateway has authorised the caller; on a developer's machine, everybody is.
    Caller,
    /// The caller has signed with an access key.
    Key {
        key: Box<AccessKey>,
        /// The resource in the signature.
        resource: Resource,
        /// Whether the signature covers this body.
        covers_body: bool,
    },
}

/// Determines the caller.
///
/// # Errors
/// When no authorised caller is named.
pub(super) async fn establish(
    function: &Function,
    request: &HttpRequest,
) -> Result<Authority, Refusal> {
    let HttpAuth::Required { iam, oss } = function.worker.settings.http_auth else {
        return Ok(Authority::Caller);
    };
    if oss && let Some(claim) = Claim::of(request).map_err(|error| Refusal::from(&error))? {
        return by_signature(function, request, &claim).await;
    }
    match &request.caller {
        Some(caller) if iam => {
            info!(caller = printable(caller), "authorised");
            Ok(Authority::Caller)
        }
        _ => Err(Refusal::new(Refused::Task(Code::AccessDenied), wanted(iam, oss))),
    }
}

fn wanted(iam: bool, oss: bool) -> &'static str {
    match (iam, oss) {
        (true, true) => {
            "anonymous requests are not served: sign the request with an OSS access key, or as the API's authoriser requires"
        }
        (false, true) => {
            "anonymous requests are not served: sign the request with an OSS access key"
        }
        _ => "anonymous requests are not served: sign the request as the API's authoriser requires",
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
    let key = key.ok_or_else(unknown).map_err(|error| Refusal::from(&error))?;
    claim.check_time(Timestamp::now()).map_err(|error| Refusal::from(&error))?;
    let resources = request.resources(function.worker.settings.default_bucket.as_deref());
    let verified = claim.verify(&key.secret, request, &resources);
    let Verified { resource, covers_body } = verified.map_err(|error| Refusal::from(&error))?;
    info!(access_key = id, "authorised");
    Ok(Authority::Key { key: Box::new(key), resource: resource.clone(), covers_body })
}

impl Authority {
    /// The resource in the signature.
    pub(super) fn resource(&self) -> Option<&Resource> {
        match self {
            Self::Key { resource, .. } => Some(resource),
            Self::Caller => None,
        }
    }

    /// Checks that the signature covers the body of a request whose body says everything. A
    /// signature that fits any body could be used again to access every bucket.
    ///
    /// # Errors
    /// When it does not cover the body.
    pub(super) fn check_body(&self, request: &HttpRequest) -> Result<(), Refusal> {
        match self {
            Self::Key { covers_body: false, .. } if request.is_direct() => Err(outside(
                "the body names the bucket and the object, so it has to be signed, too: send `Content-MD5`, \
                 or with version 4 the body's digest as `x-oss-content-sha256`; a signed URL can't have it"
                    .to_owned(),
            )),
            Self::Key { .. } | Self::Caller => Ok(()),
        }
    }

    /// Checks that the caller may do everything that a task does.
    ///
    /// # Errors
    /// When the caller may not.
    pub(super) fn check(
        &self,
        request: &Request,
        arn: impl Fn(&str) -> String,
    ) -> Result<(), Refusal> {
        match self {
            Self::Key { key, .. } => {
                key.check(request, arn).map_err(|error| outside(error.to_string()))
            }
            Self::Caller => Ok(()),
        }
    }

    /// Whether the caller may see a task's record.
    pub(super) fn may_see(&self, record: &TaskRecord, arn: impl Fn(&str) -> String) -> bool {
        match self {
            Self::Key { key, .. } => key.may_see(record, arn),
            Self::Caller => true,
        }
    }
}

fn outside(message: String) -> Refusal {
    Refusal::new(Refused::Task(Code::AccessDenied), message)
}
