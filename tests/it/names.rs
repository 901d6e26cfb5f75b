//! Names of sources and targets as the object store receives them.

use hyper::Method;

use crate::bed::fault::{Answer, Fault};
use crate::bed::reading::Reading;
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, b64, sur, without_run};

fn short() -> Source {
    Source::new(1).seconds(0.4)
}

/// A transcode of `main` to this target.
fn to(scene: &Scene, main: &str, bucket: Option<&str>, key: &str) -> Outcome {
    let bucket = bucket.map_or_else(String::new, |name| format!("b_{},", b64(name)));
    let target = format!("|sys/saveas,{bucket}o_{}", b64(key));
    scene.process(main, &format!("video/concat,f_mp4,{USUAL}{target}"))
}

/// The scene, with one short source under each of these keys.
fn with_keys(keys: &[&str]) -> Scene {
    let scene = Scene::new();
    let film = short().write("short.mp4");
    for key in keys {
        scene.s3.put_file("sources", key, &film);
    }
    scene
}

fn stored(scene: &Scene) -> Vec<String> {
    let mut keys = scene.s3.keys("results");
    keys.retain(|key| !key.starts_with(".tasks/"));
    keys
}

#[test]
fn every_variable_stands_for_what_it_says() {
    let main = "films/2024/my.holiday.mov";
    let scene = with_keys(&[main]);
    let modified = scene.s3.head("sources", main).unwrap().last_modified.unwrap();
    let modified = jiff::Timestamp::from_second(modified.secs()).unwrap();
    let modified = modified.strftime("%Y-%m-%d-%H-%M-%S").to_string();
    for (template, expected) in [
        ("{bucket}/{key}", "sources/films/2024/my.holiday.mov"),
        ("{dirname}/x/{basename}.{autoext}", "films/2024/x/my.holiday.mov.mp4"),
        ("{barename}", "my.mp4"),
        ("{ext}-{autoext}.{autoext}", "mov-mp4.mp4"),
        ("{resolution}.mp4", "160x120.mp4"),
        ("{index}-{streamindex}.mp4", "1-0.mp4"),
        ("{{{barename}}}.mp4", "{my.holiday}.mp4"),
        ("{{key}}.mp4", "{key}.mp4"),
        ("no-extension", "no-extension.mp4"),
        ("folder.d/none", "folder.d/none.mp4"),
        ("{year}-{mon}-{day}-{hour}-{min}-{sec}.mp4", &format!("{modified}.mp4")),
    ] {
        let outcome = to(&scene, main, Some("results"), template).succeeded();
        let uri = outcome.record["Targets"][0]["URI"].as_str().unwrap();
        // `my.holiday` has an extension of its own.
        let expected = if template == "{barename}" { "my.holiday" } else { expected };
        assert_eq!(uri, format!("s3://results/{expected}"), "{template}");
        assert!(scene.s3.head("results", expected).is_some(), "{template}");
    }
}

/// The playlist has the target's name; a segment has its own number there, and adds it.
#[test]
fn segments_have_numbers_of_their_own_in_the_target_s_name() {
    let scene = with_keys(&["a.mp4", "b.mp4"]);
    for (f, segment, template, expected) in [
        (
            "f_ts",
            "f_hls,t_400",
            "{ext}/{index}-{autoext}",
            &["mp4/1-m3u8-00001.ts", "mp4/1-m3u8.m3u8", "mp4/2-m3u8-00002.ts"][..],
        ),
        ("f_ts", "f_hls,t_400", "{index}", &["1-00001.ts", "1.m3u8", "2-00002.ts"]),
        (
            "f_mp4",
            "f_hls,t_400",
            "{index}a/no{index}",
            &["1a/no1-00001.m4s", "1a/no1-init.mp4", "1a/no1.m3u8", "1a/no2-00002.m4s"],
        ),
        (
            "f_mp4",
            "f_dash,t_400",
            "d/{streamindex}_{index}.{autoext}",
            &[
                "d/0_1-0-00001.m4s",
                "d/0_1-0-init.mp4",
                "d/0_1.mpd",
                "d/0_2-0-00002.m4s",
                "d/1_1-1-00001.m4s",
                "d/1_1-1-init.mp4",
                "d/1_2-1-00002.m4s",
                "d/1_3-1-00003.m4s",
            ],
        ),
    ] {
        let rest = "vcodec_h264,acodec_aac";
        // The second one replaces the first one's playlist and segments.
        for crf in ["crf_30", "crf_40"] {
            scene.segment(&format!("{f},{rest},{crf}"), segment, template).succeeded();
        }
        let mut keys = stored(&scene);
        let playlist = keys.iter().find(|key| key.ends_with("m3u8") || key.ends_with("mpd"));
        let playlist = playlist.unwrap().clone();
        let file = scene.s3.path("results", &playlist);
        let file = if playlist.ends_with("mpd") { video_of(&scene, &keys) } else { file };
        assert_eq!(Reading::of(file).packets("video").len(), 20, "{template}");
        for key in &mut keys {
            scene.s3.delete("results", key);
            *key = without_run(key);
        }
        assert_eq!(keys, expected, "{template}");
    }
}

