//! The HTTP interface of a deployed function, and the signing of requests to it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest as Sent;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use video_concat::access_keys::Secret;
use video_concat::event::{HttpRequest, Resource};
use video_concat::signature::sign;
use video_concat::storage::client::{shared_config, tls};

use super::failure::Failure;

/// The longest time of a function that works before it replies.
const PATIENCE: Duration = Duration::from_mins(15);

/// Characters that are not encoded in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// IAM, with the credentials that the AWS SDKs find.
    #[default]
    Iam,
    /// An access key of OSS: `OSS_ACCESS_KEY_ID` and `OSS_ACCESS_KEY_SECRET`.
    Oss,
    /// No signature: the endpoint requires none.
    None,
}

/// Where the function is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Endpoint")]
pub(crate) struct Endpoint {
    /// The function's HTTP endpoint.
    #[arg(long, env = "ENDPOINT", value_name = "URL")]
    url: String,
    /// How requests are signed.
    #[arg(long, value_enum, default_value_t)]
    auth: Auth,
    /// The endpoint's region; by default from its host name or the environment.
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
}

/// An answer of the endpoint.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Endpoint {
    /// Sends a request with a percent-encoded path, and returns the answer unless it is an error.
    pub(crate) async fn send(
        &self,
        method: &str,
        resource: &Resource,
        query: &[(String, String)],
        body: String,
    ) -> Result<Answer, Failure> {
        let url = self.address(resource, query)?;
        let mut request = http::Request::builder().method(method).uri(&url);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(body).map_err(|error| self.unusable(&error.to_string()))?;
        match self.auth {
            Auth::Iam => self.sign_for_iam(&mut request).await?,
            Auth::Oss => self.sign_for_oss(&mut request, resource, query)?,
            Auth::None => {}
        }
        let answer = self.exchange(request.map(SdkBody::from)).await?;
        if answer.status < 300 { Ok(answer) } else { Err(refused(&answer)) }
    }

    fn address(&self, resource: &Resource, query: &[(String, String)]) -> Result<String, Failure> {
        let base = self.url.trim_end_matches('/');
        if !base.starts_with("https://") && !base.starts_with("http://") {
            return Err(self.unusable("it must begin with `https://` or `http://`"));
        }
        let Resource { bucket, key } = resource;
        let path = match (bucket.as_str(), key.as_str()) {
            ("", _) => String::new(),
            (bucket, "") => bucket.to_owned(),
            (bucket, key) => format!("{bucket}/{key}"),
        };
        let encoded = |value| utf8_percent_encode(value, QUERY);
        let pairs = query.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        Ok(format!("{base}/{path}{mark}{query}"))
    }

    fn unusable(&self, reason: &str) -> Failure {
        Failure::wrong(format!("the endpoint `{}` can't be used: {reason}", self.url))
    }

    /// `lambda` for function URLs, and `execute-api` for API Gateway.
    fn service(&self) -> &'static str {
        if self.url.contains(".lambda-url.") { "lambda" } else { "execute-api" }
    }

    /// The region in host names like `https://id.execute-api.REGION.amazonaws.com`.
    fn region_of_name(&self) -> Option<&str> {
        let mut labels = self
            .url
            .split('.')
            .skip_while(|label| *label != "lambda-url" && *label != "execute-api");
        labels.nth(1)
    }

    async fn sign_for_iam(&self, request: &mut http::Request<String>) -> Result<(), Failure> {
        let config = shared_config().await;
        let region = self.region.as_deref().or_else(|| self.region_of_name());
        let region = region.or_else(|| config.region().map(AsRef::as_ref)).ok_or_else(|| {
            Failure::failed("the endpoint's region is unknown: name it with `--region`")
        })?;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| Failure::failed("there are no AWS credentials"))?;
        let credentials = provider.provide_credentials().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.to_string());
            Failure::failed(format!("there are no AWS credentials: {cause}"))
        })?;
        let identity = credentials.into();
        let cant = |error: &dyn std::error::Error| {
            Failure::failed(format!("the request can't be signed: {error}"))
        };
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.service())
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| cant(&error))?
            .into();
        let url = request.uri().to_string();
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body().as_bytes());
        let signable = SignableRequest::new(request.method().as_str(), &url, headers, body);
        let signable = signable.map_err(|error| cant(&error))?;
        let signed = aws_sigv4::http_request::sign(signable, &parameters);
        let (instructions, _) = signed.map_err(|error| cant(&error))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    fn sign_for_oss(
        &self,
        request: &mut http::Request<String>,
        resource: &Resource,
        query: &[(String, String)],
    ) -> Result<(), Failure> {
        let variable = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.ok_or_else(|| Failure::failed(format!("`{name}` is not set")))
        };
        let id = variable("OSS_ACCESS_KEY_ID")?;
        let secret = Secret::new(variable("OSS_ACCESS_KEY_SECRET")?);
        let region = self.region.as_deref().or_else(|| self.region_of_name());
        let headers = request.headers().iter();
        let headers: BTreeMap<String, String> = headers
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let plain = HttpRequest {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: query.to_vec(),
            headers,
            body: request.body().clone().into_bytes(),
            caller: None,
        };
        // The function accepts the region that the client signs for, so any region does.
        let region = region.unwrap_or("us-east-1");
        for (name, value) in sign(&plain, resource, &id, &secret, region, Timestamp::now()) {
            let value = value.parse();
            let value =
                value.map_err(|_| Failure::failed("`OSS_ACCESS_KEY_ID` is not an access key"))?;
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    async fn exchange(&self, request: http::Request<SdkBody>) -> Result<Answer, Failure> {
        let failed = |reason: &dyn std::fmt::Display| {
            Failure::failed(format!("`{}` does not answer: {reason}", self.url))
        };
        let connector = Connector::builder().tls_provider(tls()).build();
        let request = Sent::try_from(request).map_err(|error| failed(&error))?;
        let exchange = async {
            let response = connector.call(request).await;
            let response = response.map_err(|error| cause(&error))?;
            let status = response.status().as_u16();
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|error| error.to_string())?.into_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            Ok::<Answer, String>(Answer { status, body })
        };
        let outcome = tokio::time::timeout(PATIENCE, exchange).await;
        outcome.map_err(|_| failed(&"it takes too long"))?.map_err(|reason| failed(&reason))
    }
}

