//! Every call of a task to storage and to the topic fails once, in every way: the task succeeds or
//! says truthfully that it did not, leaves nothing, and a retry ends it well.
//!
//! Each call fails in one way and for good; `FAULT_SWEEP=full` makes each fail in every way, and
//! `FAULT_SWEEP=each` tries more calls of tasks with many segments.

mod canceled;
mod deadline;
mod judge;
mod killed;
mod scenario;
mod stage;
mod told;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Method;

use judge::Complaints;
use scenario::{
    ANNOUNCED, COPIED, FIFTY_SEGMENTS, ONE_REQUEST, PARTS, RANGED, SEGMENTS, Scenario,
    THOUSANDS_OF_SEGMENTS,
};
use stage::Stage;

use crate::bed::fault::{Answer, Fault};

/// Most of a run is waiting: for answers that do not come, or for ffmpeg.
const AT_ONCE: usize = 8;

/// A way to fail: its name, the answer, and whether all later calls fail too.
#[derive(Clone, Copy)]
struct Kind(&'static str, Answer, bool);

const ONCE: [Kind; 12] = [
    Kind("500", Answer::Error(500, "InternalError"), false),
    Kind("lost", Answer::Lost, false),
    Kind("409", Answer::Error(409, "ConditionalRequestConflict"), false),
    Kind("cut", Answer::Cut, false),
    Kind("stalled", Answer::Stall, false),
    Kind("412", Answer::Error(412, "PreconditionFailed"), false),
    Kind("late", Answer::Late, false),
    Kind("cut body", Answer::CutBody, false),
    Kind("503", Answer::Error(503, "SlowDown"), false),
    Kind("stalled body", Answer::StallBody, false),
    Kind("403", Answer::Error(403, "AccessDenied"), false),
    Kind("404", Answer::Error(404, "NoSuchUpload"), false),
];
const FOR_GOOD: [Kind; 4] = [
    Kind("503 for good", Answer::Error(503, "SlowDown"), true),
    Kind("lost for good", Answer::Lost, true),
    Kind("cut for good", Answer::Cut, true),
    Kind("stalled for good", Answer::Stall, true),
];

#[test]
fn a_task_whose_result_goes_in_one_request() {
    sweep(&ONE_REQUEST, 0);
}

#[test]
fn a_task_whose_result_goes_in_parts() {
    sweep(&PARTS, 1);
}

#[test]
fn a_task_with_segments() {
    sweep(&SEGMENTS, 2);
}

#[test]
fn a_task_that_a_bus_hears_of() {
    sweep_lightly(&ANNOUNCED, 3);
}

#[test]
fn a_task_that_copies() {
    let record = Stage::new(&COPIED).invoke().unwrap();
    assert_eq!(record["Timeline"][0]["Copied"], 100, "{record:#}");
    sweep_lightly(&COPIED, 4);
}

#[test]
fn a_task_that_reads_ranges() {
    let stage = Stage::new(&RANGED);
    let record = stage.invoke().unwrap();
    assert!(stage.world.s3.calls_of("GET", "/sources/far.mp4").len() > 1, "{record:#}");
    sweep_lightly(&RANGED, 5);
}

/// Of the calls in the middle, which are alike, a sample.
#[test]
fn a_task_with_fifty_segments() {
    let calls = count_calls(&FIFTY_SEGMENTS);
    assert!(calls > 50, "{calls}");
    let points = points(calls, 3);
    let sample = |call: usize| is_asked_for("each") || call % 16 == 9 || call + 4 == calls;
    let points: Vec<_> = points.into_iter().filter(|&(call, _)| sample(call)).collect();
    sweep_points(&FIFTY_SEGMENTS, &points);
}

/// The playlist is refused when all segments are there.
#[test]
fn thousands_of_segments_are_taken_back() {
    let stage = Stage::new(&THOUSANDS_OF_SEGMENTS);
    let playlist = Fault::new(Answer::Error(403, "AccessDenied")).method(Method::PUT);
    stage.world.s3.fail(playlist.part(THOUSANDS_OF_SEGMENTS.target).times(usize::MAX));
    let reply = stage.invoke();
    let stored = stage.world.s3.calls().iter().filter(|call| call.path.contains(".ts")).count();
    assert!(stored >= 2000, "{stored}: {reply:?}");
    let wrong = judge::run(&stage.world, &THOUSANDS_OF_SEGMENTS, &reply);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(judge::unfinished(&stage.world), None);
    assert_eq!(reply.unwrap()["Code"], "AccessDenied");
    if is_asked_for("each") {
        let calls = count_calls(&THOUSANDS_OF_SEGMENTS);
        let some = [0, 1, 5, 1000, 2000, calls - 6, calls - 5, calls - 4, calls - 3, calls - 1];
        let points = points(calls, 1);
        let points: Vec<_> = points.into_iter().filter(|(call, _)| some.contains(call)).collect();
        sweep_points(&THOUSANDS_OF_SEGMENTS, &points);
    }
}

/// While parts are on their way, for they are never answered.
#[test]
fn what_is_given_up_at_the_deadline_is_aborted_before_the_reply() {
    let stage = Stage::new(&PARTS);
    let parts = Fault::new(Answer::Stall).method(Method::PUT).part("partNumber");
    stage.world.s3.fail(parts.times(usize::MAX));
    let reply = stage.invoke_within(Duration::from_secs(6));
    assert_eq!(reply.as_ref().unwrap()["Code"], "DeadlineExceeded", "{reply:?}");
    let wrong = judge::run(&stage.world, &PARTS, &reply);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(judge::unfinished(&stage.world), None);
}

fn is_asked_for(sweep: &str) -> bool {
    std::env::var("FAULT_SWEEP").is_ok_and(|value| value == sweep)
}

fn sweep(scenario: &Scenario, offset: usize) {
    sweep_points(scenario, &points(count_calls(scenario), offset));
}

/// Most of the calls are those of other sweeps: each fails once, or for good.
fn sweep_lightly(scenario: &Scenario, offset: usize) {
    let mut points = points(count_calls(scenario), offset);
    if !is_asked_for("full") {
        points = points.chunks(2).enumerate().map(|(nth, both)| both[nth % 2]).collect();
    }
    sweep_points(scenario, &points);
}

fn sweep_points(scenario: &Scenario, points: &[(usize, Kind)]) {
    visit(points, |&(call, kind)| {
        let place = format!("{}, call {call}, {}", scenario.name, kind.0);
        fail(scenario, call, kind).into_iter().map(|text| format!("{place}: {text}")).collect()
    });
}

/// Some points at once, and all complaints together.
fn visit<T: Sync>(points: &[T], visit: impl Fn(&T) -> Complaints + Sync) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Complaints::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(visit(point));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} points\n{}", points.len(), wrong.join("\n"));
}

