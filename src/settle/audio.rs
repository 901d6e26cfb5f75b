//! The output's sound.

use super::{AudioOutput, SettleError, SoundRate, aligned};
use crate::media::{AudioStream, Media};
use crate::process::codec::{AudioCodec, Container, nearest_channels, nearest_sample_rate};
use crate::process::request::{AudioRate, AudioRequest, LowerSource, Request};

/// What sound is without any source to take it from.
const STANDARD_SAMPLE_RATE: u32 = 48_000;
const STANDARD_CHANNELS: u8 = 2;

pub(super) fn settle(
    asked: &AudioRequest,
    request: &Request,
    media: &[Media],
    warnings: &mut Vec<String>,
) -> Result<AudioOutput, SettleError> {
    let align = aligned(request, media, |m| m.audio.as_ref(), "sound", warnings);
    let own = align.map(|(_, stream)| stream);
    let container = request.container;
    Ok(AudioOutput {
        codec: asked.codec,
        sample_rate: asked
            .sample_rate
            .unwrap_or_else(|| inherited_sample_rate(container, asked.codec, own, warnings)),
        channels: asked
            .channels
            .unwrap_or_else(|| inherited_channels(container, asked.codec, own, warnings)),
        rate: rate(asked.rate, align)?,
        bit_depth: bit_depth(asked, own),
    })
}

fn inherited_sample_rate(
    container: Container,
    codec: AudioCodec,
    own: Option<&AudioStream>,
    warnings: &mut Vec<String>,
) -> u32 {
    let wanted = own.map_or(STANDARD_SAMPLE_RATE, |stream| stream.sample_rate);
    let nearest = nearest_sample_rate(container, codec, wanted);
    if nearest != wanted {
        warnings.push(format!(
            "{} in {} can't hold the align clip's {wanted} Hz: the output has {nearest} Hz",
            codec.name(),
            container.name()
        ));
    }
    nearest
}

fn inherited_channels(
    container: Container,
    codec: AudioCodec,
    own: Option<&AudioStream>,
    warnings: &mut Vec<String>,
) -> u8 {
    let wanted = own.map_or(STANDARD_CHANNELS, |stream| stream.channels);
    let nearest = nearest_channels(container, codec, wanted);
    if nearest != wanted {
        warnings.push(format!(
            "{} in {} can't hold the align clip's {wanted} channels: the output has {nearest}",
            codec.name(),
            container.name()
        ));
    }
    nearest
}

fn rate(asked: AudioRate, align: Option<(usize, &AudioStream)>) -> Result<SoundRate, SettleError> {
    match asked {
        AudioRate::Default => Ok(SoundRate::Default),
        AudioRate::Quality(quality) => Ok(SoundRate::Quality(quality)),
        AudioRate::BitRate {
            bit_rate: asked,
            option,
        } => {
            let own = align.map_or(u64::MAX, |(_, stream)| stream.bit_rate);
            bit_rate(asked, option, own)
                .map(SoundRate::BitRate)
                .ok_or_else(|| SettleError::LowerSource {
                    parameter: "ab",
                    option: "abopt",
                    asked: format!("{asked} bit/s"),
                    own: format!("{own} bit/s"),
                    clip: align.map_or(0, |(clip, _)| clip),
                })
        }
    }
}

/// The bit rate that holds by the option, `None` where the task fails.
pub(super) fn bit_rate(asked: u64, option: LowerSource, own: u64) -> Option<u64> {
    match option {
        LowerSource::UseOwn => Some(asked.min(own)),
        LowerSource::Fail if own < asked => None,
        LowerSource::UseAsked | LowerSource::Fail => Some(asked),
    }
}

/// As asked, else the source's own, to what the lossless encoders hold.
fn bit_depth(asked: &AudioRequest, own: Option<&AudioStream>) -> u8 {
    let depth = asked
        .bit_depth
        .or_else(|| own.and_then(|stream| stream.bit_depth))
        .unwrap_or(16);
    if depth > 16 { 24 } else { 16 }
}
