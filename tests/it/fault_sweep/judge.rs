//! Checks whether everything that is reported about a task is true, using only what is visible from
//! outside.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::scenario::Scenario;
use super::stage::{Reply, World};
use crate::bed::s3::Call;
use crate::bed::sns::Message;

/// An object of the results: its entity tag, and its size as in the record.
type Objects = BTreeMap<String, (String, u64)>;

/// What is wrong.
pub(super) type Complaints = Vec<String>;

/// After any run, whatever has failed in it.
pub(super) fn run(world: &World, scenario: &Scenario, reply: &Reply) -> Complaints {
    let mut wrong = Complaints::new();
    let objects = objects(world);
    let nothing = is_untouched(world, scenario, &objects);
    match reply {
        Ok(record) if record["Status"] == "Succeeded" => {
            wrong.extend(targets(record, &objects).map(|text| format!("reply: {text}")));
        }
        Ok(record) if record["Status"] == "Failed" => {
            let said = record["Message"].as_str().unwrap_or_default();
            wrong.extend(untold(nothing, said, &objects).map(|text| format!("reply: {text}")));
        }
        Ok(other) => wrong.push(format!("the reply is {other}")),
        Err((_, said)) => {
            wrong.extend(untold(nothing, said, &objects).map(|text| format!("error: {text}")));
        }
    }
    wrong.extend(record(world, reply, nothing, &objects).map(|text| format!("record: {text}")));
    wrong.extend(messages(world, reply, nothing, &objects));
    wrong.extend(files(world));
    wrong.extend(events(world, reply));
    wrong
}

/// The bus gets the same end of the task as the caller, or nothing.
fn events(world: &World, reply: &Reply) -> Option<String> {
    let mut heard = world.bus.as_ref()?.states();
    heard.dedup();
    let status = reply.as_ref().map_or("Failed".into(), |record| record["Status"].clone());
    let ends: Vec<_> = heard.iter().filter(|it| *it != "Running").collect();
    let is_true = ends.last().is_none_or(|&last| status == **last);
    (!is_true).then(|| format!("the bus hears {heard:?}, the caller {status}"))
}

/// Once nothing fails any more, the task has its result.
pub(super) fn success(world: &World, reply: &Reply) -> Complaints {
    let mut wrong = Complaints::new();
    match reply {
        Ok(record) if record["Status"] == "Succeeded" => {}
        other => wrong.push(format!("the retry says {other:?}")),
    }
    let status = stored_record(world).map(|record| record["Status"].clone());
    if status != Some("Succeeded".into()) {
        wrong.push(format!("the record says {status:?} after the retry"));
    }
    let last = world.sns.messages().last().map(|message| message.attributes["Status"].1.clone());
    if last.as_deref() != Some("Succeeded") {
        wrong.push(format!("the last message says {last:?} after the retry"));
    }
    wrong.extend(unfinished(world));
    wrong
}

/// After the function's time was over: the record says how the task ended. Before all sources have
/// been looked at there is no record, since the task's id is unknown.
pub(super) fn ended(world: &World, reply: &Reply) -> Option<String> {
    let Ok(replied) = reply else { return Some(format!("the reply is {reply:?}")) };
    let is_nameless = replied["Sources"] == json!([]);
    let told = stored_record(world).or_else(|| is_nameless.then(|| replied.clone()));
    let told = told.unwrap_or_default();
    let is_over = told["Code"] == "DeadlineExceeded" || told["Status"] == "Succeeded";
    (!is_over).then(|| format!("the record is {told}, and the reply {replied}"))
}

/// Storage keeps no parts of any upload. An upload without parts may be left if its creation was
/// not answered, or its name not recorded.
pub(super) fn unfinished(world: &World) -> Option<String> {
    let (open, parts) = (world.s3.unfinished_uploads(), world.s3.parts());
    let nameless = |two: &&[Call]| {
        let is_creation = two[0].method == "POST" && two[0].query.starts_with("uploads");
        let is_note = two[1].method == "PUT" && two[1].path.contains("/.tasks/");
        is_creation && (!is_note || two.iter().any(|call| call.status != 200))
    };
    let nameless = world.s3.calls().windows(2).filter(nameless).count();
    (open.len() > nameless || parts > 0)
        .then(|| format!("{parts} parts are left, and uploads are open: {open:?}"))
}

/// The same if a request was executed but not answered in time: it may have created an upload whose
/// name nobody knows.
pub(super) fn unfinished_after_held(world: &World) -> Option<String> {
    let is_one_without_parts = world.s3.unfinished_uploads().len() == 1 && world.s3.parts() == 0;
    unfinished(world).filter(|_| !is_one_without_parts)
}

/// After a run that was killed: the object at the target is complete, and no message or record
/// names an object that does not exist.
pub(super) fn crash(world: &World, scenario: &Scenario) -> Complaints {
    let mut wrong = Complaints::new();
    let objects = objects(world);
    let nothing = is_untouched(world, scenario, &objects);
    let record = stored_record(world).filter(|record| record["Status"] != "Running");
    for told in contents(world).iter().chain(&record) {
        wrong.extend(match told["Status"].as_str() {
            Some("Succeeded") => targets(told, &objects),
            _ if nothing => Some(format!("{} although it was only killed", told["Status"])),
            _ => None,
        });
    }
    wrong
}

