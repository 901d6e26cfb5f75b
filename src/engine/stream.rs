//! The stream of encoded frames, from the processes that render chunks to its destination.

use std::io::{self, Write};
use std::process::ChildStdin;
use std::sync::mpsc::Receiver;

use super::fragments::Fragments;
use crate::plan::Intermediate;

/// Passes the chunks' output on.
pub(super) struct Stream {
    fragments: Option<Fragments>,
    sink: Sink,
}

/// The destination.
pub(super) enum Sink {
    /// The standard input of a process that is about to start.
    Waiting(Receiver<ChildStdin>),
    /// An open file or pipe.
    Open(Box<dyn Write + Send>),
}

impl Stream {
    pub(super) fn new(intermediate: Intermediate, sink: Sink) -> Self {
        let continued = intermediate.can_be_continued();
        Self { fragments: continued.then(Fragments::default), sink }
    }

    /// The same with a header that replaces those of all chunks, if there is one.
    pub(super) fn with_header(self, header: Option<Vec<u8>>) -> Self {
        let Some(header) = header else { return self };
        Self { fragments: self.fragments.map(|_| Fragments::with_header(header)), ..self }
    }

    /// Passes on bytes of the current chunk.
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

    /// Ends the current chunk.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.fragments.as_mut().map_or(Ok(()), Fragments::end)
    }
}
