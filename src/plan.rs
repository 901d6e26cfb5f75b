//! The plan: what ffmpeg has to do, as plain data.
//!
//! A plan can render any range of output frames as the arguments of one ffmpeg
//! process that opens only the clips which the range touches. A frame shows
//! the same source frame in whatever range it is rendered. Sound is rendered
//! once for the whole timeline: joined pieces of AAC would gap and drift.

use std::ops::Range;
use std::path::{Path, PathBuf};

use num_rational::Ratio;

use crate::ffmpeg::INPUT_LIMITS;
use crate::flicks::Flicks;
use crate::media::{AudioStream, Demuxer, Media};
use crate::process::request::SegmentFormat;
use crate::settle::Output;
use crate::timeline::{Cut, Timeline};

mod colour;
mod encoder;
mod even;
mod geometry;
mod picture;
mod segment;
mod sound;

pub use segment::LONGEST_DASH;

/// Decoders need a run-up: the overlap of AAC, the bit reservoir of MP3, the
/// pre-roll of Opus, the references of an open group of pictures.
const RUN_UP_MS: u64 = 500;

/// Everything that ffmpeg has to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What the output is.
    pub output: Output,
    /// Where every clip stands in it.
    pub timeline: Timeline,
    /// One per entry of the concatenation list.
    pub clips: Vec<PlannedClip>,
    /// The video encoder's speed preset, by x264's names.
    pub preset: String,
}

/// A clip, and where it is in its source.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedClip {
    /// Index of the distinct source.
    pub source: usize,
    /// What is taken of it.
    pub cut: Cut,
    /// The source.
    pub media: Media,
    /// A file with the sound of the cut alone, in the output's rate and
    /// channels, where the source's own changes them.
    pub evened: Option<PathBuf>,
}

/// The part of the output that one ffmpeg process makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Output frames; empty for none.
    pub frames: Range<u64>,
    /// Whether it makes the sound of the whole timeline.
    pub sound: bool,
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
    inputs: Vec<Input>,
    chains: Vec<String>,
}

/// A clip's source, opened for one ffmpeg process.
#[derive(Debug)]
struct Input {
    clip: usize,
    seek: Option<Flicks>,
    /// Whether it is the clip's sound alone.
    evened: bool,
}

impl PlannedClip {
    /// A clip that is taken from its source as it is.
    #[must_use]
    pub const fn new(source: usize, cut: Cut, media: Media) -> Self {
        Self { source, cut, media, evened: None }
    }

    /// Where the cut starts on the source's own clock.
    #[must_use]
    pub fn start(&self) -> Flicks {
        self.media.start + self.cut.start
    }

    /// The part of the source that is read for it, as ffprobe takes it.
    #[must_use]
    pub fn read_interval(&self) -> String {
        let start = self.seek(self.start()).map(Flicks::as_option).unwrap_or_default();
        format!("{start}%{}", (self.start() + self.cut.length).as_option())
    }

    /// The sound, unless none of it is inside the cut.
    fn sound(&self) -> Option<&AudioStream> {
        let end = self.start() + self.cut.length;
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
    pub fn whole(&self) -> Part {
        let frames = if self.output.video.is_some() { self.timeline.frames() } else { 0 };
        Part { frames: 0..frames, sound: self.output.audio.is_some() }
    }

    /// The arguments of the ffmpeg process that makes `part` and writes it to
    /// `target`. `sources` are the files of the distinct sources.
    #[must_use]
    pub fn arguments(&self, part: &Part, sources: &[&Path], target: &Path) -> Vec<String> {
        let mut graph = Graph::default();
        let shares = self.shares(&part.frames);
        let picture = self.output.video.as_ref().filter(|_| !shares.is_empty());
        let sound = self.output.audio.as_ref().filter(|_| part.sound);
        // A graph each: ffmpeg gives up one whose inputs all end while a filter
        // still drops what is damaged, and here the other's would be among them.
        let mut graphs = Vec::new();
        if let Some(output) = picture {
            self.add_picture(&mut graph, output, &shares);
            graphs.push(std::mem::take(&mut graph.chains));
        }
        if let Some(output) = sound {
            self.add_sound(&mut graph, output);
            graphs.push(std::mem::take(&mut graph.chains));
        }
        let mut arguments = self.input_arguments(&graph, sources);
        for chains in graphs {
            arguments.extend(["-filter_complex".to_owned(), chains.join(";")]);
        }
        if let Some(output) = picture {
            arguments.extend(["-map", "[v]"].map(str::to_owned));
            arguments.extend(encoder::video(self, output));
        }
        if let Some(output) = sound {
            arguments.extend(["-map", "[a]"].map(str::to_owned));
            arguments.extend(encoder::audio(output));
        }
        arguments.extend(match &self.output.segments {
            Some(segments) => {
                let frames =
                    picture.map_or(0, |output| encoder::frames_early(output, &self.preset));
                let early = Flicks::of_units(frames, self.timeline.frame_rate);
                segment::muxer(*segments, self.output.container, early, target)
            }
            None => encoder::muxer(&self.output),
        });
        arguments.push(file_url(target));
        arguments
    }

    /// The streams of a clip that the output shows or sounds, by kind and index.
    #[must_use]
    pub fn streams(&self, clip: usize) -> Vec<(&'static str, u32)> {
        let (clip, place) = (&self.clips[clip], &self.timeline.places[clip]);
        let end = clip.start() + clip.cut.length;
        let video = clip.media.video.as_ref().filter(|s| place.frames > 0 && s.start < end);
        let audio = clip.sound().filter(|_| place.samples > 0);
        let picture = video.map(|stream| ("picture", stream.index));
        picture.into_iter().chain(audio.map(|stream| ("sound", stream.index))).collect()
    }

    /// What a clip has, and the output would need, but nobody can decode.
    #[must_use]
    pub fn lost(&self, clip: usize) -> Option<&'static str> {
        let lost = self.clips[clip].media.lost;
        match &self.output {
            output if lost.picture && output.video.is_some() => Some("picture"),
            output if lost.sound && output.audio.is_some() => Some("sound"),
            _ => None,
        }
    }

