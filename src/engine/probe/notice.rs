//! What is unusual about a file that can still be used.

use std::fmt;

use crate::flicks::Flicks;
use crate::media::report::Report;
use crate::media::{Demuxer, Media};

/// Something unusual about a file that can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its timestamps restart in the middle.
    Joined,
    /// Its end is missing.
    CutShort {
        /// The length that the header declares.
        declared: Flicks,
        /// The length that was found.
        found: Flicks,
    },
    /// The demuxer reported errors.
    Damaged(String),
    /// Its timestamps restart in the middle and can't be made continuous.
    Jumps,
    /// A time at which no stream has any packet.
    Pause {
        /// Start, counted from the start of the media.
        from: Flicks,
        /// Length.
        lasts: Flicks,
    },
    /// It consists of more files than are used.
    TooMany {
        /// The number of files.
        count: usize,
        /// The number of files that are used.
        used: usize,
    },
    /// After its end there are bytes that look like media.
    Behind {
        /// The number of bytes.
        bytes: u64,
    },
    /// One of the files that it consists of can't be used.
    LeftOut {
        /// Its number, from 1.
        part: usize,
        /// The reason.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("its time stamps jump: they were made continuous"),
            Self::Jumps => f.write_str(
                "its time stamps jump: video and audio after that may be out of sync or missing",
            ),
            Self::Pause { from, lasts } => write!(
                f,
                "its time stamps jump by {} s, {} s after its beginning: the last frame is repeated \
                 there, without audio",
                lasts.to_millis() / 1000,
                from.to_millis() / 1000
            ),
            Self::TooMany { count, used } => write!(
                f,
                "it is made of {count} files: the first {used} were used, and the others left out"
            ),
            Self::Behind { bytes } => write!(
                f,
                "{bytes} bytes after its end look like media but could not be identified, and \
                 were left out"
            ),
            Self::CutShort { declared, found } => write!(
                f,
                "it is damaged: it declares {} ms and holds {} ms",
                declared.to_millis(),
                found.to_millis()
            ),
            Self::Damaged(log) => write!(f, "it is damaged; what can be read was used: {log}"),
            Self::LeftOut { part, reason } => write!(
                f,
                "it is made of several files, and number {part} of them was left out: {reason}"
            ),
        }
    }
}

impl Notice {
    /// `pause` is the start and the length of a time at which all streams pause.
    pub(super) fn of(
        report: &Report,
        media: &Media,
        pause: Option<(Flicks, Flicks)>,
        complaints: &[String],
    ) -> Vec<Self> {
        let lengths = report.lengths(media).into_iter();
        let mut cut_short = lengths.filter_map(|(declared, found)| Self::cut(declared, found));
        let damaged = (!complaints.is_empty()).then(|| Self::Damaged(complaints.join("; ")));
        // In these formats, timestamps are made continuous, which closes the pause.
        let is_closed = matches!(media.demuxer, Demuxer::MpegTs | Demuxer::MpegPs | Demuxer::Flv);
        let pause = pause.filter(|_| !is_closed);
        let pause = pause.map(|(from, lasts)| Self::Pause { from: from - media.start, lasts });
        cut_short.next().into_iter().chain(pause).chain(damaged).collect()
    }

    /// Small differences don't count: headers round, and encoders may miscount a few frames.
    fn cut(declared: Flicks, found: Flicks) -> Option<Self> {
        let missing = declared - found;
        let much = (found.count() / 20).max(Flicks::from_millis(250).count());
        (missing.count() > much).then_some(Self::CutShort { declared, found })
    }
}
