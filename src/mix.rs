//! How the channels of a clip are mixed to those of the output.
//!
//! The weights are those of ITU-R BS.775: a channel that the output lacks is added to its
//! neighbours with 3 dB less, and low-frequency effects are dropped. Then all weights are divided
//! by the largest sum of an output channel, if that exceeds one: so no mix is louder than its
//! parts, and none clips.

use std::fmt::Write;

use crate::media::{Layout, Speaker};

/// A factor of -3 dB.
const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// The most steps from any loudspeaker to one that every output has.
const MOST_STEPS: u32 = 4;

/// The weights of a clip's channels in the output's channels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mix {
    /// For each output channel, the weight of every channel of the clip.
    rows: Vec<Vec<f64>>,
}

impl Mix {
    /// The mix from a clip's channels to the output's.
    pub(crate) fn new(from: &Layout, to: &[Speaker]) -> Self {
        let mut rows = vec![vec![0.0; from.speakers.len()]; to.len()];
        let used = if from.ambisonic { &from.speakers[..1] } else { &from.speakers[..] };
        for (channel, weights) in weights(used, to).into_iter().enumerate() {
            for (row, weight) in rows.iter_mut().zip(weights) {
                row[channel] = weight;
            }
        }
        let sums = rows.iter().map(|row| row.iter().sum::<f64>());
        let loudest = sums.fold(1.0, f64::max);
        rows.iter_mut().flatten().for_each(|weight| *weight /= loudest);
        Self { rows }
    }

    /// A mix that changes none of these channels.
    pub(crate) fn identity(channels: usize) -> Self {
        // If all weights were one, ffmpeg would mix by its guess of the channels' positions.
        let weight = |own| move |channel| if channel == own { 0.999_999 } else { 0.0 };
        let row = |own| (0..channels).map(weight(own)).collect();
        Self { rows: (0..channels).map(row).collect() }
    }

    /// The clip's channels that are in none of the output's.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = usize> {
        let channels = self.rows.first().map_or(0, Vec::len);
        (0..channels).filter(|&channel| self.rows.iter().all(|row| row[channel] <= 0.0))
    }

    /// Whether every channel stays as it is: alone in its own output channel, with no division
    /// needed.
    pub(crate) fn is_identity(&self) -> bool {
        let is_own = |(own, row): (usize, &Vec<f64>)| {
            row.len() == self.rows.len()
                && row.iter().enumerate().all(|(n, &weight)| (weight > 0.0) == (n == own))
        };
        self.rows.iter().enumerate().all(is_own)
    }

    /// The filter for this mix, with channels by number.
    pub(crate) fn filter(&self, layout: &str) -> String {
        let mut filter = format!("pan={layout}");
        for (index, row) in self.rows.iter().enumerate() {
            let weights = row.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
            let weights: Vec<String> = weights.map(|(n, weight)| term(*weight, n)).collect();
            let sum = if weights.is_empty() { term(0.0, 0) } else { weights.join("+") };
            let _ = write!(filter, "|c{index}={sum}");
        }
        filter
    }
}

fn term(weight: f64, channel: usize) -> String {
    format!("{weight:.6}*c{channel}")
}

/// The filter for a clip whose channels change in the middle: it names channels, of which those
/// that exist count, and divides each output channel by its own sum.
pub(crate) fn adaptive_filter(layout: &str) -> String {
    let to = Layout::speakers_of(layout);
    let mut filter = format!("pan={layout}");
    for (index, speaker) in to.iter().enumerate() {
        let weight = |from: &Speaker| place(Some(*from), &to)[index];
        // ffmpeg reads names up to their first digit: `LFE2` would be a second `LFE`.
        let named = Speaker::ALL.iter().filter(|from| **from != Speaker::LowFrequency2);
        let from = named.map(|from| (from, weight(from)));
        let from = from.filter(|(_, weight)| *weight > 0.0);
        let sum: Vec<String> = from.map(|(from, weight)| format!("{weight:.6}*{from}")).collect();
        let _ = write!(filter, "|{speaker}<{}", sum.join("+"));
    }
    filter
}

/// For each channel, its weight in each output channel.
fn weights(from: &[Option<Speaker>], to: &[Speaker]) -> Vec<Vec<f64>> {
    use Speaker::{BackLeft, BackRight, FrontCentre, SideLeft, SideRight};
    // The same level in each front channel: mono is not a centre between two others.
    if matches!(from, [Some(FrontCentre) | None]) && !to.contains(&FrontCentre) {
        return vec![to.iter().map(|&speaker| f64::from(is_front(speaker))).collect()];
    }
    let has = |speakers: [Speaker; 2]| speakers.iter().all(|s| from.contains(&Some(*s)));
    let holds = |speaker| to.contains(&speaker);
    // Two pairs of surround channels are first merged into one.
    let doubled = has([BackLeft, SideLeft]) && !(holds(BackLeft) && holds(SideLeft));
    let share = |speaker: Option<Speaker>| match speaker {
        Some(BackLeft | BackRight | SideLeft | SideRight) if doubled => HALF,
        _ => 1.0,
    };
    let placed = |&speaker: &Option<Speaker>| {
        let share = share(speaker);
        place(speaker, to).into_iter().map(|weight| weight * share).collect()
    };
    from.iter().map(placed).collect()
}

