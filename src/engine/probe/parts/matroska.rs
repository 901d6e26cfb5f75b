//! Matroska: another file begins with its header. Damaged times of clusters and blocks are replaced,
//! since a reader would lose what follows them, or repeat a frame until they are over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use super::Walk;
use super::stamps::{Fix, MOST, MOST_ODD};
use crate::clamped::clamped;

const HEADER: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const SCALE: u64 = 0x002a_d7b1;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK: u64 = 0xae;
const TRACK_NUMBER: u64 = 0xd7;
const TRACK_KIND: u64 = 0x83;
const AUDIO: u64 = 2;
const CLUSTER: u64 = 0x1f43_b675;
const TIME: u64 = 0xe7;
const SIMPLE_BLOCK: u64 = 0xa3;
const GROUP: u64 = 0xa0;
const BLOCK: u64 = 0xa1;

/// Nanoseconds of a unit of time, where a file does not say it.
const USUAL_SCALE: u64 = 1_000_000;
/// By how much, in nanoseconds, audio and clusters may be out of order.
const OUT_OF_ORDER: u64 = 1_000_000_000;
/// By how much, in nanoseconds, a frame may be shown before or after its cluster: frames are stored
/// in the order in which they are decoded.
const SHOWN_APART: u64 = 10_000_000_000;

/// By how many frames the order of decoding may differ from that of presentation.
const MOST_REORDERED: i64 = 17;

/// The times of the clusters and blocks of a file.
#[derive(Default)]
pub(super) struct Blocks {
    /// Nanoseconds of a unit of time; 0 if unknown.
    scale: u64,
    /// The number and the kind of the track that is being described.
    track: (Option<u64>, Option<u64>),
    audio: BTreeSet<u8>,
    /// The time and the length of the cluster before the last one.
    before: Option<(i64, i64)>,
    /// The last cluster, which the time of the next one can show to be damaged.
    cluster: Option<Cluster>,
    /// Of each audio track, the time before the last block, and the last block.
    heard: BTreeMap<u8, (Option<i64>, Block)>,
    fixes: Vec<Fix>,
}

struct Cluster {
    time: i64,
    /// Where the time is, and its number of bytes.
    at: u64,
    size: usize,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    track: u8,
    /// Where its time is, which is relative to that of its cluster.
    at: u64,
    own: i16,
    cluster: i64,
}

impl Block {
    fn time(self) -> i64 {
        self.cluster.saturating_add(i64::from(self.own))
    }
}

impl Blocks {
    /// Another file begins.
    fn begin(&mut self) {
        self.next_cluster(None);
        let fixes = std::mem::take(&mut self.fixes);
        *self = Self { fixes, ..Self::default() };
    }

    fn describe(&mut self, id: u64, value: u64) {
        match id {
            SCALE => self.scale = value,
            TRACK_NUMBER => self.track.0 = Some(value),
            _ => self.track.1 = Some(value),
        }
        if let (Some(number), Some(AUDIO)) = self.track
            && let Ok(number) = u8::try_from(number)
        {
            self.audio.insert(number);
        }
    }

    /// A cluster begins with its time, which has `size` bytes at `at`.
    fn cluster(&mut self, time: u64, at: u64, size: usize) {
        let Ok(time) = i64::try_from(time) else { return };
        self.next_cluster(Some(time));
        self.cluster = Some(Cluster { time, at, size, blocks: Vec::new() });
    }

    fn block(&mut self, track: u8, at: u64, own: i16) {
        if let Some(cluster) = &mut self.cluster
            && cluster.blocks.len() < MOST
        {
            cluster.blocks.push(Block { track, at, own, cluster: cluster.time });
        }
    }

    /// What has to be written over damaged times.
    pub(super) fn damaged(mut self) -> Vec<Fix> {
        self.next_cluster(None);
        self.fixes.sort_by_key(|fix| fix.at);
        self.fixes
    }

