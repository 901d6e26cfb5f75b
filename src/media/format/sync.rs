//! Formats that can be recognised from any byte on, since each of their packets or frames has a
//! sync word: a file may begin in the middle of one, or with bytes that are no media.

use super::Demuxer;
use crate::clamped::clamped;

/// So many consecutive frames are no coincidence.
const FRAMES: usize = 3;
/// The same for a transport stream, whose packets have a sync word of only one byte.
const PACKETS: usize = 8;
const FEWEST_PACKETS: usize = 5;

/// kbit/s of MPEG-1 layers I to III, ISO/IEC 11172-3, 2.4.2.3.
const RATES_1: [[usize; 14]; 3] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];
/// The same for MPEG-2 and 2.5: layer I, then layers II and III, ISO/IEC 13818-3, 2.4.2.3.
const RATES_2: [[usize; 14]; 2] = [
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Hz of MPEG-1; MPEG-2 has half of each, MPEG-2.5 a quarter.
const SAMPLE_RATES: [usize; 3] = [44_100, 48_000, 32_000];
/// kbit/s of AC-3, ETSI TS 102 366, table 4.13.
const DOLBY_RATES: [usize; 19] =
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];

/// Where audio frames of such a format begin, and in which format.
pub(super) fn find(head: &[u8]) -> Option<(usize, Demuxer)> {
    (0..head.len()).find_map(|at| begins(&head[at..]).map(|demuxer| (at, demuxer)))
}

fn begins(bytes: &[u8]) -> Option<Demuxer> {
    match bytes {
        [0, 0, 1, 0xb3, ..] => sequence(bytes).then_some(Demuxer::MpegVideo),
        [0xff, ..] => in_a_row(bytes, adts)
            .then_some(Demuxer::Aac)
            .or_else(|| in_a_row(bytes, mpeg_audio).then_some(Demuxer::Mp3)),
        [0x0b, 0x77, ..] => in_a_row(bytes, dolby).then(|| {
            // The same test as in `super::dolby`.
            if bytes[5] >> 3 <= 10 { Demuxer::Ac3 } else { Demuxer::Eac3 }
        }),
        _ => None,
    }
}

/// Where the first whole packet of a transport stream begins, of 188, 192 or 204 bytes.
pub(super) fn transport_stream(head: &[u8]) -> Option<usize> {
    let synced = |at: usize| match head.get(at..at + 4) {
        // In a valid packet at least one of the two bits is set: it has a payload, an adaptation
        // field, or both.
        Some(packet) => packet[0] == 0x47 && packet[3] & 0x30 != 0,
        None => false,
    };
    let run = |first: usize, distance: usize| {
        let whole = (head.len() - first).saturating_sub(4) / distance + 1;
        let wanted = whole.min(PACKETS);
        wanted >= FEWEST_PACKETS && (0..wanted).all(|packet| synced(first + packet * distance))
    };
    (0..head.len()).filter(|&at| synced(at)).find_map(|at| {
        let distance = [188, 192, 204].into_iter().find(|&distance| run(at, distance))?;
        // A timecode of four bytes precedes the sync byte.
        Some(if distance == 192 { at.checked_sub(4).unwrap_or(at + 188) } else { at })
    })
}

/// Where the first whole pack of a program stream begins. A video stream without a container has no
/// pack headers.
pub(super) fn program_stream(head: &[u8]) -> Option<usize> {
    (0..head.len()).find(|&at| match head[at..] {
        [0, 0, 1, 0xba, ..] => pack(&head[at..]),
        [0, 0, 1, 0xbb..=0xef, high, low, ..] => {
            let next = at + 6 + usize::from(u16::from_be_bytes([high, low]));
            matches!(head.get(next..next + 4), Some([0, 0, 1, 0xb9..=0xff]))
        }
        _ => false,
    })
}

