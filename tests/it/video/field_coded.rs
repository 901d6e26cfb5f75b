//! H.264 in which every picture is a field, as camcorders write it. No encoder here does that, so
//! the tests write gray macroblocks without any compression.

const SIDE: u32 = 64;
/// Frames between two that need no other frame.
const KEY_FRAMES: usize = 12;
/// The type of a macroblock whose samples are stored uncompressed.
const PLAIN: u32 = 25;

/// Bits, as the codec writes numbers.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// A number in `count` bits.
    fn put(mut self, count: u32, number: u32) -> Self {
        self.0.extend((0..count).rev().map(|bit| number >> bit & 1 == 1));
        self
    }

    /// A number in Golomb's code.
    fn code(self, number: u32) -> Self {
        let length = u32::BITS - (number + 1).leading_zeros();
        self.put(length - 1, 0).put(length, number + 1)
    }

    fn align(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(8), false);
        self
    }

    /// A unit with this header, whose bytes never look like the start of another.
    fn unit(self, header: u8) -> Vec<u8> {
        let payload = self.put(1, 1).align();
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        let mut unit = vec![0, 0, 0, 1, header];
        let mut zeros = 0;
        for byte in payload.0.chunks(8).map(byte) {
            if zeros >= 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            unit.push(byte);
            zeros = if byte == 0 { zeros + 1 } else { 0 };
        }
        unit
    }
}

/// Main profile; frames of 64x64, of fields or frames; the time of a field.
fn headers() -> Vec<u8> {
    let sequence = Bits::default().put(8, 77).put(8, 0).put(8, 30).code(0).code(0).code(2).code(1);
    let sequence = sequence.put(1, 0).code(SIDE / 16 - 1).code(SIDE / 32 - 1);
    let sequence =
        sequence.put(4, 0b0010).put(6, 0b10_0001).put(32, 1).put(32, 50).put(5, 0b1_0000);
    let picture = Bits::default().code(0).code(0).put(2, 0).code(0).code(0).code(0).put(3, 0);
    let picture = picture.code(0).code(0).code(0).put(3, 0b100);
    [sequence.unit(0x67), picture.unit(0x68)].concat()
}

fn field(frame: usize, is_bottom: bool) -> Vec<u8> {
    let number = u32::try_from(frame % KEY_FRAMES).unwrap();
    let is_key = number == 0 && !is_bottom;
    let luma = u32::try_from(40 + frame * 3 % 180).unwrap() + u32::from(is_bottom) * 4;
    let mut bits = Bits::default().code(0).code(7).code(0).put(4, number);
    bits = bits.put(1, 1).put(1, u32::from(is_bottom));
    bits = if is_key { bits.code(0).put(2, 0) } else { bits.put(1, 0) };
    bits = bits.code(0).code(1);
    for _ in 0..SIDE / 16 * SIDE / 32 {
        bits = bits.code(PLAIN).align();
        bits = (0..256).fold(bits, |bits, _| bits.put(8, luma));
        bits = (0..128).fold(bits, |bits, _| bits.put(8, 128));
    }
    bits.unit(if is_key { 0x65 } else { 0x61 })
}

/// This many frames, at 25 a second.
pub(crate) fn stream(frames: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for frame in 0..frames {
        if frame % KEY_FRAMES == 0 {
            stream.extend(headers());
        }
        stream.extend(field(frame, false));
        stream.extend(field(frame, true));
    }
    stream
}
