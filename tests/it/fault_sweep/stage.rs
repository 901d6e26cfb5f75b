//! The function inside this process, so that its clients wait for a shorter time, with servers that
//! it shares with nobody.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::{Instant, advance};
use video_concat::async_invoke::AsyncInvoke;
use video_concat::credentials::CredentialsCache;
use video_concat::event_bus::EventBus;
use video_concat::executions::Executions;
use video_concat::function::{Function, handle};
use video_concat::notify::Publisher;
use video_concat::settings::Settings;
use video_concat::storage::ObjectStore;
use video_concat::storage::client::{config_loader, s3_client};
use video_concat::worker::Worker;

use super::scenario::Scenario;
use crate::bed::bus::{Bus, Mood};
use crate::bed::ffmpeg;
use crate::bed::invocation::FUNCTION_ARN;
use crate::bed::s3::{ACCESS_KEY, S3, SECRET_KEY};
use crate::bed::sns::Sns;
use crate::scene::TOPIC;

/// Of a whole task, in which not all that can fail stalls.
const TIME: Duration = Duration::from_mins(2);
/// What of it the function keeps for cleaning up.
const MARGIN: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_millis(10);
/// Of the slow clock.
const SLOWNESS: u32 = 4;
const ANSWER: Duration = Duration::from_secs(1);
const BULK_ANSWER: Duration = Duration::from_secs(8);

/// What of a task can be seen from outside.
pub(super) struct World {
    pub(super) s3: S3,
    pub(super) sns: Sns,
    pub(super) bus: Option<Bus>,
    pub(super) work: TempDir,
}

pub(super) struct Stage {
    pub(super) world: World,
    runtime: Runtime,
    function: Function,
    event: Value,
    request_id: String,
}

/// A record, or the error type and message of a function error.
pub(super) type Reply = Result<Value, (String, String)>;

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let s3 = S3::start(&["sources", "results"]);
        let sns = Sns::sharing(s3.faults(), &[TOPIC]);
        s3.put("sources", scenario.main, scenario.source());
        if let Some(previous) = scenario.previous {
            s3.put("results", scenario.target, previous);
        }
        let bus = scenario.announced.then(|| Bus::sharing(s3.faults(), Mood::Willing));
        Self { s3, sns, bus, work: tempfile::tempdir().unwrap() }
    }
}

impl Stage {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Self::on(scenario, runtime.worker_threads(2))
    }

    /// Where [`Self::invoke_in_slow_time`] works.
    pub(super) fn in_slow_time(scenario: &Scenario) -> Self {
        Self::on(scenario, tokio::runtime::Builder::new_current_thread().start_paused(true))
    }

    fn on(scenario: &Scenario, runtime: &mut tokio::runtime::Builder) -> Self {
        let world = World::new(scenario);
        let runtime = runtime.enable_all().build().unwrap();
        let function = runtime.block_on(function(&world, scenario.settings));
        let request_id = uuid::Uuid::new_v4().to_string();
        Self { world, runtime, function, event: scenario.event(), request_id }
    }

    pub(super) fn use_programs(&mut self, ffmpeg: &str, ffprobe: &str) {
        let settings = Arc::make_mut(&mut self.function.worker.settings);
        (settings.ffmpeg, settings.ffprobe) = (ffmpeg.into(), ffprobe.into());
    }

    /// Invokes the function as Lambda does: again with the same event is a retry.
    pub(super) fn invoke(&self) -> Reply {
        self.invoke_within(TIME)
    }

    pub(super) fn invoke_within(&self, time: Duration) -> Reply {
        self.runtime.block_on(self.work(time))
    }

    /// The same, where the time for work is over when a fault strikes. Before and after, the
    /// function's clock goes slower than all others, so that a slow machine has time enough to clean up.
    pub(super) fn invoke_in_slow_time(&self) -> Reply {
        let faults = self.world.s3.faults();
        self.runtime.block_on(async {
            let over = Instant::now() + TIME.saturating_sub(MARGIN);
            let (beat, mut beats) = tokio::sync::mpsc::unbounded_channel();
            // As long as a blocking task is there, time does not pass by itself.
            let clock = tokio::task::spawn_blocking(move || {
                while beat.send(()).is_ok() {
                    std::thread::sleep(BEAT);
                }
            });
            let mut work = pin!(self.work(TIME));
            let reply = loop {
                tokio::select! {
                    reply = &mut work => break reply,
                    () = faults.struck() => {
                        advance(over.saturating_duration_since(Instant::now())).await;
                        faults.release();
                    }
                    _ = beats.recv() => advance(BEAT / SLOWNESS).await,
                }
            };
            drop(beats);
            clock.await.unwrap();
            reply
        })
    }

    /// The same, while the caller cancels the task at a request that waits.
    pub(super) fn invoke_and_cancel(&self, task: &str) -> Reply {
        let faults = self.world.s3.faults();
        self.runtime.block_on(async {
            let cancel = async {
                faults.struck().await;
                let reply = self.handle(json!({"cancel": task}), "cancel", TIME).await;
                faults.release();
                reply
            };
            let mut work = pin!(self.work(TIME));
            tokio::select! {
                reply = &mut work => reply,
                _ = cancel => work.await,
            }
        })
    }

    async fn work(&self, time: Duration) -> Reply {
        self.handle(self.event.clone(), &self.request_id, time).await
    }

    async fn handle(&self, event: Value, request_id: &str, time: Duration) -> Reply {
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let mut context = Context::default();
        request_id.clone_into(&mut context.request_id);
        context.deadline = u64::try_from(deadline.as_millis()).unwrap();
        FUNCTION_ARN.clone_into(&mut context.invoked_function_arn);
        let event = LambdaEvent::new(event, context);
        let reply = handle(&self.function, event).await;
        reply.map_err(|error| (error.error_type, error.error_message))
    }
}

async fn function(world: &World, more: &[(&str, &str)]) -> Function {
    let config = config().await;
    let more = more.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let known: Vec<_> = ffmpeg::environment().into_iter().chain(more).collect();
    let settings = |name: &str| match name {
        "WORK_DIR" => world.work.path().to_str().map(str::to_owned),
        _ => known.iter().find(|(known, _)| known == name).map(|pair| pair.1.clone()),
    };
    let at = |url: String| config.to_builder().endpoint_url(url).build();
    Function {
        failed_events: None,
        init: Mutex::default(),
        keys: CredentialsCache::new(None, &config),
        async_invoke: AsyncInvoke::Here,
        worker: Worker {
            settings: Arc::new(Settings::from_env_map(settings).unwrap()),
            store: ObjectStore::new(s3_client(&at(world.s3.url()))),
            publisher: Publisher::new(&at(world.sns.url())),
            executions: Executions::new(&config),
            bus: world.bus.as_ref().map(|bus| EventBus::new("tasks", &at(bus.url()))),
        },
    }
}

/// As the function has it, but in a hurry.
async fn config() -> SdkConfig {
    let own = config_loader()
        // What the SDK allows itself of retries is one sum for a service and region.
        .region(Region::new(format!("stage-{}", uuid::Uuid::new_v4())))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"));
    let config = own.load().await;
    let retries = config.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(ANSWER).read_timeout(BULK_ANSWER);
    let stalls = StalledStreamProtectionConfig::enabled().grace_period(2 * ANSWER);
    config
        .to_builder()
        .retry_config(retries.with_initial_backoff(Duration::from_millis(5)))
        .timeout_config(timeouts.build())
        .stalled_stream_protection(stalls.build())
        .build()
}
