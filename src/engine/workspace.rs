//! The folder with a task's files while it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Start of the folders' names, by which folders of a killed function are recognised.
const PREFIX: &str = "video-concat-";
/// Name of the output's files, including its segments.
pub const OUTPUT: &str = "output";

/// A task's own folder; deleted with its contents when dropped.
#[derive(Debug)]
pub struct Workspace(TempDir);

impl Workspace {
    /// Makes a folder inside `work_dir`.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(work_dir: &Path) -> io::Result<Self> {
        tempfile::Builder::new().prefix(PREFIX).tempdir_in(work_dir).map(Self)
    }

    /// The file of the distinct source `index`.
    #[must_use]
    pub fn source(&self, index: usize) -> PathBuf {
        self.0.path().join(format!("source-{index}"))
    }

    /// The file of a clip's audio that had to be converted first.
    #[must_use]
    pub fn audio(&self, clip: usize) -> PathBuf {
        self.0.path().join(format!("audio-{clip}"))
    }

    /// The file of a clip's samples.
    #[must_use]
    pub fn samples(&self, clip: usize) -> PathBuf {
        self.0.path().join(format!("samples-{clip}"))
    }

    /// The file in which the output is made; its segments are stored beside it.
    #[must_use]
    pub fn output(&self, extension: &str) -> PathBuf {
        self.0.path().join(format!("{OUTPUT}.{extension}"))
    }

    /// The file that lists a stream's packets as its encoder produced them.
    #[must_use]
    pub fn listing(&self, stream: &str) -> PathBuf {
        self.0.path().join(format!("listing-{stream}"))
    }

    /// The file of a group of pictures that is decoded as a check.
    #[must_use]
    pub fn group(&self, index: usize) -> PathBuf {
        self.0.path().join(format!("group-{index}"))
    }

    /// The file of a named part that the output is assembled from.
    #[must_use]
    pub fn part(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("part-{name}"))
    }

    /// Every file of the output; the playlist (or the only file) comes last.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn outputs(&self) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.0.path())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(OUTPUT) {
                names.push(name);
            }
        }
        // Segments' names continue with `-`; of two lengths, the longer name has the higher number.
        names.sort_by_key(|name| (name.starts_with("output."), name.len(), name.clone()));
        Ok(names.iter().map(|name| self.0.path().join(name)).collect())
    }

    /// Concatenates files to a new one.
    ///
    /// # Errors
    /// When one can't be read or the new one can't be written.
    pub fn join(&self, name: &str, parts: &[PathBuf]) -> io::Result<PathBuf> {
        let path = self.0.path().join(name);
        let mut whole = fs::File::create(&path)?;
        for part in parts {
            io::copy(&mut fs::File::open(part)?, &mut whole)?;
        }
        Ok(path)
    }
}

/// Removes the folders in `work_dir` that killed functions have left.
///
/// # Errors
/// When the folder can't be read or something in it can't be removed.
pub fn clean(work_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(work_dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Free bytes in `work_dir`.
///
/// # Errors
/// When the file system doesn't report them.
pub fn free_bytes(work_dir: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(work_dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Workspace, clean, free_bytes};

    #[test]
    fn a_folder_goes_with_everything_in_it() {
        let work_dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(work_dir.path()).unwrap();
        fs::write(workspace.source(0), "x").unwrap();
        fs::write(workspace.output("mp4"), "x").unwrap();
        drop(workspace);
        assert_eq!(fs::read_dir(work_dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn outputs_come_in_their_order_with_the_playlist_last() {
        let work_dir = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(work_dir.path()).unwrap();
        let folder = workspace.output("m3u8").parent().unwrap().to_owned();
        for name in ["output.m3u8", "output-100000.ts", "output-99999.ts", "source-0"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let outputs = workspace.outputs().unwrap();
        let names: Vec<_> = outputs.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["output-99999.ts", "output-100000.ts", "output.m3u8"]);
        let whole = workspace.join("whole", &outputs[..2]).unwrap();
        assert_eq!(fs::read_to_string(whole).unwrap(), "output-99999.tsoutput-100000.ts");
    }

    #[test]
    fn only_what_tasks_left_is_cleaned() {
        let work_dir = tempfile::tempdir().unwrap();
        std::mem::forget(Workspace::new(work_dir.path()).unwrap());
        fs::create_dir(work_dir.path().join("somebody-else")).unwrap();
        clean(work_dir.path()).unwrap();
        let left: Vec<_> =
            fs::read_dir(work_dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["somebody-else"]);
    }

    #[test]
    fn free_space_is_known() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
    }
}
