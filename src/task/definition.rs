//! The billing class of a second of output.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The billing class of an output, by its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Definition {
    /// No video.
    #[serde(rename = "AUDIO")]
    Audio,
    /// Up to 640x480.
    #[serde(rename = "LD")]
    Low,
    /// Up to 1280x720.
    #[serde(rename = "SD")]
    Standard,
    /// Up to 1920x1080.
    #[serde(rename = "HD")]
    High,
    /// Up to 2560x1440.
    #[serde(rename = "2K")]
    TwoK,
    /// Up to 3840x2160.
    #[serde(rename = "4K")]
    FourK,
    /// Anything larger.
    #[serde(rename = "4K+")]
    Larger,
}

/// Largest long and short side of each class, smallest class first.
const LARGEST: [(u32, u32, Definition); 5] = [
    (640, 480, Definition::Low),
    (1280, 720, Definition::Standard),
    (1920, 1080, Definition::High),
    (2560, 1440, Definition::TwoK),
    (3840, 2160, Definition::FourK),
];

impl Definition {
    /// The class of an output with this width and height; `None` means audio only.
    ///
    /// The longer side is compared with the longer side, so that a portrait video has the same
    /// class as a landscape one.
    #[must_use]
    pub fn of(size: Option<(u32, u32)>) -> Self {
        let Some((width, height)) = size else {
            return Self::Audio;
        };
        let (long, short) = (width.max(height), width.min(height));
        LARGEST
            .into_iter()
            .find(|(most_long, most_short, _)| long <= *most_long && short <= *most_short)
            .map_or(Self::Larger, |(_, _, definition)| definition)
    }

    /// The class's name in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "AUDIO",
            Self::Low => "LD",
            Self::Standard => "SD",
            Self::High => "HD",
            Self::TwoK => "2K",
            Self::FourK => "4K",
            Self::Larger => "4K+",
        }
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Definition;

    #[test]
    fn sizes_have_their_class() {
        for (size, name) in [
            (None, "AUDIO"),
            (Some((2, 2)), "LD"),
            (Some((640, 480)), "LD"),
            (Some((480, 640)), "LD"),
            (Some((642, 480)), "SD"),
            (Some((720, 1280)), "SD"),
            (Some((1280, 722)), "HD"),
            (Some((1080, 1920)), "HD"),
            (Some((1080, 1080)), "HD"),
            (Some((2560, 1440)), "2K"),
            (Some((2560, 1442)), "4K"),
            (Some((2160, 3840)), "4K"),
            (Some((4096, 2160)), "4K+"),
        ] {
            let definition = Definition::of(size);
            assert_eq!(definition.as_str(), name, "{size:?}");
            assert_eq!(serde_json::to_value(definition).unwrap(), name);
        }
    }
}