/// The video of a manifest with these segments, whose names it has to give.
fn video_of(scene: &Scene, keys: &[String]) -> std::path::PathBuf {
    let manifest = String::from_utf8(scene.s3.get("results", "d/0_1.mpd").unwrap()).unwrap();
    let attribute = |name: &str| {
        let value = manifest.split_once(&format!(" {name}=\"")).unwrap().1;
        value.split_once('"').unwrap().0.replace("$RepresentationID$", "0")
    };
    let media = attribute("media");
    let mut names = vec![attribute("initialization")];
    names.extend((1..=2).map(|number| {
        let plain = media.replace("$Number$", &number.to_string());
        plain.replace("$Number%05d$", &format!("{number:05}"))
    }));
    let segments = names.iter().map(|name| scene.s3.get("results", &format!("d/{name}")));
    let whole: Vec<Vec<u8>> = segments.map(Option::unwrap).collect();
    assert_eq!(keys.iter().filter(|key| key.starts_with("d/0")).count(), 4, "{keys:?}");
    let file = scene.s3.root().join("video.mp4");
    std::fs::write(&file, whole.concat()).unwrap();
    file
}

#[test]
fn the_time_of_creation_is_the_task_s_own() {
    let scene = with_keys(&["a.mp4"]);
    let template = "{t_year}-{t_mon}-{t_day}T{t_hour}:{t_min}:{t_sec}.mp4";
    let outcome = to(&scene, "a.mp4", Some("results"), template).succeeded();
    let started = outcome.record["StartTime"].as_str().unwrap();
    let key = format!("{}.mp4", &started[..19]);
    assert_eq!(stored(&scene), [key]);
}

#[test]
fn keys_reach_the_server_as_they_are() {
    let long = format!("{}/{}.mp4", "d".repeat(60), "k".repeat(60));
    let keys = [
        "with space.mp4",
        "a+b%20c%.mp4",
        "what?x=1&y=2#top.mp4",
        "quo'te\"d <tag> & `tick`.mp4",
        "semi;colon:comma,pipe|back\\slash.mp4",
        "ümläut-e\u{301}-한국어-🎬.mp4",
        "{braces}.mp4",
        "~tilde!$*()@=.mp4",
        "-dash.mp4",
        "file:x.mp4",
        "%(title)s-%03d.mp4",
        "..hidden..mp4",
        &long,
    ];
    let scene = with_keys(&keys);
    for key in keys {
        scene.s3.forget_calls();
        let template = key.replace('{', "{{").replace('}', "}}");
        let outcome = to(&scene, key, Some("results"), &template).succeeded();
        assert_eq!(outcome.record["Targets"][0]["URI"], format!("s3://results/{key}"));
        assert_eq!(outcome.record["Sources"][0]["URI"], format!("s3://sources/{key}"));
        assert!(scene.s3.head("results", key).is_some(), "{key}");
    }
    let mut expected = keys.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(stored(&scene), expected);
    scene.assert_clean();
}

#[test]
fn other_clips_have_such_names_too() {
    let keys = ["main.mp4", "zweiter Teil (ä+b%?#).mp4", "🎬/e\u{301}.mp4"];
    let scene = with_keys(&keys);
    let outcome = scene.run("main.mp4", &format!("f_mp4,{USUAL}{}{}", sur(keys[1]), sur(keys[2])));
    let outcome = outcome.succeeded();
    for (clip, key) in keys.iter().enumerate() {
        assert_eq!(outcome.record["Sources"][clip]["URI"], format!("s3://sources/{key}"));
    }
}

