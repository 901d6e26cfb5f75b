//! Packets: what leaves the encoders, and whether a file holds exactly that.
//!
//! The joining process lists every packet of the video that it is given, with its hash. The finished
//! file is listed in the same way. Containers store the same packets differently: with start codes
//! or lengths, with or without parameter sets. Both lists are made in one form.

use std::collections::BTreeMap;
use std::ops::Range;

use num_rational::Ratio;
use thiserror::Error;

use super::intermediate::Intermediate;
use super::{Plan, signed};
use crate::clamped::clamped;
use crate::codec::Container;
use crate::flicks::Flicks;

/// Blocks of audio by which a file may begin earlier than its encoder: what a player skips.
const MOST_SKIPPED: usize = 3;
/// Containers that write milliseconds round every time stamp to them, as may be done twice.
const MOST_OFF_MS: u64 = 2;

/// A packet, or a decoded frame of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it is decoded, in ticks.
    pub dts: i64,
    /// When it is shown, where that is said.
    pub pts: Option<i64>,
    /// Bytes; of audio, of its samples.
    pub size: u64,
    /// Of its content.
    pub hash: u128,
}

impl Packet {
    /// When it is shown, in ticks: where nothing is said, when it is decoded.
    fn shown(&self) -> i64 {
        self.pts.unwrap_or(self.dts)
    }
}

/// Every packet of a stream, in the order of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketList {
    /// Seconds that a tick lasts.
    pub time_base: Ratio<i64>,
    /// The packets.
    pub packets: Vec<Packet>,
}

/// How a file's packets differ from those that the encoder gave.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Frames that the encoder did not give, gave twice, or gave out of order.
    #[error("packet {packet} of the encoded video is not a frame that is due there")]
    Place {
        /// Its number, from 0.
        packet: usize,
    },
    /// A copied one is not the source's.
    #[error("packet {packet} of the video is copied, and is not the source's")]
    Copied {
        /// Its number, from 0.
        packet: usize,
    },
    /// There are more or fewer.
    #[error("the {stream} has {found} packets, not the {encoded} that were encoded")]
    Count {
        /// `video` or `audio`.
        stream: &'static str,
        /// In the file.
        found: usize,
        /// By the encoder.
        encoded: usize,
    },
    /// One has other content.
    #[error("packet {packet} of the {stream} is not the one that was encoded")]
    Content {
        /// `video` or `audio`.
        stream: &'static str,
        /// Its number, from 0.
        packet: usize,
    },
    /// One is shown at another time.
    #[error("packet {packet} of the video is shown at {found_ms} ms, not at {encoded_ms} ms")]
    Time {
        /// Its number, from 0.
        packet: usize,
        /// In the file.
        found_ms: i64,
        /// By the encoder.
        encoded_ms: i64,
    },
}

impl Default for PacketList {
    fn default() -> Self {
        Self { time_base: Ratio::new(1, 1000), packets: Vec::new() }
    }
}

impl PacketList {
    /// Takes a line of ffmpeg's `framemd5` format. Lines that are no packet are passed over.
    pub fn line(&mut self, line: &str) {
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let parts = base.split_once('/').map(|(n, d)| (n.trim().parse(), d.trim().parse()));
            if let Some((Ok(numer), Ok(denom))) = parts
                && numer > 0
                && denom > 0
            {
                self.time_base = Ratio::new_raw(numer, denom);
            }
            return;
        }
        let mut fields = line.split(',').map(str::trim);
        let (Some("0"), Some(dts), Some(pts)) = (fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let size = fields.nth(1).and_then(|size| size.parse().ok());
        let hash = fields.next().and_then(|hash| u128::from_str_radix(hash, 16).ok());
        if let (Ok(dts), Ok(pts), Some(size), Some(hash)) =
            (dts.parse(), pts.parse::<i64>(), size, hash)
        {
            let pts = (pts != i64::MIN).then_some(pts);
            self.packets.push(Packet { dts, pts, size, hash });
        }
    }

    /// When each packet is shown.
    fn times(&self) -> impl Iterator<Item = Flicks> {
        self.packets.iter().map(|packet| self.flicks(packet.shown()))
    }

    /// When a packet is shown.
    #[must_use]
    pub fn shown(&self, packet: usize) -> Flicks {
        self.flicks(self.packets[packet].shown())
    }

    /// When a packet is decoded.
    #[must_use]
    pub fn decoded(&self, packet: usize) -> Flicks {
        self.flicks(self.packets[packet].dts)
    }

