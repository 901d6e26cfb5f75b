//! Format recognition from a file's first bytes.
//!
//! ffmpeg must never choose the demuxer itself: it also knows playlist formats that open other
//! files. A file that is not recognised here is not opened.

use thiserror::Error;

use crate::named::named;

mod picture;
mod sync;

pub use sync::mpeg_audio_length;

named! {
    /// The demuxers that may read a source, by ffmpeg's names.
    Demuxer {
        /// MP4, MOV, M4V, M4A, 3GP.
        Mov = "mov",
        /// Matroska and `WebM`.
        Matroska = "matroska",
        /// AVI.
        Avi = "avi",
        /// ASF: WMV, WMA.
        Asf = "asf",
        /// Flash video.
        Flv = "flv",
        /// MPEG transport stream, packets of 188, 192 (M2TS) or 204 bytes.
        MpegTs = "mpegts",
        /// MPEG program stream, VOB.
        MpegPs = "mpeg",
        /// An MPEG-1 or MPEG-2 video stream without a container.
        MpegVideo = "mpegvideo",
        /// MXF.
        Mxf = "mxf",
        /// Ogg: OGG, OGV, Opus.
        Ogg = "ogg",
        /// `RealMedia`.
        Rm = "rm",
        /// DV as cameras write it, without a container.
        Dv = "dv",
        /// WAV, RF64.
        Wav = "wav",
        /// Sony Wave64.
        W64 = "w64",
        /// AIFF.
        Aiff = "aiff",
        /// Core Audio Format.
        Caf = "caf",
        /// MPEG audio layer 1 to 3.
        Mp3 = "mp3",
        /// AAC with ADTS headers.
        Aac = "aac",
        /// FLAC.
        Flac = "flac",
        /// AMR narrow and wide band.
        Amr = "amr",
        /// AC-3.
        Ac3 = "ac3",
        /// E-AC-3.
        Eac3 = "eac3",
    }
}

impl Demuxer {
    /// Whether a seek lands on the key frame before the requested time. Only these formats carry an
    /// index of key frames; in the others a seek may land inside a group of pictures, so they are
    /// read from the start.
    #[must_use]
    pub const fn seeks_exactly(self) -> bool {
        matches!(self, Self::Mov | Self::Matroska)
    }
}

/// The result of looking at some bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// The format is known.
    As(Demuxer),
    /// The media begin at this byte offset. The bytes before it are no media, or the rest of a cut
    /// packet or frame.
    From(usize, Demuxer),
    /// An `ID3v2` tag: look again at this byte offset, counted from the tag's start.
    TagUntil(u64),
}

/// Why a file can't be a source.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// Only an ID3 tag.
    #[error("the file holds a tag and nothing else")]
    TagAlone,
    /// A playlist or a manifest, which would make ffmpeg open other files.
    #[error("the file is a playlist, not a media file")]
    Playlist,
    /// Readable text.
    #[error("the file is text, not a media file")]
    Text,
    /// HEIC, AVIF, and similar formats.
    #[error("the file is a still picture ({0}), not a video")]
    Still(&'static str),
    /// An animated picture, of which ffmpeg reads only one frame.
    #[error("the file is an animated picture ({0}), not a video: convert it to MP4 or WebM")]
    Animated(&'static str),
    /// No known format.
    #[error(
        "the file is in no known media format: expected MP4, MOV, 3GP, Matroska, WebM, AVI, ASF, FLV, \
         MPEG-TS, MPEG-PS, MXF, DV, Ogg, RealMedia, WAV, AIFF, CAF, MP3, AAC, FLAC, AMR, AC-3 or \
         E-AC-3"
    )]
    Unknown,
}

/// How many bytes [`recognise`] needs; fewer only if the file is shorter.
pub const HEAD_LENGTH: usize = 16_384;

