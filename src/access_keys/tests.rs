//! Compares random limited keys and tasks with the simplest interpretation of their patterns.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::sample::select;

use super::{AccessKey, AccessKeys, Outside};
use crate::object::{ETag, ObjectUri, has_parent_segment};
use crate::playlist::stem;
use crate::process::template::Variables;
use crate::process::{Limits, Request, parse, resolve};
use crate::task::{SourceRecord, TaskRecord, example};

const PATTERNS: &[&str] = &[
    "aaa", "bbb", "aaa/*", "aaa/x*", "aaa/x/*", "aaa/x.e", "aaa/x-*", "aaa/x.*", "aaa/y/*",
    "bbb/x*", "bbb/x/y*", "bbb/x.e", "bbb/.*",
];
const KEYS: &[&str] = &["x", "y", "x.e", "x/y", "x/y.e", "y/x.e", "x.e.e", ".e", "x-1", "x/../y"];
const TARGETS: &[&str] = &[
    "x",
    "x.e",
    "x/y",
    "x.e/y",
    "x/{t_year}",
    "x{resolution}.e",
    "x.{t_year}",
    "x.e{t_year}/y",
    "{key}",
    "{dirname}/x",
    "{barename}",
    "x/{ext}",
    "x/../y",
    "../x",
    "./x",
    ".e",
    "{resolution}",
    "x-{index}",
];
const BUCKETS: &[Option<&str>] =
    &[None, Some("aaa"), Some("bbb"), Some("{bucket}"), Some("b{ext}")];
const TOPICS: &[Option<&str>] =
    &[None, Some("t"), Some("tt"), Some("arn:aws:sns:r:123456789012:t")];
const TOPIC_PATTERNS: &[&str] = &["t", "t*", "*", "u", "arn:aws:sns:r:123456789012:t"];

fn arn(topic: &str) -> String {
    if topic.starts_with("arn:") {
        topic.to_owned()
    } else {
        format!("arn:aws:sns:r:123456789012:{topic}")
    }
}

/// A key with these limits, as written.
#[derive(Clone, Debug)]
struct Written {
    sources: Option<Vec<&'static str>>,
    targets: Option<Vec<&'static str>>,
    topics: Option<Vec<&'static str>>,
}

impl Written {
    fn key(&self) -> AccessKey {
        let text = serde_json::json!({"id": {
            "secret": "s", "sources": self.sources, "targets": self.targets, "topics": self.topics,
        }});
        AccessKeys::from_json(&text.to_string()).unwrap().get("id").unwrap().clone()
    }
}

fn within(patterns: Option<&Vec<&str>>, name: &str) -> bool {
    let inside = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => {
            name == *pattern
                || !pattern.contains(['/', ':']) && name.starts_with(&format!("{pattern}/"))
        }
    };
    patterns.is_none_or(|patterns| patterns.iter().any(inside))
}

fn written() -> impl Strategy<Value = Written> {
    let some = |known: &'static [&'static str]| {
        proptest::option::of(proptest::collection::vec(select(known), 0..3))
    };
    (some(PATTERNS), some(PATTERNS), some(TOPIC_PATTERNS))
        .prop_map(|(sources, targets, topics)| Written { sources, targets, topics })
}

