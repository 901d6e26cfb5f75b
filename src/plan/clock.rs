//! Audio with unsteady timestamps: one process lists the timestamps, and a filter of the joining
//! process moves every sample to its place.

use std::collections::VecDeque;

use super::input::Input;
use super::words::words;
use super::{Files, Plan};
use crate::flicks::Flicks;
use crate::media::Stretch;

/// How much is listed after the cut, where timestamps may be too early.
const BEHIND_MS: u64 = 1000;
/// Muxers sort packets by timestamp. So each frame gets a timestamp that grows with the samples
/// before it and carries the frame's offset in its low bits. The offset is listed in two halves:
/// ffmpeg multiplies timestamps by the sample rate and loses those that exceed 63 bits, as they
/// would after 15 seconds if they carried a whole offset.
const HALF_BITS: u32 = 14;
const HALF: i64 = 1 << HALF_BITS;
/// Offsets are clamped to this limit, and the limit is added, so that none is negative.
const OFFSET_LIMIT: i64 = HALF * HALF / 2;

impl Plan {
    /// The arguments of the ffmpeg process that lists the timestamps of a clip's audio as the
    /// joining process will see them. `None` if they are steady.
    #[must_use]
    pub fn clock_arguments(&self, clip: usize, files: &Files<'_>) -> Option<Vec<String>> {
        let source = files.sources[self.clips[clip].source];
        let seek = files.seek(self, clip, self.clip(clip).start());
        let clip = self.clip(clip);
        let stream = clip.audio().filter(|stream| stream.unsteady)?;
        let mut arguments = words("-copyts");
        arguments.extend(Input { seek, ..Input::of(clip.media, source) }.arguments());
        let end = (clip.end() + stream.late + Flicks::from_millis(BEHIND_MS)).as_option();
        let offset = format!(
            "{OFFSET_LIMIT}+clip(PTS-STARTPTS-NB_CONSUMED_SAMPLES,-{OFFSET_LIMIT},{OFFSET_LIMIT}-1)"
        );
        arguments.push("-filter_complex".to_owned());
        arguments.push(format!(
            "[0:{}]atrim=end={end},asplit=3[x][y][z];[x]asetpts='N*{HALF}+mod({offset},{HALF})'[a];\
             [y]atrim=end_sample=1[b];[z]asetpts='N*{HALF}+floor(({offset})/{HALF})'[c]",
            stream.index
        ));
        arguments.extend(words("-map [a] -map [b] -map [c] -c:a pcm_s16le -f framemd5 pipe:"));
        Some(arguments)
    }
}

/// Reads the lines of that list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    first: Option<i64>,
    /// Lower and upper halves of offsets whose other half has not been read yet.
    lower: VecDeque<(i64, i64)>,
    upper: VecDeque<i64>,
}

impl Listed {
    /// The timestamp of the first sample.
    #[must_use]
    pub const fn first(&self) -> Option<i64> {
        self.first
    }

    /// Reads a line: stream, decoding time, time, duration, and more. Returns a frame once both
    /// halves have been read: its offset (its timestamp relative to the first, minus the number of
    /// samples before it), and its number of samples.
    pub fn read(&mut self, line: &str) -> Option<(i64, i64)> {
        let mut fields = line.split(',').map(|field| field.trim().parse::<i64>().ok());
        let (stream, _, time) = (fields.next()??, fields.next()?, fields.next()??);
        let half = time & (HALF - 1);
        match stream {
            0 => self.lower.push_back((half, fields.next()??)),
            1 => self.first = Some(time),
            _ => self.upper.push_back(half),
        }
        if self.lower.is_empty() || self.upper.is_empty() {
            return None;
        }
        let ((lower, samples), upper) = (self.lower.pop_front()?, self.upper.pop_front()?);
        Some((upper * HALF + lower - OFFSET_LIMIT, samples))
    }
}

/// The filter that sets each sample's timestamp from the offset of its stretch; it counts samples
/// from the first one decoded.
pub(super) fn stamps(stretches: &[Stretch]) -> Option<String> {
    let offset = offset(stretches)?;
    Some(format!("asetpts='NB_CONSUMED_SAMPLES+{offset}'"))
}

/// An expression for the offset of a sample's stretch, as a bisection: ffmpeg's expressions may be
/// long, but not deeply nested.
fn offset(stretches: &[Stretch]) -> Option<String> {
    let (before, behind) = stretches.split_at(stretches.len() / 2);
    let first = behind.first()?;
    let Some(before) = offset(before) else {
        return Some(format!("({})", first.offset));
    };
    let behind = offset(behind)?;
    Some(format!("if(lt(NB_CONSUMED_SAMPLES,{}),{before},{behind})", first.from))
}

#[cfg(test)]
mod tests {
    use super::{Listed, Stretch, stamps};

    #[test]
    fn a_frame_is_listed_with_its_own_offset() {
        let mut listed = Listed::default();
        let mut read = |line: &str| listed.read(line);
        assert_eq!(read("#sample_rate 0: 48000"), None);
        assert_eq!(read("0,          0,          0,     1024, 4096, 60a8"), None);
        assert_eq!(read("1,      45312,      45312,        1, 4, f1d3"), None);
        assert_eq!(read("0,   16777230,   16777230,     1024, 4096, 60a8"), None);
        assert_eq!(read("2,       8192,       8192,     1024, 4096, 60a8"), Some((0, 1024)));
        assert_eq!(read("2,   16785409,   16785409,     1024, 4096, 58a0"), Some((16398, 1024)));
        assert_eq!(listed.first(), Some(45_312));
    }

    #[test]
    fn each_sample_is_stamped_by_its_stretch() {
        let stretches = [(0, -5), (1000, 7), (3000, 9)];
        let stretches = stretches.map(|(from, offset)| Stretch { from, offset });
        assert_eq!(stamps(&[]), None);
        assert_eq!(stamps(&stretches[..1]).unwrap(), "asetpts='NB_CONSUMED_SAMPLES+(-5)'");
        assert_eq!(
            stamps(&stretches).unwrap(),
            "asetpts='NB_CONSUMED_SAMPLES+if(lt(NB_CONSUMED_SAMPLES,1000),(-5),\
             if(lt(NB_CONSUMED_SAMPLES,3000),(7),(9)))'"
        );
    }
}
