//! The output of a task: as planned, and as text.

use std::fmt;

use num_rational::Ratio;

use super::{AudioRecord, OutputRecord, VideoRecord};
use crate::clamped::clamped;
use crate::plan::Plan;

impl From<&Plan> for OutputRecord {
    /// The output as planned.
    fn from(plan: &Plan) -> Self {
        let video = plan.output.video.as_ref().map(|video| VideoRecord {
            codec: video.codec.name().to_owned(),
            width: video.size.width,
            height: video.size.height,
            frame_rate: ratio(video.frame_rate),
            pixel_format: video.pixel_format.name().to_owned(),
            frames: plan.timeline.frames(),
            bit_rate: None,
        });
        let audio = plan.output.audio.as_ref().map(|audio| AudioRecord {
            codec: audio.codec.name().to_owned(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            bit_rate: None,
            samples: plan.timeline.samples(),
        });
        Self {
            container: plan.output.container.name().to_owned(),
            duration_ms: plan.length().to_millis().unsigned_abs(),
            video,
            audio,
        }
    }
}

fn ratio(number: Ratio<i64>) -> f64 {
    let part = |n: i64| f64::from(clamped::<i32>(n));
    part(*number.numer()) / part(*number.denom())
}

impl fmt::Display for OutputRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.duration_ms / 1000, self.duration_ms % 1000);
        write!(f, "{}, {whole}", self.container)?;
        if part > 0 {
            write!(f, ".{part:03}")?;
        }
        f.write_str(" s")?;
        if let Some(video) = &self.video {
            write!(
                f,
                "; {} {}x{} {}, {} frames at {}/s",
                video.codec,
                video.width,
                video.height,
                video.pixel_format,
                video.frames,
                (video.frame_rate * 1000.0).round() / 1000.0
            )?;
        }
        if let Some(audio) = &self.audio {
            let channels = if audio.channels == 1 { "channel" } else { "channels" };
            write!(
                f,
                "; {} {} Hz, {} {channels}, {} samples",
                audio.codec, audio.sample_rate, audio.channels, audio.samples
            )?;
        }
        Ok(())
    }
}
