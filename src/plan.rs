//! The plan: what ffmpeg has to do, as plain data.
//!
//! A plan can render any range of output frames as the arguments of one ffmpeg
//! process that opens only the clips which the range touches. A frame shows
//! the same source frame in whatever range it is rendered. Audio is rendered
//! once for the whole timeline: joined pieces of AAC would gap and drift.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::Preset;
use crate::flicks::Flicks;
use crate::media::{AudioStream, Demuxer, Media};
use crate::output::OutputSpec;
use crate::process::request::SegmentFormat;
use crate::timeline::{SourceRange, Timeline};

mod audio;
mod colour;
mod conform;
mod encoder;
mod geometry;
pub mod input;
mod segment;
mod video;
mod words;

use input::{Input, file_url};
pub use segment::LONGEST_DASH;

/// Decoders need a run-up: the overlap of AAC, the bit reservoir of MP3, the
/// pre-roll of Opus, the references of an open group of pictures.
const RUN_UP_MS: u64 = 500;

/// Everything that ffmpeg has to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the output is.
    pub output: OutputSpec,
    /// Where every clip stands in it.
    pub timeline: Timeline,
    /// In the order of the list: one per entry, or several where its file is made of several.
    pub clips: Vec<PlannedClip>,
    /// The video encoder's speed preset.
    pub preset: Preset,
}

/// A clip, or one part of a clip whose file is made of several, and where it is in its source.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedClip {
    /// Index in the concatenation list.
    pub clip: usize,
    /// Index of the file that it is read from.
    pub source: usize,
    /// What is taken of it.
    pub range: SourceRange,
    /// The source, shared by all clips of it.
    pub media: Arc<Media>,
    /// A file with the audio of the cut alone, in the output's rate and
    /// channels, where the source's own changes them.
    pub conformed: Option<PathBuf>,
}

/// The part of the output that one ffmpeg process makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Output frames; empty for none.
    pub frames: Range<u64>,
    /// Whether it makes the audio of the whole timeline.
    pub audio: bool,
}

/// The frames that a part takes of one clip, counted from the clip's first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Share {
    clip: usize,
    frames: Range<u64>,
}

/// A filter graph under construction, with the inputs that it reads.
#[derive(Debug, Default)]
struct Graph {
    inputs: Vec<Opened>,
    chains: Vec<String>,
}

/// A clip's source, opened for one ffmpeg process.
#[derive(Debug)]
struct Opened {
    clip: usize,
    seek: Option<Flicks>,
    /// Whether it is the clip's audio alone.
    conformed: bool,
}

impl PlannedClip {
    /// A clip that is taken from its source as it is.
    #[must_use]
    pub const fn new(clip: usize, source: usize, range: SourceRange, media: Arc<Media>) -> Self {
        Self { clip, source, range, media, conformed: None }
    }

    /// Where the cut starts on the source's own clock.
    #[must_use]
    pub fn start(&self) -> Flicks {
        self.media.start + self.range.start
    }

    /// The part of the source that is read for it, as ffprobe takes it.
    #[must_use]
    pub fn read_interval(&self) -> String {
        let start = self.seek(self.start()).map(Flicks::as_option).unwrap_or_default();
        format!("{start}%{}", (self.start() + self.range.length).as_option())
    }

    /// The audio, unless none of it is inside the cut.
    fn audio(&self) -> Option<&AudioStream> {
        let end = self.start() + self.range.length;
        self.media.audio.as_ref().filter(|s| s.end > self.start() && s.start < end)
    }

    /// Where to start reading so that everything from `time` on decodes:
    /// `None` is the start of the file.
    fn seek(&self, time: Flicks) -> Option<Flicks> {
        let run_up = time - Flicks::from_millis(RUN_UP_MS);
        if !self.media.demuxer.seeks_exactly() || run_up <= self.media.start {
            return None;
        }
        match &self.media.video {
            Some(stream) => stream.key_frame_before(run_up).filter(|&key| key > self.media.start),
            None => Some(run_up),
        }
    }
}

impl Plan {
    /// The part that is the whole output.
    #[must_use]
    pub fn whole(&self) -> Chunk {
        let frames = if self.output.video.is_some() { self.timeline.frames() } else { 0 };
        Chunk { frames: 0..frames, audio: self.output.audio.is_some() }
    }