    fn group(&self, packets: Range<usize>) -> Group {
        let (first, before) = (self.packets[packets.start], packets.start.checked_sub(1));
        let shown = self.packets[packets.clone()].iter().filter(|p| p.shown() >= first.shown());
        let frames = shown.count() as u64;
        let dts = |packet: &Packet| self.flicks(packet.dts);
        let start = before.map(|before| {
            let step = dts(&first) - dts(&self.packets[before]);
            dts(&first) - Flicks::new(step.count() / 2)
        });
        Group { packets, start, frames }
    }

    pub(super) fn flicks(&self, ticks: i64) -> Flicks {
        Flicks::from_ticks(ticks, self.time_base).unwrap_or_default()
    }
}

impl Plan {
    /// Whether the packets of copied groups are those of their sources.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check_copied(&self, encoded: &PacketList) -> Result<(), PacketError> {
        for run in &self.copying.runs {
            let first = clamped::<usize>(run.frames.start);
            let packets = encoded.packets.iter().enumerate().skip(first);
            let mut pairs = packets.zip(&run.hashes);
            if let Some(((packet, _), _)) = pairs.find(|((_, packet), hash)| packet.hash != **hash)
            {
                return Err(PacketError::Copied { packet });
            }
        }
        Ok(())
    }

    /// Whether the encoded video is every frame of these chunks, each once and in its chunk.
    ///
    /// # Errors
    /// Names the first packet that is not in its place.
    pub fn check_encoded(
        &self,
        encoded: &PacketList,
        chunks: &[Range<u64>],
    ) -> Result<(), PacketError> {
        let mut frames = encoded.times().enumerate();
        let rate = self.timeline.frame_rate;
        for chunk in chunks {
            let length = clamped::<usize>(chunk.end - chunk.start);
            let mut seen = vec![false; length];
            for (packet, time) in frames.by_ref().take(length) {
                let frame = time.to_units(rate) - Intermediate::LEAD - signed(chunk.start);
                let place = usize::try_from(frame).ok().and_then(|frame| seen.get_mut(frame));
                match place {
                    Some(seen) if !*seen => *seen = true,
                    _ => return Err(PacketError::Place { packet }),
                }
            }
        }
        let encoded_frames = encoded.packets.len();
        let planned = clamped::<usize>(self.frames().end);
        if encoded_frames == planned {
            Ok(())
        } else {
            Err(PacketError::Count { stream: "video", found: encoded_frames, encoded: planned })
        }
    }
}

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

/// The groups of pictures at the start, at the end, and on both sides of every seam, none twice.
/// `key_frames` are some of the file's, by time. Nothing where they don't fit the packets.
#[must_use]
pub fn groups(found: &PacketList, key_frames: &[Flicks], seams: &[u64]) -> Option<Vec<Group>> {
    let times: BTreeMap<Flicks, usize> = found.times().zip(0..).collect();
    let keys: Option<Vec<usize>> = key_frames.iter().map(|key| times.get(key).copied()).collect();
    let keys = keys.filter(|keys| keys.first() == Some(&0) && keys.is_sorted())?;
    let count = found.packets.len();
    let before = |at: usize| keys[keys.partition_point(|&key| key < at).saturating_sub(1)];
    let after =
        |at: usize| keys.get(keys.partition_point(|&key| key <= at)).copied().unwrap_or(count);
    let seams = seams.iter().map(|&seam| clamped::<usize>(seam).min(count));
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (start, end) in std::iter::once((0, after(0)))
        .chain(seams.map(|seam| (before(seam), after(seam))))
        .chain([(before(count), count)])
    {
        match groups.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => groups.push(start..end),
        }
    }
    Some(groups.into_iter().map(|packets| found.group(packets)).collect())
}

/// Whether a file's video is exactly what was encoded.
///
/// # Errors
/// Names the first packet that differs.
pub fn compare_video(
    container: Container,
    encoded: &PacketList,
    found: &PacketList,
) -> Result<(), PacketError> {
    compare_count("video", found.packets.len(), encoded.packets.len())?;
    // These only count packets, in the order of decoding.
    let counts = matches!(container, Container::Avi | Container::Asf | Container::Mxf);
    let times = |list: &PacketList| -> Vec<Flicks> {
        if counts {
            list.packets.iter().map(|p| list.flicks(p.dts)).collect()
        } else {
            list.times().collect()
        }
    };
    let (encoded_times, found_times) = (times(encoded), times(found));
    let start = |times: &[Flicks]| times.iter().copied().min().unwrap_or_default();
    let (encoded_start, found_start) = (start(&encoded_times), start(&found_times));
    let off = Flicks::from_millis(MOST_OFF_MS);
    let times = encoded_times.into_iter().zip(found_times);
    let packets = encoded.packets.iter().zip(&found.packets).zip(times).enumerate();
    for (packet, ((encoded, found), (encoded_time, found_time))) in packets {
        if encoded.hash != found.hash {
            return Err(PacketError::Content { stream: "video", packet });
        }
        let (encoded, found) = (encoded_time - encoded_start, found_time - found_start);
        if !(encoded - off..=encoded + off).contains(&found) {
            let (found_ms, encoded_ms) = (found.to_millis(), encoded.to_millis());
            return Err(PacketError::Time { packet, found_ms, encoded_ms });
        }
    }
    Ok(())
}

