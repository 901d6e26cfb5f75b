//! A segmented output as stored, and a server for it.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, LazyLock};

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::bed::http::{AnyError, Server, reply};
use crate::bed::s3::S3;
use crate::bed::source::Source;
use crate::copy::{SATISFIED, copied, grouped};
use crate::scene::{Outcome, Scene, USUAL, b64, sur};

/// Characters that a URL, a playlist or a template might interpret.
const TARGET: &str = "show/mein Fïlm & 100% #1 <a+b>";
pub(super) const RATE: f64 = 25.0;
/// How far lengths may be off: one frame.
pub(super) const FRAME: f64 = 1.0 / RATE;
pub(super) const SEGMENT_FRAMES: usize = 50;
/// How many samples AAC codes at once, and inserts before the audio.
pub(super) const BLOCK: f64 = 1024.0 / 48_000.0;
const FIRST_CLIP_FRAMES: u16 = 75;

pub(super) static HLS_TS: LazyLock<Film> = LazyLock::new(|| Film::encoded("ts", "hls", "m3u8"));
pub(super) static HLS_MP4: LazyLock<Film> = LazyLock::new(|| Film::encoded("mp4", "hls", "m3u8"));
pub(super) static DASH: LazyLock<Film> = LazyLock::new(|| Film::encoded("mp4", "dash", "mpd"));

#[derive(Debug, Clone)]
struct Object {
    content_type: String,
    body: Vec<u8>,
}

/// Two clips of 3 and 2.5 seconds. It is made once, and outlives the scene that made it.
pub(super) struct Film {
    name: String,
    objects: Arc<BTreeMap<String, Object>>,
    pub frames: u64,
    /// Frames of a second.
    rate: f64,
    /// The frame of the second source that its clip begins with.
    second_begins: u16,
}

impl Film {
    fn encoded(container: &str, format: &str, extension: &str) -> Self {
        let scene = Scene::new()
            .source("a.mp4", &Source::new(1).seconds(3.0))
            .source("b.mp4", &Source::new(2).seconds(2.5));
        let parameters = format!("f_{container},{USUAL}");
        let outcome = scene.segment(&parameters, &format!("f_{format},t_2000"), TARGET).succeeded();
        Self::stored(&scene, &outcome, extension, 0)
    }

    /// The first clip is copied whole; the second begins and ends within groups of pictures, so
    /// only the part between them is copied.
    pub(super) fn copied(container: &str, segment: Option<&str>, extension: &str) -> Self {
        let scene = Scene::new()
            .source("a.mp4", &grouped(1).seconds(3.0))
            .source("b.mp4", &grouped(2).seconds(4.0));
        let segment = segment.map(|format| format!("/segment,f_{format},t_3000"));
        let process = format!(
            "video/concat,f_{container},{SATISFIED}{},ss_520,t_2500{}|sys/saveas,b_{},o_{}",
            sur("b.mp4"),
            segment.as_deref().unwrap_or_default(),
            b64("results"),
            b64(TARGET),
        );
        let outcome = scene.process("a.mp4", &process).succeeded();
        let film = Self::stored(&scene, &outcome, extension, 13);
        let [first, second] = copied(&outcome)[..] else { panic!("{:#}", outcome.record) };
        assert!(first == 75 && (25..62).contains(&second), "{first} {second}");
        film
    }

    /// One file of this many frames.
    pub(super) fn whole(body: Vec<u8>, frames: u64, rate: f64) -> Self {
        let name = format!("{TARGET}.mp4");
        let object = Object { content_type: "video/mp4".to_owned(), body };
        let objects = Arc::new(BTreeMap::from([(name.clone(), object)]));
        Self { name, objects, frames, rate, second_begins: 0 }
    }

    fn stored(scene: &Scene, outcome: &Outcome, extension: &str, second_begins: u16) -> Self {
        Self {
            name: format!("{TARGET}.{extension}"),
            objects: Arc::new(stored(&scene.s3)),
            frames: outcome.frames().iter().sum(),
            rate: RATE,
            second_begins,
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.frames as f64 / self.rate
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.objects[&self.name].body).unwrap()
    }

    /// The address of the playlist, or of the whole film, on some server.
    pub(super) fn address(&self, server: &str) -> Url {
        let mut url = Url::parse(server).unwrap();
        url.path_segments_mut().unwrap().extend(self.name.split('/'));
        url
    }

    /// The object that a name in the playlist leads to.
    pub(super) fn has(&self, name: &str) -> bool {
        let url = self.address("http://bucket.example").join(name).expect("a name is a URI");
        assert!(url.query().is_none() && url.fragment().is_none(), "{url} is not only a path");
        self.objects.contains_key(&key(url.path()))
    }

    /// Everything stored except the playlist.
    pub(super) fn segment_count(&self) -> usize {
        self.objects.len() - 1
    }

    pub(super) fn serve(&self) -> Server {
        let objects = self.objects.clone();
        Server::start(move |request| ready(answer(&objects, &request)))
    }

    /// Which frame of which clip is shown at this time.
    pub(super) fn shown(&self, frame: u16) -> (u8, u16) {
        let second = frame.checked_sub(FIRST_CLIP_FRAMES);
        second.map_or((1, frame), |frame| (2, frame + self.second_begins))
    }
}

fn stored(s3: &S3) -> BTreeMap<String, Object> {
    let folder = TARGET.split('/').next().unwrap();
    let keys = s3.keys("results");
    let keys = keys.into_iter().filter(|key| key.starts_with(folder));
    keys.map(|key| {
        let head = s3.head("results", &key).unwrap();
        let object = Object {
            content_type: head.content_type().unwrap().to_owned(),
            body: s3.get("results", &key).unwrap(),
        };
        (key, object)
    })
    .collect()
}

fn key(path: &str) -> String {
    let key = percent_decode_str(path.trim_start_matches('/')).decode_utf8();
    key.expect("keys are UTF-8").into_owned()
}

fn answer(
    objects: &BTreeMap<String, Object>,
    request: &Request<Incoming>,
) -> Result<Response<Full<bytes::Bytes>>, AnyError> {
    let mut response = match objects.get(&key(request.uri().path())) {
        Some(object) => reply(StatusCode::OK, &object.content_type, object.body.clone()),
        None => reply(StatusCode::NOT_FOUND, "text/plain", "no such object"),
    };
    // Pages come from another origin.
    let headers = response.headers_mut();
    headers.insert("access-control-allow-origin", "*".parse()?);
    Ok(response)
}