/// The innermost cause: the outer ones only name the layer that failed.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_str(&self.body)
            .map_err(|error| Failure::failed(format!("the answer can't be read: {error}")))
    }
}

/// The failure that an error answer describes.
fn refused(answer: &Answer) -> Failure {
    let Answer { status, body } = answer;
    match (element(body, "Code"), element(body, "Message")) {
        (Some(code), Some(message)) => {
            let failure = Failure::refused(&code, message);
            match (element(body, "ArgumentName"), element(body, "ArgumentValue")) {
                (Some(name), Some(value)) => failure.argument(&name, &value),
                _ => failure,
            }
        }
        // An answer of the gateway itself.
        _ => Failure::failed(format!("the endpoint answers with status {status}: {}", body.trim())),
    }
}

/// The text of an XML element.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    let characters =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let plain = characters
        .into_iter()
        .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character));
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::{Auth, Endpoint, element};

    fn endpoint(url: &str) -> Endpoint {
        Endpoint { url: url.to_owned(), auth: Auth::Iam, region: None }
    }

    #[test]
    fn service_and_region_follow_from_the_name() {
        for (url, service, region) in [
            ("https://abc.lambda-url.eu-west-1.on.aws/", "lambda", Some("eu-west-1")),
            (
                "https://a1b2.execute-api.cn-north-1.amazonaws.com.cn",
                "execute-api",
                Some("cn-north-1"),
            ),
            ("https://video.example.com", "execute-api", None),
            ("http://127.0.0.1:3000", "execute-api", None),
        ] {
            let endpoint = endpoint(url);
            assert_eq!((endpoint.service(), endpoint.region_of_name()), (service, region), "{url}");
        }
    }

    #[test]
    fn elements_are_read_as_they_were_meant() {
        let xml = "<Error><Code>A</Code><Message>`&amp;lt;` &lt;b&gt;</Message></Error>";
        assert_eq!(element(xml, "Code").as_deref(), Some("A"));
        assert_eq!(element(xml, "Message").as_deref(), Some("`&lt;` <b>"));
        assert_eq!(element(xml, "HostId"), None);
    }
}
