//! Storage executes a request without answering, or asks to start again.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use hyper::Method;
use tempfile::TempDir;
use video_concat::object::{ETag, ObjectUri};
use video_concat::storage::upload::{Stored, UploadError, store_file};
use video_concat::storage::{Description, ObjectStore, Precondition, Problem};

use super::{BUCKET, MIB, file, noise, uri};
use crate::bed::fault::{Answer, Fault};
use crate::bed::s3::S3;

/// More often than any request is retried.
const ALWAYS: usize = 100;
const SMALL: usize = 5;
const IN_PARTS: usize = 17 * MIB;

fn server() -> (S3, ObjectStore) {
    let s3 = S3::start(&[BUCKET]);
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = s3.client().config().to_builder().retry_config(retries).build();
    (s3, ObjectStore::new(aws_sdk_s3::Client::from_conf(config)))
}

fn run(name: &str) -> Description {
    Description {
        content_type: "video/mp4".to_owned(),
        metadata: BTreeMap::from([("run".to_owned(), name.to_owned())]),
    }
}

/// Stores a file where an earlier run has stored one.
async fn store(s3: &S3, store: &ObjectStore, size: usize) -> Result<Stored, UploadError> {
    s3.put_with(BUCKET, "k", b"old".to_vec().into(), &[("run", "earlier")]);
    let work = TempDir::new().unwrap();
    store_file(store, &uri("k"), &file(work.path(), &noise(size, 7)), &run("this")).await
}

fn completion(answer: Answer) -> Fault {
    Fault::new(answer).method(Method::POST).part("uploadId")
}

fn put(answer: Answer) -> Fault {
    Fault::new(answer).method(Method::PUT).part("/k")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_all_the_same_counts() {
    for (name, size, fault) in [
        ("completed once", IN_PARTS, completion(Answer::Lost)),
        ("completed, and never told", IN_PARTS, completion(Answer::Lost).times(ALWAYS)),
        ("put once", SMALL, put(Answer::Lost)),
        ("put, and never told", SMALL, put(Answer::Lost).times(ALWAYS)),
    ] {
        let (s3, client) = server();
        s3.fail(fault);
        let stored = store(&s3, &client, size).await.expect(name);
        let head = client.head(&uri("k"), None).await.unwrap();
        assert_eq!((head.etag, head.size), (stored.etag, stored.size), "{name}");
        assert_eq!(s3.unfinished_uploads(), [], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_starts_again_where_storage_asks_for_it() {
    for (name, size, fault) in [
        ("in parts", IN_PARTS, completion(Answer::Error(409, "ConditionalRequestConflict"))),
        ("aborted by others", IN_PARTS, completion(Answer::Error(404, "NoSuchUpload"))),
        ("put", SMALL, put(Answer::Error(409, "ConditionalRequestConflict"))),
    ] {
        let (s3, client) = server();
        s3.fail(fault);
        let stored = store(&s3, &client, size).await.expect(name);
        assert_eq!(s3.get(BUCKET, "k").unwrap(), noise(size, 7), "{name}");
        assert_eq!(stored.size, size as u64);
        assert_eq!(s3.unfinished_uploads(), [], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_conflicts_end_in_an_error() {
    let conflict = Answer::Error(409, "ConditionalRequestConflict");
    for (size, fault) in [(SMALL, put(conflict)), (IN_PARTS, completion(conflict))] {
        let (s3, client) = server();
        s3.fail(fault.times(ALWAYS));
        let error = store(&s3, &client, size).await.unwrap_err();
        assert!(error.to_string().contains("another write"), "{error}");
        assert_eq!(s3.get(BUCKET, "k").unwrap(), b"old");
        assert_eq!(s3.unfinished_uploads(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_known_is_called_unknown() {
    for (size, calls_before) in [(SMALL, 0), (IN_PARTS, 3)] {
        let (s3, client) = server();
        s3.fail(Fault::new(Answer::Lost).skip(calls_before).times(ALWAYS));
        let error = store(&s3, &client, size).await.unwrap_err();
        assert!(error.to_string().contains("may be stored nevertheless"), "{error}");
        assert_eq!(s3.get(BUCKET, "k").unwrap().len(), size);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_storage_never_took_is_not_stored() {
    for (size, fault) in [(SMALL, put(Answer::Cut)), (IN_PARTS, completion(Answer::Cut))] {
        let (s3, client) = server();
        s3.fail(fault.times(ALWAYS));
        let error = store(&s3, &client, size).await.unwrap_err();
        assert!(matches!(error, UploadError::Store(_)), "{error}");
        assert_eq!(s3.get(BUCKET, "k").unwrap(), b"old");
        assert_eq!(s3.unfinished_uploads(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_knows_itself_again() {
    let (s3, client) = server();
    let target = uri("k");
    let write = |text: &'static str, condition| {
        let (client, target) = (client.clone(), target.clone());
        async move { client.put_small(&target, text.as_bytes(), &run(text), condition).await }
    };
    s3.fail(put(Answer::Lost));
    let first = write("1", Precondition::IfAbsent).await.unwrap();
    s3.fail(put(Answer::Lost));
    let second = write("2", Precondition::IfMatch(first.clone())).await.unwrap();
    assert_eq!(tag(&client, &target).await, second);
    let late = write("3", Precondition::IfMatch(first)).await.unwrap_err();
    assert_eq!(*late.problem(), Problem::Precondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_that_meets_another_one_is_tried_again() {
    let (s3, client) = server();
    s3.fail(put(Answer::Error(409, "ConditionalRequestConflict")).times(2));
    let put = client.put_small(&uri("k"), "x", &run("x"), Precondition::IfAbsent).await;
    assert_eq!(tag(&client, &uri("k")).await, put.unwrap());
}

async fn tag(store: &ObjectStore, uri: &ObjectUri) -> ETag {
    store.head(uri, None).await.unwrap().etag
}
