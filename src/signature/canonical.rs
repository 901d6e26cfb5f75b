//! The parts of a request that are signed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::SignatureError;
use crate::event::{HttpRequest, Resource};

type Headers = BTreeMap<String, String>;

const TEXT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &TEXT.remove(b'/');

/// The header with the digest of the body, and its value if the body is not signed.
pub(super) const DIGEST: &str = "x-oss-content-sha256";
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A request as its signer may have seen it.
#[derive(Clone, Copy)]
pub(super) struct Signed<'r, 'a> {
    pub(super) method: &'r str,
    pub(super) query: &'r [(String, String)],
    pub(super) headers: &'r Headers,
    pub(super) resource: &'a Resource,
}

impl Signed<'_, '_> {
    /// The value of a header; empty if it is missing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.trim())
    }

    /// One line for each `x-oss-*` header and each one for which `more` returns `true`.
    pub(super) fn header_lines(&self, more: impl Fn(&str) -> bool) -> String {
        let chosen = |name: &&String| name.starts_with("x-oss-") || more(name);
        let names = self.headers.keys().filter(chosen);
        names.fold(String::new(), |lines, name| lines + name + ":" + self.header(name) + "\n")
    }

    /// The resource, percent-encoded.
    pub(super) fn uri(&self) -> String {
        utf8_percent_encode(&self.plain_uri(), PATH).to_string()
    }

    /// `/bucket/key`; `/` if there is neither.
    pub(super) fn plain_uri(&self) -> String {
        match self.resource.bucket.as_str() {
            "" => "/".to_owned(),
            bucket => format!("/{bucket}/{}", self.resource.key),
        }
    }
}

/// The headers as received, and as they may have been sent: REST APIs drop `Content-MD5`, and HTTP
/// APIs add a `Content-Type` to requests without body. Trying both accepts nothing that was not
/// signed, since the checksum is computed here and the type decides nothing.
pub(super) fn variants(request: &HttpRequest) -> Vec<Headers> {
    let came = &request.headers;
    let mut variants = vec![came.clone()];
    if !came.contains_key("content-md5") && !request.body.is_empty() {
        let mut headers = came.clone();
        headers.insert("content-md5".to_owned(), md5(&request.body));
        variants.push(headers);
    }
    if came.contains_key("content-type") {
        let without = |mut headers: Headers| {
            headers.remove("content-type");
            headers
        };
        variants.extend(variants.clone().into_iter().map(without));
    }
    variants
}

/// Checks that the body has the checksums that were sent.
pub(super) fn check_body(request: &HttpRequest) -> Result<(), SignatureError> {
    if let Some(sent) = request.header("content-md5")
        && sent.trim() != md5(&request.body)
    {
        return Err(SignatureError::BodyChanged("Content-MD5"));
    }
    match request.header(DIGEST) {
        None | Some(UNSIGNED) => Ok(()),
        Some(sent) if sent.eq_ignore_ascii_case(&hex(&Sha256::digest(&request.body))) => Ok(()),
        Some(_) => Err(SignatureError::BodyChanged(DIGEST)),
    }
}

fn md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

/// Percent-encodes a name or a value of the query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, TEXT).to_string()
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits are a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a hex string.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
