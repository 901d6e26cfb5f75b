//! Real files with random damage go through everything that a task does with a source: recognise,
//! probe, plan, and encode.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, stream};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use video_concat::code::Code;
use video_concat::codec::Preset;
use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::probe::probe;
use video_concat::engine::render::render;
use video_concat::object::ObjectUri;
use video_concat::plan::{Files, plan};
use video_concat::process::{Limits, Request, parse, resolve};

use super::Trap;
use super::mutation::{Mutation, mutation};
use super::small::{NAMES, small};
use crate::bed::ffmpeg::{ffmpeg_path, ffprobe_path};

const FILES: usize = 1000;
/// Of which this many are the sources of whole tasks.
const TASKS: usize = 40;
/// The same files every time.
const SEED: [u8; 32] = *b"every run gets the same files: 1";
/// When a file is given up, as a task is at its deadline.
const LONGEST: Duration = Duration::from_secs(20);
const MEMORY_MB: u64 = 1024;

#[derive(Clone, Debug)]
struct Draft {
    source: Index,
    other: Index,
    mutations: Vec<Mutation>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Refused,
    Failed,
    Crashed,
    Made,
    GivenUp,
}

fn drafts(count: usize) -> Vec<Draft> {
    let draft = (any::<Index>(), any::<Index>(), vec(mutation(), 1..8))
        .prop_map(|(source, other, mutations)| Draft { source, other, mutations });
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| draft.new_tree(&mut runner).unwrap().current()).collect()
}

impl Draft {
    fn bytes(&self, sources: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.source.get(sources).clone();
        let other = self.other.get(sources);
        self.mutations.iter().for_each(|mutation| mutation.apply(&mut bytes, other));
        bytes
    }
}

fn request() -> Request {
    let process = "video/concat,t_400,f_mp4,vcodec_h264,acodec_aac,s_64x48,fps_10|sys/saveas,o_YQ";
    let main = ObjectUri::named("bucket", "k").unwrap();
    resolve(&parse(process).unwrap(), &main, Limits { max_sources: 1 }).unwrap()
}

/// As the worker does it.
async fn treat(ffmpeg: &Ffmpeg, request: &Request, path: &Path, target: &Path) -> Fate {
    let probed = match probe(ffmpeg, path).await {
        Ok(probed) => probed,
        Err(error) => {
            assert_eq!(error.code(), Code::UnsupportedMedia, "{error}");
            return Fate::Refused;
        }
    };
    let files: Vec<&Path> = probed.parts.iter().map(|part| part.file.as_path()).collect();
    let Ok(plan) = plan(request, &[probed.media()], Preset::Ultrafast) else {
        return Fate::Refused;
    };
    match render(ffmpeg, &plan, &Files::new(&files), target, |_| ()).await {
        Ok(_) => Fate::Made,
        Err(error) if error.code() == Code::UnsupportedMedia => Fate::Failed,
        Err(error) => {
            assert!(error.to_string().contains("signal"), "{error}");
            Fate::Crashed
        }
    }
}

async fn fate(ffmpeg: &Ffmpeg, request: &Request, bytes: Vec<u8>, folder: PathBuf) -> Fate {
    std::fs::create_dir(&folder).unwrap();
    let (path, target) = (folder.join("source"), folder.join("output.mp4"));
    std::fs::write(&path, bytes).unwrap();
    let work = treat(ffmpeg, request, &path, &target);
    let fate = tokio::time::timeout(LONGEST, work).await.unwrap_or(Fate::GivenUp);
    // A copy with a continuous clock, and the parts of a file that is several, go with the work folder.
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name();
        let known = ["source", "output.mp4", "source.continuous"];
        let is_part = name.to_string_lossy().starts_with("source.part");
        assert!(is_part || known.iter().any(|known| name == *known), "{}", name.display());
    }
    std::fs::remove_dir_all(&folder).unwrap();
    fate
}

/// The processes that have this folder in their arguments.
fn processes(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines.filter(|line| line.contains(folder.to_str().unwrap())).collect()
}

#[test]
fn random_damage_is_refused_or_survived() {
    let sources: Vec<Vec<u8>> = NAMES.iter().map(|name| small(name)).collect();
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), MEMORY_MB);
    let request = request();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut fates: BTreeMap<Fate, Vec<usize>> = BTreeMap::new();
    runtime.block_on(async {
        let works = drafts(FILES).into_iter().enumerate().map(|(number, draft)| {
            let folder = folder.path().join(number.to_string());
            let work = fate(&ffmpeg, &request, draft.bytes(&sources), folder);
            async move { (number, work.await) }
        });
        let mut works = stream::iter(works).buffer_unordered(2);
        while let Some((number, fate)) = works.next().await {
            fates.entry(fate).or_default().push(number);
        }
    });
    // Waits for the threads that wait for the processes.
    drop(runtime);
    assert_eq!(processes(folder.path()), [] as [String; 0]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let counts = fates.iter().map(|(fate, all)| (*fate, all.len())).collect::<BTreeMap<_, _>>();
    println!("{counts:?}");
    println!("crashed {:?}, given up {:?}", fates.get(&Fate::Crashed), fates.get(&Fate::GivenUp));
    // Else the damage is too little or too much to show anything.
    for fate in [Fate::Refused, Fate::Made] {
        assert!(counts[&fate] > FILES / 20, "{counts:?}");
    }
}

/// The same with whole tasks: each ends with a checked result, or with an error that names its
/// source as the cause and that no retry would help.
#[test]
fn random_damage_is_never_the_function_s_fault() {
    let sources: Vec<Vec<u8>> = NAMES.iter().map(|name| small(name)).collect();
    let trap = Trap::new();
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    for (number, draft) in drafts(TASKS).iter().enumerate() {
        let record = trap.task(&format!("{number}.mp4"), &draft.bytes(&sources)).record;
        let code = record["Code"].as_str().unwrap_or("none").to_owned();
        let known = ["none", "UnsupportedMedia", "OutputMismatch"];
        assert!(known.contains(&&*code), "{number}: {record:#}");
        *codes.entry(code).or_default() += 1;
    }
    println!("{codes:?}");
    trap.assert_unharmed();
}

/// Its audio has packets that are dropped until all else has ended.
#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_audio_does_not_stop_the_video() {
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), MEMORY_MB);
    let folder = tempfile::tempdir().unwrap();
    let bytes = include_bytes!("data/damaged.rm").to_vec();
    let fate = fate(&ffmpeg, &request(), bytes, folder.path().join("work")).await;
    assert_eq!(fate, Fate::Made);
}
