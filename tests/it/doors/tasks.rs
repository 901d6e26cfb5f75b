//! Lists of records, and canceled tasks.

use std::fs::File;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Doors, get, post, process};
use crate::bed::client::{Answer, send};
use crate::bed::gateway::{Gateway, Kind};
use crate::scene::b64;

fn ask(gateway: &Gateway, request: &str) -> Answer {
    send(gateway.port(), request, &[], "")
}

fn cancel(gateway: &Gateway, id: &Value) -> Answer {
    ask(gateway, &format!("DELETE /tasks/{}", id.as_str().unwrap()))
}

/// A task that has been accepted, with a topic.
fn accepted(gateway: &Gateway, target: &str) -> Value {
    let process = format!("{}/notify,topic_{}", process(target), b64("done"));
    post(gateway, "/sources/a.mp4", &process).json()["TaskId"].clone()
}

fn assert_canceled(doors: &Doors, id: &Value, target: &str) {
    let record = doors.record(id);
    assert_eq!((&record["Status"], &record["Code"]), (&json!("Failed"), &json!("Canceled")));
    assert!(record.get("Lease").is_none(), "{record:#}");
    assert!(doors.s3.head("results", target).is_none());
    assert_eq!(doors.s3.unfinished_uploads(), []);
    let messages = doors.sns.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].attributes["Code"].1, "Canceled");
}

#[test]
fn tasks_are_listed_by_status_and_page() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    assert_eq!(ask(&gateway, "GET /tasks").json(), json!({"Tasks": []}));
    let done = accepted(&gateway, "one.mp4");
    doors.deliver();
    let waiting = accepted(&gateway, "two.mp4");
    let ids = |query: &str| -> Vec<Value> {
        let answer = ask(&gateway, &format!("GET /tasks{query}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let list = answer.json()["Tasks"].as_array().unwrap().clone();
        assert!(list.iter().all(|r| r.get("Sources").is_none() && r.get("Timeline").is_none()));
        list.into_iter().map(|record| record["TaskId"].clone()).collect()
    };
    assert_eq!(ids("").len(), 2);
    assert_eq!(ids("?status=Succeeded"), std::slice::from_ref(&done));
    assert_eq!(ids("?status=Running"), [waiting]);
    assert_eq!(ids("?status=Failed"), [] as [Value; 0]);

    for both in ["a.m", "sources/", "sources%2Fa.mp4"] {
        assert_eq!(ids(&format!("?prefix={both}")).len(), 2, "{both}");
    }
    for one in ["one", "results/one.mp4", "one&status=Succeeded"] {
        assert_eq!(ids(&format!("?prefix={one}")), std::slice::from_ref(&done), "{one}");
    }
    for none in ["ne", "source/", "one&status=Failed", "results/One"] {
        assert_eq!(ids(&format!("?prefix={none}")), [] as [Value; 0], "{none}");
    }

    for (query, argument) in [("status=Done", "status"), ("marker=x", "marker")] {
        let answer = ask(&gateway, &format!("GET /tasks?{query}"));
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains(&format!("<ArgumentName>{argument}<")), "{answer:?}");
    }

    // More than a page of the same record under other names.
    put_copies(&doors, &doors.record(&done), 205);
    assert_eq!(pages(&gateway), (207, 207));
}

/// Most stores have the time of a change in whole seconds.
#[test]
fn tasks_of_one_second_come_newest_first() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let mut ids: Vec<Value> =
        (0..6).map(|number| accepted(&gateway, &format!("{number}.mp4"))).collect();
    // The one that ended is the last to change.
    doors.deliver();
    ids.rotate_left(1);
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for id in &ids {
        let name = format!(".tasks/{}.json", id.as_str().unwrap());
        let file = File::options().write(true).open(doors.s3.path("tasks", &name)).unwrap();
        file.set_modified(second).unwrap();
    }
    ids.reverse();
    let listed = |query: &str| -> Vec<Value> {
        let list = ask(&gateway, &format!("GET /tasks{query}")).json();
        list["Tasks"].as_array().unwrap().iter().map(|task| task["TaskId"].clone()).collect()
    };
    assert_eq!(listed(""), ids);
    assert_eq!(listed("?status=Running"), ids[1..]);
}

