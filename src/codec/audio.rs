//! What the audio codecs, and their encoders in ffmpeg, are like.

use std::ops::RangeInclusive;

use super::AudioCodec;

/// The only rate in Hz that Opus counts in and plays at, RFC 7845.
const OPUS_RATE: u32 = 48_000;
/// AMR's narrow band in Hz; its wide band has twice as many.
const NARROW_BAND: u32 = 8000;

impl AudioCodec {
    /// ffmpeg's name of the encoder.
    #[must_use]
    pub const fn encoder(self, sample_rate: u32, bit_depth: u8) -> &'static str {
        match self {
            Self::Mp3 => "libmp3lame",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Vorbis => "libvorbis",
            Self::Ac3 => "ac3",
            Self::Opus => "libopus",
            Self::Pcm if bit_depth > 16 => "pcm_s24le",
            Self::Pcm => "pcm_s16le",
            Self::Amr if sample_rate == NARROW_BAND => "libopencore_amrnb",
            Self::Amr => "libvo_amrwbenc",
        }
    }

    /// What ffprobe's name of the codec starts with.
    #[must_use]
    pub const fn ffprobe_name(self) -> &'static str {
        match self {
            Self::Pcm => "pcm_",
            Self::Amr => "amr_",
            Self::Mp3 | Self::Aac | Self::Flac | Self::Vorbis | Self::Ac3 | Self::Opus => {
                self.name()
            }
        }
    }

    /// The rate in Hz that audio of `sample_rate` is played at.
    #[must_use]
    pub const fn played_rate(self, sample_rate: u32) -> u32 {
        match self {
            Self::Opus => OPUS_RATE,
            _ => sample_rate,
        }
    }

    /// Samples that the encoder puts in front of the first.
    #[must_use]
    pub const fn encoder_delay(self, sample_rate: u32) -> u32 {
        match self {
            Self::Aac => 1024,
            Self::Mp3 => 1105,
            Self::Ac3 => 256,
            // 6.5 ms.
            Self::Opus => sample_rate * 312 / OPUS_RATE,
            // The look-ahead, 3GPP TS 26.071 and 26.171; and what the wide band's two resamplings
            // take.
            Self::Amr if sample_rate == NARROW_BAND => 40,
            Self::Amr => 95,
            Self::Flac | Self::Vorbis | Self::Pcm => 0,
        }
    }

    /// The delay that ffmpeg stamps the encoder's packets with.
    #[must_use]
    pub const fn stamped_delay(self, sample_rate: u32) -> u32 {
        match self {
            Self::Amr if sample_rate == NARROW_BAND => 50,
            Self::Amr => 80,
            _ => self.encoder_delay(sample_rate),
        }
    }

    /// Whether the encoder keeps its delay's last samples to itself when the audio ends.
    #[must_use]
    pub const fn withholds_delay(self) -> bool {
        matches!(self, Self::Ac3 | Self::Amr)
    }

    /// The most samples that the encoder makes a packet of.
    #[must_use]
    pub const fn packet_samples(self, sample_rate: u32) -> u32 {
        match self {
            // A raw sample has no packets of its own; muxers take about so many.
            Self::Aac | Self::Pcm => 1024,
            Self::Mp3 => 1152,
            Self::Ac3 => 1536,
            Self::Opus | Self::Amr => sample_rate / 50,
            Self::Vorbis => 2048,
            Self::Flac => 4608,
        }
    }

    /// The bit rates that the encoder has, for all channels together, in bit/s; `None` for a
    /// lossless codec.
    #[must_use]
    pub fn bit_rates(self, sample_rate: u32, channels: u8) -> Option<RangeInclusive<u64>> {
        let channels = u64::from(channels);
        let per_channel = |low: u64, high: u64| Some(low * channels..=high * channels);
        match self {
            // ISO/IEC 11172-3 and 13818-3, and the half rates beyond them.
            Self::Mp3 if sample_rate >= 32_000 => Some(32_000..=320_000),
            Self::Mp3 if sample_rate >= 16_000 => Some(8_000..=160_000),
            Self::Mp3 => Some(8_000..=64_000),
            // 6144 bits for a channel's 1024 samples, ISO/IEC 14496-3.
            Self::Aac => per_channel(8_000, (u64::from(sample_rate) * 6).min(288_000)),
            Self::Vorbis => match sample_rate {
                // What libvorbis was found to take with any number of channels.
                0..8_001 => per_channel(8_000, 32_000),
                8_001..12_001 => per_channel(14_000, 42_000),
                12_001..24_001 => per_channel(16_000, 80_000),
                24_001..32_001 => per_channel(30_000, 160_000),
                _ => per_channel(32_000, 180_000),
            },
            Self::Ac3 => Some(32_000 * channels.min(6)..=640_000),
            Self::Opus => per_channel(6_000, 256_000),
            Self::Amr if sample_rate == NARROW_BAND => Some(4_750..=12_200),
            Self::Amr => Some(6_600..=23_850),
            Self::Flac | Self::Pcm => None,
        }
    }
}
