//! Finds the cues (the index) among the elements that a Matroska or `WebM` file is made of, and
//! reads them.
//!
//! The walk reads the headers of the elements before the first cluster, and of those from the last
//! cued cluster to the end of the file. It doesn't read what is between them, and takes it for the
//! clusters that the cues list.

use std::ops::Range;

use num_rational::Ratio;
use thiserror::Error;

use crate::flicks::Flicks;
use ebml::{Header, children, number};

mod ebml;

/// Longest header of an element, in bytes.
const HEADER: u64 = 12;
/// Most bytes that are read in all: cues for every second of two days.
const MOST_INDEX: u64 = 4 * 1024 * 1024;
/// Most elements that are walked before the first cluster, and again after the last cue.
const MOST_ELEMENTS: u32 = 64;
/// With fewer cues, reading by them saves too little.
const FEWEST_CUES: usize = 4;
/// Between two cues that are farther apart, the video could pause unnoticed.
const MOST_APART_MS: u64 = 12_500;
/// Nanoseconds of a tick if the file declares no other scale.
const USUAL_SCALE: u64 = 1_000_000;
const NANOS: i64 = 1_000_000_000;

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
const CUES: u32 = 0x1c53_bb6b;
const TAGS: u32 = 0x1254_c367;
const CHAPTERS: u32 = 0x1043_a770;
const ATTACHMENTS: u32 = 0x1941_a469;
const VOID: u32 = 0xec;
const CHECKSUM: u32 = 0xbf;

/// Why it is better to read the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unindexed {
    /// The bytes are not an element, or it ends where it must not.
    #[error("the element at byte {0} is damaged, or cut short")]
    Damaged(u64),
    /// The length was not known when the element was written, as in a live stream.
    #[error("the length of the element at byte {0} is not known")]
    Open(u64),
    /// Another file begins in the middle, as when two files were joined byte by byte.
    #[error("it is made of several files")]
    Several,
    /// There are no cues, or only a few.
    #[error("it has no index")]
    Nothing,
    /// The cues don't cover all of the video.
    #[error("its index is incomplete")]
    Gaps,
    /// The file doesn't have exactly one video with a constant frame rate.
    #[error("it does not have exactly one video of constant frame rate")]
    Tracks,
    /// The elements other than clusters are too long.
    #[error("its index is too long")]
    Long,
}

/// A key frame of the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Presentation time.
    pub time: Flicks,
    /// Where the cue's cluster begins, in bytes.
    pub at: u64,
}

/// The cues of a file's video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cues {
    /// Ascending by time, and by place as well.
    pub cues: Vec<Cue>,
    /// Where the last cluster ends, in bytes.
    pub end: u64,
}

/// A walk over the elements of a file.
#[derive(Clone, Debug)]
pub struct Elements {
    size: u64,
    at: u64,
    count: u32,
    read: u64,
    stage: Stage,
    /// The element whose body the next step reads, if any; otherwise it reads a header.
    body: Option<(u32, Range<u64>)>,
    /// Where the segment's body begins, to which all places in the file are relative.
    origin: u64,
    found: Found,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Segment,
    Front,
    Cues,
    Behind,
    Over,
}

#[derive(Clone, Debug, Default)]
struct Found {
    scale: Option<u64>,
    /// The track number of each video; `None` for one without a constant frame rate.
    videos: Vec<Option<u64>>,
    cues_at: Option<u64>,
    /// Track, time and place of each cue, of all tracks.
    points: Option<Vec<(u64, u64, u64)>>,
    cues: Vec<Cue>,
    first_cluster: u64,
    end: u64,
}

