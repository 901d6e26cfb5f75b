//! Clients for AWS: one shared configuration, one S3 client.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use parking_lot::Mutex;

const ATTEMPTS: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the start of a request to the start of its answer. Two tries fit into the time that a task
/// has left to report after it gives up.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Until the first byte of the answer, for requests that first send a whole part.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// The SDK's default of 5 seconds causes false alarms while the encoder uses all processors.
const STALL_GRACE: Duration = Duration::from_secs(20);

/// The configuration of every AWS client, from the environment.
pub async fn shared_config() -> SdkConfig {
    config_loader().load().await
}

/// The loader for [`shared_config`], for callers that add more settings.
#[must_use]
pub fn config_loader() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .stalled_stream_protection(stalls)
        // With trailing checksums, bodies would be chunked, which not every S3-compatible store
        // accepts; TLS already protects the bytes.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// One pool of connections for all clients of a configuration, where the SDK's own would be one for
/// each client, every one with its copy of the root certificates.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let connectors = Mutex::new(HashMap::new());
    http_client_fn(move |settings, components| {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = connectors.lock();
        let connector = connectors.entry(timeouts);
        connector.or_insert_with(|| connector_with(settings, components)).clone()
    })
}

/// As the SDK's own, with the system's root certificates and the proxy that the environment names.
fn connector_with(
    settings: &HttpConnectorSettings,
    components: &RuntimeComponents,
) -> SharedHttpConnector {
    let mut builder = Connector::builder()
        .connector_settings(settings.clone())
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls());
    builder.set_sleep_impl(components.sleep_impl());
    SharedHttpConnector::new(builder.build())
}

/// What encrypts connections.
#[must_use]
pub fn tls() -> Provider {
    Provider::Rustls(CryptoMode::Ring)
}

/// The S3 client. Stores with an endpoint URL seldom have a wildcard DNS name, so requests are
/// path-style if one is set.
#[must_use]
pub fn s3_client(shared: &SdkConfig) -> Client {
    let own_endpoint = shared.endpoint_url().is_some() || is_set("AWS_ENDPOINT_URL_S3");
    let config = aws_sdk_s3::config::Builder::from(shared).force_path_style(own_endpoint).build();
    Client::from_conf(config)
}

/// Settings for requests that send many bytes, or that take storage long to answer.
pub(super) fn bulk(client: &Client) -> aws_sdk_s3::config::Builder {
    let known = client.config().timeout_config().cloned();
    let timeouts = known.map_or_else(TimeoutConfig::builder, TimeoutConfig::into_builder);
    let timeouts = timeouts.disable_operation_attempt_timeout().build();
    aws_sdk_s3::Config::builder().timeout_config(timeouts)
}

/// Restarts this program without endpoint variables that are set to an empty string, as `sam local`
/// sets them. Other SDKs treat these as unset, but this one panics, and a running process can't
/// remove a variable safely.
///
/// # Errors
/// When the program can't be restarted.
pub fn restart_without_empty_endpoints() -> std::io::Result<()> {
    let is_empty = |name: &OsStr, value: &OsStr| {
        value.is_empty() && name.to_str().is_some_and(|name| name.starts_with("AWS_ENDPOINT_URL"))
    };
    let empty: Vec<OsString> = std::env::vars_os()
        .filter_map(|(name, value)| is_empty(&name, &value).then_some(name))
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    let mut arguments = std::env::args_os();
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments);
    for name in empty {
        again.env_remove(name);
    }
    Err(again.exec())
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
