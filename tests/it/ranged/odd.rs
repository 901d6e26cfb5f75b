//! Unusual MP4 files: read in ranges, they give the same result as read whole.

use super::spread::{Index, spread, spread_fragments};
use super::{SAMPLES, USUAL, bytes, fetched, film, large, not_indexed, task};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::boxes::{boxed, changed, children};
use crate::scene::{Scene, sur};

/// Boundaries of the blocks that are fetched one by one, and of chunks.
const BLOCK: usize = 64 * 1024;
const LEAST: usize = 4 * 1024 * 1024;

/// Compares the result for a file with the result for the whole file. Returns how much was read.
#[track_caller]
fn same(scene: &Scene, name: &str, file: &[u8], parameters: &str) -> usize {
    let (record, output) = task(scene, file, parameters);
    let (expected, whole) = task(scene, &not_indexed(file), parameters);
    for field in ["Status", "Code", "Timeline", "Warnings", "Output", "Verified"] {
        assert_eq!(record[field], expected[field], "{name}: {field}");
    }
    assert_eq!(fetched(&expected), file.len() + 8, "{name}");
    assert!(output == whole, "{name}: another output");
    fetched(&record)
}

fn middle() -> String {
    format!("ss_3100,t_400,f_mp4,{USUAL}")
}

fn movie_at(file: &[u8]) -> usize {
    let found = children(file).into_iter().find(|(kind, _)| *kind == b"moov");
    found.unwrap().1.start
}

/// With places of 64 bits.
fn with_long_places(movie: &[u8]) -> Vec<u8> {
    changed(movie, &SAMPLES, &|table| {
        let of = |(kind, range): (&[u8], std::ops::Range<usize>)| {
            if kind != b"stco" {
                return table[range].to_vec();
            }
            let (head, places) = table[range.start + 8..range.end].split_at(8);
            let long = places.chunks_exact(4).flat_map(|place| [&[0; 4], place].concat());
            boxed("co64", &head.iter().copied().chain(long).collect::<Vec<u8>>())
        };
        children(table).into_iter().flat_map(of).collect()
    })
}

/// The same bytes with the media in two boxes: the second begins where a chunk leaves room.
fn with_two_boxes(file: &[u8]) -> Vec<u8> {
    let boxes = children(file);
    let (_, media) = boxes.into_iter().find(|(kind, _)| *kind == b"mdat").unwrap();
    let is_room = |&at: &usize| file[at - 8..at] == [0; 8];
    let half = media.len() / 2 / BLOCK * BLOCK;
    let cut = (half..media.end).step_by(BLOCK).find(is_room).unwrap() - 8;
    let size = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut file = file.to_vec();
    file[media.start..media.start + 4].copy_from_slice(&size(cut - media.start));
    let second = [size(media.end - cut), *b"mdat"].concat();
    file[cut..cut + 8].copy_from_slice(&second);
    file
}

/// The same bytes, with the length of the media in 64 bits.
fn with_long_length(file: &[u8]) -> Vec<u8> {
    let boxes = children(file);
    let (_, media) = boxes.into_iter().find(|(kind, _)| *kind == b"mdat").unwrap();
    let mut file = file.to_vec();
    let length = media.len() as u64;
    let head = [&1_u32.to_be_bytes()[..], b"mdat", &length.to_be_bytes()].concat();
    file[media.start..media.start + 16].copy_from_slice(&head);
    file
}

#[test]
fn boxes_of_any_kind() {
    let scene = Scene::new();
    let (behind, front) = (large(Index::Behind), large(Index::Front));
    let at = movie_at(&behind);
    let mut open = front.clone();
    let media = movie_at(&front) + children(&front)[1].1.len();
    open[media..media + 4].copy_from_slice(&[0; 4]);
    let elsewhere =
        changed(&behind[at..], &["moov", "trak", "mdia", "minf", "dinf", "dref"], &|_| {
            let other = boxed("url ", &[&[0; 4][..], b"file:///etc/hostname\0"].concat());
            [&[0, 0, 0, 0, 0, 0, 0, 1][..], &other].concat()
        });
    for (name, file, most) in [
        ("places of 64 bits", [&behind[..at], &with_long_places(&behind[at..])].concat(), 2),
        ("media in two boxes", with_two_boxes(&behind), 2),
        ("a length of 64 bits", with_long_length(&behind), 2),
        ("media elsewhere", [&behind[..at], &elsewhere].concat(), 1),
    ] {
        let read = same(&scene, name, &file, &middle());
        assert!(read <= file.len() / most, "{name}: {read} of {}", file.len());
    }
    // Up to the end of the file, whatever is there.
    let (record, output) = task(&scene, &open, &middle());
    let (expected, whole) = task(&scene, &not_indexed(&front), &middle());
    assert_eq!(record["Timeline"], expected["Timeline"]);
    assert!(output.is_some() && output == whole);
    assert!(fetched(&record) < open.len() / 2);
}

#[test]
fn edits_and_fragments() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().unwrap();
    let copied = |options: &[&str]| {
        let (from, to) = (film().write("film.mp4"), folder.path().join("copy.mp4"));
        let mut command = ffmpeg();
        command.args(["-y", "-ss", "0.3"]).arg("-i").arg(from).args(["-c", "copy"]);
        run(command.args(options).arg(&to));
        std::fs::read(to).unwrap()
    };
    let index = ["-movflags", "frag_keyframe+empty_moov+default_base_moof+global_sidx"];
    for (name, file) in [
        ("an edit list", spread(&copied(&[]), Index::Behind)),
        ("an index of fragments", spread_fragments(&copied(&index))),
    ] {
        same(&scene, name, &file, &middle());
        same(&scene, name, &file, &format!("f_mp4,s_64x,{USUAL}"));
    }
}

#[test]
fn cuts_anywhere() {
    let scene = Scene::new();
    let file = large(Index::Behind);
    for parameters in [
        format!("ss_7900,f_mp4,{USUAL}"),
        format!("ss_8000,f_mp4,{USUAL}"),
        format!("ss_7000,t_9000,f_mp4,{USUAL}"),
        format!("ss_0,t_1,f_mp4,{USUAL}"),
        format!("ss_500,t_300,f_mp4,{USUAL}{},ss_6000,t_300", sur("a.mp4")),
    ] {
        same(&scene, &parameters, &file, &parameters);
    }
}

/// From 4 MB on, a file is read in ranges.
#[test]
fn files_of_about_the_least_size() {
    let scene = Scene::new();
    let file = spread(&bytes(&film().seconds(1.0), "least.mp4"), Index::Front);
    assert!(file.len() < LEAST - 100, "{}", file.len());
    for size in [LEAST - 1, LEAST, LEAST + 1] {
        let file = [&file[..], &boxed("free", &vec![0; size - file.len() - 8])].concat();
        assert_eq!(file.len(), size);
        let (record, output) = task(&scene, &file, &format!("ss_500,t_200,f_mp4,{USUAL}"));
        assert!(output.is_some(), "{record:#}");
        assert_eq!(fetched(&record) == size, size < LEAST, "{size}: {}", fetched(&record));
    }
}
