use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::canonical::{Signed, hex};
use super::{Claim, SignatureError};
use crate::access_keys::Secret;
use crate::event::{HttpRequest, Resource};
use sha2::{Digest, Sha256};

const BODY: &str = "x-oss-async-process=video/concat,f_mp4,vcodec_h264,acodec_aac/sur,o_Yi5tcDQ|sys/saveas,o_b3V0Lm1wNA";
const DATE: &str = "Thu, 17 Apr 2025 06:40:10 GMT";
const V4: &str = "42263098f8cc111ed9a6b9e550b6cb5803d17754afbea7c7ef1e52f23d129d3e";
const V4_MD5: &str = "963eead32079c8432265c2ffc50bd9f647d94dd99f1ecdf0cacb51aa42280915";
const V4_DATE: &str = "27ea20040b7bc607c7facb45e784a9de22cee8dc91a6c0ed06c2d46a4f459a3f";
const V1: &str = "OSS AKIDEXAMPLE:sIPLlXMui9N6O6beW6hsf+XX2+0=";

fn secret() -> Secret {
    Secret::new("SECRETEXAMPLE".to_owned())
}

fn resource() -> Resource {
    Resource::new("examplebucket", "dir/a b.mp4")
}

fn now() -> Timestamp {
    "2025-04-17T06:40:10Z".parse().unwrap()
}

fn request(headers: &[(&str, &str)]) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    HttpRequest {
        method: "POST".to_owned(),
        path: "/examplebucket/dir/a%20b.mp4".to_owned(),
        query: vec![("x-oss-async-process".to_owned(), String::new())],
        headers: headers.collect(),
        body: BODY.as_bytes().to_vec(),
        caller: None,
    }
}

fn v4(signature: &str) -> String {
    format!(
        "OSS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20250417/us-east-1/oss/aliyun_v4_request,Signature={signature}"
    )
}

