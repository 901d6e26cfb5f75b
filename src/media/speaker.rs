//! The loudspeakers that the channels of an audio stream are meant for.

use crate::named::named;

named! {
    /// A loudspeaker of a channel layout, by ffmpeg's names.
    Speaker {
        /// Front left.
        FrontLeft = "FL",
        /// Front right.
        FrontRight = "FR",
        /// Front centre, and the only channel of mono.
        FrontCentre = "FC",
        /// Low-frequency effects.
        LowFrequency = "LFE",
        /// Back left.
        BackLeft = "BL",
        /// Back right.
        BackRight = "BR",
        /// Between front left and centre.
        FrontLeftOfCentre = "FLC",
        /// Between front right and centre.
        FrontRightOfCentre = "FRC",
        /// Back centre.
        BackCentre = "BC",
        /// Side left.
        SideLeft = "SL",
        /// Side right.
        SideRight = "SR",
        /// Above the listener.
        TopCentre = "TC",
        /// Above front left.
        TopFrontLeft = "TFL",
        /// Above front centre.
        TopFrontCentre = "TFC",
        /// Above front right.
        TopFrontRight = "TFR",
        /// Above back left.
        TopBackLeft = "TBL",
        /// Above back centre.
        TopBackCentre = "TBC",
        /// Above back right.
        TopBackRight = "TBR",
        /// Left channel of a stereo downmix.
        DownmixLeft = "DL",
        /// Right channel of a stereo downmix.
        DownmixRight = "DR",
        /// Between front left and side left.
        WideLeft = "WL",
        /// Between front right and side right.
        WideRight = "WR",
        /// Surround direct left.
        SurroundDirectLeft = "SDL",
        /// Surround direct right.
        SurroundDirectRight = "SDR",
        /// A second channel of low-frequency effects.
        LowFrequency2 = "LFE2",
        /// Above side left.
        TopSideLeft = "TSL",
        /// Above side right.
        TopSideRight = "TSR",
        /// Below front centre.
        BottomFrontCentre = "BFC",
        /// Below front left.
        BottomFrontLeft = "BFL",
        /// Below front right.
        BottomFrontRight = "BFR",
        /// Side surround left.
        SideSurroundLeft = "SSL",
        /// Side surround right.
        SideSurroundRight = "SSR",
        /// Top surround left.
        TopSurroundLeft = "TTL",
        /// Top surround right.
        TopSurroundRight = "TTR",
    }
}

/// The layouts that have a name, with their channels in order. The first layout with a given number
/// of channels is the one that ffmpeg assumes if the file declares none.
const LAYOUTS: &[(&str, &str)] = &[
    ("mono", "FC"),
    ("stereo", "FL+FR"),
    ("2.1", "FL+FR+LFE"),
    ("3.0", "FL+FR+FC"),
    ("3.0(back)", "FL+FR+BC"),
    ("4.0", "FL+FR+FC+BC"),
    ("quad", "FL+FR+BL+BR"),
    ("quad(side)", "FL+FR+SL+SR"),
    ("3.1", "FL+FR+FC+LFE"),
    ("5.0", "FL+FR+FC+BL+BR"),
    ("5.0(side)", "FL+FR+FC+SL+SR"),
    ("4.1", "FL+FR+FC+LFE+BC"),
    ("5.1", "FL+FR+FC+LFE+BL+BR"),
    ("5.1(side)", "FL+FR+FC+LFE+SL+SR"),
    ("6.0", "FL+FR+FC+BC+SL+SR"),
    ("6.0(front)", "FL+FR+FLC+FRC+SL+SR"),
    ("3.1.2", "FL+FR+FC+LFE+TFL+TFR"),
    ("hexagonal", "FL+FR+FC+BL+BR+BC"),
    ("6.1", "FL+FR+FC+LFE+BC+SL+SR"),
    ("6.1(back)", "FL+FR+FC+LFE+BL+BR+BC"),
    ("6.1(front)", "FL+FR+LFE+FLC+FRC+SL+SR"),
    ("7.0", "FL+FR+FC+BL+BR+SL+SR"),
    ("7.0(front)", "FL+FR+FC+FLC+FRC+SL+SR"),
    ("7.1", "FL+FR+FC+LFE+BL+BR+SL+SR"),
    ("7.1(wide)", "FL+FR+FC+LFE+BL+BR+FLC+FRC"),
    ("7.1(wide-side)", "FL+FR+FC+LFE+FLC+FRC+SL+SR"),
    ("5.1.2", "FL+FR+FC+LFE+BL+BR+TFL+TFR"),
    ("octagonal", "FL+FR+FC+BL+BR+BC+SL+SR"),
    ("cube", "FL+FR+BL+BR+TFL+TFR+TBL+TBR"),
    ("5.1.4", "FL+FR+FC+LFE+BL+BR+TFL+TFR+TBL+TBR"),
    ("7.1.2", "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR"),
    ("7.1.4", "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBL+TBR"),
    ("7.2.3", "FL+FR+FC+LFE+BL+BR+SL+SR+TFL+TFR+TBC+LFE2"),
    ("9.1.4", "FL+FR+FC+LFE+BL+BR+FLC+FRC+SL+SR+TFL+TFR+TBL+TBR"),
    ("hexadecagonal", "FL+FR+FC+BL+BR+BC+SL+SR+TFL+TFC+TFR+TBL+TBC+TBR+WL+WR"),
    ("downmix", "DL+DR"),
    (
        "22.2",
        "FL+FR+FC+LFE+BL+BR+FLC+FRC+BC+SL+SR+TC+TFL+TFC+TFR+TBL+TBC+TBR+LFE2+TSL+TSR+BFC+BFL+BFR",
    ),
];

