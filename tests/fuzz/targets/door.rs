//! The HTTP trigger: any request is routed or refused, and nothing but the right
//! key's secret, over just this request, makes a signature that verifies.
//!
//! The input is the text of a request as it goes over the wire.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use video_concat::access_keys::Secret;
use video_concat::event::{Event, HttpRequest, decode};
use video_concat::signature::{Claim, SignatureError};

/// When the seeds were signed.
const NOW: Timestamp = Timestamp::constant(1_744_872_010, 0);
const SECRET: &str = "SECRETEXAMPLE";
const BUCKETS: [Option<&str>; 2] = [None, Some("examplebucket")];

/// The event that a function URL makes of a request.
fn event(text: &str) -> Option<Value> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), Value::from(value.trim())))
    };
    let headers: Map<String, Value> = lines.filter_map(pair).collect();
    Some(json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {"http": {"method": method}},
        "body": body,
    }))
}

fn verify(claim: &Claim, secret: &str, request: &HttpRequest) -> Result<(), SignatureError> {
    let secret = Secret::new(secret.to_owned());
    for bucket in BUCKETS {
        let resources = request.resources(bucket);
        let meant = claim.verify(&secret, request, &resources)?.resource;
        assert!(resources.contains(meant));
        let _ = request.route(bucket, Some(meant));
    }
    Ok(())
}

fn assert_bound(claim: &Claim, request: &HttpRequest) {
    let mut changed = request.clone();
    changed.method.push('X');
    assert!(verify(claim, SECRET, &changed).is_err(), "another method");
    let mut changed = request.clone();
    changed.path.push_str("/x");
    assert!(verify(claim, SECRET, &changed).is_err(), "another path");
    let mut changed = request.clone();
    changed.query.push(("x-oss-more".to_owned(), "1".to_owned()));
    assert!(verify(claim, SECRET, &changed).is_err(), "another query");
}

fuzz_target!(|text: &str| {
    let Some(Ok(Event::Http(request))) = event(text).map(|event| decode(&event)) else {
        return;
    };
    for bucket in BUCKETS {
        let _ = request.route(bucket, None);
    }
    let Ok(Some(claim)) = Claim::of(&request) else {
        return;
    };
    let _ = claim.check_time(NOW);
    assert!(verify(&claim, "another", &request).is_err(), "another secret");
    assert!(verify(&claim, "", &request).is_err(), "no secret");
    if verify(&claim, SECRET, &request).is_ok() {
        assert_bound(&claim, &request);
    }
});
