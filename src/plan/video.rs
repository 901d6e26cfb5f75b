//! A clip's video as a filter chain with an exact number of frames.

use std::ops::Range;

use num_rational::Ratio;

use super::colour;
use super::geometry;
use super::pixels;
use crate::flicks::Flicks;
use crate::media::{Size, VideoStream};
use crate::output::VideoOutput;

/// What of a stream is shown.
pub(super) struct Source<'a> {
    pub(super) stream: &'a VideoStream,
    /// Start of the cut on the stream's own clock.
    pub(super) start: Flicks,
    /// Output frames, counted from the start of the cut.
    pub(super) frames: &'a Range<u64>,
}

/// The frames of a clip at the output's rate, size, colours and format.
pub(super) fn chain(source: &Source<'_>, output: &VideoOutput) -> String {
    // What frames carry beside their pixels is of the source alone.
    let mut filters = vec!["sidedata=mode=delete".to_owned()];
    filters.extend(pixels::from_gray(source.stream));
    let over_black = pixels::over_black(source.stream, output);
    let deinterlaced = can_be_interlaced(&source.stream.pixel_format);
    if deinterlaced || over_black.is_some() {
        // Neither the deinterlacer nor what composes takes a change of size.
        let (stored, shown) = (upright(source.stream), source.stream.display_size());
        filters.extend(geometry::steady(stored, shown, output.size, output.fitting));
    }
    if deinterlaced {
        // Headers don't tell, and a stream may change on the way: each frame says what it is.
        // Progressive ones pass untouched.
        filters.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    filters.extend(timing(source, output.frame_rate));
    filters.extend(over_black);
    filters.extend(shape(source.stream, output));
    filters.push(stamps(output.frame_rate));
    filters.join(",")
}

/// The stored size, rotation applied.
fn upright(stream: &VideoStream) -> Size {
    if stream.turned { stream.size.turned() } else { stream.size }
}

/// Whether the deinterlacer takes frames of this format as they are, or in another layout of the
/// same samples. RGB and palettes are computers' formats, which have no fields.
fn can_be_interlaced(pixel_format: &str) -> bool {
    const FAMILIES: [&str; 9] = ["yuv", "yuyv", "uyvy", "yvyu", "nv", "p0", "p2", "y21", "gray"];
    FAMILIES.iter().any(|family| pixel_format.starts_with(family))
}

/// Output frame k shows the last source frame that starts before the middle
/// of k's time: half a frame later, `fps` rounds every time stamp down, and
/// repeats the first frame where the video starts late. The last one is held
/// where the audio is longer.
///
/// `fps` could round to the nearest frame itself, but drops a last frame that
/// it rounds to where the video ends. Half a frame later, the end, which it
/// rounds up, is always behind the last frame.
///
/// Time is counted in flicks from the cut: in the source's own time base, which
/// may be as coarse as a frame, `fps` would round the start of the cut.
fn timing(source: &Source<'_>, rate: Ratio<i64>) -> [String; 5] {
    // A cut behind the last frame shows it all the same.
    let start = source.start.min(source.stream.last) + source.stream.late;
    let half = Flicks::of_units(1, rate * 2);
    let Range { start: first, end } = source.frames;
    [
        format!("settb=1/{}", Flicks::PER_SECOND),
        format!("setpts=PTS-({})", (start - half).count()),
        format!("fps=fps={rate}:start_time=0:round=down:eof_action=pass"),
        "tpad=stop_mode=clone:stop=-1".to_owned(),
        format!("trim=start_frame={first}:end_frame={end}"),
    ]
}

fn shape(stream: &VideoStream, output: &VideoOutput) -> Vec<String> {
    let placing = geometry::place(stream.display_size(), output.size, output.fitting);
    let mut filters = placing.filters(upright(stream));
    filters.extend(colour::convert(stream, output));
    filters.push("setsar=1".to_owned());
    filters
}

/// Black for a clip without video.
pub(super) fn black(frames: u64, output: &VideoOutput) -> String {
    let (rate, size) = (output.frame_rate, output.size);
    [
        format!("color=c=black:s={size}:r={rate}"),
        format!("trim=end_frame={frames}"),
        // The generator draws in limited range, whatever the stream is said to be.
        format!("scale=in_range=tv:out_range={}", output.colour.range.name()),
        colour::tagged(output),
        "setsar=1".to_owned(),
        stamps(rate),
    ]
    .join(",")
}

/// All clips in a row, from output frame `first` on. Time stamps are counted, so that rounding
/// inside the joining filter can't add up.
pub(super) fn joined(clips: usize, output: &VideoOutput, first: i64) -> String {
    let base = output.frame_rate.recip();
    let tagged = colour::tagged(output);
    format!("concat=n={clips}:v=1:a=0,settb={base},setpts=N+{first},{tagged}")
}

fn stamps(rate: Ratio<i64>) -> String {
    format!("settb={},setpts=N", rate.recip())
}
