//! Segmented outputs: key frames, lengths, names, and the order in which objects are stored.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bed::expect::{Clip, Expected};
use crate::bed::fault::{Answer, Fault};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::function::Function;
use crate::bed::process::run;
use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, b64, settings, without_run};

const PAL: (u32, u32) = (25, 1);

fn scene() -> Scene {
    Scene::new()
        .source("a.mp4", &Source::new(1).seconds(3.0))
        .source("b.mp4", &Source::new(2).seconds(2.5))
}

/// 5.5 s in segments of 2 s.
fn segmented(scene: &Scene, container: &str, format: &str, target: &str) -> Outcome {
    let parameters = format!("f_{container},{USUAL}");
    scene.segment(&parameters, &format!("f_{format},t_2000"), target).succeeded()
}

fn keys(record: &Value) -> Vec<String> {
    let targets = record["Targets"].as_array().unwrap();
    let key = |uri: &str| uri.strip_prefix("s3://results/").unwrap().to_owned();
    targets.iter().map(|target| key(target["URI"].as_str().unwrap())).collect()
}

/// Without the name of the run.
fn plain(outcome: &Outcome) -> Vec<String> {
    keys(&outcome.record).iter().map(|key| without_run(key)).collect()
}

fn is_segment(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "ts")
}

/// The run after which all segments are named.
fn run_of(record: &Value) -> String {
    let keys = keys(record);
    let runs = keys.iter().filter_map(|key| key.split('-').nth(1).map(str::to_owned));
    let runs: BTreeSet<String> = runs.collect();
    assert_eq!(runs.len(), 1, "{keys:?}");
    runs.into_iter().next().unwrap()
}

/// The stored objects concatenated, as a player plays them.
fn whole(scene: &Scene, names: &[&str], file: &Path) {
    let keys = scene.s3.keys("results");
    let stored = |name: &str| {
        let key = keys.iter().find(|key| without_run(key) == name).expect(name);
        scene.s3.get("results", key).unwrap()
    };
    let bytes: Vec<u8> = names.iter().flat_map(|name| stored(name)).collect();
    std::fs::write(file, bytes).unwrap();
}

fn expected() -> Expected {
    let clips = vec![Clip::whole(1, PAL, 3.0), Clip::whole(2, PAL, 2.5)];
    Expected { sample_tolerance: 4096, ..Expected::new(PAL, clips) }
}

fn assert_video(reading: &Reading) {
    assert_eq!(expected().no_audio().differences(reading), []);
}

