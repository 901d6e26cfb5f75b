//! Both ways to run a function, with this test binary as a simple function.

use std::path::Path;
use std::time::{Duration, Instant};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::bed::emulator::Emulator;
use crate::bed::function::{Function, Settings};
use crate::bed::invocation::{FUNCTION_ARN, Reply};

/// Not a test but the function under test, on the real runtime library.
#[tokio::test]
#[ignore = "started by the tests below as a process of its own"]
async fn stand_in() {
    assert_ne!(std::env::var("REFUSE_TO_START").as_deref(), Ok("1"), "told not to start");
    lambda_runtime::run(service_fn(handle)).await.unwrap();
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    match event.payload["do"].as_str() {
        Some("fail") => Err("it went wrong".into()),
        Some("exit") => std::process::exit(3),
        Some("hang") => std::future::pending().await,
        _ => {
            println!("{}", json!({"level": "INFO", "request": event.context.request_id}));
            Ok(json!({"payload": event.payload, "arn": event.context.invoked_function_arn}))
        }
    }
}

fn settings() -> Settings {
    let settings =
        Settings::program(std::env::current_exe().unwrap()).timeout(Duration::from_mins(1));
    ["--exact", "harness::sandbox::stand_in", "--ignored", "--nocapture"]
        .into_iter()
        .fold(settings, Settings::argument)
}

#[test]
fn events_are_handed_in_one_after_another() {
    let function = Function::start(settings());
    for number in 0..3 {
        let reply = function.invoke(&json!({"number": number})).unwrap();
        assert_eq!(reply, json!({"payload": {"number": number}, "arn": FUNCTION_ARN}));
    }
    assert!(function.peak_memory().unwrap() > 1 << 20);
    assert!(function.cold_start() < Duration::from_mins(1));
    let written = |lines: &[Value]| lines.iter().filter(|line| line["level"] == "INFO").count();
    assert_eq!(written(&function.logs_until(|lines| written(lines) == 3)), 3);
    assert!(std::fs::read_dir(function.work_dir()).unwrap().next().is_none());
}

#[test]
fn errors_exits_and_hangs_are_distinguished() {
    let error_type = |reply| match reply {
        Reply::FunctionError { error_type, message } => (error_type, message),
        Reply::Ok(value) => panic!("{value}"),
    };
    let function = Function::start(settings());
    let (_, message) = error_type(function.invoke(&json!({"do": "fail"})));
    assert_eq!(message, "it went wrong");
    let (kind, _) = error_type(function.invoke(&json!({"do": "exit"})));
    assert_eq!(kind, "Runtime.ExitError");
    let function = Function::start(settings());
    function.invoke(&json!({})).unwrap();
    let (kind, _) =
        error_type(function.invoke_within(&json!({"do": "hang"}), Duration::from_millis(300)));
    assert_eq!(kind, "Sandbox.Timedout");
}

#[test]
fn a_function_that_does_not_start_is_an_error() {
    let function = Function::start(settings().set("REFUSE_TO_START", "1"));
    let Reply::FunctionError { message, .. } = function.invoke(&json!({})) else {
        panic!("it started")
    };
    assert!(message.contains("told not to start"), "{message}");
}

#[test]
fn the_emulator_runs_the_function_and_ends_with_it() {
    let emulator = Emulator::start(&settings());
    let reply = emulator.invoke(&json!({"a": 1})).unwrap();
    assert_eq!(reply["payload"], json!({"a": 1}));
    assert!(emulator.peak_memory().unwrap() > 1 << 20);
    let Reply::FunctionError { message, .. } = emulator.invoke(&json!({"do": "fail"})) else {
        panic!("no error")
    };
    assert_eq!(message, "it went wrong");
    let children = crate::bed::process::descendants(emulator.id());
    assert!(!children.is_empty());
    drop(emulator);
    // A child that was ended but belonged to the emulator stays as a zombie until init reaps it. On a
    // busy machine it takes a while until the kernel has ended it.
    let lives = |pid: &u32| {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    let given_up = Instant::now() + Duration::from_mins(1);
    while children.iter().any(lives) && Instant::now() < given_up {
        std::thread::yield_now();
    }
    assert_eq!(children.iter().find(|pid| lives(pid)), None);
}
