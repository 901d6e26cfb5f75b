//! Packets: the encoders' output, and whether a file holds exactly that.
//!
//! The joining process lists every packet of its video input, with its hash. The finished file is
//! listed in the same way. Containers store the same packets differently: with start codes or
//! lengths, with or without parameter sets. Both lists are made in one form. They are compared
//! while they are read, since an output may have millions of packets.

mod comparison;
mod groups;

use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use num_rational::Ratio;
use thiserror::Error;

use super::intermediate::Intermediate;
use super::{Plan, signed};
use crate::clamped::clamped;
use crate::flicks::Flicks;

pub use comparison::{AudioComparison, VideoComparison};
pub use groups::{Group, Times, groups};

/// A packet, or a decoded frame of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Decoding time.
    pub decoded: Flicks,
    /// Presentation time; the decoding time if there is none.
    pub shown: Flicks,
    /// Bytes of the packet, or of the audio frame's samples.
    pub size: u32,
    /// The first half of the content's hash.
    pub hash: u64,
}

/// Reads ffmpeg's `framemd5` format, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketLines {
    /// Seconds that a tick lasts.
    time_base: Ratio<i64>,
}

/// All packets of a stream, in decoding order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketList {
    lines: PacketLines,
    /// The packets.
    pub packets: Vec<Packet>,
}

/// How a file's packets differ from the encoder's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// A frame that does not belong in its chunk, or belongs there but came twice.
    #[error("packet {packet} of the encoded video is not a frame that belongs there")]
    Place {
        /// The packet's number, from 0.
        packet: usize,
    },
    /// The copied packets are not the source's.
    #[error("the packets of the video from {packet} on were copied, but differ from the source's")]
    Copied {
        /// The first packet's number, from 0.
        packet: usize,
    },
    /// More or fewer packets.
    #[error("the {stream} has {found} packets, not the {encoded} that were encoded")]
    Count {
        /// `video` or `audio`.
        stream: &'static str,
        /// Number of packets in the file.
        found: usize,
        /// Number of packets from the encoder.
        encoded: usize,
    },
    /// A packet has other content.
    #[error("packet {packet} of the {stream} is not the one that was encoded")]
    Content {
        /// `video` or `audio`.
        stream: &'static str,
        /// The packet's number, from 0.
        packet: usize,
    },
    /// A packet has another presentation time.
    #[error("packet {packet} of the video is shown at {found_ms} ms, not at {encoded_ms} ms")]
    Time {
        /// The packet's number, from 0.
        packet: usize,
        /// Time in the file.
        found_ms: i64,
        /// Time from the encoder.
        encoded_ms: i64,
    },
}

impl Default for PacketLines {
    fn default() -> Self {
        Self { time_base: Ratio::new(1, 1000) }
    }
}

impl PacketLines {
    /// The packet in a line; `None` for a line without a packet.
    pub fn packet(&mut self, line: &str) -> Option<Packet> {
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let parts = base.split_once('/').map(|(n, d)| (n.trim().parse(), d.trim().parse()));
            if let Some((Ok(numer), Ok(denom))) = parts
                && numer > 0
                && denom > 0
            {
                self.time_base = Ratio::new_raw(numer, denom);
            }
            return None;
        }
        let mut fields = line.split(',').map(str::trim);
        if fields.next() != Some("0") {
            return None;
        }
        let decoded: i64 = fields.next()?.parse().ok()?;
        let shown = match fields.next()?.parse().ok()? {
            i64::MIN => decoded,
            shown => shown,
        };
        let size = fields.nth(1)?.parse().ok()?;
        let hash = fields.next()?;
        let hash = u64::from_str_radix(hash.get(..16).unwrap_or(hash), 16).ok()?;
        Some(Packet { decoded: self.flicks(decoded), shown: self.flicks(shown), size, hash })
    }

    fn flicks(&self, ticks: i64) -> Flicks {
        Flicks::from_ticks(ticks, self.time_base).unwrap_or_default()
    }
}

impl PacketList {
    /// Takes a line of the format.
    pub fn line(&mut self, line: &str) {
        self.packets.extend(self.lines.packet(line));
    }

    /// The length of this many ticks.
    pub(super) fn flicks(&self, ticks: i64) -> Flicks {
        self.lines.flicks(ticks)
    }
}

/// One hash for the hashes of consecutive packets.
#[must_use]
pub fn digest(packets: impl IntoIterator<Item = u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    packets.into_iter().for_each(|hash| hasher.write_u64(hash));
    hasher.finish()
}

