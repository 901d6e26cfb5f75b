//! A real HTTP server in front of the function: converts each request to the event that AWS's
//! gateways would send, including their peculiarities, and the function's reply to an HTTP answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::function::Function;
use super::http::{AnyError, Server};
use super::invocation::Reply;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Payload format 1. The path stays encoded, the query is decoded, `Content-MD5` is dropped.
    Rest,
    /// Payload format 2. The path is decoded, and a `Content-Type` is added if there is no body.
    HttpApi,
    /// Payload format 2. Path and query stay as they are.
    FunctionUrl,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Rest, Self::HttpApi, Self::FunctionUrl];
}

#[derive(Clone)]
struct Front {
    kind: Kind,
    function: Arc<Function>,
    /// The caller whom the gateway's own authoriser has authorised.
    caller: Option<String>,
}

pub struct Gateway {
    server: Server,
}

/// A request as received, with header names in lower case.
pub struct Came {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Came {
    /// The event of a gateway that has authorised `caller`.
    pub fn event(&self, kind: Kind, caller: Option<&str>) -> Value {
        match kind {
            Kind::Rest => self.format_1(caller),
            Kind::HttpApi | Kind::FunctionUrl => self.format_2(kind, caller),
        }
    }

    fn format_1(&self, caller: Option<&str>) -> Value {
        let kept = |(name, _): &&(String, String)| name != "content-md5";
        let mut headers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in self.headers.iter().filter(kept) {
            headers.entry(name).or_default().push(value);
        }
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs(self.query.as_deref()) {
            query.entry(name).or_default().push(value);
        }
        let last = |values: &Vec<String>| values.last().cloned();
        let (body, is_base64) = (String::from_utf8_lossy(&self.body), false);
        json!({
            "resource": "/{proxy+}",
            "path": self.path,
            "httpMethod": self.method,
            "headers": headers.iter().map(|(name, values)| (*name, *values.last().unwrap())).collect::<BTreeMap<_, _>>(),
            "multiValueHeaders": headers,
            "queryStringParameters": (!query.is_empty()).then(|| query.iter().map(|(name, values)| (name.clone(), last(values))).collect::<BTreeMap<_, _>>()),
            "multiValueQueryStringParameters": (!query.is_empty()).then_some(&query),
            "stageVariables": null,
            "requestContext": {
                "path": format!("/Prod{}", self.path),
                "stage": "Prod",
                "httpMethod": self.method,
                "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "identity": {"sourceIp": "192.0.2.10", "userArn": caller, "caller": caller},
            },
            "body": (!body.is_empty()).then_some(body),
            "isBase64Encoded": is_base64,
        })
    }

    fn format_2(&self, kind: Kind, caller: Option<&str>) -> Value {
        let is_url = kind == Kind::FunctionUrl;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.headers {
            headers
                .entry(name.clone())
                .and_modify(|joined| joined.extend([",", value]))
                .or_insert_with(|| value.clone());
        }
        if !is_url && self.body.is_empty() {
            let usual = "application/octet-stream".to_owned();
            headers.entry("content-type".to_owned()).or_insert(usual);
        }
        let decoded = percent_decode_str(&self.path).decode_utf8_lossy();
        let path = if is_url { &self.path } else { &*decoded };
        let domain = if is_url {
            "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws"
        } else {
            "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
        };
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": self.query.clone().unwrap_or_default(),
            "headers": headers,
            "requestContext": {
                "domainName": domain,
                "http": {"method": self.method, "path": path, "sourceIp": "192.0.2.10"},
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": "$default",
                "stage": "$default",
            },
            "isBase64Encoded": false,
        });
        if let Some(caller) = caller {
            event["requestContext"]["authorizer"] = json!({"iam": {"userArn": caller}});
        }
        let content = headers.get("content-type").map_or("", String::as_str);
        let is_text = ["text/", "application/json"].iter().any(|text| content.starts_with(text));
        if is_text {
            event["body"] = json!(String::from_utf8_lossy(&self.body));
        } else if !self.body.is_empty() {
            event["body"] = json!(BASE64_STANDARD.encode(&self.body));
            event["isBase64Encoded"] = json!(true);
        }
        event
    }
}

impl Gateway {
    /// Without an authoriser: everybody is let through, and no caller is named.
    pub fn open(kind: Kind, function: &Arc<Function>) -> Self {
        Self::start(kind, function, None)
    }

    /// With IAM authorisation, for which everybody is this caller.
    pub fn iam(kind: Kind, function: &Arc<Function>, caller: &str) -> Self {
        Self::start(kind, function, Some(caller.to_owned()))
    }

    fn start(kind: Kind, function: &Arc<Function>, caller: Option<String>) -> Self {
        let function = Arc::clone(function);
        let front = Front { kind, function, caller };
        let server = Server::start(move |request| front.clone().answer(request));
        Self { server }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn port(&self) -> u16 {
        self.server.address().port()
    }
}

impl Front {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnyError> {
        let (head, body) = request.into_parts();
        let headers = head.headers.iter();
        let came = Came {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), value)
                })
                .collect(),
            body: body.collect().await?.to_bytes(),
        };
        let event = came.event(self.kind, self.caller.as_deref());
        let function = Arc::clone(&self.function);
        let reply = tokio::task::spawn_blocking(move || function.invoke(&event)).await?;
        Ok(match reply {
            Reply::Ok(reply) => response(&reply)?,
            Reply::FunctionError { .. } => Response::builder()
                .status(StatusCode::BAD_GATEWAY)
                .body(Full::from(r#"{"message": "Internal server error"}"#))?,
        })
    }
}

fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn response(reply: &Value) -> Result<Response<Full<Bytes>>, AnyError> {
    let status = reply["statusCode"].as_u64().ok_or("the reply has no statusCode")?;
    let mut response = Response::builder().status(u16::try_from(status)?);
    let empty = Map::new();
    for (name, value) in reply["headers"].as_object().unwrap_or(&empty) {
        response = response.header(name, value.as_str().unwrap_or_default());
    }
    let body = reply["body"].as_str().unwrap_or_default().to_owned();
    Ok(response.body(Full::from(body))?)
}
