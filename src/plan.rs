//! The plan: what ffmpeg has to do, as plain data.
//!
//! The video is rendered in chunks of output frames. Each chunk is one ffmpeg process, which opens
//! only the clips that the chunk touches and writes encoded frames as a stream. A last process
//! joins the chunks without encoding them again, makes the audio of the whole timeline, and writes
//! the output. An output frame shows the same source frame whatever chunk renders it. The audio is
//! rendered once, except in a task that is distributed over several functions: there each range
//! renders its own audio, if its encoder can be started before the range.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codec::Preset;
use crate::flicks::Flicks;
use crate::media::Media;
use crate::output::{AudioOutput, OutputSpec, VideoOutput};
use crate::process::request::SegmentFormat;
use crate::timeline::Timeline;

mod audio;
mod audio_range;
mod chunk;
mod clip;
mod clock;
mod colour;
mod conform;
pub mod copy;
mod effort;
mod encoder;
mod geometry;
mod graph;
pub mod input;
mod intermediate;
mod listing;
mod make;
mod packets;
mod pixels;
mod range;
mod range_segments;
mod reads;
mod seek;
mod segment;
mod sound;
mod video;
mod words;

pub use audio_range::{AudioPart, AudioRange};
use chunk::Share;
pub use chunk::{Chunk, Policy};
pub use clip::{Clip, PlannedClip};
pub use clock::Listed;
pub use copy::Copying;
pub use graph::Files;
use graph::Graph;
use input::{file_url, piped};
pub use intermediate::Intermediate;
pub use listing::Listings;
pub use make::{PlanError, plan};
pub use packets::{
    AudioComparison, Group, Packet, PacketError, PacketLines, PacketList, Times, VideoComparison,
    digest, groups,
};
pub use reads::Read;
pub use seek::Seek;
use words::words;

/// Everything that ffmpeg's arguments are built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What the output is.
    pub output: OutputSpec,
    /// Where each clip is in the output.
    pub timeline: Timeline,
    /// The files that the sources consist of, in order.
    pub sources: Vec<Arc<Media>>,
    /// In the order of the list: one per entry, or several if the entry's source consists of
    /// several files.
    pub clips: Vec<PlannedClip>,
    /// The video encoder's speed preset.
    pub preset: Preset,
    /// What is copied instead of encoded: nothing until the sources' packets have been analysed.
    #[serde(default)]
    pub copying: Copying,
    /// Warnings for the caller, as text.
    pub warnings: Vec<String>,
    /// Length of the ranges if the video is rendered by several functions; see [`Plan::in_ranges`].
    #[serde(default)]
    pub range_length: Option<Flicks>,
}

