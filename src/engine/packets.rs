//! Reads ffmpeg's lists of packets.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ffmpeg::{Ffmpeg, RunError};
use crate::plan::{Packet, PacketLines, PacketList};

/// Iterates over the packets of a list in a file.
#[derive(Debug)]
pub(super) struct PacketFile {
    lines: Lines<BufReader<File>>,
    form: PacketLines,
    error: Option<io::Error>,
}

impl PacketFile {
    pub(super) fn open(listing: &Path) -> io::Result<Self> {
        let lines = BufReader::new(File::open(listing)?).lines();
        Ok(Self { lines, form: PacketLines::default(), error: None })
    }

    /// Fails if a packet could not be read so far.
    pub(super) fn check(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }
}

impl Iterator for PacketFile {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        loop {
            match self.lines.next()? {
                Ok(line) => {
                    if let Some(packet) = self.form.packet(&line) {
                        return Some(packet);
                    }
                }
                Err(error) => {
                    self.error = Some(error);
                    return None;
                }
            }
        }
    }
}

/// Reads a whole list from a file.
pub(super) fn read(listing: &Path) -> io::Result<PacketList> {
    let mut list = PacketList::default();
    for line in BufReader::new(File::open(listing)?).lines() {
        list.line(&line?);
    }
    Ok(list)
}

/// Runs a process that writes a list to its standard output. Returns the list and the log.
pub(super) async fn list(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<(PacketList, String), RunError> {
    gather(ffmpeg, arguments, PacketList::default(), PacketList::line).await
}

/// Runs a process that writes a list to its standard output, and passes each packet to `look`.
/// Returns the state that `look` changed, and the log.
pub(super) async fn each<L: Send + 'static>(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
    looking: L,
    mut look: impl FnMut(&mut L, Packet) + Send + 'static,
) -> Result<(L, String), RunError> {
    let looking = (looking, PacketLines::default());
    let on_line = move |(looking, form): &mut (L, PacketLines), line: &str| {
        if let Some(packet) = form.packet(line) {
            look(looking, packet);
        }
    };
    let ((looking, _), log) = gather(ffmpeg, arguments, looking, on_line).await?;
    Ok((looking, log))
}

/// Runs a process that writes a list to its standard output, and passes each line to a function
/// together with `gathered`. Returns `gathered` and the log.
async fn gather<G: Send + 'static>(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
    gathered: G,
    mut take: impl FnMut(&mut G, &str) + Send + 'static,
) -> Result<(G, String), RunError> {
    let gathered = Arc::new(Mutex::new(gathered));
    let shared = Arc::clone(&gathered);
    let log = ffmpeg.list(arguments, move |line: &str| take(&mut shared.lock(), line)).await?;
    let gathered = Arc::into_inner(gathered).ok_or_else(|| RunError::Stream {
        program: "ffmpeg".to_owned(),
        source: io::Error::other("the packet reader did not end"),
    })?;
    Ok((gathered.into_inner(), log))
}
