//! The messages that the adapters make of every refusal: what was refused, the missing permission
//! and its resource, and the request's id; never the internals of a type.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use video_concat::access_keys::KeySource;
use video_concat::async_invoke::{AsyncInvoke, invoke};
use video_concat::credentials::CredentialsCache;
use video_concat::event::{Event, decode};
use video_concat::event_bus::EventBus;
use video_concat::executions::Executions;
use video_concat::failed_events::FailedEvents;
use video_concat::message::{EventKind, Message};
use video_concat::notify::Publisher;
use video_concat::object::{ETag, ObjectUri, UploadName};
use video_concat::storage::client::http_client;
use video_concat::storage::{Description, ObjectHead, ObjectStore, Part, Precondition};
use video_concat::task::TaskRecord;

use crate::bed::http::Server;

const TOPIC: &str = "arn:aws-cn:sns:cn-north-1:123456789012:done";
const FUNCTION: &str = "arn:aws-cn:lambda:cn-north-1:123456789012:function:concat";
const SECRET: &str = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:keys";
const MACHINE: &str = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:long";
const EXECUTION: &str = "arn:aws-cn:states:cn-north-1:123456789012:execution:long:name";
const BUS: &str = "arn:aws-cn:events:cn-north-1:123456789012:event-bus/bus";
const QUEUE: &str = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/failed";
const RECORD: &str = include_str!("../../src/task/example.json");
const OBJECT: &str = "arn:aws-cn:s3:::clips/dir/a.mp4";
const ID: &str = "0123456789ABCDEF";

/// The kinds of requests that the adapters send, without `HeadBucket`: it fails only for a missing bucket.
const OPERATIONS: usize = 18;

/// The server's answer to every request.
#[derive(Clone, Debug)]
enum Answer {
    Status(u16, String),
    Cut,
    Stall,
}

struct Service {
    server: Server,
    answer: Arc<Mutex<Answer>>,
}

impl Service {
    fn start() -> Self {
        let answer = Arc::new(Mutex::new(Answer::Cut));
        let told = Arc::clone(&answer);
        let server = Server::start(move |_| {
            let answer = told.lock().unwrap().clone();
            async move {
                match answer {
                    Answer::Cut => Err("cut".into()),
                    Answer::Stall => std::future::pending().await,
                    Answer::Status(status, body) => Ok(Response::builder()
                        .status(status)
                        .header("x-amz-request-id", ID)
                        .header("x-amzn-requestid", ID)
                        .body(Full::<Bytes>::from(body))?),
                }
            }
        });
        Self { server, answer }
    }

    /// No retries, so that each answer is one error.
    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let patience = match *self.answer.lock().unwrap() {
            Answer::Stall => Duration::from_millis(200),
            _ => Duration::from_mins(2),
        };
        SdkConfig::builder()
            .http_client(http_client())
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("cn-north-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(self.server.url())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build())
            .build()
    }

    /// Every adapter's error, by the name of the operation.
    async fn errors(&self, answer: Answer) -> Errors {
        *self.answer.lock().unwrap() = answer;
        let config = self.config();
        let mut errors = self.of_storage(&config).await;
        let message = Message { body: "{}".to_owned(), attributes: vec![] };
        errors.note("Publish", Publisher::new(&config).publish(TOPIC, &message).await);
        let AsyncInvoke::Lambda(client) = AsyncInvoke::lambda(&config) else { panic!() };
        errors.note("Invoke", invoke(&client, FUNCTION, &accepted()).await);
        let source = KeySource::SecretsManager(SECRET.to_owned());
        let key = CredentialsCache::new(Some(&source), &config).key("id").await;
        errors.note("GetSecretValue", key);
        let executions = Executions::new(&config);
        let input = serde_json::json!({});
        errors.note("StartExecution", executions.start(MACHINE, "name", &input).await);
        errors.note("DescribeExecution", executions.standing(EXECUTION).await);
        errors.note("StopExecution", executions.stop(EXECUTION, "why").await);
        let record: TaskRecord = serde_json::from_str(RECORD).unwrap();
        let put =
            EventBus::new("bus", &config).put(EventKind::StateChange, &record, FUNCTION).await;
        errors.note("PutEvents", put);
        errors.note("SendMessage", FailedEvents::new(QUEUE, &config).keep("id", "{}", "why").await);
        errors
    }