    /// How long the output lasts, to the frame, or to the sample without a picture.
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
        let whole: Flicks = self.clips.iter().map(|clip| clip.cut.length).sum();
        let length = segments.length.map_or(whole, |length| length.min(whole));
        (length > LONGEST_DASH).then_some(length)
    }

    /// How many segments the picture is cut into; 1 where it is not cut.
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

    fn add_picture(
        &self,
        graph: &mut Graph,
        output: &crate::settle::VideoOutput,
        shares: &[Share],
    ) {
        let mut labels = String::new();
        for share in shares {
            let clip = &self.clips[share.clip];
            let label = format!("[v{}]", share.clip);
            let chain = if let Some(stream) = &clip.media.video {
                let first = Flicks::of_units(signed(share.frames.start), output.frame_rate);
                let input = graph.open(share.clip, clip.seek(clip.start() + first));
                let source = picture::Source { stream, start: clip.start(), frames: &share.frames };
                format!("[{input}:{}]{}{label}", stream.index, picture::chain(&source, output))
            } else {
                let frames = share.frames.end - share.frames.start;
                format!("{}{label}", picture::black(frames, output))
            };
            graph.chains.push(chain);
            labels.push_str(&label);
        }
        let joined = picture::joined(shares.len(), output);
        graph.chains.push(format!("{labels}{joined}[v]"));
    }

    fn add_sound(&self, graph: &mut Graph, output: &crate::settle::AudioOutput) {
        let mut labels = String::new();
        let mut count = 0;
        for (index, (clip, place)) in self.clips.iter().zip(&self.timeline.places).enumerate() {
            if place.samples == 0 {
                continue;
            }
            let label = format!("[a{index}]");
            let chain = match clip.sound() {
                Some(_) if clip.evened.is_some() => {
                    let input = graph.open_evened(index);
                    let rate = output.sample_rate;
                    let chain = sound::chain(rate, Flicks::ZERO, place.samples, output);
                    format!("[{input}:0]{chain}{label}")
                }
                Some(stream) => {
                    let input = graph.open(index, clip.seek(clip.start()));
                    let (rate, start) = (stream.sample_rate, clip.start());
                    let chain = sound::chain(rate, start, place.samples, output);
                    format!("[{input}:{}]{chain}{label}", stream.index)
                }
                None => format!("{}{label}", sound::silence(place.samples, output)),
            };
            graph.chains.push(chain);
            labels.push_str(&label);
            count += 1;
        }
        graph
            .chains
            .push(format!("{labels}{}[a]", sound::joined(count, output, self.output.container)));
    }

    /// Nothing is left to ffmpeg's guesses: the demuxer is forced, only files
    /// are opened, time stamps stay on the source's own clock.
    fn input_arguments(&self, graph: &Graph, sources: &[&Path]) -> Vec<String> {
        let mut arguments = vec!["-copyts".to_owned()];
        for input in &graph.inputs {
            // A change of size or format inside a clip must not restart the
            // whole graph: the clip's own scaler or resampler takes it.
            arguments.extend(["-reinit_filter", "0"].map(str::to_owned));
            arguments.extend(self.opened(input, sources));
        }
        arguments
    }

    fn opened(&self, input: &Input, sources: &[&Path]) -> Vec<String> {
        let clip = &self.clips[input.clip];
        let (demuxer, file) = match &clip.evened {
            Some(file) if input.evened => (Demuxer::Matroska, file.as_path()),
            _ => (clip.media.demuxer, sources[clip.source]),
        };
        let mut arguments = ["-protocol_whitelist", "file"].map(str::to_owned).to_vec();
        arguments.extend(INPUT_LIMITS.map(str::to_owned));
        arguments.extend(["-f".to_owned(), demuxer.name().to_owned()]);
        if let Some(time) = input.seek {
            // Frames before the cut are decoded and passed on: the filters
            // choose the frame that is on show when the cut begins, which
            // may be an earlier one.
            arguments.extend(["-noaccurate_seek", "-seek_timestamp", "1"].map(str::to_owned));
            let just_after = time + Flicks::of_units(1, Ratio::from_integer(1_000_000));
            arguments.extend(["-ss".to_owned(), just_after.as_option()]);
        }
        arguments.extend(["-i".to_owned(), file_url(file)]);
        arguments
    }
}

impl Graph {
    /// The index of the input for `clip`, opened once for picture and sound.
    fn open(&mut self, clip: usize, seek: Option<Flicks>) -> usize {
        let known = self.inputs.iter().position(|input| input.clip == clip && !input.evened);
        known.unwrap_or_else(|| self.add(Input { clip, seek, evened: false }))
    }

    /// The index of the input for the clip's sound alone.
    fn open_evened(&mut self, clip: usize) -> usize {
        self.add(Input { clip, seek: None, evened: true })
    }

    fn add(&mut self, input: Input) -> usize {
        self.inputs.push(input);
        self.inputs.len() - 1
    }
}

/// A path as ffmpeg takes it without looking for a protocol in it.
pub(crate) fn file_url(path: &Path) -> String {
    format!("file:{}", path.display())
}

/// A count as the timeline's arithmetic takes it.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
