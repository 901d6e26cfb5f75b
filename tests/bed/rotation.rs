//! Rotated frames: how they are stored, and the matrix in the file that rotates them back.
//!
//! The matrix is written into the file directly, since ffmpeg's option for it differs between
//! versions.

use std::path::Path;

/// An upright RGB frame as a camera held sideways would store it.
pub fn stored(upright: Vec<u8>, (width, height): (usize, usize), degrees: u16) -> Vec<u8> {
    let (stored_width, stored_height) =
        if degrees.is_multiple_of(180) { (width, height) } else { (height, width) };
    if degrees == 0 {
        return upright;
    }
    let from = |x: usize, y: usize| match degrees {
        90 => (width - 1 - y, x),
        180 => (width - 1 - x, height - 1 - y),
        _ => (y, height - 1 - x),
    };
    let mut video = Vec::with_capacity(upright.len());
    for y in 0..stored_height {
        for x in 0..stored_width {
            let (x, y) = from(x, y);
            video.extend_from_slice(&upright[3 * (y * width + x)..][..3]);
        }
    }
    video
}

/// Writes the matrix into the video's track header.
pub fn write(file: &Path, degrees: u16) {
    let mut bytes = std::fs::read(file).expect("the file was just made");
    let header = bytes.windows(4).enumerate().filter(|(_, name)| name == b"tkhd").map(|(at, _)| at);
    let header = header.into_iter().find(|&at| bytes[at + 80..at + 84] != [0; 4]);
    let header = header.expect("only mov and mp4 files can be turned");
    let one = 0x0001_0000_u32;
    let (a, b, c, d) = match degrees {
        90 => (0, one, one.wrapping_neg(), 0),
        180 => (one.wrapping_neg(), 0, 0, one.wrapping_neg()),
        270 => (0, one.wrapping_neg(), one, 0),
        _ => panic!("turns are by 90, 180 or 270 degrees"),
    };
    let matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000];
    for (index, value) in matrix.into_iter().enumerate() {
        bytes[header + 44 + 4 * index..][..4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(file, bytes).expect("the file was just made");
}
