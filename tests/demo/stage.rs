//! `make stage`: only the demo's storage and topic, for `sam local`, until somebody ends it; and
//! Step Functions, whose steps run in functions of its own, without containers.

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use rustix::fs::{FileType, fstat};
use serde_json::Value;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::bed::client::send;
use crate::bed::http::{AnyError, Server, header, reply};
use crate::bed::s3::{self, ACCESS_KEY, REGION, S3, SECRET_KEY};
use crate::bed::sns::{self, Sns};
use crate::bed::step_functions::{Crew, StepFunctions};
use crate::failure::Failure;
use crate::scene::{self, SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::source::SOURCES;

/// Length in seconds of each range of a long task: the demo's job has three ranges.
const CHUNK_SECONDS: &str = "10";

type Body = UnsyncBoxBody<Bytes, AnyError>;

/// The address of the stage for the containers of `sam local`.
enum Reached {
    /// This machine's address on Docker's bridge.
    Bridge(Server),
    /// Docker's name for its host: the engine runs in a machine of its own.
    Name,
    /// No engine answers, so there are no containers.
    Nowhere,
}

/// Runs until an interrupt, or the end of its standard input.
pub(crate) fn play() -> Result<(), Failure> {
    let ended = watch_for_the_end();
    let function = scene::function()?;
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    // An interrupt from a terminal also ends ffmpeg and moto.
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        put_sources(&s3);
        let settings = scene::settings(&function, &s3, &sns);
        let settings = settings.set("DISTRIBUTE", "always").set("CHUNK_SECONDS", CHUNK_SECONDS);
        StepFunctions::start(&s3, &settings)
    }));
    if ended.try_recv().is_ok() {
        return Ok(());
    }
    let steps = prepared.map_err(|panic| Failure::of_panic(&*panic))?;
    let cast = Cast {
        s3: s3.door(),
        sns: sns.exchange(),
        states: steps.port(),
        lambda: steps.crew().clone(),
    };
    let server = cast.clone().serve(Ipv4Addr::LOCALHOST).map_err(|error| no_address(&error))?;
    let reached = reached(&cast);
    describe(&server, &reached, steps.state_machine());
    // A closed channel means the end as well.
    let _ = ended.recv();
    Ok(())
}

fn put_sources(s3: &S3) {
    let folder = TempDir::new().expect("the sources have a place");
    for source in &SOURCES {
        s3.put_file(SOURCE_BUCKET, source.name, &source.write(folder.path()));
    }
}

fn no_address(error: &std::io::Error) -> Failure {
    Failure::new(format!("127.0.0.1 has no free port: {error}"))
}

fn describe(server: &Server, reached: &Reached, state_machine: &str) {
    let port = server.address().port();
    let url = match reached {
        Reached::Bridge(server) => server.url(),
        Reached::Name => format!("http://host.docker.internal:{port}"),
        Reached::Nowhere => server.url(),
    };
    println!(
        "S3, SNS, Step Functions, and Lambda are at {}, with the demo's sources:",
        server.url()
    );
    for source in &SOURCES {
        println!("  s3://{SOURCE_BUCKET}/{:<12} {}", source.name, source.about);
    }
    println!(
        "\nAfter `sam build`, in another terminal: the job of events/direct.json, or the HTTP API."
    );
    println!("\n{}\n", commands(&url));
    println!(
        "The same job as a long task, in ranges of {CHUNK_SECONDS} s:\n\n{}\n",
        long_task(&url)
    );
    println!("The same without a container, by a function of the stage's own:\n");
    println!("{}\n", alone(&server.url()));
    println!("How long tasks stand, and what the job has made:\n");
    println!("{}\n\n{}\n", executions(&server.url(), state_machine), fetch(&server.url()));
    if matches!(reached, Reached::Nowhere) {
        println!("`sam local` needs Docker, and no engine answers here.\n");
    }
    println!("Ctrl-C ends the stage, and nothing of it is left.");
}