/// The keys in the requests to the server, percent-decoded.
fn asked(scene: &Scene, method: &str, bucket: &str) -> Vec<String> {
    let prefix = format!("/{bucket}/");
    let calls = scene.s3.calls().into_iter().filter(|call| call.method == method);
    let keys = calls.filter_map(|call| call.path.strip_prefix(&prefix).map(decoded));
    let mut keys: Vec<String> =
        keys.filter(|key| !key.is_empty() && !key.starts_with(".tasks/")).collect();
    keys.dedup();
    keys
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let (digits, tail) = rest.split_at(2);
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = tail;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Keys that the server's file system can't store: the test checks the requests, whatever their
/// result.
#[test]
fn slashes_and_long_keys_are_asked_for_as_they_are() {
    let scene = with_keys(&["a.mp4"]);
    let long = format!("{}.mp4", "k".repeat(1019));
    let accents = format!("{}.mp4", "é".repeat(509));
    for key in
        ["/leading.mp4", "a//b.mp4", "//x//y.mp4", "a/./b.mp4", "a/../b.mp4", &long, &accents]
    {
        // Rejected, since many programs would look for it elsewhere.
        let leads_up = key.contains("/../");
        let ask = |main: &str, target: &str, method: Method| {
            // Fails at once in our code; failures of the server would be retried.
            let refusal = Fault::new(Answer::Error(403, "AccessDenied")).part(".mp4");
            scene.s3.fail(refusal.method(method));
            scene.s3.forget_calls();
            let target = format!("|sys/saveas,b_{},o_{}", b64("results"), b64(target));
            let _ = scene.invoke(main, &format!("video/concat,f_mp4,{USUAL}{target}"));
        };
        ask(key, "x.mp4", Method::HEAD);
        assert_eq!(asked(&scene, "HEAD", "sources"), [key]);
        ask("a.mp4", key, Method::PUT);
        let mut looked = asked(&scene, "HEAD", "results");
        looked.extend(asked(&scene, "PUT", "results"));
        // The server itself can't store some of them.
        looked.dedup();
        assert_eq!(looked, [key].into_iter().filter(|_| !leads_up).collect::<Vec<_>>());
    }
    scene.assert_clean();
}

#[test]
fn a_key_longer_than_storage_allows_is_refused() {
    let scene = with_keys(&["a.mp4"]);
    for target in [format!("{}.mp4", "k".repeat(1021)), format!("{{key}}{}", "k".repeat(1020))] {
        let message = to(&scene, "a.mp4", Some("results"), &target).failed("InvalidArgument");
        assert!(message.contains("1024"), "{message}");
    }
    assert!(scene.s3.calls().is_empty());
}

#[test]
fn a_target_that_is_a_source_is_refused() {
    let scene = with_keys(&["a.mp4", "160x120.mp4", "b.mp4"]);
    for (main, bucket, target) in [
        ("a.mp4", None, "a.mp4"),
        ("a.mp4", Some("sources"), "{key}"),
        ("a.mp4", None, "{barename}"),
        ("160x120.mp4", None, "{resolution}"),
        ("a.mp4", Some("{bucket}"), "{barename}.{ext}"),
    ] {
        let message = to(&scene, main, bucket, target).failed("InvalidArgument");
        assert!(message.contains("is also a source"), "{message}");
    }
    let process = format!("video/concat,f_mp4,{USUAL}{}|sys/saveas,o_{}", sur("b.mp4"), b64("b"));
    let message = scene.process("a.mp4", &process).failed("InvalidArgument");
    assert!(message.contains("`sources/b.mp4` is also a source"), "{message}");
    let puts = scene.s3.calls().into_iter().filter(|call| call.method == "PUT");
    assert!(puts.filter(|call| !call.path.contains(".tasks")).count() == 0);
}

#[test]
fn the_same_key_in_another_bucket_is_another_object() {
    let scene = with_keys(&["a.mp4"]);
    let before = scene.s3.get("sources", "a.mp4");
    to(&scene, "a.mp4", Some("results"), "{key}").succeeded();
    assert_eq!(stored(&scene), ["a.mp4"]);
    assert_eq!(scene.s3.get("sources", "a.mp4"), before);
}
