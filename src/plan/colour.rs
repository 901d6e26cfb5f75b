//! Scaling and conversion to the output's colours and pixel format.

use crate::media::{Colour, Size, VideoStream};
use crate::settle::VideoOutput;

/// Luminance in cd/m2 that a reference white of SDR stands for when a PQ
/// picture is mapped (ITU-R BT.2408 puts it at 203, ffmpeg's hable curve is
/// made for 100).
const NOMINAL_PEAK: u32 = 100;

/// The filters that bring a stream to `size`, and to the output's colours and
/// format.
pub(super) fn scale(stream: &VideoStream, output: &VideoOutput, size: Size) -> Vec<String> {
    let (from, to) = (&stream.colour, &output.colour);
    let mut filters = Vec::new();
    if from.same_as(to) {
        if stream.display_size() != size || stream.size != size {
            filters.push(format!(
                "scale={}:{}:flags=bicubic",
                size.width, size.height
            ));
        }
    } else if is_hdr(from) && !is_hdr(to) {
        filters.extend(tone_map(from, to, size));
    } else {
        filters.push(format!("{}:{}", resize(size), conversion(from, to)));
    }
    filters.push(tagged(output));
    filters
}

/// The output's pixel format and its tags: what the encoder writes down.
pub(super) fn tagged(output: &VideoOutput) -> String {
    let Colour {
        matrix,
        primaries,
        transfer,
        range,
    } = &output.colour;
    format!(
        "format={},setparams=colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range={}",
        output.pixel_format.name(),
        range.name()
    )
}

fn resize(size: Size) -> String {
    format!("zscale=w={}:h={}:filter=bicubic", size.width, size.height)
}

fn conversion(from: &Colour, to: &Colour) -> String {
    format!(
        "{}:m={}:p={}:t={}:r={}",
        input(from),
        to.matrix,
        to.primaries,
        to.transfer,
        to.range.name()
    )
}

/// What the input is: streams don't always say it, so it is said here.
fn input(from: &Colour) -> String {
    format!(
        "min={}:pin={}:tin={}:rin={}",
        from.matrix,
        from.primaries,
        from.transfer,
        from.range.name()
    )
}

fn is_hdr(colour: &Colour) -> bool {
    matches!(&*colour.transfer, "smpte2084" | "arib-std-b67")
}

/// From PQ or HLG to SDR: linear light, the target's primaries, a curve that
/// rolls highlights off, then the target's transfer and matrix.
fn tone_map(from: &Colour, to: &Colour, size: Size) -> [String; 5] {
    [
        format!(
            "{}:{}:t=linear:npl={NOMINAL_PEAK}",
            resize(size),
            input(from)
        ),
        "format=gbrpf32le".to_owned(),
        format!("zscale=p={}", to.primaries),
        "tonemap=tonemap=hable:desat=0".to_owned(),
        format!(
            "zscale=m={}:t={}:r={}",
            to.matrix,
            to.transfer,
            to.range.name()
        ),
    ]
}
