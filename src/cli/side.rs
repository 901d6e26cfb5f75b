//! The place of sources and results: a folder of this machine, or a bucket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use video_concat::code::Code;
use video_concat::object::{Bucket, ETag};
use video_concat::storage::ObjectHead;

use super::failure::Failure;

/// See the module. The files of a folder are the objects, whatever bucket the request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Folder(PathBuf),
    Bucket(Bucket),
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("s3://").map(|name| name.trim_end_matches('/')) {
            None => Ok(Self::Folder(text.into())),
            Some(name) if name.is_empty() || name.contains('/') => {
                Err("expected a folder, or `s3://BUCKET` without a key".to_owned())
            }
            Some(name) => Bucket::new(name).map(Self::Bucket).map_err(|error| error.to_string()),
        }
    }
}

/// The file in `folder` for the object `key`.
pub(crate) fn path(folder: &Path, key: &str) -> Result<PathBuf, Failure> {
    let mut path = folder.to_owned();
    for part in key.split('/') {
        // A part that is not a plain name, such as `..`, would lead to another folder.
        let mut components = Path::new(part).components();
        let is_name = matches!(components.next(), Some(Component::Normal(name)) if name == part);
        if !is_name || components.next().is_some() || part.contains('\0') {
            return Err(Failure::wrong(format!(
                "`{}` can't be a file in a folder: every part between slashes has to be a name",
                key.escape_debug()
            )));
        }
        path.push(part);
    }
    Ok(path)
}

/// The head of a file, as if it were an object.
pub(crate) fn look(folder: &Path, key: &str) -> Result<ObjectHead, Failure> {
    let path = path(folder, key)?;
    let found = fs::metadata(&path).and_then(|found| {
        let modified = found.modified()?;
        if found.is_file() {
            Ok((found.len(), modified))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    });
    let (size, modified) = found.map_err(|error| {
        let message = format!("`{}` can't be read: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound => Failure::with_code(Code::NoSuchKey, message),
            io::ErrorKind::PermissionDenied => Failure::with_code(Code::AccessDenied, message),
            _ => Failure::with_code(Code::InternalError, message),
        }
    })?;
    let last_modified = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(ObjectHead {
        etag: tag(size, last_modified),
        size,
        version: None,
        last_modified,
        content_type: None,
        metadata: std::collections::BTreeMap::new(),
    })
}

/// Files have no entity tag; this one also changes when the content does.
fn tag(size: u64, modified: Timestamp) -> ETag {
    ETag::new(&format!("{:x}-{size:x}", modified.as_nanosecond()))
}

/// Moves a finished file to its destination: it appears completely, or not at all.
pub(crate) fn store(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder)?;
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        outcome => return outcome,
    }
    // With the permissions of any new file; temporary files are only for their owner.
    let mut draft = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o666))
        .prefix(".video-concat-")
        .tempfile_in(folder)?;
    io::copy(&mut fs::File::open(from)?, &mut draft)?;
    draft.persist(to)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Bucket, Side, look, path, store};

    #[test]
    fn folders_and_buckets_are_distinguished() {
        let read = |text: &str| text.parse::<Side>();
        assert_eq!(read("clips"), Ok(Side::Folder("clips".into())));
        assert_eq!(read("s3://clips"), Ok(Side::Bucket(Bucket::new("clips").unwrap())));
        assert_eq!(read("s3://clips/"), Ok(Side::Bucket(Bucket::new("clips").unwrap())));
        assert!(
            read("s3://").is_err() && read("s3://Clips").is_err() && read("s3://clips/a").is_err()
        );
    }

    #[test]
    fn no_key_leads_out_of_its_folder() {
        let folder = Path::new("/clips");
        assert_eq!(path(folder, "a/b c.mp4").unwrap(), Path::new("/clips/a/b c.mp4"));
        assert_eq!(path(folder, "..a/.b").unwrap(), Path::new("/clips/..a/.b"));
        for key in ["../a", "a/../../b", "/etc/passwd", "a//b", "a/", ".", "a/./b", "a\0b", ""] {
            assert!(path(folder, key).is_err(), "{key}");
        }
    }

    #[test]
    fn files_are_objects_and_folders_are_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        assert_eq!(look(folder.path(), "a").unwrap().size, 3);
        for key in ["inner", "none", "a/b"] {
            assert!(look(folder.path(), key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_stored_file_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("new/to"));
        for text in ["one", "two"] {
            fs::write(&from, text).unwrap();
            store(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), text);
            assert!(!from.exists());
        }
    }
}
