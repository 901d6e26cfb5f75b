//! Random limited keys, random tasks of each key, and every way to a record: no key can read, list,
//! cancel, or start a task that its own limits would not have let it request.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha1::Sha1;

use super::Doors;
use crate::bed::gateway::{Came, Kind};
use crate::bed::invocation::Reply;
use crate::scene::b64;

/// 276 pairs of them.
const TENANTS: usize = 24;
const TURNS: usize = 6;

const OBJECTS: [&str; 5] = ["x.mp4", "x/a.mp4", "xy.mp4", "y.mp4", "y/x.mp4"];
const SOURCES: [&str; 8] = [
    "sources",
    "sources/x*",
    "sources/x/*",
    "sources/y*",
    "sources/x.mp4",
    "results/x*",
    "results/y/*",
    "tasks/*",
];
const NAMES: [&str; 6] = ["x", "x.mp4", "x/y", "xy", "y", "y/x.mp4"];
const TARGETS: [&str; 8] = [
    "results",
    "results/x*",
    "results/x/*",
    "results/y*",
    "results/x.mp4",
    "sources/y*",
    "sources",
    "tasks/x*",
];
const BUCKETS: [&str; 2] = ["sources", "results"];
const TOPICS: [Option<&str>; 3] = [None, Some("done"), Some("dusk")];
const TOPIC_PATTERNS: [&str; 4] = ["done", "d*", "dusk", "*"];

/// Numbers that look random, and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).unwrap()
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Some patterns, or no limit.
    fn limit(&mut self, all: &[&'static str]) -> Option<Vec<&'static str>> {
        let count = self.below(5);
        (count > 0).then(|| (0..count).map(|_| self.one(all)).collect())
    }
}

struct Tenant {
    id: String,
    sources: Option<Vec<&'static str>>,
    targets: Option<Vec<&'static str>>,
    topics: Option<Vec<&'static str>>,
}

struct Task {
    sources: Vec<String>,
    bucket: &'static str,
    name: &'static str,
    segmented: bool,
    topic: Option<&'static str>,
    main: (&'static str, &'static str),
    process: String,
}

/// The plainest reading of a pattern.
fn within(patterns: Option<&Vec<&str>>, name: &str) -> bool {
    let inside = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => {
            name == *pattern || !pattern.contains('/') && name.starts_with(&format!("{pattern}/"))
        }
    };
    patterns.is_none_or(|patterns| patterns.iter().any(inside))
}

impl Tenant {
    fn random(number: usize, dice: &mut Dice) -> Self {
        Self {
            id: format!("tenant{number}"),
            sources: dice.limit(&SOURCES),
            targets: dice.limit(&TARGETS),
            topics: dice.limit(&TOPIC_PATTERNS),
        }
    }

    fn written(&self) -> Value {
        let fields =
            [("sources", &self.sources), ("targets", &self.targets), ("topics", &self.topics)];
        let limits = fields
            .into_iter()
            .filter_map(|(name, limit)| Some((name.to_owned(), json!(limit.as_ref()?))));
        [("secret".to_owned(), json!(secret(&self.id)))].into_iter().chain(limits).collect()
    }

    fn could_ask(&self, task: &Task) -> bool {
        let stem = task.name.strip_suffix(".mp4").unwrap_or(task.name);
        let mut outputs = vec![format!("{}/{}", task.bucket, task.name)];
        if task.segmented {
            outputs.push(format!("{}/{stem}-00001.ts", task.bucket));
        }
        task.sources.iter().all(|name| within(self.sources.as_ref(), name))
            && outputs.iter().all(|name| within(self.targets.as_ref(), name))
            && task.topic.is_none_or(|topic| within(self.topics.as_ref(), topic))
    }

