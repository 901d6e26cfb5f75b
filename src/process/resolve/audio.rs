//! What is requested of the audio.

use super::{Arguments, Conflict, Container, ProcessError, audio_ban};
use crate::codec::{AudioCodec, max_channels, sample_rates};
use crate::process::request::{AudioRate, AudioRequest};

/// What is requested of the audio; `None` if there is to be none. Its parameters are then ignored.
pub(super) fn audio(
    concat: &Arguments<'_>,
    container: Container,
) -> Result<Option<AudioRequest>, ProcessError> {
    if concat.flag("an") {
        return Ok(None);
    }
    let codec = codec(concat, container)?;
    Ok(Some(AudioRequest {
        codec,
        sample_rate: sample_rate(concat, container, codec)?,
        channels: channels(concat, container, codec)?,
        rate: rate(concat),
        bit_depth: concat.small("adepth"),
    }))
}

fn codec(concat: &Arguments<'_>, container: Container) -> Result<AudioCodec, ProcessError> {
    let codec = concat.presume("acodec", concat.word("acodec").and_then(AudioCodec::from_name));
    match audio_ban(container, codec) {
        None => Ok(codec),
        Some(reason) => {
            let kind = Conflict::AudioBan(container, codec, reason);
            Err(concat.error("acodec", kind))
        }
    }
}

fn sample_rate(
    concat: &Arguments<'_>,
    container: Container,
    codec: AudioCodec,
) -> Result<Option<u32>, ProcessError> {
    let rate = concat.small("ar");
    match rate {
        Some(rate) if !sample_rates(container, codec).contains(&rate) => {
            Err(concat.error("ar", Conflict::SampleRate(container, codec, rate)))
        }
        _ => Ok(rate),
    }
}

fn channels(
    concat: &Arguments<'_>,
    container: Container,
    codec: AudioCodec,
) -> Result<Option<u8>, ProcessError> {
    let channels = concat.small("ac");
    match channels {
        Some(channels) if channels > max_channels(container, codec) => {
            Err(concat.error("ac", Conflict::Channels(container, codec, channels)))
        }
        _ => Ok(channels),
    }
}

fn rate(concat: &Arguments<'_>) -> AudioRate {
    if let Some(quality) = concat.small("aq") {
        return AudioRate::Quality(quality);
    }
    match concat.integer("ab") {
        Some(bit_rate) => AudioRate::BitRate { bit_rate, option: concat.option("abopt") },
        None => AudioRate::Default,
    }
}
