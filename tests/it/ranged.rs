//! Large sources are read only as far as needed, with the same results.

use hyper::Method;
use serde_json::Value;

use crate::bed::fault::{Answer, Fault, Otherwise};
use crate::bed::ffmpeg::tool_path;
use crate::bed::invocation::Reply;
use crate::bed::source::Source;
use crate::boxes::{changed, with_number};
use crate::scene::{Scene, USUAL, b64};
use spread::{Index, spread, spread_fragments, with_chunks};

pub(crate) mod clusters;
mod described;
mod matroska;
mod odd;
mod spread;

const SAMPLES: [&str; 5] = ["moov", "trak", "mdia", "minf", "stbl"];

fn film() -> Source {
    Source::new(1).rate(15, 1).seconds(8.0).extra_args(&["-g", "15"])
}

fn bytes(source: &Source, name: &str) -> Vec<u8> {
    std::fs::read(source.write(name)).unwrap()
}

pub(crate) fn large_film() -> Vec<u8> {
    large(Index::Behind)
}

fn large(index: Index) -> Vec<u8> {
    spread(&bytes(&film(), "film.mp4"), index)
}

/// Large enough to be read in ranges.
fn less_large() -> Vec<u8> {
    let file = spread(&bytes(&film().seconds(2.5), "short.mp4"), Index::Behind);
    assert!(file.len() > 4 << 20, "{}", file.len());
    file
}

fn a_bit() -> String {
    format!("ss_1000,t_200,f_mp4,{USUAL}")
}

/// A task on a source: its record, and what it stored.
fn task(scene: &Scene, bytes: &[u8], parameters: &str) -> (Value, Option<Vec<u8>>) {
    scene.s3.put("sources", "a.mp4", bytes);
    scene.s3.forget_calls();
    let outcome = scene.run("a.mp4", parameters);
    let source = &outcome.record["Sources"][0];
    let tag = source["ETag"].as_str().unwrap();
    let gets = scene.s3.calls_of("GET", "/sources/a.mp4");
    assert!(gets.iter().all(|get| get.if_match.as_deref().is_some_and(|m| m.contains(tag))));
    scene.assert_clean();
    let stored = scene.s3.get("results", "result.mp4");
    scene.s3.delete("results", "result.mp4");
    (outcome.record, stored)
}

fn fetched(record: &Value) -> usize {
    usize::try_from(record["Sources"][0]["BytesFetched"].as_u64().unwrap()).unwrap()
}

/// The same file with its last box cut short, so that a reader has to read all of it.
fn not_indexed(file: &[u8]) -> Vec<u8> {
    [file, b"\0\x10\0\0skip"].concat()
}

#[test]
fn a_cut_of_a_large_mp4_reads_its_part_alone() {
    let fragments = ["-movflags", "empty_moov+frag_keyframe+delay_moov+default_base_moof"];
    let scene = Scene::new();
    for (name, file) in [
        ("index behind", large(Index::Behind)),
        ("index in front", large(Index::Front)),
        ("fragments", spread_fragments(&bytes(&film().extra_args(&fragments), "parts.mp4"))),
    ] {
        let size = file.len();
        assert!(size > 8 << 20, "{name}: {size}");
        let (record, output) = task(&scene, &file, &a_bit());
        let read = fetched(&record);
        assert_eq!(record["Usage"]["BytesFetched"], read, "{name}");
        assert!(read > size / 40 && read < size / 2, "{name}: {read} of {size}");
        let (record, expected) = task(&scene, &not_indexed(&file), &a_bit());
        assert_eq!(fetched(&record), size + 8, "{name}");
        assert!(output.is_some() && output == expected, "{name}: another output");
    }
}

#[test]
fn a_cut_of_a_large_mp4_is_copied_as_one_that_is_read_whole() {
    let scene = Scene::new();
    let file = large(Index::Behind);
    let parameters = "ss_4000,t_2000,f_mp4,vcodec_h264,acodec_aac,vb_9000000,vbopt_1";
    let (record, output) = task(&scene, &file, parameters);
    assert_eq!(record["Timeline"][0]["Copied"], 30, "{record:#}");
    let (expected, same) = task(&scene, &not_indexed(&file), parameters);
    assert_eq!(record["Timeline"], expected["Timeline"]);
    assert!(output.is_some() && output == same);
    let read = fetched(&record);
    assert!(read < file.len() * 4 / 5, "{read} of {}", file.len());
}

/// Its claims are believed only as far as they can be verified, or make no difference.
#[test]
fn an_index_that_lies() {
    let scene = Scene::new();
    let file = less_large();
    let at = file.windows(4).rposition(|kind| kind == b"moov").unwrap() - 4;
    let with = |movie: Vec<u8>| [&file[..at], &movie].concat();
    let table = |name, change: &dyn Fn(&[u8]) -> Vec<u8>| {
        with(changed(&file[at..], &[&SAMPLES[..], &[name]].concat(), change))
    };
    let half = file.len() / 2;
    let beyond = |at| if at > half { at + (1 << 30) } else { at };
    let every: Vec<u8> = [0, 30].into_iter().chain(1..=30).flat_map(u32::to_be_bytes).collect();
    let cases = [
        ("media behind the end", with(with_chunks(&file[at..], &beyond)), true),
        ("other media", with(with_chunks(&file[at..], &|at| at + 20_000)), false),
        ("every frame a key", table("stss", &|_| every.clone()), false),
        ("a frame of a gigabyte", table("stsz", &|sizes| with_number(sizes, 12, 1 << 30)), true),
    ];
    for (name, lying, whole) in cases {
        let (record, output) = task(&scene, &lying, &a_bit());
        let (expected, same) = task(&scene, &not_indexed(&lying), &a_bit());
        for field in ["Status", "Code", "Timeline", "Warnings", "Output"] {
            assert_eq!(record[field], expected[field], "{name}: {field}");
        }
        assert!(output == same, "{name}: another output");
        if whole {
            assert_eq!(fetched(&record), lying.len(), "{name}");
        }
    }
}