    async fn of_storage(&self, config: &SdkConfig) -> Errors {
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        let store = ObjectStore::new(aws_sdk_s3::Client::from_conf(config));
        let uri = ObjectUri::named("clips", "dir/a.mp4").unwrap();
        let description = Description::default();
        let (id, tag) = ("u".to_owned(), ETag::new("tag"));
        let upload = UploadName { uri: uri.clone(), id };
        let from = (&uri, &tag, 10);
        let keys = [uri.key.clone(), uri.key.clone()];
        let mut errors = Errors::default();
        errors.note("HeadObject", store.head(&uri, None).await);
        errors.note("HeadBucket", store.check_bucket(&uri).await);
        errors.note("GetObject", store.get_small(&uri).await);
        errors.note("GetObject", store.read_range(&uri, &head(), 0..10).await);
        let put = store.put_small(&uri, "x", &description, Precondition::None).await;
        errors.note("PutObject", put);
        let copied = store.copy(from, &uri, &description, &Precondition::IfAbsent).await;
        errors.note("CopyObject", copied);
        errors.note("ListObjectsV2", store.list(&uri.bucket, &uri.key).await);
        errors.note("DeleteObject", store.delete(&uri).await);
        errors.note("DeleteObject", store.delete_all(&uri.bucket, &keys).await);
        errors.note("CreateMultipartUpload", store.create_multipart(&uri, &description).await);
        errors.note("AbortMultipartUpload", store.abort_multipart(&upload).await);
        errors.0.extend(self.of_an_upload(&store, &uri, &description).await.0);
        store.finish().await;
        errors
    }

    /// Those of an upload that could be opened.
    async fn of_an_upload(
        &self,
        store: &ObjectStore,
        uri: &ObjectUri,
        about: &Description,
    ) -> Errors {
        let answer = self.answer.lock().unwrap().clone();
        let opened =
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
        *self.answer.lock().unwrap() = Answer::Status(200, opened.to_owned());
        let mut upload = store.create_multipart(uri, about).await.unwrap();
        *self.answer.lock().unwrap() = answer;
        let mut errors = Errors::default();
        let copied = upload.copy_part(1, (uri, &ETag::new("tag")), 0..10).await;
        errors.note("UploadPartCopy", copied);
        let part = Part { number: 1, etag: ETag::new("tag") };
        let completed = upload.complete(&[part], &Precondition::None).await;
        errors.note("CompleteMultipartUpload", completed);
        errors.note("AbortMultipartUpload", upload.abort().await);
        errors
    }
}

