//! Conversion to the output's colours and pixel format.

use crate::media::{Colour, VideoStream};
use crate::output::VideoOutput;

/// Luminance in cd/m2 of SDR white in PQ and HLG, from ITU-R BT.2408.
const REFERENCE_WHITE: u32 = 203;

/// The filters that convert a stream to the output's colours and format.
pub(super) fn convert(stream: &VideoStream, output: &VideoOutput) -> Vec<String> {
    let (from, to) = (&stream.colour, &output.colour);
    let mut filters = Vec::new();
    if is_hdr(from) && !is_hdr(to) {
        filters.extend(tone_map(from, to));
    } else if !from.same_as(to) {
        filters.push(conversion(from, to));
    }
    filters.push(tagged(output));
    filters
}

/// The output's pixel format and the colour tags that the encoder writes.
pub(super) fn tagged(output: &VideoOutput) -> String {
    let Colour { matrix, primaries, transfer, range } = &output.colour;
    format!(
        "format={},setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={}",
        output.pixel_format.name(),
        range.name()
    )
}

fn conversion(from: &Colour, to: &Colour) -> String {
    // If both names mean the same curve, it must not be converted.
    let (transfer_in, light) = if from.has_curve_of(to) {
        (&to.transfer, String::new())
    } else {
        (&from.transfer, light())
    };
    format!(
        "zscale={}:m={}:p={}:t={}:r={}{light}",
        input(from, transfer_in),
        to.matrix,
        to.primaries,
        to.transfer,
        to.range.name()
    )
}

/// The input's colours, named explicitly because a stream may lack tags.
fn input(from: &Colour, transfer: &str) -> String {
    format!("min={}:pin={}:tin={}:rin={}", from.matrix, from.primaries, transfer, from.range.name())
}

/// How a transfer curve is inverted: by display luminance. The filter's approximation would treat
/// the components of HLG separately, which changes its colours.
fn light() -> String {
    format!(":npl={REFERENCE_WHITE}:agamma=0")
}

fn is_hdr(colour: &Colour) -> bool {
    matches!(&*colour.transfer, "smpte2084" | "arib-std-b67")
}

/// From PQ or HLG to SDR: linear light, the target's primaries, a curve that compresses highlights,
/// then the target's transfer and matrix. The curve leaves everything darker than a third of white
/// unchanged, so faces and shadows look as they do in SDR.
fn tone_map(from: &Colour, to: &Colour) -> [String; 5] {
    [
        format!("zscale={}:t=linear{}", input(from, &from.transfer), light()),
        "format=gbrpf32le".to_owned(),
        format!("zscale=p={}", to.primaries),
        "tonemap=tonemap=mobius:desat=0".to_owned(),
        format!("zscale=m={}:t={}:r={}", to.matrix, to.transfer, to.range.name()),
    ]
}
