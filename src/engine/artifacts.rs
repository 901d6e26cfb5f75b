//! The files of a finished output, and the object where each is going to be stored.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::verify::{Check, Verified, VerifyError, verify, verify_segments};
use crate::codec::Container;
use crate::engine::workspace::{OUTPUT, Workspace};
use crate::object::{ETag, ObjectUri};
use crate::plan::Plan;
use crate::playlist::{SegmentNames, rename, segment_content_type, with_length};
use crate::process::request::SegmentFormat;

/// A file of the output.
#[derive(Debug)]
pub struct Artifact {
    /// The file.
    pub path: PathBuf,
    /// The object where it is going to be stored.
    pub uri: ObjectUri,
    /// Its media type.
    pub content_type: &'static str,
    /// What is special about it.
    pub kind: Kind,
}

/// What is special about a file of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Media,
    /// It is a playlist. Its segments' numbers have these places in its key.
    Playlist(Vec<usize>),
    /// Its bytes are already stored as another object, which is copied.
    Stored(Copied),
}

impl Artifact {
    /// Of a playlist: the places of its segments' numbers in its key.
    pub fn numbers(&self) -> &[usize] {
        match &self.kind {
            Kind::Playlist(numbers) => numbers,
            Kind::Media | Kind::Stored(_) => &[],
        }
    }
}

/// An object that becomes part of the output unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The object.
    pub uri: ObjectUri,
    /// The version to copy.
    pub etag: ETag,
    /// Its length in bytes.
    pub size: u64,
}

/// The finished output.
#[derive(Debug)]
pub struct Artifacts {
    /// In the order in which they are stored: the playlist, or the only file, comes last.
    pub files: Vec<Artifact>,
    /// Files that together contain its streams, for the check.
    pub readable: Vec<PathBuf>,
    /// Number of video segments, if the output has segments.
    pub segments: Option<u64>,
}

impl Artifacts {
    /// Finds the files, and rewrites the playlist with the names under which the segments are
    /// stored: beside the target, named after it with their own `numbers` and, if the run has a
    /// name, after the run.
    ///
    /// # Errors
    /// When the workspace can't be read or written.
    pub fn of(
        workspace: &Workspace,
        plan: &Plan,
        target: &ObjectUri,
        numbers: &[usize],
        run: Option<&str>,
    ) -> io::Result<Self> {
        let paths = workspace.outputs()?;
        let Some(segments) = plan.output.segments else {
            return Ok(Self::single(paths, plan.output.container, target));
        };
        let names = SegmentNames::new(&target.key, numbers, run);
        if let Some(playlist) = paths.last() {
            let text = fs::read_to_string(playlist)?;
            let text = rename(&text, segments.format, OUTPUT, &names);
            fs::write(playlist, with_length(&text, plan.length()))?;
        }
        let streams = streams(&paths, segments.format);
        let mut readable = Vec::new();
        for (index, parts) in streams.iter().enumerate() {
            readable.push(workspace.join(&format!("stream-{index}"), parts)?);
        }
        let artifact = |path| artifact(path, (&names, numbers), target, segments.format);
        Ok(Self {
            files: paths.into_iter().map(artifact).collect::<io::Result<_>>()?,
            readable,
            segments: plan.output.video.as_ref().and_then(|_| count(streams.first()?)),
        })
    }

    /// Checks the finished output against the plan.
    ///
    /// # Errors
    /// When it differs from the plan, or the check can't be run.
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
            kind: Kind::Media,
        });
        Self { files: files.collect(), readable: paths, segments: None }
    }
}

fn artifact(
    path: PathBuf,
    (names, numbers): (&SegmentNames, &[usize]),
    target: &ObjectUri,
    format: SegmentFormat,
) -> io::Result<Artifact> {
    let name = name_of(&path);
    let suffix = name.strip_prefix(OUTPUT).expect("the workspace lists files with this prefix");
    let is_playlist = suffix.starts_with('.');
    if is_playlist {
        let (uri, content_type) = (target.clone(), format.content_type());
        return Ok(Artifact { path, uri, content_type, kind: Kind::Playlist(numbers.to_vec()) });
    }
    let uri = target.beside(names.key(suffix)).map_err(io::Error::other)?;
    let content_type = segment_content_type(&uri.key);
    Ok(Artifact { path, uri, content_type, kind: Kind::Media })
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().expect("an output has a name").to_string_lossy().into_owned()
}

/// Groups the files by stream: for each, its initialisation segment, if any, and its segments.
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
