//! The frame rate of a stream.

use num_rational::Ratio;

use super::{StreamScan, frame_rate, ratio};
use crate::clamped::clamped;
use crate::media::Demuxer;

/// Highest frame rate of real video.
const HIGHEST_OF_FILMS: i64 = 120;

impl StreamScan {
    pub(super) fn frame_rate(&self, demuxer: Demuxer) -> Ratio<i64> {
        let base = ratio(&self.report.r_frame_rate, '/');
        let told = ratio(&self.report.avg_frame_rate, '/');
        // A video stream without a container declares no mean rate: the value is a default of
        // ffmpeg's.
        let told = told.filter(|_| demuxer != Demuxer::MpegVideo);
        // In AVI, a tick is a frame, stored or repeated, unless the tick rate is higher than any
        // real frame rate.
        let ticks = self.time_base.recip();
        let of_ticks = || ticks <= Ratio::from_integer(60) || self.cadence.is_of_ticks();
        if demuxer == Demuxer::Avi && !self.of_fields && of_ticks() {
            return frame_rate::choose(None, Some(ticks));
        }
        let counted = self.cadence.rate();
        // For one frame, or two of which only one has a timestamp, only their length is known.
        // `r_frame_rate` is more exact, but may be the rate of the fields.
        if let (None, None, Some(mean)) = (counted, told, self.rate_by_length()) {
            let rate = frame_rate::choose(base, Some(mean));
            return frame_rate::choose(base.map(|base| base / 2), Some(rate));
        }
        if let Some(counted) = counted.filter(|_| self.of_fields) {
            // If only some frames are stored as fields, the container's mean counts frames.
            let halved = counted / 2;
            let told = told.filter(|&told| told >= halved && told < counted * Ratio::new(49, 50));
            return frame_rate::choose(None, told.or(Some(halved)));
        }
        let said: Vec<_> = told.into_iter().chain(base).collect();
        if let Some(meant) = self.cadence.meant(&said) {
            return frame_rate::choose(None, Some(meant));
        }
        // Without a usable timestamp of the frames, an `r_frame_rate` above all real frame rates is
        // the time base's.
        let mean = counted.or(told);
        let base = base.filter(|&base| mean.is_some() || base <= HIGHEST_OF_FILMS.into());
        frame_rate::choose(base, mean)
    }

    fn rate_by_length(&self) -> Option<Ratio<i64>> {
        let time = self.flicks(self.end.checked_sub(self.first?)?)?;
        let rate = frame_rate::mean(clamped(self.packets), time)?;
        (Ratio::from_integer(10)..=HIGHEST_OF_FILMS.into()).contains(&rate).then_some(rate)
    }

    /// Whether the packets come faster than thirty frames a second, the highest rate of interlaced
    /// video.
    pub(in super::super) fn may_be_of_fields(&self) -> bool {
        self.report.field_order != "progressive"
            && self.report.codec_name.as_deref() == Some("h264")
            && self.cadence.rate().is_some_and(|rate| rate > Ratio::from_integer(31))
    }
}
