//! Version 4: HMAC-SHA256 over the whole request, in the header or in the query.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::canonical::{DIGEST, Signed, UNSIGNED, encoded, from_hex, hex};
use super::{SignatureError, time};
use crate::access_keys::Secret;
use crate::event::{HttpRequest, Resource};

const ALGORITHM: &str = "OSS4-HMAC-SHA256";
const PRODUCT: &str = "oss";
const TERMINATOR: &str = "aliyun_v4_request";
/// The longest validity of a signed URL, in seconds.
const LONGEST_LIFE: i64 = 7 * 24 * 60 * 60;

/// A signature with everything that it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) key_id: String,
    scope: Scope,
    additional: BTreeSet<String>,
    signature: Vec<u8>,
    /// The time as text in the request, which is what was signed.
    made_text: String,
    made: Timestamp,
    /// How long a signed URL is valid; a signed header is valid for 15 minutes.
    life: Option<SignedDuration>,
}

/// The variable parts of `date/region/oss/aliyun_v4_request`. The region is whatever the client
/// says. The date has to be the request's, so that a key derived for one day is valid only on that
/// day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scope {
    date: String,
    region: String,
}

impl Claim {
    pub(super) fn in_header(fields: &str, request: &HttpRequest) -> Result<Self, SignatureError> {
        let field = |name: &str| {
            let pairs = fields.split(',').filter_map(|pair| pair.trim().split_once('='));
            let mut values = pairs.filter(|(known, _)| *known == name);
            values.next().map(|(_, value)| value.to_owned())
        };
        let date = request.header("x-oss-date").or_else(|| request.header("date"));
        Self::read(Fields {
            credential: field("Credential"),
            additional: field("AdditionalHeaders"),
            signature: field("Signature"),
            made: date.map(str::to_owned),
            life: None,
        })
    }

    pub(super) fn in_query(request: &HttpRequest) -> Result<Self, SignatureError> {
        let query = |name: &str| request.query(name).map(str::to_owned);
        if query("x-oss-signature-version").as_deref() != Some(ALGORITHM) {
            let wrong = "`x-oss-signature-version` must be `OSS4-HMAC-SHA256`";
            return Err(SignatureError::Malformed(wrong));
        }
        let life = query("x-oss-expires").and_then(|text| text.parse().ok());
        let life = life.filter(|seconds| (1..=LONGEST_LIFE).contains(seconds));
        let life =
            life.ok_or(SignatureError::Malformed("`x-oss-expires` must be 1 to 604800 seconds"))?;
        Self::read(Fields {
            credential: query("x-oss-credential"),
            additional: query("x-oss-additional-headers"),
            signature: query("x-oss-signature"),
            made: query("x-oss-date"),
            life: Some(SignedDuration::from_secs(life)),
        })
    }

    fn read(fields: Fields) -> Result<Self, SignatureError> {
        let missing = SignatureError::Malformed;
        let credential = fields
            .credential
            .ok_or(missing("expected `Credential=id/date/region/oss/aliyun_v4_request`"))?;
        let signature = fields.signature.as_deref().and_then(from_hex);
        let made_text = fields.made.ok_or(missing("there is no `x-oss-date`"))?;
        let made = time::read(made_text.trim())?;
        let (key_id, scope) = Scope::read(&credential, made)?;
        let names = fields.additional.unwrap_or_default().to_lowercase();
        let names = names.split(';').map(str::trim);
        Ok(Self {
            key_id,
            scope,
            additional: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            signature: signature.ok_or(missing("`Signature` must be hex digits"))?,
            made,
            made_text: made_text.trim().to_owned(),
            life: fields.life,
        })
    }

    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        let Some(life) = self.life else {
            return time::check_skew(self.made, now);
        };
        // A URL may be signed long before it is used, but not in the future.
        if self.made.duration_since(now) > time::MOST_SKEW {
            return time::check_skew(self.made, now);
        }
        match self.made + life {
            end if end < now => Err(SignatureError::Expired(end)),
            _ => Ok(()),
        }
    }

    pub(super) fn is_by(&self, secret: &Secret, signed: &Signed<'_, '_>) -> bool {
        let text = self.string_to_sign(signed);
        mac(&self.key(secret), &text).is_some_and(|mac| mac.verify_slice(&self.signature).is_ok())
    }

    /// Whether the signature covers a digest of the body. A URL is signed before there is a body.
    pub(super) fn covers_body(&self, signed: &Signed<'_, '_>) -> bool {
        let digest = signed.header(DIGEST);
        self.life.is_none()
            && (!signed.header("content-md5").is_empty()
                || !digest.is_empty() && digest != UNSIGNED)
    }

    fn key(&self, secret: &Secret) -> Vec<u8> {
        let secret = format!("aliyun_v4{}", secret.expose()).into_bytes();
        let Scope { date, region } = &self.scope;
        [date, region, PRODUCT, TERMINATOR].into_iter().fold(secret, |key, text| {
            mac(&key, text).map_or_else(Vec::new, |mac| mac.finalize().into_bytes().to_vec())
        })
    }

    fn string_to_sign(&self, signed: &Signed<'_, '_>) -> String {
        let hash = hex(&Sha256::digest(self.canonical_request(signed)));
        format!("{ALGORITHM}\n{}\n{}\n{hash}", self.made_text, self.scope)
    }

    pub(super) fn canonical_request(&self, signed: &Signed<'_, '_>) -> String {
        let always = ["content-type", "content-md5"];
        let counts = |name: &str| always.contains(&name) || self.additional.contains(name);
        let additional: Vec<&str> = self.additional.iter().map(String::as_str).collect();
        let payload = match signed.header(DIGEST) {
            "" => UNSIGNED,
            given => given,
        };
        [
            signed.method,
            &signed.uri(),
            &canonical_query(signed.query),
            &signed.header_lines(counts),
            &additional.join(";"),
            payload,
        ]
        .join("\n")
    }
}

