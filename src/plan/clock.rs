//! Audio whose time stamps are unsteady: a process lists them, and a filter puts
//! every sample where it belongs.

use super::input::Input;
use super::words::words;
use super::{Files, Plan};
use crate::flicks::Flicks;
use crate::media::Stretch;

/// What is listed behind the cut, whose stamps may be early.
const BEHIND_MS: u64 = 1000;
/// Muxers put time stamps in order. So each frame is stamped by its number, which is in order, with
/// its own offset in the last bits; such a number is exact up to 53 bits.
const OFFSET_BITS: u32 = 28;
/// An offset and this together are never negative.
const OFFSET_LIMIT: i64 = 1 << (OFFSET_BITS - 1);

impl Plan {
    /// The arguments of the ffmpeg process that lists the time stamps of a
    /// clip's audio, as the joining process will see them. None where they are
    /// steady.
    #[must_use]
    pub fn clock_arguments(&self, clip: usize, files: &Files<'_>) -> Option<Vec<String>> {
        let source = files.sources[self.clips[clip].source];
        let seek = files.seek(self, clip, self.clip(clip).start());
        let clip = self.clip(clip);
        let stream = clip.audio().filter(|stream| stream.unsteady)?;
        let mut arguments = words("-copyts");
        arguments.extend(Input { seek, ..Input::of(clip.media, source) }.arguments());
        let end = (clip.end() + stream.late + Flicks::from_millis(BEHIND_MS)).as_option();
        let (scale, most) = (1_i64 << OFFSET_BITS, OFFSET_LIMIT);
        arguments.push("-filter_complex".to_owned());
        arguments.push(format!(
            "[0:{}]atrim=end={end},asplit[x][y];[x]asetpts='N*{scale}+{most}+\
             clip(PTS-STARTPTS-NB_CONSUMED_SAMPLES,-{most},{most}-1)'[a];\
             [y]atrim=end_sample=1[b]",
            stream.index
        ));
        arguments.extend(words("-map [a] -map [b] -c:a pcm_s16le -f framemd5 pipe:"));
        Some(arguments)
    }
}

/// What one line of that list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The time stamp of the first sample.
    First(i64),
    /// A frame: by how many samples its time stamp is later than the first, less the samples in
    /// between, and its own samples.
    Frame(i64, i64),
}

impl Listed {
    /// Reads a line: stream, decoding time, time, duration, and more.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(',').map(|field| field.trim().parse::<i64>().ok());
        let (stream, _, time) = (fields.next()??, fields.next()?, fields.next()??);
        let offset = (time & ((1 << OFFSET_BITS) - 1)) - OFFSET_LIMIT;
        match stream {
            0 => Some(Self::Frame(offset, fields.next()??)),
            _ => Some(Self::First(time)),
        }
    }
}

/// The filter that stamps samples by the stretch that they are in; it counts
/// them from the first that is decoded.
pub(super) fn stamps(stretches: &[Stretch]) -> Option<String> {
    let offset = offset(stretches)?;
    Some(format!("asetpts='NB_CONSUMED_SAMPLES+{offset}'"))
}

/// The offset of the stretch that a sample is in, by bisection: expressions may
/// be long, but not deep.
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
        let read = |line: &str| Listed::read(line).unwrap();
        assert_eq!(read("0,  134217728,  134217728,     1024, 4096, 60a8"), Listed::Frame(0, 1024));
        let line = "0, 275012128016, 275012128016,     1024, 4096, 058260";
        assert_eq!(read(line), Listed::Frame(3344, 1024));
        assert_eq!(read("1,      45312,      45312,        1, 4, f1d3"), Listed::First(45_312));
        assert_eq!(Listed::read("#sample_rate 0: 48000"), None);
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
