//! How much work an output takes, estimated from the plan alone.

use std::time::Duration;

use super::{Chunk, Plan};
use crate::clamped::seconds;
use crate::codec::{Preset, VideoCodec};

impl Plan {
    /// Pixels of all frames of the output.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        let area = self.output.video.as_ref().map_or(0, |video| video.size.area());
        area.saturating_mul(self.frames().end)
    }

    /// The least time that encoding the video takes on this many processors; zero without a video.
    #[must_use]
    pub fn least_encoding(&self, processors: u32) -> Duration {
        self.least_encoding_of(&Chunk { frames: self.frames() }, processors)
    }

    /// The same for a range of the video.
    #[must_use]
    pub fn least_encoding_of(&self, range: &Chunk, processors: u32) -> Duration {
        let Some(video) = &self.output.video else { return Duration::ZERO };
        let pixels = video.size.area().saturating_mul(range.frames.end - range.frames.start);
        least(video.codec, self.preset, pixels, processors)
    }
}

fn least(codec: VideoCodec, preset: Preset, pixels: u64, processors: u32) -> Duration {
    let cost = codec.least_cost(preset);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let nanoseconds = pixels as f64 * cost / f64::from(processors.max(1));
    seconds(nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::least;
    use crate::codec::{Preset, VideoCodec};

    #[test]
    fn the_least_time_grows_with_pixels_and_slowness_and_shrinks_with_processors() {
        let least =
            |codec, preset, frames, cores| least(codec, preset, 1920 * 1080 * frames, cores);
        let hour = 60 * 60 * 25;
        let base = least(VideoCodec::H264, Preset::Fast, hour, 2);
        assert_eq!(base.as_secs(), 279);
        assert!(least(VideoCodec::H264, Preset::Fast, hour, 4) < base);
        assert!(least(VideoCodec::H264, Preset::Veryfast, hour, 2) < base);
        assert!(least(VideoCodec::H265, Preset::Fast, hour, 2) > base);
        assert!(least(VideoCodec::H264, Preset::Fast, 2 * hour, 2) > base);
        assert!(
            least(VideoCodec::Vp9, Preset::Placebo, u64::from(u32::MAX), 1)
                > Duration::from_hours(1)
        );
    }
}
