//! The parts of MP4 (ISO/IEC 14496-12) that are needed to join the ranges of a long video inside
//! storage: this module lists the samples of fragments, and writes the index of the whole file.
//!
//! It does not write descriptions of streams. The muxer writes a *template*: a file with the same
//! audio and the first frames of the video. The index is the template's, with the tables of the
//! whole video, and with the places of all samples.

mod alone;
mod boxes;
mod fragment;
mod movie;
mod packets;
mod sound;
mod tables;
#[cfg(test)]
mod tests;
mod video;
mod weave;

use thiserror::Error;

pub use alone::alone;
pub use boxes::{BoxHead, HEAD, box_head, boxed};
pub use fragment::{Fragment, Sample, Samples, fragment, time_scale};
pub use movie::{Movie, Stretch};
pub use packets::Packets;
pub use sound::Extent;
pub use weave::{Span, weave};

/// Why something is not the expected MP4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mp4Error {
    /// A box ends before its content does.
    #[error("the box `{}` is cut off", name(*.0))]
    Cut([u8; 4]),
    /// A box is missing.
    #[error("there is no box `{}`", name(*.0))]
    Missing([u8; 4]),
    /// A box that should not occur there.
    #[error("the box `{}` is not expected", name(*.0))]
    Unexpected([u8; 4]),
    /// The content of a box contradicts the others.
    #[error("the box `{}` does not fit the others", name(*.0))]
    Unfit([u8; 4]),
    /// The timestamps of samples can't be written.
    #[error("time stamps of the video are not whole ticks, or not in order")]
    Times,
}

fn name(kind: [u8; 4]) -> String {
    kind.escape_ascii().to_string()
}
