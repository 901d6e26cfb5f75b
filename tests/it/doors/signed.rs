//! Signatures made here, for requests that no client sends.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use md5::Md5;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Doors, process};
use crate::bed::client::{Answer, send};
use crate::bed::gateway::{Gateway, Kind};

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "SECRETEXAMPLE";

fn doors() -> Doors {
    let keys = json!({ID: SECRET}).to_string();
    Doors::with(|settings| settings.set("OSS_ACCESS_KEYS", keys).set("DEFAULT_BUCKET", "sources"))
}

type Headers = Vec<(&'static str, String)>;

fn md5(body: &str) -> (&'static str, String) {
    ("content-md5", BASE64_STANDARD.encode(Md5::digest(body)))
}

fn sha256(body: &str) -> (&'static str, String) {
    ("x-oss-content-sha256", hex(&Sha256::digest(body)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn value<'a>(headers: &'a Headers, name: &str) -> &'a str {
    headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// Base64 of a signature of version 1.
fn v1(resource: &str, time: &str, headers: &Headers) -> String {
    let text = format!("POST\n{}\n\n{time}\n{resource}", value(headers, "content-md5"));
    let mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(text);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Signed by version 1 for the service itself, at this time.
fn with_v1(made: Timestamp, headers: Headers) -> Headers {
    with_v1_for("/", made, headers)
}

fn with_v1_for(resource: &str, made: Timestamp, mut headers: Headers) -> Headers {
    let date = made.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.push(("authorization", format!("OSS {ID}:{}", v1(resource, &date, &headers))));
    headers.push(("date", date));
    headers
}

/// Signed by version 4 for the service itself.
fn with_v4(mut headers: Headers) -> Headers {
    let now = Timestamp::now();
    let (day, time) = (now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ").to_string());
    headers.push(("x-oss-date", time.clone()));
    if value(&headers, "x-oss-content-sha256").is_empty() {
        headers.push(("x-oss-content-sha256", "UNSIGNED-PAYLOAD".to_owned()));
    }
    headers.sort();
    let lines = headers.iter().map(|(name, value)| format!("{name}:{value}\n"));
    let lines = lines.collect::<Vec<_>>().concat();
    let payload = value(&headers, "x-oss-content-sha256");
    let canonical = format!("POST\n/\n\n{lines}\n\n{payload}");
    let scope = format!("{day}/us-east-1/oss/aliyun_v4_request");
    let text = format!("OSS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let steps = scope.split('/').chain([&*text]);
    let signature = steps.fold(format!("aliyun_v4{SECRET}").into_bytes(), |key, step| {
        let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap().chain_update(step);
        mac.finalize().into_bytes().to_vec()
    });
    let signature = hex(&signature);
    let authorization = format!("OSS4-HMAC-SHA256 Credential={ID}/{scope},Signature={signature}");
    headers.push(("authorization", authorization));
    headers
}

fn ask(gateway: &Gateway, request: &str, headers: &Headers, body: &str) -> Answer {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, &**value)).collect();
    send(gateway.port(), request, &headers, body)
}

fn event(target: &str) -> String {
    json!({"bucket": "sources", "object": "a.mp4", "process": process(target)}).to_string()
}

#[test]
fn a_body_that_says_all_has_to_be_signed() {
    let doors = doors();
    let body = event("out.mp4");
    let now = Timestamp::now();
    for kind in Kind::ALL {
        let gateway = Gateway::open(kind, &doors.front);
        for (name, headers) in [
            ("V1", with_v1(now, vec![])),
            ("V4", with_v4(vec![])),
            (
                "V4, unsigned",
                with_v4(vec![("x-oss-content-sha256", "UNSIGNED-PAYLOAD".to_owned())]),
            ),
        ] {
            let answer = ask(&gateway, "POST /", &headers, &body);
            let found = (answer.status, answer.element("Code"));
            assert_eq!(found, (403, "AccessDenied"), "{kind:?} {name}");
            assert!(answer.element("Message").contains("Content-MD5"), "{answer:?}");
        }
        for (name, headers) in [
            ("V1", with_v1(now, vec![md5(&body)])),
            ("V4, checksum", with_v4(vec![md5(&body)])),
            ("V4, digest", with_v4(vec![sha256(&body)])),
        ] {
            let answer = ask(&gateway, "POST /", &headers, &body);
            assert_eq!(answer.status, 200, "{kind:?} {name} {answer:?}");
            // Another body under the same headers.
            let replayed = ask(&gateway, "POST /", &headers, &event("other.mp4"));
            assert!([400, 403].contains(&replayed.status), "{kind:?} {name} {replayed:?}");
        }
    }
    assert_eq!(doors.s3.keys("tasks").len(), 1);
}

/// It is made before there is a body, and handed to others.
#[test]
fn a_signed_url_opens_no_request_that_names_its_object_in_the_body() {
    let doors = doors();
    let body = event("out.mp4");
    let expires = (Timestamp::now() + SignedDuration::from_hours(1)).as_second().to_string();
    for headers in [vec![], vec![md5(&body)]] {
        let signature = v1("/", &expires, &headers).replace('+', "%2B").replace('/', "%2F");
        let request = format!("POST /?OSSAccessKeyId={ID}&Expires={expires}&Signature={signature}");
        for kind in Kind::ALL {
            let answer = ask(&Gateway::open(kind, &doors.front), &request, &headers, &body);
            let found = (answer.status, answer.element("Code"));
            assert_eq!(found, (403, "AccessDenied"), "{kind:?} {answer:?}");
        }
    }
    assert!(doors.s3.calls().is_empty());
}

#[test]
fn a_signature_for_the_service_opens_no_object_of_the_default_bucket() {
    let doors = doors();
    let body = format!("x-oss-async-process={}", process("out.mp4"));
    for kind in Kind::ALL {
        let gateway = Gateway::open(kind, &doors.front);
        for path in ["//a.mp4", "/%2Fa.mp4", "//"] {
            let service = "/?x-oss-async-process";
            let headers = with_v1_for(service, Timestamp::now(), vec![md5(&body)]);
            let request = format!("POST {path}?x-oss-async-process");
            let answer = ask(&gateway, &request, &headers, &body);
            let found = (answer.status, answer.element("Code"));
            assert_eq!(found, (403, "SignatureDoesNotMatch"), "{kind:?} {path}");
        }
    }
    assert!(doors.s3.calls().is_empty());
}

#[test]
fn a_client_whose_clock_is_off_gets_the_time() {
    let doors = doors();
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let made = Timestamp::now() - SignedDuration::from_hours(2);
    let answer = ask(&gateway, "POST /", &with_v1(made, vec![]), "{}");
    assert_eq!((answer.status, answer.element("Code")), (403, "RequestTimeTooSkewed"));
    assert_eq!(answer.element("MaxAllowedSkewMilliseconds"), "900000");
    let time = |name: &str| {
        let text = answer.element(name);
        assert!(text.len() == "2026-11-26T00:54:09.000Z".len() && text.ends_with('Z'), "{text}");
        text.parse::<Timestamp>().unwrap()
    };
    assert_eq!(time("RequestTime").as_second(), made.as_second());
    let off = time("ServerTime").duration_since(Timestamp::now());
    assert!(off.abs() < SignedDuration::from_mins(5), "{off}");
}