/// Lambda rejects larger replies.
#[test]
fn a_page_of_large_records_fits_into_a_reply() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::HttpApi);
    let id = accepted(&gateway, "one.mp4");
    let mut record = doors.record(&id);
    // As much as a string may have, and it is text in text twice.
    record["UserData"] = json!("\u{1}".repeat(2048));
    record["Process"] = json!("p".repeat(256 * 1024));
    put_copies(&doors, &record, 40);
    assert_eq!(pages(&gateway), (41, 41));
}

fn put_copies(doors: &Doors, record: &Value, count: usize) {
    for number in 0..count {
        let id = format!("MediaConvert-00000000-0000-0000-0000-{number:012}");
        let mut record = record.clone();
        record["TaskId"] = json!(id);
        doors.s3.put("tasks", &format!(".tasks/{id}.json"), record.to_string());
    }
}

/// How many records all pages have, and how many different ones.
fn pages(gateway: &Gateway) -> (usize, usize) {
    let mut seen = Vec::new();
    let mut query = String::new();
    loop {
        let answer = ask(gateway, &format!("GET /tasks{query}"));
        assert!(json!(answer.body).to_string().len() < 6 * 1024 * 1024 - 10_000);
        let page = answer.json();
        let tasks = page["Tasks"].as_array().unwrap();
        assert!((1..=100).contains(&tasks.len()));
        seen.extend(tasks.iter().map(|record| record["TaskId"].to_string()));
        let Some(next) = page["NextMarker"].as_str() else { break };
        query = format!("?marker={next}");
    }
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    (all, seen.len())
}

#[test]
fn a_task_that_waits_is_canceled_at_once_and_never_begun() {
    let doors = Doors::new();
    let gateway = doors.iam(Kind::Rest);
    let id = accepted(&gateway, "out.mp4");
    let answer = cancel(&gateway, &id);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
    assert_canceled(&doors, &id, "out.mp4");
    // Its event comes all the same.
    doors.deliver();
    assert_canceled(&doors, &id, "out.mp4");

    assert_eq!(cancel(&gateway, &id).status, 409);
    let other = json!("MediaConvert-00000000-0000-0000-0000-000000000000");
    assert_eq!(cancel(&gateway, &other).status, 404);
    // Asked for again by the caller, it is made.
    accepted(&gateway, "out.mp4");
    doors.deliver();
    assert_eq!(doors.record(&id)["Status"], "Succeeded");
    assert_eq!(cancel(&gateway, &id).status, 409);
}

#[test]
fn a_task_that_runs_ends_soon_after_it_is_canceled() {
    let doors = Doors::with(|settings| settings.set("VIDEO_PRESET", "placebo"));
    let long = crate::bed::source::Source::new(2).seconds(120.0).write("long.mp4");
    doors.s3.put_file("sources", "long.mp4", &long);
    let gateway = doors.iam(Kind::FunctionUrl);
    let large = process("out.mp4").replace("f_mp4", "f_mp4,s_1920x1080");
    let notify = format!("{large}/notify,topic_{}", b64("done"));
    let id = post(&gateway, "/sources/long.mp4", &notify).json()["TaskId"].clone();
    let event = doors.lambda.take().event;
    std::thread::scope(|scope| {
        let work = scope.spawn(|| doors.back.invoke_within(&event, Duration::from_mins(10)));
        while get(&gateway, &id).json()["Progress"].as_u64() < Some(15) {
            std::thread::yield_now();
        }
        let record = doors.front.invoke(&json!({"cancel": id})).unwrap();
        assert_eq!(record["TaskId"], id);
        let reply = work.join().unwrap().unwrap();
        assert_eq!(reply["Code"], "Canceled", "{reply:#}");
    });
    assert_canceled(&doors, &id, "out.mp4");
    assert_eq!(std::fs::read_dir(doors.back.work_dir()).unwrap().count(), 0);
}
