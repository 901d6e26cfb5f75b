//! Step Functions, with moto's server: runs the stack's own definition, and calls Lambda and S3 at
//! a server of this bed, which answers invocations with real functions, several at a time.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::fault::{Answer, Fault, Faults};
use super::function::{Function, Settings};
use super::http::{AnyError, Server, reply};
use super::invocation::{FUNCTION_ARN, Reply};
use super::lambda::synchronous;
use super::moto::Moto;
use super::process::{end_with_descendants, repository};
use super::s3::{REGION, S3};

/// How often the state of an execution is checked.
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_mins(5);
/// The name that `sam local` derives from the template's.
const STATE_MACHINE: &str = "local-long-tasks";

/// What happens to an invocation.
#[derive(Debug, Clone)]
pub enum Fate {
    /// The function is killed by its request to S3 with this method, whose path contains this text,
    /// after the request has been executed.
    KilledAfter(Method, &'static str),
    /// The same before the request is executed.
    KilledBefore(Method, &'static str),
    /// The invocation fails with this error.
    Fails(&'static str),
    /// The invocation waits before it begins: the first channel reports that it has arrived, the
    /// second lets it continue.
    Held(Sender<()>, Arc<Mutex<Receiver<()>>>),
}

struct Rule {
    /// Part of the event's text.
    part: &'static str,
    times: usize,
    fate: Fate,
}

/// The functions that run invocations.
#[derive(Clone)]
pub struct Crew {
    settings: Settings,
    faults: Faults,
    s3_root: PathBuf,
    functions: Arc<Mutex<Functions>>,
    events: Arc<Mutex<Vec<Value>>>,
    rules: Arc<Mutex<Vec<Rule>>>,
    busy: Arc<Mutex<usize>>,
}

#[derive(Default)]
struct Functions {
    idle: Vec<Arc<Function>>,
    all: Vec<Weak<Function>>,
    /// Whether no more functions may be started.
    are_dismissed: bool,
}

pub struct StepFunctions {
    _door: Server,
    moto: Moto,
    crew: Crew,
    client: Client,
    state_machine: String,
    helper: Server,
}

impl StepFunctions {
    /// With functions that have these settings, to which the state machine is added.
    pub fn start(s3: &S3, settings: &Settings) -> Self {
        Self::defined(s3, settings, &definition())
    }

    /// The same with a time limit for executions.
    pub fn lasting(s3: &S3, settings: &Settings, seconds: u32) -> Self {
        let mut definition: Value = serde_json::from_str(&definition()).unwrap();
        definition["TimeoutSeconds"] = seconds.into();
        Self::defined(s3, settings, &definition.to_string())
    }

    fn defined(s3: &S3, settings: &Settings, definition: &str) -> Self {
        let crew = Crew {
            settings: settings.clone(),
            faults: s3.faults().clone(),
            s3_root: s3.root().to_owned(),
            functions: Arc::default(),
            events: Arc::default(),
            rules: Arc::default(),
            busy: Arc::default(),
        };
        // The settings are completed below, since the server must exist before moto, and moto
        // before the state machine.
        let completed = Arc::new(Mutex::new(crew.clone()));
        let at_door = Arc::clone(&completed);
        let door = Server::start(move |request| {
            let crew = at_door.lock().unwrap().clone();
            crew.answer(request)
        });
        let moto = Moto::calling(door.address().port());
        let config = aws_sdk_sfn::Config::builder()
            .http_client(video_concat::storage::client::http_client())
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("bed", "bed", None, None, "bed"))
            .region(Region::new(REGION))
            .endpoint_url(moto.url());
        let client = Client::from_conf(config.build());
        let helper = Server::start(|_| async { Ok(reply(StatusCode::OK, "text/plain", "")) });
        moto.configure(&json!({"stepfunctions": {"execute_state_machine": true}}));
        let create = client
            .create_state_machine()
            .name(STATE_MACHINE)
            .definition(definition)
            .role_arn("arn:aws:iam::123456789012:role/long-tasks");
        let created = helper.wait(create.send()).expect("moto takes the definition");
        let state_machine = created.state_machine_arn().to_owned();
        let crew = Crew {
            settings: crew
                .settings
                .set("STATE_MACHINE_ARN", &state_machine)
                .set("AWS_ENDPOINT_URL_SFN", moto.url()),
            ..crew
        };
        *completed.lock().unwrap() = crew.clone();
        Self { _door: door, moto, crew, client, state_machine, helper }
    }

    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    pub fn port(&self) -> u16 {
        self.moto.port()
    }

    pub fn state_machine(&self) -> &str {
        &self.state_machine
    }

    pub fn describe(&self, execution: &str) -> DescribeExecutionOutput {
        let describe = self.client.describe_execution().execution_arn(execution);
        self.helper.wait(describe.send()).expect("the execution is there")
    }

    /// Waits for the end of an execution, and returns its status.
    pub fn ended(&self, execution: &str) -> ExecutionStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.describe(execution).status().clone();
            if status != ExecutionStatus::Running {
                return status;
            }
            assert!(Instant::now() < until, "{:#?}", self.history(execution));
            std::thread::sleep(LOOK);
        }
    }

    /// ARNs of all executions of tasks.
    pub fn executions(&self) -> Vec<String> {
        let list = self.client.list_executions().state_machine_arn(&self.state_machine);
        let all = self.helper.wait(list.send()).expect("moto lists");
        all.executions().iter().map(|execution| execution.execution_arn().to_owned()).collect()
    }

    pub fn stop(&self, execution: &str) {
        let stop = self.client.stop_execution().execution_arn(execution);
        self.helper.wait(stop.send()).expect("it runs");
    }

