//! The function's process dies at each call and at each start of ffmpeg; a new process, in the
//! sandbox that the dead one left, handles the event's retry.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::judge::{self, Complaints};
use super::scenario::{ONE_REQUEST, PARTS, SEGMENTS, Scenario};
use super::stage::{Reply, World};
use super::visit;
use crate::bed::fault::{Answer, Fault};
use crate::bed::ffmpeg;
use crate::bed::function::{Function, Settings};
use crate::bed::invocation;
use crate::bed::process::end;
use crate::scene;

const TIME: Duration = Duration::from_mins(2);
/// Probe, encode, and what checks the output.
pub(super) const STARTS: usize = 4;
const PROGRAMS: [(&str, &str); 2] = [("FFMPEG_PATH", "ffmpeg"), ("FFPROBE_PATH", "ffprobe")];

/// When the process dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    BeforeCall(usize),
    AfterCall(usize),
    AtStart(usize),
}

#[test]
fn a_process_that_dies_is_made_good_by_the_next() {
    let points: Vec<(&Scenario, Death)> = [&ONE_REQUEST, &PARTS, &SEGMENTS]
        .into_iter()
        .flat_map(|scenario| {
            let calls = (0..count_calls(scenario))
                .flat_map(|call| [Death::BeforeCall(call), Death::AfterCall(call)]);
            let starts = (0..STARTS).map(Death::AtStart);
            calls.chain(starts).map(move |death| (scenario, death))
        })
        .collect();
    assert!(points.len() >= 50, "{}", points.len());
    visit(&points, |&(scenario, death)| {
        let place = format!("{}, {death:?}", scenario.name);
        die(scenario, death).into_iter().map(|text| format!("{place}: {text}")).collect()
    });
}

fn count_calls(scenario: &Scenario) -> usize {
    let world = World::new(scenario);
    let reply = Function::start(settings(&world)).invoke(&scenario.event());
    assert!(matches!(reply, invocation::Reply::Ok(_)), "{reply:?}");
    world.s3.calls().len() + world.sns.messages().len()
}

fn die(scenario: &Scenario, death: Death) -> Complaints {
    let world = World::new(scenario);
    let programs = tempfile::tempdir().unwrap();
    let mut dying = settings(&world);
    if let Death::AtStart(nth) = death {
        for (name, program) in PROGRAMS {
            dying = dying.set(name, deadly(programs.path(), program, nth));
        }
    }
    let function = Function::start(dying);
    let id = function.id();
    when_told(programs.path(), move || end(id));
    match death {
        Death::BeforeCall(call) => {
            world.s3.fail(Fault::new(Answer::Kill(function.id())).skip(call));
        }
        Death::AfterCall(call) => {
            world.s3.fail(Fault::new(Answer::KillAfter(function.id())).skip(call));
        }
        Death::AtStart(_) => {}
    }
    let (id, event) = (uuid::Uuid::new_v4().to_string(), scenario.event());
    let killed = function.invoke_as(&id, &event, TIME);
    let mut wrong = judge::crash(&world, scenario);
    if !format!("{killed:?}").contains("signal: 9") {
        wrong.push(format!("it was not killed: {killed:?}"));
    }
    let told_before = world.sns.messages().len();
    judge::let_time_pass(&world);
    let next = Function::start(settings(&world));
    let reply = told(next.invoke_as(&id, &event, TIME));
    wrong.extend(judge::recovery(&world, &reply, told_before));
    wrong
}

fn settings(world: &World) -> Settings {
    scene::settings(&world.s3, &world.sns).set("WORK_DIR", world.work.path().to_str().unwrap())
}

fn told(reply: invocation::Reply) -> Reply {
    match reply {
        invocation::Reply::Ok(record) => Ok(record),
        invocation::Reply::FunctionError { error_type, message } => Err((error_type, message)),
    }
}

/// The real program, except for its nth start, which it reports through a pipe, since it can't kill
/// the function itself; then it hangs.
pub(super) fn deadly(folder: &Path, program: &str, nth: usize) -> String {
    let (path, starts) = (folder.join(program), folder.join("start"));
    let real = if program == "ffmpeg" { ffmpeg::ffmpeg_path() } else { ffmpeg::ffprobe_path() };
    let script = format!(
        "#!/bin/sh\nn=0\nuntil mkdir '{starts}-'$n 2>/dev/null; do n=$((n + 1)); done\n\
         [ $n = {nth} ] && : >'{tell}' && exec sleep 1000\nexec '{real}' \"$@\"\n",
        starts = starts.display(),
        tell = folder.join("tell").display(),
        real = real.display(),
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Calls `act` when that program opens the pipe, which may never happen.
pub(super) fn when_told(folder: &Path, act: impl FnOnce() + Send + 'static) {
    let pipe = folder.join("tell");
    let owner = rustix::fs::Mode::RWXU;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, owner, 0).unwrap();
    std::thread::spawn(move || {
        if fs::File::open(pipe).is_ok() {
            act();
        }
    });
}
