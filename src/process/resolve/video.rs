//! What is requested of the video.

use num_rational::Ratio;

use super::super::value::even;
use super::{Arguments, Conflict, Container, ProcessError, video_ban};
use crate::codec::{PixelFormat, VideoCodec};
use crate::process::request::{RateControl, ScaleType, SizeRequest, VideoRequest};

/// What is requested of the video; `None` if there is to be none. Its parameters are then ignored.
pub(super) fn video(
    concat: &Arguments<'_>,
    container: Container,
    warnings: &mut Vec<String>,
) -> Result<Option<VideoRequest>, ProcessError> {
    if concat.flag("vn") {
        return Ok(None);
    }
    let codec = codec(concat, container)?;
    Ok(Some(VideoRequest {
        codec,
        frame_rate: concat.decimal("fps").filter(|&rate| rate > Ratio::ZERO),
        frame_rate_option: concat.option("fpsopt"),
        pixel_format: pixel_format(concat, codec, container)?,
        size: size(concat, warnings),
        scale: scale(concat),
        key_frame_interval: concat.presume("g", concat.small("g")),
        rate: rate(concat, warnings),
    }))
}

fn codec(concat: &Arguments<'_>, container: Container) -> Result<VideoCodec, ProcessError> {
    let codec = concat.presume("vcodec", concat.word("vcodec").and_then(VideoCodec::from_name));
    match video_ban(container, codec) {
        None => Ok(codec),
        Some(reason) => {
            let kind = Conflict::VideoBan(container, codec, reason);
            Err(concat.error("vcodec", kind))
        }
    }
}

fn pixel_format(
    concat: &Arguments<'_>,
    codec: VideoCodec,
    container: Container,
) -> Result<Option<PixelFormat>, ProcessError> {
    let Some(format) = concat.word("pixfmt").and_then(PixelFormat::from_name) else {
        return Ok(None);
    };
    let encoding = format.ban(codec).map(|reason| Conflict::PixelFormatBan(format, codec, reason));
    let holding = || {
        let reason = format.container_ban(container)?;
        Some(Conflict::PixelFormatHolding(format, container, reason))
    };
    match encoding.or_else(holding) {
        None => Ok(Some(format)),
        Some(kind) => Err(concat.error("pixfmt", kind)),
    }
}

fn size(concat: &Arguments<'_>, warnings: &mut Vec<String>) -> Option<SizeRequest> {
    let asked = concat.size("s")?;
    let given = concat.quoted("s");
    let mut even_side = |side: &str, asked: Option<u32>| {
        let asked = asked?;
        let even = even(asked);
        if even != asked {
            warnings.push(format!("{given}: the {side} {asked} is odd; {even} is used"));
        }
        Some(even)
    };
    Some(SizeRequest {
        width: even_side("width", asked.width),
        height: even_side("height", asked.height),
        option: concat.option("sopt"),
        auto_rotate: concat.flag("arotate"),
    })
}

fn scale(concat: &Arguments<'_>) -> ScaleType {
    let asked = concat.word("scaletype").and_then(ScaleType::from_name);
    asked.unwrap_or(if concat.is_given("s") { ScaleType::Stretch } else { ScaleType::Fill })
}

fn rate(concat: &Arguments<'_>, warnings: &mut Vec<String>) -> RateControl {
    if let Some(bit_rate) = concat.integer("vb") {
        return RateControl::BitRate { bit_rate, option: concat.option("vbopt") };
    }
    let max_rate = concat.positive("maxrate");
    let asked_buffer = concat.positive("bufsize");
    if max_rate.is_none() && asked_buffer.is_some() {
        let given = concat.quoted("bufsize");
        warnings.push(format!("{given}: without `maxrate` it has no effect"));
    }
    RateControl::Quality {
        crf: concat.presume("crf", concat.decimal("crf")),
        is_default: !concat.is_given("crf"),
        max_rate,
        buffer_size: asked_buffer.or(max_rate.map(|rate| rate * 2)),
    }
}
