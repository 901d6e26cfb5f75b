//! Copying: whole closed groups of pictures are copied if they are what the encoder would be asked
//! for; only the rest is encoded.

mod groups;
mod refusal;
mod sets;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::input::{Input, file_url};
use super::listing::list_video;
use super::words::words;
use super::{Chunk, Files, Intermediate, Plan, encoder};
use crate::codec::{Container, PixelFormat, Preset, VideoCodec, least_level};
use crate::flicks::Flicks;
use crate::media::{Demuxer, VideoStream};
use crate::output::VideoOutput;
use crate::policy::CopyPolicy;
use crate::process::Request;
use crate::process::request::{LowerSource, RateControl};

pub use groups::{Analysis, Draft, Listed, analyse};
pub use refusal::NotCopied;
pub use sets::Sets;

/// How far after a clip's end packets are listed, so that the end of its last group is known.
const LISTED_BEHIND_MS: u64 = 2000;

/// Which video of the output is copied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Copying {
    /// In output order.
    pub runs: Vec<Run>,
    /// For each clip, the reason why it is not copied completely.
    pub refusals: Vec<Option<NotCopied>>,
    /// The number of our own parameter sets. It equals that of the copied sets if sets are in band;
    /// if one header holds both, it differs.
    pub own_sets: u8,
    /// How many frames earlier than it is shown the first frame is decoded.
    pub delay: i64,
}

/// Consecutive groups of pictures of one clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Index of the clip.
    pub clip: usize,
    /// The output frames that it covers.
    pub frames: Range<u64>,
    /// Half a frame before the decoding time of its first packet, on the file's own clock.
    pub start: Flicks,
    /// Presentation time of its first frame.
    pub shown: Flicks,
    /// End of its last frame.
    pub end: Flicks,
    /// Digest of the hashes of its packets, in the form in which the output's packets are listed.
    #[serde(skip)]
    pub digest: u64,
}

/// Highest mean bit rate, in bit/s, that a copied stream may have under this request; `None` for
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostRate(pub Option<u64>);

/// Whether a request allows copying at all.
///
/// # Errors
/// The reason why not.
pub fn permission(request: &Request, policy: CopyPolicy) -> Result<MostRate, NotCopied> {
    let Some(video) = &request.video else { return Err(NotCopied::NoVideo) };
    let holds = matches!(
        request.container,
        Container::Mp4 | Container::Mov | Container::Mkv | Container::Ts
    );
    match (policy, video.rate) {
        (CopyPolicy::Never, _) => Err(NotCopied::Never),
        _ if video.codec != VideoCodec::H264 => Err(NotCopied::Codec),
        _ if !holds => Err(NotCopied::Container(request.container)),
        (_, RateControl::BitRate { bit_rate, option: LowerSource::UseOwn }) => {
            Ok(MostRate(Some(bit_rate)))
        }
        (_, RateControl::BitRate { .. }) => Err(NotCopied::BitRate),
        (_, RateControl::Quality { max_rate: Some(_), .. }) => Err(NotCopied::PeakRate),
        (_, RateControl::Quality { is_default: false, .. }) => Err(NotCopied::Quality),
        (CopyPolicy::Auto, _) => Err(NotCopied::OnlyFitting),
        (CopyPolicy::Fitting, _) => Ok(MostRate(None)),
    }
}

impl Plan {
    /// Whether anything of a clip may be copied, as far as its stream's properties show.
    ///
    /// # Errors
    /// The reason why not.
    pub fn copyable(&self, clip: usize, most: MostRate) -> Result<(), NotCopied> {
        let media = self.clip(clip).media;
        let (Some(output), Some(stream)) = (&self.output.video, &media.video) else {
            return Err(NotCopied::NoVideo);
        };
        if !matches!(media.demuxer, Demuxer::Mov | Demuxer::Matroska | Demuxer::MpegTs) {
            return Err(NotCopied::Source(media.demuxer));
        }
        differences(self.preset, output, stream).map_or(Ok(()), Err)?;
        let coding = &stream.coding;
        if coding.rotated || stream.turned {
            return Err(NotCopied::Rotated);
        }
        if !coding.progressive {
            return Err(NotCopied::Interlaced);
        }
        if coding.discards {
            return Err(NotCopied::EditList);
        }
        if let MostRate(Some(most)) = most
            && stream.bit_rate > most
        {
            return Err(NotCopied::TooFast { own: stream.bit_rate, most });
        }
        Ok(())
    }

