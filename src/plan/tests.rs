use crate::codec::Preset;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use num_rational::Ratio;
use proptest::prelude::*;

use super::{Chunk, Files, Plan, PlannedClip, Policy};
use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::flicks::Flicks;
use crate::media::report::tests::media;
use crate::media::{Media, Size};
use crate::output::{
    AudioOutput, AudioRateControl, Fitting, OutputSpec, Segments, VideoOutput, VideoRate,
};
use crate::process::request::SegmentFormat;
use crate::timeline::{SourceRange, Timeline};

/// A plan with clips of these lengths, each from its own source.
pub(super) fn plan(lengths: &[u64]) -> Plan {
    let clips: Vec<PlannedClip> = lengths
        .iter()
        .enumerate()
        .map(|(source, &ms)| {
            let cut = SourceRange::of(Flicks::from_millis(10_000), 2000, Some(ms)).unwrap();
            PlannedClip { clip: source, source, range: cut }
        })
        .collect();
    let lengths: Vec<Flicks> = clips.iter().map(|clip| clip.range.length).collect();
    let video = VideoOutput {
        codec: VideoCodec::H264,
        size: Size::new(1280, 720),
        fitting: Fitting::Fill,
        frame_rate: Ratio::from_integer(25),
        pixel_format: PixelFormat::Yuv420p,
        colour: media().video.as_ref().unwrap().colour.clone(),
        key_frame_interval: 150,
        rate: VideoRate::BitRate(1_000_000),
    };
    let audio = AudioOutput {
        codec: AudioCodec::Aac,
        sample_rate: 48_000,
        channels: 2,
        rate: AudioRateControl::Default,
        bit_depth: 16,
    };
    let timeline = Timeline::new(&lengths, video.frame_rate, audio.sample_rate);
    let output = OutputSpec {
        container: Container::Mp4,
        video: Some(video),
        audio: Some(audio),
        segments: None,
    };
    Plan {
        output,
        timeline,
        sources: vec![media().into(); clips.len()],
        clips,
        preset: Preset::Veryfast,
        copying: super::Copying::default(),
        warnings: Vec::new(),
        range_length: None,
    }
}

/// The arguments of the process that renders a chunk, and of the one that joins.
fn arguments(plan: &Plan, chunk: &Chunk) -> [Vec<String>; 2] {
    let sources: Vec<PathBuf> = (0..plan.clips.len()).map(|n| format!("/w/s{n}").into()).collect();
    let sources: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
    let files = Files::new(&sources);
    [plan.render_arguments(chunk, &files), plan.join_arguments(&files, Path::new("/w/out.mp4"))]
}

fn source(plan: &mut Plan, index: usize) -> &mut Media {
    Arc::make_mut(&mut plan.sources[index])
}

fn whole(plan: &Plan) -> Chunk {
    Chunk { frames: plan.frames() }
}

fn after<'a>(arguments: &'a [String], option: &str) -> Vec<&'a str> {
    let pairs = arguments.windows(2).filter(|pair| pair[0] == option);
    pairs.map(|pair| pair[1].as_str()).collect()
}

#[test]
fn one_process_makes_every_frame_and_another_every_sample() {
    let plan = plan(&[1000, 500]);
    let [render, join] = arguments(&plan, &whole(&plan));
    assert_eq!(after(&render, "-i"), ["file:/w/s0", "file:/w/s1"]);
    assert_eq!(after(&render, "-f"), ["mov", "mov", "mp4"]);
    assert_eq!(after(&render, "-map"), ["[v]"]);
    assert_eq!(after(&join, "-i"), ["file:/w/s0", "file:/w/s1", "pipe:"]);
    assert_eq!(after(&join, "-map"), ["2:v:0", "[a]"]);
    let graph = after(&render, "-filter_complex").join(";");
    for chain in ["trim=start_frame=0:end_frame=25", "trim=start_frame=0:end_frame=13"] {
        assert!(graph.contains(chain), "{graph}");
    }
    let graph = after(&join, "-filter_complex").join(";");
    for chain in ["atrim=end_sample=48000", "atrim=end_sample=24000", "first_pts=96000"] {
        assert!(graph.contains(chain), "{graph}");
    }
    assert_eq!(join.last().unwrap(), "file:/w/out.mp4");
}

#[test]
fn every_input_is_forced_and_confined_to_files() {
    let plan = plan(&[1000, 500, 40]);
    for arguments in arguments(&plan, &whole(&plan)) {
        let files = after(&arguments, "-i").into_iter().filter(|input| *input != "pipe:").count();
        let inputs = after(&arguments, "-i").len();
        let lists = after(&arguments, "-protocol_whitelist");
        assert_eq!(lists.iter().filter(|list| **list == "file").count(), files);
        assert_eq!(lists.len(), inputs);
        // One more for the output.
        assert_eq!(after(&arguments, "-f").len(), inputs + 1);
    }
}

