//! The bed's S3 rejects what the real one rejects.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use hyper::Method;

use crate::bed::fault::{Answer, Fault};
use crate::bed::s3::S3;

fn body(text: &'static str) -> ByteStream {
    ByteStream::from_static(text.as_bytes())
}

#[tokio::test]
async fn a_read_pinned_to_an_older_tag_fails() {
    let s3 = S3::start(&["bucket"]);
    let old = s3.put("bucket", "k", "one");
    let get = |tag: &str| s3.client().get_object().bucket("bucket").key("k").if_match(tag).send();
    let first = get(&old).await.unwrap().body.collect().await.unwrap();
    assert_eq!(first.into_bytes(), "one");
    let new = s3.put("bucket", "k", "two");
    let error = get(&old).await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(error.code(), Some("PreconditionFailed"));
    let part =
        s3.client().get_object().bucket("bucket").key("k").if_match(new).range("bytes=1-1").send();
    assert_eq!(part.await.unwrap().body.collect().await.unwrap().into_bytes(), "w");
    let head = s3.client().head_object().bucket("bucket").key("k").if_match(old).send().await;
    assert_eq!(head.unwrap_err().raw_response().unwrap().status().as_u16(), 412);
}

#[tokio::test]
async fn a_conditional_write_loses_against_what_is_there() {
    let s3 = S3::start(&["bucket"]);
    let put = || s3.client().put_object().bucket("bucket").key("k").body(body("x"));
    put().if_none_match("*").send().await.unwrap();
    let error = put().if_none_match("*").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    let error = put().if_match("\"0123456789abcdef0123456789abcdef\"").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 412);
    let tag = s3.head("bucket", "k").unwrap().e_tag.unwrap();
    put().if_match(tag).send().await.unwrap();
}

#[tokio::test]
async fn of_many_conditional_writes_one_wins() {
    let s3 = S3::start(&["bucket"]);
    let put = || {
        s3.client().put_object().bucket("bucket").key("k").if_none_match("*").body(body("x")).send()
    };
    let results = futures::future::join_all((0..8).map(|_| put())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn metadata_and_content_type_come_back() {
    let s3 = S3::start(&["bucket"]);
    let put = s3.client().put_object().bucket("bucket").key("k").body(body("x"));
    put.metadata("x-oss-async-process", "video/concat")
        .content_type("video/mp4")
        .send()
        .await
        .unwrap();
    let head = s3.client().head_object().bucket("bucket").key("k").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["x-oss-async-process"], "video/concat");
    assert_eq!(head.content_type(), Some("video/mp4"));
}

#[tokio::test]
async fn what_is_missing_has_its_own_code() {
    let s3 = S3::start(&["bucket"]);
    let get = |bucket: &str| s3.client().get_object().bucket(bucket).key("none").send();
    assert_eq!(get("bucket").await.unwrap_err().code(), Some("NoSuchKey"));
    assert_eq!(get("nowhere").await.unwrap_err().code(), Some("NoSuchBucket"));
    let put = s3.client().put_object().bucket("nowhere").key("k").body(body("x")).send().await;
    assert_eq!(put.unwrap_err().code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn uploads_in_parts_are_conditional_and_counted() {
    let s3 = S3::start(&["bucket"]);
    let client = s3.client();
    let begun = client
        .create_multipart_upload()
        .bucket("bucket")
        .key("dir/k")
        .content_type("video/mp4")
        .send();
    let id = begun.await.unwrap().upload_id.unwrap();
    assert_eq!(s3.unfinished_uploads(), [("bucket".to_owned(), "dir/k".to_owned())]);
    let part = client
        .upload_part()
        .bucket("bucket")
        .key("dir/k")
        .upload_id(&id)
        .part_number(1)
        .body(body("all"));
    let tag = part.send().await.unwrap().e_tag.unwrap();
    let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).e_tag(tag).build();
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
    let complete =
        || client.complete_multipart_upload().bucket("bucket").key("dir/k").upload_id(&id);
    s3.put("bucket", "dir/k", "there already");
    let refused = complete().multipart_upload(parts.clone()).if_none_match("*").send().await;
    assert_eq!(refused.unwrap_err().raw_response().unwrap().status().as_u16(), 412);
    assert_eq!(s3.unfinished_uploads().len(), 1);
    s3.delete("bucket", "dir/k");
    complete().multipart_upload(parts).if_none_match("*").send().await.unwrap();
    assert_eq!((s3.unfinished_uploads(), s3.keys("bucket")), (vec![], vec!["dir/k".to_owned()]));
    assert_eq!(s3.get("bucket", "dir/k").unwrap(), b"all");
    let again =
        client.abort_multipart_upload().bucket("bucket").key("dir/k").upload_id(&id).send().await;
    assert_eq!(again.unwrap_err().code(), Some("NoSuchUpload"));
}

#[tokio::test]
async fn requests_are_written_down_and_can_fail() {
    let s3 = S3::start(&["bucket"]);
    s3.put("bucket", "k", "four");
    assert!(s3.calls().is_empty(), "the bed's own requests are not the tested program's");
    s3.fail(Fault::new(Answer::Error(503, "SlowDown")).method(Method::GET).part("/bucket/k"));
    s3.fail(Fault::new(Answer::Cut).method(Method::GET).part("/bucket/k"));
    s3.client().get_object().bucket("bucket").key("k").range("bytes=0-1").send().await.unwrap();
    let calls = s3.calls_of("GET", "/bucket/k");
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [503, 0, 206]);
    assert_eq!((calls[2].range.as_deref(), calls[2].length), (Some("bytes=0-1"), 2));
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let s3 = S3::start(&["bucket"]);
    s3.put("bucket", "k", "x");
    let wrong = aws_sdk_s3::config::Credentials::new("AKIATESTED", "wrong", None, None, "test");
    let config = s3.client().config().to_builder().credentials_provider(wrong).build();
    let get =
        aws_sdk_s3::Client::from_conf(config).get_object().bucket("bucket").key("k").send().await;
    assert_eq!(get.unwrap_err().code(), Some("SignatureDoesNotMatch"));
}