    /// The run that this chunk copies, if it is one.
    #[must_use]
    pub fn run(&self, chunk: &Chunk) -> Option<&Run> {
        self.copying.runs.iter().find(|run| run.frames == chunk.frames)
    }

    /// Whether each group of pictures is preceded by its own parameter sets, as in a transport
    /// stream with copied groups: players expect one set, always with the same number, before each
    /// group.
    #[must_use]
    pub fn has_sets_in_band(&self) -> bool {
        self.output.container == Container::Ts && !self.copying.runs.is_empty()
    }

    /// Splits chunks so that each piece is either exactly one run or contains no run.
    pub(super) fn around_runs(&self, chunks: Vec<Chunk>) -> Vec<Chunk> {
        let mut pieces = Vec::new();
        for Chunk { frames } in chunks {
            let mut start = frames.start;
            let inside =
                |run: &&Run| run.frames.start >= frames.start && run.frames.end <= frames.end;
            for run in self.copying.runs.iter().filter(inside) {
                pieces.push(start..run.frames.start);
                pieces.push(run.frames.clone());
                start = run.frames.end;
            }
            pieces.push(start..frames.end);
        }
        pieces.retain(|frames| !frames.is_empty());
        pieces.into_iter().map(|frames| Chunk { frames }).collect()
    }

    /// The arguments of the ffmpeg process that makes three lists of a clip's packets: the start of
    /// each closed group in the file `starts`, the parameter sets in the file `sets`, and all
    /// packets on the standard output.
    #[must_use]
    pub fn source_listing_arguments(
        &self,
        clip: usize,
        source: &Path,
        starts: &Path,
        sets: &Path,
    ) -> Vec<String> {
        let place = self.clip(clip);
        let media = place.media;
        let index = media.video.as_ref().map_or(0, |stream| stream.index);
        let mut arguments = words("-copyts");
        let mut input = Input::of(media, source);
        let mut limits = Vec::new();
        // With an index of all key frames, only the cut has to be read.
        if media.demuxer == Demuxer::Mov {
            input.seek = place.seek(place.start());
            let end = place.end() + Flicks::from_millis(LISTED_BEHIND_MS);
            limits = words(&format!("-copypriorss 1 -to {}", end.as_option()));
        }
        arguments.extend(input.arguments());
        for (types, file) in [("5", starts), ("7-8", sets)] {
            arguments.extend(words(&format!(
                "-map 0:{index} -c:v copy -bsf:v h264_mp4toannexb,filter_units=pass_types={types} \
                 -f framemd5"
            )));
            arguments.extend_from_slice(&limits);
            arguments.push(file_url(file));
        }
        arguments.extend(words(&format!("-map 0:{index}")));
        arguments.extend_from_slice(&limits);
        arguments.extend(list_video(VideoCodec::H264));
        arguments.push("pipe:".to_owned());
        arguments
    }

    /// The arguments of the ffmpeg process that decodes a run in its source file, beginning at a
    /// key frame before it.
    #[must_use]
    pub fn run_check_arguments(&self, run: &Run, files: &Files<'_>) -> Vec<String> {
        let mut arguments = words("-copyts -skip_loop_filter all -skip_idct all");
        let index = self.open_run(run, files, &mut arguments);
        arguments.extend(words(&format!("-map 0:{index} -to {}", run.end.as_option())));
        arguments.extend(words("-fps_mode passthrough -f null pipe:"));
        arguments
    }

    /// The arguments of the ffmpeg process that copies a run to its standard output.
    pub(super) fn copy_arguments(
        &self,
        run: &Run,
        output: &VideoOutput,
        files: &Files<'_>,
    ) -> Vec<String> {
        let mut arguments = words("-copyts");
        let index = self.open_run(run, files, &mut arguments);
        let (rate, first) = (output.frame_rate, i128::from(run.frames.start));
        let lead = i128::from(Intermediate::LEAD);
        let (shown, decoded) = (first + lead, first + lead - i128::from(self.copying.delay));
        let sets = if self.has_sets_in_band() { "h264_mp4toannexb," } else { "" };
        arguments.extend(words(&format!(
            "-map 0:{index} -c:v copy -ss {} -frames:v {} -bsf:v \
             {sets}setts=time_base={}:pts=round((PTS-STARTPTS)*TB*{rate})+{shown}:dts=N+{decoded}:duration=1",
            run.start.as_option(),
            run.frames.end - run.frames.start,
            rate.recip(),
        )));
        arguments.extend(encoder::nothing_inherited());
        arguments.extend(self.intermediate().muxer(rate));
        arguments.push("pipe:".to_owned());
        arguments
    }

