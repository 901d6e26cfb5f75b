//! The storage adapter, fetch and upload with a server that implements the S3 protocol.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use video_concat::code::Code;
use video_concat::object::{ETag, ObjectUri};
use video_concat::storage::client::http_client;
use video_concat::storage::fetch::{FetchError, fetch};
use video_concat::storage::upload::{self, UploadError, store_file};
use video_concat::storage::{Description, ObjectStore, Precondition, Problem};

mod growing;
mod keeping;
mod lost_answers;

const MIB: usize = 1024 * 1024;
const BUCKET: &str = "clips";

/// An S3 server on a folder, with one bucket.
struct Server {
    folder: TempDir,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("id", "secret"));
        let address = listen(builder.build()).await;
        Self { folder, address }
    }

    fn store(&self) -> ObjectStore {
        store_at(self.address)
    }

    /// What the server keeps of open uploads. If an upload was aborted while a part was being sent,
    /// the part's bytes stay in these files, and if a client goes away while one is completed, its
    /// metadata; the real storage discards them.
    fn open_uploads(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.to_string_lossy();
                let is_left = name.contains(".part-") || name.ends_with(".metadata.json");
                name.contains(".upload") && !is_left
            })
            .collect()
    }
}

async fn listen(service: S3Service) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service.clone());
            tokio::spawn(connection);
        }
    });
    address
}

fn store_at(address: SocketAddr) -> ObjectStore {
    let config = aws_sdk_s3::Config::builder()
        .http_client(http_client())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .build();
    ObjectStore::new(aws_sdk_s3::Client::from_conf(config))
}

/// A proxy that lets each connection return at most `limit` bytes, and then breaks it.
async fn breaking_proxy(server: SocketAddr, limit: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, server, limit));
        }
    });
    address
}

async fn carry(client: TcpStream, server: SocketAddr, limit: usize) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut left = limit;
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let room = left.min(buffer.len());
        match from_server.read(&mut buffer[..room]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                left -= read;
                if to_client.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Bytes that differ from place to place, so that a misplaced range is noticed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(length)
    .collect()
}

fn uri(key: &str) -> ObjectUri {
    ObjectUri::named(BUCKET, key).unwrap()
}

fn video() -> Description {
    Description {
        content_type: "video/mp4".to_owned(),
        metadata: BTreeMap::from([("made-by".to_owned(), "a test".to_owned())]),
    }
}

