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

/// `Authorization: OSS id:signature`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) key_id: String,
    pub(super) made: Timestamp,
    signature: Vec<u8>,
}

impl Claim {
    pub(super) fn in_header(pair: &str, request: &HttpRequest) -> Result<Self, SignatureError> {
        let wrong = SignatureError::Malformed("expected `OSS id:signature`");
        let (id, signature) = pair.trim().split_once(':').ok_or(wrong.clone())?;
        let date = date(|name| request.header(name));
        Ok(Self {
            key_id: id.to_owned(),
            signature: STANDARD.decode(signature).map_err(|_| wrong)?,
            made: time::read(date.ok_or(SignatureError::Malformed("there is no `Date`"))?)?,
        })
    }

    pub(super) fn is_by(&self, secret: &Secret, signed: &Signed<'_>) -> bool {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()) else {
            return false;
        };
        mac.update(string_to_sign(signed).as_bytes());
        mac.verify_slice(&self.signature).is_ok()
    }
}

/// Browsers can't set `Date`, so their clients send the other.
fn date<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    ["x-oss-date", "date"].into_iter().find_map(header).map(str::trim)
}

fn string_to_sign(signed: &Signed<'_>) -> String {
    let header = |name: &str| signed.headers.get(name).map(String::as_str);
    let lines = [
        signed.method,
        signed.header("content-md5"),
        signed.header("content-type"),
        date(header).unwrap_or_default(),
    ];
    let resource = signed.plain_uri();
    format!(
        "{}\n{}{resource}{}",
        lines.join("\n"),
        signed.header_lines(|_| false),
        subresources(signed)
    )
}

/// Only parameters that OSS gives a meaning are signed; these are the ones
/// that can come with the requests there are.
fn subresources(signed: &Signed<'_>) -> String {
    let counts = |name: &str| name.starts_with("x-oss-") || name == "security-token";
    let mut pairs: Vec<String> = signed
        .query
        .iter()
        .filter(|(name, _)| counts(name))
        .map(|(name, value)| match value.as_str() {
            "" => name.clone(),
            value => format!("{name}={value}"),
        })
        .collect();
    pairs.sort();
    if pairs.is_empty() {
        return String::new();
    }
    format!("?{}", pairs.join("&"))
}
