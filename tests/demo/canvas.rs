//! A frame in which rectangles, letters and other frames can be drawn.

use crate::font;

pub(crate) type Colour = [u8; 3];

#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Three bytes per pixel, red first.
    pub(crate) rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize, colour: Colour) -> Self {
        let rgb = colour.repeat(width * height);
        Self { width, height, rgb }
    }

    /// From one colour at the top to another at the bottom.
    pub(crate) fn gradient(width: usize, height: usize, top: Colour, bottom: Colour) -> Self {
        let mut canvas = Self::new(width, height, top);
        for y in 0..height {
            let part = y * 256 / height;
            canvas.fill((0, y), (width, 1), blend(top, bottom, part));
        }
        canvas
    }

    /// The part outside of the frame is ignored.
    pub(crate) fn fill(
        &mut self,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
        colour: Colour,
    ) {
        let right = (x + width).min(self.width);
        for row in y..(y + height).min(self.height) {
            for column in x..right {
                self.rgb[3 * (row * self.width + column)..][..3].copy_from_slice(&colour);
            }
        }
    }

    pub(crate) fn disc(&mut self, (x, y): (usize, usize), radius: usize, colour: Colour) {
        for row in y.saturating_sub(radius)..y + radius {
            let across = (radius * radius - row.abs_diff(y).pow(2)).isqrt();
            let left = x.saturating_sub(across);
            self.fill((left, row), (x + across - left, 1), colour);
        }
    }

    /// Each dot of a letter becomes a square of `scale` pixels.
    pub(crate) fn text(&mut self, at: (usize, usize), scale: usize, colour: Colour, text: &str) {
        for (index, letter) in text.chars().enumerate() {
            let left = at.0 + index * advance(scale);
            for (column, row) in font::dots(letter) {
                let dot = (left + column * scale, at.1 + row * scale);
                self.fill(dot, (scale, scale), colour);
            }
        }
    }

    pub(crate) fn centred(&mut self, y: usize, scale: usize, colour: Colour, text: &str) {
        let left = self.width.saturating_sub(text_width(scale, text)) / 2;
        self.text((left, y), scale, colour, text);
    }

    /// Draws another frame, which has to fit into this one.
    pub(crate) fn lay(&mut self, (x, y): (usize, usize), video: &Canvas) {
        for row in 0..video.height {
            let from = 3 * row * video.width;
            let to = 3 * ((y + row) * self.width + x);
            self.rgb[to..to + 3 * video.width]
                .copy_from_slice(&video.rgb[from..from + 3 * video.width]);
        }
    }
}

pub(crate) const fn text_height(scale: usize) -> usize {
    font::ROWS * scale
}

pub(crate) fn text_width(scale: usize, text: &str) -> usize {
    (text.chars().count() * advance(scale)).saturating_sub(scale)
}

const fn advance(scale: usize) -> usize {
    (font::COLUMNS + 1) * scale
}

/// 0 gives the first colour, 256 the second.
pub(crate) fn blend(from: Colour, to: Colour, part: usize) -> Colour {
    std::array::from_fn(|channel| {
        let mixed = usize::from(from[channel]) * (256 - part) + usize::from(to[channel]) * part;
        u8::try_from(mixed / 256).unwrap_or(u8::MAX)
    })
}