impl Plan {
    /// A clip with its media.
    ///
    /// # Panics
    /// If there is no clip with this index.
    #[must_use]
    pub fn clip(&self, index: usize) -> Clip<'_> {
        let PlannedClip { source, range, .. } = self.clips[index];
        Clip { range, media: &self.sources[source] }
    }

    /// The arguments of the ffmpeg process that renders a chunk of the video to its standard
    /// output, in the format of [`Plan::intermediate`].
    #[must_use]
    pub fn render_arguments(&self, chunk: &Chunk, files: &Files<'_>) -> Vec<String> {
        let Some(output) = &self.output.video else { return Vec::new() };
        if let Some(run) = self.run(chunk) {
            return self.copy_arguments(run, output, files);
        }
        let mut graph = Graph::default();
        self.add_video(&mut graph, output, chunk, files);
        let mut arguments = words("-copyts");
        arguments.extend(graph.inputs());
        arguments.extend(graph.filter());
        arguments.extend(words("-map [v]"));
        arguments.extend(encoder::video(self, output, chunk));
        arguments.extend(encoder::nothing_inherited());
        arguments.extend(self.intermediate().muxer(output.frame_rate));
        arguments.push("pipe:".to_owned());
        arguments
    }

    /// The arguments of the ffmpeg process that reads the rendered video from
    /// its standard input, makes the audio, and writes the output to `target`.
    #[must_use]
    pub fn join_arguments(&self, files: &Files<'_>, target: &Path) -> Vec<String> {
        let mut graph = Graph::default();
        let encoded = self.output.audio.as_ref().map(|audio| {
            let row = self.add_audio(&mut graph, audio, files);
            graph.chains.push(format!("{row}{}[a]", audio::finished(audio, self.output.container)));
            audio_encoder(audio)
        });
        let listings = self.listings(files.listings, graph.count());
        self.joining(&graph, listings, encoded.unwrap_or_default(), target)
    }

    /// The arguments that join the video of [`Plan::render_arguments`] with `audio`, whose inputs
    /// are in `graph`. `listings` precede the output.
    fn joining(
        &self,
        graph: &Graph<'_>,
        listings: Vec<String>,
        audio: Vec<String>,
        target: &Path,
    ) -> Vec<String> {
        let OutputSpec { video, container, .. } = &self.output;
        let mut arguments = words("-copyts");
        arguments.extend(graph.inputs());
        if video.is_some() {
            arguments.extend(piped(self.intermediate().demuxer()));
        }
        arguments.extend(graph.filter());
        arguments.extend(listings);
        if let Some(video) = video {
            arguments.extend(words(&format!("-map {}:v:0", graph.count())));
            arguments.extend(encoder::copy(video, *container, self.output.segments.is_some()));
        }
        arguments.extend(audio);
        arguments.extend(self.muxer(target));
        arguments.push(file_url(target));
        arguments
    }

    fn muxer(&self, target: &Path) -> Vec<String> {
        let mut arguments = encoder::nothing_inherited();
        arguments.extend(words("-max_interleave_delta 0"));
        arguments.extend(match &self.output.segments {
            Some(segments) => {
                let frames = self.frames_early().max(self.copying.delay);
                let early = Flicks::of_units(frames, self.timeline.frame_rate);
                segment::muxer(*segments, self.output.container, early, target)
            }
            None => encoder::muxer(&self.output),
        });
        arguments
    }

    /// How many frames earlier than it is shown our own encoder's first frame is decoded.
    #[must_use]
    pub fn frames_early(&self) -> i64 {
        let early = |video: &VideoOutput| {
            video.codec.frames_early(self.preset, video.key_frame_interval).into()
        };
        self.output.video.as_ref().map_or(0, early)
    }

    /// The format in which the rendered video goes from its encoder to the output's muxer.
    #[must_use]
    pub fn intermediate(&self) -> Intermediate {
        Intermediate::of(self.output.video.as_ref())
    }

    /// The streams of a clip that the output uses, by kind and index.
    #[must_use]
    pub fn streams(&self, clip: usize) -> Vec<(&'static str, u32)> {
        let (clip, place) = (self.clip(clip), &self.timeline.places[clip]);
        let video = clip.media.video.as_ref().filter(|s| place.frames > 0 && s.start < clip.end());
        let audio = clip.audio().filter(|_| place.samples > 0);
        let video = video.map(|stream| ("video", stream.index));
        video.into_iter().chain(audio.map(|stream| ("audio", stream.index))).collect()
    }

    /// The kind of stream that the output needs from a clip but that the clip has only in codecs
    /// that can't be decoded.
    #[must_use]
    pub fn undecodable(&self, clip: usize) -> Option<&'static str> {
        let undecodable = self.clip(clip).media.undecodable;
        match &self.output {
            output if undecodable.video && output.video.is_some() => Some("video"),
            output if undecodable.audio && output.audio.is_some() => Some("audio"),
            _ => None,
        }
    }

    /// The length of the output: whole frames, or whole samples if it has no video.
    #[must_use]
    pub fn length(&self) -> Flicks {
        if self.output.video.is_some() {
            Flicks::of_units(signed(self.timeline.frames()), self.timeline.frame_rate)
        } else {
            let rate = i64::from(self.timeline.sample_rate).into();
            Flicks::of_units(signed(self.timeline.samples()), rate)
        }
    }

    /// The same in microseconds, as ffmpeg counts its progress; never zero.
    #[must_use]
    pub fn length_micros(&self) -> u64 {
        self.length().to_micros().max(1).unsigned_abs()
    }

    /// A segment length that the muxer can't produce, if the plan asks for one.
    fn impossible_segment(&self) -> Option<Flicks> {
        let segments = self.output.segments.filter(|s| s.format == SegmentFormat::Dash)?;
        let whole: Flicks = self.clips.iter().map(|clip| clip.range.length).sum();
        let length = segments.length.map_or(whole, |length| length.min(whole));
        (length > segment::LONGEST_DASH).then_some(length)
    }

    /// The number of segments of the video; 1 if it is not segmented.
    #[must_use]
    pub fn segment_count(&self) -> u64 {
        let length = self.output.segments.and_then(|segments| segments.length);
        let frames = length.map(|length| length.to_units(self.timeline.frame_rate).unsigned_abs());
        frames.map_or(1, |frames| self.timeline.frames().div_ceil(frames.max(1)).max(1))
    }

    /// The number of segment files of all streams beside the playlist; 0 if there is no playlist.
    #[must_use]
    pub fn segment_files(&self) -> u64 {
        let Some(segments) = &self.output.segments else { return 0 };
        let length = self.length().count().unsigned_abs();
        let asked = segments.length.map_or(length, |asked| asked.count().unsigned_abs()).max(1);
        let streams = match segments.format {
            SegmentFormat::Hls => 1,
            SegmentFormat::Dash => {
                u64::from(self.output.video.is_some()) + u64::from(self.output.audio.is_some())
            }
        };
        // Two more: the header, if there is one, and one that rounding may add.
        streams * (self.segment_count().max(length.div_ceil(asked)) + 2)
    }

    fn add_video<'a>(
        &'a self,
        graph: &mut Graph<'a>,
        output: &VideoOutput,
        chunk: &Chunk,
        files: &Files<'a>,
    ) {
        let mut labels = String::new();
        let shares = self.shares(&chunk.frames);
        for Share { clip: index, frames } in &shares {
            let clip = self.clip(*index);
            let label = format!("[v{index}]");
            let chain = if let Some(stream) = &clip.media.video {
                let first = Flicks::of_units(signed(frames.start), output.frame_rate);
                let input = graph.open(self, *index, files, clip.start() + first);
                let source = video::Source { stream, start: clip.start(), frames };
                format!("[{input}:{}]{}{label}", stream.index, video::chain(&source, output))
            } else {
                format!("{}{label}", video::black(frames.end - frames.start, output))
            };
            graph.chains.push(chain);
            labels.push_str(&label);
        }
        let first = signed(chunk.frames.start) + Intermediate::LEAD;
        let joined = video::joined(shares.len(), output, first);
        graph.chains.push(format!("{labels}{joined}[v]"));
    }

    /// Adds the audio of every clip; returns the chain that concatenates them.
    fn add_audio<'a>(
        &'a self,
        graph: &mut Graph<'a>,
        output: &AudioOutput,
        files: &Files<'a>,
    ) -> String {
        let mut labels = String::new();
        let mut count = 0;
        for (index, place) in self.timeline.places.iter().enumerate() {
            if place.samples == 0 {
                continue;
            }
            let clip = self.clip(index);
            let label = format!("[a{index}]");
            let chain = match (clip.audio(), files.conformed(index)) {
                (Some(_), Some(file)) => {
                    let input = graph.open_conformed(file);
                    let chain = audio::conformed_chain(place.samples, output);
                    format!("[{input}:0]{chain}{label}")
                }
                (Some(stream), None) => {
                    let input = graph.open(self, index, files, clip.start());
                    let stretches = files.stretches(index);
                    let start = clip.start() + stream.late;
                    let source = audio::Source { stream, start, stretches };
                    let chain = audio::chain(&source, place.samples, output);
                    format!("[{input}:{}]{chain}{label}", stream.index)
                }
                (None, _) => format!("{}{label}", audio::silence(place.samples, output)),
            };
            graph.chains.push(chain);
            labels.push_str(&label);
            count += 1;
        }
        format!("{labels}{}", audio::in_a_row(count, output))
    }
}

fn audio_encoder(audio: &AudioOutput) -> Vec<String> {
    let mut arguments = words("-map [a]");
    arguments.extend(encoder::audio(audio));
    arguments
}

/// A count as a signed number, as the timeline's arithmetic needs it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).expect("no output has so many frames or samples")
}

#[cfg(test)]
mod tests;
