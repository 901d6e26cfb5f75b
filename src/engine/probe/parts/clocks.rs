//! Flash video whose clock jumps: written anew, with time stamps that go on.

use crate::clamped::clamped;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// A clock that goes on so many milliseconds, while nothing else happens, has jumped.
const LONGEST_STEP: i64 = 10_000;
/// As has one that goes back so far.
const LONGEST_BACK: i64 = 100;
/// The length of a tag where it is unknown.
const USUAL_STEP: i64 = 40;

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;

/// The time stamps of tags.
#[derive(Default)]
struct Clock {
    /// What is added to them.
    offset: i64,
    /// As they were, of the last tag.
    last: Option<i64>,
    /// Of audio and video, as it was, the last, and how long after the one before it came.
    own: [Option<(i64, i64)>; 2],
}

impl Clock {
    /// The time stamp that a tag gets, and whether the clock has jumped.
    fn tag(&mut self, kind: u8, time: i64) -> (i64, bool) {
        let own = &mut self.own[usize::from(kind - AUDIO)];
        let on = self.last.is_some_and(|last| time - last > LONGEST_STEP);
        let back = own.is_some_and(|(last, _)| time - last < -LONGEST_BACK);
        let jumped = on || back;
        if jumped {
            let last = own.map_or(self.last.unwrap_or(time), |(last, step)| last + step);
            self.offset += last - time;
            // What comes next of the other kind is beside this one.
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

/// Copies a file with a clock that goes on to `copy`. Returns whether it jumped.
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
        // Set-ups of codecs are of no time.
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
        // The rest of its payload, and its length once more.
        io::copy(&mut source.by_ref().take(size + 2), &mut target)?;
    }
    target.flush()?;
    Ok(jumped)
}
