//! The function's time ends at each call of a task, before and after the call is executed, and at
//! each start of a program: the task must have ended as its record says, and nothing else of it may
//! be left.

use super::judge::{self, Complaints};
use super::killed::{STARTS, deadly, when_told};
use super::scenario::{MANY_SEGMENTS, ONE_REQUEST, PARTS, Scenario};
use super::stage::Stage;
use super::{count_calls, visit};
use crate::bed::fault::{Answer, Fault};

/// When the time is over.
#[derive(Debug, Clone, Copy)]
enum End {
    AtCall(usize, Answer),
    AtStart(usize),
}

#[test]
fn whole_files() {
    sweep(&[&ONE_REQUEST, &PARTS], 50);
}

#[test]
fn segments() {
    sweep(&[&MANY_SEGMENTS], 80);
}

fn sweep(scenarios: &[&Scenario], at_least: usize) {
    let mut ends: Vec<(&Scenario, End)> = Vec::new();
    for &scenario in scenarios {
        let calls = 0..count_calls(scenario);
        let both = |call| {
            [Answer::Stall, Answer::Held].map(|answer| (scenario, End::AtCall(call, answer)))
        };
        ends.extend(calls.flat_map(both));
        ends.extend((0..STARTS).map(|start| (scenario, End::AtStart(start))));
    }
    assert!(ends.len() >= at_least, "{}", ends.len());
    visit(&ends, |&(scenario, end)| {
        let place = format!("{}, {end:?}", scenario.name);
        end_at(scenario, end).into_iter().map(|text| format!("{place}: {text}")).collect()
    });
}

fn end_at(scenario: &Scenario, end: End) -> Complaints {
    let mut stage = Stage::in_slow_time(scenario);
    let programs = tempfile::tempdir().unwrap();
    match end {
        End::AtCall(call, answer) => stage.world.s3.fail(Fault::new(answer).skip(call)),
        End::AtStart(start) => {
            let program = |name| deadly(programs.path(), name, start);
            stage.use_programs(&program("ffmpeg"), &program("ffprobe"));
            let faults = stage.world.s3.faults().clone();
            when_told(programs.path(), move || faults.tell());
        }
    }
    let reply = stage.invoke_in_slow_time();
    let mut wrong = judge::run(&stage.world, scenario, &reply);
    wrong.extend(match end {
        // A program may start while an upload is being opened, whose answer then comes too late.
        End::AtCall(_, Answer::Held) | End::AtStart(_) => {
            judge::unfinished_after_held(&stage.world)
        }
        End::AtCall(..) => judge::unfinished(&stage.world),
    });
    wrong.extend(judge::ended(&stage.world, &reply));
    wrong
}