impl Elements {
    /// A walk that starts at the first element of a file of `size` bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            size,
            at: 0,
            count: 0,
            read: 0,
            stage: Stage::Head,
            body: None,
            origin: 0,
            found: Found::default(),
        }
    }

    /// The byte range that the next step needs; `None` at the end of the walk.
    #[must_use]
    pub fn wanted(&self) -> Option<Range<u64>> {
        match &self.body {
            Some((_, body)) => Some(body.clone()),
            None if self.stage == Stage::Over => None,
            None => Some(self.at..self.size.min(self.at.saturating_add(HEADER))),
        }
    }

    /// The cues, once the walk is over.
    #[must_use]
    pub fn into_cues(self) -> Cues {
        Cues { cues: self.found.cues, end: self.found.end }
    }

    /// Takes the bytes of the range that [`Elements::wanted`] returned.
    ///
    /// # Errors
    /// See [`Unindexed`].
    pub fn step(&mut self, bytes: &[u8]) -> Result<(), Unindexed> {
        if let Some((id, body)) = self.body.take() {
            self.take_body(id, bytes).ok_or(Unindexed::Damaged(body.start))?;
            self.at = body.end;
            return if self.stage == Stage::Cues { self.go_to_last_cue() } else { Ok(()) };
        }
        let damaged = Unindexed::Damaged(self.at);
        let Header { id, length, size } = Header::read(bytes).ok_or(damaged)?;
        let begin = self.at.checked_add(length).ok_or(damaged)?;
        let size = size.ok_or(Unindexed::Open(self.at))?;
        let end = begin.checked_add(size).filter(|&end| end <= self.size).ok_or(damaged)?;
        self.count += 1;
        if self.count > MOST_ELEMENTS {
            return Err(Unindexed::Long);
        }
        match (self.stage, id) {
            (Stage::Head, EBML) => (self.stage, self.at) = (Stage::Segment, end),
            (Stage::Segment, SEGMENT) if end == self.size => {
                (self.stage, self.origin, self.at) = (Stage::Front, begin, begin);
            }
            (Stage::Segment, SEGMENT) => return Err(Unindexed::Several),
            (Stage::Front, CLUSTER) => self.first_cluster()?,
            (Stage::Front, SEEK_HEAD | INFO | TRACKS | CUES) | (Stage::Cues, CUES) => {
                self.read = self.read.saturating_add(size);
                if self.read > MOST_INDEX {
                    return Err(Unindexed::Long);
                }
                self.body = Some((id, begin..end));
            }
            (Stage::Behind, CLUSTER) => (self.found.end, self.at) = (end, end),
            (Stage::Front | Stage::Behind, id) if is_known(id) => self.at = end,
            _ => return Err(damaged),
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Unindexed> {
        if self.body.is_some() || self.at < self.size {
            return Ok(());
        }
        match self.stage {
            Stage::Behind if self.found.end > 0 => self.stage = Stage::Over,
            _ => return Err(Unindexed::Nothing),
        }
        Ok(())
    }

    fn first_cluster(&mut self) -> Result<(), Unindexed> {
        self.found.first_cluster = self.at;
        if self.found.points.is_some() {
            return self.go_to_last_cue();
        }
        let place = self.found.cues_at.ok_or(Unindexed::Nothing)?;
        self.at = self.origin.saturating_add(place);
        self.stage = Stage::Cues;
        if self.at < self.size { Ok(()) } else { Err(Unindexed::Damaged(self.at)) }
    }

    /// Checks the cues, then goes on at the cluster of the last one.
    fn go_to_last_cue(&mut self) -> Result<(), Unindexed> {
        let found = &mut self.found;
        let [Some(video)] = found.videos[..] else { return Err(Unindexed::Tracks) };
        let scale = i64::try_from(found.scale.unwrap_or(USUAL_SCALE)).unwrap_or(0);
        let tick = (1..=NANOS).contains(&scale).then(|| Ratio::new(scale, NANOS));
        let tick = tick.ok_or(Unindexed::Gaps)?;
        let points = found.points.take().unwrap_or_default().into_iter();
        let cue = |(_, time, place): (u64, u64, u64)| {
            let time = Flicks::from_ticks(i64::try_from(time).ok()?, tick)?;
            Some(Cue { time, at: self.origin.checked_add(place)? })
        };
        let cues = points.filter(|point| point.0 == video).map(cue);
        found.cues = cues.collect::<Option<_>>().ok_or(Unindexed::Gaps)?;
        found.cues.dedup_by_key(|cue| cue.time);
        let (first, last) = match &found.cues[..] {
            cues if cues.len() < FEWEST_CUES => return Err(Unindexed::Nothing),
            [first, .., last] => (*first, *last),
            _ => return Err(Unindexed::Nothing),
        };
        let apart = Flicks::from_millis(MOST_APART_MS);
        let in_order = found.cues.windows(2).all(|two| {
            two[0].time < two[1].time
                && two[1].time - two[0].time <= apart
                && two[0].at <= two[1].at
        });
        if !in_order || first.at != found.first_cluster || last.at >= self.size {
            return Err(Unindexed::Gaps);
        }
        (self.stage, self.at, self.count) = (Stage::Behind, last.at, 0);
        Ok(())
    }

    /// `None` if the body is damaged.
    fn take_body(&mut self, id: u32, body: &[u8]) -> Option<()> {
        let found = &mut self.found;
        match id {
            SEEK_HEAD => {
                for (id, seek) in children(body) {
                    if id? == 0x4dbb
                        && let (target, place) = target(seek)?
                        && target == Some(CUES.into())
                    {
                        found.cues_at = found.cues_at.or(place);
                    }
                }
            }
            INFO => {
                for (id, value) in children(body) {
                    if id? == 0x2a_d7b1 {
                        found.scale = Some(number(value)?);
                    }
                }
            }
            TRACKS => found.videos.extend(videos(body)?),
            _ => found.points = Some(points(body)?),
        }
        Some(())
    }
}

const fn is_known(id: u32) -> bool {
    matches!(id, SEEK_HEAD | INFO | TRACKS | CUES | TAGS | CHAPTERS | ATTACHMENTS | VOID | CHECKSUM)
}

/// The element that an entry of a seek head refers to, and its place, relative to the segment's
/// body.
fn target(seek: &[u8]) -> Option<(Option<u64>, Option<u64>)> {
    let (mut target, mut place) = (None, None);
    for (id, value) in children(seek) {
        match id? {
            0x53ab => target = number(value),
            0x53ac => place = number(value),
            _ => {}
        }
    }
    Some((target, place))
}

/// The track number of each video that declares a frame rate and does not scale its timestamps,
/// which the cues would not reflect; `None` for other videos.
fn videos(body: &[u8]) -> Option<Vec<Option<u64>>> {
    let mut videos = Vec::new();
    for (id, entry) in children(body) {
        if id? != 0xae {
            continue;
        }
        let (mut track, mut is_video, mut has_rate, mut is_scaled) = (None, false, false, false);
        for (id, value) in children(entry) {
            match id? {
                0xd7 => track = number(value),
                0x83 => is_video = number(value) == Some(1),
                0x23_e383 => has_rate = number(value) > Some(0),
                0x23_314f => is_scaled = true,
                _ => {}
            }
        }
        if is_video {
            videos.push(track.filter(|_| has_rate && !is_scaled));
        }
    }
    Some(videos)
}

/// Track, time and place of each cue.
fn points(body: &[u8]) -> Option<Vec<(u64, u64, u64)>> {
    let mut points = Vec::new();
    for (id, point) in children(body) {
        if id? != 0xbb {
            continue;
        }
        let mut time = None;
        for (id, value) in children(point) {
            match id? {
                0xb3 => time = number(value),
                0xb7 => {
                    let (mut track, mut place) = (None, None);
                    for (id, value) in children(value) {
                        match id? {
                            0xf7 => track = number(value),
                            0xf1 => place = number(value),
                            _ => {}
                        }
                    }
                    points.push((track?, time?, place?));
                }
                _ => {}
            }
        }
    }
    Some(points)
}

#[cfg(test)]
mod tests;
