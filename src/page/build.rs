//! Embeds the page in the command line, if `make page` has built it, and makes the debug build of the
//! function start sooner.

#![allow(
    clippy::disallowed_methods,
    reason = "the core's restrictions don't apply to a build script"
)]

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(page_is_built)");
    println!("cargo::rerun-if-changed=src/page/build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "debug") && is("CARGO_CFG_TARGET_OS", "linux") {
        // The tests start it once more for each start of ffmpeg. At any place in memory, it would
        // have to correct 165,000 addresses each time, a third of what such a start takes.
        println!("cargo::rustc-link-arg-bin=bootstrap=-no-pie");
    }
    if env::var_os("CARGO_FEATURE_CLI").is_none() {
        return;
    }
    let root = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = Path::new(&root).join("target/page");
    // Cargo watches the folder for changes. If it did not exist, Cargo would build again each time.
    if let Err(error) = fs::create_dir_all(&folder) {
        println!("cargo::warning={}: {error}", folder.display());
        return;
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    let page = folder.join("video-concat.html");
    if page.is_file() {
        println!("cargo::rustc-cfg=page_is_built");
        println!("cargo::rustc-env=VIDEO_CONCAT_PAGE={}", page.display());
    }
}