fn with_v4(signature: &str, more: &[(&str, &str)]) -> HttpRequest {
    let authorization = v4(signature);
    let mut headers = vec![
        ("authorization", authorization.as_str()),
        ("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
    ];
    headers.extend(more);
    request(&headers)
}

fn stamped(signature: &str, more: &[(&str, &str)]) -> HttpRequest {
    let mut request = with_v4(signature, more);
    let date = "20250417T064010Z".to_owned();
    request.headers.insert("x-oss-date".to_owned(), date);
    request
}

fn verify(request: &HttpRequest) -> Result<Resource, SignatureError> {
    let claim = Claim::of(request)?.expect("it is signed");
    assert_eq!(claim.key_id(), "AKIDEXAMPLE");
    claim.check_time(now())?;
    let resources = request.resources(Some("examplebucket"));
    claim.verify(&secret(), request, &resources).map(|verified| verified.resource.clone())
}

#[test]
fn every_known_signature_verifies() {
    let md5 = ("content-md5", "Wqm4ZhJk3wJXNLW9iTMYCg==");
    for (name, request) in [
        ("V4", stamped(V4, &[])),
        ("V4, signed checksum", stamped(V4_MD5, &[md5])),
        ("V4, Date only", with_v4(V4_DATE, &[("date", DATE)])),
        ("V1", request(&[("authorization", V1), ("date", DATE)])),
    ] {
        assert_eq!(verify(&request), Ok(resource()), "{name}");
    }
}

#[test]
fn the_canonical_request_is_the_known_one() {
    let request = stamped(V4, &[]);
    let Ok(Some(Claim::V4(claim))) = Claim::of(&request) else {
        panic!("no V4 claim");
    };
    let canonical = claim.canonical_request(&Signed {
        method: &request.method,
        query: &request.query,
        headers: &request.headers,
        resource: &resource(),
    });
    assert_eq!(
        hex(&Sha256::digest(canonical)),
        "75aa1bc20b4a48f56821834778b7dea5e0827e58924865c952511fd9d5f57fb4"
    );
}

#[test]
fn the_bucket_is_found_wherever_it_stands() {
    for (name, host, path) in [
        ("path style", "h.example", "/examplebucket/dir%2Fa%20b.mp4"),
        ("in the host", "examplebucket.h.example", "/dir/a%20b.mp4"),
        ("own domain", "media.example", "/dir%2Fa%20b.mp4"),
        ("decoded by the gateway", "h.example", "/examplebucket/dir/a b.mp4"),
    ] {
        let mut request = stamped(V4, &[("host", host)]);
        path.clone_into(&mut request.path);
        assert_eq!(verify(&request), Ok(resource()), "{name}");
    }
}

#[test]
fn a_gateway_may_drop_the_checksum_and_add_a_type() {
    let dropped = stamped(V4_MD5, &[]);
    assert_eq!(verify(&dropped), Ok(resource()));
    let added = stamped(V4, &[("content-type", "application/octet-stream")]);
    assert_eq!(verify(&added), Ok(resource()));
    let both = stamped(V4_MD5, &[("content-type", "application/json")]);
    assert_eq!(verify(&both), Ok(resource()));
}

#[test]
fn whatever_is_changed_is_noticed() {
    type Change = fn(&mut HttpRequest);
    let changes: [(&str, Change); 6] = [
        ("method", |r| r.method = "GET".to_owned()),
        ("key", |r| r.path = "/examplebucket/dir/b.mp4".to_owned()),
        ("bucket", |r| r.path = "/other/dir/a%20b.mp4".to_owned()),
        ("query", |r| {
            r.query.push(("x-oss-more".to_owned(), String::new()));
        }),
        ("header", |r| {
            r.headers.insert("x-oss-more".to_owned(), "1".to_owned());
        }),
        ("signature", |r| {
            let wrong = r.headers["authorization"].replace('3', "4");
            r.headers.insert("authorization".to_owned(), wrong);
        }),
    ];
    for (name, change) in changes {
        let mut request = stamped(V4, &[]);
        change(&mut request);
        assert_eq!(verify(&request), Err(SignatureError::Mismatch), "{name}");
    }
}

#[test]
fn a_body_has_to_have_its_checksum() {
    let md5 = ("content-md5", "Wqm4ZhJk3wJXNLW9iTMYCg==");
    let mut request = stamped(V4_MD5, &[md5]);
    request.body.push(b'x');
    let changed = SignatureError::BodyChanged("Content-MD5");
    assert_eq!(verify(&request), Err(changed));
}

#[test]
fn time_is_15_minutes_either_way() {
    let claim = Claim::of(&stamped(V4, &[])).unwrap().unwrap();
    let at = |seconds| claim.check_time(now() + SignedDuration::from_secs(seconds));
    for (seconds, fits) in [(0, true), (900, true), (-900, true), (901, false), (-901, false)] {
        assert_eq!(at(seconds).is_ok(), fits, "{seconds}");
    }
    assert!(matches!(at(3600), Err(SignatureError::Skewed { .. })));
}

/// Made with the Python SDK's V4 presigner.
#[test]
fn a_signed_url_verifies_until_it_expires() {
    let query: BTreeMap<&str, &str> = [
        ("x-oss-async-process", ""),
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-date", "20250417T064010Z"),
        ("x-oss-expires", "3600"),
        ("x-oss-credential", "AKIDEXAMPLE/20250417/us-east-1/oss/aliyun_v4_request"),
        ("x-oss-signature", "93bcd1de030e59402ed874f6f70af9b1598786646249ebbb97082cbc06a92392"),
    ]
    .into();
    let mut request = request(&[]);
    request.query =
        query.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(verify(&request), Ok(resource()));
    let claim = Claim::of(&request).unwrap().unwrap();
    let after = |seconds| claim.check_time(now() + SignedDuration::from_secs(seconds));
    assert_eq!(after(3600), Ok(()));
    assert!(matches!(after(3601), Err(SignatureError::Expired(_))));
    assert!(matches!(after(-901), Err(SignatureError::Skewed { .. })));
}

#[test]
fn what_is_no_signature_is_refused_or_ignored() {
    for none in ["", "AWS4-HMAC-SHA256 Credential=x", "Bearer x"] {
        assert_eq!(Claim::of(&request(&[("authorization", none)])), Ok(None));
    }
    for wrong in [
        "OSS id",
        "OSS id:%",
        "OSS4-HMAC-SHA256 ",
        "OSS4-HMAC-SHA256 Credential=id/20250417/oss/aliyun_v4_request,Signature=00",
        "OSS4-HMAC-SHA256 Credential=/20250417/r/oss/aliyun_v4_request,Signature=00",
        "OSS4-HMAC-SHA256 Credential=id/20250417/r/oss/aliyun_v4_request,Signature=0",
        "OSS4-HMAC-SHA256 Credential=id/20250417/r/oss/aliyun_v4_request,Signature=zz",
    ] {
        let request = request(&[("authorization", wrong), ("date", DATE)]);
        let claim = Claim::of(&request);
        assert!(matches!(claim, Err(SignatureError::Malformed(_))), "{wrong}");
    }
    let undated = request(&[("authorization", V1)]);
    assert!(matches!(Claim::of(&undated), Err(SignatureError::Malformed(_))));
}

/// A key that was derived for another day, product, or protocol is valid only for that.
#[test]
fn the_scope_is_the_requests_own() {
    for scope in [
        "20250416/us-east-1/oss/aliyun_v4_request",
        "20250418/us-east-1/oss/aliyun_v4_request",
        "2025-04-17/us-east-1/oss/aliyun_v4_request",
        "/us-east-1/oss/aliyun_v4_request",
        "20250417/us-east-1/oss-cloudbox/aliyun_v4_request",
        "20250417/us-east-1/s3/aliyun_v4_request",
        "20250417/us-east-1//aliyun_v4_request",
        "20250417/us-east-1/oss/aws4_request",
        "20250417/us-east-1/oss/",
    ] {
        let mut request = stamped(V4, &[]);
        let usual = "20250417/us-east-1/oss/aliyun_v4_request";
        let authorization = request.headers["authorization"].replace(usual, scope);
        request.headers.insert("authorization".to_owned(), authorization);
        let refused = Claim::of(&request);
        assert!(matches!(refused, Err(SignatureError::Scope { .. })), "{scope} {refused:?}");
    }
}

#[test]
fn a_signature_covers_its_body_where_it_has_a_digest() {
    let covers = |request: &HttpRequest| {
        let claim = Claim::of(request).unwrap().unwrap();
        claim.verify(&secret(), request, &[resource()]).unwrap().covers_body
    };
    assert!(!covers(&stamped(V4, &[])));
    assert!(covers(&stamped(V4_MD5, &[("content-md5", "Wqm4ZhJk3wJXNLW9iTMYCg==")])));
    // A gateway dropped the header.
    assert!(covers(&stamped(V4_MD5, &[])));
    assert!(!covers(&with_v4(V4_DATE, &[("date", DATE)])));
    assert!(!covers(&request(&[("authorization", V1), ("date", DATE)])));
}

#[test]
fn a_signature_of_version_2_is_refused_as_such() {
    let authorization = "OSS2 AccessKeyId:AKIDEXAMPLE,Signature:rDDy3ZLt5ssMR52kIo9Pzg==";
    let header = request(&[("authorization", authorization), ("date", DATE)]);
    assert_eq!(Claim::of(&header), Err(SignatureError::Version2));
    let mut url = request(&[]);
    for (name, value) in [
        ("x-oss-signature-version", "OSS2"),
        ("x-oss-access-key-id", "AKIDEXAMPLE"),
        ("x-oss-signature", "rDDy3ZLt5ssMR52kIo9Pzg=="),
    ] {
        url.query.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(Claim::of(&url), Err(SignatureError::Version2));
}

/// `/` is the service itself. No other path means that, and it means nothing else.
#[test]
fn a_signature_for_the_service_opens_no_object() {
    for path in ["//key", "//", "/%2Fkey", "/%2F", "/%FF", "//a/b"] {
        let mut request = request(&[]);
        path.clone_into(&mut request.path);
        for resource in request.resources(Some("examplebucket")) {
            assert!(!resource.bucket.is_empty(), "{path} {resource:?}");
        }
        assert!(!request.is_direct(), "{path}");
    }
    for path in ["", "/"] {
        let mut request = request(&[]);
        path.clone_into(&mut request.path);
        assert_eq!(request.resources(None), [Resource::default()], "{path}");
        assert!(request.is_direct());
    }
}

mod any {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_authorization_makes_it_panic(
            text in "(OSS |OSS4-HMAC-SHA256 )?[ -~é]{0,60}",
            date in "[ -~é]{0,30}",
        ) {
            let request = super::request(&[("authorization", &text), ("date", &date)]);
            if let Ok(Some(claim)) = super::Claim::of(&request) {
                let resources = request.resources(None);
                prop_assert!(claim.verify(&super::secret(), &request, &resources).is_err());
            }
        }
    }
}

/// As `ali-oss` 6.23 sends them: the date in a header of its own for both versions, and the type
/// guessed from the key.
#[test]
fn requests_of_the_node_sdk_verify() {
    let now: Timestamp = "2026-11-22T12:38:31Z".parse().unwrap();
    for (authorization, date, more) in [
        ("OSS AKIDEXAMPLE:ySHNMP7h7BhFRWPj0Q0TqDRNoEg=", "Sun, 22 Nov 2026 12:38:31 GMT", None),
        (
            "OSS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/oss/aliyun_v4_request,Signature=7267ac9959688be48af47b8263e53000b74e7933817848a00bd94dc0c5376bdb",
            "20261122T123831Z",
            Some(("x-oss-content-sha256", "UNSIGNED-PAYLOAD")),
        ),
    ] {
        let mut headers = vec![
            ("host", "sources.oss-us-east-1.aliyuncs.com"),
            ("content-type", "video/mp4"),
            ("content-md5", "UyF2cKRfbmihW/Sl7HAAlg=="),
            ("x-oss-date", date),
            ("authorization", authorization),
        ];
        headers.extend(more);
        let mut request = request(&headers);
        request.path = "/dir/a%20b.mp4".to_owned();
        request.body = b"x-oss-async-process=video/concat".to_vec();
        let claim = Claim::of(&request).unwrap().unwrap();
        claim.check_time(now).unwrap();
        let resources = request.resources(None);
        let meant = claim.verify(&secret(), &request, &resources).unwrap();
        assert_eq!(meant.resource, &Resource::new("sources", "dir/a b.mp4"));
        assert!(meant.covers_body);
    }
}

#[test]
fn what_is_signed_here_verifies_and_covers_the_body() {
    let mut request = request(&[("content-type", "application/json")]);
    request.query.push(("marker".to_owned(), "a b+c".to_owned()));
    let signed = super::sign(&request, &resource(), "AKIDEXAMPLE", &secret(), "eu-west-1", now());
    request.headers.extend(signed.map(|(name, value)| (name.to_owned(), value)));
    let claim = Claim::of(&request).unwrap().unwrap();
    assert_eq!(claim.key_id(), "AKIDEXAMPLE");
    claim.check_time(now()).unwrap();
    let resources = [resource()];
    assert!(claim.verify(&secret(), &request, &resources).unwrap().covers_body);
    request.body.push(b' ');
    assert!(claim.verify(&secret(), &request, &resources).is_err());
}
