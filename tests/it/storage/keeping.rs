//! A file that is read from start to end and does not fit on the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use video_concat::storage::fill::Filler;

use super::{BUCKET, MIB, Server, noise, uri};
use crate::bed::ffmpeg::ffmpeg_path;
use crate::bed::process::run;

/// Audio without compression, which is as long as it looks.
fn wave(bytes: usize) -> Vec<u8> {
    let rate = 48_000_u32;
    let number = u32::to_le_bytes;
    let size = u32::try_from(bytes).unwrap();
    let format =
        [1, 0, 2, 0].into_iter().chain(number(rate)).chain(number(rate * 4)).chain([4, 0, 16, 0]);
    let format: Vec<u8> = format.collect();
    let head = [
        b"RIFF",
        &number(size + 36)[..],
        b"WAVEfmt ",
        &number(16),
        &format,
        b"data",
        &number(size),
    ];
    [&head.concat()[..], &noise(bytes, 5)].concat()
}

fn checksum(more: &[&str], path: &Path) -> Vec<u8> {
    let mut command = Command::new(ffmpeg_path());
    command.args(["-v", "error", "-nostdin"]).args(more).arg("-i").arg(path);
    run(command.args(["-map", "0:a", "-c", "copy", "-f", "hash", "-"])).stdout
}

/// What is asked for is fetched ahead of the reader, but not so far that it is dropped before it is
/// used.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_longer_than_what_is_kept_of_it_is_read_once() {
    const KEPT: u64 = 48 << 20;
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let object: PathBuf = server.folder.path().join(BUCKET).join("long.wav");
    std::fs::write(&object, wave(96 * MIB)).unwrap();
    let (store, uri, path) = (server.store(), uri("long.wav"), work.path().join("partial.wav"));
    let head = store.head(&uri, None).await.unwrap();
    let (filler, waits) = Filler::new(&store, std::iter::once((&uri, &head, &*path))).unwrap();
    let filler = filler.keeping(KEPT);
    filler.ask(0, std::iter::once(0..head.size));
    let reader = tokio::task::spawn_blocking(move || checksum(&["-partial", "1"], &path));
    let read = tokio::select! {
        read = reader => read.unwrap(),
        error = filler.run(waits) => panic!("{error}"),
    };
    assert_eq!(read, checksum(&[], &object));
    assert_eq!(filler.bytes(0), head.size);
    let kept: u64 = filler.file(0).there().iter().map(|range| range.end - range.start).sum();
    assert!(kept <= KEPT, "{kept}");
}
