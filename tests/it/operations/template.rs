//! The stack: its dashboard and alarms match the metrics, and its role matches the calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use video_concat::metrics::embedded;

use super::{template, text, widgets};
use crate::bed::process::{python, repository, run};

/// Namespace, name and dimensions of one of the function's own metrics.
type Metric = (String, String, Vec<String>);

fn metric<'a>(namespace: &str, name: &str, dimensions: impl Iterator<Item = &'a str>) -> Metric {
    (namespace.to_owned(), name.to_owned(), dimensions.map(str::to_owned).collect())
}

/// The metrics that a task can have: a successful one has all of them.
fn emitted() -> BTreeSet<Metric> {
    let record = serde_json::from_str(&text("src/task/example.json")).unwrap();
    let line = embedded(&record, "arn:aws:lambda:us-east-1:123456789012:function:joiner", true, 0);
    let mut metrics = BTreeSet::new();
    for group in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for entry in group["Metrics"].as_array().unwrap() {
            for dimensions in group["Dimensions"].as_array().unwrap() {
                let names = dimensions.as_array().unwrap().iter().filter_map(Value::as_str);
                let (namespace, name) = (group["Namespace"].as_str(), entry["Name"].as_str());
                metrics.insert(metric(namespace.unwrap(), name.unwrap(), names));
            }
        }
    }
    metrics
}

/// The metrics on the dashboard: each entry is a list of namespace, name, and dimensions with their
/// values, or a search for all values of a dimension.
fn shown() -> Vec<Metric> {
    let widgets = widgets("metric");
    let entries = widgets.iter().flat_map(|widget| widget["metrics"].as_array().unwrap());
    let shown = entries.map(|entry| {
        if let Some(expression) = entry[0]["expression"].as_str() {
            return searched(expression);
        }
        let words: Vec<&str> = entry.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        metric(words[0], words[1], words[2..].iter().copied().step_by(2))
    });
    shown.collect()
}

/// `SEARCH('{"namespace",Dimension,Dimension} MetricName="name" ...`
fn searched(expression: &str) -> Metric {
    let inside = |from: &str, to: &str| {
        let rest = expression.split_once(from).expect(expression).1;
        rest.split_once(to).expect(expression).0
    };
    let mut schema = inside("{", "}").split(',').map(|word| word.trim_matches('"'));
    let namespace = schema.next().unwrap();
    metric(namespace, inside("MetricName=\"", "\""), schema)
}

/// The metrics with an alarm.
fn watched() -> Vec<Metric> {
    let of_alarm = |alarm: &Value| {
        let alarm = &alarm["Properties"];
        let dimensions = alarm["Dimensions"].as_array().unwrap();
        metric(
            alarm["Namespace"].as_str().unwrap(),
            alarm["MetricName"].as_str().unwrap(),
            dimensions.iter().filter_map(|dimension| dimension["Name"].as_str()),
        )
    };
    alarms().iter().map(|(_, alarm)| of_alarm(alarm)).collect()
}

fn alarms() -> Vec<(String, Value)> {
    let template = template();
    let resources = template["Resources"].as_object().unwrap().iter();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    alarms.map(|(name, alarm)| (name.clone(), alarm.clone())).collect()
}