/// Waits for signals, for the end of a pipe, and for the end of a terminal's input. A stage without
/// an input ends with a signal.
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

/// Docker's description of the network that `sam local` uses for its containers.
fn bridge() -> Option<Value> {
    let mut docker = Command::new("docker");
    docker.args(["network", "inspect", "bridge"]).stdin(Stdio::null());
    let output = docker.output().ok()?;
    output.status.success().then(|| serde_json::from_slice(&output.stdout).ok())?
}

/// The address of Docker's host in it. If none is set it is the first one, and some versions then
/// omit it.
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

/// `samconfig.toml` enables the HTTP API, but other overrides replace that.
fn commands(url: &str) -> String {
    let keys = keys();
    format!(
        "{keys} \\\n  sam local invoke ConcatFunction --event events/direct.json --region {REGION} \\\n  \
         --parameter-overrides EndpointUrl={url}\n\n\
         {keys} \\\n  sam local start-api --region {REGION} \\\n  \
         --parameter-overrides HttpDoor=http-api EndpointUrl={url}"
    )
}

fn long_task(url: &str) -> String {
    format!(
        "{} \\\n  sam local invoke ConcatFunction --event events/direct.json --region {REGION} \\\n  \
         --parameter-overrides EndpointUrl={url} Distribute=always ChunkSeconds={CHUNK_SECONDS}",
        keys()
    )
}

fn alone(url: &str) -> String {
    format!(
        "{} \\\n  aws lambda invoke --function-name video-concat --payload fileb://events/direct.json \\\n  \
         reply.json --region {REGION} --endpoint-url {url}",
        keys()
    )
}

fn executions(url: &str, state_machine: &str) -> String {
    format!(
        "{} \\\n  aws stepfunctions list-executions --state-machine-arn {state_machine} \\\n  \
         --region {REGION} --endpoint-url {url}",
        keys()
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

/// Services at one address, since `EndpointUrl` can name only one.
#[derive(Clone)]
struct Cast {
    s3: s3::Door,
    sns: sns::Exchange,
    /// The port of Step Functions.
    states: u16,
    lambda: Crew,
}

impl Cast {
    fn serve(self, address: Ipv4Addr) -> std::io::Result<Server> {
        Server::at(address, move |request| self.clone().answer(request))
    }

    /// The service is named in the signature.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, AnyError> {
        let scope = header(&request, "authorization").unwrap_or_default();
        let service =
            scope.split("/aws4_request").next().and_then(|scope| scope.rsplit('/').next());
        Ok(match service {
            Some("sns") => self.sns.answer(request).await?.map(boxed),
            Some("lambda") => self.lambda.answer(request).await?.map(boxed),
            Some("states") => self.pass_on(request).await?.map(boxed),
            Some("s3" | "") | None => self.s3.answer(request).await?.map(boxed),
            Some(other) => {
                let text = format!(
                    "the stage plays S3, SNS, Step Functions, and Lambda, and not `{other}`\n"
                );
                reply(StatusCode::NOT_IMPLEMENTED, "text/plain", text).map(boxed)
            }
        })
    }
}

impl Cast {
    /// To Step Functions, which has a server of its own.
    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, AnyError> {
        let names = ["authorization", "content-type", "x-amz-target"];
        let headers = names.map(|name| (name, header(&request, name).unwrap_or_default()));
        let body = request.into_body().collect().await?.to_bytes();
        let body = String::from_utf8(body.into())?;
        let port = self.states;
        let answer = tokio::task::spawn_blocking(move || {
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            send(port, "POST /", &headers, &body)
        });
        let answer = answer.await?;
        let kind = answer.headers.get("content-type").map_or("", String::as_str);
        Ok(reply(StatusCode::from_u16(answer.status)?, kind, answer.body))
    }
}

fn boxed<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<AnyError>,
{
    body.map_err(Into::into).boxed_unsync()
}
