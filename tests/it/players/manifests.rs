//! Playlists, read by parsers of others.

use dash_mpd_core::{Representation, SegmentTemplate};
use m3u8_rs::MediaPlaylist;

use super::film::{DASH, FRAME, Film, HLS_MP4, HLS_TS, SEGMENT_SECONDS};

/// The DASH muxer cuts the sound where the picture's next key frame is decoded, and with B-frames
/// that is two frames before it is shown.
const SOUND_EARLY: f64 = 2.0 * FRAME;

#[track_caller]
fn assert_near(what: &str, found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= FRAME + 1e-4,
        "{what} is {found} s instead of {expected} s"
    );
}

/// They fill the film, and each but the last ends where it should.
#[track_caller]
fn assert_lengths(film: &Film, lengths: &[f64], early: f64) {
    let mut end = 0.0;
    for (length, number) in lengths[..lengths.len() - 1].iter().zip(1_u32..) {
        end += length;
        let expected = f64::from(number) * SEGMENT_SECONDS - early;
        assert_near("a segment's end", end, expected);
    }
    assert_near("the whole", lengths.iter().sum(), film.seconds());
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

/// The template's names for one representation: the first is that of the beginning.
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
    // To the millisecond: players end there, whatever more there is.
    assert!((length.as_secs_f64() - DASH.seconds()).abs() < 1e-3, "{length:?}");
    assert_eq!(manifest.periods.len(), 1);
    let sets = &manifest.periods[0].adaptations;
    let representations = sets.iter().flat_map(|set| &set.representations);
    let mut count = 0;
    for (representation, early) in representations.zip([0.0, SOUND_EARLY]) {
        let template = template(representation);
        assert_lengths(&DASH, &lengths(template), early);
        let names = names(template, representation.id.as_ref().unwrap());
        for name in &names {
            assert!(DASH.has(name), "no {name}");
        }
        count += names.len();
    }
    assert_eq!(count, DASH.segment_count());
}