/// A pack header, ISO/IEC 13818-1 table 2-39 or ISO/IEC 11172-1, followed by another start code.
fn pack(bytes: &[u8]) -> bool {
    let length = match bytes.get(4) {
        Some(byte) if byte & 0xc0 == 0x40 => {
            14 + usize::from(bytes.get(13).copied().unwrap_or(0) & 7)
        }
        Some(byte) if byte & 0xf0 == 0x20 => 12,
        _ => return false,
    };
    bytes.get(length..length + 3) == Some(&[0, 0, 1])
}

/// A sequence header with a valid size, aspect, and rate.
fn sequence(bytes: &[u8]) -> bool {
    matches!(bytes.get(4..8), Some(&[a, b, c, rates])
        if (a, b >> 4) != (0, 0) && (b & 15, c) != (0, 0)
            && (1..=4).contains(&(rates >> 4)) && (1..=8).contains(&(rates & 15)))
}

/// Whether frames follow each other. `frame` returns a frame's length, and the bits that all frames
/// of one stream have in common.
fn in_a_row(bytes: &[u8], frame: impl Fn(&[u8]) -> Option<(usize, [u8; 2])>) -> bool {
    let mut rest = bytes;
    let mut common = None;
    for _ in 0..FRAMES {
        let Some((length, of_frame)) = frame(rest) else { return false };
        if *common.get_or_insert(of_frame) != of_frame {
            return false;
        }
        let Some(next) = rest.get(length..) else { return false };
        rest = next;
    }
    true
}

/// The length of the frame of MPEG audio that begins here.
#[must_use]
pub fn mpeg_audio_length(bytes: &[u8]) -> Option<u64> {
    mpeg_audio(bytes).map(|(length, _)| clamped(length))
}

fn mpeg_audio(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    let &[first, second, third, ..] = bytes else { return None };
    let (version, layer) = (second >> 3 & 3, usize::from(second >> 1 & 3));
    if first != 0xff || second & 0xe0 != 0xe0 || version == 1 || layer == 0 {
        return None;
    }
    // In the header, 3 means layer I and 1 means layer III.
    let layer = 3 - layer;
    let rates = if version == 3 { &RATES_1[layer] } else { &RATES_2[layer.min(1)] };
    let rate = rates.get(usize::from(third >> 4).checked_sub(1)?)? * 1000;
    let shift = match version {
        3 => 0,
        2 => 1,
        _ => 2,
    };
    let sample_rate = SAMPLE_RATES.get(usize::from(third >> 2 & 3))? >> shift;
    let padding = usize::from(third >> 1 & 1);
    let length = match layer {
        0 => (12 * rate / sample_rate + padding) * 4,
        2 if version != 3 => 72 * rate / sample_rate + padding,
        _ => 144 * rate / sample_rate + padding,
    };
    Some((length, [second, third & 0x0c]))
}

fn adts(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    let &[first, second, third, fourth, fifth, sixth, ..] = bytes else { return None };
    if first != 0xff || second & 0xf6 != 0xf0 || third >> 2 & 15 >= 13 {
        return None;
    }
    let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
    (length > 7).then_some((length, [second, third & 0xfd]))
}

/// A frame of AC-3 or E-AC-3, whose headers differ after the sync word.
fn dolby(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    let &[0x0b, 0x77, third, fourth, fifth, sixth, ..] = bytes else { return None };
    let identifier = sixth >> 3;
    let length = match identifier {
        0..=10 => {
            let rate = DOLBY_RATES.get(usize::from(fifth & 63) / 2)?;
            match fifth >> 6 {
                0 => rate * 4,
                // Some frames have one word more, so that the mean rate is exact.
                1 => (rate * 320 / 147 + usize::from(fifth & 1)) * 2,
                2 => rate * 6,
                _ => return None,
            }
        }
        11..=16 => (usize::from(third & 7) << 8 | usize::from(fourth)) * 2 + 2,
        _ => return None,
    };
    // Some frames of E-AC-3 belong to further substreams.
    Some((length, [identifier, 0]))
}