    /// The arguments of the ffmpeg process that copies the first packet of a run, of which only the
    /// header is used.
    #[must_use]
    pub fn first_packet_arguments(&self, chunk: &Chunk, files: &Files<'_>) -> Vec<String> {
        let (Some(run), Some(output)) = (self.run(chunk), &self.output.video) else {
            return Vec::new();
        };
        let frames = run.frames.start..run.frames.start + 1;
        self.copy_arguments(&Run { frames, digest: 0, ..run.clone() }, output, files)
    }

    /// Adds the input for a run, opened with a run-up. Returns the stream's index.
    fn open_run(&self, run: &Run, files: &Files<'_>, arguments: &mut Vec<String>) -> u32 {
        let media = self.clip(run.clip).media;
        let seek = files.seek(self, run.clip, run.shown);
        let file = files.sources[self.clips[run.clip].source];
        arguments.extend(Input { seek, ..Input::of(media, file) }.arguments());
        media.video.as_ref().map_or(0, |stream| stream.index)
    }
}

/// The first property in which a stream differs from the output.
fn differences(preset: Preset, output: &VideoOutput, stream: &VideoStream) -> Option<NotCopied> {
    let most =
        least_level((output.size.width, output.size.height), output.frame_rate, stream.bit_rate);
    let level = |tenths: u32| format!("{}.{}", tenths / 10, tenths % 10);
    let colour = |colour: &crate::media::Colour| {
        let crate::media::Colour { matrix, primaries, transfer, range } = colour;
        format!("{matrix}/{primaries}/{transfer}/{}", range.name())
    };
    let own_level = stream.coding.level;
    let differ = |what: &'static str, own: String, output: String| {
        (own != output).then_some(NotCopied::Differs { what: Cow::Borrowed(what), own, output })
    };
    differ("codec", stream.codec.clone(), "h264".to_owned())
        .or_else(|| {
            let profile = profile(preset, output.pixel_format);
            differ("profile", stream.coding.profile.clone(), profile.to_owned())
        })
        .or_else(|| differ("size", stream.size.to_string(), output.size.to_string()))
        .or_else(|| differ("pixel aspect", stream.sample_aspect.to_string(), "1".to_owned()))
        .or_else(|| {
            let (own, output) = (stream.pixel_format.clone(), output.pixel_format.name());
            differ("pixel format", own, output.to_owned())
        })
        .or_else(|| differ("colour", colour(&stream.colour), colour(&output.colour)))
        .or_else(|| {
            differ("frame rate", stream.frame_rate.to_string(), output.frame_rate.to_string())
        })
        .or_else(|| {
            let most = most.filter(|&most| own_level == 0 || own_level > most)?;
            differ("level", level(own_level), level(most))
        })
}

/// x264's name for the profile that it produces.
fn profile(preset: Preset, format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Yuv420p | PixelFormat::Yuva420p if preset == Preset::Ultrafast => {
            "Constrained Baseline"
        }
        PixelFormat::Yuv420p | PixelFormat::Yuva420p => "High",
        PixelFormat::Yuv420p10 => "High 10",
        PixelFormat::Yuv422p | PixelFormat::Yuv422p10 => "High 4:2:2",
        PixelFormat::Yuv444p | PixelFormat::Yuv444p10 => "High 4:4:4 Predictive",
    }
}

#[cfg(test)]
mod tests {
    use super::{CopyPolicy, MostRate, NotCopied, Run, permission};
    use crate::flicks::Flicks;
    use crate::media::{Media, Size};
    use crate::object::ObjectUri;
    use crate::plan::tests::plan;
    use crate::plan::{Chunk, Plan, Policy};
    use crate::process::{Limits, Request, parse, resolve};

    fn request(parameters: &str) -> Request {
        let process = format!("video/concat,{parameters}|sys/saveas,o_YQ");
        let main = ObjectUri::named("bucket", "k").unwrap();
        resolve(&parse(&process).unwrap(), &main, Limits { max_sources: 1 }).unwrap()
    }

