//! The publisher with a server that implements SNS's protocol.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use video_concat::message::Message;
use video_concat::notify::{NotifyError, Publisher};
use video_concat::storage::client::http_client;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:done";

/// Gives every request the same answer, and records the requests.
struct Sns {
    publisher: Publisher,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Sns {
    async fn answering(status: u16, xml: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let log = Arc::clone(&log);
                let service =
                    service_fn(move |request| answer(request, Arc::clone(&log), status, xml));
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
            }
        });
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .http_client(http_client())
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{address}"))
            .build();
        Self { publisher: Publisher::new(&config), asked }
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<String>>>,
    status: u16,
    xml: &'static str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    log.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
    let response = Response::builder()
        .status(status)
        .header("content-type", "text/xml")
        .header("x-amzn-requestid", "r-1");
    Ok(response.body(Full::from(xml)).unwrap())
}

fn message() -> Message {
    Message {
        body: "{\"id\":\"1\"}".to_owned(),
        attributes: vec![("Status", "Failed".to_owned()), ("Code", "NoSuchKey".to_owned())],
    }
}

#[tokio::test]
async fn a_message_arrives_with_its_attributes() {
    let sns = Sns::answering(
        200,
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
         <MessageId>m</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId>\
         </ResponseMetadata></PublishResponse>",
    )
    .await;
    sns.publisher.publish(TOPIC, &message()).await.unwrap();
    let asked = sns.asked.lock().unwrap().join("\n");
    for field in [
        "Action=Publish",
        "TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Adone",
        "Message=%7B%22id%22%3A%221%22%7D",
        "Name=Status",
        "StringValue=Failed",
        "Name=Code",
        "StringValue=NoSuchKey",
        "DataType=String",
    ] {
        assert!(asked.contains(field), "no {field} in {asked}");
    }
}

#[tokio::test]
async fn refusals_are_distinguished() {
    let error = |status, xml| async move {
        let sns = Sns::answering(status, xml).await;
        sns.publisher.publish(TOPIC, &message()).await.unwrap_err()
    };
    let missing = error(
        404,
        "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not \
         exist</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
    )
    .await;
    assert!(matches!(missing, NotifyError::NoSuchTopic { .. }), "{missing}");
    assert!(missing.to_string().contains("request id r-1"), "{missing}");

    let denied = error(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>not \
         yours</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
    )
    .await;
    assert!(matches!(denied, NotifyError::AccessDenied { .. }), "{denied}");

    let other = error(
        400,
        "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>too \
         long</Message></Error><RequestId>r-1</RequestId></ErrorResponse>",
    )
    .await;
    let text = other.to_string();
    assert!(text.contains("InvalidParameter: too long") && text.contains(TOPIC), "{text}");
}
