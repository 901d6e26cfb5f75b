//! The caller cancels a task at each of its calls, and in every second case the next call also
//! fails: the task must have ended as its record says, and leave nothing behind.

use serde_json::Value;

use super::judge::{self, Complaints};
use super::scenario::{MANY_SEGMENTS, ONE_REQUEST, PARTS, Scenario};
use super::stage::Stage;
use super::{Kind, ONCE, count_calls, visit};
use crate::bed::fault::{Answer, Fault};

#[test]
fn whole_files() {
    sweep(&ONE_REQUEST, 1);
    sweep(&PARTS, 3);
}

#[test]
fn segments() {
    sweep(&MANY_SEGMENTS, 2);
}

fn sweep(scenario: &Scenario, step: usize) {
    let scenario = &Scenario { settings: &[("TASK_BUCKET", "results")], ..*scenario };
    let calls = (0..count_calls(scenario)).step_by(step);
    let kinds = ONCE.into_iter().filter(|kind| !matches!(kind.1, Answer::Late)).cycle();
    let kinds = kinds.enumerate().map(|(nth, kind)| (nth % 2 == 1).then_some(kind));
    let points: Vec<_> = calls.zip(kinds).collect();
    let task = task(scenario);
    visit(&points, |&(call, kind)| {
        let name = kind.map_or("nothing", |Kind(name, ..)| name);
        let place = format!("{}, canceled at call {call}, {name} fails", scenario.name);
        cancel(scenario, &task, call, kind).into_iter().map(|it| format!("{place}: {it}")).collect()
    });
}

/// Its id.
fn task(scenario: &Scenario) -> String {
    let record = Stage::new(scenario).invoke().unwrap();
    record["TaskId"].as_str().unwrap().to_owned()
}

fn cancel(scenario: &Scenario, task: &str, call: usize, kind: Option<Kind>) -> Complaints {
    let stage = Stage::new(scenario);
    stage.world.s3.fail(Fault::new(Answer::Held).skip(call));
    if let Some(Kind(_, answer, _)) = kind {
        stage.world.s3.fail(Fault::new(answer).skip(call));
    }
    let reply = stage.invoke_and_cancel(task);
    stage.world.s3.faults().forget();
    let mut wrong = judge::run(&stage.world, scenario, &reply);
    wrong.extend(judge::unfinished_after_held(&stage.world));
    let code = reply.as_ref().map_or(Value::Null, |record| record["Code"].clone());
    if kind.is_none() && code != Value::Null && code != "Canceled" {
        wrong.push(format!("the reply is {reply:?}"));
    }
    wrong
}