fn own(metrics: Vec<Metric>) -> BTreeSet<Metric> {
    metrics.into_iter().filter(|(namespace, ..)| !namespace.starts_with("AWS/")).collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_no_other() {
    assert_eq!(own(shown()), emitted());
    let platform: BTreeSet<String> =
        shown().into_iter().filter(|(n, ..)| n == "AWS/Lambda").map(|(_, name, _)| name).collect();
    for name in ["Duration", "Errors", "Throttles"] {
        assert!(platform.contains(name), "{name}: {platform:?}");
    }
}

#[test]
fn the_alarms_watch_metrics_that_there_are_and_tell_who_wants_to_hear() {
    let watched = own(watched());
    assert_eq!(watched.len(), 1);
    assert!(watched.is_subset(&emitted()), "{watched:?}");
    let (names, alarms): (Vec<_>, Vec<_>) = alarms().into_iter().unzip();
    let told = json!({"Fn::If":
        ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
    for alarm in &alarms {
        assert_eq!(alarm["Properties"]["AlarmActions"], told);
    }
    let listed = widgets("alarm").remove(0)["alarms"].take();
    let right = names.iter().map(|name| format!("${{{name}.Arn}}"));
    assert_eq!(BTreeSet::from_iter(strings(&listed)), right.collect());
}

/// Every statement of the role, as if its conditions were met.
fn statements() -> Vec<Value> {
    let template = template();
    let role = &template["Resources"]["FunctionRole"]["Properties"]["Policies"][0];
    let apart = ["HandOnPolicy", "LongTasksPolicy"];
    let apart = apart.map(|name| &template["Resources"][name]["Properties"]);
    let all = std::iter::once(role).chain(apart);
    let all = all.map(|policy| policy["PolicyDocument"]["Statement"].clone());
    let statements = all.flat_map(|all| all.as_array().unwrap().clone());
    statements.map(|one| one.get("Fn::If").map_or(one.clone(), |ways| ways[1].clone())).collect()
}

/// A text or a list of them.
fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    list.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn actions() -> BTreeSet<String> {
    statements().iter().flat_map(|statement| strings(&statement["Action"])).collect()
}

/// The IAM action that an operation of S3 needs.
fn needed(operation: &str) -> &'static str {
    match operation {
        "HeadObject" | "GetObject" => "s3:GetObject",
        "HeadBucket" | "ListObjects" => "s3:ListBucket",
        "PutObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CopyObject"
        | "CompleteMultipartUpload" => "s3:PutObject",
        "AbortMultipartUpload" => "s3:AbortMultipartUpload",
        "DeleteObject" | "DeleteObjects" => "s3:DeleteObject",
        other => panic!("what does {other} need?"),
    }
}

#[test]
fn the_role_allows_the_operations_on_storage_and_no_other() {
    let source = text("src/storage/error.rs");
    let (_, rest) = source.split_once("pub enum Operation {").unwrap();
    let (operations, _) = rest.split_once('}').unwrap();
    let operations = operations.split(',').map(str::trim).filter(|name| !name.is_empty());
    let mut right: BTreeSet<String> = operations.map(|name| needed(name).to_owned()).collect();
    // Of GetObject and HeadObject, where they name a version.
    right.insert("s3:GetObjectVersion".to_owned());
    let mut allowed = actions();
    allowed.retain(|action| action.starts_with("s3:"));
    assert_eq!(allowed, right);
}

#[test]
fn the_role_reaches_the_services_that_are_called_and_what_lambda_uses_itself() {
    let service = |action: &String| action.split(':').next().unwrap().to_owned();
    let allowed: BTreeSet<String> = actions().iter().map(service).collect();
    let manifest = text("Cargo.toml");
    let clients = manifest.lines().filter_map(|line| line.strip_prefix("aws-sdk-"));
    let called = clients.map(|rest| match rest.split(' ').next().unwrap() {
        "eventbridge" => "events",
        "sfn" => "states",
        name => name,
    });
    // The log, the queues, the buckets' encryption, and traces.
    let platform = ["logs", "sqs", "kms", "xray"];
    assert_eq!(allowed, called.chain(platform).map(str::to_owned).collect());
}

#[test]
fn the_role_has_no_wildcard() {
    for statement in statements() {
        for action in strings(&statement["Action"]) {
            assert!(!action.contains('*'), "{statement:#}");
        }
        // X-Ray has no resources.
        if statement["Sid"] == "Trace" {
            continue;
        }
        let resource = &statement["Resource"];
        assert!(*resource != json!("*") && *resource != json!(["*"]), "{statement:#}");
    }
}

#[test]
fn the_source_bucket_is_only_read() {
    let on_sources = statements()
        .into_iter()
        .filter(|statement| statement["Resource"].to_string().contains("SourceBucket"));
    let actions: BTreeSet<String> =
        on_sources.flat_map(|statement| strings(&statement["Action"])).collect();
    let right = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"].map(str::to_owned);
    assert_eq!(actions, right.into());
}

fn properties(resource: &str) -> Value {
    template()["Resources"][resource]["Properties"].clone()
}

/// A bucket with a known name may belong to another account by now.
#[test]
fn the_role_reaches_buckets_of_the_named_accounts_only() {
    for statement in statements() {
        if !strings(&statement["Action"]).iter().any(|action| action.starts_with("s3:")) {
            continue;
        }
        let account = &statement["Condition"]["StringEquals"]["aws:ResourceAccount"];
        let own = json!({"Ref": "AWS::AccountId"});
        let right = if statement["Resource"].to_string().contains("TaskBucket") {
            own
        } else {
            json!({"Fn::If": ["HasBucketAccount", {"Ref": "BucketAccount"}, own]})
        };
        assert_eq!(*account, right, "{statement:#}");
    }
}

#[test]
fn records_and_messages_are_encrypted_on_their_way_and_where_they_lie() {
    let policy = properties("TaskBucketPolicy");
    assert_eq!(policy["Bucket"], json!({"Ref": "TaskBucket"}));
    let bucket = json!({"Fn::GetAtt": ["TaskBucket", "Arn"]});
    let objects = json!({"Fn::Sub": "${TaskBucket.Arn}/*"});
    let right = json!([{
        "Sid": "EncryptedConnectionsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, objects],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }]);
    assert_eq!(policy["PolicyDocument"]["Statement"], right);
    assert!(properties("TaskBucket")["BucketEncryption"].is_object());
    assert_eq!(properties("CompletionTopic")["KmsMasterKeyId"], "alias/aws/sns");
    for queue in ["TaskQueue", "FailedEvents"] {
        assert_eq!(properties(queue)["SqsManagedSseEnabled"], true, "{queue}");
    }
}

#[test]
fn what_callers_can_cost_is_limited() {
    let limit = json!({"Ref": "HttpRateLimit"});
    let throttling = &properties("HttpStage")["DefaultRouteSettings"];
    assert_eq!(throttling["ThrottlingRateLimit"], limit);
    assert_eq!(throttling["ThrottlingBurstLimit"], limit);
    let reserved = &properties("ConcatFunction")["ReservedConcurrentExecutions"];
    assert_eq!(reserved["Fn::If"][1], json!({"Ref": "ReservedConcurrency"}));
}

/// `sam local` gives the function an empty text for what it can't resolve, such as an `If` with
/// `AWS::NoValue`.
#[test]
fn sam_local_resolves_the_environment_of_the_function() {
    const RESOLVE: &str = "import json, sys; \
        from samcli.commands._utils.template import get_template_data; \
        from samcli.lib.providers.sam_base_provider import SamBaseProvider; \
        overrides = {'EndpointUrl': 'http://stage:1', 'VideoPreset': 'slow', 'LongTasks': 'true'}; \
        template = SamBaseProvider.get_template(get_template_data(sys.argv[1]), overrides); \
        function = template['Resources']['ConcatFunction']['Properties']; \
        json.dump(function['Environment']['Variables'], sys.stdout)";
    let output = run(python().args(["-c", RESOLVE, "template.yaml"]).current_dir(repository()));
    let variables: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, value) in variables.as_object().unwrap() {
        assert!(value.is_string() || value.is_number(), "{name}: {value}");
    }
    assert_eq!(variables["AWS_ENDPOINT_URL"], "http://stage:1");
    assert_eq!(variables["VIDEO_PRESET"], "slow");
    let prefix = variables["TOPIC_ARN_PREFIX"].as_str().unwrap();
    assert!(prefix.starts_with("arn:aws:sns:") && prefix.ends_with(':'), "{prefix}");
}
