//! How a clip's video is scaled into the frame.

use std::fmt::Write;

use num_rational::Ratio;

use crate::clamped::clamped;
use crate::flicks::Flicks;
use crate::media::Size;
use crate::output::{Fitting, covering, inside};

/// A scaled video, and what remains to fill the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placing {
    fitting: Fitting,
    scaled: Size,
    frame: Size,
}

/// Places a video with the display size `own` in a frame.
pub(super) fn place(own: Size, frame: Size, fitting: Fitting) -> Placing {
    let scaled = match fitting {
        Fitting::Stretch => frame,
        Fitting::Crop => covering(own, frame),
        Fitting::Fill => snap(inside(own, frame), frame),
    };
    Placing { fitting, scaled, frame }
}

/// Bars of up to two pixels come from rounding, not from another shape.
fn snap(scaled: Size, frame: Size) -> Size {
    let side = |scaled: u32, frame: u32| if frame - scaled <= 2 { frame } else { scaled };
    Size::new(side(scaled.width, frame.width), side(scaled.height, frame.height))
}

impl Placing {
    /// The filters that scale a video stored as `stored` into the frame.
    pub(super) fn filters(self, stored: Size) -> Vec<String> {
        let Self { fitting, scaled, frame } = self;
        if fitting == Fitting::Stretch {
            return vec![format!("scale={}:{}:flags=bicubic", frame.width, frame.height)];
        }
        let canvas = if fitting == Fitting::Crop { scaled } else { frame };
        let steady = Steady { stored, scaled, canvas, inside: frame, shape: frame, lines: 2 };
        // Whatever can change the aspect ratio has been made steady before.
        let aspects = Aspects { first: Ratio::ONE, changes: Vec::new() };
        let mut filters = vec![format!("{}:flags=bicubic", steady.scale(&aspects)), steady.pad()];
        if fitting == Fitting::Crop && scaled != frame {
            let offset = |a: u32, b: u32| (a - b) / 4 * 2;
            let (x, y) = (offset(scaled.width, frame.width), offset(scaled.height, frame.height));
            filters.push(format!("crop={}:{}:{x}:{y}", frame.width, frame.height));
        }
        filters
    }
}

/// The filters that keep a video which may be interlaced at its first size, so that lines stay in
/// their fields. `stored` is the stored size and `shown` the display size; `fitting` and `frame`
/// determine which part is visible.
pub(super) fn steady(
    stored: Size,
    shown: Size,
    frame: Size,
    fitting: Fitting,
    aspects: &Aspects,
) -> Vec<String> {
    if fitting == Fitting::Stretch {
        return vec![format!("scale={}:{}:interl=-1", stored.width, stored.height)];
    }
    let shape = if fitting == Fitting::Crop { inside(frame, shown) } else { shown };
    let part = |own: u32, seen: u32, whole: u32| {
        let part = Ratio::new(u64::from(own) * u64::from(seen), u64::from(whole).max(1));
        clamped::<u32>(part.round().to_integer()).clamp(1, own)
    };
    let seen = Size::new(
        part(stored.width, shape.width, shown.width),
        part(stored.height, shape.height, shown.height),
    );
    let steady = Steady { stored, scaled: stored, canvas: stored, inside: seen, shape, lines: 4 };
    vec![format!("{}:interl=-1", steady.scale(aspects)), steady.pad()]
}

/// The sample aspect ratio of frames, which ffmpeg replaces by that of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aspects {
    pub(super) first: Ratio<i64>,
    /// Times on the stream's own clock, with the ratio from there on.
    pub(super) changes: Vec<(Flicks, Ratio<i64>)>,
}

impl Aspects {
    /// The expression for the ratio of a frame. A sum, since the depth of nested conditions is
    /// limited.
    fn expression(&self) -> String {
        let decimal = |aspect: Ratio<i64>| format!("{}/{}", aspect.numer(), aspect.denom());
        let (mut sum, mut last) = (decimal(self.first), self.first);
        for &(time, aspect) in &self.changes {
            // Seconds are rounded here, and no frame is as short as that.
            let time = (time - Flicks::from_millis(1)).as_option();
            let _ = write!(sum, "+({})*gte(t,{time})", decimal(aspect - last));
            last = aspect;
        }
        sum
    }
}

/// Makes all frames the same size if the size changes in the middle of a stream. `scale` and `pad`
/// can handle such a change; other filters would crop to the first size.
struct Steady {
    /// The first size.
    stored: Size,
    /// The size to which frames of the first size are scaled.
    scaled: Size,
    /// The size to which they are padded.
    canvas: Size,
    /// The box into which frames of another size are scaled.
    inside: Size,
    /// The display shape of that box.
    shape: Size,
    /// Heights and vertical offsets are multiples of this: four for interlaced video.
    lines: u32,
}

