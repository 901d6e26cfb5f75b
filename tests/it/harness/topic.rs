//! The bed's SNS rejects what the real one rejects.

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::types::MessageAttributeValue;
use video_concat::storage::client::http_client;

use crate::bed::sns::Sns;

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:done";

fn sns_client(sns: &Sns) -> aws_sdk_sns::Client {
    let config = aws_sdk_sns::Config::builder()
        .http_client(http_client())
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("AKIATESTED", "tested-secret", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(sns.url())
        .build();
    aws_sdk_sns::Client::from_conf(config)
}

fn text(kind: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let sns = Sns::start(&[TOPIC]);
    let body = "{\"a\": \"ü + & = %\"}";
    let publish = sns_client(&sns).publish().topic_arn(TOPIC).message(body);
    publish.message_attributes("Status", text("String", "Succeeded")).send().await.unwrap();
    let messages = sns.messages();
    assert_eq!(
        (messages.len(), messages[0].topic.as_str(), messages[0].body.as_str()),
        (1, TOPIC, body)
    );
    assert_eq!(messages[0].attributes["Status"], ("String".to_owned(), "Succeeded".to_owned()));
}

#[tokio::test]
async fn wrong_messages_are_refused() {
    let sns = Sns::start(&[TOPIC]);
    let publish = || sns_client(&sns).publish();
    let good = || publish().topic_arn(TOPIC).message("x");
    let table = [
        ("an unknown topic", publish().topic_arn(format!("{TOPIC}2")).message("x"), "NotFound"),
        ("a bare name", publish().topic_arn("done").message("x"), "InvalidParameter"),
        ("no message", publish().topic_arn(TOPIC).message(""), "InvalidParameter"),
        ("too long", publish().topic_arn(TOPIC).message("x".repeat(262_145)), "InvalidParameter"),
        (
            "a name with a blank",
            good().message_attributes("a b", text("String", "x")),
            "ParameterValueInvalid",
        ),
        (
            "an unknown type",
            good().message_attributes("a", text("Text", "x")),
            "ParameterValueInvalid",
        ),
        ("no value", good().message_attributes("a", text("String", "")), "ParameterValueInvalid"),
    ];
    for (name, publish, code) in table {
        let error = publish.send().await.expect_err(name);
        assert_eq!(error.code(), Some(code), "{name}");
    }
    assert!(sns.messages().is_empty());
    good().message("x".repeat(262_144)).send().await.unwrap();
}

#[tokio::test]
async fn throttling_is_retried_by_the_client() {
    let sns = Sns::start(&[TOPIC]);
    sns.throttle(1);
    sns_client(&sns).publish().topic_arn(TOPIC).message("x").send().await.unwrap();
    assert_eq!((sns.refusals().len(), sns.messages().len()), (1, 1));
}
