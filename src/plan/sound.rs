//! The audio by itself, for a join that follows in another process.
//!
//! It is made once and whole, since pieces of an encoder's output would not join without a gap. What
//! it is kept as gives the join the same packets as if it made the audio itself.

use std::path::Path;

use super::audio;
use super::encoder;
use super::graph::{Files, Graph};
use super::input::file_url;
use super::packets::Listings;
use super::words::words;
use super::{Plan, audio_encoder};
use crate::codec::{AudioCodec, Container};
use crate::output::AudioOutput;

/// How audio gets from the process that makes it to the one that joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    /// Encoded, in the parent of MP4, whose edit list keeps the encoder's delay: these muxers get from there
    /// what the encoder would have told them.
    Encoded,
    /// As samples: other muxers need to hear of the delay from the encoder itself.
    Samples,
}

impl Sound {
    fn of(container: Container, output: &AudioOutput) -> Self {
        let has_edit_list = matches!(container, Container::Mp4 | Container::Mov | Container::Ts);
        match output.codec {
            AudioCodec::Aac | AudioCodec::Mp3 | AudioCodec::Ac3 if has_edit_list => Self::Encoded,
            _ => Self::Samples,
        }
    }
}

impl Plan {
    /// The arguments of the ffmpeg process that makes the audio alone, for
    /// [`Plan::join_made_arguments`]; nothing where the output has none.
    #[must_use]
    pub fn sound_arguments(&self, files: &Files<'_>, target: &Path) -> Option<Vec<String>> {
        let output = self.output.audio.as_ref()?;
        let container = self.output.container;
        let mut graph = Graph::default();
        let row = self.add_audio(&mut graph, output, files);
        let encoder = match Sound::of(container, output) {
            Sound::Encoded => {
                graph.chains.push(format!("{row}{}[a]", audio::finished(output, container)));
                audio_encoder(output)
            }
            Sound::Samples => {
                graph.chains.push(format!("{row}[a]"));
                words("-map [a] -c:a pcm_f32le")
            }
        };
        let mut arguments = words("-copyts");
        arguments.extend(graph.inputs());
        arguments.extend(graph.filter());
        arguments.extend(encoder);
        arguments.extend(encoder::nothing_inherited());
        // Edit lists count in the movie's time scale, and none may round a sample away.
        let scale = output.sample_rate.max(1000);
        arguments.extend(words(&format!("-f mov -movie_timescale {scale}")));
        arguments.push(file_url(target));
        Some(arguments)
    }

    /// The arguments of the ffmpeg process that reads the rendered video from its standard input and
    /// the audio from `sound`, as [`Plan::sound_arguments`] made it, and writes the output. Audio
    /// that has been encoded before can't be listed.
    #[must_use]
    pub fn join_made_arguments(
        &self,
        sound: &Path,
        listings: Listings<'_>,
        target: &Path,
    ) -> Vec<String> {
        let mut graph = Graph::default();
        let mut audio = Vec::new();
        if let Some(output) = &self.output.audio {
            graph.open_made(sound);
            match Sound::of(self.output.container, output) {
                Sound::Encoded => audio = words("-map 0:a:0 -c:a copy"),
                Sound::Samples => {
                    let finished = audio::finished(output, self.output.container);
                    let chain = format!("[0:0]{}{finished}[a]", audio::of_samples(output));
                    graph.chains.push(chain);
                    audio = audio_encoder(output);
                }
            }
        }
        let listings = self.listings(listings, graph.count());
        self.joining(&graph, listings, audio, target)
    }
}