/// The headers that sign a request including its body, version 4.
#[must_use]
pub fn sign(
    request: &HttpRequest,
    resource: &Resource,
    key_id: &str,
    secret: &Secret,
    region: &str,
    now: Timestamp,
) -> [(&'static str, String); 3] {
    let made_text = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let digest = hex(&Sha256::digest(&request.body));
    let mut headers = request.headers.clone();
    headers.insert("x-oss-date".to_owned(), made_text.clone());
    headers.insert(DIGEST.to_owned(), digest.clone());
    let (method, query) = (request.method.as_str(), request.query.as_slice());
    let signed = Signed { method, query, headers: &headers, resource };
    let scope = Scope { date: now.strftime("%Y%m%d").to_string(), region: region.to_owned() };
    let claim = Claim {
        key_id: key_id.to_owned(),
        scope,
        additional: BTreeSet::new(),
        signature: Vec::new(),
        made_text: made_text.clone(),
        made: now,
        life: None,
    };
    let signature = mac(&claim.key(secret), &claim.string_to_sign(&signed))
        .map_or_else(String::new, |mac| hex(&mac.finalize().into_bytes()));
    let authorization =
        format!("{ALGORITHM} Credential={key_id}/{},Signature={signature}", claim.scope);
    [("authorization", authorization), ("x-oss-date", made_text), (DIGEST, digest)]
}

struct Fields {
    credential: Option<String>,
    additional: Option<String>,
    signature: Option<String>,
    made: Option<String>,
    life: Option<SignedDuration>,
}

impl Scope {
    fn read(credential: &str, made: Timestamp) -> Result<(String, Self), SignatureError> {
        // Split from the end, since an id may contain a slash.
        let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
        let [terminator, product, region, date, id] = parts[..] else {
            return Err(SignatureError::Malformed(
                "the credential must look like `id/20250417/region/oss/aliyun_v4_request`",
            ));
        };
        if id.is_empty() {
            return Err(SignatureError::Malformed("the credential names no access key"));
        }
        let scope = Self { date: made.strftime("%Y%m%d").to_string(), region: region.to_owned() };
        if (date, product, terminator) != (&*scope.date, PRODUCT, TERMINATOR) {
            return Err(SignatureError::Scope {
                scope: format!("{date}/{region}/{product}/{terminator}"),
                expected: scope.to_string(),
            });
        }
        Ok((id.to_owned(), scope))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{PRODUCT}/{TERMINATOR}", self.date, self.region)
    }
}

fn mac(key: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    // HMAC accepts keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// The query without the signature, which can't cover itself.
fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<(String, String)> = query
        .iter()
        .filter(|(name, _)| name != "x-oss-signature")
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    pairs.sort();
    let pairs = pairs.into_iter().map(|(name, value)| match value.as_str() {
        "" => name,
        value => format!("{name}={value}"),
    });
    pairs.collect::<Vec<_>>().join("&")
}
