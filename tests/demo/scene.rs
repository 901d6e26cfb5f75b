//! Stand-ins for the cloud: storage, a topic, and the function under Lambda's own emulator.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bed::emulator::Emulator;
use crate::bed::ffmpeg;
use crate::bed::function::Settings;
use crate::bed::process::first_file;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::failure::Failure;

/// The job, unchanged.
const EVENT: &str = include_str!("../../events/direct.json");
pub(crate) const SOURCE_BUCKET: &str = "examplebucket";
pub(crate) const TARGET_BUCKET: &str = "outbucket";
pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:AudioConvert";

pub(crate) struct Scene {
    pub(crate) function: PathBuf,
    pub(crate) s3: S3,
    pub(crate) sns: Sns,
    pub(crate) emulator: Emulator,
}

impl Scene {
    /// Starts everything; all of it ends when the scene is dropped.
    pub(crate) fn set() -> Result<Self, Failure> {
        let function = function()?;
        let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
        let sns = Sns::start(&[TOPIC]);
        let emulator = Emulator::start(&settings(&function, &s3, &sns));
        Ok(Self { function, s3, sns, emulator })
    }
}

/// The path of the function, which the same call of cargo has built, one folder above the example.
pub(crate) fn function() -> Result<PathBuf, Failure> {
    let demo = std::env::current_exe()?;
    let built = demo.ancestors().nth(2).map(|profile| profile.join("bootstrap"));
    first_file(built).ok_or_else(|| Failure::new("there is no function beside it: run `make demo`"))
}

pub(crate) fn settings(function: &Path, s3: &S3, sns: &Sns) -> Settings {
    let topics = TOPIC.trim_end_matches(|letter| letter != ':');
    Settings::program(function)
        .with(s3.environment())
        .with(sns.environment())
        .with(ffmpeg::environment())
        .set("TOPIC_ARN_PREFIX", topics)
}

pub(crate) fn event() -> Value {
    serde_json::from_str(EVENT).expect("the example is JSON")
}
