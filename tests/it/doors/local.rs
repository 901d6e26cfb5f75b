//! On a developer's machine.

use super::{Doors, get, post, process};
use crate::bed::gateway::{Gateway, Kind};

#[test]
fn where_nothing_can_be_invoked_the_work_comes_before_the_reply() {
    let doors = Doors::with(|mut settings| {
        settings.environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_LAMBDA");
        settings.set("AWS_SAM_LOCAL", "true").set("HTTP_AUTH", "none")
    });
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let answer = post(&gateway, "/sources/a.mp4", &process("out.mp4"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let record = get(&gateway, &answer.json()["TaskId"]).json();
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
}

#[test]
fn a_deployed_function_can_not_be_opened() {
    let doors = Doors::with(|settings| settings.set("HTTP_AUTH", "none"));
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let answer = post(&gateway, "/sources/a.mp4", &process("out.mp4"));
    assert_eq!((answer.status, answer.element("Code")), (403, "AccessDenied"));
}
