//! Signatures of OSS requests: which key a request names, and whether the
//! key's secret made its signature.
//!
//! Everything here is pure, the clock included. A signature binds the bucket
//! whichever way the client wrote it (in the path, in the host name, or behind
//! a domain of its own), so whoever verifies also learns which one was meant.

mod canonical;
#[cfg(test)]
mod tests;
mod time;
mod v1;
mod v4;

use jiff::Timestamp;

pub use time::MOST_SKEW;
pub use v4::sign;

use crate::access_keys::Secret;
use crate::event::{HttpRequest, Resource};
use crate::quote::quote;

/// Why a request's signature opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is a signature that can't be read.
    #[error("the signature can't be read: {0}")]
    Malformed(&'static str),
    /// Signatures of its kind are not supported.
    #[error(
        "the signature is of version 2 (`OSS2`), which is not supported: set the client to version 4, or to version 1"
    )]
    Version2,
    /// The request was made too long ago, or has not been made yet.
    #[error(
        "the request is from {made}, more than 15 minutes away from this server's {now}: set the client's clock"
    )]
    Skewed {
        /// When it says that it was made.
        made: Timestamp,
        /// This server's time.
        now: Timestamp,
    },
    /// A signed URL is too old.
    #[error("the signed URL expired at {0}: sign it again")]
    Expired(Timestamp),
    /// Nobody has such a key.
    #[error("there is no access key {} here", quote(.0))]
    UnknownKey(String),
    /// What its key is derived from does not go with the request.
    #[error("the credential's scope {} must be {}", quote(.scope), quote(.expected))]
    Scope {
        /// As it stands in the request.
        scope: String,
        /// With the request's date.
        expected: String,
    },
    /// Another secret, or another request.
    #[error(
        "the signature is not this request's by the secret of its access key: check the secret, and that nothing changes the request on its way"
    )]
    Mismatch,
    /// The body is not the one whose checksum was sent.
    #[error("the body does not have the checksum that `{0}` says")]
    BodyChanged(&'static str),
}

/// What a request says of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `OSS id:signature`, in the header or in the query.
    V1(v1::Claim),
    /// `OSS4-HMAC-SHA256`, in the header or in the query.
    V4(v4::Claim),
}

impl Claim {
    /// The claim of a request; `None` where it makes none.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn of(request: &HttpRequest) -> Result<Option<Self>, SignatureError> {
        let authorization = request.header("authorization").unwrap_or_default();
        let version = request.query("x-oss-signature-version");
        if authorization.starts_with("OSS2 ") || version == Some("OSS2") {
            return Err(SignatureError::Version2);
        }
        if let Some(fields) = authorization.strip_prefix("OSS4-HMAC-SHA256 ") {
            v4::Claim::in_header(fields, request).map(|claim| Some(Self::V4(claim)))
        } else if let Some(pair) = authorization.strip_prefix("OSS ") {
            v1::Claim::in_header(pair, request).map(|claim| Some(Self::V1(claim)))
        } else if request.query("x-oss-signature").is_some() {
            v4::Claim::in_query(request).map(|claim| Some(Self::V4(claim)))
        } else if request.query(v1::KEY_ID).is_some() {
            v1::Claim::in_query(request).map(|claim| Some(Self::V1(claim)))
        } else {
            Ok(None)
        }
    }

    /// The access key that it names.
    #[must_use]
    pub fn key_id(&self) -> &str {
        match self {
            Self::V1(claim) => &claim.key_id,
            Self::V4(claim) => &claim.key_id,
        }
    }

    /// Whether it is of this time.
    ///
    /// # Errors
    /// [`SignatureError::Skewed`], [`SignatureError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        match self {
            Self::V1(claim) => claim.check_time(now),
            Self::V4(claim) => claim.check_time(now),
        }
    }

    /// What it was made for.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] where that is none of the resources, and
    /// [`SignatureError::BodyChanged`].
    pub fn verify<'a>(
        &self,
        secret: &Secret,
        request: &HttpRequest,
        resources: &'a [Resource],
    ) -> Result<Verified<'a>, SignatureError> {
        let variants = canonical::variants(request);
        let pairs = resources.iter().flat_map(|resource| {
            variants.iter().map(move |headers| canonical::Signed {
                method: &request.method,
                query: &request.query,
                headers,
                resource,
            })
        });
        let is_signed = |signed: &canonical::Signed<'_, '_>| match self {
            Self::V1(claim) => claim.is_by(secret, signed),
            Self::V4(claim) => claim.is_by(secret, signed),
        };
        let mut pairs = pairs.filter(is_signed);
        let signed = pairs.next().ok_or(SignatureError::Mismatch)?;
        canonical::check_body(request)?;
        let covers_body = match self {
            Self::V1(claim) => claim.covers_body(&signed),
            Self::V4(claim) => claim.covers_body(&signed),
        };
        Ok(Verified { resource: signed.resource, covers_body })
    }
}

/// What a signature was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Whether it was made for just this body.
    pub covers_body: bool,
}
