//! A clip's video as a filter chain with an exact number of frames.

use std::ops::Range;

use num_rational::Ratio;

use super::colour;
use super::geometry::{self, Aspects};
use super::pixels;
use crate::flicks::Flicks;
use crate::media::{Size, VideoStream};
use crate::output::VideoOutput;

/// The part of a stream that a clip shows.
pub(super) struct Source<'a> {
    pub(super) stream: &'a VideoStream,
    /// Start of the cut on the stream's own clock.
    pub(super) start: Flicks,
    /// Output frames, counted from the start of the cut.
    pub(super) frames: &'a Range<u64>,
}

impl Source<'_> {
    /// The sample aspect ratio of the first frame.
    fn first_aspect(&self) -> Ratio<i64> {
        let before = |&&(time, _): &&(Flicks, Ratio<i64>)| time <= self.start;
        let last = self.stream.aspect_changes.iter().take_while(before).last();
        last.map_or(self.stream.sample_aspect, |&(_, aspect)| aspect)
    }

    /// The sample aspect ratio of the first frame, rotated as the frames are, and where it changes.
    fn aspects(&self) -> Aspects {
        let upright = |aspect: Ratio<i64>| if self.stream.turned { aspect.recip() } else { aspect };
        let later = self.stream.aspect_changes.iter().filter(|(time, _)| *time > self.start);
        let changes = later.map(|&(time, aspect)| (time, upright(aspect)));
        Aspects { first: upright(self.first_aspect()), changes: changes.collect() }
    }
}

/// The frames of a clip at the output's rate, size, colours and format.
pub(super) fn chain(source: &Source<'_>, output: &VideoOutput) -> String {
    // Side data of the frames describes the source, not the output.
    let mut filters = vec!["sidedata=mode=delete".to_owned()];
    filters.extend(pixels::from_gray(source.stream));
    filters.extend(pixels::without_unused(source.stream));
    let over_black = pixels::over_black(source.stream, output);
    let deinterlaced = can_be_interlaced(&source.stream.pixel_format);
    if deinterlaced || over_black.is_some() {
        // Neither the deinterlacer nor the overlay can handle a change of size.
        let (stored, aspects) = (upright(source.stream), source.aspects());
        let shown = source.stream.display_size_with(source.first_aspect());
        filters.extend(geometry::steady(stored, shown, output.size, output.fitting, &aspects));
    }
    if deinterlaced {
        // Headers don't say it, and a stream may change in the middle: each frame declares whether
        // it is interlaced. Progressive frames pass unchanged.
        filters.push("bwdif=mode=send_frame:deint=interlaced".to_owned());
    }
    filters.extend(timing(source, output.frame_rate));
    filters.extend(over_black);
    filters.extend(shape(source, output));
    filters.push(stamps(output.frame_rate));
    filters.join(",")
}

/// The stored size after rotation.
fn upright(stream: &VideoStream) -> Size {
    if stream.turned { stream.size.turned() } else { stream.size }
}

/// Whether the deinterlacer can process frames of this format, perhaps in another layout of the
/// same samples. RGB and palette formats come from computers and have no fields.
fn can_be_interlaced(pixel_format: &str) -> bool {
    const FAMILIES: [&str; 9] = ["yuv", "yuyv", "uyvy", "yvyu", "nv", "p0", "p2", "y21", "gray"];
    FAMILIES.iter().any(|family| pixel_format.starts_with(family))
}

/// Output frame k shows the last source frame that starts before the middle of k's time. Timestamps
/// are shifted by half a frame, so that `fps` rounds each one down, and repeats the first frame if
/// the video starts late. The last frame is repeated if the audio is longer.
///
/// `fps` could round to the nearest frame itself, but then drops a last frame that it rounds to the
/// end of the video. With the shift, the end, which it rounds up, is always after the last frame.
///
/// Times are in flicks from the cut: in the source's own time base, which may be as coarse as a
/// frame, `fps` would round the start of the cut.
fn timing(source: &Source<'_>, rate: Ratio<i64>) -> Vec<String> {
    // A cut after the last frame still shows that frame.
    let start = source.start.min(source.stream.last) + source.stream.late;
    let half = Flicks::of_units(1, rate * 2);
    let Range { start: first, end } = source.frames;
    let mut filters = vec![format!("settb=1/{}", Flicks::PER_SECOND)];
    if source.stream.guessed {
        filters.push(evenly(source.stream.frame_rate));
    }
    filters.extend([
        format!("setpts=PTS-({})", (start - half).count()),
        format!("fps=fps={rate}:start_time=0:round=down:eof_action=pass"),
        "tpad=stop_mode=clone:stop=-1".to_owned(),
        format!("trim=start_frame={first}:end_frame={end}"),
    ]);
    filters
}

/// In a program stream only some frames have a timestamp, and ffmpeg may give it to the frame
/// before. So each frame comes one frame's time after the one before it, and what its own timestamp
/// says otherwise moves it, and what follows, by a small part of that only.
fn evenly(rate: Ratio<i64>) -> String {
    let frame = Flicks::of_units(1, rate).count();
    let (due, odd) = (format!("PREV_OUTPTS+{frame}"), format!("(PTS-PREV_OUTPTS-{frame})"));
    format!("setpts='if(lt(abs({odd}),{frame}*3/2),{due}+{odd}/32,PTS)'")
}

fn shape(source: &Source<'_>, output: &VideoOutput) -> Vec<String> {
    let stream = source.stream;
    let shown = stream.display_size_with(source.first_aspect());
    let placing = geometry::place(shown, output.size, output.fitting);
    let mut filters = placing.filters(upright(stream));
    filters.extend(colour::convert(stream, output));
    filters.push("setsar=1".to_owned());
    filters
}

/// Black frames for a clip without video.
pub(super) fn black(frames: u64, output: &VideoOutput) -> String {
    let (rate, size) = (output.frame_rate, output.size);
    [
        format!("color=c=black:s={size}:r={rate}"),
        format!("trim=end_frame={frames}"),
        // The generator draws in limited range, whatever range is declared.
        format!("scale=in_range=tv:out_range={}", output.colour.range.name()),
        colour::tagged(output),
        "setsar=1".to_owned(),
        stamps(rate),
    ]
    .join(",")
}

/// Concatenates all clips, from output frame `first` on. Timestamps are set by counting frames, so
/// that rounding in the concatenating filter can't accumulate.
pub(super) fn joined(clips: usize, output: &VideoOutput, first: i64) -> String {
    let base = output.frame_rate.recip();
    let tagged = colour::tagged(output);
    format!("concat=n={clips}:v=1:a=0,settb={base},setpts=N+{first},{tagged}")
}

fn stamps(rate: Ratio<i64>) -> String {
    format!("settb={},setpts=N", rate.recip())
}
