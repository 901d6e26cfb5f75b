//! Whether a file holds what was encoded, packet by packet.

use std::collections::VecDeque;

use super::{Packet, PacketError, compare_count};
use crate::codec::Container;
use crate::flicks::Flicks;

/// Blocks of audio by which a file may begin earlier than its encoder: what a player skips.
const MOST_SKIPPED: usize = 3;
/// Containers that write milliseconds round every time stamp to them, as may be done twice.
const MOST_OFF_MS: u64 = 2;

/// Whether a file's video is exactly what was encoded.
#[derive(Debug)]
pub struct VideoComparison<E> {
    encoded: E,
    /// These only count packets, in the order of decoding.
    counts: bool,
    /// How many the file has.
    found: usize,
    /// How many the encoder gave.
    given: usize,
    /// When the first is shown: by the encoder, and in the file.
    first: Option<(Flicks, Flicks)>,
    difference: Option<PacketError>,
}

impl<E: Iterator<Item = Packet>> VideoComparison<E> {
    /// With what the encoder gave.
    pub fn new(container: Container, encoded: E) -> Self {
        let counts = matches!(container, Container::Avi | Container::Asf | Container::Mxf);
        Self { encoded, counts, found: 0, given: 0, first: None, difference: None }
    }

    /// The file has this packet.
    pub fn found(&mut self, found: Packet) {
        let packet = self.found;
        self.found += 1;
        let Some(encoded) = self.encoded.next() else { return };
        self.given += 1;
        if self.difference.is_some() {
            return;
        }
        let time = |packet: Packet| if self.counts { packet.decoded } else { packet.shown };
        let (encoded_time, found_time) = (time(encoded), time(found));
        let first = *self.first.get_or_insert((encoded_time, found_time));
        if encoded.hash != found.hash {
            self.difference = Some(PacketError::Content { stream: "video", packet });
            return;
        }
        let (encoded, found) = (encoded_time - first.0, found_time - first.1);
        let off = Flicks::from_millis(MOST_OFF_MS);
        if !(encoded - off..=encoded + off).contains(&found) {
            let (found_ms, encoded_ms) = (found.to_millis(), encoded.to_millis());
            self.difference = Some(PacketError::Time { packet, found_ms, encoded_ms });
        }
    }

    /// What was found of all, and what gave the encoder's.
    pub fn end(mut self) -> (Result<(), PacketError>, E) {
        let given = self.given + self.encoded.by_ref().count();
        let compared = compare_count("video", self.found, given);
        (compared.and_then(|()| self.difference.map_or(Ok(()), Err)), self.encoded)
    }
}

/// Whether a file's audio decodes to exactly what was encoded. The encoder's first and last frame
/// are cut where the audio begins and ends, or left out where it is nothing but padding; a file may
/// show all of them, and what a player skips.
#[derive(Debug)]
pub struct AudioComparison<E> {
    encoded: E,
    /// The next that the encoder gave.
    next: Option<Packet>,
    /// How many the file has.
    found: usize,
    /// How many the encoder gave.
    given: usize,
    /// The last ones of these, each with whether it is the first or the last.
    last: VecDeque<(Packet, bool)>,
    /// Where the file differs first, by how many of its blocks are skipped.
    differs: [Option<usize>; MOST_SKIPPED + 1],
}

impl<E: Iterator<Item = Packet>> AudioComparison<E> {
    /// With what the encoder gave.
    pub fn new(mut encoded: E) -> Self {
        let next = encoded.next();
        Self { encoded, next, found: 0, given: 0, last: VecDeque::new(), differs: [None; 4] }
    }

    /// The file has this block.
    pub fn found(&mut self, found: Packet) {
        let packet = self.found;
        self.found += 1;
        if let Some(encoded) = self.next {
            self.next = self.encoded.next();
            let is_end = self.given == 0 || self.next.is_none();
            self.given += 1;
            self.last.push_back((encoded, is_end));
        }
        // The first of those that are kept.
        let kept = self.given - self.last.len();
        for (skipped, differs) in self.differs.iter_mut().enumerate() {
            let place = packet.checked_sub(skipped).and_then(|place| place.checked_sub(kept));
            let Some((encoded, is_end)) = place.and_then(|place| self.last.get(place)) else {
                continue;
            };
            let same = encoded.hash == found.hash || *is_end && encoded.size < found.size;
            if !same {
                differs.get_or_insert(packet);
            }
        }
        if self.last.len() > MOST_SKIPPED {
            self.last.pop_front();
        }
    }

    /// What was found of all, and what gave the encoder's.
    pub fn end(mut self) -> (Result<(), PacketError>, E) {
        let left = self.next.iter().count() + self.encoded.by_ref().count();
        let given = self.given + left;
        let more = self.found.checked_sub(given).filter(|&more| more <= MOST_SKIPPED);
        let compared = match more {
            None => compare_count("audio", self.found, given),
            // Where the first one is, most of them fit.
            Some(more) => {
                let differs = self.differs[..=more].iter().rev().copied();
                let first = differs.max_by_key(|at| at.unwrap_or(usize::MAX)).flatten();
                first.map_or(Ok(()), |packet| Err(PacketError::Content { stream: "audio", packet }))
            }
        };
        (compared, self.encoded)
    }
}
