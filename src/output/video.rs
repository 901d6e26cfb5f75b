//! The output's video.

use num_rational::Ratio;

use super::{Fitting, OutputError, VideoOutput, VideoRate, aligned};
use crate::codec::{Container, PixelFormat, VideoCodec};
use crate::frame_rate::decimal;
use crate::media::{Colour, Media, Size, VideoStream};
use crate::object::ObjectUri;
use crate::process::request::{
    LowerSource, RateControl, Request, ScaleType, SizeRequest, VideoRequest,
};
use crate::process::table::Operation;

/// Properties of the video if there is no source to take them from.
const STANDARD_SIZE: Size = Size::new(1280, 720);
const STANDARD_RATE: Ratio<i64> = Ratio::new_raw(25, 1);

/// With fewer frames per second, motion is lost.
const SLOW: i64 = 10;

/// The encoder's smallest block.
const LEAST_H265_SIDE: u32 = 16;

/// The frame rates that MXF has edit rates and audio cadences for.
const MXF_RATES: [Ratio<i64>; 5] = [
    Ratio::new_raw(24_000, 1001),
    Ratio::new_raw(25, 1),
    Ratio::new_raw(30_000, 1001),
    Ratio::new_raw(50, 1),
    Ratio::new_raw(60_000, 1001),
];

type Align<'a> = Option<(usize, &'a VideoStream)>;

pub(super) fn specify(
    asked: &VideoRequest,
    request: &Request,
    media: &[&Media],
    warnings: &mut Vec<String>,
) -> Result<VideoOutput, OutputError> {
    let align = aligned(request, media, |m| m.video.as_ref(), "video", warnings);
    let own_size = align.map_or(STANDARD_SIZE, |(_, stream)| stream.display_size());
    let size = match asked.size {
        Some(wanted) => asked_size(wanted, own_size, align, request)?,
        None => even_with_warning(own_size, warnings),
    };
    let (size, fitting) = fit(asked.scale, size, own_size);
    if asked.codec == VideoCodec::H265 && size.width.min(size.height) < LEAST_H265_SIDE {
        let parameter = if asked.size.is_some() { "s" } else { "vcodec" };
        let given = request.quoted(Operation::Concat, parameter);
        return Err(OutputError::TooSmall { given, size, least: LEAST_H265_SIDE });
    }
    wrongly_shown(request, media, warnings);
    let colour = align.map_or_else(|| Colour::standard(size), |(_, s)| s.colour.as_yuv());
    Ok(VideoOutput {
        codec: asked.codec,
        size,
        fitting,
        frame_rate: frame_rate(asked, request, media, align, warnings)?,
        pixel_format: pixel_format(asked, request.container, align, warnings),
        colour,
        key_frame_interval: asked.key_frame_interval,
        rate: rate(asked.rate, align, request)?,
    })
}

fn asked_size(
    wanted: SizeRequest,
    own: Size,
    align: Align<'_>,
    request: &Request,
) -> Result<Size, OutputError> {
    let portrait = wanted.auto_rotate && own.height > own.width;
    // With `arotate`, the two numbers are the long and the short side.
    let own_sides = if portrait { own.turned() } else { own };
    let sides = match (wanted.width, wanted.height) {
        (Some(one), Some(other)) if wanted.auto_rotate => Size::new(one.max(other), one.min(other)),
        (width, height) => {
            Size::new(width.unwrap_or(own_sides.width), height.unwrap_or(own_sides.height))
        }
    };
    let size = if portrait { sides.turned() } else { sides }.even();
    if own.area() >= size.area() {
        return Ok(size);
    }
    match wanted.option {
        LowerSource::UseAsked => Ok(size),
        LowerSource::UseOwn => Ok(own.even()),
        LowerSource::Fail => Err(lower(request, "s", "sopt", own.to_string(), align)),
    }
}

fn even_with_warning(own: Size, warnings: &mut Vec<String>) -> Size {
    let even = own.even();
    if even != own {
        warnings.push(format!(
            "`s`: the align clip is {own}: the output is {even}, since sides must be even"
        ));
    }
    even
}

