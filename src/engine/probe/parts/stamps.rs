//! Finds the damaged timestamps of a transport or program stream. Each is removed: ffmpeg derives a
//! missing one from its neighbours, but a wrong one would make a frame last for hours.

use std::collections::BTreeMap;

use super::packets::{LONGEST_STEP, SECOND, WRAP, jumps};

/// Most timestamps that are removed or replaced.
pub(super) const MOST: usize = 1 << 16;
/// Most consecutive timestamps that may be damaged.
pub(super) const MOST_ODD: usize = 64;

/// What is written over a damaged timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fix {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// The byte that declares which timestamps a packet has, without them.
#[derive(Clone, Copy, Debug)]
struct Removal {
    at: u64,
    byte: u8,
}

#[derive(Clone, Copy)]
struct Stamp {
    removal: Removal,
    /// When it is decoded; `None` if it would be shown long after that, or before.
    time: Option<u64>,
    /// The stream's clock.
    clock: Option<u64>,
}

/// The timestamps of one elementary stream.
#[derive(Default)]
struct Track {
    /// The last two that are in order, the later one last.
    known: (Option<Stamp>, Option<Stamp>),
    /// Those after a jump: the next ones show whether they are damaged.
    odd: Vec<Stamp>,
}

/// How a timestamp follows the earlier ones of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It goes on, or nothing is known.
    On,
    /// It is earlier; it may be damaged.
    Back,
    /// It goes on from an earlier one that was further back: the stream has started again.
    Restart,
}

#[derive(Default)]
pub(super) struct Stamps {
    tracks: BTreeMap<u16, Track>,
    damaged: Vec<Removal>,
}

impl Stamps {
    /// Adds the header of a packet of an elementary stream, which begins at `at`.
    pub(super) fn packet(
        &mut self,
        track: u16,
        header: &[u8],
        at: u64,
        clock: Option<u64>,
    ) -> Step {
        let Some(stamp) = Stamp::read(header, at, clock) else { return Step::On };
        let (step, damaged) = self.tracks.entry(track).or_default().add(stamp);
        let room = MOST - self.damaged.len();
        self.damaged.extend(damaged.into_iter().take(room));
        step
    }

    /// What has to be removed, in the order of the file.
    pub(super) fn damaged(mut self) -> Vec<Fix> {
        let left = self.tracks.into_values().flat_map(Track::unconfirmed);
        self.damaged.extend(left.take(MOST - self.damaged.len()));
        self.damaged.sort_by_key(|removal| removal.at);
        let fix = |Removal { at, byte }| Fix { at, bytes: vec![byte] };
        self.damaged.into_iter().map(fix).collect()
    }
}

impl Track {
    /// Returns how the next timestamp follows, and those that it shows to be damaged.
    fn add(&mut self, next: Stamp) -> (Step, Vec<Removal>) {
        let Some(time) = next.time else {
            self.suspect(next);
            return (Step::On, Vec::new());
        };
        let (before, last) = self.known;
        let Some(last) = last else {
            self.known.1 = Some(next);
            return (Step::On, self.odd.drain(..).map(|odd| odd.removal).collect());
        };
        let from = last.time.unwrap_or(time);
        let is_back = back(from, time) > SECOND;
        if is_back && before.is_some_and(|before| goes_on(before, time)) {
            // The one before was too late.
            self.known.1 = Some(next);
            self.odd.clear();
            return (Step::On, vec![last.removal]);
        }
        let gone_on = self.odd.pop_if(|odd| goes_on(*odd, time) && jumps(from, time));
        let is_far = is_back || ahead(from, time) > LONGEST_STEP && back(from, time) == 0;
        if gone_on.is_none() && is_far {
            self.suspect(next);
            return (if is_back { Step::Back } else { Step::On }, Vec::new());
        }
        let step = if is_back { Step::Restart } else { Step::On };
        let is_between =
            |odd: &Stamp| odd.time.is_some_and(|odd| ahead(from, odd) <= ahead(from, time));
        let odd = self.odd.drain(..).filter(|odd| !is_between(odd));
        let mut damaged: Vec<Removal> = odd.map(|odd| odd.removal).collect();
        if before.is_none() && gone_on.is_some_and(|odd| last.is_off() && !odd.is_off()) {
            damaged.push(last.removal);
        }
        self.known = (gone_on.or(Some(last)), Some(next));
        (step, damaged)
    }

    fn suspect(&mut self, stamp: Stamp) {
        if self.odd.len() == MOST_ODD {
            self.odd.clear();
        }
        self.odd.push(stamp);
    }

