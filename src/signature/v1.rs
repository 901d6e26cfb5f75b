//! Version 1: HMAC-SHA1 over a few headers and the resource.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;

use super::canonical::Signed;
use super::{SignatureError, time};
use crate::access_keys::Secret;
use crate::event::HttpRequest;

/// The parameter that marks a signed URL.
pub(super) const KEY_ID: &str = "OSSAccessKeyId";

/// `Authorization: OSS id:signature`, or a signed URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) key_id: String,
    time: Time,
    signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Time {
    /// The time at which the request was made.
    Made(Timestamp),
    /// The time at which a signed URL expires, and the same as text in the URL.
    Until(Timestamp, String),
}

impl Claim {
    pub(super) fn in_header(pair: &str, request: &HttpRequest) -> Result<Self, SignatureError> {
        let wrong = SignatureError::Malformed("expected `OSS id:signature`");
        let (id, signature) = pair.trim().split_once(':').ok_or(wrong.clone())?;
        let date = date(|name| request.header(name));
        Ok(Self {
            key_id: id.to_owned(),
            signature: STANDARD.decode(signature).map_err(|_| wrong)?,
            time: Time::Made(time::read(
                date.ok_or(SignatureError::Malformed("there is no `Date`"))?,
            )?),
        })
    }

    pub(super) fn in_query(request: &HttpRequest) -> Result<Self, SignatureError> {
        let wrong = SignatureError::Malformed(
            "a signed URL needs `OSSAccessKeyId`, `Expires` in seconds since 1970, and `Signature` in Base64",
        );
        let query = |name| request.query(name).filter(|text| !text.is_empty());
        let (Some(id), Some(expires), Some(signature)) =
            (query(KEY_ID), query("Expires"), query("Signature"))
        else {
            return Err(wrong);
        };
        let until = expires.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        // If the client did not escape a `+`, it may have become a space.
        let signature = STANDARD.decode(signature.replace(' ', "+")).ok();
        Ok(Self {
            key_id: id.to_owned(),
            time: Time::Until(until.ok_or(wrong.clone())?, expires.to_owned()),
            signature: signature.ok_or(wrong)?,
        })
    }

    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        match self.time {
            Time::Made(made) => time::check_skew(made, now),
            Time::Until(end, _) if end < now => Err(SignatureError::Expired(end)),
            Time::Until(..) => Ok(()),
        }
    }

    /// Whether the signature covers the body's checksum. A URL is signed before there is a body.
    pub(super) fn covers_body(&self, signed: &Signed<'_, '_>) -> bool {
        matches!(self.time, Time::Made(_)) && !signed.header("content-md5").is_empty()
    }

    pub(super) fn is_by(&self, secret: &Secret, signed: &Signed<'_, '_>) -> bool {
        let Ok(mac) = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()) else {
            return false;
        };
        // For a parameter without value, some clients sign only the name, and some sign the name
        // with `=`. The request does not show which, since a gateway may change it.
        ["", "="].into_iter().any(|empty| {
            let text = self.string_to_sign(signed, empty);
            let mac = mac.clone().chain_update(text.as_bytes());
            mac.verify_slice(&self.signature).is_ok()
        })
    }

    fn string_to_sign(&self, signed: &Signed<'_, '_>, empty: &str) -> String {
        let header = |name: &str| signed.headers.get(name).map(String::as_str);
        let time = match &self.time {
            Time::Made(_) => date(header).unwrap_or_default(),
            Time::Until(_, text) => text,
        };
        let lines =
            [signed.method, signed.header("content-md5"), signed.header("content-type"), time];
        let resource = signed.plain_uri();
        format!(
            "{}\n{}{resource}{}",
            lines.join("\n"),
            signed.header_lines(|_| false),
            subresources(signed, empty)
        )
    }
}

/// Browsers can't set `Date`, so their clients send the other header.
fn date<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    ["x-oss-date", "date"].into_iter().find_map(header).map(str::trim)
}

/// Only parameters that have a meaning in OSS are signed; these are the ones that can occur in the
/// supported requests. `empty` follows a name without value.
fn subresources(signed: &Signed<'_, '_>, empty: &str) -> String {
    let counts = |name: &str| name.starts_with("x-oss-") || name == "security-token";
    let mut pairs: Vec<String> = signed
        .query
        .iter()
        .filter(|(name, _)| counts(name))
        .map(|(name, value)| match value.as_str() {
            "" => format!("{name}{empty}"),
            value => format!("{name}={value}"),
        })
        .collect();
    pairs.sort();
    if pairs.is_empty() {
        return String::new();
    }
    format!("?{}", pairs.join("&"))
}
