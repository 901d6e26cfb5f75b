//! Transport and program streams: another part begins where the clock restarts.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::Walk;
use super::stamps::Step;
use crate::media::Demuxer;

/// Bytes of the header of a packet of an elementary stream, up to the end of its timestamps.
const HEADER: usize = 19;
/// Clock ticks per second.
pub(super) const SECOND: u64 = 90_000;
/// A longer step forward is a jump; ffmpeg uses the same limit.
pub(super) const LONGEST_STEP: u64 = 10 * SECOND;
/// A longer step back is a jump; inexact writers go back by less.
const LONGEST_BACK: u64 = SECOND / 10;
/// If a file has several clocks, each has occurred within this time.
const ACQUAINTED: u64 = SECOND / 2;
/// Clocks have 33 bits.
pub(super) const WRAP: u64 = 1 << 33;

/// Distance of the packets, and offset of the sync byte in each.
const LAYOUTS: [(usize, usize); 3] = [(188, 0), (192, 4), (204, 0)];
const SYNC: u8 = 0x47;
/// How many packets must be in sync to determine the layout.
const SYNCED: usize = 3;
/// Bytes that are searched at once for the next packet if sync was lost.
const LOST: usize = 64 * 1024;
/// The identifier of the programme association table, with which a stream begins.
const PROGRAMMES: u16 = 0;
/// Lower identifiers belong to tables.
const FIRST_FREE: u16 = 0x20;
/// The identifier of null packets.
const NOTHING: u16 = 0x1fff;

/// The start code of a pack.
const PACK: [u8; 4] = [0, 0, 1, 0xba];

/// The clocks of a transport stream, and the place of its tables.
#[derive(Default)]
struct Clocks {
    /// The last time of each identifier.
    times: BTreeMap<u16, u64>,
    /// The first and the last time of any identifier.
    span: Option<(u64, u64)>,
    /// Start of the tables that were repeated after the last time.
    tables: Option<u64>,
    /// Start of the tables that the walk is in.
    run: Option<u64>,
    /// A time that jumped, which may be damaged: the next one shows it.
    odd: Option<Odd>,
    /// Start of the tables before the first timestamp after the last time that is earlier than
    /// those of its stream before: another stream may begin there, and its clock later.
    restart: Option<u64>,
    /// The last continuity counter of each identifier.
    counters: BTreeMap<u16, u8>,
    /// Whether packets are missing after the last time, or another stream begins.
    is_broken: bool,
}

/// A time after a jump.
struct Odd {
    identifier: u16,
    /// The time before it, of the same identifier if that has one.
    last: u64,
    time: u64,
    /// Where another stream begins if the clock goes on from it, and tables preceded it.
    begin: Option<u64>,
}

impl Clocks {
    /// Adds a packet; returns the start of another stream if the packet shows that one has begun.
    fn packet(&mut self, packet: &[u8], at: u64) -> Option<u64> {
        let identifier = identifier(packet);
        self.count(identifier, packet);
        if identifier < FIRST_FREE || identifier == NOTHING {
            let run = *self.run.get_or_insert(at);
            if identifier == PROGRAMMES {
                self.tables = Some(run);
            }
            return None;
        }
        self.run = None;
        let time = time(packet)?;
        let (tables, restart) = (self.tables.take(), self.restart.take());
        let tables = restart.or(tables);
        self.is_broken = false;
        let odd = self.odd.take_if(|odd| odd.identifier == identifier);
        let goes_on = odd.as_ref().is_some_and(|odd| odd.goes_on_at(time));
        let begin = odd.map_or(tables, |odd| odd.begin);
        if !goes_on && let Some(last) = self.jumped_from(identifier, time) {
            self.odd = Some(Odd { identifier, last, time, begin });
            return None;
        }
        let begin = begin.filter(|_| goes_on);
        if begin.is_some() {
            *self = Self::default();
        }
        self.times.insert(identifier, time);
        self.span = Some((self.span.map_or(time, |span| span.0), time));
        begin
    }

