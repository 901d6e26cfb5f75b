//! The audio of a source, as the WAV file that ffmpeg encodes.

use super::beep;

#[derive(Debug, Clone)]
pub struct Audio {
    pub rate: u32,
    pub channels: usize,
    pub codec: String,
    pub seconds: f64,
    pub offset_ms: u32,
    /// One steady tone per channel, in addition to the beeps.
    pub tones: Vec<f64>,
    pub beeps: bool,
}

impl Audio {
    pub fn plain() -> Self {
        Self {
            rate: 48_000,
            channels: 2,
            codec: "aac".into(),
            seconds: 2.0,
            offset_ms: 0,
            tones: Vec::new(),
            beeps: true,
        }
    }

    pub fn wav(&self, clip: u8) -> Vec<u8> {
        let frames = (self.seconds * f64::from(self.rate)).round() as usize;
        let bytes = u32::try_from(frames * self.channels * 2).expect("a short audio");
        let channels = u16::try_from(self.channels).expect("few channels");
        let mut wav = Vec::with_capacity(44 + bytes as usize);
        wav.extend_from_slice(b"RIFF");
        wav.extend_from_slice(&(36 + bytes).to_le_bytes());
        wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
        wav.extend_from_slice(&channels.to_le_bytes());
        wav.extend_from_slice(&self.rate.to_le_bytes());
        wav.extend_from_slice(&(self.rate * u32::from(channels) * 2).to_le_bytes());
        wav.extend_from_slice(&(channels * 2).to_le_bytes());
        wav.extend_from_slice(b"\x10\0data");
        wav.extend_from_slice(&bytes.to_le_bytes());
        for index in 0..frames {
            let at = index as f64 / f64::from(self.rate);
            wav.extend(
                (0..self.channels).flat_map(|channel| self.sample(clip, channel, at).to_le_bytes()),
            );
        }
        wav
    }

    fn sample(&self, clip: u8, channel: usize, at: f64) -> i16 {
        let tone = self
            .tones
            .get(channel)
            .map_or(0.0, |hertz| 0.1 * (std::f64::consts::TAU * hertz * at).sin());
        let beep = if self.beeps { beep::sample(clip, at) } else { 0.0 };
        ((tone + beep) * f64::from(i16::MAX)).round() as i16
    }
}
