//! Segments that the ranges make themselves.

use std::path::Path;

use hyper::Method;
use serde_json::{Value, json};

use super::{ExecutionStatus, FRAMES, Fate, Stage, film};
use crate::bed::expect::Difference;
use crate::bed::fault::{Answer, Fault};
use crate::bed::function::Function;
use crate::bed::reading::Reading;
use crate::bed::s3::S3;
use crate::scene::{TOPIC, USUAL, b64, sur};

fn event(container: &str, format: &str, target: &str) -> Value {
    // AC-3 encoders that begin in the middle produce the same packets, of which a transport stream
    // puts several into one.
    let usual = if container == "ts" { USUAL.replace("_aac", "_ac3") } else { USUAL.to_owned() };
    let process = format!(
        "video/concat,f_{container},{usual}{}/segment,f_{format},t_2000|sys/saveas,b_{},o_{}/notify,topic_{}",
        sur("b.mp4"),
        b64("results"),
        b64(target),
        b64(TOPIC),
    );
    json!({"bucket": "sources", "object": "a.mp4", "process": process})
}

/// The run in the names of a record's segments, such as `list-0123abcd-00001.ts`.
fn run_of(record: &Value) -> String {
    let uri = record["Targets"][0]["URI"].as_str().unwrap();
    let (_, name) = uri.rsplit_once('/').unwrap();
    name.split('-').nth(1).unwrap().to_owned()
}

/// The objects of the results in a folder: each name without its run, and the content.
fn stored(s3: &S3, folder: &str, record: &Value) -> Vec<(String, Vec<u8>)> {
    let run = run_of(record);
    let keys = s3.keys("results").into_iter().filter(|key| key.starts_with(folder));
    let named = keys.map(|key| {
        let content = s3.get("results", &key).unwrap();
        (key[folder.len()..].replace(&run, "run"), content)
    });
    named.collect()
}

/// The times in a segment, by its own clock: for a transport stream all timestamps with their
/// streams; for a fragment the numbers, times and counts of its samples.
fn times(name: &str, content: &[u8]) -> Vec<Vec<u8>> {
    if ends_with(name, "ts") {
        let packets = content.chunks(188).filter(|packet| packet[1] & 0x40 != 0);
        let stamps = packets.filter_map(|packet| {
            let has_field = packet[3] & 0x20 != 0;
            let start = if has_field { 5 + usize::from(packet[4]) } else { 4 };
            let unit = packet.get(start..)?;
            let stamps = unit.get(9..9 + usize::from(*unit.get(8)?))?;
            unit.starts_with(&[0, 0, 1]).then(|| [&packet[1..3], stamps].concat())
        });
        return stamps.collect();
    }
    let boxes = [(*b"mfhd", 12), (*b"tfdt", 16), (*b"trun", 12)];
    let all = boxes.iter().flat_map(|&(kind, length)| {
        let places = content.windows(4).enumerate().filter(move |(_, window)| *window == kind);
        places.map(move |(at, _)| content[at..at + length].to_vec())
    });
    all.collect()
}

/// The streams of a playlist as one file.
fn whole(files: &[(String, Vec<u8>)], stream: &str, path: &Path) {
    let mut parts: Vec<_> =
        files.iter().filter(|(name, _)| name.starts_with(stream) && !is_list(name)).collect();
    parts.sort_by_key(|(name, _)| (!name.ends_with("-init.mp4"), name.rsplit('-').next()));
    let bytes: Vec<u8> = parts.iter().flat_map(|(_, content)| content.clone()).collect();
    std::fs::write(path, bytes).unwrap();
}

fn is_list(name: &str) -> bool {
    ends_with(name, "m3u8") || ends_with(name, "mpd")
}

fn ends_with(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// A manifest without its bit rates, which differ for encoders that begin in the middle.
fn without_rates(list: &[u8]) -> String {
    let list = String::from_utf8(list.to_vec()).unwrap();
    let mut parts = list.split("bandwidth=\"");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text.push_str(part.split_once('"').unwrap().1);
    }
    text
}