/// Whether a file's audio decodes to exactly what was encoded. The encoder's first and last frame
/// are cut where the audio begins and ends, or left out where it is nothing but padding; a file may
/// show all of them, and what a player skips.
///
/// # Errors
/// Names the first frame that differs.
pub fn compare_audio(encoded: &PacketList, found: &PacketList) -> Result<(), PacketError> {
    let (encoded, found) = (&encoded.packets, &found.packets);
    let more = found.len().checked_sub(encoded.len()).filter(|&more| more <= MOST_SKIPPED);
    let Some(more) = more else {
        return compare_count("audio", found.len(), encoded.len());
    };
    let last = encoded.len().saturating_sub(1);
    let differs = |skipped: usize| {
        let same = |&at: &usize| {
            let (encoded, found) = (encoded[at], found[at + skipped]);
            encoded.hash == found.hash || (at == 0 || at == last) && encoded.size < found.size
        };
        (0..encoded.len()).find(|at| !same(at)).map(|at| at + skipped)
    };
    // Where the first one is, most of them fit.
    let first = (0..=more).rev().map(differs).max_by_key(|at| at.unwrap_or(usize::MAX)).flatten();
    first.map_or(Ok(()), |packet| Err(PacketError::Content { stream: "audio", packet }))
}

fn compare_count(stream: &'static str, found: usize, encoded: usize) -> Result<(), PacketError> {
    if found == encoded {
        return Ok(());
    }
    Err(PacketError::Count { stream, found, encoded })
}

#[cfg(test)]
mod tests {
    use super::{Container, Flicks, PacketError, PacketList, compare_audio, groups};
    use crate::plan::tests::plan;

    /// Frames in the order of decoding, with a hash of their own.
    fn list(time_base: &str, ticks: i64, frames: &[i64]) -> PacketList {
        let mut list = PacketList::default();
        list.line(&format!("#tb 0: {time_base}"));
        for (dts, frame) in frames.iter().enumerate() {
            let dts = i64::try_from(dts).unwrap() * ticks;
            list.line(&format!("0, {dts}, {}, {ticks}, 100, {frame:032x}", frame * ticks));
        }
        list
    }

    fn encoded(frames: &[i64]) -> PacketList {
        let later: Vec<i64> = frames.iter().map(|frame| frame + 32).collect();
        list("1/12800", 512, &later)
    }

    #[test]
    fn every_frame_is_in_its_chunk_once() {
        let plan = plan(&[400]);
        let place = |packet| Err(PacketError::Place { packet });
        let count = |found| Err(PacketError::Count { stream: "video", found, encoded: 10 });
        for (name, frames, expected) in [
            ("as planned", &[0, 2, 1, 4, 3, 5, 7, 6, 8, 9][..], Ok(())),
            ("a chunk twice", &[0, 2, 1, 4, 3, 0, 2, 1, 4, 3], place(5)),
            ("chunks exchanged", &[5, 7, 6, 8, 9, 0, 2, 1, 4, 3], place(0)),
            ("a chunk too few", &[0, 2, 1, 4, 3], count(5)),
            ("a chunk too many", &[0, 2, 1, 4, 3, 5, 7, 6, 8, 9, 10], count(11)),
            ("a chunk of another plan", &[0, 2, 1, 4, 3, 6, 8, 7, 9, 10], place(9)),
            ("a frame over a seam", &[0, 2, 1, 5, 3, 4, 7, 6, 8, 9], place(3)),
        ] {
            assert_eq!(plan.check_encoded(&encoded(frames), &[0..5, 5..10]), expected, "{name}");
        }
    }

    #[test]
    fn a_file_holds_the_same_packets_at_the_same_times() {
        let compare_video =
            |a: &PacketList, b: &PacketList| super::compare_video(Container::Mkv, a, b);
        let frames = [0, 2, 1, 3];
        let hashed = |mut list: PacketList| {
            for (packet, frame) in list.packets.iter_mut().zip([32, 34, 33, 35]) {
                packet.hash = frame;
            }
            list
        };
        let rounded = hashed(list("1/1000", 40, &frames));
        assert_eq!(compare_video(&encoded(&frames), &rounded), Ok(()));
        let mut late = rounded.clone();
        late.packets[3].pts = Some(123);
        let error = PacketError::Time { packet: 3, found_ms: 123, encoded_ms: 120 };
        assert_eq!(compare_video(&encoded(&frames), &late), Err(error));
        let mut other = rounded.clone();
        other.packets[1].hash += 1;
        let error = PacketError::Content { stream: "video", packet: 1 };
        assert_eq!(compare_video(&encoded(&frames), &other), Err(error));
        let mut short = rounded;
        short.packets.pop();
        let error = PacketError::Count { stream: "video", found: 3, encoded: 4 };
        assert_eq!(compare_video(&encoded(&frames), &short), Err(error));
    }