/// Magic bytes, and the offset at which they occur.
const MAGIC: &[(usize, &[u8], Demuxer)] = &[
    (0, b"\x1a\x45\xdf\xa3", Demuxer::Matroska),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Demuxer::Asf),
    (0, b"FLV\x01", Demuxer::Flv),
    (0, b"\x06\x0e\x2b\x34", Demuxer::Mxf),
    (0, b"OggS", Demuxer::Ogg),
    (0, b".RMF", Demuxer::Rm),
    // The header block of 525 and of 625 lines.
    (0, b"\x1f\x07\x00\x3f", Demuxer::Dv),
    (0, b"\x1f\x07\x00\xbf", Demuxer::Dv),
    (0, b"riff\x2e\x91\xcf\x11", Demuxer::W64),
    (0, b"caff\x00\x01", Demuxer::Caf),
    (0, b"fLaC", Demuxer::Flac),
    (0, b"#!AMR", Demuxer::Amr),
];

/// Start codes, which also occur in transport streams.
const START_CODES: &[(&[u8], Demuxer)] =
    &[(b"\x00\x00\x01\xba", Demuxer::MpegPs), (b"\x00\x00\x01\xb3", Demuxer::MpegVideo)];

/// Box types with which a file of the MP4 family may begin.
const MOV_BOXES: [&[u8]; 10] =
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof", b"sidx"];

/// Recognises a format from `head`, the first [`HEAD_LENGTH`] bytes of the file (or all of it).
///
/// # Errors
/// When the bytes are of no format in [`Demuxer`].
pub fn recognise(head: &[u8]) -> Result<Recognised, FormatError> {
    if head.is_empty() {
        return Err(FormatError::Empty);
    }
    if let Some(end) = id3_length(head) {
        return Ok(Recognised::TagUntil(end));
    }
    if let Some(refused) = picture::of(head) {
        return Err(refused);
    }
    let magic = MAGIC.iter().find(|(at, magic, _)| bytes_at(head, *at, magic));
    let found = magic
        .map(|&(_, _, demuxer)| demuxer)
        .or_else(|| riff(head))
        .or_else(|| iff(head))
        .or_else(|| mov(head))
        .or_else(|| transport_stream(head));
    if let Some(demuxer) = found {
        return Ok(Recognised::As(demuxer));
    }
    // Any byte may repeat in text, so text is excluded before the search for sync bytes.
    let refusal = refusal(head);
    if refusal != FormatError::Unknown {
        return Err(refusal);
    }
    // A file that begins in the middle of a transport packet may begin with any bytes, so this
    // check comes before the start codes.
    if let Some(at) = sync::transport_stream(head) {
        return Ok(Recognised::From(at, Demuxer::MpegTs));
    }
    let code = START_CODES.iter().find(|(code, _)| head.starts_with(code)).map(|row| row.1);
    // A program stream may also begin in the middle of a pack, and it contains the start codes of
    // all other formats.
    if let Some(at) = sync::program_stream(head).filter(|_| code != Some(Demuxer::MpegPs)) {
        return Ok(Recognised::From(at, Demuxer::MpegPs));
    }
    let found = code.or_else(|| dolby(head)).or_else(|| mpeg_audio(head));
    found
        .map(Recognised::As)
        .or_else(|| sync::find(head).map(|(at, demuxer)| Recognised::From(at, demuxer)))
        .ok_or(refusal)
}

fn bytes_at(head: &[u8], at: usize, expected: &[u8]) -> bool {
    head.get(at..at + expected.len()) == Some(expected)
}

fn riff(head: &[u8]) -> Option<Demuxer> {
    let wrapper = head.get(0..4)?;
    match (wrapper, head.get(8..12)?) {
        (b"RIFF", b"AVI ") => Some(Demuxer::Avi),
        (b"RIFF" | b"RF64" | b"BW64", b"WAVE") => Some(Demuxer::Wav),
        _ => None,
    }
}

fn iff(head: &[u8]) -> Option<Demuxer> {
    let aiff = bytes_at(head, 8, b"AIFF") || bytes_at(head, 8, b"AIFC");
    (bytes_at(head, 0, b"FORM") && aiff).then_some(Demuxer::Aiff)
}

