//! `submit`, `tasks`, `show`, and `cancel` with the real function behind a real HTTP server.

use std::process::Command;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::{Said, command, end};
use crate::bed::gateway::{Gateway, Kind};
use crate::bed::http::Server;
use crate::bed::process::{python, repository};
use crate::doors::{Doors, process};

const KEYS: [(&str, &str); 2] =
    [("OSS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("OSS_ACCESS_KEY_SECRET", "SECRET=EXAMPLE")];

fn doors() -> Doors {
    let keys = json!({KEYS[0].1: KEYS[1].1}).to_string();
    Doors::with(|settings| settings.set("OSS_ACCESS_KEYS", keys).set("DEFAULT_BUCKET", "sources"))
}

/// A command that signs with the access key.
fn signed(url: &str, arguments: &[&str]) -> Command {
    let mut command = command(&[arguments, &["--url", url, "--auth", "oss"]].concat());
    command.envs(KEYS);
    command
}

fn ask(url: &str, arguments: &[&str]) -> Said {
    end(&mut signed(url, arguments), "")
}

fn submit<'a>(process: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["submit", process, "--bucket", "sources", "--object", "a.mp4"], more].concat()
}

#[test]
fn tasks_are_handed_in_shown_listed_and_canceled() {
    let doors = doors();
    for kind in Kind::ALL {
        let gateway = Gateway::open(kind, &doors.front);
        let url = gateway.url();
        let process = process(&format!("{kind:?}.mp4"));
        let id = ask(&url, &submit(&process, &[])).ends_with(0).out.trim().to_owned();
        let running = ask(&url, &["show", &id]).ends_with(0);
        assert!(running.out.contains("status   Running"), "{running:?}");
        doors.deliver();
        let record = ask(&url, &["show", &id, "--json"]).ends_with(0).json();
        assert_eq!(record, doors.record(&json!(id)));
        let text = ask(&url, &["show", &id]).ends_with(0).out;
        let target = format!("target   s3://results/{kind:?}.mp4");
        assert!(text.contains("Succeeded, 100 %") && text.contains(&target), "{text}");
        let ended = ask(&url, &["cancel", &id, "--json"]).ends_with(1).json();
        assert_eq!(ended["Code"], "TaskEnded");

        let other = ask(&url, &submit(&process, &["--json"])).ends_with(0).json();
        // The same request is the same task, whose result is there.
        assert_eq!(other["TaskId"], id);
    }
    let gateway = Gateway::open(Kind::FunctionUrl, &doors.front);
    let url = gateway.url();
    let process = process("canceled.mp4");
    let id = ask(&url, &submit(&process, &[])).ends_with(0).out.trim().to_owned();
    let list = |status: &str| {
        ask(&url, &["tasks", "--status", status, "--json"]).ends_with(0).json()["Tasks"].clone()
    };
    assert_eq!(list("running")[0]["TaskId"], id);
    assert_eq!(list("succeeded").as_array().unwrap().len(), 3);
    let about = |prefix: &str| {
        ask(&url, &["tasks", "--prefix", prefix, "--json"]).ends_with(0).json()["Tasks"].clone()
    };
    assert_eq!(about("results/").as_array().unwrap().len(), 3);
    assert_eq!(about("nothing/"), json!([]));
    ask(&url, &["cancel", &id]).ends_with(0);
    assert_eq!(doors.record(&json!(id))["Code"], "Canceled");
    let lines = ask(&url, &["tasks"]).ends_with(0).out;
    assert_eq!(lines.lines().count(), 4, "{lines}");
    assert!(lines.contains(&id) && lines.contains("Canceled"), "{lines}");
}

#[test]
fn a_task_that_is_waited_for_ends_as_it_ends() {
    let doors = doors();
    let gateway = Gateway::open(Kind::FunctionUrl, &doors.front);
    let url = gateway.url();
    let good = process("good.mp4");
    let bad = good.replace("video/concat", "video/concat,ss_9000");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            doors.deliver();
            doors.lambda.deliver(&doors.back).unwrap();
        });
        let record = ask(&url, &submit(&good, &["--wait", "--json"])).ends_with(0).json();
        assert_eq!(record["Status"], "Succeeded");
        let failed = ask(&url, &submit(&bad, &["--wait", "--json"])).ends_with(2).json();
        assert_eq!(
            (&failed["Status"], &failed["Code"]),
            (&json!("Failed"), &json!("InvalidArgument"))
        );
    });
}