    #[test]
    fn audio_may_begin_and_end_with_what_a_player_skips() {
        let encoded = list("1/48000", 1024, &[10, 11, 12]);
        let content = |packet| Err(PacketError::Content { stream: "audio", packet });
        for (found, expected) in [
            (&[10, 11, 12][..], Ok(())),
            (&[9, 10, 11, 12], Ok(())),
            (&[10, 11, 12, 13], Ok(())),
            (&[9, 10, 11, 12, 13], Ok(())),
            (&[10, 12, 11, 13], content(1)),
            (&[10, 11, 9, 12], content(2)),
            (&[8, 9, 7, 11, 12], content(2)),
            (&[9, 10, 11, 13], content(3)),
            (&[10, 11], Err(PacketError::Count { stream: "audio", found: 2, encoded: 3 })),
        ] {
            let found = list("1/1000", 21, found);
            assert_eq!(compare_audio(&encoded, &found), expected);
        }
        let mut cut = encoded.clone();
        for end in [0, 2] {
            (cut.packets[end].size, cut.packets[end].hash) = (50, 7);
        }
        assert_eq!(compare_audio(&cut, &encoded), Ok(()));
        assert_eq!(compare_audio(&encoded, &cut), content(0));
        cut.packets[1] = cut.packets[0];
        assert_eq!(compare_audio(&cut, &encoded), content(1));
    }

    #[test]
    fn groups_are_those_at_the_ends_and_at_seams() {
        let frames: Vec<i64> = (0..100).collect();
        let found = list("1/1000", 40, &frames);
        let keys = |frames: &[u64]| -> Vec<Flicks> {
            frames.iter().map(|frame| Flicks::from_millis(frame * 40)).collect()
        };
        let ranges = |key_frames: &[u64], seams: &[u64]| -> Option<Vec<(usize, usize)>> {
            let groups = groups(&found, &keys(key_frames), seams)?;
            Some(groups.iter().map(|group| (group.packets.start, group.packets.end)).collect())
        };
        for (key_frames, seams, expected) in [
            (&[0, 20, 40, 60, 80][..], &[][..], Some(vec![(0, 20), (80, 100)])),
            (&[0, 20, 40, 60, 80], &[40], Some(vec![(0, 60), (80, 100)])),
            (&[0, 20, 30, 50, 60, 80], &[50], Some(vec![(0, 20), (30, 60), (80, 100)])),
            (&[0, 20, 30, 60, 80], &[50], Some(vec![(0, 20), (30, 60), (80, 100)])),
            (&[0], &[50], Some(vec![(0, 100)])),
            (&[20, 40], &[], None),
            (&[0, 40, 100], &[], None),
        ] {
            assert_eq!(ranges(key_frames, seams), expected, "{key_frames:?} {seams:?}");
        }
        let group = groups(&found, &keys(&[0, 20, 80]), &[]).unwrap().remove(1);
        assert_eq!((group.start, group.frames), (Some(Flicks::from_millis(3180)), 20));
    }

    #[test]
    fn frames_before_an_open_group_s_key_frame_are_not_counted() {
        let found = list("1/1000", 40, &[0, 2, 1, 5, 3, 4]);
        let keys = [0, 200].map(Flicks::from_millis);
        let groups = groups(&found, &keys, &[]).unwrap();
        assert_eq!(groups.iter().map(|group| group.frames).sum::<u64>(), 6);
        assert_eq!(found.group(3..6).frames, 1);
    }

    #[test]
    fn lines_that_are_no_packets_are_passed_over() {
        let mut list = PacketList::default();
        for line in ["", "#tb 0: 0/0", "#tb 0: x", "1, 0, 0, 1, 1, 00", "0, 0", "0, a, b, c, d, e"]
        {
            list.line(line);
        }
        assert_eq!(list, PacketList::default());
        let stream =
            "0, 3600, -9223372036854775808, 3600, 803, 4875441cc2e0512c48a665efcf22b3dd, S=1";
        list.line(stream);
        assert_eq!((list.packets[0].dts, list.packets[0].pts), (3600, None));
    }
}