    /// Signs a request by version 1, and has the function answer it.
    fn ask(
        &self,
        doors: &Doors,
        method: &str,
        path: &str,
        query: &str,
        body: &str,
    ) -> (u64, Value) {
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let md5 = BASE64_STANDARD.encode(Md5::digest(body));
        let resource = match (path, query) {
            ("/tasks", _) => "/tasks/".to_owned(),
            (path, "") => path.to_owned(),
            (path, query) => format!("{path}?{query}"),
        };
        let text = format!("{method}\n{md5}\n\n{date}\n{resource}");
        let mac = Hmac::<Sha1>::new_from_slice(secret(&self.id).as_bytes()).unwrap();
        let mac = mac.chain_update(text).finalize().into_bytes();
        let signature = format!("OSS {}:{}", self.id, BASE64_STANDARD.encode(mac));
        let headers = [
            ("host", "doors.example.com".to_owned()),
            ("date", date),
            ("content-md5", md5),
            ("authorization", signature),
        ];
        let came = Came {
            method: method.to_owned(),
            path: path.to_owned(),
            query: (!query.is_empty()).then(|| query.to_owned()),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: body.to_owned().into(),
        };
        let Reply::Ok(reply) = doors.front.invoke(&came.event(Kind::FunctionUrl, None)) else {
            panic!("{method} {path} is a function error");
        };
        let body = reply["body"].as_str().unwrap_or_default();
        (reply["statusCode"].as_u64().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn submit(&self, doors: &Doors, task: &Task, by_path: bool) -> (u64, Value) {
        let (bucket, key) = task.main;
        if by_path {
            let (path, body) =
                (format!("/{bucket}/{key}"), format!("x-oss-async-process={}", task.process));
            return self.ask(doors, "POST", &path, "x-oss-async-process", &body);
        }
        let event =
            json!({"bucket": bucket, "object": key, "process": task.process, "userData": self.id});
        self.ask(doors, "POST", "/", "", &event.to_string())
    }
}

fn secret(id: &str) -> String {
    format!("the secret of {id}")
}

impl Task {
    fn random(dice: &mut Dice) -> Self {
        let main = (dice.one(&BUCKETS), dice.one(&OBJECTS));
        let others: Vec<&str> = (0..dice.below(2)).map(|_| dice.one(&OBJECTS)).collect();
        let (bucket, name, topic) = (dice.one(&BUCKETS), dice.one(&NAMES), dice.one(&TOPICS));
        let segmented = dice.below(4) == 0;
        let clips = others.iter().map(|key| format!("/sur,o_{}", b64(key)));
        let process = format!(
            "video/concat,f_ts,vcodec_h264,acodec_aac{}{}|sys/saveas,b_{},o_{}{}",
            clips.collect::<String>(),
            if segmented { "/segment,f_hls,t_1000" } else { "" },
            b64(bucket),
            b64(name),
            topic.map_or_else(String::new, |topic| format!("/notify,topic_{}", b64(topic))),
        );
        let sources = others.iter().chain([&main.1]).map(|key| format!("{}/{key}", main.0));
        Self { sources: sources.collect(), bucket, name, segmented, topic, main, process }
    }
}

#[test]
fn no_tenant_meets_another() {
    let mut dice = Dice(20_261_126);
    let tenants: Vec<Tenant> =
        (0..TENANTS).map(|number| Tenant::random(number, &mut dice)).collect();
    let keys: BTreeMap<&str, Value> =
        tenants.iter().map(|tenant| (&*tenant.id, tenant.written())).collect();
    let keys = json!(keys).to_string();
    let doors = Doors::with(|settings| settings.set("OSS_ACCESS_KEYS", keys));
    for bucket in BUCKETS {
        for key in OBJECTS {
            doors.s3.put(bucket, key, "media");
        }
    }
    let mut begun: BTreeMap<String, Task> = BTreeMap::new();
    let mut refused = 0;
    for tenant in &tenants {
        // Most random requests are not allowed to anybody.
        for turn in 0..TURNS {
            let task = Task::random(&mut dice);
            let before = doors.s3.keys("tasks");
            let could = tenant.could_ask(&task);
            let (status, reply) = tenant.submit(&doors, &task, turn % 2 == 0);
            if status == 200 {
                assert!(could, "{} began {}", tenant.id, task.process);
                begun.insert(reply["TaskId"].as_str().unwrap().to_owned(), task);
            } else {
                refused += 1;
                assert_eq!(doors.s3.keys("tasks"), before, "{}", task.process);
            }
        }
    }
    assert!(begun.len() >= 20 && refused >= 30, "{} begun, {refused} refused", begun.len());
    let records: BTreeSet<String> = begun.keys().map(|id| format!(".tasks/{id}.json")).collect();
    assert_eq!(doors.s3.keys("tasks").into_iter().collect::<BTreeSet<_>>(), records);
    let pairs = meet(&doors, &tenants, &begun);
    assert!(pairs.0 >= 50 && pairs.1 >= 200, "{pairs:?}");
}

/// Every tenant at every record. How many could be seen, and how many not.
fn meet(doors: &Doors, tenants: &[Tenant], begun: &BTreeMap<String, Task>) -> (usize, usize) {
    let (mut seen, mut hidden) = (0, 0);
    for tenant in tenants {
        let (status, list) = tenant.ask(doors, "GET", "/tasks", "", "");
        assert_eq!(status, 200);
        let listed = list["Tasks"].as_array().unwrap();
        let listed: BTreeSet<&str> =
            listed.iter().map(|record| record["TaskId"].as_str().unwrap()).collect();
        for (id, task) in begun {
            let could = tenant.could_ask(task);
            let (status, record) = tenant.ask(doors, "GET", &format!("/tasks/{id}"), "", "");
            assert_eq!(status == 200, listed.contains(&**id), "{}: {id}", tenant.id);
            if status == 200 {
                assert!(could, "{} reads {}", tenant.id, task.process);
                seen += 1;
                continue;
            }
            hidden += 1;
            assert!(record["UserData"].is_null());
            if hidden % 4 == 0 {
                let (status, _) = tenant.ask(doors, "DELETE", &format!("/tasks/{id}"), "", "");
                assert_eq!(status, 403, "{} cancels {}", tenant.id, task.process);
            }
        }
    }
    for id in begun.keys() {
        let record = doors.record(&id.clone().into());
        assert_eq!(record["Status"], "Running", "{record}");
    }
    (seen, hidden)
}
