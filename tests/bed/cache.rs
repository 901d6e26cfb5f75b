//! Media that ffmpeg has made once, kept between the runs of the tests.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::ffmpeg::{ffmpeg, tool_path};
use super::process::{repository, run};

/// To be increased when the same settings begin to produce other media.
const EDITION: u32 = 1;

static DRAFTS: AtomicUsize = AtomicUsize::new(0);

/// The file of this name for `settings`, which have to tell everything that it depends on besides
/// ffmpeg. `make` puts it into a folder, unless it is in the cache.
pub fn file(settings: &str, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let cache = repository().join("target/bed-cache");
    let folder = cache.join(key(settings));
    let file = folder.join(name);
    if file.is_file() {
        return file;
    }
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = cache.join(format!("draft-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&draft).expect("the cache can be written");
    make(&draft);
    std::fs::create_dir_all(&folder).expect("the cache can be written");
    // If another process has made the same file in the meantime, it has the same bytes.
    std::fs::rename(draft.join(name), &file).expect("the cache can be written");
    std::fs::remove_dir_all(&draft).expect("the draft is ours");
    file
}

/// What ffmpeg writes into `name` with these arguments, which read no file.
pub fn generated(arguments: &str, name: &str) -> PathBuf {
    file(arguments, name, |folder| {
        run(ffmpeg().args(arguments.split_whitespace()).arg(folder.join(name)));
    })
}

fn key(settings: &str) -> String {
    let ffmpeg = std::fs::metadata(tool_path()).and_then(|file| file.modified());
    let text = format!("{EDITION} {settings} {} {ffmpeg:?}", tool_path().display());
    let digest = Sha256::digest(text);
    URL_SAFE_NO_PAD.encode(&digest[..12])
}
