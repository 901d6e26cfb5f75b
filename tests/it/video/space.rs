//! Colours as light, by the formulas of the standards: what a screen shows.

/// Luminance in cd/m2 of SDR's white beside HDR, ITU-R BT.2408.
const WHITE: f64 = 203.0;
/// BT.1886.
const GAMMA: f64 = 2.4;

type Vector = [f64; 3];

/// How light is converted to numbers.
#[derive(Clone, Copy)]
pub(crate) struct Space {
    /// ffmpeg's names of matrix, primaries, transfer and range.
    pub(crate) names: [&'static str; 4],
    /// Luma weights of red and blue; none for RGB.
    pub(crate) weights: Option<(f64, f64)>,
    /// To linear light in BT.709's primaries, by rows.
    to_709: [Vector; 3],
    curve: Curve,
}

#[derive(Clone, Copy)]
enum Curve {
    Gamma,
    Pq,
    Hlg,
}

const ALIKE: [Vector; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// ITU-R BT.2087 and its inverse's like for SMPTE 170M.
const FROM_2020: [Vector; 3] =
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]];
const FROM_170M: [Vector; 3] = [
    [0.939_542, 0.050_181, 0.010_277],
    [0.017_772, 0.965_793, 0.016_435],
    [-0.001_622, -0.004_370, 1.005_991],
];

const fn limited(
    names: [&'static str; 4],
    weights: (f64, f64),
    to_709: [Vector; 3],
    curve: Curve,
) -> Space {
    Space { names, weights: Some(weights), to_709, curve }
}

const W601: (f64, f64) = (0.299, 0.114);
const W709: (f64, f64) = (0.2126, 0.0722);
const W2020: (f64, f64) = (0.2627, 0.0593);

pub(crate) const BT709: Space =
    limited(["bt709", "bt709", "bt709", "tv"], W709, ALIKE, Curve::Gamma);
pub(crate) const FULL: Space =
    limited(["bt709", "bt709", "bt709", "pc"], W709, ALIKE, Curve::Gamma);
pub(crate) const BT601: Space =
    limited(["smpte170m", "smpte170m", "smpte170m", "tv"], W601, FROM_170M, Curve::Gamma);
pub(crate) const BT2020: Space =
    limited(["bt2020nc", "bt2020", "bt2020-10", "tv"], W2020, FROM_2020, Curve::Gamma);
pub(crate) const PQ: Space =
    limited(["bt2020nc", "bt2020", "smpte2084", "tv"], W2020, FROM_2020, Curve::Pq);
pub(crate) const HLG: Space =
    limited(["bt2020nc", "bt2020", "arib-std-b67", "tv"], W2020, FROM_2020, Curve::Hlg);
pub(crate) const RGB: Space = Space {
    names: ["rgb", "bt709", "iec61966-2-1", "pc"],
    weights: None,
    to_709: ALIKE,
    curve: Curve::Gamma,
};

impl Space {
    /// Linear light in BT.709's primaries, white being 1, as three parts of
    /// one: luma and both chromas (around a half), or green, blue and red.
    pub(crate) fn encode(&self, light: Vector) -> Vector {
        let own = times(&inverse(&self.to_709), light);
        let [r, g, b] = self.curve.signal(own);
        let Some((kr, kb)) = self.weights else {
            return [g, b, r];
        };
        let y = kr * r + (1.0 - kr - kb) * g + kb * b;
        let chroma = |c: f64, k: f64| (c - y) / (2.0 * (1.0 - k));
        let (cb, cr) = (chroma(b, kb), chroma(r, kr));
        if self.names[3] == "tv" {
            [(16.0 + 219.0 * y) / 255.0, (128.0 + 224.0 * cb) / 255.0, (128.0 + 224.0 * cr) / 255.0]
        } else {
            [y, 128.0 / 255.0 + cb, 128.0 / 255.0 + cr]
        }
    }

    /// The inverse conversion.
    pub(crate) fn decode(&self, [y, cb, cr]: Vector) -> Vector {
        let (kr, kb) = self.weights.unwrap();
        let [y, cb, cr] = if self.names[3] == "tv" {
            let chroma = |c: f64| (c * 255.0 - 128.0) / 224.0;
            [(y * 255.0 - 16.0) / 219.0, chroma(cb), chroma(cr)]
        } else {
            [y, cb - 128.0 / 255.0, cr - 128.0 / 255.0]
        };
        let (r, b) = (y + 2.0 * (1.0 - kr) * cr, y + 2.0 * (1.0 - kb) * cb);
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        times(&self.to_709, self.curve.light([r, g, b]))
    }
}

impl Curve {
    fn signal(self, light: Vector) -> Vector {
        let power = |value: f64, exponent: f64| value.max(0.0).powf(exponent);
        match self {
            Self::Gamma => light.map(|value| power(value, 1.0 / GAMMA)),
            Self::Pq => light.map(|value| {
                let p = power(value * WHITE / 10_000.0, 0.159_301_757_812_5);
                ((0.835_937_5 + 18.851_562_5 * p) / (1.0 + 18.6875 * p)).powf(78.84375)
            }),
            Self::Hlg => {
                let display = light.map(|value| value.max(0.0) * WHITE / 1000.0);
                let gain = luminance(display).max(1e-9).powf((1.0 - 1.2) / 1.2);
                display.map(|value| {
                    let scene = value * gain;
                    if scene <= 1.0 / 12.0 {
                        (3.0 * scene).sqrt()
                    } else {
                        0.178_832_77 * (12.0 * scene - 0.284_668_92).ln() + 0.559_910_73
                    }
                })
            }
        }
    }

    fn light(self, signal: Vector) -> Vector {
        match self {
            Self::Gamma => signal.map(|value| value.max(0.0).powf(GAMMA)),
            Self::Pq => signal.map(|value| {
                let p = value.max(0.0).powf(1.0 / 78.84375);
                let ratio = (p - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.6875 * p);
                ratio.powf(1.0 / 0.159_301_757_812_5) * 10_000.0 / WHITE
            }),
            Self::Hlg => {
                let scene = signal.map(|value| {
                    if value <= 0.5 {
                        value.max(0.0).powi(2) / 3.0
                    } else {
                        (((value - 0.559_910_73) / 0.178_832_77).exp() + 0.284_668_92) / 12.0
                    }
                });
                let gain = luminance(scene).max(1e-9).powf(0.2) * 1000.0 / WHITE;
                scene.map(|value| value * gain)
            }
        }
    }
}

/// Of BT.2020's primaries.
fn luminance([r, g, b]: Vector) -> f64 {
    0.2627 * r + 0.678 * g + 0.0593 * b
}

fn times(matrix: &[Vector; 3], vector: Vector) -> Vector {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

fn inverse(m: &[Vector; 3]) -> [Vector; 3] {
    let minor = |r: usize, c: usize| {
        let at = |i: usize, j: usize| m[(r + i) % 3][(c + j) % 3];
        at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1)
    };
    let determinant: f64 = (0..3).map(|c| m[0][c] * minor(0, c)).sum();
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| minor(column, row) / determinant))
}