#[test]
fn hls_in_transport_streams() {
    let scene = scene();
    let outcome = segmented(&scene, "ts", "hls", "show/my film");
    let names = ["show/my film-00001.ts", "show/my film-00002.ts", "show/my film-00003.ts"];
    assert_eq!(plain(&outcome)[..3], names);
    assert_eq!(plain(&outcome)[3], "show/my film.m3u8");
    let run = run_of(&outcome.record);
    let playlist =
        String::from_utf8(scene.s3.get("results", "show/my film.m3u8").unwrap()).unwrap();
    assert!(
        playlist.contains(&format!("#EXTINF:2.000000,\nmy%20film-{run}-00001.ts\n")),
        "{playlist}"
    );
    assert!(playlist.contains("#EXT-X-TARGETDURATION:2\n"), "{playlist}");
    assert!(
        playlist.contains(&format!("#EXTINF:1.520000,\nmy%20film-{run}-00003.ts\n")),
        "{playlist}"
    );
    assert!(playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole.ts");
    whole(&scene, &names, &file);
    assert_eq!(expected().differences(&Reading::of(&file)), []);
    for (index, name) in names.iter().enumerate() {
        let file = folder.path().join(format!("{index}.ts"));
        whole(&scene, &[name], &file);
        let reading = Reading::of(&file);
        assert_eq!(reading.key_frames()[0], 0, "{name}");
        assert_eq!(reading.packets("video").len(), [50, 50, 38][index], "{name}");
    }
    let content_type =
        |key: &str| scene.s3.head("results", key).unwrap().content_type().unwrap().to_owned();
    assert_eq!(content_type("show/my film.m3u8"), "application/vnd.apple.mpegurl");
    assert_eq!(content_type(&keys(&outcome.record)[0]), "video/mp2t");
    scene.assert_clean();
}

#[test]
fn hls_in_fragmented_mp4() {
    let scene = scene();
    let outcome = segmented(&scene, "mp4", "hls", "film.m3u8");
    let names = ["film-init.mp4", "film-00001.m4s", "film-00002.m4s", "film-00003.m4s"];
    for name in names {
        assert!(plain(&outcome).iter().any(|key| key == name), "{:?}", plain(&outcome));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("whole.mp4");
    whole(&scene, &names, &file);
    assert_eq!(expected().differences(&Reading::of(&file)), []);
}

#[test]
fn dash_in_fragmented_mp4() {
    let scene = scene();
    let outcome = segmented(&scene, "mp4", "dash", "film");
    assert_eq!(plain(&outcome).last().unwrap(), "film.mpd");
    let run = run_of(&outcome.record);
    let manifest = String::from_utf8(scene.s3.get("results", "film.mpd").unwrap()).unwrap();
    let media = format!("media=\"film-{run}-$RepresentationID$-$Number%05d$.m4s\"");
    assert!(manifest.contains(&media), "{manifest}");
    let folder = tempfile::tempdir().unwrap();
    let video = folder.path().join("video.mp4");
    let names = ["film-0-init.mp4", "film-0-00001.m4s", "film-0-00002.m4s", "film-0-00003.m4s"];
    whole(&scene, &names, &video);
    assert_video(&Reading::of(&video));
    let audio = folder.path().join("audio.mp4");
    let names = ["film-1-init.mp4", "film-1-00001.m4s", "film-1-00002.m4s", "film-1-00003.m4s"];
    whole(&scene, &names, &audio);
    assert_eq!(expected().no_video().differences(&Reading::of(&audio)), []);
}

/// The other codecs have other decoding orders and other kinds of key frames.
#[test]
fn every_codec_starts_anew_with_every_segment() {
    let scene = scene();
    for (container, codec, rate, segment) in [
        ("ts", "h265", PAL, 50),
        ("mp4", "h265", (24_000, 1001), 48),
        ("mp4", "vp9", (30_000, 1001), 60),
        ("mp4", "h264", (30_000, 1001), 60),
    ] {
        let fps = f64::from(rate.0) / f64::from(rate.1);
        let parameters = format!("f_{container},vcodec_{codec},acodec_aac,fps_{fps:.3}");
        let outcome = scene.segment(&parameters, "f_hls,t_2000", codec).succeeded();
        let keys = plain(&outcome);
        // The playlist is the last.
        let mut segments: Vec<&str> = keys[..keys.len() - 1].iter().map(String::as_str).collect();
        segments.sort_by_key(|key| !key.ends_with("-init.mp4"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(codec).with_extension(container);
        whole(&scene, &segments, &file);
        let reading = Reading::of(&file);
        let frames = outcome.frames().iter().sum::<u64>() as usize;
        assert_eq!(reading.frame_count(), frames, "{parameters}");
        assert!(reading.unevenness_ms(rate) < 1.0, "{parameters}");
        let key_frames = reading.key_frames();
        let starts = (0..frames).step_by(segment);
        assert!(starts.clone().count() == 3, "{parameters}: {frames}");
        for start in starts {
            assert!(key_frames.contains(&start), "{parameters}: {key_frames:?}");
        }
        let playlist = scene.s3.get("results", &format!("{codec}.m3u8")).unwrap();
        let playlist = String::from_utf8(playlist).unwrap();
        let length = format!("#EXTINF:{:.6},", segment as f64 / fps);
        assert_eq!(playlist.matches(&length).count(), 2, "{parameters}: {playlist}");
    }
}

#[test]
fn the_playlist_is_stored_last() {
    let scene = scene();
    scene.s3.forget_calls();
    segmented(&scene, "ts", "hls", "film");
    let puts: Vec<String> = scene
        .s3
        .calls()
        .into_iter()
        .filter(|call| call.method == "PUT")
        .map(|call| call.path)
        .collect();
    let last_segment = puts.iter().rposition(|path| is_segment(path)).unwrap();
    let playlist = puts.iter().position(|path| path == "/results/film.m3u8").unwrap();
    assert!(playlist > last_segment, "{puts:?}");
}

#[test]
fn no_length_is_one_segment() {
    let scene = scene();
    let outcome = scene.segment(&format!("f_ts,{USUAL}"), "f_hls,t_0", "film").succeeded();
    assert_eq!(plain(&outcome), ["film-00001.ts", "film.m3u8"]);
}

#[test]
fn what_was_stored_of_a_failed_task_is_taken_back() {
    let scene = scene();
    scene.s3.fail(Fault::new(Answer::Error(403, "AccessDenied")).part("film.m3u8").times(100));
    scene.segment(&format!("f_ts,{USUAL}"), "f_hls,t_1000", "film").failed("AccessDenied");
    let left: Vec<_> =
        scene.s3.keys("results").into_iter().filter(|key| key.starts_with("film")).collect();
    assert_eq!(left, [] as [String; 0]);
    scene.assert_clean();
}

#[test]
fn segments_decode_alone() {
    let scene = scene();
    segmented(&scene, "ts", "hls", "film");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("second.ts");
    whole(&scene, &["film-00002.ts"], &file);
    let mut command = ffmpeg();
    command.args(["-v", "error", "-xerror", "-i"]).arg(&file).args(["-f", "null", "-"]);
    assert!(run(&mut command).stderr.is_empty());
}

/// `a.mp4` in segments of 80 ms beside `film.m3u8`, in this size.
fn event(size: &str) -> Value {
    let process = format!(
        "video/concat,f_ts,{USUAL},s_{size}/segment,f_hls,t_80|sys/saveas,b_{},o_{}",
        b64("results"),
        b64("film"),
    );
    json!({"bucket": "sources", "object": "a.mp4", "process": process})
}

fn assert_whole(scene: &Scene, records: &[Value]) {
    let playlist = scene.s3.get("results", "film.m3u8").unwrap();
    let playlist = String::from_utf8(playlist).unwrap();
    let named: BTreeSet<String> =
        playlist.lines().filter(|line| is_segment(line)).map(str::to_owned).collect();
    let mut stored: BTreeSet<String> = scene.s3.keys("results").into_iter().collect();
    stored.retain(|key| is_segment(key));
    assert_eq!(named, stored);
    let runs: Vec<String> = records.iter().map(run_of).collect();
    let of_playlist = runs.iter().filter(|run| named.iter().all(|name| name.contains(&**run)));
    assert_eq!(of_playlist.count(), 1, "{runs:?}: {playlist}");
}

#[test]
fn a_playlist_never_names_segments_of_two_requests() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).size(64, 48).seconds(2.0));
    let instances = [(); 3].map(|()| Function::start(settings(&scene.s3, &scene.sns)));
    let events = ["64x48", "32x24", "48x32"].map(event);
    let records: Vec<Value> = std::thread::scope(|scope| {
        let asking = instances
            .iter()
            .zip(&events)
            .map(|(instance, event)| scope.spawn(move || instance.invoke(event).unwrap()));
        let asking: Vec<_> = asking.collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for record in &records {
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
    }
    assert_whole(&scene, &records);
    // The task that was overwritten is made again.
    let again = scene.function.invoke(&events[0]).unwrap();
    assert_eq!(again["Status"], "Succeeded", "{again:#}");
    assert_whole(&scene, &[again]);
}

#[test]
fn more_segments_than_a_record_can_name_are_refused_before_they_are_made() {
    let scene = Scene::new()
        .source("a.mp4", &Source::new(1).size(64, 48).seconds(80.0))
        .source("b.mp4", &Source::new(1).size(64, 48).seconds(1.0));
    let long = "k".repeat(980);
    let outcome = scene.segment(&format!("f_ts,{USUAL}"), "f_hls,t_40", &long);
    let message = outcome.failed("InvalidArgument");
    assert!(message.contains("`t`") && message.contains("2027 segments"), "{message}");
    assert_eq!(outcome.record["Timings"]["EncodeMs"], 0);
    let too_long = scene.segment(&format!("f_ts,{USUAL}"), "f_hls,t_1000", &"k".repeat(1017));
    let message = too_long.failed("InvalidArgument");
    assert!(message.contains("1024"), "{message}");
    assert_eq!(too_long.record["Timings"]["EncodeMs"], 0);
}

/// Storage accepts the segments too slowly.
#[test]
fn segments_that_can_not_be_stored_in_time_are_removed_before_the_reply() {
    let scene = Scene::new().source("a.mp4", &Source::new(1).size(64, 48).seconds(4.0));
    let stalled = Fault::new(Answer::Stall).method(hyper::Method::PUT).part(".ts");
    scene.s3.fail(stalled.skip(20).times(usize::MAX));
    let reply = scene.function.invoke_within(&event("64x48"), Duration::from_secs(30)).unwrap();
    assert_eq!(reply["Code"], "DeadlineExceeded", "{reply:#}");
    assert_eq!(reply["Targets"], json!([]));
    let left: Vec<_> =
        scene.s3.keys("results").into_iter().filter(|key| key.starts_with("film")).collect();
    assert_eq!(left, [] as [String; 0]);
    scene.assert_clean();
}
