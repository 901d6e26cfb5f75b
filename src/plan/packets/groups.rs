//! The groups of pictures of a finished video that are decoded as a check: those at its ends and at
//! its seams.

use std::ops::Range;

use super::Packet;
use crate::clamped::clamped;
use crate::flicks::Flicks;

/// Packets that are decoded together, beginning with a key frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Their numbers in the file.
    pub packets: Range<usize>,
    /// Half a frame before the first packet's decoding time; `None` is the start of the file.
    pub start: Option<Flicks>,
    /// How many frames they show. Frames shown before the key frame don't count: they refer to
    /// frames outside the group.
    pub frames: u64,
}

/// The decoding and presentation times of a file's packets, in eight bytes each.
#[derive(Clone, Debug, Default)]
pub struct Times {
    first: Flicks,
    last: Flicks,
    /// For each packet, the distance from the previous decoding time, and from there to its
    /// presentation time.
    steps: Vec<(i32, i32)>,
    /// Whether any distance does not fit.
    overflow: bool,
}

/// A key frame, with what is known about the packets up to the next one.
#[derive(Clone, Copy, Debug)]
struct Key {
    packet: usize,
    decoded: Flicks,
    shown: Flicks,
    /// Decoding time of the previous packet.
    before: Option<Flicks>,
    /// Packets after the key frame that are shown before it.
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

    /// The key frames with these presentation times; `None` if the first of them is not the file's
    /// first packet.
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

/// The groups of pictures at the start, at the end, and on both sides of every seam, each once.
/// `key_frames` are some of the file's key frames, by presentation time. `None` if they don't match
/// the packets.
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
    // Index of the first key frame, and number of the packet after the last.
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
