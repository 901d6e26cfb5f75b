//! The stream of encoded frames, from the processes that render chunks to what takes them.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::mpsc::Receiver;

use super::fragments::Fragments;
use crate::plan::Intermediate;

/// The way from the chunks to what takes them.
pub(super) struct Stream {
    fragments: Option<Fragments>,
    sink: Sink,
}

/// What takes the chunks.
pub(super) enum Sink {
    /// A process that is about to start.
    Waiting(Receiver<ChildStdin>),
    /// What can be written to.
    Open(Box<dyn Write + Send>),
}

impl Stream {
    pub(super) fn new(intermediate: Intermediate, sink: Sink) -> Self {
        let continued = intermediate.can_be_continued();
        Self { fragments: continued.then(Fragments::default), sink }
    }

    /// The same with a header that stands for those of all chunks, where there is one.
    pub(super) fn with_header(self, header: Option<Vec<u8>>) -> Self {
        let Some(header) = header else { return self };
        Self { fragments: self.fragments.map(|_| Fragments::with_header(header)), ..self }
    }

    /// Hands on what a chunk's process wrote.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Sink::Waiting(started) = &self.sink {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            self.sink = Sink::Open(Box::new(started.recv().map_err(gone)?));
        }
        let Sink::Open(sink) = &mut self.sink else { return Ok(()) };
        match &mut self.fragments {
            Some(fragments) => fragments.push(bytes, &mut |bytes| sink.write_all(bytes)),
            None => sink.write_all(bytes),
        }
    }

    /// A chunk's process has ended.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.fragments.as_mut().map_or(Ok(()), Fragments::end)
    }
}