fn mov(head: &[u8]) -> Option<Demuxer> {
    let kind = head.get(4..8)?;
    MOV_BOXES.contains(&kind).then_some(Demuxer::Mov)
}

/// Sync bytes at the distance of three packets, from the start or after the timecode of an M2TS
/// packet.
fn transport_stream(head: &[u8]) -> Option<Demuxer> {
    let synced = |first: usize, distance: usize| {
        (0..3).all(|packet| head.get(first + packet * distance) == Some(&0x47))
    };
    [(0, 188), (4, 192), (0, 204)]
        .iter()
        .any(|&(first, distance)| synced(first, distance))
        .then_some(Demuxer::MpegTs)
}

/// The sync word of AC-3 and E-AC-3; `bsid` (five bits) tells them apart,
/// ETSI TS 102 366 E.1.
fn dolby(head: &[u8]) -> Option<Demuxer> {
    if !bytes_at(head, 0, b"\x0b\x77") {
        return None;
    }
    match head.get(5)? >> 3 {
        0..=10 => Some(Demuxer::Ac3),
        11..=16 => Some(Demuxer::Eac3),
        _ => None,
    }
}

/// The sync word that ADTS and MPEG audio share: eleven bits, and two bits of
/// layer, which are zero in ADTS only.
fn mpeg_audio(head: &[u8]) -> Option<Demuxer> {
    let (first, second, third) = (*head.first()?, *head.get(1)?, *head.get(2)?);
    if first != 0xff || second & 0xe0 != 0xe0 {
        return None;
    }
    let layer = (second >> 1) & 3;
    if layer == 0 {
        let adts = second & 0xf0 == 0xf0 && (third >> 2) & 0xf < 13;
        return adts.then_some(Demuxer::Aac);
    }
    let reserved_version = (second >> 3) & 3 == 1;
    let bad_rates = third >> 4 == 0xf || (third >> 2) & 3 == 3;
    (!reserved_version && !bad_rates).then_some(Demuxer::Mp3)
}

