//! Playlists, read by other people's parsers.

use dash_mpd_core::{Representation, SegmentTemplate};
use m3u8_rs::MediaPlaylist;

use super::film::{BLOCK, DASH, FRAME, Film, HLS_MP4, HLS_TS, SEGMENT_FRAMES};

const SEGMENT_SECONDS: f64 = SEGMENT_FRAMES as f64 * FRAME;
/// The rounding in playlists.
const ROUNDED: f64 = 1e-4;

#[track_caller]
fn assert_near(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance + ROUNDED,
        "{what} is {found} s instead of {expected} s"
    );
}

/// The segments fill the whole length, and each except the last has the right length and end.
#[track_caller]
fn assert_lengths(film: &Film, lengths: &[f64], tolerance: f64) {
    let mut end = 0.0;
    for (length, number) in lengths[..lengths.len() - 1].iter().zip(1_u32..) {
        assert_near("a segment's length", *length, SEGMENT_SECONDS, tolerance);
        end += length;
        assert_near("its end", end, f64::from(number) * SEGMENT_SECONDS, tolerance);
    }
    assert_near("the whole", lengths.iter().sum(), film.seconds(), tolerance);
}

fn hls(film: &Film) -> MediaPlaylist {
    let (rest, playlist) = m3u8_rs::parse_media_playlist(film.text().as_bytes()).unwrap();
    assert!(rest.is_empty(), "{}", film.text());
    playlist
}

fn assert_hls(film: &Film) {
    let playlist = hls(film);
    assert!(playlist.end_list);
    assert_eq!(playlist.media_sequence, 1);
    let lengths: Vec<f64> =
        playlist.segments.iter().map(|segment| f64::from(segment.duration)).collect();
    assert_lengths(film, &lengths, 0.0);
    for (segment, length) in playlist.segments.iter().zip(lengths) {
        assert!(film.has(&segment.uri), "no {}", segment.uri);
        assert!(playlist.target_duration >= length.round() as u64);
    }
}

#[test]
fn hls_in_transport_streams() {
    assert_hls(&HLS_TS);
    assert_eq!(hls(&HLS_TS).segments.len(), HLS_TS.segment_count());
}

#[test]
fn hls_in_fragmented_mp4() {
    assert_hls(&HLS_MP4);
    let playlist = hls(&HLS_MP4);
    let map = playlist.segments[0].map.as_ref().expect("it has a map");
    assert!(HLS_MP4.has(&map.uri), "no {}", map.uri);
    assert_eq!(playlist.segments.len() + 1, HLS_MP4.segment_count());
}

fn lengths(template: &SegmentTemplate) -> Vec<f64> {
    let scale = template.timescale.unwrap_or(1) as f64;
    let timeline = template.SegmentTimeline.as_ref().expect("lengths are told");
    timeline
        .segments
        .iter()
        .flat_map(|run| {
            let more = usize::try_from(run.r.unwrap_or(0)).expect("runs have an end");
            std::iter::repeat_n(run.d as f64 / scale, more + 1)
        })
        .collect()
}

/// The template's names for one representation: the first is the initialisation segment's.
fn names(template: &SegmentTemplate, id: &str) -> Vec<String> {
    let fill = |text: &Option<String>, number: u64| {
        let text = text.as_ref().expect("names are told");
        text.replace("$RepresentationID$", id).replace("$Number%05d$", &format!("{number:05}"))
    };
    let first = template.startNumber.unwrap_or(1);
    let media = (first..).take(lengths(template).len());
    std::iter::once(fill(&template.initialization, 0))
        .chain(media.map(|number| fill(&template.media, number)))
        .collect()
}

fn template(representation: &Representation) -> &SegmentTemplate {
    let template = representation.SegmentTemplate.as_ref();
    template.expect("segments are named by a template")
}

#[test]
fn dash_in_fragmented_mp4() {
    let manifest = dash_mpd_core::parse(DASH.text()).unwrap();
    let length = manifest.mediaPresentationDuration.expect("it is told");
    // To the millisecond: players stop there, even if there is more.
    assert!((length.as_secs_f64() - DASH.seconds()).abs() < 1e-3, "{length:?}");
    assert_eq!(manifest.periods.len(), 1);
    let sets = &manifest.periods[0].adaptations;
    let representations = sets.iter().flat_map(|set| &set.representations);
    let mut count = 0;
    // Audio is cut only between its blocks.
    for (representation, tolerance) in representations.zip([0.0, BLOCK]) {
        let template = template(representation);
        assert_lengths(&DASH, &lengths(template), tolerance);
        let names = names(template, representation.id.as_ref().unwrap());
        for name in &names {
            assert!(DASH.has(name), "no {name}");
        }
        count += names.len();
    }
    assert_eq!(count, DASH.segment_count());
}