/// `fit` reduces the frame to the align clip's aspect; the other types keep it.
fn fit(scale: ScaleType, frame: Size, own: Size) -> (Size, Fitting) {
    match scale {
        ScaleType::Stretch => (frame, Fitting::Stretch),
        ScaleType::Crop => (frame, Fitting::Crop),
        ScaleType::Fill => (frame, Fitting::Fill),
        ScaleType::Fit => (inside(own, frame), Fitting::Fill),
    }
}

/// The largest even size with the aspect of `shape` inside `frame`.
pub(crate) fn inside(shape: Size, frame: Size) -> Size {
    if is_wider(shape, frame) {
        Size::new(frame.width, even_part(shape.height, frame.width, shape.width).min(frame.height))
    } else {
        Size::new(even_part(shape.width, frame.height, shape.height).min(frame.width), frame.height)
    }
}

/// The smallest even size with the aspect of `shape` that covers `frame`.
pub(crate) fn covering(shape: Size, frame: Size) -> Size {
    if is_wider(shape, frame) {
        Size::new(even_part(shape.width, frame.height, shape.height).max(frame.width), frame.height)
    } else {
        Size::new(frame.width, even_part(shape.height, frame.width, shape.width).max(frame.height))
    }
}

/// Whether the aspect of `shape` is at least as wide as that of `frame`.
fn is_wider(shape: Size, frame: Size) -> bool {
    u64::from(frame.width) * u64::from(shape.height)
        <= u64::from(frame.height) * u64::from(shape.width)
}

/// `side` times `part` / `whole`, rounded to the nearest even number above zero.
fn even_part(side: u32, part: u32, whole: u32) -> u32 {
    let half = Ratio::new(u64::from(side) * u64::from(part), u64::from(whole) * 2).round();
    u32::try_from(half.to_integer() * 2).unwrap_or(u32::MAX - 1).max(2)
}

/// A warning if the inherited rate is that of a clip with very few frames per second.
fn slow(request: &Request, media: &[&Media], align: Align<'_>) -> Option<String> {
    let (clip, own) = align.map(|(clip, stream)| (clip, stream.frame_rate))?;
    let rates = media.iter().map(|media| media.video.as_ref().map(|stream| stream.frame_rate));
    let others = rates.enumerate().filter_map(|(other, rate)| Some((other, rate?)));
    let (other, rate) = others.max_by_key(|&(_, rate)| rate)?;
    (own < SLOW.into() && rate > SLOW.into()).then(|| {
        format!(
            "{}: the output has {} frames per second, as clip {clip} has, and clip {other} loses most \
             of its {}: `fps_{}` keeps them",
            request.quoted(Operation::Concat, "align"),
            decimal(own),
            decimal(rate),
            decimal(rate)
        )
    })
}

/// Warns about clips that can't be shown as they should be.
fn wrongly_shown(request: &Request, media: &[&Media], warnings: &mut Vec<String>) {
    for (clip, (media, asked)) in media.iter().zip(&request.clips).enumerate() {
        let Some(coding) = media.video.as_ref().map(|stream| &stream.coding) else { continue };
        let uri = ObjectUri::new(request.bucket.clone(), asked.key.clone());
        if coding.dolby_vision == Some(5) {
            warnings.push(format!(
                "clip {clip} (`{uri}`): it is Dolby Vision of profile 5, whose colours are not those of other video: they \
                 are not converted, and look green and purple"
            ));
        }
        if let Some(angle) = coding.oblique {
            warnings.push(format!(
                "clip {clip} (`{uri}`): its container rotates the video by {angle} degrees, which is \
                 no quarter turn: the corners are cut off, and the rest of the frame is black"
            ));
        }
    }
}