#[test]
fn mistakes_are_found_before_they_are_sent_and_refusals_printed() {
    let doors = doors();
    let gateway = Gateway::open(Kind::FunctionUrl, &doors.front);
    let url = gateway.url();
    let wrong = process("x.mp4").replace("h264", "h266");
    let said = end(&mut signed("http://127.0.0.1:1", &submit(&wrong, &[])), "").ends_with(2);
    assert!(said.err.contains("^^^^"), "{}", said.err);
    let good = process("x.mp4");
    let none =
        ask(&url, &["submit", &good, "--bucket", "sources", "--object", "no&ne.mp4", "--json"]);
    let none = none.ends_with(1).json();
    assert_eq!(none["Code"], "NoSuchKey");
    assert!(none["Message"].as_str().unwrap().contains("no&ne.mp4"), "{none}");
    let unknown = "MediaConvert-00000000-0000-8000-8000-000000000000";
    assert_eq!(ask(&url, &["show", unknown, "--json"]).ends_with(1).json()["Code"], "NoSuchKey");
    assert_eq!(ask(&url, &["cancel", unknown, "--json"]).ends_with(1).json()["Code"], "NoSuchKey");
    assert!(ask(&url, &["show", "x"]).ends_with(2).err.contains("MediaConvert-"));
    let thief = end(signed(&url, &["tasks", "--json"]).env("OSS_ACCESS_KEY_SECRET", "x"), "");
    assert_eq!(thief.ends_with(1).json()["Code"], "SignatureDoesNotMatch");
    let nobody = end(&mut command(&["tasks", "--url", &url, "--auth", "none", "--json"]), "");
    assert_eq!(nobody.ends_with(1).json()["Code"], "AccessDenied");
    let gone = ask("http://127.0.0.1:1", &["tasks"]).ends_with(1);
    assert!(gone.err.contains("does not answer"), "{}", gone.err);
    assert!(ask("ftp://x", &["tasks"]).ends_with(2).err.contains("must begin with"));
    let unset = command(&["tasks", "--url", &url, "--auth", "oss"]);
    assert!(end(&mut { unset }, "").ends_with(1).err.contains("`OSS_ACCESS_KEY_ID` is not set"));
}

