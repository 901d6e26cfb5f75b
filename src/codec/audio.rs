//! Properties of the audio codecs and of their encoders in ffmpeg.

use std::ops::RangeInclusive;

use super::AudioCodec;

/// The only rate of Opus in Hz, for timestamps and playback, RFC 7845.
const OPUS_RATE: u32 = 48_000;
/// The rate of AMR narrow band in Hz; wide band has twice that.
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

    /// The start of ffprobe's name of the codec.
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

    /// The rate in Hz at which audio of `sample_rate` is played.
    #[must_use]
    pub const fn played_rate(self, sample_rate: u32) -> u32 {
        match self {
            Self::Opus => OPUS_RATE,
            _ => sample_rate,
        }
    }

    /// How many samples the encoder inserts before the first.
    #[must_use]
    pub const fn encoder_delay(self, sample_rate: u32) -> u32 {
        match self {
            Self::Aac => 1024,
            Self::Mp3 => 1105,
            Self::Ac3 => 256,
            // 6.5 ms.
            Self::Opus => sample_rate * 312 / OPUS_RATE,
            // The look-ahead, 3GPP TS 26.071 and 26.171, and for wide band also the delay of two
            // resamplings.
            Self::Amr if sample_rate == NARROW_BAND => 40,
            Self::Amr => 95,
            Self::Flac | Self::Vorbis | Self::Pcm => 0,
        }
    }

    /// The delay in the timestamps that ffmpeg gives to the encoder's packets.
    #[must_use]
    pub const fn stamped_delay(self, sample_rate: u32) -> u32 {
        match self {
            Self::Amr if sample_rate == NARROW_BAND => 50,
            Self::Amr => 80,
            _ => self.encoder_delay(sample_rate),
        }
    }

    /// Whether the encoder does not output the last samples, as many as its delay, at the end of
    /// the audio.
    #[must_use]
    pub const fn withholds_delay(self) -> bool {
        matches!(self, Self::Ac3 | Self::Amr)
    }

    /// The largest number of samples in a packet.
    #[must_use]
    pub const fn packet_samples(self, sample_rate: u32) -> u32 {
        match self {
            // Raw audio has no packets of its own; muxers write about this many samples at once.
            Self::Aac | Self::Pcm => 1024,
            Self::Mp3 => 1152,
            Self::Ac3 => 1536,
            Self::Opus | Self::Amr => sample_rate / 50,
            Self::Vorbis => 2048,
            Self::Flac => 4608,
        }
    }

    /// The bit rates that the encoder supports, for all channels together, in bit/s; `None` for a
    /// lossless codec.
    #[must_use]
    pub fn bit_rates(self, sample_rate: u32, channels: u8) -> Option<RangeInclusive<u64>> {
        let channels = u64::from(channels);
        let per_channel = |low: u64, high: u64| Some(low * channels..=high * channels);
        match self {
            // ISO/IEC 11172-3 and 13818-3, and the extension to half of those rates.
            Self::Mp3 if sample_rate >= 32_000 => Some(32_000..=320_000),
            Self::Mp3 if sample_rate >= 16_000 => Some(8_000..=160_000),
            Self::Mp3 => Some(8_000..=64_000),
            // 6144 bits per channel for 1024 samples, ISO/IEC 14496-3.
            Self::Aac => per_channel(8_000, (u64::from(sample_rate) * 6).min(288_000)),
            Self::Vorbis => match sample_rate {
                // The range that libvorbis accepts with any number of channels, found by trial.
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
