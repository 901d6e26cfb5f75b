//! Requests that clients in several languages have sent, as every gateway passes them on, at the
//! time when they were signed.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use video_concat::access_keys::Secret;
use video_concat::event::{Event, HttpRequest, ProcessSource, Resource, Route, decode};
use video_concat::reply::Refusal;
use video_concat::signature::{Claim, SignatureError};
use video_concat::task::Moment;

use crate::bed::gateway::{Came, Kind};

const BUCKET: &str = "examplebucket";

#[derive(Deserialize)]
struct Captured {
    name: String,
    signature: String,
    style: String,
    key: String,
    process: String,
    signed_at: Moment,
    expires_seconds: Option<i64>,
    request: Sent,
    status: u16,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Captured {
    /// As the function gets it.
    fn at(&self, kind: Kind) -> HttpRequest {
        let headers = self.request.headers.iter();
        let came = Came {
            method: self.request.method.clone(),
            path: self.request.path.clone(),
            query: Some(self.request.query.clone()),
            headers: headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            body: self.request.body.clone().into(),
        };
        match decode(&came.event(kind, None)) {
            Ok(Event::Http(request)) => *request,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// What a custom domain leaves out.
    fn default_bucket(&self) -> Option<&'static str> {
        (self.style == "cname").then_some(BUCKET)
    }

    fn life(&self) -> SignedDuration {
        self.expires_seconds.map_or(SignedDuration::from_mins(15), SignedDuration::from_secs)
    }
}

fn all() -> Vec<Captured> {
    let all: Vec<Captured> =
        serde_json::from_str(include_str!("../../doors/oss-clients.json")).unwrap();
    assert_eq!(all.len(), 108);
    all
}

fn verify(
    request: &HttpRequest,
    default_bucket: Option<&str>,
    now: Timestamp,
) -> Result<Resource, SignatureError> {
    let claim = Claim::of(request)?.expect("it is signed");
    assert_eq!(claim.key_id(), "AKIDEXAMPLE");
    claim.check_time(now)?;
    let secret = Secret::new("SECRETEXAMPLE".to_owned());
    let resources = request.resources(default_bucket);
    claim.verify(&secret, request, &resources).map(|verified| verified.resource.clone())
}

fn status(verdict: &Result<Resource, SignatureError>) -> u16 {
    verdict.as_ref().map_or_else(|error| Refusal::from(error).code.http_status(), |_| 200)
}

#[test]
fn each_gets_its_verdict_through_every_gateway() {
    for captured in all() {
        for kind in Kind::ALL {
            let name = format!("{}, {kind:?}", captured.name);
            let request = captured.at(kind);
            let verdict =
                verify(&request, captured.default_bucket(), captured.signed_at.timestamp());
            assert_eq!(status(&verdict), captured.status, "{name}: {verdict:?}");
            let Ok(resource) = verdict else { continue };
            assert_eq!(resource, Resource::new(BUCKET, &captured.key), "{name}");
            match request.route(captured.default_bucket(), Some(&resource)) {
                Ok(Route::Submit(asked)) => {
                    assert_eq!((&*asked.bucket, &asked.object), (BUCKET, &captured.key), "{name}");
                    let process = ProcessSource::Given(captured.process.clone());
                    assert_eq!(asked.process, process, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

#[test]
fn each_is_good_for_its_time_and_object_only() {
    for captured in all().iter().filter(|captured| captured.status == 200) {
        for kind in Kind::ALL {
            let name = format!("{}, {kind:?}", captured.name);
            let request = captured.at(kind);
            let at = |now| status(&verify(&request, captured.default_bucket(), now));
            let second = SignedDuration::from_secs(1);
            let end = captured.signed_at.timestamp() + captured.life();
            // Clients and this file round to seconds, one or the other way.
            assert_eq!(at(end - second), 200, "{name}");
            assert_eq!(at(end + second * 2), 403, "{name}");
            let mut other = request.clone();
            other.path.push('x');
            let verdict = verify(&other, captured.default_bucket(), captured.signed_at.timestamp());
            assert_eq!(verdict, Err(SignatureError::Mismatch), "{name}");
        }
    }
}

/// In the query there is one more way to be wrong: to leave something out.
#[test]
fn half_a_signed_url_is_no_anonymous_request() {
    let all = all();
    let urls = all.iter().filter(|captured| captured.signature == "v1 url");
    for captured in urls {
        for missing in ["Expires", "Signature"] {
            for value in [None, Some(""), Some("x%")] {
                let mut request = captured.at(Kind::FunctionUrl);
                request.query.retain(|(name, _)| name != missing);
                let value = value.map(|value| (missing.to_owned(), value.to_owned()));
                request.query.extend(value);
                let claim = Claim::of(&request);
                assert!(matches!(claim, Err(SignatureError::Malformed(_))), "{claim:?}");
            }
        }
    }
}