fn name(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn asked() -> impl Strategy<Value = (Request, ObjectUri)> {
    let lists = proptest::collection::vec(select(KEYS), 0..2);
    let places = (select(&["aaa", "bbb"][..]), select(KEYS), lists.clone(), lists);
    let ends = (select(BUCKETS), select(TARGETS), any::<bool>(), select(TOPICS));
    (places, ends).prop_filter_map("it holds together", |(places, ends)| {
        let ((bucket, key, pres, surs), (target_bucket, target, segmented, topic)) = (places, ends);
        let clip = |role: &str, keys: Vec<&str>| {
            let clips = keys.into_iter().map(|key| format!("/{role},o_{}", name(key)));
            clips.collect::<Vec<_>>().concat()
        };
        let process = format!(
            "video/concat,f_ts,vcodec_h264,acodec_aac{}{}{}|sys/saveas,o_{}{}{}",
            clip("pre", pres),
            clip("sur", surs),
            if segmented { "/segment,f_hls,t_1000" } else { "" },
            name(target),
            target_bucket.map_or_else(String::new, |bucket| format!(",b_{}", name(bucket))),
            topic.map_or_else(String::new, |topic| format!("/notify,topic_{}", name(topic))),
        );
        let main = ObjectUri::named(bucket, key).unwrap();
        let request = resolve(&parse(&process).ok()?, &main, Limits { max_sources: 11 }).ok()?;
        Some((request, main))
    })
}

/// The names of everything that a task writes, for one possible outcome of its sources.
fn outputs(request: &Request, main: &ObjectUri, variables: &Variables) -> Vec<String> {
    let values = Variables {
        bucket: main.bucket.to_string(),
        key: main.key.to_string(),
        autoext: request.auto_extension().to_owned(),
        ..variables.clone()
    };
    let bucket = match &request.target.bucket {
        Some(template) => template.render(&values).unwrap(),
        None => request.bucket.to_string(),
    };
    let key = request.target.key.target_key(&values).unwrap();
    let mut keys = vec![key.clone()];
    if request.segment.is_some() {
        keys.extend(["-00001.ts", "-init.mp4"].map(|end| format!("{}{end}", stem(&key))));
    }
    keys.into_iter().map(|key| format!("{bucket}/{key}")).collect()
}

fn record(request: &Request) -> TaskRecord {
    let example = example();
    let source = |clip: &crate::process::request::Clip| SourceRecord {
        uri: request.uri(&clip.key),
        etag: ETag::new("tag"),
        ..example.sources[0].clone()
    };
    TaskRecord {
        sources: request.clips.iter().map(source).collect(),
        process: request.canonical.clone(),
        targets: Vec::new(),
        user_data: Some("a secret".to_owned()),
        ..example.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn what_a_key_may_ask_for_stays_inside(
        written in written(),
        (request, main) in asked(),
        resolution in select(&["1x1", "1920x1080"][..]),
        year in 1..9999_u16,
    ) {
        let mut variables =
            Variables { resolution: Some(resolution.to_owned()), ..Variables::default() };
        variables.created.year = year;
        let Ok(()) = written.key().check(&request, arn) else { return Ok(()) };
        for clip in &request.clips {
            let name = format!("{}/{}", request.bucket, clip.key);
            prop_assert!(within(written.sources.as_ref(), &name), "reads {name}");
            prop_assert!(written.sources.is_none() || !has_parent_segment(&clip.key), "{name}");
        }
        for name in outputs(&request, &main, &variables) {
            prop_assert!(within(written.targets.as_ref(), &name), "writes {name}");
        }
        if let (Some(topic), Some(patterns)) = (&request.topic, &written.topics) {
            let patterns: Vec<String> = patterns.iter().map(|pattern| arn(pattern)).collect();
            let patterns = patterns.iter().map(String::as_str).collect();
            prop_assert!(within(Some(&patterns), &arn(topic)), "tells {topic}");
        }
    }

    #[test]
    fn a_record_is_seen_by_keys_that_could_have_made_its_task(
        written in written(),
        (request, _) in asked(),
        spoiled in 0..4_u8,
    ) {
        let mut record = record(&request);
        let key = written.key();
        let could = key.check(&request, arn).is_ok();
        match spoiled {
            0 => record.sources.clear(),
            1 => record.process = "video/concat".to_owned(),
            2 => { record.sources.pop(); }
            _ => {}
        }
        let limits =
            [written.sources.is_some(), written.targets.is_some(), written.topics.is_some()];
        let is_limited = limits.contains(&true);
        let expected = !is_limited || spoiled > 2 && could;
        prop_assert_eq!(key.may_see(&record, arn), expected);
    }

    /// A key can't see what the tasks of another key read and store, unless it could have requested
    /// the same.
    #[test]
    fn tenants_do_not_meet((mine, other) in (written(), written()), (request, main) in asked()) {
        let others = [&other.sources, &other.targets, &other.topics];
        prop_assume!(mine.key().check(&request, arn).is_ok() && others != [&None, &None, &None]);
        let seen = other.key().may_see(&record(&request), arn);
        let read = request.clips.iter().map(|clip| format!("{}/{}", request.bucket, clip.key));
        let values = Variables { resolution: Some("1x1".to_owned()), ..Variables::default() };
        let shared = read.clone().all(|name| within(other.sources.as_ref(), &name))
            && outputs(&request, &main, &values)
                .iter()
                .all(|name| within(other.targets.as_ref(), name));
        prop_assert!(!seen || shared);
    }
}

#[test]
fn what_is_outside_is_named() {
    let key = Written {
        sources: Some(vec!["aaa/x*"]),
        targets: Some(vec!["bbb/x*"]),
        topics: Some(vec!["t"]),
    };
    let check = |object: &str, target: &str, topic: &str| {
        let process = format!(
            "video/concat,f_ts,vcodec_h264,acodec_aac|sys/saveas,b_{},o_{}/notify,topic_{}",
            name("bbb"),
            name(target),
            name(topic)
        );
        let main = ObjectUri::named("aaa", object).unwrap();
        let request = resolve(&parse(&process).unwrap(), &main, Limits { max_sources: 11 });
        key.key().check(&request.unwrap(), arn)
    };
    assert_eq!(check("x", "x", "t"), Ok(()));
    assert_eq!(check("y", "x", "t"), Err(Outside::Source(ObjectUri::named("aaa", "y").unwrap())));
    assert_eq!(check("x", "y", "t"), Err(Outside::Target("y".to_owned())));
    assert_eq!(check("x", "x", "tt"), Err(Outside::Topic("tt".to_owned())));
}
