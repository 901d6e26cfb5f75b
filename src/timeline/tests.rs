use num_rational::Ratio;
use proptest::prelude::*;

use super::{SourceRange, Timeline};
use crate::flicks::Flicks;

const FRAME_RATES: [(i64, i64); 8] = [
    (25, 1),
    (24_000, 1001),
    (30_000, 1001),
    (60_000, 1001),
    (1, 1),
    (240, 1),
    (25, 2),
    (12_345, 1000),
];
const SAMPLE_RATES: [u32; 4] = [8000, 44_100, 48_000, 96_000];

/// Seconds as an exact fraction of big integers: slow, but obviously right.
type Exact = Ratio<i128>;

fn seconds(ticks: i64, time_base: (i64, i64)) -> Exact {
    Exact::new(i128::from(ticks) * i128::from(time_base.0), i128::from(time_base.1))
}

/// The definition itself: each boundary computed from all lengths before it.
fn naive_boundary(lengths: &[Exact], clip: usize, rate: Exact) -> i128 {
    let before: Exact = lengths[..clip].iter().sum();
    (before * rate + Exact::new(1, 2)).floor().to_integer()
}

prop_compose! {
    /// A length as media declare it: ticks of a common time base.
    fn length()(
        ticks in prop_oneof![1..5000i64, 1..100_000_000i64],
        base in prop::sample::select(vec![
            (1, 1000), (1, 90_000), (1, 25), (1001, 30_000), (1001, 24_000),
            (1, 48_000), (1, 44_100), (1, 12_800), (1, 15_360), (1, 600),
        ]),
    ) -> (i64, (i64, i64)) { (ticks, base) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12_000))]

    #[test]
    fn agrees_with_the_naive_model(
        lengths in prop::collection::vec(length(), 1..12),
        frame_rate in prop::sample::select(FRAME_RATES.to_vec()),
        sample_rate in prop::sample::select(SAMPLE_RATES.to_vec()),
    ) {
        let exact: Vec<Exact> = lengths.iter().map(|&(ticks, base)| seconds(ticks, base)).collect();
        let flicks: Vec<Flicks> = lengths
            .iter()
            .map(|&(ticks, (num, den))| Flicks::from_ticks(ticks, Ratio::new(num, den)).unwrap())
            .collect();
        let rate = Ratio::new(frame_rate.0, frame_rate.1);
        let timeline = Timeline::new(&flicks, rate, sample_rate);
        let frames = Exact::new(frame_rate.0.into(), frame_rate.1.into());
        let samples = Exact::from_integer(sample_rate.into());
        for (clip, place) in timeline.places.iter().enumerate() {
            prop_assert_eq!(i128::from(place.first_frame), naive_boundary(&exact, clip, frames));
            prop_assert_eq!(i128::from(place.first_sample), naive_boundary(&exact, clip, samples));
            let frame_end = i128::from(place.first_frame + place.frames);
            let sample_end = i128::from(place.first_sample + place.samples);
            prop_assert_eq!(frame_end, naive_boundary(&exact, clip + 1, frames));
            prop_assert_eq!(sample_end, naive_boundary(&exact, clip + 1, samples));
            let apart = Exact::from_integer(frame_end) / frames
                - Exact::from_integer(sample_end) / samples;
            let half_a_frame = (Exact::from_integer(1) / frames + Exact::from_integer(1) / samples) / 2;
            prop_assert!(apart <= half_a_frame && -apart <= half_a_frame);
        }
    }

    #[test]
    fn a_cut_stays_inside_its_media(
        length in 1..100_000u64,
        start in 0..120_000u64,
        duration in prop::option::of(1..120_000u64),
    ) {
        match SourceRange::of(Flicks::from_millis(length), start, duration) {
            None => prop_assert!(start >= length),
            Some(range) => {
                let wanted = duration.unwrap_or(u64::MAX).min(length - start);
                prop_assert_eq!(range.start, Flicks::from_millis(start));
                prop_assert_eq!(range.length, Flicks::from_millis(wanted));
                prop_assert!(range.length > Flicks::ZERO);
            }
        }
    }
}

#[test]
fn ten_thousand_joins_do_not_drift() {
    // 1001 ms at 25 frames/s is 25.025 frames: if each clip were rounded by itself, 250 frames
    // would be lost.
    let lengths = vec![Flicks::from_millis(1001); 10_000];
    let timeline = Timeline::new(&lengths, Ratio::from_integer(25), 48_000);
    assert_eq!(timeline.frames(), 250_250);
    assert_eq!(timeline.samples(), 480_480_000);
}

#[test]
fn a_clip_shorter_than_half_a_frame_gets_none_and_delays_nothing() {
    let lengths = [1000, 10, 1000].map(Flicks::from_millis);
    let timeline = Timeline::new(&lengths, Ratio::from_integer(25), 48_000);
    let frames: Vec<_> = timeline.places.iter().map(|p| (p.first_frame, p.frames)).collect();
    assert_eq!(frames, [(0, 25), (25, 0), (25, 25)]);
    assert_eq!(timeline.places[2].first_sample, 48_480);
}

#[test]
fn a_cut_takes_what_it_touches_of_each_part() {
    let ms = Flicks::from_millis;
    for (name, start, length, expected) in [
        ("all", 0, 600, vec![(0, 0, 100), (1, 0, 200), (2, 0, 300)]),
        ("inside one", 120, 50, vec![(1, 20, 50)]),
        ("over a join", 250, 100, vec![(1, 150, 50), (2, 0, 50)]),
        ("from a join on", 100, 10, vec![(1, 0, 10)]),
        ("up to a join", 90, 10, vec![(0, 90, 10)]),
    ] {
        let cut = SourceRange { start: ms(start), length: ms(length) };
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(part, start, length)| {
                (part, SourceRange { start: ms(start), length: ms(length) })
            })
            .collect();
        let parts = cut.split([100, 200, 300].map(ms).into_iter());
        assert_eq!(parts.collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn audio_that_ends_with_the_video_has_no_gap() {
    for (lengths, fps, expected) in [
        (&[2010][..], 25, &[(0, 96_000)][..]),
        (&[1990], 25, &[(0, 96_000)]),
        (&[1990, 5], 25, &[(0, 95_520), (95_520, 480)]),
        (&[2010, 5], 25, &[(0, 96_000), (96_000, 0)]),
        (&[1000, 1000], 25, &[(0, 48_000), (48_000, 48_000)]),
    ] {
        let lengths: Vec<Flicks> = lengths.iter().map(|&ms| Flicks::from_millis(ms)).collect();
        let mut timeline = Timeline::new(&lengths, Ratio::from_integer(fps), 48_000);
        timeline.end_audio_with_video();
        let found: Vec<_> = timeline.places.iter().map(|p| (p.first_sample, p.samples)).collect();
        assert_eq!(found, expected, "{lengths:?}");
    }
}