#[test]
fn a_seek_goes_to_a_key_frame_with_a_run_up() {
    let mut plan = plan(&[1000]);
    let stream = source(&mut plan, 0).video.as_mut().unwrap();
    stream.key_frames = [0, 1200, 1600, 2000].map(Flicks::from_millis).to_vec();
    let chunk = whole(&plan);
    // The cut starts at 2000 ms; the key frame at 1600 would leave a run-up of only 400 ms.
    assert_eq!(after(&arguments(&plan, &chunk)[0], "-ss"), ["1.200001"]);
    source(&mut plan, 0).demuxer = crate::media::Demuxer::MpegTs;
    assert!(after(&arguments(&plan, &chunk)[0], "-ss").is_empty());
}

#[test]
fn every_segment_starts_on_a_key_frame() {
    let mut plan = plan(&[5000]);
    plan.output.segments =
        Some(Segments { format: SegmentFormat::Hls, length: Some(Flicks::from_millis(2000)) });
    assert_eq!(plan.segment_count(), 3);
    let [render, join] = arguments(&plan, &Chunk { frames: 50..125 });
    assert_eq!(after(&render, "-force_key_frames"), ["expr:eq(mod(n+50,50),0)"]);
    assert_eq!(after(&join, "-hls_time"), ["2.000000"]);
    assert_eq!(after(&join, "-hls_segment_filename"), ["file:/w/out-%05d.m4s"]);
}

#[test]
fn clips_without_a_stream_are_black_or_silent() {
    let mut plan = plan(&[1000, 1000]);
    source(&mut plan, 0).video = None;
    source(&mut plan, 1).audio = None;
    let both = arguments(&plan, &whole(&plan)).concat();
    let graph = after(&both, "-filter_complex").join(";");
    assert!(graph.contains("color=c=black:s=1280x720:r=25,trim=end_frame=25"), "{graph}");
    assert!(graph.contains("anullsrc=r=48000:cl=stereo"), "{graph}");
}

#[test]
fn audio_that_ends_before_the_cut_is_silence_and_a_video_is_held() {
    let mut plan = plan(&[1000]);
    let media = source(&mut plan, 0);
    media.audio.as_mut().unwrap().end = Flicks::from_millis(1500);
    media.video.as_mut().unwrap().last = Flicks::from_millis(1460);
    let both = arguments(&plan, &whole(&plan)).concat();
    let graph = after(&both, "-filter_complex").join(";");
    // The start of its last frame, minus half an output frame.
    assert!(graph.contains("anullsrc") && graph.contains("setpts=PTS-(1016064000)"), "{graph}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However the frames are split into chunks, every frame of every clip is rendered exactly
    /// once, selected by the same rule, and only the chunks that need an input open it.
    #[test]
    fn chunks_make_together_what_the_whole_makes(
        lengths in prop::collection::vec(1..3000u64, 1..8),
        cuts in prop::collection::vec(0..600u64, 0..5),
    ) {
        let plan = plan(&lengths);
        let whole = plan.shares(&(0..plan.timeline.frames()));
        let mut bounds: Vec<u64> = cuts.into_iter().filter(|&cut| cut < plan.timeline.frames()).collect();
        bounds.extend([0, plan.timeline.frames()]);
        bounds.sort_unstable();
        let frames_of = |shares: &[super::chunk::Share]| -> Vec<(usize, u64)> {
            shares.iter().flat_map(|s| s.frames.clone().map(|frame| (s.clip, frame))).collect()
        };
        let mut together = Vec::new();
        for pair in bounds.windows(2) {
            let chunk = Chunk { frames: pair[0]..pair[1] };
            let shares = plan.shares(&chunk.frames);
            if !shares.is_empty() {
                let [arguments, _] = arguments(&plan, &chunk);
                let opened: Vec<String> = shares.iter().map(|s| format!("file:/w/s{}", s.clip)).collect();
                prop_assert_eq!(after(&arguments, "-i"), opened);
            }
            together.extend(frames_of(&shares));
        }
        prop_assert_eq!(together, frames_of(&whole));
    }

    /// Whatever the memory limit, the chunks cover the whole in order; and a plan survives
    /// serialisation.
    #[test]
    fn chunks_follow_each_other_and_end_at_joins(
        lengths in prop::collection::vec(1..3000u64, 1..8),
        megabytes in 0..1000u64,
    ) {
        let plan = plan(&lengths);
        let chunks = plan.chunks(Policy { memory: megabytes * 1_000_000 });
        let mut next = 0;
        let joins: Vec<u64> = plan.timeline.places.iter().map(|place| place.first_frame).collect();
        for chunk in &chunks {
            prop_assert_eq!(chunk.frames.start, next);
            prop_assert!(joins.contains(&next) && chunk.frames.end > next);
            next = chunk.frames.end;
        }
        prop_assert_eq!(next, plan.timeline.frames());
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
