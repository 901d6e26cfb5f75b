use serde_json::{Value, json};

use super::direct;
use crate::event::{Event, EventError, HttpRequest, ProcessSource, Route, Trigger, decode};

fn http(event: &Value) -> HttpRequest {
    match decode(event) {
        Ok(Event::Http(request)) => *request,
        other => panic!("no HTTP request: {other:?}"),
    }
}

/// A request as an HTTP API sends it.
fn format_2(method: &str, path: &str, query: &str, body: &str) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "h.example", "X-Oss-Date": "20250417T064010Z"},
        "requestContext": {"http": {"method": method}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": false,
    })
}

/// A request as a REST API sends it.
fn format_1(method: &str, path: &str, query: &Value, body: &str) -> Value {
    json!({
        "httpMethod": method,
        "path": path,
        "multiValueQueryStringParameters": query,
        "multiValueHeaders": {"Host": ["h.example"], "X-Many": ["a", "b"]},
        "requestContext": {"stage": "prod", "identity": {"userArn": null}},
        "body": body,
        "isBase64Encoded": false,
    })
}

#[test]
fn both_payload_formats_are_the_same_request() {
    let process = "x-oss-async-process=video/concat,f_mp4+%41=";
    let flag = json!({"x-oss-async-process": [""]});
    let requests = [
        http(&format_1("post", "/clips/dir%2Fa%20b.mp4", &flag, process)),
        http(&format_2("POST", "/clips/dir%2Fa%20b.mp4", "x-oss-async-process", process)),
        http(&format_2("POST", "/clips/dir/a%20b.mp4", "x-oss-async-process=", process)),
    ];
    for request in requests {
        assert_eq!(request.host(), "h.example");
        assert_eq!(request.caller, None);
        let Ok(Route::Submit(submission)) = request.route(None, None) else {
            panic!("no submission: {request:?}");
        };
        assert_eq!((&*submission.bucket, &*submission.object), ("clips", "dir/a b.mp4"));
        let expected = ProcessSource::Given("video/concat,f_mp4+%41=".to_owned());
        assert_eq!(submission.process, expected);
        assert_eq!(submission.trigger, Trigger::Http);
    }
}

#[test]
fn headers_are_lower_case_and_joined() {
    let request = http(&format_1("POST", "/", &json!(null), ""));
    assert_eq!(request.headers["x-many"], "a,b");
    let request = http(&format_2("POST", "/", "", ""));
    assert_eq!(request.headers["x-oss-date"], "20250417T064010Z");
}

#[test]
fn a_body_in_base64_is_decoded() {
    let mut event = format_2("POST", "/", "", "eyJhIjoxfQ==");
    event["isBase64Encoded"] = json!(true);
    assert_eq!(http(&event).body, br#"{"a":1}"#);
    event["body"] = json!("{");
    assert_eq!(decode(&event), Err(EventError::BadBase64));
}

#[test]
fn only_whom_the_gateway_authorised_is_a_caller() {
    let arn = "arn:aws:iam::1:user/u";
    let mut rest = format_1("POST", "/", &json!(null), "");
    rest["requestContext"]["identity"] = json!({"userArn": arn, "apiKey": "k"});
    assert_eq!(http(&rest).caller.as_deref(), Some(arn));
    rest["requestContext"]["identity"] = json!({"userArn": "", "apiKey": "k"});
    assert_eq!(http(&rest).caller, None);

    let mut url = format_2("POST", "/", "", "");
    url["requestContext"]["authorizer"] = json!({"iam": {"userArn": arn}});
    assert_eq!(http(&url).caller.as_deref(), Some(arn));
    url["requestContext"]["authorizer"] = json!({"jwt": {"claims": {"sub": "u"}}});
    assert_eq!(http(&url).caller.as_deref(), Some("u"));
    url["requestContext"]["authorizer"] = json!({"lambda": {"tenant": "t"}});
    assert_eq!(http(&url).caller.as_deref(), Some("lambda authorizer"));
    url["requestContext"]["authorizer"] = json!({"iam": {"userArn": ""}, "lambda": null});
    assert_eq!(http(&url).caller, None);
    // Headers, which the client controls, don't name a caller.
    url["requestContext"]["authorizer"] = json!(null);
    url["headers"]["authorization"] = json!("AWS4-HMAC-SHA256 ...");
    assert_eq!(http(&url).caller, None);
}

#[test]
fn the_stage_is_no_bucket() {
    let path = |host: &str, stage: &str, raw: &str| {
        let mut event = format_2("POST", raw, "", "");
        event["requestContext"]["domainName"] = json!(host);
        event["requestContext"]["stage"] = json!(stage);
        http(&event).path
    };
    let own = "x.execute-api.eu-west-1.amazonaws.com";
    assert_eq!(path(own, "prod", "/prod/b/k"), "/b/k");
    assert_eq!(path(own, "prod", "/prod"), "");
    assert_eq!(path(own, "prod", "/products/k"), "/products/k");
    assert_eq!(path(own, "$default", "/prod/b/k"), "/prod/b/k");
    assert_eq!(path("api.example.com", "prod", "/prod/k"), "/prod/k");
}

#[test]
fn requests_are_routed_or_refused_with_a_reason() {
    let process = "x-oss-async-process=p";
    let route = |method: &str, path: &str, query: &str, body: &str, default: Option<&str>| {
        http(&format_2(method, path, query, body)).route(default, None)
    };
    let places = [
        ("/k", Some("media"), "media", "k"),
        ("/dir%2Fk.mp4", Some("media"), "media", "dir/k.mp4"),
        ("/Dir/k.mp4", Some("media"), "media", "Dir/k.mp4"),
        ("/clips/k", Some("media"), "clips", "k"),
        ("/clips//k", None, "clips", "/k"),
    ];
    for (path, default, bucket, key) in places {
        let Ok(Route::Submit(found)) = route("POST", path, "x-oss-async-process", process, default)
        else {
            panic!("{path} goes nowhere");
        };
        assert_eq!((&*found.bucket, &*found.object), (bucket, key), "{path}");
    }
    let Ok(Route::Submit(found)) = route("POST", "/", "", &direct().to_string(), None) else {
        panic!("no direct event");
    };
    assert_eq!(found.trigger, Trigger::Http);
    let id = "MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc";
    let found = route("GET", &format!("/tasks/{id}"), "", "", None);
    assert_eq!(found, Ok(Route::Task(id.parse().unwrap())));

    let refused = |method, path, query, body| route(method, path, query, body, None).unwrap_err();
    let flag = "x-oss-async-process";
    assert_eq!(refused("POST", "/clips/k", "", process), EventError::NoProcessQuery);
    for body in ["", "p", "x-oss-async-process=", "x-oss-process=p"] {
        assert_eq!(refused("POST", "/clips/k", flag, body), EventError::NoProcessBody);
    }
    for path in ["/k", "/clips/"] {
        assert_eq!(refused("POST", path, flag, process), EventError::NoBucket(path.to_owned()));
    }
    assert!(matches!(refused("POST", "/", "", "{"), EventError::BadJson { .. }));
    assert!(matches!(refused("GET", "/tasks/x", "", ""), EventError::TaskId(_)));
    assert!(matches!(refused("GET", "/clips/k", "", ""), EventError::NoSuchRoute { .. }));
    assert!(matches!(refused("DELETE", "/clips/k", "", ""), EventError::NoSuchRoute { .. }));
}