    /// Checks the last cluster, now that the time of the next one is known.
    fn next_cluster(&mut self, next: Option<i64>) {
        let Some(mut cluster) = self.cluster.take() else { return };
        if let (Some((before, _)), Some(next)) = (self.before, next) {
            self.check_cluster(&mut cluster, before, next);
        }
        let usual = self.before.map_or(0, |(_, length)| length);
        let length = next.map_or(usual, |next| next.saturating_sub(cluster.time).max(0));
        self.before = Some((cluster.time, length));
        let blocks = cluster.blocks.iter().map(|block| Block { cluster: cluster.time, ..*block });
        let (heard, seen): (Vec<_>, Vec<_>) =
            blocks.partition(|block| self.audio.contains(&block.track));
        for block in heard {
            self.check_audio(block);
        }
        self.check_video(&seen, cluster.time, length);
    }

    /// A cluster that is not between its neighbours ends where the next one begins.
    fn check_cluster(&mut self, cluster: &mut Cluster, before: i64, next: i64) {
        let Some(first) = cluster.blocks.first() else { return };
        let owns = cluster.blocks.iter().filter(|block| block.track == first.track);
        let owns: Vec<i64> = owns.map(|block| i64::from(block.own)).collect();
        // Its own time is that of its first frame, which may be shown after later ones.
        let leeway = match step(&owns) {
            0 => self.units(SHOWN_APART),
            step => self.units(OUT_OF_ORDER).max(step * MOST_REORDERED),
        };
        let is_early = cluster.time < before.saturating_sub(leeway);
        let is_late = cluster.time > next.saturating_add(leeway);
        if before > next || !is_early && !is_late {
            return;
        }
        let last = owns.iter().max().map_or(0, |last| last + step(&owns));
        let time = next.saturating_sub(last).max(before);
        let bytes = time.to_be_bytes();
        let (zeros, own) = bytes.split_at(bytes.len() - cluster.size);
        if zeros.iter().all(|byte| *byte == 0) {
            self.fix(cluster.at, own.to_vec());
            cluster.time = time;
        }
    }

    /// Audio is stored in the order of its time.
    fn check_audio(&mut self, next: Block) {
        let leeway = self.units(OUT_OF_ORDER);
        let Some(&(before, last)) = self.heard.get(&next.track) else {
            self.heard.insert(next.track, (None, next));
            return;
        };
        let mut time = last.time();
        if let Some(before) = before.filter(|before| *before <= next.time())
            && (time > next.time().saturating_add(leeway) || time < before.saturating_sub(leeway))
        {
            time = between(before, next.time());
            self.move_block(last, time);
        }
        self.heard.insert(next.track, (Some(time), next));
    }

    /// A frame that is far from its cluster belongs between its neighbours.
    fn check_video(&mut self, blocks: &[Block], time: i64, length: i64) {
        let owns: Vec<i64> = blocks.iter().map(|block| i64::from(block.own)).collect();
        let leeway = self.units(SHOWN_APART).max(step(&owns) * MOST_REORDERED);
        let leeway = leeway.saturating_add(length);
        let all = time.saturating_sub(leeway)..=time.saturating_add(length).saturating_add(leeway);
        let far = || blocks.iter().enumerate().filter(|(_, block)| !all.contains(&block.time()));
        if far().count() > MOST_ODD {
            return;
        }
        for (index, block) in far() {
            let is_near =
                |other: &&Block| other.track == block.track && all.contains(&other.time());
            let before = blocks[..index].iter().rev().find(is_near).map(|block| block.time());
            let next = blocks[index..].iter().find(is_near).map(|block| block.time());
            let (before, next) = (before.or(next), next.or(before));
            let (before, next) = (before.unwrap_or(time), next.unwrap_or(time));
            self.move_block(*block, between(before, next));
        }
    }

    fn move_block(&mut self, block: Block, time: i64) {
        if let Ok(own) = i16::try_from(time.saturating_sub(block.cluster)) {
            self.fix(block.at, own.to_be_bytes().to_vec());
        }
    }

    fn fix(&mut self, at: u64, bytes: Vec<u8>) {
        if self.fixes.len() < MOST {
            self.fixes.push(Fix { at, bytes });
        }
    }