/// The calls, each with the ways in which it fails.
fn points(calls: usize, offset: usize) -> Vec<(usize, Kind)> {
    let full = is_asked_for("full");
    let kinds = |call: usize| -> Vec<Kind> {
        if full {
            return ONCE.into_iter().chain(FOR_GOOD).collect();
        }
        let nth = call + offset;
        vec![ONCE[nth % ONCE.len()], FOR_GOOD[nth % FOR_GOOD.len()]]
    };
    (0..calls).flat_map(|call| kinds(call).into_iter().map(move |kind| (call, kind))).collect()
}

fn count_calls(scenario: &Scenario) -> usize {
    let stage = Stage::new(scenario);
    let reply = stage.invoke();
    let wrong =
        [judge::run(&stage.world, scenario, &reply), judge::success(&stage.world, &reply)].concat();
    assert!(wrong.is_empty(), "nothing failed: {wrong:?}");
    let announced = stage.world.bus.as_ref().map_or(0, |bus| bus.seen().len());
    stage.world.s3.calls().len() + stage.world.sns.messages().len() + announced
}

fn fail(scenario: &Scenario, call: usize, Kind(_, answer, for_good): Kind) -> Complaints {
    let stage = Stage::new(scenario);
    let times = if for_good { usize::MAX } else { 1 };
    stage.world.s3.fail(Fault::new(answer).skip(call).times(times));
    let reply = stage.invoke();
    stage.world.s3.faults().forget();
    stage.world.s3.carry_out_late();
    let mut wrong = judge::run(&stage.world, scenario, &reply);
    wrong.extend(judge::unfinished(&stage.world).filter(|_| !for_good));
    if reply.is_ok_and(|record| record["Status"] == "Succeeded") {
        return wrong;
    }
    stage.world.sns.forget_messages();
    judge::let_time_pass(&stage.world);
    let reply = stage.invoke();
    wrong.extend(judge::run(&stage.world, scenario, &reply));
    wrong.extend(judge::success(&stage.world, &reply));
    wrong
}