/// After a following run without faults.
pub(super) fn recovery(world: &World, reply: &Reply, told_before: usize) -> Complaints {
    let mut wrong = success(world, reply);
    let objects = objects(world);
    // Every message is about existing objects: nothing was stored again after it was reported.
    for told in contents(world) {
        wrong.extend(targets(&told, &objects).map(|text| format!("message: {text}")));
    }
    let told = world.sns.messages().len();
    if told > told_before + 1 {
        wrong.push(format!("{told} messages, and {told_before} before the retry"));
    }
    wrong.extend(files(world));
    wrong
}

/// Makes the record's lease, if there is one, expire long ago.
pub(super) fn let_time_pass(world: &World) {
    let Some(mut record) = stored_record(world) else { return };
    if record["Lease"].is_object() {
        record["Lease"]["Until"] = "2026-01-02T03:04:05.678Z".into();
        let key = format!(".tasks/{}.json", record["TaskId"].as_str().unwrap());
        world.s3.put("results", &key, record.to_string());
    }
}

fn files(world: &World) -> Option<String> {
    let left: Vec<_> = std::fs::read_dir(world.work.path()).unwrap().flatten().collect();
    (!left.is_empty()).then(|| format!("the work folder holds {left:?}"))
}

/// The records in the messages.
fn contents(world: &World) -> Vec<Value> {
    let record = |message: Message| {
        let body: Value = serde_json::from_str(&message.body).unwrap();
        serde_json::from_str(body["content"].as_str().unwrap()).unwrap()
    };
    world.sns.messages().into_iter().map(record).collect()
}

fn objects(world: &World) -> Objects {
    let keys = world.s3.keys("results");
    let keys = keys.into_iter().filter(|key| !key.starts_with(".tasks/"));
    keys.map(|key| {
        let head = world.s3.head("results", &key).unwrap();
        let tag = head.e_tag.unwrap_or_default().trim_matches('"').to_owned();
        let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap();
        (key, (tag, size))
    })
    .collect()
}

fn is_untouched(world: &World, scenario: &Scenario, objects: &Objects) -> bool {
    let target = world.s3.get("results", scenario.target);
    objects.len() == usize::from(scenario.previous.is_some())
        && target.as_deref() == scenario.previous.map(str::as_bytes)
}

/// If a task failed, nothing of it is stored, or the failure says that something may be.
fn untold(nothing: bool, said: &str, objects: &Objects) -> Option<String> {
    let told = said.contains("may be stored nevertheless");
    (!nothing && !told).then(|| format!("a failure ({said}) leaves {objects:?}"))
}

fn targets(record: &Value, objects: &Objects) -> Option<String> {
    let targets = record["Targets"].as_array().into_iter().flatten();
    let named: Objects = targets
        .map(|target| {
            let text = |name: &str| target[name].as_str().unwrap_or_default().to_owned();
            let key = text("URI").replace("s3://results/", "");
            (key, (text("ETag"), target["Size"].as_u64().unwrap_or_default()))
        })
        .collect();
    (named != *objects || named.is_empty())
        .then(|| format!("the targets are {named:?}, and there is {objects:?}"))
}

fn stored_record(world: &World) -> Option<Value> {
    let key = world.s3.keys("results").into_iter().find(|key| key.starts_with(".tasks/"))?;
    Some(serde_json::from_slice(&world.s3.get("results", &key)?).expect("a record is JSON"))
}

/// A record that could not be ended is not wrong, as long as nobody was told that it was ended.
fn record(world: &World, reply: &Reply, nothing: bool, objects: &Objects) -> Option<String> {
    let record = stored_record(world)?;
    let said = record["Message"].as_str().unwrap_or_default();
    let same = |reply: &Value| record["Status"] == reply["Status"];
    match record["Status"].as_str() {
        Some("Succeeded") => targets(&record, objects),
        Some("Failed") => untold(nothing, said, objects),
        _ => None,
    }
    .or_else(|| match reply {
        Ok(reply) if !same(reply) => {
            let warnings = reply["Warnings"].to_string();
            let told = record["Status"] == "Running" && warnings.contains("record could not");
            (!told).then(|| format!("{}, and the reply {}", record["Status"], reply["Status"]))
        }
        Err(_) if record["Status"] == "Succeeded" => {
            Some("a success, and the reply an error".to_owned())
        }
        _ => None,
    })
}

fn messages(world: &World, reply: &Reply, nothing: bool, objects: &Objects) -> Complaints {
    let mut wrong = Complaints::new();
    let contents = contents(world);
    // If an answer of SNS is lost, the SDK sends the same message again.
    if contents.windows(2).any(|two| two[0] != two[1]) {
        wrong.push(format!("messages differ: {contents:?}"));
    }
    let Some(content) = contents.last() else {
        let notified = reply.as_ref().is_ok_and(|record| record["Notified"] == true);
        wrong.extend(notified.then(|| "no message came, and the reply says so".to_owned()));
        return wrong;
    };
    let said = content["Message"].as_str().unwrap_or_default();
    let lie = match content["Status"].as_str() {
        Some("Succeeded") => targets(content, objects),
        _ => untold(nothing, said, objects),
    };
    wrong.extend(lie.map(|text| format!("message: {text}")));
    let status = match reply {
        Ok(record) => record["Status"].clone(),
        Err(_) => "Failed".into(),
    };
    if content["Status"] != status {
        wrong.push(format!("the message says {}, the reply {status}", content["Status"]));
    }
    wrong
}