    /// The arguments of the ffmpeg process that makes `part` and writes it to
    /// `target`. `sources` are the files of the distinct sources.
    #[must_use]
    pub fn arguments(&self, part: &Chunk, sources: &[&Path], target: &Path) -> Vec<String> {
        let mut graph = Graph::default();
        let shares = self.shares(&part.frames);
        let video = self.output.video.as_ref().filter(|_| !shares.is_empty());
        let audio = self.output.audio.as_ref().filter(|_| part.audio);
        // A graph each: ffmpeg gives up one whose inputs all end while a filter
        // still drops what is damaged, and here the other's would be among them.
        let mut graphs = Vec::new();
        if let Some(output) = video {
            self.add_video(&mut graph, output, &shares);
            graphs.push(std::mem::take(&mut graph.chains));
        }
        if let Some(output) = audio {
            self.add_audio(&mut graph, output);
            graphs.push(std::mem::take(&mut graph.chains));
        }
        let mut arguments = self.input_arguments(&graph, sources);
        for chains in graphs {
            arguments.extend(["-filter_complex".to_owned(), chains.join(";")]);
        }
        if let Some(output) = video {
            arguments.extend(["-map", "[v]"].map(str::to_owned));
            arguments.extend(encoder::video(self, output));
        }
        if let Some(output) = audio {
            arguments.extend(["-map", "[a]"].map(str::to_owned));
            arguments.extend(encoder::audio(output));
        }
        arguments.extend(encoder::nothing_inherited());
        arguments.extend(match &self.output.segments {
            Some(segments) => {
                let frames = video.map_or(0, |output| encoder::frames_early(output, self.preset));
                let early = Flicks::of_units(frames, self.timeline.frame_rate);
                segment::muxer(*segments, self.output.container, early, target)
            }
            None => encoder::muxer(&self.output),
        });
        arguments.push(file_url(target));
        arguments
    }

    /// The streams of a clip that the output shows or plays, by kind and index.
    #[must_use]
    pub fn streams(&self, clip: usize) -> Vec<(&'static str, u32)> {
        let (clip, place) = (&self.clips[clip], &self.timeline.places[clip]);
        let end = clip.start() + clip.range.length;
        let video = clip.media.video.as_ref().filter(|s| place.frames > 0 && s.start < end);
        let audio = clip.audio().filter(|_| place.samples > 0);
        let video = video.map(|stream| ("video", stream.index));
        video.into_iter().chain(audio.map(|stream| ("audio", stream.index))).collect()
    }