/// Names, lists, clocks, frames and beeps are equal; and the join step does not even read the
/// segments.
#[test]
fn segments_are_those_of_one_function() {
    let stage = Stage::new();
    let one = Function::start(stage.settings.clone().set("DISTRIBUTE", "never"));
    let folder = tempfile::tempdir().unwrap();
    for (container, format, playlist) in [
        ("ts", "hls", "list{index}.m3u8"),
        ("mp4", "hls", "list.m3u8"),
        ("mp4", "dash", "list.mpd"),
    ] {
        let [long, short] = ["long", "short"].map(|name| format!("{container}{format}/{name}/"));
        let ask = |folder: &str| event(container, format, &format!("{folder}{playlist}"));
        let running = stage.steps.crew().invoke(&ask(&long)).unwrap();
        assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
        let found = stage.record(&running);
        assert_eq!(found["Status"], "Succeeded", "{found:#}");
        let expected = one.invoke(&ask(&short)).unwrap();
        for same in ["Frames", "Samples", "MaxJoinOffsetMs", "Decoded", "DecodedFrames"] {
            assert_eq!(found["Verified"][same], expected["Verified"][same], "{container} {same}");
        }
        assert_eq!(found["Output"]["DurationMs"], expected["Output"]["DurationMs"]);
        let found_record = found.clone();
        let (long, short) =
            (stored(&stage.s3, &long, &found), stored(&stage.s3, &short, &expected));
        let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
            files.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&long), names(&short));
        for ((name, found), (_, right)) in long.iter().zip(&short) {
            if is_list(name) {
                let run = |record: &Value, list: &[u8]| {
                    without_rates(list).replace(&run_of(record), "run")
                };
                assert_eq!(run(&found_record, found), run(&expected, right), "{name}");
            } else {
                assert_eq!(times(name, found), times(name, right), "{container} {format} {name}");
            }
        }
        let stream = if format == "dash" { "list-run-0-" } else { "list" };
        let path = folder.path().join(format!("{container}{format}"));
        whole(&long, stream, &path);
        let right = if format == "dash" { film().no_audio() } else { film() };
        let [found, expected] = [&long, &short].map(|files| {
            whole(files, stream, &path);
            right.differences(&Reading::of(path.clone()))
        });
        assert_eq!(found, expected, "{container} {format}");
        let read =
            |call: &&crate::bed::s3::Call| call.method == "GET" && call.path.contains("/r-0");
        let calls = stage.s3.calls();
        let read: Vec<_> = calls.iter().filter(read).map(|call| &call.path).collect();
        assert!(read.iter().all(|path| ends_with(path, "json")), "{read:?}");
    }
}

/// Whatever is in them: H.265, or no audio.
#[test]
fn segments_of_other_streams_are_whole() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    for (name, container, streams) in [
        ("h265", "mp4", "vcodec_h265,crf_30,acodec_aac"),
        ("mute", "mp4", "vcodec_h264,acodec_aac,an_1"),
        ("mute-ts", "ts", "vcodec_h264,acodec_aac,an_1"),
    ] {
        let process = format!(
            "video/concat,f_{container},{streams}{}/segment,f_hls,t_2000|sys/saveas,b_{},o_{}",
            sur("b.mp4"),
            b64("results"),
            b64(&format!("{name}/list.m3u8")),
        );
        let event = json!({"bucket": "sources", "object": "a.mp4", "process": process});
        let running = stage.steps.crew().invoke(&event).unwrap();
        assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded, "{name}");
        let record = stage.record(&running);
        assert_eq!(record["Verified"]["Frames"], FRAMES, "{name}: {record:#}");
        assert_eq!(record["Verified"]["Decoded"], true, "{name}");
        // Nobody makes the audio as a whole.
        assert_eq!(stage.steps.crew().count("sound"), 0, "{name}");
        let files = stored(&stage.s3, &format!("{name}/"), &record);
        let segments =
            files.iter().filter(|file| ends_with(&file.0, "m4s") || ends_with(&file.0, "ts"));
        assert_eq!(segments.count(), 24, "{name}");
        let path = folder.path().join(name);
        whole(&files, "list-run-", &path);
        let right = if name == "h265" { film() } else { film().no_audio() };
        let mut found = right.differences(&Reading::of(path));
        // Segments in a row don't tell where the first sample belongs.
        found.retain(|it| {
            !matches!(it, Difference::BeepCut { .. } | Difference::SampleCount { .. })
        });
        assert_eq!(found, [], "{name}");
    }
}