fn frame_rate(
    asked: &VideoRequest,
    request: &Request,
    media: &[&Media],
    align: Align<'_>,
    warnings: &mut Vec<String>,
) -> Result<Ratio<i64>, OutputError> {
    let own = align.map(|(_, stream)| stream.frame_rate);
    let explicit = match (asked.frame_rate, own, asked.frame_rate_option) {
        (Some(asked), Some(own), LowerSource::UseOwn) if own < asked => None,
        (Some(asked), Some(own), LowerSource::Fail) if own < asked => {
            return Err(lower(request, "fps", "fpsopt", decimal(own), align));
        }
        (asked, ..) => asked,
    };
    let rate = explicit.or(own).unwrap_or(STANDARD_RATE);
    if explicit.is_none() {
        warnings.extend(slow(request, media, align));
    }
    if request.container != Container::Mxf || MXF_RATES.contains(&rate) {
        return Ok(rate);
    }
    let allowed = MXF_RATES.map(decimal).join(", ");
    if explicit.is_some() {
        let given = request.quoted(Operation::Concat, "fps");
        return Err(OutputError::FrameRate { given, allowed });
    }
    let distance = |other: &Ratio<i64>| {
        if *other > rate { *other - rate } else { rate - *other }
    };
    let nearest = MXF_RATES.into_iter().min_by_key(distance).expect("MXF has rates");
    warnings.push(format!(
        "`fps`: mxf supports {allowed} frames per second: the align clip's {} becomes {}",
        decimal(rate),
        decimal(nearest)
    ));
    Ok(nearest)
}

/// The requested format, or the supported one that is nearest to the align clip's: it keeps chroma
/// and depth if possible.
fn pixel_format(
    asked: &VideoRequest,
    container: Container,
    align: Align<'_>,
    warnings: &mut Vec<String>,
) -> PixelFormat {
    let own = || align.map_or("yuv420p", |(_, stream)| stream.pixel_format.as_str());
    let format = asked.pixel_format.unwrap_or_else(|| nearest_format(own(), asked.codec));
    if let Some(reason) = format.container_ban(container) {
        warnings.push(format!("`pixfmt`: the align clip's transparency is lost: {reason}"));
        return PixelFormat::Yuv420p;
    }
    format
}

fn nearest_format(name: &str, codec: VideoCodec) -> PixelFormat {
    let vp9 = codec == VideoCodec::Vp9;
    let full_chroma = ["444", "rgb", "bgr", "gbr", "pal8"].iter().any(|c| name.contains(c));
    let half_chroma = ["422", "p210", "y210", "yvyu"].iter().any(|c| name.contains(c));
    match (full_chroma, half_chroma, is_deep(name)) {
        _ if vp9 && name == "yuva420p" => PixelFormat::Yuva420p,
        (true, _, true) => PixelFormat::Yuv444p10,
        (true, _, false) => PixelFormat::Yuv444p,
        (_, true, true) => PixelFormat::Yuv422p10,
        (_, true, false) => PixelFormat::Yuv422p,
        (_, _, true) => PixelFormat::Yuv420p10,
        (_, _, false) => PixelFormat::Yuv420p,
    }
}

/// Whether a pixel format with this name has more than eight bits per component.
fn is_deep(name: &str) -> bool {
    const BEGINNINGS: [&str; 9] = ["p0", "p2", "p4", "y2", "xv3", "x2", "rgb48", "bgr48", "rgba64"];
    const ENDS: [&str; 7] = ["9", "p10", "p12", "p14", "16", "f16", "f32"];
    let name = name.trim_end_matches("le").trim_end_matches("be");
    BEGINNINGS.iter().any(|start| name.starts_with(start))
        || ENDS.iter().any(|end| name.ends_with(end))
        || matches!(name, "gray10" | "gray12" | "gray14" | "bgra64" | "xyz12")
}

fn rate(asked: RateControl, align: Align<'_>, request: &Request) -> Result<VideoRate, OutputError> {
    match asked {
        RateControl::BitRate { bit_rate, option } => {
            let own = align.map_or(u64::MAX, |(_, stream)| stream.bit_rate);
            super::audio::bit_rate(bit_rate, option, own)
                .map(VideoRate::BitRate)
                .ok_or_else(|| lower(request, "vb", "vbopt", format!("{own} bit/s"), align))
        }
        RateControl::Quality { crf, max_rate, buffer_size, .. } => {
            let peak = max_rate.map(|rate| (rate, buffer_size.unwrap_or(rate * 2)));
            Ok(VideoRate::Quality { crf, peak })
        }
    }
}

fn lower(
    request: &Request,
    parameter: &str,
    option: &'static str,
    own: String,
    align: Align<'_>,
) -> OutputError {
    let clip = align.map_or(0, |(clip, _)| clip);
    let given = request.quoted(Operation::Concat, parameter);
    OutputError::LowerSource { given, option, own, clip }
}