fn is_front(speaker: Speaker) -> bool {
    matches!(speaker, Speaker::FrontLeft | Speaker::FrontRight)
}

/// The weight of one channel in each output channel.
fn place(speaker: Option<Speaker>, to: &[Speaker]) -> Vec<f64> {
    let mut weights = vec![0.0; to.len()];
    // A channel without a known position counts as front centre.
    add(speaker.unwrap_or(Speaker::FrontCentre), 1.0, to, &mut weights, MOST_STEPS);
    weights
}

fn add(speaker: Speaker, weight: f64, to: &[Speaker], weights: &mut [f64], steps: u32) {
    if let Some(own) = to.iter().position(|&other| other == speaker) {
        weights[own] += weight;
        return;
    }
    let all = neighbours(speaker);
    let there = |group: &&&[(Speaker, f64)]| group.iter().all(|(other, _)| to.contains(other));
    let group = all.iter().find(there).or(all.last());
    for &(other, part) in group.into_iter().copied().flatten().filter(|_| steps > 0) {
        add(other, weight * part, to, weights, steps - 1);
    }
}

/// Where a channel goes that the output lacks: to the first of these groups that the output has,
/// else to the last group, whose channels may be distributed further.
fn neighbours(speaker: Speaker) -> &'static [&'static [(Speaker, f64)]] {
    use Speaker as S;
    match speaker {
        S::FrontCentre => &[&[(S::FrontLeft, HALF), (S::FrontRight, HALF)]],
        S::BackLeft => &[&[(S::SideLeft, 1.0)], &[(S::BackCentre, HALF)], &[(S::FrontLeft, HALF)]],
        S::BackRight => {
            &[&[(S::SideRight, 1.0)], &[(S::BackCentre, HALF)], &[(S::FrontRight, HALF)]]
        }
        S::SideLeft => &[&[(S::BackLeft, 1.0)], &[(S::BackCentre, HALF)], &[(S::FrontLeft, HALF)]],
        S::SideRight => {
            &[&[(S::BackRight, 1.0)], &[(S::BackCentre, HALF)], &[(S::FrontRight, HALF)]]
        }
        S::BackCentre => &[
            &[(S::BackLeft, HALF), (S::BackRight, HALF)],
            &[(S::SideLeft, HALF), (S::SideRight, HALF)],
            &[(S::FrontLeft, 0.5), (S::FrontRight, 0.5)],
        ],
        S::FrontLeftOfCentre => {
            &[&[(S::FrontLeft, HALF), (S::FrontCentre, HALF)], &[(S::FrontLeft, 1.0)]]
        }
        S::FrontRightOfCentre => {
            &[&[(S::FrontRight, HALF), (S::FrontCentre, HALF)], &[(S::FrontRight, 1.0)]]
        }
        S::DownmixLeft => &[&[(S::FrontLeft, 1.0)]],
        S::DownmixRight => &[&[(S::FrontRight, 1.0)]],
        S::WideLeft | S::TopFrontLeft | S::BottomFrontLeft => &[&[(S::FrontLeft, HALF)]],
        S::WideRight | S::TopFrontRight | S::BottomFrontRight => &[&[(S::FrontRight, HALF)]],
        S::FrontLeft | S::FrontRight | S::TopCentre | S::TopFrontCentre | S::BottomFrontCentre => {
            &[&[(S::FrontCentre, HALF)]]
        }
        S::TopBackLeft => &[&[(S::BackLeft, HALF)]],
        S::TopBackRight => &[&[(S::BackRight, HALF)]],
        S::TopBackCentre => &[&[(S::BackCentre, HALF)]],
        S::SurroundDirectLeft => &[&[(S::SideLeft, 1.0)]],
        S::SurroundDirectRight => &[&[(S::SideRight, 1.0)]],
        S::TopSideLeft | S::SideSurroundLeft | S::TopSurroundLeft => &[&[(S::SideLeft, HALF)]],
        S::TopSideRight | S::SideSurroundRight | S::TopSurroundRight => &[&[(S::SideRight, HALF)]],
        S::LowFrequency2 => &[&[(S::LowFrequency, 1.0)]],
        S::LowFrequency => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Mix, adaptive_filter};
    use crate::media::Layout;

    fn mix(from: &str, channels: u8, to: &str) -> Mix {
        Mix::new(&Layout::of(from, channels), &Layout::speakers_of(to))
    }

    fn decibels(mix: &Mix) -> Vec<Vec<String>> {
        let text = |&weight: &f64| match weight {
            0.0 => "-".to_owned(),
            weight => format!("{:.1}", 20.0 * weight.log10()).replace("-0.0", "0.0"),
        };
        mix.rows.iter().map(|row| row.iter().map(text).collect()).collect()
    }

    #[test]
    fn mono_and_stereo_keep_their_level_both_ways() {
        assert_eq!(decibels(&mix("mono", 1, "stereo")), [["0.0"], ["0.0"]]);
        assert_eq!(decibels(&mix("stereo", 2, "mono")), [["-6.0", "-6.0"]]);
        assert_eq!(mix("mono", 1, "5.1").filter("5.1").matches("1.000000").count(), 1);
    }

    #[test]
    fn surround_becomes_stereo_by_bs_775() {
        let left = |from, channels| decibels(&mix(from, channels, "stereo")).swap_remove(0);
        assert_eq!(left("5.1", 6), ["-7.7", "-", "-10.7", "-", "-10.7", "-"]);
        assert_eq!(left("5.1(side)", 6), ["-7.7", "-", "-10.7", "-", "-10.7", "-"]);
        assert_eq!(left("7.1", 8), ["-8.7", "-", "-11.7", "-", "-14.7", "-", "-14.7", "-"]);
        assert_eq!(left("4.0", 4), ["-6.9", "-", "-9.9", "-12.9"]);
        assert_eq!(left("quad", 4), ["-4.6", "-", "-7.7", "-"]);
    }

    #[test]
    fn surround_becomes_mono_by_way_of_stereo() {
        let mono = |from, channels| decibels(&mix(from, channels, "mono")).swap_remove(0);
        assert_eq!(mono("quad", 4), ["-10.7", "-10.7", "-13.7", "-13.7"]);
        assert_eq!(mono("5.1", 6), ["-13.7", "-13.7", "-10.7", "-", "-16.7", "-16.7"]);
        assert_eq!(mono("7.1", 8)[..5], ["-14.7", "-14.7", "-11.7", "-", "-20.7"]);
    }

    /// Each cell of the page's table contains the weights of the mix, and no others.
    #[test]
    fn the_language_s_page_has_these_weights() {
        let page = include_str!("process/README.md");
        let cells = |from: &str| -> Vec<&str> {
            let row = page.lines().find(|line| line.starts_with(&format!("| {from} | ")));
            row.expect(from).split('|').skip(2).take(2).collect()
        };
        let told = |cell: &str| -> BTreeSet<String> {
            let numbers = cell.split(" dB").filter_map(|part| part.rsplit(' ').next());
            numbers
                .filter(|number| number.parse::<f64>().is_ok())
                .map(|number| format!("{:.1}", number.parse::<f64>().expect("it is one")))
                .collect()
        };
        for (from, channels) in [("mono", 1), ("stereo", 2), ("quad", 4), ("5.1", 6), ("7.1", 8)] {
            for (cell, to) in cells(from).into_iter().zip(["stereo", "mono"]) {
                let weights = decibels(&mix(from, channels, to)).into_iter().flatten();
                let weights: BTreeSet<String> = weights.filter(|weight| weight != "-").collect();
                if from != to {
                    assert_eq!(told(cell), weights, "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn no_mix_can_clip_and_only_low_frequencies_are_left_out() {
        for to in ["mono", "stereo", "3.0", "4.0", "quad", "5.0", "5.1", "6.1", "7.1"] {
            for (from, channels) in [
                ("22.2", 24),
                ("hexadecagonal", 16),
                ("9.1.4", 14),
                ("unknown", 9),
                ("cube", 8),
                ("6.1(front)", 7),
                ("downmix", 2),
                ("7.2.3", 12),
            ] {
                let layout = Layout::of(from, channels);
                let mix = mix(from, channels, to);
                for row in &mix.rows {
                    assert!(row.iter().sum::<f64>() <= 1.000_001, "{from} to {to}: {row:?}");
                }
                for channel in mix.left_out() {
                    assert!(layout.channel(channel).contains("(LFE"), "{from} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_layout_that_is_the_output_s_stays() {
        assert!(mix("5.1", 6, "5.1").is_identity());
        assert!(Mix::identity(3).is_identity());
        assert_eq!(Mix::identity(2).filter("stereo"), "pan=stereo|c0=0.999999*c0|c1=0.999999*c1");
        assert!(mix("5.1(side)", 6, "5.1").is_identity());
        assert!(mix("unknown", 6, "5.1").is_identity());
        assert!(!mix("hexagonal", 6, "5.1").is_identity());
    }

    #[test]
    fn filters() {
        assert_eq!(
            mix("mono", 1, "stereo").filter("stereo"),
            "pan=stereo|c0=1.000000*c0|c1=1.000000*c0"
        );
        for layout in ["mono", "2.1", "5.1", "7.1"] {
            let adaptive = adaptive_filter(layout);
            assert!(!adaptive.contains("LFE2"), "{adaptive}");
        }
        let adaptive = adaptive_filter("stereo");
        assert!(
            adaptive.starts_with("pan=stereo|FL<1.000000*FL+0.707107*FC+0.707107*BL"),
            "{adaptive}"
        );
    }
}
