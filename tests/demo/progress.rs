//! The task as seen by someone who waits for it: the record in the bucket shows its progress, the
//! function's log shows what it does.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bed::invocation::Reply;
use crate::bed::process::descendants;
use crate::failure::Failure;
use crate::scene::{Scene, TARGET_BUCKET};

const LOOK: Duration = Duration::from_millis(100);
/// If lines can't be redrawn, one is printed for this many percent.
const PAPER_STEP: u64 = 20;

/// Sends the event and prints what happens until the reply arrives.
pub(crate) fn perform(
    scene: &Scene,
    event: &Value,
    interrupted: &AtomicBool,
) -> Result<Value, Failure> {
    let reply = std::thread::scope(|scope| {
        let reply = scope.spawn(|| scene.emulator.invoke(event));
        Follower::new(scene).until(&reply, interrupted);
        if interrupted.load(Ordering::Relaxed) {
            end_all(scene.emulator.id());
        }
        reply.join()
    });
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::new("interrupted; everything was ended"));
    }
    match reply.map_err(|panic| Failure::of_panic(&*panic))? {
        Reply::Ok(record) if record["Status"] == "Succeeded" => Ok(record),
        Reply::Ok(record) if record["Status"].is_string() => {
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let (code, message) = (text("Code"), text("Message"));
            Err(Failure::new(format!("the task failed: {code}: {message}")))
        }
        Reply::Ok(Value::String(nothing)) if nothing.is_empty() => {
            Err(Failure::new("the function ended without an answer"))
        }
        Reply::Ok(other) => Err(Failure::new(format!("the function answered {other}"))),
        Reply::FunctionError { error_type, message } => {
            Err(Failure::new(format!("the function ended with {error_type}: {message}")))
        }
    }
}

struct Follower<'a> {
    scene: &'a Scene,
    started: Instant,
    /// How many lines of the log have been printed.
    told: usize,
    percent: u64,
    is_terminal: bool,
}

impl<'a> Follower<'a> {
    fn new(scene: &'a Scene) -> Self {
        Self {
            scene,
            started: Instant::now(),
            told: 0,
            percent: 0,
            is_terminal: std::io::stdout().is_terminal(),
        }
    }

    fn until(&mut self, reply: &ScopedJoinHandle<'_, Reply>, interrupted: &AtomicBool) {
        while !reply.is_finished() && !interrupted.load(Ordering::Relaxed) {
            self.tell();
            std::thread::sleep(LOOK);
        }
        self.tell();
    }

    fn tell(&mut self) {
        let lines = self.scene.emulator.logs();
        for line in &lines[self.told..] {
            if let Some(words) = stage(line) {
                self.say(&words, "\n");
            }
        }
        self.told = lines.len();
        let percent = self.record_percent().unwrap_or(self.percent);
        let step = if self.is_terminal { 1 } else { PAPER_STEP };
        if percent >= self.percent + step && percent < 90 {
            self.percent = percent;
            let end = if self.is_terminal { "\r" } else { "\n" };
            self.say(&format!("encoding: the task's record says {percent} %"), end);
        }
    }

    fn say(&self, words: &str, end: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        print!("  {seconds:5.1} s  {words:<60}{end}");
        let _ = std::io::stdout().flush();
    }

    /// The record may be read while it is being replaced, and be incomplete.
    fn record_percent(&self) -> Option<u64> {
        let keys = self.scene.s3.keys(TARGET_BUCKET);
        let key = keys.iter().find(|key| key.starts_with(".tasks/"))?;
        let record = self.scene.s3.get(TARGET_BUCKET, key)?;
        let record: Value = serde_json::from_slice(&record).ok()?;
        record["Progress"].as_u64()
    }
}

/// What a line of the function's log says about the work.
fn stage(line: &Value) -> Option<String> {
    let seconds = |name: &str| line[name].as_f64().unwrap_or(0.0) / 1000.0;
    let took = seconds("ms");
    Some(match line["message"].as_str()? {
        "fetch" => format!("fetched the sources in {took:.2} s"),
        "probe" => format!("read every packet's time stamp in {took:.2} s"),
        "encode" => format!("encoded in {took:.2} s"),
        "verify" => format!("decoded the result and counted it in {took:.2} s"),
        "store" => format!("stored the result in {took:.2} s"),
        "succeeded" => format!("done in {:.2} s", seconds("total_ms")),
        _ => return None,
    })
}

/// From now on, an interrupt is only recorded, so that there is time to clean up.
pub(crate) fn watch_for_interrupt() -> &'static AtomicBool {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime
            && runtime.block_on(tokio::signal::ctrl_c()).is_ok()
        {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
    });
    &INTERRUPTED
}

/// Kills a process and its descendants, so that nobody has to wait for its answer.
fn end_all(pid: u32) {
    let all = descendants(pid).into_iter().chain([pid]);
    let pids = all.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    for pid in pids {
        // It may have just ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}