    /// Those at the end that no other confirms, and that are far from the stream's clock.
    fn unconfirmed(self) -> impl Iterator<Item = Removal> {
        let is_any = self.known.1.is_some();
        let odd = self.odd.into_iter().filter(move |odd| is_any && odd.is_off());
        odd.map(|odd| odd.removal)
    }
}

impl Stamp {
    /// ISO/IEC 13818-1, 2.4.3.6.
    fn read(header: &[u8], at: u64, clock: Option<u64>) -> Option<Self> {
        let is_media = matches!(header.get(..4)?, [0, 0, 1, 0xbd | 0xc0..=0xef | 0xfd]);
        let flags = *header.get(7)?;
        let least = match flags >> 6 {
            2 => 5,
            3 => 10,
            _ => return None,
        };
        if !is_media || header[6] & 0xc0 != 0x80 || *header.get(8)? < least {
            return None;
        }
        let shown = stamp(header.get(9..14)?);
        let decoded = if least == 10 { stamp(header.get(14..19)?) } else { shown };
        let before = back(decoded, shown);
        let is_apart = before > SECOND || before == 0 && ahead(decoded, shown) > LONGEST_STEP;
        let removal = Removal { at: at + 7, byte: flags & 0x3f };
        Some(Self { removal, time: (!is_apart).then_some(decoded), clock })
    }

    /// Whether it is far from the stream's clock.
    fn is_off(&self) -> bool {
        self.time.is_none_or(|time| {
            self.clock
                .is_some_and(|clock| ahead(clock, time).min(ahead(time, clock)) > LONGEST_STEP)
        })
    }
}

/// Three, fifteen and fifteen bits, each followed by a one.
fn stamp(bytes: &[u8]) -> u64 {
    let bits = bytes.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    (bits >> 33 & 7) << 30 | (bits >> 17 & 0x7fff) << 15 | bits >> 1 & 0x7fff
}

fn goes_on(from: Stamp, time: u64) -> bool {
    from.time.is_some_and(|from| !jumps(from, time))
}

fn ahead(from: u64, time: u64) -> u64 {
    time.wrapping_sub(from) % WRAP
}

/// By how much a time is before another; 0 if it is after it.
fn back(from: u64, time: u64) -> u64 {
    let back = ahead(time, from);
    if back < WRAP / 2 { back } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{SECOND, Stamps, WRAP};

    /// Which of these packets have a damaged timestamp, if the stream's clock is as given.
    fn damaged(times: &[(u64, Option<u64>)], clock: impl Fn(usize) -> Option<u64>) -> Vec<u64> {
        let field = |first: u8, time: u64| {
            let time = (time * SECOND / 10) % WRAP;
            let [a, b, c] = [time >> 30, time >> 15 & 0x7fff, time & 0x7fff];
            let bits = u64::from(first) << 36 | a << 33 | 1 << 32 | b << 17 | 1 << 16 | c << 1 | 1;
            bits.to_be_bytes()[3..].to_vec()
        };
        let mut stamps = Stamps::default();
        for (number, &(shown, decoded)) in times.iter().enumerate() {
            let header = match decoded {
                Some(time) => {
                    [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10][..], &field(3, shown), &field(1, time)]
                        .concat()
                }
                None => [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5][..], &field(2, shown)].concat(),
            };
            stamps.packet(7, &header, number as u64, clock(number));
        }
        stamps.damaged().iter().map(|removal| removal.at - 7).collect()
    }

    /// Times are in tenths of a second.
    #[test]
    fn a_time_is_damaged_that_its_neighbours_do_not_continue() {
        let clock = |number| Some(number as u64 * SECOND / 10);
        for (times, expected) in [
            (&[0, 1, 2, 3, 4][..], &[][..]),
            (&[0, 1, 2000, 3, 4], &[2]),
            (&[0, 1, 40, 3, 4], &[2]),
            (&[100, 101, 0, 103, 104], &[2]),
            (&[0, 1, 2000, 90_000, 4], &[2, 3]),
            (&[2000, 1, 2, 3], &[0]),
            (&[0, 1, 2, 2000], &[3]),
            // Another recording follows, or frames are far apart.
            (&[0, 10, 20, 30, 0, 10, 20], &[]),
            (&[0, 1, 2, 2000, 2001, 2002], &[]),
            (&[0, 150, 300, 450, 451], &[]),
        ] {
            let times: Vec<_> = times.iter().map(|&time| (time, None)).collect();
            assert_eq!(damaged(&times, clock), expected, "{times:?}");
        }
        let apart = [(2, Some(1)), (2000, Some(2)), (4, Some(3)), (0, Some(90))];
        assert_eq!(damaged(&apart, clock), [1, 3]);
        // Without a clock, the last frame may really be that late.
        assert!(damaged(&[(0, None), (150, None)], |_| None).is_empty());
    }
}
