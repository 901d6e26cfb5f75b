//! Signatures of OSS requests: finds the key that a request names, and checks that the signature
//! was made with the key's secret.
//!
//! Everything here is pure, including the clock. A signature covers the bucket, however the client
//! wrote it (in the path, in the host name, or implied by a custom domain), so verification also
//! shows which bucket was meant.

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

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature can't be parsed.
    #[error("the signature can't be read: {0}")]
    Malformed(&'static str),
    /// The version of the signature is not supported.
    #[error(
        "the signature is of version 2 (`OSS2`), which is not supported: set the client to version 4, or to version 1"
    )]
    Version2,
    /// The request is too old, or its time is in the future.
    #[error(
        "the request is from {made}, more than 15 minutes away from this server's {now}: set the client's clock"
    )]
    Skewed {
        /// The time in the request.
        made: Timestamp,
        /// This server's time.
        now: Timestamp,
    },
    /// A signed URL is too old.
    #[error("the signed URL expired at {0}: sign it again")]
    Expired(Timestamp),
    /// There is no such key.
    #[error("there is no access key {} here", quote(.0))]
    UnknownKey(String),
    /// The scope of the derived key does not fit the request.
    #[error("the credential's scope {} must be {}", quote(.scope), quote(.expected))]
    Scope {
        /// The scope in the request.
        scope: String,
        /// The scope with the request's date.
        expected: String,
    },
    /// The signature was made with another secret, or for another request.
    #[error(
        "the signature is not this request's by the secret of its access key: check the secret, and that nothing changes the request on its way"
    )]
    Mismatch,
    /// The body does not have the checksum that was sent.
    #[error("the body does not have the checksum that `{0}` says")]
    BodyChanged(&'static str),
}

/// What a request claims about its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `OSS id:signature`, in the header or in the query.
    V1(v1::Claim),
    /// `OSS4-HMAC-SHA256`, in the header or in the query.
    V4(v4::Claim),
}

impl Claim {
    /// The claim of a request; `None` if it has no signature.
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

    /// Checks the time of the signature.
    ///
    /// # Errors
    /// [`SignatureError::Skewed`], [`SignatureError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        match self {
            Self::V1(claim) => claim.check_time(now),
            Self::V4(claim) => claim.check_time(now),
        }
    }

    /// Verifies the signature, and determines which resource it was made for.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`] if it is none of `resources`, and
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

/// What a valid signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// Whether it covers this body.
    pub covers_body: bool,
}
