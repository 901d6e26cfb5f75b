//! MPEG audio: another file begins with a frame by which an encoder describes the file.

use std::io;

use super::{MOST_PARTS, Walk};
use crate::media::{Demuxer, id3_length, mpeg_audio_length};

/// Where the name of a description may be: after the header and the side information, whose length
/// depends on the version and the channels.
const DESCRIPTIONS: [(usize, &[u8]); 7] = [
    (36, b"Xing"),
    (36, b"Info"),
    (36, b"VBRI"),
    (21, b"Xing"),
    (21, b"Info"),
    (13, b"Xing"),
    (13, b"Info"),
];
/// The bytes of a frame up to the end of that name.
const HEAD: usize = 40;
/// Length of an `ID3v1` tag.
const OLD_TAG: u64 = 128;
/// Length of the header of an APE tag.
const APE_HEADER: u64 = 32;

impl Walk {
    /// Frames and tags. Files without a description are not separated, since the frames of one may
    /// need bytes of the frames before.
    pub(super) fn mpeg_audio(&mut self) -> io::Result<()> {
        let (mut tag, mut frames) = (None, false);
        while let Some(head) = self.peek::<HEAD>()? {
            let length = if let Some(length) = id3_length(&head) {
                tag = tag.or(Some(self.at));
                length
            } else if let Some(length) = mpeg_audio_length(&head) {
                let is_described = describes(&head);
                // The last part that may be used is all of the rest.
                if is_described && frames && self.begins.len() < MOST_PARTS {
                    self.begin_at(tag.unwrap_or(self.at));
                }
                (tag, frames) = (None, !is_described);
                length
            } else if head.starts_with(b"TAG") {
                OLD_TAG
            } else if head.starts_with(b"APETAGEX") {
                let size = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
                APE_HEADER + u64::from(size)
            } else if self.another_begins(Demuxer::Mp3)? {
                return Ok(());
            } else {
                break;
            };
            if !self.skip(length)? {
                break;
            }
        }
        self.go_to_end()
    }
}

/// Whether a frame describes the file and holds no audio.
fn describes(frame: &[u8; HEAD]) -> bool {
    DESCRIPTIONS.iter().any(|&(at, name)| frame[at..].starts_with(name))
}