    /// What a clip has, and the output would need, but nobody can decode.
    #[must_use]
    pub fn undecodable(&self, clip: usize) -> Option<&'static str> {
        let undecodable = self.clips[clip].media.undecodable;
        match &self.output {
            output if undecodable.video && output.video.is_some() => Some("video"),
            output if undecodable.audio && output.audio.is_some() => Some("audio"),
            _ => None,
        }
    }

    /// How long the output lasts, to the frame, or to the sample without a video.
    #[must_use]
    pub fn length(&self) -> Flicks {
        if self.output.video.is_some() {
            Flicks::of_units(signed(self.timeline.frames()), self.timeline.frame_rate)
        } else {
            let rate = i64::from(self.timeline.sample_rate).into();
            Flicks::of_units(signed(self.timeline.samples()), rate)
        }
    }

    /// The length of a segment that no muxer can make, where there is one.
    #[must_use]
    pub fn impossible_segment(&self) -> Option<Flicks> {
        let segments = self.output.segments.filter(|s| s.format == SegmentFormat::Dash)?;
        let whole: Flicks = self.clips.iter().map(|clip| clip.range.length).sum();
        let length = segments.length.map_or(whole, |length| length.min(whole));
        (length > LONGEST_DASH).then_some(length)
    }

    /// How many segments the video is cut into; 1 where it is not cut.
    #[must_use]
    pub fn segment_count(&self) -> u64 {
        let length = self.output.segments.and_then(|segments| segments.length);
        let frames = length.map(|length| length.to_units(self.timeline.frame_rate).unsigned_abs());
        frames.map_or(1, |frames| self.timeline.frames().div_ceil(frames.max(1)).max(1))
    }

    /// The clips that a range of output frames touches.
    fn shares(&self, frames: &Range<u64>) -> Vec<Share> {
        let places = self.timeline.places.iter().enumerate();
        places
            .filter_map(|(clip, place)| {
                let start = frames.start.max(place.first_frame);
                let end = frames.end.min(place.first_frame + place.frames);
                let frames =
                    start.checked_sub(place.first_frame)?..end.checked_sub(place.first_frame)?;
                (start < end).then_some(Share { clip, frames })
            })
            .collect()
    }

    fn add_video(&self, graph: &mut Graph, output: &crate::output::VideoOutput, shares: &[Share]) {
        let mut labels = String::new();
        for share in shares {
            let clip = &self.clips[share.clip];
            let label = format!("[v{}]", share.clip);
            let chain = if let Some(stream) = &clip.media.video {
                let first = Flicks::of_units(signed(share.frames.start), output.frame_rate);
                let input = graph.open(share.clip, clip.seek(clip.start() + first));
                let source = video::Source { stream, start: clip.start(), frames: &share.frames };
                format!("[{input}:{}]{}{label}", stream.index, video::chain(&source, output))
            } else {
                let frames = share.frames.end - share.frames.start;
                format!("{}{label}", video::black(frames, output))
            };
            graph.chains.push(chain);
            labels.push_str(&label);
        }
        let joined = video::joined(shares.len(), output);
        graph.chains.push(format!("{labels}{joined}[v]"));
    }

    fn add_audio(&self, graph: &mut Graph, output: &crate::output::AudioOutput) {
        let mut labels = String::new();
        let mut count = 0;
        for (index, (clip, place)) in self.clips.iter().zip(&self.timeline.places).enumerate() {
            if place.samples == 0 {
                continue;
            }
            let label = format!("[a{index}]");
            let chain = match clip.audio() {
                Some(_) if clip.conformed.is_some() => {
                    let input = graph.open_conformed(index);
                    let rate = output.sample_rate;
                    let chain = audio::chain(rate, Flicks::ZERO, place.samples, output);
                    format!("[{input}:0]{chain}{label}")
                }
                Some(stream) => {
                    let input = graph.open(index, clip.seek(clip.start()));
                    let (rate, start) = (stream.sample_rate, clip.start());
                    let chain = audio::chain(rate, start, place.samples, output);
                    format!("[{input}:{}]{chain}{label}", stream.index)
                }
                None => format!("{}{label}", audio::silence(place.samples, output)),
            };
            graph.chains.push(chain);
            labels.push_str(&label);
            count += 1;
        }
        graph
            .chains
            .push(format!("{labels}{}[a]", audio::joined(count, output, self.output.container)));
    }

    /// Time stamps stay on the source's own clock.
    fn input_arguments(&self, graph: &Graph, sources: &[&Path]) -> Vec<String> {
        let mut arguments = vec!["-copyts".to_owned()];
        for input in &graph.inputs {
            // A change of size or format inside a clip must not restart the
            // whole graph: the clip's own scaler or resampler takes it.
            arguments.extend(["-reinit_filter", "0"].map(str::to_owned));
            arguments.extend(self.opened(input, sources).arguments());
        }
        arguments
    }

    fn opened<'a>(&'a self, input: &Opened, sources: &'a [&Path]) -> Input<'a> {
        let clip = &self.clips[input.clip];
        match &clip.conformed {
            Some(file) if input.conformed => Input::whole(Demuxer::Matroska, file),
            _ => {
                Input { demuxer: clip.media.demuxer, file: sources[clip.source], seek: input.seek }
            }
        }
    }
}

impl Graph {
    /// The index of the input for `clip`, opened once for video and audio.
    fn open(&mut self, clip: usize, seek: Option<Flicks>) -> usize {
        let known = self.inputs.iter().position(|input| input.clip == clip && !input.conformed);
        known.unwrap_or_else(|| self.add(Opened { clip, seek, conformed: false }))
    }

    /// The index of the input for the clip's audio alone.
    fn open_conformed(&mut self, clip: usize) -> usize {
        self.add(Opened { clip, seek: None, conformed: true })
    }

    fn add(&mut self, input: Opened) -> usize {
        self.inputs.push(input);
        self.inputs.len() - 1
    }
}

/// A count as the timeline's arithmetic takes it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
