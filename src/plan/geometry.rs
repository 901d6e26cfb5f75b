//! How a clip's picture is scaled into the frame.

use crate::media::Size;
use crate::settle::{Fitting, covering, inside};

/// A scaled picture and what is left to do until it fills the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placing {
    /// Size to scale to.
    pub(super) scaled: Size,
    frame: Size,
}

/// Where a picture of `own` display size goes in a frame.
pub(super) fn place(own: Size, frame: Size, fitting: Fitting) -> Placing {
    let scaled = match fitting {
        Fitting::Stretch => frame,
        Fitting::Crop => covering(own, frame),
        Fitting::Fill => snap(inside(own, frame), frame),
    };
    Placing { scaled, frame }
}

/// A bar of two pixels is rounding, not a difference in shape.
fn snap(scaled: Size, frame: Size) -> Size {
    let side = |scaled: u32, frame: u32| if frame - scaled <= 2 { frame } else { scaled };
    Size::new(side(scaled.width, frame.width), side(scaled.height, frame.height))
}

impl Placing {
    /// The filter that cuts or pads to the frame, if any is needed. Offsets
    /// are even, or chroma would be shifted.
    pub(super) fn finish(self) -> Option<String> {
        let Self { scaled, frame } = self;
        let offset = |a: u32, b: u32| (a - b) / 4 * 2;
        if scaled == frame {
            return None;
        }
        Some(if scaled.width > frame.width || scaled.height > frame.height {
            let (x, y) = (offset(scaled.width, frame.width), offset(scaled.height, frame.height));
            format!("crop={}:{}:{x}:{y}", frame.width, frame.height)
        } else {
            let (x, y) = (offset(frame.width, scaled.width), offset(frame.height, scaled.height));
            format!("pad={}:{}:{x}:{y}:black", frame.width, frame.height)
        })
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
        for (name, own, fitting, scaled, finish) in [
            ("same", (1280, 720), Fitting::Fill, (1280, 720), None),
            ("same shape", (640, 360), Fitting::Fill, (1280, 720), None),
            ("nearly the same shape", (854, 480), Fitting::Fill, (1280, 720), None),
            ("4:3 filled", (640, 480), Fitting::Fill, (960, 720), Some("pad=1280:720:160:0:black")),
            (
                "wide filled",
                (1920, 800),
                Fitting::Fill,
                (1280, 534),
                Some("pad=1280:720:0:92:black"),
            ),
            (
                "portrait filled",
                (720, 1280),
                Fitting::Fill,
                (406, 720),
                Some("pad=1280:720:436:0:black"),
            ),
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
            assert_eq!(placing.finish().as_deref(), finish, "{name}");
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
