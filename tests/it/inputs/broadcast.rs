//! Transport streams as recorders of broadcasts write them.

use super::{Between, plain, scene};

const PACKET: usize = 188;
/// Where ffmpeg puts the table of the programme's streams.
const TABLE: usize = 0x1000;
const LATM: u8 = 0x11;
const ADTS: u8 = 0x0f;

/// AAC in LATM that the table declares as AAC in ADTS: ffmpeg has to find out.
#[test]
fn latm_that_is_announced_as_adts() {
    let source = plain(2).extra_args(&["-mpegts_flags", "latm"]);
    let mut bytes = std::fs::read(source.write("latm.ts")).unwrap();
    let renamed: usize = bytes.chunks_exact_mut(PACKET).map(rename).sum();
    assert!(renamed > 0);
    let scene = scene();
    scene.s3.put("sources", "recorded.ts", bytes);
    assert_eq!(Between::new("recorded.ts").faults(&scene), [""; 0]);
}

/// Gives the streams of one kind in a packet another one; returns how many.
fn rename(packet: &mut [u8]) -> usize {
    let pid = usize::from(packet[1] & 0x1f) << 8 | usize::from(packet[2]);
    if pid != TABLE {
        return 0;
    }
    // One section, ISO/IEC 13818-1 table 2-33, after the byte that says where it starts.
    let start = 5 + usize::from(packet[4]);
    let section = &mut packet[start..];
    let twelve_bits = |bytes: &[u8]| usize::from(bytes[0] & 0x0f) << 8 | usize::from(bytes[1]);
    let end = 3 + twelve_bits(&section[1..]) - 4;
    let mut at = 12 + twelve_bits(&section[10..]);
    let mut renamed = 0;
    while at < end {
        if section[at] == LATM {
            section[at] = ADTS;
            renamed += 1;
        }
        at += 5 + twelve_bits(&section[at + 3..]);
    }
    let sum = checksum(&section[..end]);
    section[end..end + 4].copy_from_slice(&sum.to_be_bytes());
    renamed
}

/// The CRC of these tables.
fn checksum(bytes: &[u8]) -> u32 {
    let bit = |sum: u32, _| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
    bytes.iter().fold(u32::MAX, |sum, &byte| (0..8).fold(sum ^ u32::from(byte) << 24, bit))
}