/// The channels of a stream, in the stream's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The layout's usual name, or the number of channels.
    pub name: String,
    /// The loudspeaker of each channel, where known.
    pub speakers: Vec<Option<Speaker>>,
    /// Whether the file declares the layout.
    pub declared: bool,
    /// Whether the channels are ambisonics: the first is the sound from all directions, and the
    /// others only encode the directions.
    pub ambisonic: bool,
}

impl Layout {
    /// The layout that has this description by ffprobe.
    #[must_use]
    pub fn of(described: &str, channels: u8) -> Self {
        let channels = usize::from(channels);
        // For layouts without a name, ffprobe lists the channels in brackets.
        let inner = described.split_once(" channels (").map(|(_, rest)| rest.trim_end_matches(')'));
        let speakers =
            Self::named(described).or_else(|| inner.map(|names| speakers_of(names).collect()));
        if let Some(speakers) = speakers.filter(|speakers| speakers.len() == channels) {
            let name = inner.unwrap_or(described).to_owned();
            return Self { name, speakers, declared: true, ambisonic: false };
        }
        let usual = LAYOUTS.iter().find(|(_, names)| speakers_of(names).count() == channels);
        let ambisonic = described.starts_with("ambisonic");
        let (name, speakers) = match usual {
            _ if ambisonic => (described.to_owned(), vec![None; channels]),
            Some((name, names)) => ((*name).to_owned(), speakers_of(names).collect()),
            None => (format!("{channels} channels"), vec![None; channels]),
        };
        Self { name, speakers, declared: ambisonic, ambisonic }
    }

    /// The channels of a layout with this name.
    fn named(name: &str) -> Option<Vec<Option<Speaker>>> {
        let known = LAYOUTS.iter().find(|(known, _)| *known == name);
        known.map(|(_, names)| speakers_of(names).collect())
    }

    /// The loudspeakers of a layout with this name.
    pub(crate) fn speakers_of(name: &str) -> Vec<Speaker> {
        Self::named(name).into_iter().flatten().flatten().collect()
    }

    /// A channel's name in messages: its number and its loudspeaker.
    #[must_use]
    pub fn channel(&self, index: usize) -> String {
        let speaker = self.speakers.get(index).copied().flatten();
        let name = speaker.map_or_else(String::new, |speaker| format!(" ({speaker})"));
        format!("{}{name}", index + 1)
    }
}

/// In a custom order, a channel may have a label of its own: `FL@left`.
fn speakers_of(names: &str) -> impl Iterator<Item = Option<Speaker>> {
    names
        .split('+')
        .map(|name| Speaker::from_name(name.split_once('@').map_or(name, |(name, _)| name)))
}

#[cfg(test)]
mod tests {
    use super::{Layout, Speaker};

    #[test]
    fn what_ffprobe_describes() {
        for (described, channels, name, second, declared) in [
            ("stereo", 2, "stereo", Some(Speaker::FrontRight), true),
            ("5.1(side)", 6, "5.1(side)", Some(Speaker::FrontRight), true),
            ("4 channels (FL+LFE+FC+BC)", 4, "FL+LFE+FC+BC", Some(Speaker::LowFrequency), true),
            ("2 channels (FL@a+FC@b)", 2, "FL@a+FC@b", Some(Speaker::FrontCentre), true),
            ("unknown", 8, "7.1", Some(Speaker::FrontRight), false),
            ("", 2, "stereo", Some(Speaker::FrontRight), false),
            ("unknown", 9, "9 channels", None, false),
            // The channel count contradicts the layout.
            ("stereo", 3, "2.1", Some(Speaker::FrontRight), false),
            ("ambisonic 1", 4, "ambisonic 1", None, true),
        ] {
            let layout = Layout::of(described, channels);
            assert_eq!((&*layout.name, layout.declared), (name, declared), "{described}");
            assert_eq!(layout.speakers.len(), usize::from(channels), "{described}");
            assert_eq!(layout.speakers[1], second, "{described}");
        }
    }
}
