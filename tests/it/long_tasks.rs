//! Tasks that are too large for one function, with Step Functions: the stack's own state machine,
//! and as many functions as it invokes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::ExecutionStatus;
use hyper::Method;
use serde_json::{Value, json};

use crate::bed::bus::{Bus, Mood, Seen};
use crate::bed::cache;
use crate::bed::expect::{Clip, Difference, Expected};
use crate::bed::fault::{Answer, Fault};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::bed::source::Source;
use crate::bed::step_functions::{Fate, StepFunctions};
use crate::players::assert_file_plays;
use crate::scene::{TOPIC, USUAL, b64, settings, sur};

mod forged;
mod segments;
mod shares;
mod streamed;

/// Few frames, since it is the length that makes ranges.
const RATE: (u32, u32) = (5, 1);
const SECONDS: f64 = 24.0;
const FRAMES: u64 = 240;

/// Two clips of 24 s: in ranges of 10 s the video has five.
struct Stage {
    s3: S3,
    sns: Sns,
    settings: Settings,
    steps: StepFunctions,
}

impl Stage {
    fn new() -> Self {
        Self::with(|settings| settings)
    }

    fn with(change: impl FnOnce(Settings) -> Settings) -> Self {
        Self::start(change, StepFunctions::start)
    }

    /// For tests that need megabytes of video: with the fastest encoder.
    fn in_haste() -> Self {
        Self::with(|settings| settings.set("VIDEO_PRESET", "ultrafast"))
    }

    fn start(
        change: impl FnOnce(Settings) -> Settings,
        steps: impl FnOnce(&S3, &Settings) -> StepFunctions,
    ) -> Self {
        let s3 = S3::start(&["sources", "results", "records"]);
        let sns = Sns::start(&[TOPIC]);
        for (name, clip) in [("a.mp4", 1), ("b.mp4", 2)] {
            let source = Source::new(clip).size(64, 48).rate(RATE.0, RATE.1).audio(32_000, 1);
            let source = source.seconds(SECONDS);
            s3.put_file("sources", name, &source.write(name));
        }
        let settings = settings(&s3, &sns)
            .set("TASK_BUCKET", "records")
            .set("DISTRIBUTE", "always")
            .set("CHUNK_SECONDS", "10")
            .set("MAX_CONCURRENCY", "2");
        let steps = steps(&s3, &change(settings));
        let settings = steps.crew().settings().clone();
        Self { s3, sns, settings, steps }
    }

    fn ask(&self, parameters: &str, target: &str) -> Value {
        let record = self.steps.crew().invoke(&event(parameters, target)).unwrap();
        assert_eq!(record["Status"], "Running", "{record:#}");
        record
    }

    /// Cancels a task while one of its steps is held, and then lets the step continue.
    fn cancel_held(&self, running: &Value, gate: &Sender<()>) {
        let crew = self.steps.crew();
        let cancel = json!({"cancel": running["TaskId"]});
        std::thread::scope(|scope| {
            let canceling = scope.spawn(|| crew.invoke(&cancel).unwrap());
            while self.record(running)["Status"] == "Running" {
                std::thread::yield_now();
            }
            gate.send(()).unwrap();
            let ended = canceling.join().unwrap();
            assert_eq!(ended["Code"], "Canceled", "{ended:#}");
        });
    }

    fn ended(&self, record: &Value) -> ExecutionStatus {
        self.steps.ended(record["ExecutionArn"].as_str().unwrap())
    }

    fn record(&self, record: &Value) -> Value {
        let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
        serde_json::from_slice(&self.s3.get("records", &key).unwrap()).unwrap()
    }

    /// One result, one message, and nothing else.
    #[track_caller]
    fn assert_done(&self, record: &Value, target: &str) -> Value {
        let record = self.record(record);
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
        assert_eq!(self.s3.keys("results"), [target]);
        self.assert_ended(&record);
        record
    }

