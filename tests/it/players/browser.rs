//! The players of web pages, hls.js and dash.js, in a real browser through Media Source Extensions.

use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use tempfile::TempDir;
use url::Url;

use crate::bed::browser::{FLAGS, installed, profile};
use crate::bed::frame_code::{FrameCode, Region, Shown, colour, read};
use crate::bed::http::{AnyError, Server, reply};
use crate::bed::process::{Running, repository};

use super::film::{DASH, FRAME, Film, HLS_MP4, HLS_TS};

/// Longer than the page's own time limit, whose message says more.
const PATIENCE: Duration = Duration::from_secs(90);
/// Ends of the film, of its segments and of its clips, and what follows each.
const MAX_CONFLICTS: [u16; 8] = [0, 49, 50, 74, 75, 99, 100, 137];
/// hls.js measures times of a transport stream from its first packet, which holds the delay of the
/// audio encoder.
const TS_DELAY: f64 = 1024.0 / 48_000.0;
/// How much the codec may change a plain area.
const COLOUR_TOLERANCE: u8 = 16;

/// What the page reports.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    failure: Option<String>,
    errors: Vec<String>,
    ended: bool,
    duration: Option<f64>,
    current_time: f64,
    buffered: Vec<(f64, f64)>,
    decoded_frames: u64,
    video_width: usize,
    video_height: usize,
    #[serde(default)]
    looks: Vec<Look>,
}

#[derive(Debug, Deserialize)]
struct Look {
    gray: Vec<u8>,
    corner: [u8; 3],
}

/// The page and its libraries, and its reports.
struct Stage {
    server: Server,
    reports: Receiver<Bytes>,
}

impl Stage {
    fn start() -> Self {
        let (sender, reports) = channel();
        let server = Server::start(move |request| answer(sender.clone(), request));
        Self { server, reports }
    }

    fn page(&self, player: &str, film: &Url, delay: f64) -> Url {
        let looks =
            MAX_CONFLICTS.map(|frame| ((f64::from(frame) + 0.5) * FRAME + delay).to_string());
        let query = [("player", player), ("film", film.as_str()), ("looks", &looks.join(","))];
        Url::parse_with_params(&format!("{}/page.html", self.server.url()), query).unwrap()
    }
}

async fn answer(
    reports: Sender<Bytes>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, AnyError> {
    let player = repository().join("tests/player");
    let modules = repository().join("target/player/node_modules");
    let (file, content_type) = match request.uri().path() {
        "/report" => {
            // The test may have ended.
            let _ = reports.send(request.into_body().collect().await?.to_bytes());
            return Ok(reply(StatusCode::NO_CONTENT, "text/plain", ""));
        }
        "/page.html" => (player.join("page.html"), "text/html"),
        "/play.js" => (player.join("play.js"), "text/javascript"),
        "/hls.js" => (modules.join("hls.js/dist/hls.min.js"), "text/javascript"),
        "/dash.js" => (modules.join("dashjs/dist/modern/umd/dash.all.min.js"), "text/javascript"),
        _ => return Ok(reply(StatusCode::NOT_FOUND, "text/plain", "no such file")),
    };
    let body = tokio::fs::read(&file).await;
    let body = body.map_err(|error| format!("{}: {error}; run `make tools`", file.display()))?;
    Ok(reply(StatusCode::OK, content_type, body))
}

struct Chromium {
    _running: Running,
    folder: TempDir,
}

impl Chromium {
    fn open(page: &Url) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(installed());
        command
            .args(FLAGS)
            .arg(profile(folder.path()))
            .arg(page.as_str())
            .envs([("HOME", folder.path()), ("TMPDIR", folder.path())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("said")).unwrap());
        Self { _running: Running::start(&mut command), folder }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap()
    }
}

fn played(player: &str, film: &Film, delay: f64) -> Report {
    let (stage, films) = (Stage::start(), film.serve());
    let page = stage.page(player, &film.address(&films.url()), delay);
    let chromium = Chromium::open(&page);
    let report = stage.reports.recv_timeout(PATIENCE);
    let report = report.unwrap_or_else(|error| panic!("{page}: {error}\n{}", chromium.said()));
    serde_json::from_slice(&report).unwrap()
}

impl Report {
    fn assert_whole(&self, film: &Film, delay: f64) {
        assert_eq!(self.failure, None, "{:?}", self.errors);
        assert_eq!(self.errors, [] as [&str; 0]);
        let near = |found: f64, expected: f64| (found - expected).abs() <= FRAME / 2.0;
        let until = delay + film.seconds();
        let duration = self.duration.unwrap_or(f64::INFINITY);
        assert!(near(duration, until), "{duration} instead of {until}");
        assert!(self.ended && near(self.current_time, until), "{self:?}");
        let [(start, end)] = self.buffered[..] else { panic!("gaps: {:?}", self.buffered) };
        assert!(near(start, delay) && near(end, until), "{start} to {end}");
        // A player may decode a frame twice, but must not skip one.
        assert!(self.decoded_frames >= film.frames, "{}", self.decoded_frames);
    }

    fn assert_looks(&self, film: &Film) {
        assert_eq!(self.looks.len(), MAX_CONFLICTS.len());
        let region = Region::whole(self.video_width, self.video_height);
        for (look, frame) in self.looks.iter().zip(MAX_CONFLICTS) {
            let (clip, frame) = film.shown(frame);
            let shown = read(&look.gray, self.video_width, region);
            assert_eq!(shown, Shown::Code(FrameCode::new(clip, frame)));
            let near = |(found, expected): (&u8, u8)| found.abs_diff(expected) <= COLOUR_TOLERANCE;
            let corner = look.corner.iter().zip(colour(clip)).all(near);
            assert!(corner, "{:?} instead of {:?}", look.corner, colour(clip));
        }
    }
}

#[track_caller]
fn assert_plays(player: &str, film: &Film, delay: f64) {
    let report = played(player, film, delay);
    report.assert_whole(film, delay);
    report.assert_looks(film);
}

/// An MP4 plays from its start to its end.
#[track_caller]
pub(crate) fn assert_file_plays(body: Vec<u8>, frames: u64, rate: f64) {
    let film = Film::whole(body, frames, rate);
    played("file", &film, 0.0).assert_whole(&film, 0.0);
}

#[test]
fn hls_js_plays_transport_streams() {
    assert_plays("hls", &HLS_TS, TS_DELAY);
}

#[test]
fn hls_js_plays_fragmented_mp4() {
    assert_plays("hls", &HLS_MP4, 0.0);
}

#[test]
fn dash_js_plays_fragmented_mp4() {
    assert_plays("dash", &DASH, 0.0);
}

#[test]
fn copies_play_in_chromium_hls_js_and_dash_js() {
    for (player, container, segment, extension, delay) in [
        ("file", "mp4", None, "mp4", 0.0),
        ("hls", "ts", Some("hls"), "m3u8", TS_DELAY),
        ("hls", "mp4", Some("hls"), "m3u8", 0.0),
        ("dash", "mp4", Some("dash"), "mpd", 0.0),
    ] {
        let film = Film::copied(container, segment, extension);
        assert_plays(player, &film, delay);
    }
}