#[test]
fn a_read_that_fails_ends_the_task_with_its_reason() {
    let scene = Scene::new();
    let file = large(Index::Behind);
    let failing = |answer, reads| {
        let reading = Fault::new(answer).method(Method::GET).part("/sources/a.mp4");
        scene.s3.fail(reading.skip(reads).times(1000));
        let (record, _) = task(&scene, &file, &a_bit());
        scene.s3.faults().forget();
        record
    };
    let mut reads = 0;
    loop {
        let record = failing(Answer::Error(403, "AccessDenied"), reads);
        if record["Status"] == "Succeeded" {
            break;
        }
        assert_eq!(record["Code"], "AccessDenied", "read {reads}: {record:#}");
        assert!(
            record["Message"].as_str().unwrap().contains("s3:GetObject"),
            "read {reads}: {record:#}"
        );
        reads += 1;
    }
    assert!(reads > 2, "{reads}");
    // Its index, without which nothing can continue.
    let record = failing(Answer::Error(412, "PreconditionFailed"), 1);
    assert!(record["Message"].as_str().unwrap().contains("changed since"), "{record:#}");
    for answer in [Answer::CutBody, Answer::Error(503, "SlowDown")] {
        let reading = Fault::new(answer).method(Method::GET).part("/sources/a.mp4");
        scene.s3.fail(reading.skip(2).times(2));
        let (record, _) = task(&scene, &file, &a_bit());
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
        scene.s3.faults().forget();
    }
}

/// An answer counts as the requested range only if it says so.
#[test]
fn a_read_that_is_answered_otherwise_ends_the_task_or_goes_on() {
    let scene = Scene::new();
    let file = less_large();
    let answer = |how, reads, times| {
        let answering = Fault::new(Answer::Otherwise(how)).method(Method::GET);
        scene.s3.fail(answering.part("/sources/a.mp4").skip(reads).times(times));
    };
    scene.s3.put("sources", "a.mp4", &file[..]);
    let (bucket, object) = (b64("results"), b64("result"));
    let process = format!("video/concat,{}|sys/saveas,b_{bucket},o_{object}", a_bit());
    for (how, code, words) in [
        (Otherwise::Whole, "InternalError", "it sent `the whole object`"),
        (Otherwise::Elsewhere, "InternalError", "it sent `bytes 1"),
        (Otherwise::Larger, "InternalError", "it sent `bytes "),
        (Otherwise::Changed, "InvalidArgument", "changed since"),
    ] {
        for reads in [0, 2] {
            answer(how, reads, 1000);
            let (found, message) = match scene.invoke("a.mp4", &process) {
                Reply::Ok(record) => {
                    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
                    (text("Code"), text("Message"))
                }
                Reply::FunctionError { error_type, message } => (error_type, message),
            };
            scene.s3.faults().forget();
            assert_eq!(found, code, "{how:?}, read {reads}: {message}");
            assert!(message.contains(words), "{how:?}, read {reads}: {message}");
            assert_eq!(scene.s3.get("results", "result.mp4"), None, "{how:?}, read {reads}");
        }
    }
    // What is missing is requested again.
    let cut = format!("ss_1200,t_200,f_mp4,{USUAL}");
    answer(Otherwise::Short, 1, 2);
    let (record, output) = task(&scene, &file, &cut);
    scene.s3.faults().forget();
    let (_, expected) = task(&scene, &not_indexed(&file), &cut);
    assert_eq!(record["Status"], "Succeeded", "{record:#}");
    assert!(output.is_some() && output == expected, "another output");
}

/// An ffmpeg without the layer's patches. None is at hand, so the tests rename the option.
#[test]
fn another_ffmpeg_reads_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ffmpeg", "ffprobe"] {
        let (own, other) = (tool_path().with_file_name(name), folder.path().join(name));
        std::fs::copy(own, &other).unwrap();
        let mut program = std::fs::read(&other).unwrap();
        let option = b"partial\0";
        let places = program.windows(option.len()).enumerate();
        let places = places.filter(|(_, bytes)| bytes == option).map(|(at, _)| at);
        places.collect::<Vec<_>>().into_iter().for_each(|at| program[at] = b'q');
        std::fs::write(other, program).unwrap();
    }
    let other = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = less_large();
    for names in [&["ffmpeg", "ffprobe"][..], &["ffmpeg"], &["ffprobe"]] {
        let scene = Scene::with(|settings| {
            names.iter().fold(settings, |settings, name| {
                settings.set(&format!("{}_PATH", name.to_uppercase()), other(name))
            })
        });
        let (record, output) = task(&scene, &file, &a_bit());
        assert_eq!(record["Status"], "Succeeded", "{record:#}");
        assert!(output.is_some());
        assert_eq!(fetched(&record), file.len(), "{names:?}");
    }
}
