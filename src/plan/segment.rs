//! Segments: the muxers that split the output at the key frames.

use std::path::Path;

use super::input::file_url;
use super::words::words;
use crate::codec::Container;
use crate::flicks::Flicks;
use crate::output::Segments;
use crate::process::request::SegmentFormat;

/// The segment length if there is to be only one: longer than any output.
const FOREVER: Flicks = Flicks::new(i64::MAX / 1000);
/// The longest segment length of the DASH muxer, and the most by which audio goes ahead: both are
/// microseconds of 31 bits.
pub(super) const LONGEST_DASH: Flicks = Flicks::new(2147 * 705_600_000);

/// Arguments for the muxer that writes the playlist `target` and its segments beside it, with names
/// derived from it. `early` is the time from decoding the video's first frame to showing it.
pub(super) fn muxer(
    segments: Segments,
    container: Container,
    early: Flicks,
    target: &Path,
) -> Vec<String> {
    let length = segments.length.unwrap_or(match segments.format {
        SegmentFormat::Hls => FOREVER,
        SegmentFormat::Dash => LONGEST_DASH,
    });
    let length = floor(length);
    let stem = target.file_stem().expect("an output has a name").to_string_lossy();
    // Muxers end a segment's audio at the next key frame's decoding time. The audio goes ahead by
    // `early`, so that it ends where that frame is shown.
    let ahead = early.min(LONGEST_DASH).to_micros();
    let mut arguments = words(&format!("-audio_preload {ahead}"));
    arguments.extend(match segments.format {
        SegmentFormat::Hls => hls(container, target, &stem, &length),
        SegmentFormat::Dash => dash(&stem, &length),
    });
    arguments
}

/// Decimal seconds, rounded down: a segment ends at the first key frame that is at least this far
/// from its start.
fn floor(length: Flicks) -> String {
    Flicks::of_units(floor_micros(length), 1_000_000.into()).as_option()
}

/// Microseconds, rounded down.
pub(super) fn floor_micros(length: Flicks) -> i64 {
    let nearest = length.to_micros();
    nearest - i64::from(Flicks::of_units(nearest, 1_000_000.into()) > length)
}

fn hls(container: Container, target: &Path, stem: &str, length: &str) -> Vec<String> {
    let fragmented = container == Container::Mp4;
    let extension = if fragmented { "m4s" } else { "ts" };
    // A percent sign would begin a number in the pattern.
    let folder = target.parent().expect("an output is in a folder");
    let folder = file_url(folder).replace('%', "%%");
    let mut arguments = words(&format!(
        "-f hls -hls_time {length} -hls_playlist_type vod -hls_list_size 0 \
         -hls_flags independent_segments -start_number 1"
    ));
    if fragmented {
        // As in DASH, the video begins at 0, is decoded earlier, and an edit list declares that. By
        // default the muxer would shift everything by the frames in between, and browsers would
        // play it from there. Negative composition offsets would need no edit list, but ffmpeg then
        // misplaces the audio.
        arguments.extend(words(
            "-avoid_negative_ts disabled -hls_segment_type fmp4 -hls_fmp4_init_filename",
        ));
        arguments.push(format!("{stem}-init.mp4"));
    }
    arguments.push("-hls_segment_filename".to_owned());
    arguments.push(format!("{folder}/{stem}-%05d.{extension}"));
    arguments
}

fn dash(stem: &str, length: &str) -> Vec<String> {
    let mut arguments = words(&format!(
        "-f dash -dash_segment_type mp4 -seg_duration {length} -use_template 1 -use_timeline 1"
    ));
    arguments.extend([
        "-init_seg_name".to_owned(),
        format!("{stem}-$RepresentationID$-init.mp4"),
        "-media_seg_name".to_owned(),
        format!("{stem}-$RepresentationID$-$Number%05d$.m4s"),
    ]);
    arguments
}
