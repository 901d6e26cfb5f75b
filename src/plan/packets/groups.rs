//! The groups of pictures of a finished video that are decoded: at its ends and at its seams.

use std::ops::Range;

use super::Packet;
use crate::clamped::clamped;
use crate::flicks::Flicks;

/// Packets of a file that are decoded together: they begin with a key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their numbers in the file.
    pub packets: Range<usize>,
    /// When the first is decoded, less half a frame; `None` is the start of the file.
    pub start: Option<Flicks>,
    /// How many frames they show. Those before the key frame refer to what is not there.
    pub frames: u64,
}

/// When the packets of a file are decoded and shown, in eight bytes each.
#[derive(Clone, Debug, Default)]
pub struct Times {
    first: Flicks,
    last: Flicks,
    /// How long after the packet before each is decoded, and how long after that it is shown.
    steps: Vec<(i32, i32)>,
    /// Whether some are too far apart.
    overflow: bool,
}

/// A key frame of a file, up to the next.
#[derive(Clone, Copy, Debug)]
struct Key {
    packet: usize,
    decoded: Flicks,
    shown: Flicks,
    /// When the packet before is decoded.
    before: Option<Flicks>,
    /// Packets behind it that are shown before it.
    leading: u64,
}

impl Times {
    /// Adds a packet.
    pub fn add(&mut self, packet: &Packet) {
        if self.steps.is_empty() {
            (self.first, self.last) = (packet.decoded, packet.decoded);
        }
        let steps = [packet.decoded - self.last, packet.shown - packet.decoded];
        let [step, held] = steps.map(|step| i32::try_from(step.count()));
        self.last = packet.decoded;
        match (step, held) {
            (Ok(step), Ok(held)) => self.steps.push((step, held)),
            _ => self.overflow = true,
        }
    }

    fn each(&self) -> impl Iterator<Item = (Flicks, Flicks)> {
        self.steps.iter().scan(self.first, |decoded, &(step, held)| {
            *decoded += Flicks::new(step.into());
            Some((*decoded, *decoded + Flicks::new(held.into())))
        })
    }

    /// The packets that are shown at these times, of which the first is the file's.
    fn keys(&self, times: &[Flicks]) -> Option<Vec<Key>> {
        let mut due = times.iter().copied().peekable();
        let mut keys: Vec<Key> = Vec::with_capacity(times.len());
        let mut before = None;
        for (packet, (decoded, shown)) in self.each().enumerate() {
            if due.next_if_eq(&shown).is_some() {
                keys.push(Key { packet, decoded, shown, before, leading: 0 });
            } else if keys.last()?.shown > shown {
                keys.last_mut()?.leading += 1;
            }
            before = Some(decoded);
        }
        (!self.overflow && due.peek().is_none()).then_some(keys)
    }
}

/// The groups of pictures at the start, at the end, and on both sides of every seam, none twice.
/// `key_frames` are some of the file's, by time. Nothing where they don't fit the packets.
#[must_use]
pub fn groups(found: &Times, key_frames: &[Flicks], seams: &[u64]) -> Option<Vec<Group>> {
    let keys = found.keys(key_frames)?;
    let count = found.steps.len();
    let last_before = |at: usize| keys.partition_point(|key| key.packet < at).saturating_sub(1);
    let after = |at: usize| {
        let next = keys.get(keys.partition_point(|key| key.packet <= at));
        next.map_or(count, |key| key.packet)
    };
    let seams = seams.iter().map(|&seam| clamped::<usize>(seam).min(count));
    // Each from a key frame on, up to a packet.
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (key, end) in std::iter::once((0, after(0)))
        .chain(seams.map(|seam| (last_before(seam), after(seam))))
        .chain([(last_before(count), count)])
    {
        match groups.last_mut() {
            Some(last) if keys.get(key)?.packet <= last.1 => last.1 = last.1.max(end),
            _ => groups.push((key, end)),
        }
    }
    groups.into_iter().map(|(key, end)| Some(keys.get(key)?.group(end))).collect()
}

impl Key {
    fn group(&self, end: usize) -> Group {
        let packets = self.packet..end;
        let start = self.before.map(|before| {
            let step = self.decoded - before;
            self.decoded - Flicks::new(step.count() / 2)
        });
        let frames = (packets.len() as u64).saturating_sub(self.leading);
        Group { packets, start, frames }
    }
}