/// One playlist, its segments, one message, and nothing else.
#[track_caller]
fn assert_whole(stage: &Stage, running: &Value, playlist: &str) {
    let record = stage.record(running);
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    stage.assert_ended(&record);
    let keys = stage.s3.keys("results");
    let run = run_of(&record);
    assert_eq!(keys.len(), 25, "{keys:?}");
    assert!(keys.iter().all(|key| key == playlist || key.contains(&run)), "{keys:?}");
    let files = stored(&stage.s3, "", &record);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    whole(&files, "", &path);
    assert_eq!(film().differences(&Reading::of(path)), []);
    let head = stage.s3.head(
        "results",
        &record["Targets"][0]["URI"].as_str().unwrap().replace("s3://results/", ""),
    );
    assert_eq!(head.unwrap().content_type.as_deref(), Some("video/mp2t"));
}

#[test]
fn whatever_is_killed_or_unanswered_there_is_one_set_of_segments() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    crew.when(r#""index":0"#, 1, Fate::KilledAfter(Method::PUT, "-00003.ts"));
    crew.when(r#""index":1"#, 1, Fate::KilledBefore(Method::PUT, "r-00001.json"));
    crew.when(r#""index":2"#, 1, Fate::KilledAfter(Method::PUT, "r-00002.json"));
    crew.when(r#""join""#, 1, Fate::KilledAfter(Method::PUT, "-00007.ts"));
    crew.when(r#""join""#, 1, Fate::KilledBefore(Method::PUT, "/results/list.m3u8"));
    let lost = |part: &str| {
        stage.s3.fail(Fault::new(Answer::Lost).method(Method::PUT).part(part));
    };
    lost("-00012.ts");
    lost("-00020.ts?x-id=CopyObject");
    lost("r-00004.json");
    lost("/results/list.m3u8");
    let running = crew.invoke(&event("ts", "hls", "list.m3u8")).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Succeeded);
    assert_whole(&stage, &running, "list.m3u8");
    assert!(stage.s3.calls().iter().filter(|call| call.status == 0).count() >= 4);
}

/// Before the segments are joined, meanwhile, and if a range always fails.
#[test]
fn segments_of_a_task_that_ends_otherwise_are_gone() {
    let stage = Stage::new();
    let crew = stage.steps.crew();
    for (name, held) in [("rendered", r#""index":2"#), ("joined", r#""join""#)] {
        let (met, gate) = crew.hold(held);
        let running = crew.invoke(&event("ts", "hls", &format!("{name}.m3u8"))).unwrap();
        met.recv().unwrap();
        stage.cancel_held(&running, &gate);
        stage.ended(&running);
        assert_gone(&stage, &running);
    }
    crew.when(r#""index":3"#, 9, Fate::Fails("InternalError"));
    let running = crew.invoke(&event("ts", "hls", "failed.m3u8")).unwrap();
    assert_eq!(stage.ended(&running), ExecutionStatus::Failed);
    assert_gone(&stage, &running);
}

#[track_caller]
fn assert_gone(stage: &Stage, running: &Value) {
    stage.assert_ended(&stage.record(running));
    assert_eq!(stage.s3.keys("results"), [""; 0]);
    let key = format!(".tasks/{}.json", running["TaskId"].as_str().unwrap());
    stage.s3.delete("records", &key);
    stage.sns.forget_messages();
}
