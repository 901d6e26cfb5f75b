//! MP4 (ISO/IEC 14496-12), as much of it as it takes to join the ranges of a long video where they
//! are stored: the samples of fragments are listed, and the index of the whole film is written.
//!
//! What describes the streams is not made here. The muxer writes a *template*: a film of the same
//! audio and of the first frames. The index is the template's, with the tables of the whole video,
//! and with the places where samples of both are.

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

/// Why something is not the MP4 that it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Mp4Error {
    /// A box ends before its content does.
    #[error("the box `{}` is cut off", name(*.0))]
    Cut([u8; 4]),
    /// There is no such box.
    #[error("there is no box `{}`", name(*.0))]
    Missing([u8; 4]),
    /// A box that nobody would expect there.
    #[error("the box `{}` is not expected", name(*.0))]
    Unexpected([u8; 4]),
    /// A box says something that does not fit the rest.
    #[error("the box `{}` does not fit the others", name(*.0))]
    Unfit([u8; 4]),
    /// The time stamps of samples can't be written.
    #[error("time stamps of the video are not whole ticks, or not in order")]
    Times,
}

fn name(kind: [u8; 4]) -> String {
    kind.escape_ascii().to_string()
}
