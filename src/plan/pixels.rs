//! Converts frames for the other filters: gray becomes luma, and transparency is kept only if the
//! frames really have it and the output does.

use crate::media::VideoStream;
use crate::output::VideoOutput;

/// Formats with luma of these depths and neutral chroma, for gray with as many bits or fewer.
const LUMA: &str = "yuv420p|yuv420p10le|yuv420p12le|yuv420p14le|yuv420p16le";
const LUMA_WITH_ALPHA: &str = "yuva420p|yuva420p10le|yuva420p16le";

/// The scaler takes all gray for full range, whatever the frames declare: black would become gray,
/// and white darker. So the samples are passed on unchanged, and their range is declared
/// afterwards.
pub(super) fn from_gray(stream: &VideoStream) -> Option<String> {
    let formats = match &*stream.pixel_format {
        name if name.starts_with("gray") => LUMA,
        name if name.starts_with("ya8") || name.starts_with("ya16") => LUMA_WITH_ALPHA,
        _ => return None,
    };
    let range = stream.colour.range.name();
    Some(format!("scale=in_range=pc:out_range=pc,format={formats},setparams=range={range}"))
}

/// Drops an unused byte of each pixel, which the decoder takes for alpha.
pub(super) fn without_unused(stream: &VideoStream) -> Option<String> {
    (stream.pixel_format == "bgr0").then(|| "format=bgr0".to_owned())
}

/// Composes transparent frames over black if the output has no transparency: encoders and
/// converters would otherwise show the colour that is hidden.
pub(super) fn over_black(stream: &VideoStream, output: &VideoOutput) -> Option<String> {
    if !stream.has_alpha() || output.pixel_format.has_alpha() {
        return None;
    }
    let family = |name: &str, ends: [&str; 4]| ends.map(|end| format!("{name}{end}")).join("|");
    let depths = ["", "10le", "12le", "16le"];
    let (with, without) = if stream.colour.matrix == "gbr" {
        (family("gbrap", depths), family("gbrp", depths))
    } else {
        (family("yuva444p", depths), family("yuv444p", depths))
    };
    let range = stream.colour.range.name();
    Some(format!("format={with},setparams=range={range},premultiply=inplace=1,format={without}"))
}