    fn units(&self, nanoseconds: u64) -> i64 {
        let scale = if self.scale == 0 { USUAL_SCALE } else { self.scale };
        i64::try_from(nanoseconds / scale).unwrap_or(i64::MAX)
    }
}

fn between(before: i64, next: i64) -> i64 {
    before.saturating_add(next.saturating_sub(before) / 2)
}

/// The distance of these times, if they are evenly spaced; 0 if it is unknown.
fn step(times: &[i64]) -> i64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let mut steps: Vec<i64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(0)
}

impl Walk {
    /// Elements; those that contain times, or describe them, are entered.
    pub(super) fn matroska(&mut self) -> io::Result<()> {
        // The ends of the cluster and of the segment, where their sizes are known: whatever is in
        // them, the next element is there.
        let mut ends = [0; 2];
        loop {
            let at = self.at;
            let end = ends.into_iter().find(|end| at < *end);
            let (id, size) = (self.number(4, false)?, self.number(8, true)?);
            let size = size.filter(|&size| size != u64::MAX || is_endless(id));
            let own_end = size.map(|size| self.at.saturating_add(size));
            let fits =
                own_end.is_some_and(|own| end.is_none_or(|end| own <= end || own == u64::MAX));
            let (Some(id), Some(size), Some(own_end), true) = (id, size, own_end, fits) else {
                let Some(end) = end else { return self.go_to(at) };
                self.go_to(end)?;
                continue;
            };
            if id == HEADER && end.is_none() {
                self.begin_at(at);
                self.blocks.begin();
            }
            match id {
                SEGMENT | CLUSTER => {
                    let known = if size == u64::MAX { 0 } else { own_end.min(self.length) };
                    ends[usize::from(id == SEGMENT)] = known;
                }
                TRACK => self.blocks.track = (None, None),
                SCALE | TRACK_NUMBER | TRACK_KIND | TIME => self.element_of_number(id, size)?,
                SIMPLE_BLOCK | BLOCK => self.block()?,
                _ => {}
            }
            let is_entered = matches!(id, SEGMENT | INFO | TRACKS | TRACK | CLUSTER | GROUP);
            if !(is_entered && self.at < self.length || self.skip(size)?) {
                return Ok(());
            }
        }
    }

    fn element_of_number(&mut self, id: u64, size: u64) -> io::Result<()> {
        let mut bytes = [0; 8];
        let Ok(length @ 1..=8) = usize::try_from(size) else { return Ok(()) };
        if self.length - self.at < size {
            return Ok(());
        }
        self.file.read_exact(&mut bytes[8 - length..])?;
        self.file.seek_relative(-clamped::<i64>(length))?;
        let value = u64::from_be_bytes(bytes);
        match id {
            TIME => self.blocks.cluster(value, self.at, length),
            _ => self.blocks.describe(id, value),
        }
        Ok(())
    }

    /// Notes the time of a block, which comes after the number of its track.
    fn block(&mut self) -> io::Result<()> {
        if let Some([track, high, low, _]) = self.peek()?
            && track & 0x80 != 0
        {
            self.blocks.block(track & 0x7f, self.at + 1, i16::from_be_bytes([high, low]));
        }
        Ok(())
    }

    /// An EBML number; `None` for none, and `u64::MAX` for the largest one, which means unknown.
    fn number(&mut self, most: u32, value: bool) -> io::Result<Option<u64>> {
        let Some([first]) = self.peek()? else { return Ok(None) };
        let length = first.leading_zeros() + 1;
        let mut bytes = [0; 8];
        if length > most || self.length - self.at < u64::from(length) {
            return Ok(None);
        }
        self.file.read_exact(&mut bytes[8 - length as usize..])?;
        self.at += u64::from(length);
        let number = u64::from_be_bytes(bytes);
        let marker = 1 << (7 * length);
        if !value {
            return Ok(Some(number));
        }
        let number = number - marker;
        Ok(Some(if number == marker - 1 { u64::MAX } else { number }))
    }
}

/// Whether the size of this element may be unknown.
fn is_endless(id: Option<u64>) -> bool {
    matches!(id, Some(SEGMENT | CLUSTER))
}
