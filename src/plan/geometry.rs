//! How a clip's picture is scaled into the frame.

use crate::media::Size;
use crate::settle::{Fitting, covering, inside};

/// A scaled picture and what is left to do until it fills the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placing {
    fitting: Fitting,
    scaled: Size,
    frame: Size,
}

/// Where a picture of `own` display size goes in a frame.
pub(super) fn place(own: Size, frame: Size, fitting: Fitting) -> Placing {
    let scaled = match fitting {
        Fitting::Stretch => frame,
        Fitting::Crop => covering(own, frame),
        Fitting::Fill => snap(inside(own, frame), frame),
    };
    Placing { fitting, scaled, frame }
}

/// A bar of two pixels is rounding, not a difference in shape.
fn snap(scaled: Size, frame: Size) -> Size {
    let side = |scaled: u32, frame: u32| if frame - scaled <= 2 { frame } else { scaled };
    Size::new(side(scaled.width, frame.width), side(scaled.height, frame.height))
}

impl Placing {
    /// The filters that scale a picture stored as `stored` into the frame.
    ///
    /// `scale` and `pad` are there even where they have nothing to do: they
    /// take a change of size in the middle of a stream, which others would cut
    /// to the first size.
    pub(super) fn filters(self, stored: Size) -> Vec<String> {
        let Self { fitting, scaled, frame } = self;
        if fitting == Fitting::Stretch {
            return vec![format!("scale={}:{}:flags=bicubic", frame.width, frame.height)];
        }
        let mut filters = vec![self.scale(stored), self.pad()];
        if fitting == Fitting::Crop && scaled != frame {
            let offset = |a: u32, b: u32| (a - b) / 4 * 2;
            let (x, y) = (offset(scaled.width, frame.width), offset(scaled.height, frame.height));
            filters.push(format!("crop={}:{}:{x}:{y}", frame.width, frame.height));
        }
        filters
    }

    /// A picture that is stored in another size than the first goes inside the
    /// frame, whatever its shape.
    fn scale(self, stored: Size) -> String {
        let Self { scaled, frame: Size { width, height }, .. } = self;
        let side = |own: u32, wide: &str, narrow: &str| {
            let first = format!("eq(iw,{})*eq(ih,{})", stored.width, stored.height);
            format!("'if({first},{own},if(gte(dar,{width}/{height}),{wide},{narrow}))'")
        };
        let even = |side: &str| format!("max(round({side}/2),1)*2");
        let wide = side(scaled.width, &width.to_string(), &even(&format!("{height}*dar")));
        let high = side(scaled.height, &even(&format!("{width}/dar")), &height.to_string());
        format!("scale={wide}:{high}:eval=frame:flags=bicubic")
    }

    /// Centred and black to the frame, or to what the frame is cut out of.
    /// Offsets are even, or chroma would be shifted.
    fn pad(self) -> String {
        let Size { width, height } = match self.fitting {
            Fitting::Crop => self.scaled,
            Fitting::Fill | Fitting::Stretch => self.frame,
        };
        format!("pad={width}:{height}:floor((ow-iw)/4)*2:floor((oh-ih)/4)*2:black:eval=frame")
    }
}

#[cfg(test)]
mod tests {
    use super::place;
    use crate::media::Size;
    use crate::settle::Fitting;

    #[test]
    fn pictures_get_into_the_frame() {
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
