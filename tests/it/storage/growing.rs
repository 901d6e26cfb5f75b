//! A file that is sent while it is written.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use tempfile::TempDir;
use video_concat::storage::fetch::fetch;
use video_concat::storage::growing::GrowingUpload;
use video_concat::storage::{Precondition, Problem};

use super::{MIB, Server, noise, uri, video};

/// Appends noise like a muxer, which writes the beginning again. Returns the most that the file took of
/// the disk.
async fn write(growing: &GrowingUpload, path: &Path, pieces: &[Vec<u8>]) -> u64 {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    let mut most = 0;
    for piece in pieces {
        growing.room().await;
        file.write_all(piece).unwrap();
        most = most.max(file.metadata().unwrap().blocks() * 512);
        tokio::task::yield_now().await;
    }
    file.write_all_at(b"begun", 0).unwrap();
    growing.end();
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_while_it_is_written_and_leaves_the_disk() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let (store, path) = (server.store(), work.path().join("output"));
    let same = noise(8 * MIB - 7, 1);
    let numbered = |number: u8| [&[number], &same[1..]].concat();
    let pieces: Vec<_> = (0..25).map(numbered).collect();
    let size = 25 * (8 * MIB as u64 - 7);
    let target = uri("grown.mkv");
    let growing = GrowingUpload::open(&store, &target, &path, &video(), size).await.unwrap();
    let (most, parts) = tokio::join!(write(&growing, &path, &pieces), growing.send());
    assert!(most <= growing.most_on_disk() + 9 * MIB as u64, "{most}");
    assert!(File::open(&path).unwrap().metadata().unwrap().blocks() * 512 < 2 * MIB as u64);
    let mut upload = growing.sent(parts.unwrap()).unwrap();
    // It can't be seen before it has appeared.
    let error = store.head(&target, None).await.unwrap_err();
    assert_eq!(*error.problem(), Problem::NoSuchKey);
    let stored = upload.appear(&Precondition::None).await.unwrap();
    assert_eq!(stored.size, size);
    let head = store.head(&target, None).await.unwrap();
    let copy = work.path().join("copy");
    fetch(&store, &target, &head, &copy).await.unwrap();
    let mut expected = pieces.concat();
    expected[..5].copy_from_slice(b"begun");
    assert!(std::fs::read(&copy).unwrap() == expected, "the copy differs");
    assert!(server.open_uploads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_file_is_one_part_and_one_that_is_given_up_leaves_nothing() {
    let (server, work) = (Server::start().await, TempDir::new().unwrap());
    let store = server.store();
    for (name, gives_up) in [("short.ts", false), ("dropped.ts", true)] {
        let (path, target) = (work.path().join(name), uri(name));
        let growing = GrowingUpload::open(&store, &target, &path, &video(), 10).await.unwrap();
        let pieces = [b"12345 and more".to_vec()];
        let (_, parts) = tokio::join!(write(&growing, &path, &pieces), growing.send());
        let parts = parts.unwrap();
        assert_eq!(parts.len(), 1);
        if gives_up {
            drop(growing);
            store.finish().await;
            store.head(&target, None).await.unwrap_err();
        } else {
            growing.sent(parts).unwrap().appear(&Precondition::None).await.unwrap();
            let (bytes, _) = store.get_small(&target).await.unwrap().unwrap();
            assert_eq!(&bytes[..], b"begun and more");
        }
    }
    assert!(server.open_uploads().is_empty());
}
