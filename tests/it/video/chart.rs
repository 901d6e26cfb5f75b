//! A test chart: a square in the middle, and another colour in every corner.

use std::path::{Path, PathBuf};

use super::studio::{Studio, frame, put};
use crate::bed::rotation;
use crate::scene::Scene;

/// How the chart is stored. The sides are those of the upright video in
/// square pixels.
#[derive(Clone, Copy)]
pub(crate) struct Chart {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Width of a stored pixel for a height of one, before rotation.
    pub(crate) aspect: u32,
    pub(crate) turn: u16,
    /// Whether the container declares the rotation.
    pub(crate) told: bool,
    pub(crate) codec: &'static str,
}

/// What a frame shows of the chart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) size: (usize, usize),
    /// Top left, top right, bottom left, bottom right.
    pub(crate) corners: String,
    /// Sides of the square in the middle.
    pub(crate) square: (usize, usize),
    /// The square's distances from left and top of the frame.
    pub(crate) at: (usize, usize),
}

const COLOURS: [(char, [u8; 3]); 6] = [
    ('k', [0, 0, 0]),
    ('b', [0, 0, 255]),
    ('r', [255, 0, 0]),
    ('g', [0, 255, 0]),
    ('y', [255, 255, 0]),
    ('w', [255, 255, 255]),
];

impl Chart {
    pub(crate) const fn new(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            aspect: 1,
            turn: 0,
            told: true,
            codec: "libx264 -crf 8 -preset ultrafast -pix_fmt yuv420p",
        }
    }

    pub(crate) const fn turned(self, turn: u16) -> Self {
        Self { turn, ..self }
    }

    /// Rotated, and the container does not declare it.
    pub(crate) const fn turned_untold(self, turn: u16) -> Self {
        Self { turn, told: false, ..self }
    }

    pub(crate) const fn aspect(self, aspect: u32) -> Self {
        Self { aspect, ..self }
    }

    pub(crate) const fn codec(self, codec: &'static str) -> Self {
        Self { codec, ..self }
    }

    pub(crate) fn put(self, scene: &Scene, name: &str) {
        let studio = Studio::new();
        put(scene, &self.make(&studio, name, ""));
    }

    pub(crate) fn make(self, studio: &Studio, name: &str, more: &str) -> PathBuf {
        let Self { width, height, .. } = self;
        let side = width.min(height) / 8;
        let square = width.min(height) / 2;
        let mut filters = format!("color=0x0000ff:s={width}x{height}:r=25:d=0.4,format=rgb24");
        let mut paint = |x: u32, y: u32, side: u32, colour: &str| {
            let paint = format!(",drawbox={x}:{y}:{side}:{side}:{colour}:fill");
            filters.push_str(&paint);
        };
        paint((width - square) / 2, (height - square) / 2, square, "white");
        paint(0, 0, side, "0xff0000");
        paint(width - side, 0, side, "0x00ff00");
        paint(0, height - side, side, "0xffff00");
        paint(width - side, height - side, side, "white");
        filters.push_str(match self.turn {
            90 => ",transpose=cclock",
            180 => ",hflip,vflip",
            270 => ",transpose=clock",
            _ => "",
        });
        let aspect = self.aspect;
        filters.push_str(&format!(",scale=iw/{aspect}:ih:flags=area,setsar={aspect}"));
        let codec = self.codec;
        let file = studio.make(name, &format!("-f lavfi -i {filters} -c:v {codec} {more}"));
        if self.turn != 0 && self.told {
            rotation::write(&file, self.turn);
        }
        file
    }
}

impl Seen {
    /// Frame `number` of a file.
    pub(crate) fn of(file: &Path, size: (usize, usize), number: usize) -> Self {
        let (width, height) = size;
        let video = frame(file, number, "rgb24", width * height * 3);
        let colour = |x: usize, y: usize| name(&video[3 * (y * width + x)..][..3]);
        let (right, bottom) = (width - 3, height - 3);
        let corners = [(2, 2), (right, 2), (2, bottom), (right, bottom)];
        let row: Vec<_> = (0..width).map(|x| colour(x, height / 2)).collect();
        let column: Vec<_> = (0..height).map(|y| colour(width / 2, y)).collect();
        let (left, across) = white(&row);
        let (top, down) = white(&column);
        Self {
            size,
            corners: corners.into_iter().map(|(x, y)| colour(x, y)).collect(),
            square: (across, down),
            at: (left, top),
        }
    }

    /// The same within the blur of scaling and coding, and the four lines to which bars are
    /// rounded; the square is in the middle.
    pub(crate) fn is(&self, size: (usize, usize), corners: &str, square: (usize, usize)) -> bool {
        let near = |a: usize, b: usize| a.abs_diff(b) <= 3;
        let middle = |side: usize, square: usize, at: usize| near(at + square / 2, side / 2);
        self.size == size
            && self.corners == corners
            && near(self.square.0, square.0)
            && near(self.square.1, square.1)
            && middle(size.0, self.square.0, self.at.0)
            && middle(size.1, self.square.1, self.at.1)
    }
}

/// Where the white is, and how much of it.
fn white(line: &[char]) -> (usize, usize) {
    let start = line.iter().position(|&c| c == 'w').unwrap_or(0);
    (start, line.iter().filter(|&&c| c == 'w').count())
}

fn name(pixel: &[u8]) -> char {
    let distance = |colour: &[u8; 3]| -> u32 {
        let parts = colour.iter().zip(pixel);
        parts.map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let nearest = COLOURS.iter().min_by_key(|(_, colour)| distance(colour));
    nearest.unwrap().0
}
