//! Compares a file with what was encoded, packet by packet.

use std::collections::VecDeque;

use super::{Packet, PacketError, compare_count};
use crate::codec::Container;
use crate::flicks::Flicks;

/// How many blocks of audio a file may have before the encoder's first: samples that a player
/// skips.
const MOST_SKIPPED: usize = 3;
/// Containers with millisecond timestamps round each of them, perhaps twice.
const MOST_OFF_MS: u64 = 2;

/// Compares a file's video with what was encoded.
#[derive(Debug)]
pub struct VideoComparison<E> {
    encoded: E,
    /// Whether the container stores no timestamps: packets are only counted, in decoding order.
    counts: bool,
    /// Number of packets in the file so far.
    found: usize,
    /// Number of packets from the encoder so far.
    given: usize,
    /// Presentation time of the first packet: from the encoder, and in the file.
    first: Option<(Flicks, Flicks)>,
    difference: Option<PacketError>,
}

impl<E: Iterator<Item = Packet>> VideoComparison<E> {
    /// Compares with `encoded`, the encoder's packets.
    pub fn new(container: Container, encoded: E) -> Self {
        let counts = matches!(container, Container::Avi | Container::Asf | Container::Mxf);
        Self { encoded, counts, found: 0, given: 0, first: None, difference: None }
    }

    /// Adds the file's next packet.
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

    /// The result, and the encoder's packets for further use.
    pub fn end(mut self) -> (Result<(), PacketError>, E) {
        let given = self.given + self.encoded.by_ref().count();
        let compared = compare_count("video", self.found, given);
        (compared.and_then(|()| self.difference.map_or(Ok(()), Err)), self.encoded)
    }
}

/// Compares a file's decoded audio with what was encoded. The encoder's first and last frames are
/// cut where the audio begins and ends, or left out if they are only padding; a file may contain
/// them whole, and also the samples that a player skips.
#[derive(Debug)]
pub struct AudioComparison<E> {
    encoded: E,
    /// The encoder's next block.
    next: Option<Packet>,
    /// Number of blocks in the file so far.
    found: usize,
    /// Number of blocks from the encoder so far.
    given: usize,
    /// The encoder's last few blocks; `true` marks the very first and the very last.
    last: VecDeque<(Packet, bool)>,
    /// For each possible number of skipped blocks, the first block that differs.
    differs: [Option<usize>; MOST_SKIPPED + 1],
}

impl<E: Iterator<Item = Packet>> AudioComparison<E> {
    /// Compares with `encoded`, the encoder's blocks.
    pub fn new(mut encoded: E) -> Self {
        let next = encoded.next();
        Self { encoded, next, found: 0, given: 0, last: VecDeque::new(), differs: [None; 4] }
    }

    /// Adds the file's next block.
    pub fn found(&mut self, found: Packet) {
        let packet = self.found;
        self.found += 1;
        if let Some(encoded) = self.next {
            self.next = self.encoded.next();
            let is_end = self.given == 0 || self.next.is_none();
            self.given += 1;
            self.last.push_back((encoded, is_end));
        }
        // Number of the first block in `last`.
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

    /// The result, and the encoder's blocks for further use.
    pub fn end(mut self) -> (Result<(), PacketError>, E) {
        let left = self.next.iter().count() + self.encoded.by_ref().count();
        let given = self.given + left;
        let more = self.found.checked_sub(given).filter(|&more| more <= MOST_SKIPPED);
        let compared = match more {
            None => compare_count("audio", self.found, given),
            // Of all possible alignments, reports the one that matches longest.
            Some(more) => {
                let differs = self.differs[..=more].iter().rev().copied();
                let first = differs.max_by_key(|at| at.unwrap_or(usize::MAX)).flatten();
                first.map_or(Ok(()), |packet| Err(PacketError::Content { stream: "audio", packet }))
            }
        };
        (compared, self.encoded)
    }
}