fn file(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("local");
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn put(store: &ObjectStore, key: &str, bytes: Vec<u8>) -> ETag {
    store.put_small(&uri(key), bytes, &video(), Precondition::None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_makes_the_round_trip_in_parts_and_ranges() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    let bytes = noise(40 * MIB + 12_345, 1);
    let target = uri("dir/a b.mp4");

    let stored = store_file(&store, &target, &file(work.path(), &bytes), &video()).await.unwrap();
    assert_eq!(stored.size, bytes.len() as u64);
    let head = store.head(&target, None).await.unwrap();
    assert_eq!((&head.etag, head.size), (&stored.etag, stored.size));
    assert_eq!(head.content_type.as_deref(), Some("video/mp4"));

    let copy = work.path().join("copy");
    let fetched = fetch(&store, &target, &head, &copy).await.unwrap();
    assert_eq!(fetched.0, stored.size);
    assert!(std::fs::read(&copy).unwrap() == bytes, "the copy differs");

    let reading = store.meter().read();
    assert_eq!(reading.put_requests, 1 + 3 + 1, "create, three parts, complete");
    assert_eq!((reading.head_requests, reading.get_requests), (1, 6));
    assert_eq!(reading.bytes_fetched, stored.size);
    assert_eq!(reading.bytes_stored, stored.size);
    assert!(server.open_uploads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_goes_in_one_request_once_it_is_completed() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    let path = file(work.path(), b"small");

    let mut pending = upload::begin(&store, &uri("s"), (&path, &[]), &video()).await.unwrap();
    pending.send().await.unwrap();
    assert_eq!(store.get_small(&uri("s")).await.unwrap(), None);
    let stored = pending.appear(&Precondition::None).await.unwrap();
    let (bytes, etag) = store.get_small(&uri("s")).await.unwrap().unwrap();
    assert_eq!((&bytes[..], etag), (&b"small"[..], stored.etag));
    assert_eq!(store.head(&uri("s"), None).await.unwrap().metadata, video().metadata);
    assert_eq!(store.meter().read().put_requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_object_makes_an_empty_file() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    put(&store, "empty", Vec::new()).await;
    let head = store.head(&uri("empty"), None).await.unwrap();
    let dest = work.path().join("copy");
    assert_eq!(fetch(&store, &uri("empty"), &head, &dest).await.unwrap().0, 0);
    assert_eq!(std::fs::metadata(dest).unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named() {
    let server = Server::start().await;
    let store = server.store();
    let error = store.head(&uri("nothing.mp4"), None).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchKey);
    assert!(error.to_string().contains("`s3://clips/nothing.mp4`"), "{error}");

    let elsewhere = ObjectUri::named("no-such-bucket", "a.mp4").unwrap();
    let error = store.head(&elsewhere, None).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchBucket);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_denied() {
    let server = Server::start().await;
    let config = aws_sdk_s3::Config::builder()
        .http_client(http_client())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("id", "guess", None, None, "test"))
        .endpoint_url(format!("http://{}", server.address))
        .force_path_style(true)
        .build();
    let store = ObjectStore::new(aws_sdk_s3::Client::from_conf(config));
    let error = store.head(&uri("a"), None).await.unwrap_err();
    assert_eq!(error.code(), Code::AccessDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_meanwhile_fails_the_fetch() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    put(&store, "a", noise(9 * MIB, 1)).await;
    let head = store.head(&uri("a"), None).await.unwrap();
    put(&store, "a", noise(9 * MIB, 2)).await;

    let error = fetch(&store, &uri("a"), &head, &work.path().join("copy")).await.unwrap_err();
    let FetchError::Store(error) = error else {
        panic!("another error: {error}");
    };
    assert_eq!(*error.problem(), Problem::Changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_range_goes_on_where_it_broke() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let bytes = noise(20 * MIB, 3);
    put(&server.store(), "a", bytes.clone()).await;
    let head = server.store().head(&uri("a"), None).await.unwrap();

    let store = store_at(breaking_proxy(server.address, 3 * MIB).await);
    let dest = work.path().join("copy");
    fetch(&store, &uri("a"), &head, &dest).await.unwrap();
    assert!(std::fs::read(dest).unwrap() == bytes, "the copy differs");
    let reading = store.meter().read();
    assert!(reading.get_requests > 3, "{reading:?}");
    // Bytes that had arrived are not requested again.
    assert_eq!(reading.bytes_fetched, bytes.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_works_ends_in_an_error() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    put(&server.store(), "a", noise(MIB, 3)).await;
    let head = server.store().head(&uri("a"), None).await.unwrap();
    let store = store_at(breaking_proxy(server.address, 1024).await);
    let error = fetch(&store, &uri("a"), &head, &work.path().join("copy")).await.unwrap_err();
    assert_eq!(error.code(), Code::InternalError);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_larger_than_the_disk_is_refused_before_it_is_fetched() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    put(&store, "a", b"x".to_vec()).await;
    let mut head = store.head(&uri("a"), None).await.unwrap();
    head.size = 1 << 43;
    let error = fetch(&store, &uri("a"), &head, &work.path().join("copy")).await.unwrap_err();
    assert_eq!(error.code(), Code::InsufficientStorage);
    assert_eq!(store.meter().read().get_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_upload_leaves_nothing() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    let path = file(work.path(), &noise(17 * MIB, 4));
    let mut pending = upload::begin(&store, &uri("a"), (&path, &[]), &video()).await.unwrap();
    pending.send().await.unwrap();
    assert!(!server.open_uploads().is_empty(), "the server shows open uploads");
    pending.abort().await.unwrap();
    assert!(server.open_uploads().is_empty());
    assert_eq!(store.get_small(&uri("a")).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upload_leaves_nothing() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    let path = file(work.path(), &noise(17 * MIB, 5));
    let mut pending = upload::begin(&store, &uri("a"), (&path, &[]), &video()).await.unwrap();
    pending.send().await.unwrap();
    drop(pending);
    store.finish().await;
    assert_eq!(server.open_uploads(), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_cancelled_at_any_moment_leaves_nothing() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    let path = file(work.path(), &noise(33 * MIB, 6));
    for milliseconds in [1, 3, 10, 30, 60] {
        let (target, description) = (uri("a"), video());
        let whole = store_file(&store, &target, &path, &description);
        drop(tokio::time::timeout(Duration::from_millis(milliseconds), whole).await);
        store.finish().await;
        assert_eq!(server.open_uploads(), [] as [PathBuf; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_local_file_is_named() {
    let server = Server::start().await;
    let error =
        store_file(&server.store(), &uri("a"), Path::new("/no/such"), &video()).await.unwrap_err();
    assert!(matches!(error, UploadError::File { .. }));
    assert!(error.to_string().contains("`/no/such`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_writes_have_one_winner() {
    let server = Server::start().await;
    let store = server.store();
    let write = |text: &'static str, precondition| {
        let store = store.clone();
        async move { store.put_small(&uri("record"), text.as_bytes(), &video(), precondition).await }
    };
    let first = write("1", Precondition::IfAbsent).await.unwrap();
    let late = write("2", Precondition::IfAbsent).await.unwrap_err();
    assert_eq!(*late.problem(), Problem::Precondition);
    let second = write("2", Precondition::IfMatch(first.clone())).await.unwrap();
    assert_ne!(first, second);
    let late = write("3", Precondition::IfMatch(first)).await.unwrap_err();
    assert_eq!(*late.problem(), Problem::Precondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_what_is_not_there_is_no_failure() {
    let server = Server::start().await;
    let store = server.store();
    put(&store, "a", b"x".to_vec()).await;
    store.delete(&uri("a")).await.unwrap();
    store.delete(&uri("a")).await.unwrap();
    assert_eq!(store.get_small(&uri("a")).await.unwrap(), None);
}
