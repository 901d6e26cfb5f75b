//! Files that are harmful, on purpose or by chance: nothing but the file itself is read, nothing is
//! requested from the network, nothing of the task is left behind, and the next task works.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::bed::expect::{Clip, Expected};
use crate::bed::process::descendants;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, b64};

mod claims;
mod mutated;
mod mutation;
mod packets;
mod references;
mod small;
mod watch;

use watch::Watch;

const PAL: (u32, u32) = (25, 1);
const SECONDS: f64 = 1.0;

/// A scene with things outside that a source may try to reach.
struct Trap {
    scene: Scene,
    /// A file that nobody may open.
    canary: PathBuf,
    watch: Watch,
    /// A server that nobody may connect to.
    server: TcpListener,
    _outside: tempfile::TempDir,
}

impl Trap {
    fn new() -> Self {
        Self::with_memory("3008")
    }

    fn with_memory(megabytes: &str) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let canary = outside.path().join("canary.mov");
        fs::copy(film(9).write("canary.mov"), &canary).unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        server.set_nonblocking(true).unwrap();
        let scene =
            Scene::with(|settings| settings.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes));
        let scene = scene.source("good.mp4", &film(1));
        Self { scene, watch: Watch::new(outside.path()), canary, server, _outside: outside }
    }

    fn url(&self) -> String {
        format!("http://{}/canary.mp4", self.server.local_addr().unwrap())
    }

    /// The outcome of a task with only these bytes.
    fn task(&self, name: &str, bytes: &[u8]) -> Outcome {
        self.scene.s3.put("sources", name, bytes);
        self.scene.run(name, &format!("f_mp4,{USUAL}"))
    }

    /// Nothing was reached, nothing is left behind, and a good source still works.
    #[track_caller]
    fn assert_unharmed(&self) {
        assert_eq!(self.watch.opened(), [] as [String; 0]);
        assert!(self.server.accept().is_err(), "somebody called");
        self.scene.assert_clean();
        let clips = vec![Clip::whole(1, PAL, SECONDS)];
        let good = self.scene.run("good.mp4", &format!("f_mp4,{USUAL}"));
        good.shows(&Expected::new(PAL, clips));
        // The processes have been killed, but a large one takes a moment to end.
        let is_alone = || descendants(self.scene.function.id()).is_empty();
        assert!((0..600).any(|_| is_alone() || pause()), "something still runs");
    }

    /// The outcome of a task with these bytes if the function has only this time.
    fn task_within(&self, name: &str, bytes: &[u8], seconds: u64) -> Value {
        self.scene.s3.put("sources", name, bytes);
        let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("late.mp4"));
        let event = json!({"bucket": "sources", "object": name, "process": process});
        let deadline = std::time::Duration::from_secs(seconds);
        self.scene.function.invoke_within(&event, deadline).unwrap()
    }
}

/// The pause between two checks of a condition.
fn pause() -> bool {
    std::thread::sleep(std::time::Duration::from_millis(100));
    false
}

fn film(clip: u8) -> Source {
    Source::new(clip).seconds(SECONDS)
}
