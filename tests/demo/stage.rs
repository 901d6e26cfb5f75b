//! `make stage`: the demo's storage and topic alone, for `sam local`, until somebody ends it.

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use rustix::fs::{FileType, fstat};
use serde_json::Value;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::bed::http::{AnyError, Server, header, reply};
use crate::bed::s3::{self, ACCESS_KEY, REGION, S3, SECRET_KEY};
use crate::bed::sns::{self, Sns};
use crate::failure::Failure;
use crate::scene::{SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::source::SOURCES;

type Body = UnsyncBoxBody<Bytes, AnyError>;

/// Where the containers of `sam local` find the stage.
enum Reached {
    /// At this machine's address on Docker's bridge.
    Bridge(Server),
    /// By Docker's name for the machine that it runs on: the engine has a machine of its own.
    Name,
    /// No engine answers, so there are no containers.
    Nowhere,
}

/// Plays until an interrupt, or the end of what it reads from.
pub(crate) fn play() -> Result<(), Failure> {
    let ended = watch_for_the_end();
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    if !put_sources(&s3, &ended)? {
        return Ok(());
    }
    let cast = Cast { s3: s3.door(), sns: sns.exchange() };
    let server = cast.clone().serve(Ipv4Addr::LOCALHOST).map_err(|error| no_address(&error))?;
    let reached = reached(&cast);
    describe(&server, &reached);
    // A closed channel is an end as well.
    let _ = ended.recv();
    Ok(())
}

/// Says whether they are all there: where the end has come before, nothing more is needed.
fn put_sources(s3: &S3, ended: &Receiver<()>) -> Result<bool, Failure> {
    let folder = TempDir::new()
        .map_err(|error| Failure::new(format!("the sources have no place: {error}")))?;
    for source in &SOURCES {
        // An interrupt of a terminal ends ffmpeg as well.
        let file = catch_unwind(AssertUnwindSafe(|| source.write(folder.path())));
        if ended.try_recv().is_ok() {
            return Ok(false);
        }
        let file = file.map_err(|panic| Failure::of_panic(&*panic))?;
        s3.put_file(SOURCE_BUCKET, source.name, &file);
    }
    Ok(true)
}

fn no_address(error: &std::io::Error) -> Failure {
    Failure::new(format!("127.0.0.1 has no free port: {error}"))
}

fn describe(server: &Server, reached: &Reached) {
    let port = server.address().port();
    let url = match reached {
        Reached::Bridge(server) => server.url(),
        Reached::Name => format!("http://host.docker.internal:{port}"),
        Reached::Nowhere => server.url(),
    };
    println!("S3 and SNS are at {}, with the demo's sources:", server.url());
    for source in &SOURCES {
        println!("  s3://{SOURCE_BUCKET}/{:<12} {}", source.name, source.about);
    }
    println!(
        "\nAfter `sam build`, in another terminal: the job of events/direct.json, or the HTTP API."
    );
    println!("\n{}\n", commands(&url));
    println!("What the job has made:\n\n{}\n", fetch(&server.url()));
    if matches!(reached, Reached::Nowhere) {
        println!("`sam local` needs Docker, and no engine answers here.\n");
    }
    println!("Ctrl-C ends the stage, and nothing of it is left.");
}

/// Signals, the end of a pipe, and the end of a terminal's input. A stage that is given nothing to
/// read from is ended by a signal.
fn watch_for_the_end() -> Receiver<()> {
    let (end, ended) = channel();
    let by_signal: Sender<()> = end.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime
            && runtime.block_on(any_signal()).is_ok()
        {
            let _ = by_signal.send(());
        }
    });
    let stdin = std::io::stdin();
    let is_device = fstat(stdin.as_fd())
        .is_ok_and(|file| FileType::from_raw_mode(file.st_mode) == FileType::CharacterDevice);
    if !is_device || stdin.is_terminal() {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut stdin.lock(), &mut std::io::sink());
            let _ = end.send(());
        });
    }
    ended
}

async fn any_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

fn reached(cast: &Cast) -> Reached {
    let Some(networks) = bridge() else { return Reached::Nowhere };
    let server = gateway(&networks).and_then(|address| cast.clone().serve(address).ok());
    server.map_or(Reached::Name, Reached::Bridge)
}

/// What Docker says of the network that `sam local` gives its containers.
fn bridge() -> Option<Value> {
    let mut docker = Command::new("docker");
    docker.args(["network", "inspect", "bridge"]).stdin(Stdio::null());
    let output = docker.output().ok()?;
    output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
}

/// The address of Docker's machine there. Where none is set it is the first, and some versions then
/// leave it out.
fn gateway(networks: &Value) -> Option<Ipv4Addr> {
    let configs = networks[0]["IPAM"]["Config"].as_array()?;
    configs.iter().find_map(|config| {
        let first = || {
            let (network, _) = config["Subnet"].as_str()?.split_once('/')?;
            Some(Ipv4Addr::from_bits(network.parse::<Ipv4Addr>().ok()?.to_bits() + 1))
        };
        config["Gateway"].as_str().and_then(|address| address.parse().ok()).or_else(first)
    })
}

/// `samconfig.toml` has the HTTP API turned on, which other overrides replace.
fn commands(url: &str) -> String {
    let keys = keys();
    format!(
        "{keys} \\\n  sam local invoke ConcatFunction --event events/direct.json --region {REGION} \\\n  \
         --parameter-overrides EndpointUrl={url}\n\n\
         {keys} \\\n  sam local start-api --region {REGION} \\\n  \
         --parameter-overrides HttpDoor=http-api EndpointUrl={url}"
    )
}

fn fetch(url: &str) -> String {
    format!(
        "{} \\\n  aws s3 cp s3://{TARGET_BUCKET}/outobj.mp4 . --region {REGION} --endpoint-url {url}",
        keys()
    )
}

fn keys() -> String {
    format!("AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY}")
}

/// Services at one address, which is all that `EndpointUrl` can name.
#[derive(Clone)]
struct Cast {
    s3: s3::Door,
    sns: sns::Exchange,
}

impl Cast {
    fn serve(self, address: Ipv4Addr) -> std::io::Result<Server> {
        Server::at(address, move |request| self.clone().answer(request))
    }

    /// A signature names the service that it is for.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, AnyError> {
        let scope = header(&request, "authorization").unwrap_or_default();
        let service =
            scope.split("/aws4_request").next().and_then(|scope| scope.rsplit('/').next());
        Ok(match service {
            Some("sns") => self.sns.answer(request).await?.map(boxed),
            Some("s3" | "") | None => self.s3.answer(request).await?.map(boxed),
            Some(other) => {
                let text = format!("the stage plays S3 and SNS, and not `{other}`\n");
                reply(StatusCode::NOT_IMPLEMENTED, "text/plain", text).map(boxed)
            }
        })
    }
}

fn boxed<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    body.map_err(Into::into).boxed_unsync()
}
