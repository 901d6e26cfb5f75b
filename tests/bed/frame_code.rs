//! Writes into each video frame which frame of which clip it is.
//!
//! The code consists of black and white cells in the middle half of the video: large enough for a
//! lossy 160x120, and far enough from the edges to survive cropping. Two cells are for calibration,
//! seven are a checksum.

const COLUMNS: usize = 6;
const ROWS: usize = 5;
const BITS: usize = COLUMNS * ROWS - 2;
/// The cells extend from the first to the third quarter of each side.
const QUARTERS: usize = 4;
/// If the calibration cells differ by less, there is no code.
const CONTRAST: f64 = 50.0;
const BLACK: f64 = 40.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameCode {
    /// Less than 32.
    pub clip: u8,
    pub frame: u16,
}

/// What a decoded frame shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Code(FrameCode),
    /// Only black.
    Black,
    Unreadable,
}

impl Shown {
    pub fn code(self) -> Option<FrameCode> {
        if let Self::Code(code) = self { Some(code) } else { None }
    }
}

/// The place of the video in a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Region {
    pub fn whole(width: usize, height: usize) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// Columns and rows of one cell.
    fn cell(self, index: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let along = |start: usize, side: usize, at: usize, cells: usize| {
            let edge = |at: usize| start + side / QUARTERS + side * at * 2 / (cells * QUARTERS);
            edge(at)..edge(at + 1)
        };
        (along(self.x, self.width, column, COLUMNS), along(self.y, self.height, row, ROWS))
    }
}

impl FrameCode {
    pub fn new(clip: u8, frame: u16) -> Self {
        assert!(clip < 32, "clips go up to 31");
        Self { clip, frame }
    }

    fn bits(self) -> u32 {
        let data = u32::from(self.clip) << 16 | u32::from(self.frame);
        data << 7 | check(data)
    }

    fn from_bits(bits: u32) -> Option<Self> {
        let data = bits >> 7;
        let code = Self { clip: (data >> 16) as u8, frame: (data & 0xffff) as u16 };
        (check(data) == bits & 0x7f).then_some(code)
    }

    /// Paints the cells into an RGB frame.
    pub fn paint(self, rgb: &mut [u8], width: usize, height: usize) {
        let bits = self.bits();
        for index in 0..BITS + 2 {
            let white = match index.checked_sub(2) {
                Some(bit) => bits >> bit & 1 == 1,
                None => index == 0,
            };
            let (columns, rows) = Region::whole(width, height).cell(index);
            for row in rows {
                let line =
                    &mut rgb[3 * (row * width + columns.start)..3 * (row * width + columns.end)];
                line.fill(if white { 255 } else { 0 });
            }
        }
    }
}

/// Reads a gray frame whose lines are `stride` long.
pub fn read(gray: &[u8], stride: usize, region: Region) -> Shown {
    let level = |index| cell_level(gray, stride, region.cell(index));
    let (white, black) = (level(0), level(1));
    if white - black < CONTRAST {
        let brightest = gray.iter().copied().max().unwrap_or(0);
        return if f64::from(brightest) < BLACK { Shown::Black } else { Shown::Unreadable };
    }
    let middle = f64::midpoint(white, black);
    let bits = (0..BITS).filter(|bit| level(bit + 2) > middle).fold(0, |bits, bit| bits | 1 << bit);
    FrameCode::from_bits(bits).map_or(Shown::Unreadable, Shown::Code)
}

/// The mean of the cell's middle, which blurred edges do not reach.
fn cell_level(
    gray: &[u8],
    stride: usize,
    cell: (std::ops::Range<usize>, std::ops::Range<usize>),
) -> f64 {
    let (columns, rows) = (middle(cell.0), middle(cell.1));
    let count = columns.len() * rows.len();
    let lines = rows.map(|row| &gray[row * stride + columns.start..row * stride + columns.end]);
    let sum: u64 = lines.flatten().map(|&value| u64::from(value)).sum();
    sum as f64 / count as f64
}

fn middle(range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let margin = range.len() / 3;
    range.start + margin..range.end - margin
}

fn check(data: u32) -> u32 {
    data.wrapping_add(1).wrapping_mul(0x9E37_79B1) >> 25
}

/// The clip's own colour around the cells; the hues of different clips are as far apart as
/// possible.
pub fn colour(clip: u8) -> [u8; 3] {
    let hue = f64::from(clip) * 137.5 % 360.0 / 60.0;
    let channel = |offset: f64| {
        let at = (hue + offset) % 6.0;
        let amount = (at - 3.0).abs().clamp(1.0, 2.0) - 1.0;
        (40.0 + 160.0 * amount).round() as u8
    };
    [channel(0.0), channel(4.0), channel(2.0)]
}