#[test]
fn long_lists_are_read_page_by_page() {
    let doors = doors();
    let example = std::fs::read_to_string(repository().join("src/task/example.json"));
    let example = example.unwrap();
    for number in 0..205 {
        let id = format!("MediaConvert-00000000-0000-8000-8000-{number:012}");
        let record = example.replace("MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc", &id);
        doors.s3.put("tasks", &format!(".tasks/{id}.json"), record);
    }
    let gateway = Gateway::open(Kind::HttpApi, &doors.front);
    let list = |limit: &str| {
        let json = ask(&gateway.url(), &["tasks", "--limit", limit, "--json"]).ends_with(0).json();
        let tasks = json["Tasks"].as_array().unwrap();
        let ids: std::collections::BTreeSet<&str> =
            tasks.iter().map(|task| task["TaskId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), tasks.len());
        (tasks.len(), json["More"].as_bool().unwrap())
    };
    assert_eq!(list("1000"), (205, false));
    assert_eq!(list("100"), (100, true));
    assert_eq!(list("150"), (150, true));
    assert_eq!(list("205"), (205, false));
}

/// A request, as it came.
#[derive(Clone, Default)]
struct Came(Arc<Mutex<Value>>);

impl Came {
    fn listen(&self) -> Server {
        let came = self.clone();
        Server::start(move |request| came.clone().note(request))
    }

    async fn note(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, crate::bed::http::AnyError> {
        let (head, body) = request.into_parts();
        let headers = head.headers.iter();
        let headers: serde_json::Map<String, Value> = headers
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
            .collect();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
        *self.0.lock().unwrap() = json!({
            "method": head.method.as_str(),
            "path": head.uri.to_string(),
            "headers": headers,
            "body": body,
        });
        Ok(Response::new(Full::from(r#"{"TaskId": "none", "Tasks": []}"#)))
    }
}

/// The signature that botocore makes for a request that came.
const BOTOCORE: &str = r#"
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

came = json.loads(sys.argv[1])
headers = came["headers"]
fields = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
_, date, region, service, _ = fields["Credential"].split("/")
signed = {name: headers[name] for name in fields["SignedHeaders"].split(";")}
request = AWSRequest(came["method"], "http://" + headers["host"] + came["path"], signed, came["body"])
request.context["timestamp"] = headers["x-amz-date"]
auth = SigV4Auth(Credentials("AKIATESTED", "tested-secret", "token"), service, region)
text = auth.string_to_sign(request, auth.canonical_request(request))
print(json.dumps({
    "right": auth.signature(text, request) == fields["Signature"],
    "region": region, "service": service, "signed": sorted(signed),
}))
"#;

#[test]
fn iam_s_signature_is_the_one_that_botocore_makes() {
    let came = Came::default();
    let server = came.listen();
    let url = server.url();
    let good = process("a b.mp4");
    let submit = submit(&good, &[]);
    for (arguments, region) in [
        (&submit[..], "eu-west-1"),
        (&["tasks", "--status", "failed"], "eu-west-1"),
        (&["tasks", "--region", "cn-north-1"], "cn-north-1"),
        (&["cancel", "MediaConvert-00000000-0000-8000-8000-000000000000"], "eu-west-1"),
    ] {
        let mut command = command(&[arguments, &["--url", &url]].concat());
        command.envs([
            ("AWS_ACCESS_KEY_ID", "AKIATESTED"),
            ("AWS_SECRET_ACCESS_KEY", "tested-secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "eu-west-1"),
        ]);
        end(&mut command, "").ends_with(0);
        let request = came.0.lock().unwrap().take();
        assert_eq!(request["headers"]["x-amz-security-token"], "token");
        let judged = python().args(["-c", BOTOCORE, &request.to_string()]).output().unwrap();
        let judged: Value = serde_json::from_slice(&judged.stdout)
            .unwrap_or_else(|error| panic!("{error}: {judged:?}"));
        assert_eq!(judged["right"], true, "{judged} {request}");
        assert_eq!(judged["service"], "execute-api");
        assert_eq!(judged["region"], region);
    }
    let mut poor = command(&["tasks", "--url", &url]);
    poor.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_REGION", "eu-west-1");
    let said = end(poor.env("HOME", "/nowhere"), "").ends_with(1);
    assert!(said.err.contains("no AWS credentials"), "{}", said.err);
}

#[test]
fn what_build_prints_can_be_sent() {
    let doors = doors();
    let open = Gateway::open(Kind::FunctionUrl, &doors.front);
    let build = |form: &str, to: &str| {
        let to = format!("s3://results/{to}");
        let arguments = ["build", "-f", "mp4", "--to", &to, "--bucket", "sources"];
        let more = ["--object", crate::doors::ODD_KEY, "--as", form];
        super::said(&[&arguments[..], &more].concat()).ends_with(0).out
    };
    let mut script = python();
    let script = script.args(["-c", &build("python", "by python.mp4")]).envs(KEYS);
    let output = script.env("ENDPOINT", open.url()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    doors.deliver();
    assert!(doors.s3.head("results", "by python.mp4").is_some());

    let iam = doors.iam(Kind::FunctionUrl);
    let mut shell = Command::new("bash");
    shell.args(["-ec", &build("curl", "by curl.mp4")]).envs([
        ("ENDPOINT", iam.url().as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIATESTED"),
        ("AWS_SECRET_ACCESS_KEY", "tested-secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "us-east-1"),
    ]);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    doors.deliver();
    assert!(doors.s3.head("results", "by curl.mp4").is_some());

    let event = doors.s3.path("sources", "../event.json");
    std::fs::write(&event, build("event", "by event.mp4")).unwrap();
    ask(&open.url(), &["submit", event.to_str().unwrap()]).ends_with(0);
    doors.deliver();
    assert!(doors.s3.head("results", "by event.mp4").is_some());
}
