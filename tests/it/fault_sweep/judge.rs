//! Whether all that is told of a task is true, by what can be seen from outside alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scenario::Scenario;
use super::stage::{Reply, Stage};

/// What an object of the results is: its entity tag, and its size as the record has it.
type Objects = BTreeMap<String, (String, u64)>;

/// What is wrong.
pub(super) type Complaints = Vec<String>;

/// After any run, whatever failed in it.
pub(super) fn run(stage: &Stage, scenario: &Scenario, reply: &Reply) -> Complaints {
    let mut wrong = Complaints::new();
    let objects = objects(stage);
    let nothing = is_untouched(stage, scenario, &objects);
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
    wrong.extend(record(stage, reply, nothing, &objects).map(|text| format!("record: {text}")));
    wrong.extend(messages(stage, reply, nothing, &objects));
    let left: Vec<_> = std::fs::read_dir(stage.work.path()).unwrap().flatten().collect();
    if !left.is_empty() {
        wrong.push(format!("the work folder holds {left:?}"));
    }
    wrong
}

/// Once nothing fails any more, the task has its result.
pub(super) fn success(stage: &Stage, reply: &Reply) -> Complaints {
    let mut wrong = Complaints::new();
    match reply {
        Ok(record) if record["Status"] == "Succeeded" => {}
        other => wrong.push(format!("the retry says {other:?}")),
    }
    let status = stored_record(stage).map(|record| record["Status"].clone());
    if status != Some("Succeeded".into()) {
        wrong.push(format!("the record says {status:?} after the retry"));
    }
    let last = stage.sns.messages().last().map(|message| message.attributes["Status"].1.clone());
    if last.as_deref() != Some("Succeeded") {
        wrong.push(format!("the last message says {last:?} after the retry"));
    }
    wrong.extend(unfinished(stage));
    wrong
}

/// Storage that answers has no reason to keep parts of anything.
pub(super) fn unfinished(stage: &Stage) -> Option<String> {
    let open = stage.s3.unfinished_uploads();
    (!open.is_empty()).then(|| format!("uploads are open: {open:?}"))
}

fn objects(stage: &Stage) -> Objects {
    let keys = stage.s3.keys("results");
    let keys = keys.into_iter().filter(|key| !key.starts_with(".tasks/"));
    keys.map(|key| {
        let head = stage.s3.head("results", &key).unwrap();
        let tag = head.e_tag.unwrap_or_default().trim_matches('"').to_owned();
        let size = u64::try_from(head.content_length.unwrap_or_default()).unwrap();
        (key, (tag, size))
    })
    .collect()
}

fn is_untouched(stage: &Stage, scenario: &Scenario, objects: &Objects) -> bool {
    let target = stage.s3.get("results", scenario.target);
    objects.len() == usize::from(scenario.previous.is_some())
        && target.as_deref() == scenario.previous.map(str::as_bytes)
}

/// Where a task failed, nothing of it is stored, or whoever hears of the failure hears of that.
fn untold(nothing: bool, said: &str, objects: &Objects) -> Option<String> {
    let told = said.contains("may be stored all the same");
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

fn stored_record(stage: &Stage) -> Option<Value> {
    let key = stage.s3.keys("results").into_iter().find(|key| key.starts_with(".tasks/"))?;
    Some(serde_json::from_slice(&stage.s3.get("results", &key)?).expect("a record is JSON"))
}

/// A record that could not be ended is no lie, as long as nobody was told that it was.
fn record(stage: &Stage, reply: &Reply, nothing: bool, objects: &Objects) -> Option<String> {
    let record = stored_record(stage)?;
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
            let told = record["Status"] == "Running" && warnings.contains("record");
            (!told).then(|| format!("{}, and the reply {}", record["Status"], reply["Status"]))
        }
        Err(_) if record["Status"] == "Succeeded" => {
            Some("a success, and the reply an error".to_owned())
        }
        _ => None,
    })
}

fn messages(stage: &Stage, reply: &Reply, nothing: bool, objects: &Objects) -> Complaints {
    let mut wrong = Complaints::new();
    let messages = stage.sns.messages();
    // An answer of SNS that is lost makes the SDK say the same again.
    let contents: Vec<Value> = messages
        .iter()
        .map(|message| {
            let body: Value = serde_json::from_str(&message.body).unwrap();
            serde_json::from_str(body["content"].as_str().unwrap()).unwrap()
        })
        .collect();
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