impl Plan {
    /// Checks that the packets of copied groups are those of their sources.
    ///
    /// # Errors
    /// Names the first packet of a run whose packets differ.
    pub fn check_copied(&self, encoded: impl Iterator<Item = Packet>) -> Result<(), PacketError> {
        let mut hashes = encoded.map(|packet| packet.hash);
        let mut passed = 0;
        for run in &self.copying.runs {
            let [first, end] = [run.frames.start, run.frames.end].map(clamped::<usize>);
            hashes.by_ref().take(first.saturating_sub(passed)).for_each(drop);
            if digest(hashes.by_ref().take(end - first)) != run.digest {
                return Err(PacketError::Copied { packet: first });
            }
            passed = end;
        }
        Ok(())
    }

    /// Checks that the encoded video has every frame of these chunks, each once and in its chunk.
    ///
    /// # Errors
    /// Names the first packet that is not in its place.
    pub fn check_encoded(
        &self,
        encoded: impl Iterator<Item = Packet>,
        chunks: &[Range<u64>],
    ) -> Result<(), PacketError> {
        let mut frames = encoded.map(|packet| packet.shown).enumerate();
        let rate = self.timeline.frame_rate;
        let mut count = 0;
        for chunk in chunks {
            let length = clamped::<usize>(chunk.end - chunk.start);
            // One bit per frame.
            let mut seen = vec![0_u64; length.div_ceil(64)];
            for (packet, time) in frames.by_ref().take(length) {
                let frame = time.to_units(rate) - Intermediate::LEAD - signed(chunk.start);
                let place = usize::try_from(frame).ok().filter(|&frame| frame < length);
                match place.map(|frame| (&mut seen[frame / 64], 1 << (frame % 64))) {
                    Some((seen, bit)) if *seen & bit == 0 => *seen |= bit,
                    _ => return Err(PacketError::Place { packet }),
                }
                count = packet + 1;
            }
        }
        let found = frames.last().map_or(count, |(packet, _)| packet + 1);
        compare_count("video", found, clamped(self.frames().end))
    }
}

fn compare_count(stream: &'static str, found: usize, encoded: usize) -> Result<(), PacketError> {
    if found == encoded {
        return Ok(());
    }
    Err(PacketError::Count { stream, found, encoded })
}

#[cfg(test)]
mod tests {
    use super::{AudioComparison, Flicks, PacketError, PacketList, Times, VideoComparison, groups};
    use crate::codec::Container;
    use crate::plan::tests::plan;

    /// Frames in decoding order, each with another hash.
    fn list(time_base: &str, ticks: i64, frames: &[i64]) -> PacketList {
        let mut list = PacketList::default();
        list.line(&format!("#tb 0: {time_base}"));
        for (dts, frame) in frames.iter().enumerate() {
            let dts = i64::try_from(dts).unwrap() * ticks;
            list.line(&format!("0, {dts}, {}, {ticks}, 100, {frame:016x}00", frame * ticks));
        }
        list
    }

    fn compare_video(encoded: &PacketList, found: &PacketList) -> Result<(), PacketError> {
        let encoded = encoded.packets.iter().copied();
        let mut comparison = VideoComparison::new(Container::Mkv, encoded);
        found.packets.iter().for_each(|&packet| comparison.found(packet));
        comparison.end().0
    }

    fn compare_audio(encoded: &PacketList, found: &PacketList) -> Result<(), PacketError> {
        let mut comparison = AudioComparison::new(encoded.packets.iter().copied());
        found.packets.iter().for_each(|&packet| comparison.found(packet));
        comparison.end().0
    }

    fn times(list: &PacketList) -> Times {
        let mut times = Times::default();
        list.packets.iter().for_each(|packet| times.add(packet));
        times
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
            let encoded = encoded(frames).packets.into_iter();
            assert_eq!(plan.check_encoded(encoded, &[0..5, 5..10]), expected, "{name}");
        }
    }

    #[test]
    fn a_file_holds_the_same_packets_at_the_same_times() {
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
        late.packets[3].shown = Flicks::from_millis(123);
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
        let found = times(&list("1/1000", 40, &frames));
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
        let found = times(&list("1/1000", 40, &[0, 2, 1, 5, 3, 4]));
        let keys = [0, 200].map(Flicks::from_millis);
        let groups = groups(&found, &keys, &[]).unwrap();
        assert_eq!(groups.iter().map(|group| group.frames).sum::<u64>(), 6);
        let found = times(&list("1/1000", 40, &[0, 1, 2, 6, 7, 8, 12, 10, 11]));
        let keys = [0, 240, 480].map(Flicks::from_millis);
        let groups = super::groups(&found, &keys, &[]).unwrap();
        assert_eq!((groups[1].packets.clone(), groups[1].frames), (6..9, 1));
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
        let packet = list.packets[0];
        assert_eq!((packet.shown, packet.hash), (packet.decoded, 0x4875_441c_c2e0_512c));
    }
}
