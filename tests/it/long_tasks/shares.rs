//! Each step reads only what it needs of the sources.

use std::path::PathBuf;

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};

use super::{Stage, audio, decoded};
use crate::bed::cache;
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::function::Function;
use crate::bed::process::run;
use crate::scene::{b64, sur};

/// A minute of noise, lossless.
fn noise() -> PathBuf {
    cache::generated(
        "-f lavfi -i color=gray:s=192x108:r=5:d=60,noise=alls=90:allf=t \
         -f lavfi -i sine=330:r=48000:d=60 -ac 1 \
         -c:v libx264 -preset ultrafast -qp 0 -g 10 -bf 0",
        "noise.mp4",
    )
}

fn event(second: &str, target: &str) -> Value {
    let process = format!(
        "video/concat,f_mp4,vcodec_h264,crf_0,acodec_aac{}|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur(second),
        b64("results"),
        b64(target),
        b64(crate::scene::TOPIC),
    );
    json!({"bucket": "sources", "object": "noise.mp4", "process": process})
}

/// The plan step reads the index of an MP4, each range its own share, and the audio step the rest
/// in between. The plan step reads a source without an index once.
#[test]
fn each_step_reads_its_share() {
    let stage = Stage::in_haste();
    let folder = tempfile::tempdir().unwrap();
    let film = noise();
    let other = folder.path().join("noise.mkv");
    run(ffmpeg().arg("-i").arg(&film).args(["-c", "copy"]).arg(&other));
    stage.s3.put_file("sources", "noise.mp4", &film);
    stage.s3.put_file("sources", "noise.mkv", &other);
    let running = stage.steps.crew().invoke(&event("noise.mkv", "out.mp4")).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    let record = stage.assert_done(&running, "out.mp4");
    assert_eq!(record["Chunks"]["Total"], 12, "{record:#}");
    for (index, (name, file)) in
        [("noise.mp4", &film), ("noise.mkv", &other)].into_iter().enumerate()
    {
        let size = std::fs::metadata(file).unwrap().len();
        assert!(size > 6 << 20, "{name}: {size}");
        let gets = stage.s3.calls_of("GET", &format!("/sources/{name}"));
        let read: u64 = gets.iter().map(|get| get.length).sum();
        let noted = record["Sources"][index]["BytesFetched"].as_u64().unwrap();
        eprintln!("{name}: {read} of {size} bytes, {} reads", gets.len());
        // Bytes that turned out not to be needed may not have been read.
        assert!(noted <= read && noted > read / 10 * 9, "{name}: {noted} of {read}");
        // Once for all ranges, once for the audio, and a little more around each cut.
        let most = if index == 0 { size * 3 } else { size * 5 };
        assert!(read > size && read < most, "{name}: {read} of {size}");
        let tag = record["Sources"][index]["ETag"].as_str().unwrap();
        let is_pinned = |tags: &str| tags.contains(tag);
        assert!(gets.iter().all(|get| get.if_match.as_deref().is_some_and(is_pinned)));
    }
    let one = Function::start(stage.settings.clone().set("DISTRIBUTE", "never"));
    let short = one.invoke(&event("noise.mkv", "short.mp4")).unwrap();
    assert_eq!(record["Timeline"], short["Timeline"]);
    assert_eq!(record["Verified"], short["Verified"]);
    let [long, short] = ["out.mp4", "short.mp4"].map(|name| stage.s3.path("results", name));
    assert_eq!(decoded(&long), decoded(&short));
    assert_eq!(audio(&long, &["-c", "copy"]), audio(&short, &["-c", "copy"]));
}
