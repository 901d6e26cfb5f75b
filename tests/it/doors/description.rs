//! The `OpenAPI` description, held against the function by a program that makes
//! up requests from it, right and wrong ones.

use std::process::Command;

use super::{CALLER, Doors};
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::process::repository;

#[test]
fn no_request_is_answered_otherwise_than_described() {
    let doors = Doors::new();
    let gateway = Gateway::iam(Kind::FunctionUrl, &doors.front, CALLER);
    let output = Command::new(repository().join("target/venv/bin/schemathesis"))
        .arg("run")
        .arg(repository().join("events/openapi.yaml"))
        .args(["--url", &gateway.url(), "--workers", "1", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25"])
        .args(["--generation-deterministic", "--continue-on-failure"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance",
        ])
        .current_dir(doors.front.work_dir())
        .output()
        .expect("schemathesis starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
}
