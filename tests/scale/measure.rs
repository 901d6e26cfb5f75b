//! The cost of a second of output on this machine, with the function's engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use video_concat::codec::Preset;
use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::make::Maker;
use video_concat::engine::probe::probe;
use video_concat::engine::verify::decoded_frames;
use video_concat::engine::workspace::Workspace;
use video_concat::media::Demuxer;
use video_concat::object::ObjectUri;
use video_concat::plan::{Chunk, Plan, plan};
use video_concat::policy::Verify;
use video_concat::process::{Limits, parse, resolve};

use crate::bed::ffmpeg::{ffmpeg, ffmpeg_path, ffprobe_path};
use crate::bed::process::run;

/// How many frames are rendered, and where they begin: far enough from the start to need a run-up.
const FRAMES: u64 = 100;
const FIRST: u64 = 60;
const RATE: u64 = 25;
/// Length of the clip.
const SECONDS: u32 = 8;
/// Length of the clips whose audio is measured.
const SHORT_AUDIO_S: u32 = 5;
const LONG_AUDIO_S: u32 = 65;
const MEMORY_MB: u64 = 10_240;
/// The main object, in H.264 with the default quality.
pub(crate) const PROCESS: &str = "video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_b3V0";

/// Processor seconds and bytes per second of output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) render_cpu: f64,
    pub(crate) check_cpu: f64,
    pub(crate) sound_cpu: f64,
    /// For decoding the finished audio.
    pub(crate) sound_check_cpu: f64,
    pub(crate) sound_bytes: f64,
    /// For the start of a range, once.
    pub(crate) run_up_cpu: f64,
    pub(crate) bytes: f64,
}

/// Measures video of this height.
pub(crate) fn measure(height: u32) -> Measured {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("there is room");
    let source = source(folder.path(), height, SECONDS);
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), MEMORY_MB);
    runtime.block_on(async {
        let plan = planned(&ffmpeg, &source).await;
        let workspace = Workspace::new(folder.path()).expect("there is room");
        let files = [source.as_path()];
        let maker = Maker {
            ffmpeg: &ffmpeg,
            plan: &plan,
            sources: &files,
            workspace: &workspace,
            verify: Verify::Packets,
            events: Arc::new(|_| ()),
        };
        let piece = folder.path().join("piece");
        let range = |frames: u64| Chunk { frames: FIRST..FIRST + frames };
        let before = cpu();
        maker.make_range(&range(1), &piece).await.expect("it renders");
        let run_up_cpu = cpu() - before;
        let before = cpu();
        maker.make_range(&range(FRAMES), &piece).await.expect("it renders");
        let rendered = cpu() - before;
        let bytes = std::fs::metadata(&piece).expect("it is there").len();
        let before = cpu();
        let demuxer = plan.intermediate().demuxer();
        decoded_frames(&ffmpeg, demuxer, &piece, FRAMES).await.expect("it decodes");
        let checked = cpu() - before;
        let seconds = FRAMES as f64 / RATE as f64;
        let sound = measure_sound(&ffmpeg, folder.path()).await;
        Measured {
            render_cpu: (rendered - run_up_cpu).max(0.0) / seconds,
            check_cpu: checked / seconds,
            sound_cpu: sound.made_cpu,
            sound_check_cpu: sound.check_cpu,
            sound_bytes: sound.bytes,
            run_up_cpu,
            bytes: bytes as f64 / seconds,
        }
    })
}

/// The same for the audio alone.
#[derive(Clone, Copy, Debug, Default)]
struct Sound {
    made_cpu: f64,
    check_cpu: f64,
    bytes: f64,
}

/// The cost of a second of audio: the difference between a long and a short clip, which cancels out
/// the start of the processes.
async fn measure_sound(ffmpeg: &Ffmpeg, folder: &Path) -> Sound {
    let mut all = [Sound::default(); 2];
    for (seconds, sound) in [SHORT_AUDIO_S, LONG_AUDIO_S].into_iter().zip(&mut all) {
        let folder = folder.join(seconds.to_string());
        std::fs::create_dir(&folder).expect("there is room");
        let source = source(&folder, 90, seconds);
        let plan = planned(ffmpeg, &source).await;
        let workspace = Workspace::new(&folder).expect("there is room");
        let files = [source.as_path()];
        let maker = Maker {
            ffmpeg,
            plan: &plan,
            sources: &files,
            workspace: &workspace,
            verify: Verify::Packets,
            events: Arc::new(|_| ()),
        };
        let (samples, made) = (folder.join("samples"), folder.join("audio"));
        let before = cpu();
        maker.make_samples(&samples).await.expect("it sounds");
        let arguments = plan.sound_arguments(&[samples], &made).expect("there is audio");
        ffmpeg.encode(arguments, |_| ()).await.expect("it is encoded");
        sound.made_cpu = cpu() - before;
        let before = cpu();
        decoded_frames(ffmpeg, Demuxer::Mov, &made, 0).await.expect("it decodes");
        sound.check_cpu = cpu() - before;
        sound.bytes = std::fs::metadata(&made).expect("it is there").len() as f64;
    }
    let each =
        |long: f64, short: f64| (long - short).max(0.0) / f64::from(LONG_AUDIO_S - SHORT_AUDIO_S);
    let [short, long] = all;
    Sound {
        made_cpu: each(long.made_cpu, short.made_cpu),
        check_cpu: each(long.check_cpu, short.check_cpu),
        bytes: each(long.bytes, short.bytes),
    }
}

async fn planned(ffmpeg: &Ffmpeg, source: &Path) -> Plan {
    let main = ObjectUri::named("bucket", "film.mp4").expect("an object can be called so");
    let process = parse(PROCESS).expect("it is the language");
    let request = resolve(&process, &main, Limits { max_sources: 1 }).expect("it is complete");
    let probed = probe(ffmpeg, source).await.expect("it is a film");
    plan(&request, &[probed.media()], Preset::DEFAULT).expect("it can be made")
}

/// A clip with as much motion as a camera's.
pub(crate) fn source(folder: &Path, height: u32, seconds: u32) -> PathBuf {
    let width = height * 16 / 9 / 2 * 2;
    let file = folder.join("film.mp4");
    let pattern = format!("testsrc2=s={width}x{height}:r={RATE}:d={seconds},noise=alls=6:allf=t");
    let codecs = format!(
        "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50 -b:v {} -c:a aac -ac 2",
        8000 * height
    );
    let mut command = ffmpeg();
    command.args(["-f", "lavfi", "-i", &pattern, "-f", "lavfi", "-i"]);
    command.arg(format!("sine=330:beep_factor=4:r=48000:d={seconds}"));
    run(command.args(codecs.split(' ')).arg(&file));
    file
}

/// Processor time of the children that have ended, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("it names the process");
    let ticks = fields.split(' ').skip(13).take(2).map(|field| field.parse().unwrap_or(0.0));
    ticks.sum::<f64>() / 100.0
}
