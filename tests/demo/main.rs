//! The demo: the job of `events/direct.json` with media that can be distinguished at a glance,
//! through the function's real binary under Lambda's own emulator. No cloud account, no container.
//! With the argument `stage`, only the services around the function.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use bed::process::{repository, run};
use bed::reading::Reading;
use failure::Failure;
use scene::{SOURCE_BUCKET, Scene, TARGET_BUCKET};
use source::SOURCES;

#[path = "../bed.rs"]
mod bed;
mod canvas;
mod failure;
mod font;
mod progress;
mod report;
mod scene;
mod sheet;
mod source;
mod stage;

/// The only folder that is left after the demo.
const FOLDER: &str = "target/demo";
/// How many lines of the function's log are shown after a failure.
const LAST_LINES: usize = 8;

fn main() -> ExitCode {
    // A panic of the test bed is reported once, as the sentence below.
    std::panic::set_hook(Box::new(|_| {}));
    let (name, part): (_, fn() -> _) = match std::env::args().nth(1).as_deref() {
        Some("stage") => ("stage", stage::play),
        _ => ("demo", show),
    };
    let outcome = catch_unwind(part).unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)));
    if let Err(failure) = outcome {
        eprintln!("\nThe {name} failed: {}", failure.sentence);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn show() -> Result<(), Failure> {
    let folder = empty_folder()?;
    println!("Three files in object storage become one, by the job in events/direct.json.");
    let sources = make_sources(&folder)?;
    let interrupted = progress::watch_for_interrupt();
    let scene = Scene::set()?;
    describe(&scene);
    let outcome = catch_unwind(AssertUnwindSafe(|| act(&scene, &sources, &folder, interrupted)));
    let outcome = outcome.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)));
    if outcome.is_err() {
        show_last_lines(&scene);
    }
    outcome
}

fn empty_folder() -> Result<PathBuf, Failure> {
    let folder = repository().join(FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(folder.join("sources"))?;
    Ok(folder)
}

fn make_sources(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    println!("\nThe sources, made for this run");
    let mut files = Vec::new();
    for source in &SOURCES {
        let file = source.write(&folder.join("sources"));
        let size = report::megabytes(std::fs::metadata(&file)?.len());
        println!("  {:<12} {} ({size})", source.name, source.about);
        files.push(file);
    }
    Ok(files)
}

fn describe(scene: &Scene) {
    let ffmpeg = bed::ffmpeg::ffmpeg_path();
    let version = run(Command::new(&ffmpeg).arg("-version")).stdout;
    let version = String::from_utf8_lossy(&version);
    let version = version.split(' ').nth(2).unwrap_or("of unknown version");
    println!("\nThe stage, on this machine alone");
    println!(
        "  storage      S3 at {}, buckets {SOURCE_BUCKET} and {TARGET_BUCKET}",
        scene.s3.url()
    );
    println!("  messages     SNS at {}", scene.sns.url());
    let function = shorten(&scene.function);
    println!("  function     {function}, in the Lambda Runtime Interface Emulator");
    println!("  ffmpeg       {version}, {}", shorten(&ffmpeg));
}

fn act(
    scene: &Scene,
    sources: &[PathBuf],
    folder: &Path,
    interrupted: &AtomicBool,
) -> Result<(), Failure> {
    for (source, file) in SOURCES.iter().zip(sources) {
        scene.s3.put_file(SOURCE_BUCKET, source.name, file);
    }
    println!("\nThe event goes to the function, as Lambda would send it");
    let record = progress::perform(scene, &scene::event(), interrupted)?;
    let messages = scene.sns.messages();
    let message = messages.first().ok_or_else(|| Failure::new("no completion message came"))?;
    let message = report::message(message)?;
    keep(&folder.join("message.json"), &message)?;
    keep(&folder.join("record.json"), &record)?;

    let video = download(scene, &record, folder)?;
    let reading = Reading::of(&video);
    report::output(&record, &video, &reading)?;
    let parts = report::parts(&record);
    report::timeline(&parts);
    let sheet = folder.join("contact-sheet.png");
    sheet::write(&video, &reading, &parts, &sheet)?;
    point_out(&video, &sheet);
    Ok(())
}

fn keep(file: &Path, value: &Value) -> Result<(), Failure> {
    Ok(std::fs::write(file, format!("{value:#}\n"))?)
}

fn download(scene: &Scene, record: &Value, folder: &Path) -> Result<PathBuf, Failure> {
    let uri = record["Targets"][0]["URI"].as_str().unwrap_or_default();
    let object = uri
        .strip_prefix("s3://")
        .and_then(|path| path.split_once('/'))
        .and_then(|(bucket, key)| Some((key, scene.s3.get(bucket, key)?)));
    let (key, bytes) = object
        .ok_or_else(|| Failure::new(format!("the record names `{uri}`, which is no object")))?;
    let file = folder.join(Path::new(key).file_name().unwrap_or_default());
    std::fs::write(&file, bytes)?;
    Ok(file)
}

fn point_out(video: &Path, sheet: &Path) {
    println!("\nSee for yourself");
    let (video, sheet) = (shorten(video), shorten(sheet));
    println!("  {video:<30} the result, as it lies in s3://{TARGET_BUCKET}");
    println!("  {sheet:<30} each source's part at a glance");
    println!("  {FOLDER}/                   also record.json, message.json, sources/");
    println!("\nNext");
    println!("  make test                      every test");
    println!(
        "  make bench                     how long it takes, beside what one would write by hand"
    );
    println!(
        "  sam deploy --guided            the same function in your own account, after sam build"
    );
}

fn show_last_lines(scene: &Scene) {
    // Lines that are not JSON are already strings.
    let text = |line: Value| match line {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let lines: Vec<String> = scene.emulator.logs().into_iter().map(text).collect();
    // The emulator's own lines say only what the emulator does.
    let (emulators, functions): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.contains(" (rapid) "));
    let shown = if functions.is_empty() { emulators } else { functions };
    eprintln!("\nThe last lines of the function's log");
    for line in &shown[shown.len().saturating_sub(LAST_LINES)..] {
        eprintln!("  {line}");
    }
}

/// The path inside the repository.
fn shorten(path: &Path) -> String {
    let short = path.strip_prefix(repository()).unwrap_or(path);
    short.display().to_string()
}
