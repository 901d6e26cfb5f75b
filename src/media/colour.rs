//! Colour description of a video: the code points of ITU-T H.273, under ffmpeg's names.

use super::Size;
use serde::{Deserialize, Serialize};

/// Matrix, primaries, transfer and range. Never "unknown": where a stream declares nothing, the
/// usual convention fills the gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    /// Matrix coefficients, `gbr` for RGB.
    pub matrix: String,
    /// Colour primaries.
    pub primaries: String,
    /// Transfer characteristics.
    pub transfer: String,
    /// Nominal range of the samples.
    pub range: ColourRange,
}

/// Nominal range of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ColourRange {
    /// 16-235, "tv".
    Limited,
    /// 0-255, "pc".
    Full,
}

impl ColourRange {
    /// ffmpeg's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Limited => "tv",
            Self::Full => "pc",
        }
    }
}

/// The colour tags of a stream, as declared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tags<'a> {
    pub(crate) matrix: Option<&'a str>,
    pub(crate) primaries: Option<&'a str>,
    pub(crate) transfer: Option<&'a str>,
    pub(crate) range: Option<&'a str>,
}

impl Colour {
    /// The colours that players assume for a video of this size: BT.709 from 720 lines (or 1280
    /// columns) on, BT.601 below.
    #[must_use]
    pub fn standard(size: Size) -> Self {
        let name = if size.width.max(size.height) >= 1280 || size.width.min(size.height) >= 720 {
            "bt709"
        } else {
            "smpte170m"
        };
        Self::of(name)
    }

    /// Limited range, with this name for matrix, primaries and transfer.
    fn of(name: &str) -> Self {
        Self {
            matrix: name.to_owned(),
            primaries: name.to_owned(),
            transfer: name.to_owned(),
            range: ColourRange::Limited,
        }
    }

    /// Completes a stream's tags. A matrix alone determines the rest; without any tag the standard
    /// for the size applies.
    pub(crate) fn complete(tags: Tags<'_>, pixel_format: &str, size: Size) -> Self {
        let said = |tag: Option<&str>, known: &[&str]| {
            tag.filter(|tag| known.contains(tag)).map(str::to_owned)
        };
        let standard = Self::standard(size);
        let rgb = is_rgb(pixel_format);
        let matrix = if rgb { Some("gbr".to_owned()) } else { said(tags.matrix, MATRICES) };
        let primaries = said(tags.primaries, PRIMARIES);
        let transfer = said(tags.transfer, TRANSFERS);
        let family = [&matrix, &primaries, &transfer]
            .into_iter()
            .flatten()
            .find_map(|tag| family(tag))
            .unwrap_or(if rgb { "bt709" } else { &standard.primaries })
            .to_owned();
        let full =
            rgb || pixel_format.starts_with("yuvj") || matches!(tags.range, Some("pc" | "jpeg"));
        Self {
            matrix: matrix.unwrap_or_else(|| matrix_of(&family).to_owned()),
            primaries: primaries.unwrap_or_else(|| family.clone()),
            transfer: transfer.unwrap_or_else(|| transfer_of(&family).to_owned()),
            range: if full { ColourRange::Full } else { ColourRange::Limited },
        }
    }

    /// The same colours in a form that an encoder of YUV frames can declare. RGB becomes BT.709
    /// whatever its size, since most RGB video has those primaries.
    #[must_use]
    pub fn as_yuv(&self) -> Self {
        if self.matrix == "gbr" { Self::of("bt709") } else { self.clone() }
    }

    /// Whether frames of both look the same without conversion. The two BT.601 variants share their
    /// matrix, and their primaries differ by less than displays do; BT.601, BT.709 and BT.2020
    /// share one transfer curve, and screens show sRGB with that curve, too.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        same_matrix(&self.matrix) == same_matrix(&other.matrix)
            && self.primaries == other.primaries
            && self.has_curve_of(other)
            && self.range == other.range
    }

    /// Whether both have the same transfer curve.
    #[must_use]
    pub fn has_curve_of(&self, other: &Self) -> bool {
        same_transfer(&self.transfer) == same_transfer(&other.transfer)
    }
}

