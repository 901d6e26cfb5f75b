//! What is odd about a file that can be used all the same.

use std::fmt;

use crate::flicks::Flicks;
use crate::media::report::Report;
use crate::media::{Demuxer, Media};

/// What is odd about a file that can be used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its clock starts anew in the middle.
    Joined,
    /// Its end is missing.
    CutShort {
        /// Length by its header.
        declared: Flicks,
        /// Length of what is there.
        found: Flicks,
    },
    /// The demuxer reported errors.
    Damaged(String),
    /// Its clock starts anew in the middle, and can't be made continuous.
    Jumps,
    /// No stream has anything there.
    Pause {
        /// Since the beginning of the media.
        from: Flicks,
        /// How long.
        lasts: Flicks,
    },
    /// It is made of more files than are used.
    TooMany {
        /// How many.
        count: usize,
        /// How many are used.
        used: usize,
    },
    /// Behind its end there is what looks like media.
    Behind {
        /// How many bytes.
        bytes: u64,
    },
    /// One of several files that it is made of can't be used.
    LeftOut {
        /// Its number, from 1.
        part: usize,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("its time stamps jump: they were made continuous"),
            Self::Jumps => f.write_str(
                "its time stamps jump: video and audio behind that may be out of step or missing",
            ),
            Self::Pause { from, lasts } => write!(
                f,
                "its time stamps jump by {} s, {} s after its beginning: the last frame is held there, in silence",
                lasts.to_millis() / 1000,
                from.to_millis() / 1000
            ),
            Self::TooMany { count, used } => write!(
                f,
                "it is made of {count} files: the first {used} were used, and the others left out"
            ),
            Self::Behind { bytes } => write!(
                f,
                "{bytes} bytes behind its end look like media that can't be told for sure, and were left out"
            ),
            Self::CutShort { declared, found } => write!(
                f,
                "it is damaged: it declares {} ms and holds {} ms",
                declared.to_millis(),
                found.to_millis()
            ),
            Self::Damaged(log) => write!(f, "it is damaged, what can be read was used: {log}"),
            Self::LeftOut { part, reason } => write!(
                f,
                "it is made of several files, and number {part} of them was left out: {reason}"
            ),
        }
    }
}

impl Notice {
    /// `pause` is when all streams pause at once, and how long.
    pub(super) fn of(
        report: &Report,
        media: &Media,
        pause: Option<(Flicks, Flicks)>,
        complaints: &[String],
    ) -> Vec<Self> {
        let lengths = report.lengths(media).into_iter();
        let mut cut_short = lengths.filter_map(|(declared, found)| Self::cut(declared, found));
        let damaged = (!complaints.is_empty()).then(|| Self::Damaged(complaints.join("; ")));
        // Of these formats the clock is made continuous.
        let is_closed = matches!(media.demuxer, Demuxer::MpegTs | Demuxer::MpegPs | Demuxer::Flv);
        let pause = pause.filter(|_| !is_closed);
        let pause = pause.map(|(from, lasts)| Self::Pause { from: from - media.start, lasts });
        cut_short.next().into_iter().chain(pause).chain(damaged).collect()
    }

    /// Headers round, and encoders miscount a few frames.
    fn cut(declared: Flicks, found: Flicks) -> Option<Self> {
        let missing = declared - found;
        let much = (found.count() / 20).max(Flicks::from_millis(250).count());
        (missing.count() > much).then_some(Self::CutShort { declared, found })
    }
}
