//! SECURITY.md: each measure names a test, and these tests exist.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::text;
use crate::bed::function::Settings;
use crate::bed::source::Source;
use crate::scene::{Scene, USUAL};

/// Every `path.rs::name` in a text, without backticks.
fn tests(text: &str) -> Vec<(String, &str)> {
    let words = text.split('`').skip(1).step_by(2);
    let split = words.filter_map(|word| word.split_once(".rs::"));
    split.map(|(file, name)| (format!("{file}.rs"), name)).collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let page = text("SECURITY.md");
    let tests = tests(&page);
    assert!(!tests.is_empty());
    for (path, name) in tests {
        assert!(text(&path).contains(&format!("fn {name}(")), "{path}::{name}");
    }
}

#[test]
fn every_measure_names_its_test() {
    let page = text("SECURITY.md");
    let (_, rest) = page.split_once("\n## Measures\n").unwrap();
    let (measures, _) = rest.split_once("\n## ").unwrap();
    let rows: Vec<&str> = measures.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 2);
    for row in rows.iter().filter(|row| !row.starts_with("| measure |")) {
        assert!(!tests(row).is_empty(), "{row}");
    }
}

/// Without root's privileges, with which everything can be read.
fn unprivileged(settings: Settings) -> Settings {
    if !rustix::process::geteuid().is_root() {
        return settings;
    }
    let program = settings.program.display().to_string();
    let wrapped = Settings { program: "/usr/bin/setpriv".into(), ..settings };
    wrapped.argument("--bounding-set=-all").argument("--inh-caps=-all").argument(&program)
}

/// The programs that read untrusted files run as the function's own user.
#[test]
fn ffmpeg_can_not_look_into_the_function() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ffmpeg");
    // Several may run at a time, and end each other.
    let script = format!(
        "#!/bin/sh\ncd {}\nMARK=1 sh -c 'cat /proc/$$/environ' >own.$$; cat /proc/$PPID/environ >seen.$$ 2>why.$$\n\
         for name in own seen why; do mv $name.$$ $name; done\nexit 1\n",
        folder.path().display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = program.display().to_string();
    let scene = Scene::with(|settings| unprivileged(settings.set("FFMPEG_PATH", path)));
    let scene = scene.source("a.mp4", &Source::new(1));
    scene.run("a.mp4", &format!("f_mp4,{USUAL}")).failed("UnsupportedMedia");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("own").contains("MARK=1"), "the way to look works");
    assert_eq!(read("seen"), "");
    assert!(read("why").contains("Permission denied"), "{}", read("why"));
}