/// The matrices that can be converted; any other counts as undeclared.
const MATRICES: &[&str] =
    &["bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc", "bt2020c", "ycgco"];
const PRIMARIES: &[&str] = &[
    "bt709",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "film",
    "bt2020",
    "smpte428",
    "smpte431",
    "smpte432",
    "ebu3213",
];
const TRANSFERS: &[&str] = &[
    "bt709",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "linear",
    "log100",
    "log316",
    "iec61966-2-4",
    "iec61966-2-1",
    "bt2020-10",
    "bt2020-12",
    "smpte2084",
    "arib-std-b67",
];

/// Whether a pixel format holds RGB (a palette counts as RGB).
fn is_rgb(pixel_format: &str) -> bool {
    const PREFIXES: [&str; 9] =
        ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb"];
    PREFIXES.iter().any(|prefix| pixel_format.starts_with(prefix))
}

/// The family that a tag belongs to, named after its primaries.
fn family(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "bt709" => "bt709",
        "smpte170m" | "smpte240m" => "smpte170m",
        "bt470bg" | "bt470m" => "bt470bg",
        "bt2020" | "bt2020nc" | "bt2020c" | "bt2020-10" | "bt2020-12" | "smpte2084"
        | "arib-std-b67" => "bt2020",
        _ => return None,
    })
}

fn matrix_of(family: &str) -> &str {
    if family == "bt2020" { "bt2020nc" } else { family }
}

fn transfer_of(family: &str) -> &str {
    match family {
        "bt2020" => "bt2020-10",
        // H.273 gives the curve of BT.601 one code point for both variants.
        "bt470bg" => "smpte170m",
        other => other,
    }
}

fn same_matrix(matrix: &str) -> &str {
    if matrix == "bt470bg" { "smpte170m" } else { matrix }
}

fn same_transfer(transfer: &str) -> &str {
    match transfer {
        "smpte170m" | "bt2020-10" | "bt2020-12" | "iec61966-2-1" => "bt709",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{Colour, ColourRange, Size, Tags};

    const SMALL: Size = Size::new(640, 480);
    const LARGE: Size = Size::new(1920, 1080);

    #[test]
    fn what_a_stream_leaves_out_is_completed() {
        let none = Tags::default();
        let matrix = |m| Tags { matrix: Some(m), ..none };
        let transfer = |t| Tags { transfer: Some(t), ..none };
        for (name, tags, size, expected) in [
            ("nothing, small", none, SMALL, ("smpte170m", "smpte170m", "smpte170m")),
            ("nothing, large", none, LARGE, ("bt709", "bt709", "bt709")),
            ("unknown, large", matrix("unknown"), LARGE, ("bt709", "bt709", "bt709")),
            ("a matrix against the size", matrix("bt709"), SMALL, ("bt709", "bt709", "bt709")),
            ("PAL", matrix("bt470bg"), LARGE, ("bt470bg", "bt470bg", "smpte170m")),
            ("PQ alone", transfer("smpte2084"), LARGE, ("bt2020nc", "bt2020", "smpte2084")),
        ] {
            let colour = Colour::complete(tags, "yuv420p", size);
            let found = (&*colour.matrix, &*colour.primaries, &*colour.transfer);
            assert_eq!(found, expected, "{name}");
            assert_eq!(colour.range, ColourRange::Limited, "{name}");
        }
    }

    #[test]
    fn full_range_follows_from_tag_or_pixel_format() {
        let tagged = Tags { range: Some("pc"), ..Tags::default() };
        for (tags, format) in
            [(tagged, "yuv420p"), (Tags::default(), "yuvj420p"), (Tags::default(), "rgb24")]
        {
            assert_eq!(Colour::complete(tags, format, SMALL).range, ColourRange::Full, "{format}");
        }
    }

    #[test]
    fn rgb_becomes_bt709_as_yuv() {
        let colour = Colour::complete(Tags::default(), "gbrp", SMALL);
        assert_eq!(colour.matrix, "gbr");
        assert_eq!(colour.as_yuv(), Colour::standard(LARGE));
    }
}