/// Length of an `ID3v2` tag including its header: four bytes of seven bits each.
#[must_use]
pub fn id3_length(head: &[u8]) -> Option<u64> {
    if !bytes_at(head, 0, b"ID3") {
        return None;
    }
    let size = head.get(6..10)?.iter().fold(0, |size, &byte| size << 7 | u64::from(byte & 0x7f));
    let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

fn refusal(head: &[u8]) -> FormatError {
    let text = head.trim_ascii_start();
    let drawing = text.starts_with(b"<?xml") && text.windows(4).any(|four| four == b"<svg");
    let playlist =
        [&b"#EXTM3U"[..], b"ffconcat", b"[playlist]", b"<MPD", b"<?xml", b"<smil", b"v=0"];
    if drawing || text.starts_with(b"<svg") {
        FormatError::Still("SVG")
    } else if playlist.iter().any(|start| text.starts_with(start)) {
        FormatError::Playlist
    } else if is_text(head) {
        FormatError::Text
    } else {
        FormatError::Unknown
    }
}

/// UTF-8 without control characters; the last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let plain = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t');
    let whole =
        std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    whole && head.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::{Demuxer, FormatError, Recognised, recognise};

    fn transport_stream(first: usize, distance: usize) -> Vec<u8> {
        let mut bytes = vec![0; 1000];
        for packet in 0..4 {
            bytes[first + packet * distance] = 0x47;
        }
        bytes
    }

    #[test]
    fn known_formats() {
        let cases: [(&[u8], Demuxer); 12] = [
            (b"\x00\x00\x00\x20ftypisom", Demuxer::Mov),
            (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", Demuxer::Mov),
            (b"\x1a\x45\xdf\xa3\x01", Demuxer::Matroska),
            (b"RIFF\x00\x00\x00\x00AVI LIST", Demuxer::Avi),
            (b"RIFF\x00\x00\x00\x00WAVEfmt ", Demuxer::Wav),
            (b"FORM\x00\x00\x00\x00AIFFCOMM", Demuxer::Aiff),
            (b"\xff\xf1\x50\x80\x02\x1f\xfc", Demuxer::Aac),
            (b"\xff\xfb\x90\x64", Demuxer::Mp3),
            (b"\x0b\x77\x00\x00\x10\x40", Demuxer::Ac3),
            (b"\x0b\x77\x00\x00\x10\x80", Demuxer::Eac3),
            (&transport_stream(0, 188), Demuxer::MpegTs),
            (&transport_stream(4, 192), Demuxer::MpegTs),
        ];
        for (head, expected) in cases {
            assert_eq!(recognise(head), Ok(Recognised::As(expected)), "{expected:?}");
        }
    }

    #[test]
    fn media_that_begin_further_on_are_found() {
        let ts = |distance: usize| -> Vec<u8> {
            let packet = |distance: usize| {
                let mut packet = vec![0x55; distance];
                packet[distance - 188..][..4].copy_from_slice(&[0x47, 1, 0, 0x10]);
                packet
            };
            packet(distance).repeat(9)
        };
        for (distance, sync) in [(188, 0), (192, 0)] {
            let bytes = ts(distance);
            for off in 1..distance {
                let found = recognise(&bytes[off..]);
                let at = distance - off + sync;
                assert_eq!(found, Ok(Recognised::From(at, Demuxer::MpegTs)), "{distance}, {off}");
            }
        }
        let frame = |head: &[u8], length: usize| [head, &vec![0x55; length - head.len()]].concat();
        for (name, frame, demuxer) in [
            ("mp3", frame(b"\xff\xfb\x90\x00", 417), Demuxer::Mp3),
            ("mp2 of 24 kHz", frame(b"\xff\xf5\x84\x00", 384), Demuxer::Mp3),
            ("adts", frame(b"\xff\xf1\x50\x80\x19\x00", 200), Demuxer::Aac),
            ("ac3", frame(b"\x0b\x77\x00\x00\x14\x40", 768), Demuxer::Ac3),
            ("eac3", frame(b"\x0b\x77\x01\x7f\x00\x80", 768), Demuxer::Eac3),
            (
                "pack",
                frame(
                    b"\x00\x00\x01\xba\x44\x00\x04\x00\x04\x01\x01\x89\xc3\xf8\x00\x00\x01\xe0",
                    99,
                ),
                Demuxer::MpegPs,
            ),
            (
                "packet",
                frame(b"\x00\x00\x01\xe0\x00\x5d\x80\x00\x00\x00\x00\x01\xb3\x14\x00\xf0\x13", 99),
                Demuxer::MpegPs,
            ),
            ("sequence", frame(b"\x00\x00\x01\xb3\x14\x00\xf0\x13", 99), Demuxer::MpegVideo),
        ] {
            let bytes = [&b"\x01\x02\x00"[..], &frame.repeat(4)].concat();
            assert_eq!(recognise(&bytes), Ok(Recognised::From(3, demuxer)), "{name}");
        }
    }

    #[test]
    fn an_id3_tag_is_skipped_by_its_own_length() {
        let tag = recognise(b"ID3\x04\x00\x00\x00\x00\x02\x01rest");
        assert_eq!(tag, Ok(Recognised::TagUntil(10 + 257)));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let cases: [(&[u8], FormatError); 8] = [
            (b"", FormatError::Empty),
            (b"#EXTM3U\nfile:///etc/passwd\n", FormatError::Playlist),
            (b"ffconcat version 1.0\nfile x", FormatError::Playlist),
            (b"<?xml version=\"1.0\"?><MPD/>", FormatError::Playlist),
            (b"just some words\n", FormatError::Text),
            (b"cut inside a caf\xc3", FormatError::Text),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", FormatError::Unknown),
            (b"\x7fELF\x02\x01\x01\x00", FormatError::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(recognise(head), Err(expected));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(head in proptest::collection::vec(0u8.., 0..600)) {
            let _ = recognise(&head);
        }
    }
}
