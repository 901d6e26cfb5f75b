//! The messages that the adapters make of every refusal: what was refused, the missing permission
//! and its resource, and the request's id; never the internals of a type.

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
use video_concat::message::Message;
use video_concat::notify::Publisher;
use video_concat::object::{ETag, ObjectUri, UploadName};
use video_concat::storage::{Description, ObjectHead, ObjectStore, Precondition};

use crate::bed::http::Server;

const TOPIC: &str = "arn:aws-cn:sns:cn-north-1:123456789012:done";
const FUNCTION: &str = "arn:aws-cn:lambda:cn-north-1:123456789012:function:concat";
const SECRET: &str = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:keys";
const OBJECT: &str = "arn:aws-cn:s3:::clips/dir/a.mp4";
const ID: &str = "0123456789ABCDEF";

/// The server's answer to every request.
#[derive(Clone)]
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
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("cn-north-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(self.server.url())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(patience).build())
            .build()
    }

    /// Every adapter's error, by the name of the operation.
    async fn errors(&self, answer: Answer) -> Vec<(&'static str, String)> {
        *self.answer.lock().unwrap() = answer;
        let config = self.config();
        let mut errors = self.of_storage(&config).await;
        let message = Message { body: "{}".to_owned(), attributes: vec![] };
        let published = Publisher::new(&config).publish(TOPIC, &message).await;
        errors.push(("Publish", published.unwrap_err().to_string()));
        let AsyncInvoke::Lambda(client) = AsyncInvoke::lambda(&config) else { panic!() };
        let invoked = invoke(&client, FUNCTION, &accepted()).await;
        errors.push(("Invoke", invoked.unwrap_err().to_string()));
        let source = KeySource::SecretsManager(SECRET.to_owned());
        let key = CredentialsCache::new(Some(&source), &config).key("id").await;
        errors.push(("GetSecretValue", key.unwrap_err().to_string()));
        errors
    }

    async fn of_storage(&self, config: &SdkConfig) -> Vec<(&'static str, String)> {
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
        let store = ObjectStore::new(aws_sdk_s3::Client::from_conf(config));
        let uri = ObjectUri::named("clips", "dir/a.mp4").unwrap();
        let description = Description::default();
        let upload = UploadName { uri: uri.clone(), id: "u".to_owned() };
        let put = store.put_small(&uri, "x", &description, Precondition::None).await;
        let range = store.read_range(&uri, &head(), 0..10).await;
        vec![
            ("HeadObject", store.head(&uri, None).await.unwrap_err().to_string()),
            ("GetObject", store.get_small(&uri).await.unwrap_err().to_string()),
            ("GetObject", range.unwrap_err().to_string()),
            ("PutObject", put.unwrap_err().to_string()),
            ("DeleteObject", store.delete(&uri).await.unwrap_err().to_string()),
            (
                "CreateMultipartUpload",
                store.create_multipart(&uri, &description).await.unwrap_err().to_string(),
            ),
            ("AbortMultipartUpload", store.abort_multipart(&upload).await.unwrap_err().to_string()),
        ]
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
    for status in [400, 401, 403, 404, 405, 409, 412, 416, 429, 500, 503] {
        for code in ["AccessDenied", "Unheard.Of", "KMS.DisabledException", "InternalError"] {
            for body in [xml(code, "why"), query(code, "why"), json(code, "why")] {
                answers.push(Answer::Status(status, body));
            }
        }
        for body in ["", "<", "{", "no words", "<a><b/></a>", "{\"a\": 1}"] {
            answers.push(Answer::Status(status, body.to_owned()));
        }
        let long = "why ".repeat(100_000);
        answers.push(Answer::Status(status, xml("Long", &long)));
        answers.push(Answer::Status(status, json("Long", &long)));
    }
    for answer in answers {
        // For things that do not exist, some adapters return no error.
        if matches!(&answer, Answer::Status(404 | 405, _)) {
            continue;
        }
        for (name, text) in service.errors(answer).await {
            assert_words(name, &text);
        }
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
        ("AbortMultipartUpload", "s3:AbortMultipartUpload", OBJECT),
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
        for (name, text) in service.errors(Answer::Status(403, body.clone())).await {
            let (_, action, resource) = wanted.iter().find(|(known, ..)| *known == name).unwrap();
            for words in [&format!("`{action}`"), *resource, ID] {
                assert!(text.contains(words), "{name}: no {words} in {text}");
            }
            assert_words(name, &text);
        }
    }
    for (name, text) in service.errors(Answer::Status(403, String::new())).await {
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
        let errors = service.errors(Answer::Status(403, body)).await;
        let told: Vec<_> = errors.iter().filter(|(_, text)| text.contains(&said)).collect();
        assert!(!told.is_empty(), "{code}: {errors:#?}");
        for (name, text) in told {
            let right = format!("the function's role needs `kms:GenerateDataKey` on `{key}`");
            assert!(text.contains(&right), "{name}: {text}");
        }
    }
}
