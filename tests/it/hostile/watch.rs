//! A folder in which every opening of a file is detected.

use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

pub(super) struct Watch(OwnedFd);

impl Watch {
    pub(super) fn new(folder: &Path) -> Self {
        let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        add_watch(&watch, folder, WatchFlags::OPEN).unwrap();
        Self(watch)
    }

    /// The names of what was opened since the last look.
    pub(super) fn opened(&self) -> Vec<String> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(&self.0, &mut buffer);
        let mut opened = Vec::new();
        loop {
            match events.next() {
                Ok(event) => opened.push(
                    event
                        .file_name()
                        .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                ),
                Err(Errno::AGAIN) => return opened,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
