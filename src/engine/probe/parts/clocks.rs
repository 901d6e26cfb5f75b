//! Rewrites a Flash video whose timestamps jump, with continuous timestamps.

use crate::clamped::clamped;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// A step forward of more milliseconds is a jump.
const LONGEST_STEP: i64 = 10_000;
/// A step back of more milliseconds is a jump.
const LONGEST_BACK: i64 = 100;
/// The length of a tag in milliseconds if it is unknown.
const USUAL_STEP: i64 = 40;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// Computes the new timestamps of tags.
#[derive(Default)]
struct Clock {
    /// The number that is added to timestamps.
    offset: i64,
    /// The original timestamp of the last tag.
    last: Option<i64>,
    /// For audio and for video: the original timestamp of the last tag, and its distance from the
    /// one before.
    own: [Option<(i64, i64)>; 2],
}

impl Clock {
    /// The new timestamp of a tag, and whether the clock jumped.
    fn tag(&mut self, kind: u8, time: i64) -> (i64, bool) {
        let own = &mut self.own[usize::from(kind - AUDIO)];
        let on = self.last.is_some_and(|last| time - last > LONGEST_STEP);
        let back = own.is_some_and(|(last, _)| time - last < -LONGEST_BACK);
        let jumped = on || back;
        if jumped {
            let last = own.map_or(self.last.unwrap_or(time), |(last, step)| last + step);
            self.offset += last - time;
            // The next tag of the other kind belongs at the same time, so its own last timestamp
            // must not count.
            self.own = [None; 2];
        }
        let own = &mut self.own[usize::from(kind - AUDIO)];
        let step =
            own.map_or(USUAL_STEP, |(last, step)| if time > last { time - last } else { step });
        *own = Some((time, step));
        self.last = Some(time);
        (time + self.offset, jumped)
    }
}

/// Copies a file with continuous timestamps to `copy`. Returns whether they jumped.
///
/// # Errors
/// When a file can't be read or written.
pub(in super::super) fn straighten(path: &Path, copy: &Path) -> io::Result<bool> {
    let mut source = BufReader::new(File::open(path)?);
    let mut target = BufWriter::new(File::create(copy)?);
    let mut clock = Clock::default();
    let mut jumped = false;
    let mut head = [0; 9];
    source.read_exact(&mut head)?;
    target.write_all(&head)?;
    let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]).saturating_sub(9);
    io::copy(&mut source.by_ref().take(u64::from(length) + 4), &mut target)?;
    let mut tag = [0; 13];
    while source.read_exact(&mut tag).is_ok() {
        let size = u64::from(u32::from_be_bytes([0, tag[1], tag[2], tag[3]]));
        let kind = tag[0] & 0x1f;
        // Tags that set up a codec have no meaningful time.
        let sets_up = match kind {
            AUDIO => tag[11] >> 4 == 10 && tag[12] == 0,
            VIDEO if tag[11] & 0x80 != 0 => matches!(tag[11] & 15, 0),
            VIDEO => tag[11] & 15 == 7 && tag[12] != 1,
            _ => true,
        };
        let time = i64::from(u32::from_be_bytes([tag[7], tag[4], tag[5], tag[6]]));
        let stamp = if sets_up {
            time + clock.offset
        } else {
            let (stamp, jumps) = clock.tag(kind, time);
            jumped |= jumps;
            stamp
        };
        let [high, a, b, c] = clamped::<u32>(stamp.max(0)).to_be_bytes();
        tag[4..8].copy_from_slice(&[a, b, c, high]);
        target.write_all(&tag)?;
        // The rest of the tag's payload, and its length at the end.
        io::copy(&mut source.by_ref().take(size + 2), &mut target)?;
    }
    target.flush()?;
    Ok(jumped)
}