    /// The event that the stack's rule sends at the end of an execution.
    pub fn rule(&self, status: &str, execution: &str) -> Value {
        let input = self.describe(execution).input().unwrap_or_default().to_owned();
        json!({"step": "fail", "execution": execution, "status": status, "input": input})
    }

    /// The history of an execution.
    pub fn history(&self, execution: &str) -> Vec<HistoryEvent> {
        let history = self.client.get_execution_history().execution_arn(execution);
        let found = self.helper.wait(history.send()).expect("the execution is there");
        found.events().to_vec()
    }
}

/// Counts an invocation while it runs, even if it panics.
struct Busy(Arc<Mutex<usize>>);

impl Busy {
    fn new(count: &Arc<Mutex<usize>>) -> Self {
        *count.lock().unwrap() += 1;
        Self(Arc::clone(count))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.lock().unwrap() -= 1;
    }
}

impl Functions {
    /// Takes a function that is idle, or starts one.
    fn take(&mut self, settings: &Settings) -> Option<Arc<Function>> {
        if self.are_dismissed {
            return None;
        }
        let started = || {
            let function = Arc::new(Function::start(settings.clone()));
            self.all.push(Arc::downgrade(&function));
            function
        };
        Some(self.idle.pop().unwrap_or_else(started))
    }
}

impl Drop for StepFunctions {
    fn drop(&mut self) {
        self.crew.dismiss();
    }
}

/// The stack's definition, with the function of this bed.
fn definition() -> String {
    let text = std::fs::read_to_string(repository().join("statemachine.asl.json"));
    text.expect("it is part of the stack").replace("${FunctionArn}", FUNCTION_ARN)
}

impl Crew {
    /// Determines what happens to the next invocations whose events contain this text.
    pub fn when(&self, part: &'static str, times: usize, fate: Fate) {
        self.rules.lock().unwrap().push(Rule { part, times, fate });
    }

    /// Holds the next invocation whose event contains this text. The returned channels report that
    /// it has arrived, and let it continue.
    pub fn hold(&self, part: &'static str) -> (Receiver<()>, Sender<()>) {
        let (met, is_met) = channel();
        let (go, gate) = channel();
        self.when(part, 1, Fate::Held(met, Arc::new(Mutex::new(gate))));
        (is_met, go)
    }

    /// Invokes an idle function.
    pub fn invoke(&self, event: &Value) -> Reply {
        let _busy = Busy::new(&self.busy);
        self.carry_out(event)
    }

    fn carry_out(&self, event: &Value) -> Reply {
        self.events.lock().unwrap().push(event.clone());
        let Some(function) = self.functions.lock().unwrap().take(&self.settings) else {
            return Reply::error("Dismissed", "the bed is at its end");
        };
        match self.fate(event) {
            Some(Fate::Fails(error)) => return Reply::error(error, "as the test asked"),
            Some(Fate::KilledAfter(method, part)) => {
                let answer = Answer::KillAfter(function.id());
                self.faults.add(Fault::new(answer).method(method).part(part));
            }
            Some(Fate::KilledBefore(method, part)) => {
                let answer = Answer::Kill(function.id());
                self.faults.add(Fault::new(answer).method(method).part(part));
            }
            Some(Fate::Held(met, gate)) => {
                met.send(()).expect("the test waits");
                gate.lock().unwrap().recv().expect("the test lets it go on");
            }
            None => {}
        }
        let reply = function.invoke(event);
        if !function.has_ended() {
            let left: Vec<_> = std::fs::read_dir(function.work_dir()).unwrap().collect();
            assert!(left.is_empty(), "{event:#}: {left:?}");
            self.functions.lock().unwrap().idle.push(function);
        }
        reply
    }

    /// Kills every function, busy or idle, with its child processes and its folder.
    fn dismiss(&self) {
        let functions = std::mem::replace(
            &mut *self.functions.lock().unwrap(),
            Functions { are_dismissed: true, ..Functions::default() },
        );
        let all = functions.all.iter().filter_map(Weak::upgrade);
        all.for_each(|function| end_with_descendants(function.id()));
        self.wait();
        self.functions.lock().unwrap().idle.clear();
    }

    /// Waits until every invoked function has finished its work.
    pub fn wait(&self) {
        let until = Instant::now() + PATIENCE;
        while *self.busy.lock().unwrap() > 0 {
            assert!(Instant::now() < until, "{:#?}", self.events());
            std::thread::sleep(LOOK);
        }
    }

    /// The settings of its functions.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Every event with which a function has been invoked.
    pub fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// How often a step has been invoked.
    pub fn count(&self, step: &str) -> usize {
        self.events().iter().filter(|event| event["step"] == step).count()
    }

    fn fate(&self, event: &Value) -> Option<Fate> {
        let text = event.to_string();
        let mut rules = self.rules.lock().unwrap();
        let rule = rules.iter_mut().find(|rule| rule.times > 0 && text.contains(rule.part))?;
        rule.times -= 1;
        Some(rule.fate.clone())
    }

    pub async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, AnyError> {
        let path = percent_encoding::percent_decode_str(request.uri().path()).decode_utf8()?;
        if path.starts_with("/2015-03-31/functions/") {
            let event = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
            let done = tokio::task::spawn_blocking(move || self.invoke(&event)).await?;
            return Ok(synchronous(done));
        }
        match std::fs::read(self.s3_root.join(path.trim_start_matches('/'))) {
            Ok(bytes) => Ok(reply(StatusCode::OK, "application/json", bytes)),
            Err(_) => Ok(reply(StatusCode::NOT_FOUND, "application/xml", "")),
        }
    }
}
