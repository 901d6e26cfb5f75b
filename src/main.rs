//! The Lambda function: only connects the parts.

use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde_json::Value;
use video_concat::async_invoke::AsyncInvoke;
use video_concat::credentials::CredentialsCache;
use video_concat::engine::ffmpeg::confine::{self, ConfineError};
use video_concat::engine::ffmpeg::shrink_stacks;
use video_concat::engine::layer::Bill;
use video_concat::engine::workspace;
use video_concat::event_bus::EventBus;
use video_concat::executions::Executions;
use video_concat::failed_events::FailedEvents;
use video_concat::function::{Function, handle};
use video_concat::log;
use video_concat::notify::Publisher;
use video_concat::settings::Settings;
use video_concat::storage::ObjectStore;
use video_concat::storage::client::{restart_without_empty_endpoints, s3_client, shared_config};
use video_concat::worker::Worker;

fn main() -> ExitCode {
    let begun = Instant::now();
    let restarted = restart_without_empty_endpoints();
    let confined = confine::begin();
    log::begin(|name| std::env::var(name).ok());
    match restarted.map_err(Error::from).and_then(|()| start(begun, confined)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever format the log has.
            eprintln!("video-concat can't start: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(begun: Instant, confined: Result<(), ConfineError>) -> Result<(), Error> {
    // ffmpeg reads untrusted files as the same user as this process, and could find the function's
    // credentials under `/proc`.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let settings = Settings::from_env_map(|name| std::env::var(name).ok())?;
    settings.check_files()?;
    workspace::clean(&settings.work_dir)?;
    shrink_stacks()?;
    log_start(&settings, confined);
    let config = shared_config().await;
    let function = Function {
        keys: CredentialsCache::new(settings.access_keys.as_ref(), &config),
        async_invoke: async_invoke(&settings, &config),
        failed_events: settings
            .failed_events_queue
            .as_deref()
            .map(|url| FailedEvents::new(url, &config)),
        worker: Worker {
            bus: settings.event_bus.as_deref().map(|bus| EventBus::new(bus, &config)),
            settings: Arc::new(settings),
            store: ObjectStore::new(s3_client(&config)),
            publisher: Publisher::new(&config),
            executions: Executions::new(&config),
        },
        init: Mutex::new(billed_init(begun)),
    };
    let function = &function;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| handle(function, event))).await
}

/// The initialisation time that is billed with the first invocation. Instances with provisioned
/// concurrency are billed while they wait, so theirs is zero.
fn billed_init(begun: Instant) -> Duration {
    let kind = std::env::var("AWS_LAMBDA_INITIALIZATION_TYPE");
    if kind.is_ok_and(|kind| kind == "on-demand") { begun.elapsed() } else { Duration::ZERO }
}

/// Logs the version and anything unusual about the kernel and the settings.
fn log_start(settings: &Settings, confined: Result<(), ConfineError>) {
    let version = env!("CARGO_PKG_VERSION");
    match Bill::beside(&settings.ffmpeg) {
        Ok(bill) => tracing::info!(version, arch = bill.arch, layer = %bill, "start"),
        Err(error) => tracing::warn!(version, %error, "start"),
    }
    if let Err(error) = confined {
        tracing::warn!(%error, "ffmpeg is not confined");
    }
    for warning in &settings.warnings {
        tracing::warn!(warning, "settings");
    }
}

/// The SAM CLI runs functions, but can't invoke them asynchronously.
fn async_invoke(settings: &Settings, config: &SdkConfig) -> AsyncInvoke {
    if settings.is_local && std::env::var_os("AWS_ENDPOINT_URL_LAMBDA").is_none() {
        AsyncInvoke::Here
    } else {
        AsyncInvoke::lambda(config)
    }
}
