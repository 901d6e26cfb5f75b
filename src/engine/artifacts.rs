//! The files of a finished output, and where each is going to be stored.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::verify::{Check, Verified, VerifyError, verify, verify_segments};
use crate::codec::Container;
use crate::engine::workspace::{OUTPUT, Workspace};
use crate::object::{ETag, ObjectUri};
use crate::plan::Plan;
use crate::playlist::{rename, segment_content_type, stem, with_length};
use crate::process::request::SegmentFormat;

/// A file of the output.
#[derive(Debug)]
pub struct Artifact {
    /// Where it is.
    pub path: PathBuf,
    /// Where it is going to be stored.
    pub uri: ObjectUri,
    /// Its media type.
    pub content_type: &'static str,
    /// The object that it is a copy of, where it is no file here.
    pub copied: Option<Copied>,
}

/// An object that becomes part of the output as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Where it is.
    pub uri: ObjectUri,
    /// Its content.
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
}

/// The finished output.
#[derive(Debug)]
pub struct Artifacts {
    /// In the order to store them: the playlist, or the only file, last.
    pub files: Vec<Artifact>,
    /// Files that together hold its streams, to be read back.
    pub readable: Vec<PathBuf>,
    /// Segments of the video, where there are any.
    pub segments: Option<u64>,
}

impl Artifacts {
    /// Finds the files, and makes the playlist name them as they are stored: beside the target, named
    /// after it, and after the run that stores them where that has a name.
    ///
    /// # Errors
    /// When the workspace can't be read or written.
    pub fn of(
        workspace: &Workspace,
        plan: &Plan,
        target: &ObjectUri,
        run: Option<&str>,
    ) -> io::Result<Self> {
        let paths = workspace.outputs()?;
        let Some(segments) = plan.output.segments else {
            return Ok(Self::single(paths, plan.output.container, target));
        };
        let stem = segment_stem(&target.key, run);
        if let Some(playlist) = paths.last() {
            let text = fs::read_to_string(playlist)?;
            let local = format!("{OUTPUT}-");
            let stored = format!("{}-", stem.rsplit_once('/').map_or(&*stem, |(_, name)| name));
            let text = rename(&text, segments.format, &local, &stored);
            fs::write(playlist, with_length(&text, plan.length()))?;
        }
        let streams = streams(&paths, segments.format);
        let mut readable = Vec::new();
        for (index, parts) in streams.iter().enumerate() {
            readable.push(workspace.join(&format!("stream-{index}"), parts)?);
        }
        let files = paths.into_iter().map(|path| artifact(path, &stem, target, segments.format));
        Ok(Self {
            files: files.collect::<io::Result<_>>()?,
            readable,
            segments: plan.output.video.as_ref().and_then(|_| count(streams.first()?)),
        })
    }

    /// Checks the finished output against the plan.
    ///
    /// # Errors
    /// When it differs, or the check can't be run.
    pub async fn verify(&self, check: &Check<'_>) -> Result<Verified, VerifyError> {
        let verified = verify(check, &self.readable).await?;
        match self.segments {
            Some(found) => verify_segments(check.plan, found).map(|()| verified),
            None => Ok(verified),
        }
    }

    fn single(paths: Vec<PathBuf>, container: Container, target: &ObjectUri) -> Self {
        let files = paths.iter().map(|path| Artifact {
            path: path.clone(),
            uri: target.clone(),
            content_type: container.content_type(),
            copied: None,
        });
        Self { files: files.collect(), readable: paths, segments: None }
    }
}

/// What the keys of segments start with, but for a `-` and what tells them apart.
#[must_use]
pub fn segment_stem(target: &str, run: Option<&str>) -> String {
    run.map_or_else(|| stem(target).to_owned(), |run| format!("{}-{run}", stem(target)))
}

fn artifact(
    path: PathBuf,
    stem: &str,
    target: &ObjectUri,
    format: SegmentFormat,
) -> io::Result<Artifact> {
    let name = name_of(&path);
    let suffix = name.strip_prefix(OUTPUT).expect("the workspace lists outputs by this");
    let is_playlist = suffix.starts_with('.');
    if is_playlist {
        let (uri, content_type) = (target.clone(), format.content_type());
        return Ok(Artifact { uri, path, content_type, copied: None });
    }
    let uri = target.beside(format!("{stem}{suffix}")).map_err(io::Error::other)?;
    Ok(Artifact { content_type: segment_content_type(&uri.key), uri, path, copied: None })
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().expect("an output has a name").to_string_lossy().into_owned()
}

/// The initialisation segment, if any, and the segments of each stream.
pub(super) fn streams(paths: &[PathBuf], format: SegmentFormat) -> Vec<Vec<PathBuf>> {
    let all = &paths[..paths.len().saturating_sub(1)];
    let of = |prefix: &str| {
        let mut parts: Vec<PathBuf> =
            all.iter().filter(|path| name_of(path).starts_with(prefix)).cloned().collect();
        parts.sort_by_key(|path| !is_initialisation(path));
        parts
    };
    let streams = match format {
        SegmentFormat::Hls => vec![of(OUTPUT)],
        SegmentFormat::Dash => [0, 1].iter().map(|id| of(&format!("{OUTPUT}-{id}-"))).collect(),
    };
    streams.into_iter().filter(|parts| !parts.is_empty()).collect()
}

pub(super) fn is_initialisation(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-init.mp4")
}

pub(super) fn count(parts: &[PathBuf]) -> Option<u64> {
    u64::try_from(parts.iter().filter(|path| !is_initialisation(path)).count()).ok()
}
