//! The output's audio.

use std::ops::RangeInclusive;

use super::{AudioOutput, AudioRateControl, OutputError, aligned};
use crate::codec::{AudioCodec, Container, nearest_channels, nearest_sample_rate};
use crate::media::{AudioStream, Layout, Media};
use crate::mix::Mix;
use crate::process::request::{AudioRate, AudioRequest, LowerSource, Request};
use crate::process::table::Operation;

/// Properties of the audio if there is no source to take them from.
const STANDARD_SAMPLE_RATE: u32 = 48_000;
const STANDARD_CHANNELS: u8 = 2;

pub(super) fn specify(
    asked: &AudioRequest,
    request: &Request,
    media: &[&Media],
    warnings: &mut Vec<String>,
) -> Result<AudioOutput, OutputError> {
    let align = aligned(request, media, |m| m.audio.as_ref(), "audio", warnings);
    let own = align.map(|(_, stream)| stream);
    let container = request.container;
    let mut output = AudioOutput {
        codec: asked.codec,
        sample_rate: asked
            .sample_rate
            .unwrap_or_else(|| inherited_sample_rate(container, asked.codec, own, warnings)),
        channels: asked
            .channels
            .unwrap_or_else(|| inherited_channels(container, asked.codec, own, warnings)),
        rate: rate(asked.rate, align, request)?,
        bit_depth: bit_depth(asked, own),
    };
    output.rate = held_rate(&output, request, warnings);
    warnings.extend(media.iter().enumerate().filter_map(|(clip, media)| {
        let loss = output.lost_channels(media.audio.as_ref()?)?;
        Some(format!("clip {clip}: {loss}"))
    }));
    Ok(output)
}

/// The rate control within the limits of the codec.
fn held_rate(
    output: &AudioOutput,
    request: &Request,
    warnings: &mut Vec<String>,
) -> AudioRateControl {
    let codec = output.codec.name();
    match (output.rate, output.bit_rates()) {
        (AudioRateControl::Default, _) => AudioRateControl::Default,
        (asked, None) => {
            let parameter = if matches!(asked, AudioRateControl::BitRate(_)) { "ab" } else { "aq" };
            let given = request.quoted(Operation::Concat, parameter);
            warnings.push(format!("{given}: {codec} is lossless, so this has no effect"));
            AudioRateControl::Default
        }
        (AudioRateControl::BitRate(asked), Some(range)) if !range.contains(&asked) => {
            let nearest = asked.clamp(*range.start(), *range.end());
            warnings.push(format!(
                "{}: {codec} of {} Hz and {} channels can't have {asked} bit/s: the encoder gets \
                 {nearest}",
                request.quoted(Operation::Concat, "ab"),
                output.sample_rate,
                output.channels
            ));
            AudioRateControl::BitRate(nearest)
        }
        (asked, Some(_)) => asked,
    }
}

impl AudioOutput {
    /// ffmpeg's name of the codec's layout for this number of channels.
    pub(crate) fn layout(&self) -> &'static str {
        match self.channels {
            0 | 1 => "mono",
            2 => "stereo",
            3 => "3.0",
            4 if self.codec == AudioCodec::Aac => "4.0",
            4 => "quad",
            5 => "5.0",
            6 => "5.1",
            7 => "6.1",
            _ => "7.1",
        }
    }

    /// How a stream's channels are mixed to those of the output; `None` if they are the same.
    pub(crate) fn mix(&self, stream: &AudioStream) -> Option<Mix> {
        let layout = stream.layout();
        let mix = if !layout.declared && stream.channels == self.channels {
            // The channels' positions are unknown, and none has to be left out.
            Mix::identity(self.channels.into())
        } else {
            Mix::new(&layout, &Layout::speakers_of(self.layout()))
        };
        (layout.name != self.layout() || !mix.is_identity()).then_some(mix)
    }

    /// The channels of a stream that are in none of the output's, as text.
    fn lost_channels(&self, stream: &AudioStream) -> Option<String> {
        let layout = stream.layout();
        let mix = self.mix(stream)?;
        let lost: Vec<String> = mix.left_out().map(|channel| layout.channel(channel)).collect();
        let (channels, are) = if lost.len() == 1 { ("channel", "is") } else { ("channels", "are") };
        let lost = Some(lost.join(" and ")).filter(|lost| !lost.is_empty())?;
        let output = self.layout();
        Some(if layout.declared {
            format!("its audio {channels} {lost} {are} left out of the mix into {output}")
        } else {
            format!(
                "it does not declare what its {} audio channels are for: they are taken for {}, and \
                 {lost} {are} left out of the mix into {output}",
                stream.channels, layout.name,
            )
        })
    }

    /// The bit rates that the encoder supports, for all channels together, in bit/s; `None` for a
    /// lossless codec.
    #[must_use]
    pub fn bit_rates(&self) -> Option<RangeInclusive<u64>> {
        self.codec.bit_rates(self.sample_rate, self.channels)
    }
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
            "`ar`: {} in {} can't hold the align clip's {wanted} Hz: the output has {nearest} Hz",
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
            "`ac`: {} in {} can't hold the align clip's {wanted} channels: the output has {nearest}",
            codec.name(),
            container.name()
        ));
    }
    nearest
}

fn rate(
    asked: AudioRate,
    align: Option<(usize, &AudioStream)>,
    request: &Request,
) -> Result<AudioRateControl, OutputError> {
    match asked {
        AudioRate::Default => Ok(AudioRateControl::Default),
        AudioRate::Quality(quality) => Ok(AudioRateControl::Quality(quality)),
        AudioRate::BitRate { bit_rate: asked, option } => {
            let own = align.map_or(u64::MAX, |(_, stream)| stream.bit_rate);
            bit_rate(asked, option, own).map(AudioRateControl::BitRate).ok_or_else(|| {
                OutputError::LowerSource {
                    given: request.quoted(Operation::Concat, "ab"),
                    option: "abopt",
                    own: format!("{own} bit/s"),
                    clip: align.map_or(0, |(clip, _)| clip),
                }
            })
        }
    }
}

/// The bit rate that applies with the option; `None` if the task fails.
pub(super) fn bit_rate(asked: u64, option: LowerSource, own: u64) -> Option<u64> {
    match option {
        LowerSource::UseOwn => Some(asked.min(own)),
        LowerSource::Fail if own < asked => None,
        LowerSource::UseAsked | LowerSource::Fail => Some(asked),
    }
}

/// The requested depth, else the source's own, converted to one that the lossless encoders support.
fn bit_depth(asked: &AudioRequest, own: Option<&AudioStream>) -> u8 {
    let depth = asked.bit_depth.or_else(|| own.and_then(|stream| stream.bit_depth)).unwrap_or(16);
    if depth > 16 { 24 } else { 16 }
}
