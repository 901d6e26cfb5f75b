//! HTTP requests from any gateway.
//!
//! REST APIs send payload format 1, HTTP APIs and function URLs format 2. The fields are read one
//! by one, since the types of `aws_lambda_events` hold the query as a map and lose its order.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::field::{at, optional_text, text};
use super::route::decoded;
use super::{Event, EventError};

/// The set that encodes a decoded path again.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// A request as the gateway received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method in upper case.
    pub method: String,
    /// The path, percent-encoded, without the stage.
    pub path: String,
    /// Names and values of the query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Headers by lower-case name; several values are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The body as it was sent.
    pub body: Vec<u8>,
    /// The caller whom the gateway has authorised, if it checks that.
    pub caller: Option<String>,
}

impl HttpRequest {
    /// The host of the request, or a placeholder.
    #[must_use]
    pub fn host(&self) -> &str {
        self.headers.get("host").map_or("video-concat", String::as_str)
    }

    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The value of a query parameter; empty for a bare name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }
}

pub(super) fn decode(event: &Value) -> Result<Event, EventError> {
    let request = if at(event, &["requestContext", "http"]).is_some() {
        decode_format_2(event)?
    } else {
        decode_format_1(event)?
    };
    Ok(Event::Http(Box::new(request)))
}

fn decode_format_1(event: &Value) -> Result<HttpRequest, EventError> {
    Ok(HttpRequest {
        method: text(event, &["httpMethod"])?.to_uppercase(),
        path: encoded_path(event, text(event, &["path"])?),
        query: pairs(event, "multiValueQueryStringParameters", "queryStringParameters"),
        headers: headers(pairs(event, "multiValueHeaders", "headers")),
        body: body(event)?,
        caller: caller_format_1(event),
    })
}

fn decode_format_2(event: &Value) -> Result<HttpRequest, EventError> {
    let query = text_or_empty(event, "rawQueryString")?;
    Ok(HttpRequest {
        method: text(event, &["requestContext", "http", "method"])?.to_uppercase(),
        path: encoded_path(event, without_stage(event, text(event, &["rawPath"])?)),
        query: split_query(query)?,
        headers: headers(pairs(event, "", "headers")),
        body: body(event)?,
        caller: caller_format_2(event),
    })
}

/// HTTP APIs decode the path; REST APIs and function URLs pass it unchanged.
fn encoded_path(event: &Value, path: &str) -> String {
    if !is_http_api(event) {
        return path.to_owned();
    }
    utf8_percent_encode(path, DECODED).to_string()
}

/// REST APIs send no format version, and function URLs have host names of their own.
fn is_http_api(event: &Value) -> bool {
    let domain = at(event, &["requestContext", "domainName"]).and_then(Value::as_str);
    let has_version = at(event, &["version"]).is_some();
    has_version && domain.is_some_and(|domain| !domain.contains(".lambda-url."))
}

/// HTTP APIs leave the stage in the path, but only under their own host name.
fn without_stage<'a>(event: &Value, path: &'a str) -> &'a str {
    let context = |name| at(event, &["requestContext", name]).and_then(Value::as_str);
    let own_host = context("domainName").is_some_and(|host| host.contains(".execute-api."));
    match context("stage") {
        Some(stage) if own_host && stage != "$default" => path
            .strip_prefix('/')
            .and_then(|rest| rest.strip_prefix(stage))
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(path),
        _ => path,
    }
}

/// Pairs of name and value, from the field with lists of values if it exists, else from the field
/// with one value each.
fn pairs(event: &Value, many: &str, one: &str) -> Vec<(String, String)> {
    let object = |name| at(event, &[name]).and_then(Value::as_object);
    let pair = |name: &String, value: &Value| {
        let value = value.as_str().unwrap_or_default();
        (name.clone(), value.to_owned())
    };
    if let Some(map) = object(many) {
        let values = |value: &Value| value.as_array().cloned().unwrap_or_default();
        return map
            .iter()
            .flat_map(|(name, list)| values(list).into_iter().map(move |v| pair(name, &v)))
            .collect();
    }
    let map = object(one).into_iter().flatten();
    map.map(|(name, value)| pair(name, value)).collect()
}

fn headers(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        headers
            .entry(name.to_lowercase())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    headers
}

fn split_query(query: &str) -> Result<Vec<(String, String)>, EventError> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn text_or_empty<'a>(event: &'a Value, field: &str) -> Result<&'a str, EventError> {
    Ok(optional_text(event, &[field])?.unwrap_or_default())
}

fn body(event: &Value) -> Result<Vec<u8>, EventError> {
    let body = text_or_empty(event, "body")?;
    if at(event, &["isBase64Encoded"]).and_then(Value::as_bool) == Some(true) {
        STANDARD.decode(body).map_err(|_| EventError::BadBase64)
    } else {
        Ok(body.as_bytes().to_owned())
    }
}

fn caller_format_1(event: &Value) -> Option<String> {
    named(
        event,
        &[
            &["requestContext", "identity", "userArn"],
            &["requestContext", "authorizer", "principalId"],
            &["requestContext", "authorizer", "claims", "sub"],
        ],
    )
}

fn caller_format_2(event: &Value) -> Option<String> {
    let name = named(
        event,
        &[
            &["requestContext", "authorizer", "iam", "userArn"],
            &["requestContext", "authorizer", "jwt", "claims", "sub"],
            &["requestContext", "authorizer", "jwt", "claims", "client_id"],
            &["requestContext", "authorizer", "lambda", "principalId"],
        ],
    );
    // Tokens of machines may name no caller, and authorisers of HTTP APIs don't have to. But the
    // gateway sets these fields only for callers that it has authorised.
    let authorizer = |kind| {
        at(event, &["requestContext", "authorizer", kind])
            .is_some_and(Value::is_object)
            .then(|| format!("{kind} authorizer"))
    };
    name.or_else(|| authorizer("jwt")).or_else(|| authorizer("lambda"))
}

fn named(event: &Value, paths: &[&[&str]]) -> Option<String> {
    let name = |path: &&[&str]| at(event, path)?.as_str().filter(|name| !name.is_empty());
    paths.iter().find_map(name).map(str::to_owned)
}