    /// Notes whether the packet follows the previous one of its stream.
    fn count(&mut self, identifier: u16, packet: &[u8]) {
        let has_payload = packet[3] & 0x10 != 0;
        if !has_payload || identifier == NOTHING {
            return;
        }
        let counter = packet[3] & 0x0f;
        if let Some(last) = self.counters.insert(identifier, counter) {
            // A packet may be sent twice.
            self.is_broken |= counter != last && counter != (last + 1) & 0x0f;
        }
    }

    /// Adds how the timestamp of a packet of an elementary stream follows the earlier ones. Returns
    /// the start of another stream if this shows that one has begun, whose clock may not jump.
    fn stamp(&mut self, step: Step) -> Option<u64> {
        match step {
            Step::On => None,
            Step::Back => {
                self.restart = self.restart.or(self.tables);
                None
            }
            Step::Restart => {
                let begin = self.restart.filter(|_| self.is_broken);
                if begin.is_some() {
                    *self = Self::default();
                }
                begin
            }
        }
    }

    /// The last time of any identifier.
    fn last(&self) -> Option<u64> {
        self.span.map(|span| span.1)
    }

    /// The time before a jump to this one.
    fn jumped_from(&self, identifier: u16, time: u64) -> Option<u64> {
        let last = match (self.times.get(&identifier), self.span) {
            (Some(&last), _) => Some(last),
            (None, Some((first, last))) if last.wrapping_sub(first) % WRAP > ACQUAINTED => {
                Some(last)
            }
            _ => None,
        };
        last.filter(|&last| jumps(last, time))
    }
}

impl Odd {
    /// Whether the clock goes on from here, and not from where it was before.
    fn goes_on_at(&self, time: u64) -> bool {
        let is_behind = self.last.wrapping_sub(time) % WRAP < WRAP / 2;
        !jumps(self.time, time) && (is_behind || jumps(self.last, time))
    }
}

fn identifier(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// Where a packet of an elementary stream begins within this packet, if one does.
fn payload(packet: &[u8]) -> Option<usize> {
    let start = match packet[3] & 0xf0 {
        0x10 => 4,
        0x30 => 5 + usize::from(packet[4]),
        _ => return None,
    };
    Some(start).filter(|&start| packet[1] & 0x40 != 0 && start < 188)
}

/// The packet's clock reference, if it has one.
fn time(packet: &[u8]) -> Option<u64> {
    let has_fields = packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0;
    let bytes: [u8; 5] = packet[6..11].try_into().expect("the range has five bytes");
    has_fields.then(|| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) >> 7)
}

pub(super) fn jumps(last: u64, time: u64) -> bool {
    let (on, back) = (time.wrapping_sub(last) % WRAP, last.wrapping_sub(time) % WRAP);
    on.min(back) == back && back > LONGEST_BACK || on < back && on > LONGEST_STEP
}

impl Walk {
    pub(super) fn transport_stream(&mut self) -> io::Result<()> {
        let mut layout = None;
        let mut clocks = Clocks::default();
        let mut packet = [0; 204];
        loop {
            let here = match layout {
                Some(known) if self.is_synced(known)? => Some(known),
                Some(_) if self.another_begins(Demuxer::MpegTs)? => return Ok(()),
                before => match self.synchronise()? {
                    found @ Some(_) if before.is_some() && before != found => {
                        self.begin();
                        clocks = Clocks::default();
                        found
                    }
                    found => found,
                },
            };
            let Some((distance, offset)) = here else { return self.go_to_end() };
            if self.length - self.at < distance as u64 {
                return self.go_to_end();
            }
            self.file.read_exact(&mut packet[..distance])?;
            if let Some(begin) = clocks.packet(&packet[offset..], self.at) {
                self.begin_at(begin);
            }
            if let Some(start) = payload(&packet[offset..]) {
                let start = offset + start;
                let header = &packet[start..distance.min(offset + 188)];
                let (identifier, at) = (identifier(&packet[offset..]), self.at + start as u64);
                let step = self.stamps.packet(identifier, header, at, clocks.last());
                if let Some(begin) = clocks.stamp(step) {
                    self.begin_at(begin);
                }
            }
            self.at += distance as u64;
            layout = here;
        }
    }

