//! S3 in this process: `s3s` checks signatures and implements the protocol, `s3s-fs` keeps the
//! objects in a folder, `s3_gaps` adds what both lack, and every request is recorded.

use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;

use super::fault::{Answer, End, Fault, Faults, Half, Otherwise, cut, kill};
use super::http::{AnyError, Server, header};
use super::s3_gaps::Gaps;

pub const REGION: &str = "us-east-1";
/// The access key of the tested program.
pub const ACCESS_KEY: &str = "AKIATESTED";
pub const SECRET_KEY: &str = "tested-secret";
/// The bed's own requests have this key, and are not recorded.
const BED_KEY: &str = "AKIATESTBED";

/// A request of the tested program.
#[derive(Debug, Clone, Default)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub query: String,
    pub range: Option<String>,
    pub if_match: Option<String>,
    pub if_none_match: Option<String>,
    /// 0 until the request is answered.
    pub status: u16,
    /// Length of the answer's body.
    pub length: u64,
}

type Log = Arc<Mutex<Vec<Call>>>;

/// Requests whose execution is delayed.
type Late = Arc<Mutex<Vec<Request<Bytes>>>>;

pub struct S3 {
    server: Server,
    folder: TempDir,
    door: Door,
    client: Client,
}

impl S3 {
    pub fn start(buckets: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("no temporary folder");
        for bucket in buckets {
            std::fs::create_dir(folder.path().join(bucket)).expect("a bucket named twice");
        }
        let door = Door {
            service: service(folder.path()),
            log: Log::default(),
            faults: Faults::default(),
            late: Late::default(),
            conditional: Arc::default(),
        };
        let at_work = door.clone();
        let server = Server::start(move |request| at_work.clone().answer(request));
        let client = client(&server.url(), BED_KEY);
        Self { server, folder, door, client }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The handler of its requests, for a server that also provides other services.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// A client with the tested program's key, so that its requests are recorded.
    pub fn client(&self) -> Client {
        client(&self.url(), ACCESS_KEY)
    }

    /// The same for another address of a server.
    pub fn client_by(url: &str) -> Client {
        client(url, ACCESS_KEY)
    }

    /// The settings with which a child process finds this server.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL_S3", self.url().as_str()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_REGION", REGION),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub fn create_bucket(&self, name: &str) {
        std::fs::create_dir(self.folder.path().join(name)).expect("the bucket exists");
    }

    /// Stores an object and returns its entity tag.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) -> String {
        self.put_with(bucket, key, ByteStream::from(body.into()), &[])
    }

    pub fn put_file(&self, bucket: &str, key: &str, file: &Path) -> String {
        let file = file.to_owned();
        let body = self.server.wait(async move { ByteStream::from_path(file).await });
        self.put_with(bucket, key, body.expect("the file can be read"), &[])
    }

    pub fn put_with(
        &self,
        bucket: &str,
        key: &str,
        body: ByteStream,
        metadata: &[(&str, &str)],
    ) -> String {
        let mut put = self.client.put_object().bucket(bucket).key(key).body(body);
        for (name, value) in metadata {
            put = put.metadata(*name, *value);
        }
        let output = self.server.wait(put.send()).expect("the bed could not put an object");
        output.e_tag.expect("an object has an entity tag")
    }

    /// The whole object, or `None` if it does not exist.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(bucket, key)).ok()
    }

    /// The file of an object, for reading only: writing to it would not change the entity tag.
    pub fn path(&self, bucket: &str, key: &str) -> std::path::PathBuf {
        self.folder.path().join(bucket).join(key)
    }

    /// The folder that contains a folder for each bucket.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn head(&self, bucket: &str, key: &str) -> Option<HeadObjectOutput> {
        let head = self.client.head_object().bucket(bucket).key(key);
        self.server.wait(head.send()).ok()
    }

    pub fn delete(&self, bucket: &str, key: &str) {
        let delete = self.client.delete_object().bucket(bucket).key(key);
        self.server.wait(delete.send()).expect("the bed could not delete an object");
    }

    /// Every key of the bucket, sorted.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let root = self.folder.path().join(bucket);
        let mut keys = Vec::new();
        collect_keys(&root, &root, &mut keys);
        keys.sort();
        keys
    }

    /// Bucket and key of every multipart upload that is neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<(String, String)> {
        let names = std::fs::read_dir(self.folder.path()).expect("the folder is ours");
        let names: Vec<_> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let ids =
            names.iter().filter_map(|name| name.strip_prefix(".upload-")?.strip_suffix(".json"));
        ids.map(|id| names.iter().find_map(|name| upload_target(name, id)).unwrap_or_default())
            .collect()
    }

    /// The number of parts of such uploads.
    pub fn parts(&self) -> usize {
        let names = std::fs::read_dir(self.folder.path()).expect("the folder is ours").flatten();
        names.filter(|name| name.file_name().to_string_lossy().contains(".part-")).count()
    }

    /// The tested program's requests in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.door.log.lock().unwrap().clone()
    }

    pub fn calls_of(&self, method: &str, path: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.method == method && call.path == path).collect()
    }

    pub fn forget_calls(&self) {
        self.door.log.lock().unwrap().clear();
    }

    pub fn fail(&self, fault: Fault) {
        self.faults().add(fault);
    }

    pub fn faults(&self) -> &Faults {
        &self.door.faults
    }

    /// Executes the requests that [`Answer::Late`] has delayed.
    pub fn carry_out_late(&self) {
        for request in std::mem::take(&mut *self.door.late.lock().unwrap()) {
            let door = self.door.clone();
            let served = async move { door.serve(request.map(s3s::Body::from)).await };
            self.server.wait(served).expect("the server answers");
        }
    }
}

