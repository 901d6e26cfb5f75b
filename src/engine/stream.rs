//! The stream of encoded frames, from the processes that render chunks to the one that joins them.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::mpsc::Receiver;

use super::fragments::Fragments;
use crate::plan::Intermediate;

/// The way from the chunks to the process that joins them.
pub(super) struct Stream {
    fragments: Option<Fragments>,
    reader: Result<ChildStdin, Receiver<ChildStdin>>,
}

impl Stream {
    pub(super) fn new(intermediate: Intermediate, stdin: Receiver<ChildStdin>) -> Self {
        let continued = intermediate.can_be_continued();
        Self { fragments: continued.then(Fragments::default), reader: Err(stdin) }
    }

    /// Hands on what a chunk's process wrote.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(started) = &self.reader {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            self.reader = Ok(started.recv().map_err(gone)?);
        }
        let Ok(reader) = &mut self.reader else { return Ok(()) };
        match &mut self.fragments {
            Some(fragments) => fragments.push(bytes, &mut |bytes| reader.write_all(bytes)),
            None => reader.write_all(bytes),
        }
    }

    /// A chunk's process has ended.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.fragments.as_mut().map_or(Ok(()), Fragments::end)
    }
}
