//! The engine on this machine: its programs, and their limits.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use video_concat::codec::Preset;
use video_concat::engine::ffmpeg::{Ffmpeg, shrink_stacks};
use video_concat::policy::{CopyPolicy, Verify};

use super::failure::Failure;

/// How the work is done.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArgs {
    /// ffmpeg to use; by default the one beside this program, the layer's, or the one in PATH.
    #[arg(long, value_name = "FILE", env = "FFMPEG_PATH")]
    ffmpeg: Option<PathBuf>,
    /// ffprobe to use; by default the one beside ffmpeg.
    #[arg(long, value_name = "FILE", env = "FFPROBE_PATH")]
    ffprobe: Option<PathBuf>,
    /// Folder for intermediate files; by default the system's.
    #[arg(long, value_name = "DIR", env = "WORK_DIR")]
    work: Option<PathBuf>,
    /// Memory limit of ffmpeg in megabytes, like the function's; the output may depend on it.
    #[arg(long, value_name = "MB", default_value_t = 3008, value_parser = clap::value_parser!(u32).range(512..))]
    pub(crate) memory: u32,
    /// The video encoder's speed.
    #[arg(
        long,
        value_name = "NAME",
        env = "VIDEO_PRESET",
        default_value = Preset::DEFAULT.name(),
        value_parser = PossibleValuesParser::new(Preset::NAMES)
    )]
    preset: String,
    /// How much of the output is decoded before it is stored: all, or what its packets don't prove.
    #[arg(
        long,
        value_name = "HOW",
        env = "VERIFY",
        default_value = Verify::DEFAULT.name(),
        value_parser = PossibleValuesParser::new(Verify::NAMES)
    )]
    verify: String,
    /// When to copy groups of pictures that already fit the output, instead of encoding them.
    #[arg(
        long,
        value_name = "WHEN",
        env = "COPY",
        default_value = CopyPolicy::DEFAULT.name(),
        value_parser = PossibleValuesParser::new(CopyPolicy::NAMES)
    )]
    copy: String,
}

impl EngineArgs {
    /// Prepares this process for running ffmpeg on untrusted files.
    pub(crate) fn ffmpeg(&self) -> Result<Ffmpeg, Failure> {
        // Otherwise ffmpeg could find credentials of this process under `/proc`.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .and_then(|()| shrink_stacks())
            .map_err(|error| Failure::failed(format!("can't limit this process: {error}")))?;
        let ffmpeg = given(self.ffmpeg.as_ref()).or_else(|| find("ffmpeg"));
        let ffmpeg = ffmpeg.ok_or_else(|| {
            Failure::failed("no ffmpeg was found: run `make layer`, or pass one with `--ffmpeg`")
        })?;
        let beside = || Some(ffmpeg.with_file_name("ffprobe")).filter(|path| path.is_file());
        let ffprobe = given(self.ffprobe.as_ref()).or_else(beside).ok_or_else(|| {
            let ffmpeg = ffmpeg.display();
            Failure::failed(format!(
                "there is no ffprobe beside `{ffmpeg}`: pass one with `--ffprobe`"
            ))
        })?;
        Ok(Ffmpeg::new(ffmpeg, ffprobe, self.memory.into()))
    }

    pub(crate) fn work_dir(&self) -> PathBuf {
        given(self.work.as_ref()).unwrap_or_else(std::env::temp_dir)
    }

    pub(crate) fn preset(&self) -> Preset {
        Preset::from_name(&self.preset).expect("clap has checked it against the names")
    }

    pub(crate) fn copy(&self) -> CopyPolicy {
        CopyPolicy::from_name(&self.copy).expect("clap has checked it against the names")
    }

    pub(crate) fn verify(&self) -> Verify {
        Verify::from_name(&self.verify).expect("clap has checked it against the names")
    }
}

/// An empty value counts as unset, as in the function's settings.
fn given(path: Option<&PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty()).cloned()
}

/// Looks beside this program, as in a package; where the layer is mounted; where it was built; and
/// in `PATH`.
fn find(name: &str) -> Option<PathBuf> {
    let this = std::env::current_exe().ok();
    let around = this.iter().flat_map(|this| this.ancestors().skip(1));
    let built = around.clone().take(3).map(|folder| folder.join("layers/ffmpeg/bin"));
    let beside = around.take(1).map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = beside
        .chain(std::iter::once(PathBuf::from("/opt/bin")))
        .chain(built)
        .chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
}