    fn is_synced(&mut self, (_, offset): (usize, usize)) -> io::Result<bool> {
        Ok(self.peek::<5>()?.is_some_and(|head| head[offset] == SYNC))
    }

    /// Goes on to the next packet that is in sync, and returns the layout.
    fn synchronise(&mut self) -> io::Result<Option<(usize, usize)>> {
        loop {
            let mut window = Vec::with_capacity(LOST);
            self.file.by_ref().take(LOST as u64).read_to_end(&mut window)?;
            let synced = |at: usize, (distance, offset): (usize, usize)| {
                let packets = (0..SYNCED).map(|packet| at + offset + packet * distance);
                packets.into_iter().all(|at| window.get(at) == Some(&SYNC))
            };
            let layout = |at| LAYOUTS.into_iter().find(|&layout| synced(at, layout));
            let found = (0..window.len()).find_map(|at| layout(at).map(|layout| (at, layout)));
            if let Some((at, layout)) = found {
                self.go_to(self.at + at as u64)?;
                return Ok(Some(layout));
            }
            if window.len() < LOST {
                return Ok(None);
            }
            // Packets may begin at the end of the bytes that were searched.
            self.go_to(self.at + (LOST - SYNCED * 204) as u64)?;
        }
    }

    pub(super) fn program_stream(&mut self) -> io::Result<()> {
        let (mut last, mut odd) = (None, None);
        while let Some(head) = self.peek::<14>()? {
            let size = if head.starts_with(&PACK) {
                let (time, size) = pack(&head);
                let gone_on = odd.take().filter(|odd: &Odd| odd.goes_on_at(time));
                let jumped_from = last.filter(|&last| gone_on.is_none() && jumps(last, time));
                if let Some(begin) = gone_on.and_then(|odd| odd.begin) {
                    self.begin_at(begin);
                }
                match jumped_from {
                    Some(last) => {
                        odd = Some(Odd { identifier: 0, last, time, begin: Some(self.at) });
                    }
                    None => last = Some(time),
                }
                size
            } else if head.starts_with(&[0, 0, 1, 0xb9]) {
                4
            } else if head.starts_with(&[0, 0, 1]) && head[3] > 0xba {
                if let Some(header) = self.peek::<HEADER>()? {
                    self.stamps.packet(u16::from(head[3]), &header, self.at, last);
                }
                u64::from(u16::from_be_bytes([head[4], head[5]])) + 6
            } else if self.another_begins(Demuxer::MpegPs)? {
                return Ok(());
            } else {
                self.next_pack()?;
                continue;
            };
            if !self.skip(size)? {
                break;
            }
        }
        self.go_to_end()
    }

    /// Goes on to the next pack.
    fn next_pack(&mut self) -> io::Result<()> {
        let mut window = Vec::with_capacity(LOST);
        self.file.by_ref().take(LOST as u64).read_to_end(&mut window)?;
        let place = window.windows(PACK.len()).position(|four| four == PACK);
        let passed = match place {
            Some(place) => place,
            None if window.len() < LOST => window.len(),
            None => LOST - PACK.len(),
        };
        self.go_to(self.at + passed as u64)
    }
}

/// The time of a pack, and the length of its header, ISO/IEC 13818-1 table 2-39 and ISO/IEC
/// 11172-1.
fn pack(head: &[u8; 14]) -> (u64, u64) {
    let bits = head[4..9].iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    // Three, fifteen and fifteen bits, each followed by a one.
    let time = |bits: u64| (bits >> 32 & 7) << 30 | (bits >> 16 & 0x7fff) << 15 | bits & 0x7fff;
    if head[4] & 0xc0 == 0x40 {
        (time(bits >> 3), 14 + u64::from(head[13] & 7))
    } else {
        (time(bits >> 1), 12)
    }
}
