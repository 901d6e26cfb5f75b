//! What happens if ffmpeg does not do what it should: the target stays unchanged, the failure is
//! reported, and nothing is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use video_concat::policy::Verify;

use crate::bed::ffmpeg::{ffmpeg_path, tool_path};
use crate::bed::invocation::Reply;
use crate::bed::process::{descendants, repository};
use crate::bed::source::Source;
use crate::scene::{Outcome, Scene, USUAL, b64};

/// A scene whose function runs this script instead of ffmpeg. In it, `$FFMPEG` is the real one,
/// `$TOOL` one with more features, and `$OUT` the last argument without `file:`.
fn scene(script: &str) -> (Scene, tempfile::TempDir) {
    verified_scene(script, "decode")
}

/// The same with this way to check an output.
fn verified_scene(script: &str, verify: &str) -> (Scene, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("ffmpeg");
    let (real, tool) = (ffmpeg_path(), tool_path());
    let text = format!(
        "#!/bin/bash\nFFMPEG={}\nTOOL={}\nOUT=\"${{@: -1}}\"; OUT=\"${{OUT#file:}}\"\n{script}\n",
        real.display(),
        tool.display()
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let scene = Scene::with(|settings| {
        settings.set("FFMPEG_PATH", path.to_str().unwrap()).set("VERIFY", verify)
    });
    (scene.source("a.mp4", &Source::new(1)), folder)
}

/// Encodes, then changes the file. The check's own run stays as it is.
fn damaged(deed: &str) -> String {
    format!("\"$FFMPEG\" \"$@\" || exit 1\n[ \"$OUT\" = pipe: ] && exit 0\n{deed}")
}

fn run(scene: &Scene) -> Outcome {
    scene.s3.put("results", "result.mp4", "the old one");
    let outcome = scene.run("a.mp4", &format!("f_mp4,{USUAL}"));
    assert_eq!(scene.s3.get("results", "result.mp4").unwrap(), b"the old one");
    scene.assert_clean();
    outcome
}

/// A file that has some.
fn chapters() -> String {
    let file = repository().join("tests/it/inputs/data/subtitled.mkv");
    file.to_str().unwrap().to_owned()
}

const REMUX: &str = "\"$TOOL\" -v error -y -i \"$OUT\"";

#[test]
fn an_output_that_is_not_as_planned_is_never_stored() {
    for (name, deed, words) in [
        (
            "a missing frame",
            format!("{REMUX} -c copy -frames:v 49 \"$OUT.mp4\""),
            "frames is 49, not 50",
        ),
        (
            "a lost stream",
            format!("{REMUX} -c copy -an \"$OUT.mp4\""),
            "video alone, not video and audio",
        ),
        (
            "a short audio",
            format!("{REMUX} -c:v copy -t 2 -af atrim=end=1 \"$OUT.mp4\""),
            "length of the audio",
        ),
        ("another size", format!("{REMUX} -s 80x60 \"$OUT.mp4\""), "size is 80x60, not 160x120"),
        (
            "another codec",
            format!("{REMUX} -c:v mpeg4 \"$OUT.mp4\""),
            "video codec is mpeg4, not h264",
        ),
        ("another rate", format!("{REMUX} -r 50 \"$OUT.mp4\""), "frames is 100, not 50"),
        (
            "a slower video",
            format!("{REMUX} -c:a copy -vf setpts=2*PTS -fps_mode passthrough \"$OUT.mp4\""),
            "not as planned",
        ),
        (
            "a stream that nobody planned",
            format!("{REMUX} -c copy -map 0 -map 0:a \"$OUT.mp4\""),
            "further streams is 1, not 0",
        ),
        (
            "chapters",
            format!("{REMUX} -i {} -c copy -map 0 -map_chapters 1 \"$OUT.mp4\"", chapters()),
            "further streams is 1, not 0",
        ),
        ("no file at all", "rm \"$OUT\"; : > \"$OUT.mp4\"".to_owned(), "can't be read back"),
        ("half a file", "head -c 9000 \"$OUT\" > \"$OUT.mp4\"".to_owned(), ""),
    ] {
        for verify in Verify::NAMES {
            let deed = damaged(&format!("{deed}; mv \"$OUT.mp4\" \"$OUT\""));
            let (scene, _folder) = verified_scene(&deed, verify);
            let message = run(&scene).failed("OutputMismatch");
            assert!(message.contains(words), "{name}, {verify}: {message}");
        }
    }
}

#[test]
fn a_bit_error_in_the_output_is_found_by_decoding_it() {
    // The middle of the media data.
    let deed = "printf '\\377\\000\\377\\000\\377\\000\\377\\000' | \
                dd of=\"$OUT\" bs=1 seek=12000 conv=notrunc status=none";
    for verify in Verify::NAMES {
        let (scene, _folder) = verified_scene(&damaged(deed), verify);
        run(&scene).failed("OutputMismatch");
    }
}

/// What still decodes: other content, or the same at other times.
#[test]
fn an_output_that_is_not_what_was_encoded_is_never_stored() {
    for (name, deed, words) in [
        (
            "another video of the same length",
            format!(
                "{REMUX} -c:a copy -c:v libx264 -vf hflip -g 150 \"$OUT.mp4\"; mv \"$OUT.mp4\" \"$OUT\""
            ),
            "of the video is not the one that was encoded",
        ),
        (
            "a frame that is shown late",
            format!(
                "{REMUX} -c copy -bsf:v 'setts=pts=PTS+eq(N\\,3)*5/1000/TB' \"$OUT.mp4\"; mv \"$OUT.mp4\" \"$OUT\""
            ),
            "of the video is shown at",
        ),
    ] {
        for verify in Verify::NAMES {
            let (scene, _folder) = verified_scene(&damaged(&deed), verify);
            let message = run(&scene).failed("OutputMismatch");
            assert!(message.contains(words), "{name}, {verify}: {message}");
        }
    }
    let louder =
        format!("{REMUX} -c:v copy -af volume=2 -c:a aac \"$OUT.mp4\"; mv \"$OUT.mp4\" \"$OUT\"");
    let (scene, _folder) = verified_scene(&damaged(&louder), "packets");
    let message = run(&scene).failed("OutputMismatch");
    assert!(message.contains("of the audio is not the one that was encoded"), "{message}");
}

/// Lists of 200,000 packets, of which the first ones are those of a real output.
#[test]
fn long_lists_of_packets_do_not_take_the_functions_memory() {
    const PACKETS: u64 = 200_000;
    // For each of them, and what every task takes more where it is the second.
    const MORE: u64 = 12 * PACKETS + (1 << 20);
    let script = format!(
        "more() {{ awk 'BEGIN {{ for (n = 100; n < {PACKETS}; n++) printf \"0, %d, %d, 1, 9, %032x\\n\", n, n, n }}'; }}\n\
         \"$FFMPEG\" \"$@\" || exit 1\n\
         [ -e \"$0.long\" ] || exit 0\n\
         case \"$*\" in *framemd5*pipe:) more;; esac\n\
         for word; do case \"$word\" in file:*listing*) more >> \"${{word#file:}}\";; esac; done\n\
         exit 0"
    );
    for verify in Verify::NAMES {
        let (scene, folder) = verified_scene(&script, verify);
        scene.run("a.mp4", &format!("f_mp4,{USUAL}")).succeeded();
        let usual = scene.function.peak_memory().unwrap();
        fs::write(folder.path().join("ffmpeg.long"), "").unwrap();
        let message = scene.run("a.mp4", &format!("f_mp4,{USUAL},crf_30")).failed("OutputMismatch");
        assert!(message.contains("packets, not the 50"), "{verify}: {message}");
        let peak = scene.function.peak_memory().expect("the function lives");
        assert!(peak <= usual + MORE, "{verify}: {peak} bytes, and {usual} before");
        scene.assert_clean();
    }
}

#[test]
fn a_crash_can_be_mended_by_a_retry() {
    let (scene, _folder) = scene("kill -SEGV $$");
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x.mp4"));
    match scene.invoke("a.mp4", &process) {
        Reply::FunctionError { error_type, message } => {
            assert_eq!(error_type, "InternalError");
            assert!(message.contains("signal"), "{message}");
        }
        reply @ Reply::Ok(_) => panic!("{reply:?}"),
    }
    scene.assert_clean();
}

#[test]
fn endless_complaints_are_read_and_mostly_forgotten() {
    let (scene, _folder) = scene("head -c 300000000 /dev/zero | tr '\\0' x >&2; exit 1");
    let message = run(&scene).failed("UnsupportedMedia");
    assert!(message.len() < 10_000, "{}", message.len());
    assert!(scene.function.peak_memory().unwrap() < 64 * 1024 * 1024);
}

#[test]
fn what_can_not_fit_the_time_is_refused_before_it_is_encoded() {
    let scene = Scene::with(|settings| {
        settings.set("VIDEO_PRESET", "placebo").timeout(Duration::from_secs(6))
    });
    let scene = scene.source("a.mp4", &Source::new(1));
    let outcome = scene.run("a.mp4", "f_mp4,vcodec_h265,acodec_aac,s_4096x4096,fps_60");
    let message = outcome.failed("DeadlineExceeded");
    for words in ["120 frames of 4096x4096 as `h265`", "takes at least", "s are left", "`s`"] {
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(outcome.record["Timings"]["EncodeMs"], 0);
    scene.assert_clean();
}

#[test]
fn encoding_that_goes_too_slowly_is_given_up_early() {
    // A hundredth of the way, and then nothing more.
    let script = "[ \"$OUT\" = pipe: ] && exit 0\nprintf 'out_time_us=20000\\nprogress=continue\\n'\nexec sleep 1000";
    let (scene, _folder) = scene(script);
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("o"));
    let event = json!({"bucket": "sources", "object": "a.mp4", "process": process});
    let limit = Duration::from_mins(1);
    let record = scene.function.invoke_within(&event, limit).unwrap();
    assert_eq!(record["Code"], "DeadlineExceeded", "{record:#}");
    let message = record["Message"].as_str().unwrap();
    assert!(message.contains("% is done"), "{message}");
    assert!(descendants(scene.function.id()).is_empty());
    scene.assert_clean();
}

#[test]
fn a_hanging_ffmpeg_is_ended_before_the_deadline() {
    let (scene, _folder) = scene("sleep 1000 & sleep 1000");
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x.mp4"));
    let event = json!({"bucket": "sources", "object": "a.mp4", "process": process});
    let started = Instant::now();
    let deadline = Duration::from_secs(15);
    let record = scene.function.invoke_within(&event, deadline).unwrap();
    assert!(started.elapsed() < deadline);
    assert_eq!(record["Code"], "DeadlineExceeded", "{record:#}");
    assert_eq!(descendants(scene.function.id()), [] as [u32; 0]);
    scene.assert_clean();
}

#[test]
fn a_full_disk_has_its_own_code() {
    // Not where it writes to a pipe: that would be a file of the name `pipe:`.
    let full = "[[ $OUT == pipe:* ]] || ln -sf /dev/full \"$OUT\"; exec \"$FFMPEG\" \"$@\"";
    let (scene, _folder) = scene(full);
    let process = format!("video/concat,f_mp4,{USUAL}|sys/saveas,o_{}", b64("x.mp4"));
    let reply = scene.invoke("a.mp4", &process);
    assert!(
        matches!(&reply, Reply::FunctionError { error_type, .. } if error_type == "InsufficientStorage"),
        "{reply:?}"
    );
}

/// No credentials, and no way to find the runtime API.
#[test]
fn ffmpeg_sees_nothing_of_the_function_s_environment() {
    let (scene, folder) = scene("env > \"$(dirname \"$0\")/seen\"; exit 1");
    run(&scene).failed("UnsupportedMedia");
    let seen = fs::read_to_string(folder.path().join("seen")).unwrap();
    for name in ["AWS_", "LAMBDA", "SECRET", "WORK_DIR"] {
        assert!(!seen.contains(name), "{seen}");
    }
}

/// A stack counts as memory whole, and a decoder has many threads.
#[test]
fn threads_of_ffmpeg_have_small_stacks() {
    let (scene, folder) = scene("ulimit -s > \"$(dirname \"$0\")/kilobytes\"; exit 1");
    run(&scene).failed("UnsupportedMedia");
    assert_eq!(fs::read_to_string(folder.path().join("kilobytes")).unwrap(), "2048\n");
}

#[test]
fn a_missing_or_unusable_ffmpeg_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "no program").unwrap();
    for path in ["/nowhere/ffmpeg", text.to_str().unwrap()] {
        let scene = Scene::with(|settings| settings.set("FFMPEG_PATH", path));
        let reply = scene.function.invoke(&json!({}));
        let told = format!("{reply:?} {:?}", scene.function.logs());
        assert!(told.contains("FFMPEG_PATH") && told.contains(path), "{told}");
    }
}