    #[test]
    fn only_a_request_that_is_satisfied_as_it_stands_permits_copies() {
        let usual = "f_mp4,acodec_aac,vcodec_h264";
        for (more, auto, fitting) in [
            (",vb_1000000,vbopt_1", true, true),
            ("", false, true),
            (",vb_1000000", false, false),
            (",vb_1000000,vbopt_2", false, false),
            (",crf_23", false, false),
            (",crf_23,maxrate_1000000", false, false),
        ] {
            let request = request(&format!("{usual}{more}"));
            assert_eq!(permission(&request, CopyPolicy::Auto).is_ok(), auto, "{more}");
            assert_eq!(permission(&request, CopyPolicy::Fitting).is_ok(), fitting, "{more}");
            assert_eq!(permission(&request, CopyPolicy::Never), Err(NotCopied::Never));
        }
        for other in [
            "f_avi,acodec_mp3,vcodec_h264",
            "f_asf,acodec_mp3,vcodec_h264",
            "f_mp4,acodec_aac,vcodec_h265",
            "f_mp4,acodec_aac,vcodec_h264,vn_1",
        ] {
            assert!(permission(&request(other), CopyPolicy::Fitting).is_err(), "{other}");
        }
        let most = permission(&request(&format!("{usual},vb_500000,vbopt_1")), CopyPolicy::Auto);
        assert_eq!(most, Ok(MostRate(Some(500_000))));
    }

    type Change = fn(&mut Media);

    #[test]
    fn a_stream_that_differs_is_encoded() {
        let copyable = |change: fn(&mut Media), most: u64| {
            let mut plan = plan(&[4000]);
            change(std::sync::Arc::make_mut(&mut plan.sources[0]));
            plan.copyable(0, MostRate(Some(most))).map_err(|reason| reason.to_string())
        };
        assert_eq!(copyable(|_| {}, 1_000_000), Ok(()));
        let changes: [(Change, &str); 12] = [
            (|m| m.video = None, "no video"),
            (|m| m.demuxer = crate::media::Demuxer::Flv, "`flv`"),
            (|m| m.video.as_mut().unwrap().codec = "hevc".to_owned(), "codec is hevc"),
            (|m| m.video.as_mut().unwrap().coding.profile = "Main".to_owned(), "profile is Main"),
            (|m| m.video.as_mut().unwrap().size = Size::new(640, 360), "size is 640x360"),
            (|m| m.video.as_mut().unwrap().sample_aspect = (4, 3).into(), "aspect is 4/3"),
            (|m| m.video.as_mut().unwrap().pixel_format = "yuvj420p".to_owned(), "format is yuvj"),
            (|m| m.video.as_mut().unwrap().colour.primaries = "bt2020".to_owned(), "colour is"),
            (|m| m.video.as_mut().unwrap().frame_rate = 30.into(), "frame rate is 30"),
            (|m| m.video.as_mut().unwrap().coding.level = 61, "level is 6.1, and the output's is"),
            (|m| m.video.as_mut().unwrap().coding.rotated = true, "rotated"),
            (|m| m.video.as_mut().unwrap().coding.progressive = false, "progressive"),
        ];
        for (change, words) in changes {
            let reason = copyable(change, 1_000_000).unwrap_err();
            assert!(reason.contains(words), "{words}: {reason}");
        }
        let edited = |m: &mut Media| m.video.as_mut().unwrap().coding.discards = true;
        assert!(copyable(edited, 1_000_000).unwrap_err().contains("edit list"));
        assert!(copyable(|_| {}, 999_999).unwrap_err().contains("1000000 bit/s"));
    }

    fn with_runs(lengths: &[u64], runs: &[(usize, std::ops::Range<u64>)]) -> Plan {
        let mut plan = plan(lengths);
        let run = |(clip, frames): &(usize, std::ops::Range<u64>)| Run {
            clip: *clip,
            frames: frames.clone(),
            start: Flicks::ZERO,
            shown: Flicks::ZERO,
            end: Flicks::ZERO,
            digest: 0,
        };
        plan.copying.runs = runs.iter().map(run).collect();
        plan
    }

    #[test]
    fn chunks_are_runs_or_have_nothing_of_one() {
        let frames = |plan: &Plan, memory| -> Vec<_> {
            plan.chunks(Policy { memory }).into_iter().map(|chunk| chunk.frames).collect()
        };
        let plan = with_runs(&[2000, 2000], &[(0, 10..30), (1, 50..100)]);
        assert_eq!(frames(&plan, u64::MAX), [0..10, 10..30, 30..50, 50..100]);
        let whole = with_runs(&[2000, 2000], &[(0, 0..50), (1, 60..90)]);
        assert_eq!(frames(&whole, 1), [0..50, 50..60, 60..90, 90..100]);
        assert!(plan.run(&Chunk { frames: 10..30 }).is_some());
        assert!(plan.run(&Chunk { frames: 0..10 }).is_none());
    }
}