/// Words of errors, by the names of operations.
#[derive(Debug, Default)]
struct Errors(Vec<(&'static str, String)>);

impl Errors {
    fn note<T, E: std::fmt::Display>(&mut self, name: &'static str, answer: Result<T, E>) {
        self.0.extend(answer.err().map(|error| (name, error.to_string())));
    }
}

fn head() -> ObjectHead {
    ObjectHead {
        etag: ETag::new("tag"),
        size: 10,
        version: None,
        last_modified: jiff::Timestamp::UNIX_EPOCH,
        content_type: None,
        metadata: [].into(),
    }
}

fn accepted() -> video_concat::event::Accepted {
    let told = serde_json::json!({
        "taskId": "MediaConvert-0190d0c0-aaaa-8bbb-8ccc-123456789abc",
        "eventId": "0B5-P8fSEvL287Rz7kIBiZVICINwvA7",
        "requestId": "0190D0C0-AAAA-4BBB-8CCC-123456789ABC",
        "created": "2026-01-02T03:04:05.000Z", "recordBucket": "tasks",
    });
    let event = serde_json::json!({"accepted": {
        "bucket": "b", "object": "o", "process": "p", "userData": null, "etags": {}, "told": told,
    }});
    match decode(&event) {
        Ok(Event::Accepted(accepted)) => *accepted,
        other => panic!("{other:?}"),
    }
}

/// Nothing that only `Debug` prints.
fn assert_words(name: &str, text: &str) {
    for inside in [
        "{",
        "}",
        "Some(",
        "None",
        "Ok(",
        "Err(",
        "Unhandled",
        "Metadata",
        "SdkBody",
        "StatusCode",
        "headers",
        "extensions",
        "source:",
        "kind:",
        "Error(",
    ] {
        assert!(!text.contains(inside), "{name}: `{inside}` in {text}");
    }
    assert!(text.len() < 1500, "{name}: {text}");
}

/// An answer in the form of each of the services.
fn xml(code: &str, message: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
}

fn query(code: &str, message: &str) -> String {
    format!("<ErrorResponse>{}<RequestId>{ID}</RequestId></ErrorResponse>", xml(code, message))
}

fn json(code: &str, message: &str) -> String {
    serde_json::json!({"__type": code, "message": message, "Message": message}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_of_any_adapter_shows_the_insides_of_a_type() {
    let service = Service::start();
    let mut answers = vec![Answer::Cut, Answer::Stall];
    for status in [200, 400, 401, 403, 404, 405, 409, 412, 416, 429, 500, 503] {
        for code in ["AccessDenied", "Unheard.Of", "KMS.DisabledException", "InternalError"] {
            for body in [xml(code, "why"), query(code, "why"), json(code, "why")] {
                answers.push(Answer::Status(status, body));
            }
        }
        for body in ["", "<", "{", "no words", "<a><b/></a>", "{\"a\": 1}"] {
            answers.push(Answer::Status(status, body.to_owned()));
        }
    }
    let long = "why ".repeat(10_000);
    answers.push(Answer::Status(400, xml("Long", &long)));
    answers.push(Answer::Status(500, json("Long", &long)));
    for answer in answers {
        let is_success = matches!(answer, Answer::Status(200, _));
        // For things that do not exist, some adapters return no error.
        let all_fail = !is_success && !matches!(answer, Answer::Status(404 | 405, _));
        let errors = service.errors(answer.clone()).await.0;
        for (name, text) in &errors {
            // A message about a secret that was read has an example of the right JSON.
            if !is_success || *name != "GetSecretValue" {
                assert_words(name, text);
            }
        }
        let names: BTreeSet<_> = errors.iter().map(|(name, _)| *name).collect();
        assert!(!all_fail || names.len() == OPERATIONS, "{answer:?}: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_permission_its_resource_and_the_request() {
    let service = Service::start();
    let wanted = [
        ("HeadObject", "s3:GetObject", OBJECT),
        ("GetObject", "s3:GetObject", OBJECT),
        ("PutObject", "s3:PutObject", OBJECT),
        ("DeleteObject", "s3:DeleteObject", OBJECT),
        ("CreateMultipartUpload", "s3:PutObject", OBJECT),
        ("CopyObject", "s3:PutObject", OBJECT),
        ("ListObjectsV2", "s3:ListBucket", "arn:aws-cn:s3:::clips"),
        ("UploadPartCopy", "s3:PutObject", OBJECT),
        ("CompleteMultipartUpload", "s3:PutObject", OBJECT),
        ("AbortMultipartUpload", "s3:AbortMultipartUpload", OBJECT),
        ("StartExecution", "states:StartExecution", MACHINE),
        ("DescribeExecution", "states:DescribeExecution", EXECUTION),
        ("StopExecution", "states:StopExecution", EXECUTION),
        ("PutEvents", "events:PutEvents", BUS),
        ("SendMessage", "sqs:SendMessage", QUEUE),
        ("Publish", "sns:Publish", TOPIC),
        ("Invoke", "lambda:InvokeFunction", FUNCTION),
        ("GetSecretValue", "secretsmanager:GetSecretValue", SECRET),
    ];
    let bodies = [
        String::new(),
        xml("AccessDenied", "no"),
        query("AuthorizationError", "no"),
        json("AccessDeniedException", "no"),
    ];
    for body in bodies {
        for (name, text) in service.errors(Answer::Status(403, body.clone())).await.0 {
            let (_, action, resource) = wanted.iter().find(|(known, ..)| *known == name).unwrap();
            for words in [&format!("`{action}`"), *resource, ID] {
                assert!(text.contains(words), "{name}: no {words} in {text}");
            }
            assert_words(name, &text);
        }
    }
    for (name, text) in service.errors(Answer::Status(403, String::new())).await.0 {
        let lists = text.contains("`s3:ListBucket` on `arn:aws-cn:s3:::clips`");
        assert_eq!(lists, name == "HeadObject", "{name}: {text}");
    }
}

/// The services' own messages are more precise: a policy of the key may deny access.
#[tokio::test(flavor = "multi_thread")]
async fn the_permission_is_the_one_that_the_service_names() {
    let service = Service::start();
    let key = "arn:aws-cn:kms:cn-north-1:123456789012:key/1";
    let said = format!(
        "User: arn:aws-cn:sts::123456789012:assumed-role/r/f is not authorized to perform: \
         kms:GenerateDataKey on resource: {key} because no resource-based policy allows it"
    );
    for (code, body) in [
        ("AccessDenied", xml("AccessDenied", &said)),
        ("KMSAccessDenied", query("KMSAccessDenied", &said)),
        ("AccessDeniedException", json("AccessDeniedException", &said)),
    ] {
        let errors = service.errors(Answer::Status(403, body)).await.0;
        let told: Vec<_> = errors.iter().filter(|(_, text)| text.contains(&said)).collect();
        assert!(!told.is_empty(), "{code}: {errors:#?}");
        for (name, text) in told {
            let right = format!("the function's role needs `kms:GenerateDataKey` on `{key}`");
            assert!(text.contains(&right), "{name}: {text}");
        }
    }
}
