//! Where the SDK finds the services. It ignores an address that it can't use and asks AWS itself, which
//! nobody wants who has set one.

use super::Reader;
use crate::quote::quote;

const NAMES: [&str; 8] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_ENDPOINT_URL_SFN",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
];

pub(super) fn check<G: Fn(&str) -> Option<String>>(reader: &mut Reader<G>) {
    for name in NAMES {
        let Some(url) = reader.value(name).filter(|url| !is_address(url)) else { continue };
        let problem = format!(
            "is {}, but must be the address of a server, such as `http://127.0.0.1:4566`",
            quote(&url)
        );
        reader.wrong(name, problem);
    }
}

fn is_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return false };
    let server = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An IPv6 address is in brackets, and contains colons itself.
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (server, None),
    };
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace();
    !host.is_empty()
        && url.chars().all(is_plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}
