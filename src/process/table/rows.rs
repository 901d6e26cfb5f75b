//! The rows of the table.

use super::{Absent, Kind, Need, Operation, Parameter};
use crate::codec::{AudioCodec, Container, MAX_CHANNELS, PixelFormat, SAMPLE_RATES, VideoCodec};
use crate::process::request::{ScaleType, SegmentFormat};

use Absent::{Required, Value, ValueUnless, Words};
use Operation::{Concat, Notify, Pre, SaveAs, Segment, Sur};

const FLAG: Kind = Kind::OneOf(&[0, 1]);
const LOWER_SOURCE: Kind = Kind::OneOf(&[0, 1, 2]);
const ALIGN: Absent = Words("the align clip's");
/// 285,000 years: the range that JSON numbers hold exactly; the sum of 11 such numbers does not
/// overflow.
const MILLISECONDS: Kind = Kind::Integer { min: 0, max: (1 << 53) - 1 };

const fn row(
    operation: Operation,
    name: &'static str,
    kind: Kind,
    absent: Absent,
    doc: &'static str,
) -> Parameter {
    Parameter { operation, name, kind, unit: None, absent, needs: None, excludes: None, doc }
}

impl Parameter {
    const fn unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    const fn needs(self, name: &'static str) -> Self {
        Self { needs: Some(Need::Given(name)), ..self }
    }

    const fn needs_value(self, name: &'static str, value: &'static str) -> Self {
        Self { needs: Some(Need::Is(name, value)), ..self }
    }

    const fn excludes(self, name: &'static str) -> Self {
        Self { excludes: Some(name), ..self }
    }
}

const fn start(operation: Operation) -> Parameter {
    row(operation, "ss", MILLISECONDS, Value("0"), "Start of the clip in its media.").unit("ms")
}

const fn duration(operation: Operation) -> Parameter {
    row(
        operation,
        "t",
        MILLISECONDS,
        Value("0"),
        "Length of the clip; 0, or more than there is, means up to the end.",
    )
    .unit("ms")
}

const fn object(operation: Operation) -> Parameter {
    row(operation, "o", Kind::Key, Required, "Object key, in the bucket of the main object.")
}

/// Every parameter, operation by operation, in canonical order.
#[rustfmt::skip]
pub const PARAMETERS: &[Parameter] = &[
    start(Concat),
    duration(Concat),
    row(Concat, "f", Kind::Word(Container::NAMES), Required,
        "Container of the output."),
    row(Concat, "vn", FLAG, Value("0"),
        "1 leaves the video out."),
    row(Concat, "vcodec", Kind::Word(VideoCodec::NAMES), Required,
        "Video codec; the table below lists the containers that can hold it."),
    row(Concat, "fps", Kind::FrameRate { max: 240 }, ALIGN,
        "Frame rate; 0 is the align clip's, and 23.976, 29.97, 47.952, 59.94, and 119.88 mean the exact n/1001 rates.")
        .unit("frames/s"),
    row(Concat, "fpsopt", LOWER_SOURCE, Value("0"),
        "What applies if the align clip's frame rate is lower.")
        .needs("fps"),
    row(Concat, "pixfmt", Kind::Word(PixelFormat::NAMES), ALIGN,
        "Pixel format; yuva420p only with vp9."),
    row(Concat, "s", Kind::Size { max_side: 4096 }, Words("the align clip's display size"),
        "Frame size; a missing side is the align clip's own, odd sides round down to even.")
        .unit("pixels"),
    row(Concat, "sopt", LOWER_SOURCE, Value("0"),
        "What applies if the align clip's area is smaller.")
        .needs("s"),
    row(Concat, "scaletype", Kind::Word(ScaleType::NAMES), Words("stretch with `s`, fill without"),
        "How a clip is fitted into the frame: stretched, cropped at the centre, filled up with black bars, or with the frame fitted to the align clip's aspect."),
    row(Concat, "arotate", FLAG, Value("0"),
        "1 reads `s` as long side x short side, turned to the align clip's orientation.")
        .needs("s"),
    row(Concat, "g", Kind::Integer { min: 1, max: 100_000 }, Value("150"),
        "Largest distance between key frames.")
        .unit("frames"),
    row(Concat, "vb", Kind::Integer { min: 10_000, max: 100_000_000 }, Words("unset"),
        "Mean bit rate of the video.")
        .unit("bit/s").excludes("crf"),
    row(Concat, "vbopt", LOWER_SOURCE, Value("0"),
        "What applies if the align clip's video bit rate is lower.")
        .needs("vb"),
    row(Concat, "crf", Kind::Decimal { max: 51 }, ValueUnless { value: "23", other: "vb" },
        "Constant quality; smaller is better.")
        .excludes("vb"),
    row(Concat, "maxrate", Kind::IntegerOrZero { min: 10_000, max: 100_000_000 }, Value("0"),
        "Peak bit rate; 0 is none.")
        .unit("bit/s").needs("crf"),
    row(Concat, "bufsize", Kind::IntegerOrZero { min: 10_000, max: 200_000_000 }, Value("0"),
        "Rate-control buffer; 0 is twice `maxrate`.")
        .unit("bit").needs("crf"),
    row(Concat, "an", FLAG, Value("0"),
        "1 leaves the audio out."),
    row(Concat, "acodec", Kind::Word(AudioCodec::NAMES), Required,
        "Audio codec; the table below lists the containers that can hold it."),
    row(Concat, "ar", Kind::OneOf(SAMPLE_RATES), ALIGN,
        "Sample rate, if codec and container support it.")
        .unit("Hz"),
    row(Concat, "ac", Kind::Integer { min: 1, max: MAX_CHANNELS as u64 }, ALIGN,
        "Number of channels, as many as codec and container support."),
    row(Concat, "aq", Kind::Integer { min: 0, max: 100 }, Words("unset"),
        "Quality of the audio; larger is better.")
        .excludes("ab"),
    row(Concat, "ab", Kind::Integer { min: 1_000, max: 10_000_000 }, Words("the encoder's"),
        "Mean bit rate of the audio.")
        .unit("bit/s").excludes("aq"),
    row(Concat, "abopt", LOWER_SOURCE, Value("0"),
        "What applies if the align clip's audio bit rate is lower.")
        .needs("ab"),
    row(Concat, "adepth", Kind::OneOf(&[16, 24]), Words("the source's"),
        "Bits per sample.")
        .unit("bits").needs_value("acodec", "flac"),
    // The real upper end is the length of the list, which only the request determines.
    row(Concat, "align", Kind::Integer { min: 0, max: u32::MAX as u64 }, Value("0"),
        "Which clip of the list, from 0, size, rate, pixel format, `ar`, and `ac` are inherited from."),

    object(Pre),
    start(Pre),
    duration(Pre),

    object(Sur),
    start(Sur),
    duration(Sur),

    row(Segment, "f", Kind::Word(SegmentFormat::NAMES), Required,
        "Playlist format; dash needs `f_mp4`, hls `f_mp4` or `f_ts`."),
    row(Segment, "t", Kind::Integer { min: 0, max: 3_600_000 }, Required,
        "Length of a segment; 0 is one segment.")
        .unit("ms"),

    row(SaveAs, "o", Kind::Template, Required,
        "Target key; without an extension it gets `.{autoext}`."),
    row(SaveAs, "b", Kind::Template, Words("the source bucket"),
        "Target bucket."),

    row(Notify, "topic", Kind::Topic, Required,
        "Topic of the completion message, its name or its whole ARN."),
];