    #[track_caller]
    fn assert_ended(&self, record: &Value) {
        assert_eq!(record.get("Lease"), None, "{record:#}");
        let messages = self.sns.messages();
        assert_eq!(messages.len(), 1, "{record:#}");
        assert_eq!(messages[0].attributes["Status"].1, record["Status"]);
        let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
        assert_eq!(self.s3.keys("records"), [key]);
        assert_eq!(self.s3.unfinished_uploads(), []);
    }

    #[track_caller]
    fn assert_shows(&self, target: &str) {
        let reading = Reading::of(self.s3.path("results", target));
        assert_eq!(film().differences(&reading), []);
    }
}

fn event(parameters: &str, target: &str) -> Value {
    let process = format!(
        "video/concat,{parameters},{USUAL}{}|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur("b.mp4"),
        b64("results"),
        b64(target),
        b64(TOPIC),
    );
    json!({"bucket": "sources", "object": "a.mp4", "process": process})
}

#[test]
fn a_distributed_task_is_the_same_as_in_one_function() {
    let stage = Stage::new();
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mp4");
    stage.assert_shows("out.mp4");
    let rate = f64::from(RATE.0);
    assert_file_plays(stage.s3.get("results", "out.mp4").unwrap(), FRAMES, rate);
    for same in ["TaskId", "EventId", "RequestId", "StartTime", "ExecutionArn"] {
        assert_eq!(record[same], running[same], "{same}");
    }
    assert_eq!(record["Chunks"], json!({"Total": 5, "Done": 5}));
    assert_eq!(record["Verified"]["Frames"], FRAMES);
    let crew = stage.steps.crew();
    let steps = ["plan", "render", "sound", "join", "fail"].map(|step| crew.count(step));
    // The ranges contain their own audio.
    assert_eq!(steps, [1, 5, 0, 1, 0]);
    // A second request is answered from its record.
    assert_eq!(crew.invoke(&event("f_mp4", "out.mp4")).unwrap(), record);
    assert_eq!(stage.steps.executions().len(), 1);
}

