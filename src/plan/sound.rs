//! The audio alone, for a join that another process does later.
//!
//! The clips are rendered to samples one after the other, so that not all sources have to be
//! present at once. The audio is encoded once, as a whole, if an encoder's output can't be joined
//! from pieces without gaps. The stored form gives the join the same packets as if the join made
//! the audio itself.

use std::path::{Path, PathBuf};

use super::audio;
use super::encoder;
use super::graph::{Files, Graph};
use super::input::file_url;
use super::listing::Listings;
use super::words::words;
use super::{Plan, audio_encoder};
use crate::codec::{AudioCodec, Container};
use crate::output::{AudioOutput, OutputSpec};
use crate::timeline::{Place, Timeline};

/// The form in which audio goes from the process that makes it to the one that joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sound {
    /// Encoded, in MOV, whose edit list keeps the encoder's delay. These muxers can read from it
    /// what they would otherwise get from the encoder.
    Encoded,
    /// As samples: the other muxers need the delay from the encoder itself.
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

/// Arguments for audio as the filters produce it, without any loss.
const SAMPLES: &str = "-map [a] -c:a pcm_f32le";

/// The arguments that write a file with audio only.
pub(super) fn made(
    graph: &Graph<'_>,
    encoder: Vec<String>,
    output: &AudioOutput,
    target: &Path,
) -> Vec<String> {
    let mut arguments = words("-copyts");
    arguments.extend(graph.inputs());
    arguments.extend(graph.filter());
    arguments.extend(encoder);
    arguments.extend(encoder::nothing_inherited());
    // Edit lists count in the movie's time scale, which must be fine enough for whole samples.
    let scale = output.sample_rate.max(1000);
    arguments.extend(words(&format!("-f mov -movie_timescale {scale}")));
    arguments.push(file_url(target));
    arguments
}

impl Plan {
    /// The plan for the audio of one clip.
    ///
    /// # Panics
    /// If there is no clip with this index.
    #[must_use]
    pub fn audio_of(&self, clip: usize) -> Self {
        let samples = self.timeline.places[clip].samples;
        let place = Place { first_frame: 0, frames: 0, first_sample: 0, samples };
        let output = OutputSpec { video: None, segments: None, ..self.output.clone() };
        let timeline = Timeline { places: vec![place], ..self.timeline.clone() };
        Self { output, timeline, clips: vec![self.clips[clip]], ..self.clone() }
    }

    /// The arguments of the ffmpeg process that writes the audio as samples, for
    /// [`Plan::sound_arguments`]; `None` if the output has no audio.
    #[must_use]
    pub fn samples_arguments(&self, files: &Files<'_>, target: &Path) -> Option<Vec<String>> {
        let output = self.output.audio.as_ref()?;
        let mut graph = Graph::default();
        let row = self.add_audio(&mut graph, output, files);
        graph.chains.push(format!("{row}[a]"));
        Some(made(&graph, words(SAMPLES), output, target))
    }

    /// The arguments of the ffmpeg process that makes the audio from the clips' samples, for
    /// [`Plan::join_made_arguments`]. `clips` are the files of the clips that have samples, in
    /// order.
    #[must_use]
    pub fn sound_arguments(&self, clips: &[PathBuf], target: &Path) -> Option<Vec<String>> {
        let output = self.output.audio.as_ref()?;
        let container = self.output.container;
        let mut graph = Graph::default();
        let mut row = String::new();
        for file in clips {
            let input = graph.open_made(file);
            let label = format!("[a{input}]");
            graph.chains.push(format!("[{input}:0]{}{label}", audio::of_samples(output)));
            row.push_str(&label);
        }
        row.push_str(&audio::in_a_row(clips.len(), output));
        let encoder = match Sound::of(container, output) {
            Sound::Encoded => {
                row.push_str(&audio::finished(output, container));
                audio_encoder(output)
            }
            Sound::Samples => words(SAMPLES),
        };
        graph.chains.push(format!("{row}[a]"));
        Some(made(&graph, encoder, output, target))
    }

    /// The arguments of the ffmpeg process that reads the rendered video from its standard input
    /// and the audio from `sound`, as [`Plan::sound_arguments`] made it, and writes the output. If
    /// the audio is already encoded, it can't be listed.
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