fn service(root: &Path) -> S3Service {
    let files = FileSystem::new(root).expect("the folder exists");
    let mut auth = SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY);
    auth.register(BED_KEY.into(), SECRET_KEY.into());
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(auth);
    builder.set_access(Gaps::new(root));
    builder.build()
}

fn client(url: &str, access_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .http_client(video_concat::storage::client::http_client())
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(access_key, SECRET_KEY, None, None, "bed"))
        .region(Region::new(REGION))
        .endpoint_url(url)
        .force_path_style(true);
    // In an unoptimised build, hashing takes most of an upload's time, and it is not what the tests
    // check.
    let config = if access_key == BED_KEY {
        config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
    } else {
        config
    };
    Client::from_conf(config.build())
}

fn collect_keys(root: &Path, folder: &Path, keys: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("no such bucket").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_keys(root, &path, keys);
        } else {
            keys.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn upload_target(name: &str, id: &str) -> Option<(String, String)> {
    let names =
        name.strip_suffix(&format!(".upload-{id}.metadata.json"))?.strip_prefix(".bucket-")?;
    let (bucket, key) = names.split_once(".object-")?;
    Some((decode(bucket)?, decode(key)?))
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[derive(Clone)]
pub struct Door {
    service: S3Service,
    log: Log,
    faults: Faults,
    late: Late,
    // The file system checks and then writes; S3 does both atomically.
    conditional: Arc<tokio::sync::Mutex<()>>,
}

pub type Reply = Response<Half<s3s::Body>>;

impl Door {
    pub async fn answer(self, request: Request<Incoming>) -> Result<Reply, AnyError> {
        let own = header(&request, "authorization").is_some_and(|value| value.contains(BED_KEY));
        if own {
            return self.serve_whole(request).await;
        }
        let index = self.note(&request);
        let response = match self.faults.strike(request.method(), &request.uri().to_string()) {
            Some(answer) => self.fail(answer, request).await?,
            None => self.serve_whole(request).await?,
        };
        self.note_answer(index, &response);
        Ok(response)
    }

    async fn fail(&self, answer: Answer, request: Request<Incoming>) -> Result<Reply, AnyError> {
        match answer {
            Answer::Error(status, code) => {
                hear_out(request, refusal(status, code, "asked for by the test")).await
            }
            Answer::Said(status, code, message) => {
                hear_out(request, refusal(status, code, message)).await
            }
            Answer::Elsewhere(region) => hear_out(request, redirect(region)).await,
            Answer::Cut => Err(cut()),
            Answer::CutBody if has_body(&request) => {
                request.into_body().frame().await;
                Err(cut())
            }
            Answer::CutBody => self.serve_half(request, End::Cut).await,
            Answer::StallBody => self.serve_half(request, End::Stall).await,
            Answer::Stall => std::future::pending().await,
            Answer::Lost => {
                self.serve_whole(request).await?;
                Err(cut())
            }
            Answer::Late => {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                self.late.lock().unwrap().push(Request::from_parts(head, body));
                std::future::pending().await
            }
            Answer::Held => {
                let reply = self.serve_whole(request).await?;
                self.faults.hold().await;
                Ok(reply)
            }
            Answer::Otherwise(how) => self.serve_otherwise(request, how).await,
            Answer::Kill(process) => Err(kill(process)),
            Answer::KillAfter(process) => {
                self.serve_whole(request).await?;
                Err(kill(process))
            }
        }
    }

    async fn serve_whole(&self, request: Request<Incoming>) -> Result<Reply, AnyError> {
        let is_completion = request.method() == Method::POST;
        let (door, request) = (self.clone(), request.map(s3s::Body::from));
        let served = async move { door.serve(request).await };
        // If a client goes away, its transfer ends, but a completion still runs to its end.
        let response = if is_completion { tokio::spawn(served).await?? } else { served.await? };
        Ok(response.map(Half::whole))
    }

    async fn serve_otherwise(
        &self,
        request: Request<Incoming>,
        how: Otherwise,
    ) -> Result<Reply, AnyError> {
        let mut reply = match how {
            Otherwise::Short => self.serve_half(request, End::Early).await?,
            _ => self.serve_whole(request).await?,
        };
        let given = reply.headers().get("content-range").cloned().ok_or("not a part")?;
        let given = given.to_str()?;
        match how {
            Otherwise::Whole => {
                reply.headers_mut().remove("content-range");
                *reply.status_mut() = StatusCode::OK;
            }
            Otherwise::Elsewhere => {
                let elsewhere = given.replace("bytes ", "bytes 1").parse()?;
                reply.headers_mut().insert("content-range", elsewhere);
            }
            Otherwise::Larger => {
                let larger = format!("{given}0").parse()?;
                reply.headers_mut().insert("content-range", larger);
            }
            Otherwise::Short => {
                reply.headers_mut().remove("content-length");
            }
            Otherwise::Changed => {
                reply.headers_mut().insert("etag", "\"another\"".parse()?);
            }
        }
        Ok(reply)
    }

    /// An answer without a body counts as no answer.
    async fn serve_half(&self, request: Request<Incoming>, end: End) -> Result<Reply, AnyError> {
        if request.method() != Method::GET {
            return match end {
                End::Cut => Err(cut()),
                End::Stall => std::future::pending().await,
                End::Early => self.serve_whole(request).await,
            };
        }
        let response = self.serve(request.map(s3s::Body::from)).await?;
        Ok(response.map(|body| Half::of(body, end)))
    }

    async fn serve(&self, request: Request<s3s::Body>) -> Result<Response<s3s::Body>, AnyError> {
        let conditional = request.method() != Method::GET
            && ["if-match", "if-none-match"]
                .iter()
                .any(|name| request.headers().contains_key(*name));
        // A completion is atomic as well: a read happens either before or after it.
        let is_one = conditional || matches!(*request.method(), Method::POST | Method::HEAD);
        let _alone = if is_one { Some(self.conditional.lock().await) } else { None };
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let mut response = self.service.call(request).await?;
        let headers = response.headers_mut();
        if is_read && headers.contains_key("etag") {
            headers.entry("content-type").or_insert("binary/octet-stream".parse()?);
        }
        headers.entry("x-amz-request-id").or_insert("BED0000000000000".parse()?);
        Ok(response)
    }

    fn note(&self, request: &Request<Incoming>) -> usize {
        let mut log = self.log.lock().unwrap();
        log.push(Call {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            range: header(request, "range"),
            if_match: header(request, "if-match"),
            if_none_match: header(request, "if-none-match"),
            ..Call::default()
        });
        log.len() - 1
    }

    fn note_answer(&self, index: usize, response: &Reply) {
        let length = response.headers().get("content-length");
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        // The log may have been cleared in the meantime.
        if let Some(call) = self.log.lock().unwrap().get_mut(index) {
            call.status = response.status().as_u16();
            call.length = length.unwrap_or(0);
        }
    }
}

fn has_body(request: &Request<Incoming>) -> bool {
    !request.body().is_end_stream()
}

/// Answers only after the whole request: a client that is still sending when the connection is
/// closed can't read the answer.
async fn hear_out(request: Request<Incoming>, reply: Reply) -> Result<Reply, AnyError> {
    request.into_body().collect().await?;
    Ok(reply)
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .header("x-amz-request-id", "BED0000000000000")
        .body(Half::whole(s3s::Body::from(body)))
        .expect("constant headers are valid")
}

fn redirect(region: &str) -> Reply {
    let mut response = refusal(301, "PermanentRedirect", "elsewhere");
    let region = region.parse().expect("a region is header text");
    response.headers_mut().insert("x-amz-bucket-region", region);
    response
}