#[test]
fn steps_that_are_killed_are_repeated() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    crew.when(r#""plan""#, 1, Fate::KilledAfter(Method::PUT, "ranges.json"));
    crew.when(r#""index":1"#, 1, Fate::KilledAfter(Method::PUT, "r-00001.video"));
    crew.when(r#""index":2"#, 1, Fate::KilledBefore(Method::PUT, "r-00002.video"));
    crew.when(r#""index":0"#, 1, Fate::KilledAfter(Method::PUT, "first.audio"));
    crew.when(r#""join""#, 1, Fate::KilledAfter(Method::PUT, "/results/out.mp4"));
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    stage.assert_done(&running, "out.mp4");
    stage.assert_shows("out.mp4");
}

/// Noise, lossless: so large that storage copies the ranges into the parts of the result.
fn noise() -> PathBuf {
    cache::generated(
        "-f lavfi -i color=gray:s=192x108:r=25:d=24,noise=alls=90:allf=t \
         -f lavfi -i sine=330:r=48000:d=24 -c:a flac -c:v libx264 -preset ultrafast -qp 0 -g 50",
        "noise.mp4",
    )
}

/// The decoded frames of a video.
fn decoded(path: &Path) -> String {
    let mut command = ffmpeg();
    command.arg("-i").arg(path).args(["-map", "0:v", "-f", "framemd5", "-"]);
    String::from_utf8(run(&mut command).stdout).unwrap()
}

/// Whichever function is killed, and whichever answer is lost.
#[test]
fn ranges_become_the_result_where_they_are_stored() {
    let stage = Stage::in_haste();
    stage.s3.put_file("sources", "noise.mp4", &noise());
    let crew = stage.steps.crew();
    crew.when(r#""index":0"#, 1, Fate::KilledAfter(Method::PUT, "first.video"));
    crew.when(r#""join""#, 1, Fate::KilledBefore(Method::PUT, "UploadPartCopy"));
    crew.when(r#""join""#, 1, Fate::KilledAfter(Method::PUT, "UploadPartCopy"));
    stage.s3.fail(Fault::new(Answer::Lost).method(Method::PUT).part("UploadPartCopy").skip(2));
    stage.s3.fail(Fault::new(Answer::Lost).method(Method::PUT).part("x-id=UploadPart&").skip(4));
    let process = |target: &str| {
        format!(
            "video/concat,f_mp4,vcodec_h264,crf_0,acodec_ac3|sys/saveas,b_{},o_{}/notify,topic_{}",
            b64("results"),
            b64(target),
            b64(TOPIC)
        )
    };
    let event = |target: &str| json!({"bucket": "sources", "object": "noise.mp4", "process": process(target)});
    let running = crew.invoke(&event("out.mp4")).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mp4");
    let (calls, size) = (stage.s3.calls(), record["Targets"][0]["Size"].as_u64().unwrap());
    assert!(size > 16 << 20, "{size}");
    let copies = calls.iter().filter(|call| call.query.contains("UploadPartCopy"));
    assert!(copies.count() >= 4, "{calls:#?}");
    let last = calls.iter().rposition(|call| call.method == "POST" && call.query == "uploads");
    let read = calls[..last.unwrap()].iter().rev();
    let read = read.take_while(|call| !call.query.contains("uploads"));
    let read: u64 = read.filter(|call| call.path.contains(".video")).map(|call| call.length).sum();
    assert!(read < size, "{read} of {size} bytes");
    // The index comes first, and the output equals that of one function.
    let path = stage.s3.path("results", "out.mp4");
    let head = std::fs::read(&path).unwrap();
    let at = |kind: &[u8]| head.windows(4).position(|bytes| bytes == kind).unwrap();
    assert!(at(b"moov") < at(b"mdat"));
    let one = Function::start(stage.settings.clone().set("DISTRIBUTE", "never"));
    let short = one.invoke(&event("short.mp4")).unwrap();
    assert_eq!(record["Verified"], short["Verified"]);
    assert_eq!(record["Output"]["DurationMs"], short["Output"]["DurationMs"]);
    let short = stage.s3.path("results", "short.mp4");
    assert_eq!(decoded(&path), decoded(&short));
    // AC-3 encoders that begin in the middle produce the same packets.
    assert_eq!(audio(&path, &["-c", "copy"]), audio(&short, &["-c", "copy"]));
}

/// A step that arrives in another way is ignored.
#[test]
fn steps_come_from_the_state_machine_alone() {
    let stage = Stage::new();
    let function = Function::start(
        stage.settings.clone().set("AWS_SAM_LOCAL", "true").set("HTTP_AUTH", "none"),
    );
    let step = json!({"step": "fail", "bucket": "records", "run": "0123456789abcdef",
        "task": "MediaConvert-11111111-2222-4333-8444-555555555555"});
    let request = json!({"version": "2.0", "rawPath": "/", "rawQueryString": "",
        "requestContext": {"http": {"method": "POST"}}, "body": step.to_string()});
    let answer = function.invoke(&request).unwrap();
    assert_eq!(answer["statusCode"], 400, "{answer:#}");
    let message = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": step.to_string()}]});
    let answer = function.invoke(&message).unwrap();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "1", "{answer:#}");
    // The state machine's own event does what there is to do: nothing.
    assert_eq!(function.invoke(&step).unwrap(), json!({"status": "Over"}));
    assert_eq!(stage.s3.keys("records"), [""; 0]);
}

/// The piece is tried five times; afterwards only the task's record is left.
#[test]
fn a_range_that_always_fails_fails_the_task() {
    let stage = Stage::new();
    stage.steps.crew().when(r#""index":3"#, 9, Fate::Fails("InternalError"));
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Failed);
    let record = stage.record(&running);
    assert_eq!((&record["Status"], &record["Code"]), (&"Failed".into(), &"InternalError".into()));
    stage.assert_ended(&record);
    assert_eq!(stage.s3.keys("results"), [""; 0]);
}

/// Before it takes the lease, and while it has it.
#[test]
fn the_step_that_ends_a_failed_task_is_repeated_when_it_is_killed() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    crew.when(r#""plan""#, 1, Fate::Fails("UnsupportedMedia"));
    crew.when(r#""fail""#, 1, Fate::KilledBefore(Method::PUT, ".json"));
    crew.when(r#""fail""#, 1, Fate::KilledAfter(Method::PUT, ".json"));
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Failed);
    let record = stage.record(&running);
    assert_eq!(
        (&record["Status"], &record["Code"]),
        (&"Failed".into(), &"UnsupportedMedia".into())
    );
    stage.assert_ended(&record);
    assert_eq!(stage.s3.keys("results"), [""; 0]);
    assert_eq!(crew.count("fail"), 3);
}

/// A source has changed: no retry can help, and none is made.
#[test]
fn a_mistake_of_the_caller_is_not_tried_again() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    stage.s3.delete("sources", "b.mp4");
    let record = crew.invoke(&event("f_mp4", "out.mp4")).unwrap();
    assert_eq!((&record["Status"], &record["Code"]), (&"Failed".into(), &"NoSuchKey".into()));
    assert_eq!(stage.steps.executions(), [""; 0]);
    stage.sns.forget_messages();
    stage.s3.put("sources", "b.mp4", "no film");
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Failed);
    let record = stage.record(&running);
    assert_eq!(record["Code"], "UnsupportedMedia", "{record:#}");
    assert!(record["Message"].as_str().unwrap().contains("clip 1"), "{record:#}");
    stage.assert_ended(&record);
    assert_eq!(["plan", "render", "fail"].map(|step| crew.count(step)), [1, 0, 1]);
}

#[test]
fn ten_at_once_are_one_execution() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let records: Vec<Value> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| crew.invoke(&event("f_mp4", "out.mp4")).unwrap());
        let asking: Vec<_> = (0..6).map(ask).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for record in &records {
        assert_eq!(record["Status"], "Running", "{record:#}");
        assert_eq!(record["ExecutionArn"], records[0]["ExecutionArn"], "{record:#}");
    }
    assert_eq!(stage.ended(&records[0]), ExecutionStatus::Succeeded);
    assert_eq!(stage.steps.executions().len(), 1);
    stage.assert_done(&records[0], "out.mp4");
}

/// The execution is stopped from outside while ranges are rendered, and the stack's rule reports
/// that.
#[test]
fn a_stopped_execution_ends_its_task() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let (met, gate) = crew.hold(r#""index":2"#);
    let running = stage.ask("f_mp4", "out.mp4");
    met.recv().unwrap();
    let arn = running["ExecutionArn"].as_str().unwrap();
    let steps = &stage.steps;
    std::thread::scope(|scope| {
        // moto answers when the steps have ended.
        let stopping = scope.spawn(|| steps.stop(arn));
        let ended = crew.invoke(&steps.rule("ABORTED", arn)).unwrap();
        assert_eq!(ended["status"], "Failed", "{ended:#}");
        gate.send(()).unwrap();
        stopping.join().unwrap();
    });
    stage.ended(&running);
    let record = stage.record(&running);
    assert_eq!(record["Code"], "Canceled", "{record:#}");
    stage.assert_ended(&record);
    assert_eq!(stage.s3.keys("results"), [""; 0]);
}

/// A range is retried until the execution has no time left, and is still being retried then.
#[test]
fn an_execution_that_runs_out_of_time_ends_its_task() {
    let stage = Stage::start(|settings| settings, |s3, all| StepFunctions::lasting(s3, all, 4));
    let crew = stage.steps.crew();
    let (_met, gate) = crew.hold(r#""index":3"#);
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::TimedOut);
    let arn = running["ExecutionArn"].as_str().unwrap();
    // The failure that the step has recorded is not the reason, since the step was to be retried.
    let left = running["TaskId"].as_str().unwrap();
    let (_, run) = arn.rsplit_once('-').unwrap();
    let key = format!(".tasks/{left}/{run}/failed-r-00003.json");
    stage.s3.put("records", &key, r#"{"code":"InternalError","message":"it was cut off"}"#);
    let ended = crew.invoke(&stage.steps.rule("TIMED_OUT", arn)).unwrap();
    assert_eq!(ended["status"], "Failed", "{ended:#}");
    gate.send(()).unwrap();
    crew.wait();
    let record = stage.record(&running);
    assert_eq!(record["Code"], "DeadlineExceeded", "{record:#}");
    let message = record["Message"].as_str().unwrap();
    assert!(message.contains("did not end in its time"), "{message}");
    assert!(message.ends_with("before that: it was cut off"), "{message}");
    stage.assert_ended(&record);
    assert_eq!(stage.s3.keys("results"), [""; 0]);
    // The rule's event may arrive twice.
    let again = crew.invoke(&stage.steps.rule("TIMED_OUT", arn)).unwrap();
    assert_eq!(again["status"], "Over", "{again:#}");
    stage.assert_ended(&record);
}

#[test]
fn the_bus_hears_how_many_ranges_are_there() {
    let bus = Bus::start(Mood::Willing);
    let stage = Stage::with(|settings| settings.with(bus.environment("tasks")));
    let started = Instant::now();
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mp4");
    assert_eq!(bus.states(), ["Running", "Succeeded"]);
    let seen = bus.seen();
    assert_eq!(seen.last().unwrap().detail, record);
    let progress: Vec<_> = seen.iter().filter(|event| event.kind == "Task Progress").collect();
    assert!(!progress.is_empty(), "{seen:#?}");
    for event in &progress {
        assert_eq!(event.detail["TaskId"], record["TaskId"]);
        assert_eq!(event.detail["Status"], "Running");
        assert_eq!(event.detail["ExecutionArn"], record["ExecutionArn"]);
        assert_eq!(event.detail["Chunks"]["Total"], 5);
        assert!(event.detail["Progress"].as_u64().unwrap() < 100);
    }
    let done = |event: &Seen| event.detail["Chunks"]["Done"].as_u64().unwrap();
    assert!(progress.iter().all(|event| (1..=5).contains(&done(event))), "{progress:#?}");
    // Within ten seconds, only one step announces progress.
    let most = started.elapsed().as_secs() / 9 + 2;
    assert!(progress.len() as u64 <= most, "{progress:#?}");
}

#[test]
fn a_canceled_task_stops_its_execution_and_leaves_nothing() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let (met, gate) = crew.hold(r#""index":2"#);
    let running = stage.ask("f_mp4", "out.mp4");
    met.recv().unwrap();
    stage.cancel_held(&running, &gate);
    stage.ended(&running);
    stage.assert_ended(&stage.record(&running));
    assert_eq!(stage.s3.keys("results"), [""; 0]);
}

/// A function with little time hands over what it could not do.
#[test]
fn what_does_not_fit_one_function_is_distributed() {
    let stage = Stage::new();
    let small = stage.settings.clone().set("DISTRIBUTE", "auto").timeout(Duration::from_secs(3));
    let function = Function::start(small.set("VIDEO_PRESET", "placebo"));
    let process = event("f_mp4,s_4096x,fps_25", "out.mp4");
    let record = function.invoke(&process).unwrap();
    assert_eq!(record["Status"], "Running", "{record:#}");
    assert!(record["ExecutionArn"].is_string(), "{record:#}");
    // Without a state machine, it reports that the task does not fit.
    let never = stage.settings.clone().set("DISTRIBUTE", "never").timeout(Duration::from_secs(3));
    let function = Function::start(never.set("VIDEO_PRESET", "placebo"));
    let record = function.invoke(&event("f_mp4,s_4096x,fps_25", "other.mp4")).unwrap();
    assert_eq!(record["Code"], "DeadlineExceeded", "{record:#}");
}

/// Audio packets, or the samples if each container has its own packets.
fn audio(path: &Path, options: &[&str]) -> String {
    let mut command = ffmpeg();
    command.arg("-i").arg(path).args(["-map", "0:a"]).args(options).args(["-f", "md5", "-"]);
    String::from_utf8(run(&mut command).stdout).unwrap()
}

/// Each twice: in ranges, and in one function.
#[test]
fn every_kind_of_output_is_that_of_one_function() {
    let stage = Stage::new();
    let one = Function::start(stage.settings.clone().set("DISTRIBUTE", "never"));
    let cases = [
        ("f_mkv,vcodec_h264,acodec_opus", ".mkv"),
        ("f_ts,vcodec_h264,acodec_aac,vb_200000", ".ts"),
        ("f_mov,vcodec_h264,acodec_pcm", ".mov"),
        ("f_avi,vcodec_h264,acodec_mp3", ".avi"),
        ("f_flv,vcodec_h264,acodec_aac", ".flv"),
        ("f_mp4,vcodec_h265,acodec_flac", ".h265.mp4"),
        ("f_mp4,vcodec_h264,acodec_aac,vn_1", ".m4a.mp4"),
        ("f_mp4,vcodec_h264,acodec_aac,an_1", ".mute.mp4"),
    ];
    for (parameters, ending) in cases {
        let [long, short] = ["long", "short"].map(|name| format!("{name}{ending}"));
        let running = stage.steps.crew().invoke(&asked(parameters, &long)).unwrap();
        stage.ended(&running);
        let found = stage.record(&running);
        assert_eq!(found["Status"], "Succeeded", "{parameters}: {found:#}");
        let expected = one.invoke(&asked(parameters, &short)).unwrap();
        assert_eq!(found["Timeline"], expected["Timeline"], "{parameters}");
        for counted in ["Frames", "Samples", "MaxJoinOffsetMs", "Decoded"] {
            let of = |record: &Value| record["Verified"][counted].clone();
            assert_eq!(of(&found), of(&expected), "{parameters}: {counted}");
        }
        let [long, short] = [long, short].map(|name| stage.s3.path("results", &name));
        if !parameters.contains("an_1") {
            let options = if parameters.contains("_pcm") { &[][..] } else { &["-c", "copy"] };
            assert_eq!(audio(&long, options), audio(&short, options), "{parameters}");
        }
        let expected = film();
        let expected = if parameters.contains("an_1") { expected.no_audio() } else { expected };
        let expected = if parameters.contains("vn_1") { expected.no_video() } else { expected };
        // Not every container can store where the first sample belongs.
        let is_beep = |difference: &Difference| {
            matches!(difference, Difference::BeepCut { .. } | Difference::SampleCount { .. })
        };
        let [found, right] = [long, short].map(|path| expected.differences(&Reading::of(path)));
        assert_eq!(found, right, "{parameters}");
        assert!(found.iter().all(is_beep), "{parameters}: {found:?}");
    }
}

fn film() -> Expected {
    Expected::new(RATE, [1, 2].map(|clip| Clip::whole(clip, RATE, SECONDS)).to_vec())
}

fn asked(parameters: &str, target: &str) -> Value {
    let process = format!(
        "video/concat,{parameters}{}|sys/saveas,b_{},o_{}",
        sur("b.mp4"),
        b64("results"),
        b64(target),
    );
    json!({"bucket": "sources", "object": "a.mp4", "process": process})
}

/// Two hours in 40 ranges, of a source in which every frame and beep is known.
#[test]
fn two_hours_go_through() {
    const RATE: (u32, u32) = (1, 1);
    let stage = Stage::with(|settings| {
        settings.set("CHUNK_SECONDS", "180").set("MAX_SOURCES", "12").set("MAX_CONCURRENCY", "3")
    });
    let source = Source::new(3).size(64, 48).rate(RATE.0, RATE.1).audio(8000, 1).seconds(600.0);
    stage.s3.put_file("sources", "long.mp4", &source.write("long.mp4"));
    let process = format!(
        "video/concat,f_mp4,{USUAL}{}|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur("long.mp4").repeat(11),
        b64("results"),
        b64("out.mp4"),
        b64(TOPIC),
    );
    let event = json!({"bucket": "sources", "object": "long.mp4", "process": process});
    let started = Instant::now();
    let running = stage.steps.crew().invoke(&event).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mp4");
    println!("{:.1} s: {:#}", started.elapsed().as_secs_f64(), record["Usage"]);
    assert_eq!(record["Chunks"], json!({"Total": 40, "Done": 40}));
    assert_eq!(record["Output"]["DurationMs"], 7_200_000);
    let clips = vec![Clip::whole(3, RATE, 600.0); 12];
    let reading = Reading::of(stage.s3.path("results", "out.mp4"));
    assert_eq!(Expected::new(RATE, clips).differences(&reading), []);
}

/// Each request is executed, but its caller gets no answer.
#[test]
fn no_answer_of_storage_has_to_come() {
    let stage = Stage::new();
    let lost = |method: Method, part: &str| {
        stage.s3.fail(Fault::new(Answer::Lost).method(method).part(part));
    };
    for part in [
        "plan.json",
        "ranges.json",
        "first.video",
        "first.audio",
        "r-00000.video",
        "r-00000.json",
        "r-00004.json",
        "/results/out.mp4",
    ] {
        lost(Method::PUT, part);
    }
    for part in ["plan.json", "first.video", "first.audio", "r-00001.video", "list-type"] {
        lost(Method::GET, part);
    }
    // The record, at several of its writes.
    for skip in 0..4 {
        let fault = Fault::new(Answer::Lost).method(Method::PUT).part(".json?x-id=PutObject");
        stage.s3.fail(fault.skip(2 * skip));
    }
    lost(Method::POST, "delete");
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let unanswered = stage.s3.calls().iter().filter(|call| call.status == 0).count();
    assert_eq!(unanswered, 8 + 5 + 4 + 1);
    stage.assert_done(&running, "out.mp4");
    stage.assert_shows("out.mp4");
}

/// The same for a task whose audio is made as a whole by a step of its own, which is repeated as
/// well.
#[test]
fn audio_that_can_not_be_in_ranges_has_a_step_of_its_own() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    crew.when(r#""sound""#, 2, Fate::Fails("Lambda.Unknown"));
    crew.when(r#""sound""#, 1, Fate::KilledAfter(Method::PUT, "sound.mov"));
    for (method, part) in
        [(Method::PUT, "sound.mov"), (Method::PUT, "sound.json"), (Method::GET, "sound.mov")]
    {
        stage.s3.fail(Fault::new(Answer::Lost).method(method).part(part));
    }
    let running = stage.ask("f_mkv", "out.mkv");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    stage.assert_done(&running, "out.mkv");
    stage.assert_shows("out.mkv");
    assert!(crew.count("sound") >= 4);
}

/// The run that handed the task over died before the execution was started; later, the execution is
/// gone without a trace.
#[test]
fn a_repeated_request_starts_what_was_not_started_and_restarts_what_is_dead() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    let running = stage.ask("f_mp4", "out.mp4");
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let first = stage.assert_done(&running, "out.mp4");
    let leave = |run: &str, arn: &str| {
        let mut left = first.clone();
        left["Status"] = "Running".into();
        left["ExecutionArn"] = arn.into();
        left["Lease"] = json!({
            "Holder": "0123456789abcdef0123456789abcdef", "Until": "2026-01-02T03:04:05.678Z",
            "Execution": {"Arn": arn, "Run": run, "Idle": true},
        });
        let key = format!(".tasks/{}.json", first["TaskId"].as_str().unwrap());
        stage.s3.put("records", &key, left.to_string());
        stage.s3.delete("results", "out.mp4");
        stage.sns.forget_messages();
    };
    let arn = first["ExecutionArn"].as_str().unwrap();
    let (other, _) = arn.rsplit_once('-').unwrap();
    let other = format!("{other}-fedcba9876543210");
    leave("fedcba9876543210", &other);
    let again = crew.invoke(&event("f_mp4", "out.mp4")).unwrap();
    assert_eq!(again["ExecutionArn"], other, "{again:#}");
    assert_eq!(stage.ended(&again), ExecutionStatus::Succeeded);
    stage.assert_done(&again, "out.mp4");

    leave(arn.rsplit_once('-').unwrap().1, arn);
    let third = stage.ask("f_mp4", "out.mp4");
    assert_ne!(third["ExecutionArn"], first["ExecutionArn"]);
    assert_eq!(third["EventId"], first["EventId"]);
    assert_eq!(stage.ended(&third), ExecutionStatus::Succeeded);
    stage.assert_done(&third, "out.mp4");
}
