//! Every way to invoke the function except directly.

mod again;
mod captured;
mod description;
mod events;
mod http;
mod local;
mod queue;
mod sdk;
mod signed;
mod tasks;
mod tenants;
mod uploads;

use std::sync::Arc;

use serde_json::Value;

use crate::bed::client::{Answer, send};
use crate::bed::function::{Function, Settings};
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::invocation::Reply;
use crate::bed::lambda::Lambda;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::scene::{TOPIC, USUAL, b64, settings};

const CALLER: &str = "arn:aws:iam::123456789012:user/editor";
/// Spaces, signs of forms, letters beyond ASCII, and what looks encoded.
pub(crate) const ODD_KEY: &str = "dir/clip a+b é%41 ~(1).mp4";

/// Buckets `sources`, `results` and `tasks`, and two instances of the function:
/// one at the doors, one for what it hands on.
pub(crate) struct Doors {
    pub(crate) s3: S3,
    sns: Sns,
    pub(crate) lambda: Lambda,
    pub(crate) front: Arc<Function>,
    pub(crate) back: Function,
    settings: Settings,
}

impl Doors {
    fn new() -> Self {
        Self::with(|settings| settings)
    }

    pub(crate) fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        let s3 = S3::start(&["sources", "results", "tasks"]);
        let sns = Sns::start(&[TOPIC]);
        let lambda = Lambda::start();
        let settings = settings(&s3, &sns).with(lambda.environment()).set("TASK_BUCKET", "tasks");
        let settings = change(settings);
        let start = || Function::start(settings.clone());
        let (front, back) = (Arc::new(start()), start());
        let clip = Source::new(1).write("a.mp4");
        s3.put_file("sources", "a.mp4", &clip);
        s3.put_file("sources", ODD_KEY, &clip);
        s3.forget_calls();
        Self { s3, sns, lambda, front, back, settings }
    }

    /// One more.
    fn instance(&self) -> Function {
        Function::start(self.settings.clone())
    }

    /// A gateway whose authoriser accepts everybody as [`CALLER`].
    pub(crate) fn iam(&self, kind: Kind) -> Gateway {
        Gateway::iam(kind, &self.front, CALLER)
    }

    /// Delivers what was handed on.
    pub(crate) fn deliver(&self) -> Value {
        self.lambda.deliver(&self.back).unwrap()
    }

    pub(crate) fn record(&self, id: &Value) -> Value {
        let key = format!(".tasks/{}.json", id.as_str().unwrap());
        let record = self.s3.get("tasks", &key).expect("the record is there");
        serde_json::from_slice(&record).unwrap()
    }
}

/// The usual task, whose result is `results/{target}`.
pub(crate) fn process(target: &str) -> String {
    format!("video/concat,f_mp4,{USUAL}|sys/saveas,b_{},o_{}", b64("results"), b64(target))
}

/// As the SDKs send it, without a signature.
pub(crate) fn post(gateway: &Gateway, path: &str, process: &str) -> Answer {
    let request = format!("POST {path}?x-oss-async-process");
    let body = format!("x-oss-async-process={process}");
    send(gateway.port(), &request, &[], &body)
}

fn get(gateway: &Gateway, id: &Value) -> Answer {
    let request = format!("GET /tasks/{}", id.as_str().unwrap());
    send(gateway.port(), &request, &[], "")
}

fn error_type(reply: Reply) -> String {
    match reply {
        Reply::FunctionError { error_type, .. } => error_type,
        Reply::Ok(value) => panic!("no function error: {value:#}"),
    }
}
