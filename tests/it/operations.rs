//! What an operator relies on: the stack, the log, and the promises of SECURITY.md.

mod log;
mod quoting;
mod role;
mod security;
mod template;

use std::fs;

use serde_json::Value;

use crate::bed::process::{python, repository, run};

/// template.yaml as the SAM CLI parses it, with functions in their long form.
fn template() -> Value {
    const READ: &str = "import json, sys; from samcli.yamlhelper import yaml_parse; \
                        json.dump(yaml_parse(sys.argv[1]), sys.stdout)";
    let output = run(python().args(["-c", READ, &text("template.yaml")]));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// The dashboard's body, with references to other resources as written.
fn dashboard() -> Value {
    let template = template();
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    serde_json::from_str(body.as_str().unwrap()).unwrap()
}

/// The dashboard's widgets of a type, their properties.
fn widgets(kind: &str) -> Vec<Value> {
    let dashboard = dashboard();
    let widgets = dashboard["widgets"].as_array().unwrap().iter();
    widgets.filter(|widget| widget["type"] == kind).map(|w| w["properties"].clone()).collect()
}