impl Steady {
    fn scale(&self, aspects: &Aspects) -> String {
        let Self { stored, scaled, inside, shape, lines, .. } = self;
        let mut first = format!("eq(iw,{})*eq(ih,{})", stored.width, stored.height);
        let mut dar = "dar".to_owned();
        if !aspects.changes.is_empty() {
            let aspect = aspects.expression();
            let _ = write!(first, "*lt(abs({aspect}-{}),0.001)", aspects.first);
            dar = format!("(iw/ih*({aspect}))");
        }
        let shape = format!("({}/{})", shape.width, shape.height);
        let side = |own: u32, wide: &str, narrow: &str| {
            format!("'if({first},{own},if(gte({dar},{shape}),{wide},{narrow}))'")
        };
        let stepped = |side: &str, step: u32| format!("max(round({side}/{step}),1)*{step}");
        let (width, height) = (inside.width.to_string(), inside.height.to_string());
        let wide = side(scaled.width, &width, &stepped(&format!("{width}*{dar}/{shape}"), 2));
        let high =
            side(scaled.height, &stepped(&format!("{height}*{shape}/{dar}"), *lines), &height);
        format!("scale={wide}:{high}:eval=frame")
    }

    /// Centred, with black bars.
    fn pad(&self) -> String {
        let Self { canvas: Size { width, height }, lines, .. } = self;
        let offset = |side, step| format!("floor((o{side}-i{side})/{})*{step}", step * 2);
        format!("pad={width}:{height}:{}:{}:black:eval=frame", offset('w', 2), offset('h', *lines))
    }
}

#[cfg(test)]
mod tests {
    use num_rational::Ratio;

    use super::{Aspects, place, steady};
    use crate::flicks::Flicks;
    use crate::media::Size;
    use crate::output::Fitting;

    #[test]
    fn frames_get_into_the_frame() {
        let frame = Size::new(1280, 720);
        for (name, own, fitting, scaled, cut) in [
            ("same", (1280, 720), Fitting::Fill, (1280, 720), None),
            ("same shape", (640, 360), Fitting::Fill, (1280, 720), None),
            ("nearly the same shape", (854, 480), Fitting::Fill, (1280, 720), None),
            ("4:3 filled", (640, 480), Fitting::Fill, (960, 720), None),
            ("wide filled", (1920, 800), Fitting::Fill, (1280, 534), None),
            ("portrait filled", (720, 1280), Fitting::Fill, (406, 720), None),
            ("4:3 cropped", (640, 480), Fitting::Crop, (1280, 960), Some("crop=1280:720:0:120")),
            (
                "portrait cropped",
                (720, 1280),
                Fitting::Crop,
                (1280, 2276),
                Some("crop=1280:720:0:778"),
            ),
            ("stretched", (100, 900), Fitting::Stretch, (1280, 720), None),
        ] {
            let placing = place(Size::new(own.0, own.1), frame, fitting);
            assert_eq!(placing.scaled, Size::new(scaled.0, scaled.1), "{name}");
            let filters = placing.filters(Size::new(own.0, own.1));
            let found = filters.iter().find(|filter| filter.starts_with("crop="));
            assert_eq!(found.map(String::as_str), cut, "{name}");
        }
    }

    #[test]
    fn the_aspect_depends_on_the_time_where_it_changes() {
        let size = Size::new(720, 576);
        let scale = |changes| {
            let aspects = Aspects { first: Ratio::new(64, 45), changes };
            steady(size, Size::new(1024, 576), size, Fitting::Fill, &aspects)[0].clone()
        };
        assert!(scale(Vec::new()).contains("gte(dar,"));
        let changed = scale(vec![(Flicks::from_millis(2000), Ratio::new(16, 15))]);
        let aspect = "64/45+(-16/45)*gte(t,1.999000)";
        assert!(changed.contains(&format!("(iw/ih*({aspect}))")), "{changed}");
        assert!(changed.contains(&format!("lt(abs({aspect}-64/45),0.001)")), "{changed}");
    }

    proptest::proptest! {
        #[test]
        fn every_placing_covers_the_frame_exactly(
            own in (1u32..5000, 1u32..5000), frame in (1u32..2048, 1u32..2048), crop: bool,
        ) {
            let (own, frame) = (Size::new(own.0, own.1), Size::new(frame.0 * 2, frame.1 * 2));
            let fitting = if crop { Fitting::Crop } else { Fitting::Fill };
            let scaled = place(own, frame, fitting).scaled;
            proptest::prop_assert_eq!(scaled.even(), scaled);
            if crop {
                proptest::prop_assert!(scaled.width >= frame.width && scaled.height >= frame.height);
            } else {
                proptest::prop_assert!(scaled.width <= frame.width && scaled.height <= frame.height);
            }
            proptest::prop_assert!(scaled.width == frame.width || scaled.height == frame.height);
        }
    }
}
