//! The streams of a file: chooses those that are used, and reads their packets.
//!
//! Each of them is read by itself, since a demuxer that fails on a packet of one stream stops
//! reading all.

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ProbeError;
use crate::engine::ffmpeg::{Ffmpeg, Progress, RunError};
use crate::media::places::Track;
use crate::media::report::{
    Aspects, Chosen, Frames, PACKET_FIELDS, PLACED_PACKET_FIELDS, Report, ReportError,
    STREAM_FIELDS, Scan,
};
use crate::media::{Demuxer, Places, Undecodable};
use crate::plan::input::Input;

mod sampled;

/// Most bytes of ffprobe's description that are read.
const REPORT_LIMIT: usize = 4 * 1024 * 1024;

/// Numbers of bytes that are searched for streams, one after the other, if ffmpeg's default was too
/// few.
const DEPTHS: [u64; 3] = [8 << 20, 32 << 20, 128 << 20];

/// Interval of packets that are decoded to find out whether each is a whole frame.
const FEW_PACKETS: &str = "%+#60";

/// Interval of a file's first packet only.
const FIRST_PACKET: &str = "%+#1";

/// How many bytes ffprobe reads to describe streams whose header already does.
const SHORT_PROBE: [&str; 2] = ["-probesize", "65536"];

/// Most lines of a log that are quoted.
const MAX_LOG_LINES: usize = 5;

/// The packets of a stream, and the demuxer's errors.
#[derive(Debug, Default)]
struct Scanned {
    scan: Option<Scan>,
    complaints: Vec<String>,
}

/// How suitable a stream is as the video or the audio of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Nothing,
    Packets,
    OneFrame,
    Film,
}

impl Worth {
    /// The worth of a stream that has packets.
    const fn of(decodes: bool, is_one_frame: bool) -> Self {
        match (decodes, is_one_frame) {
            (false, _) => Self::Packets,
            (true, true) => Self::OneFrame,
            (true, false) => Self::Film,
        }
    }
}

/// Reads the streams of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) ffmpeg: &'a Ffmpeg,
    pub(super) demuxer: Demuxer,
    pub(super) file: &'a Path,
    /// See [`Input::depth`].
    pub(super) depth: u64,
}

impl Reader<'_> {
    /// ffprobe's description of the streams, and a reader that searches deep enough to find them
    /// all.
    pub(super) async fn describe(self) -> Result<(Report, Self), ProbeError> {
        let mut found = (self.described_within(0).await?, self);
        let length = std::fs::metadata(self.file)?.len();
        let shallower = [0].into_iter().chain(DEPTHS);
        for (depth, before) in DEPTHS.into_iter().zip(shallower) {
            if before >= length || !found.0.may_be_incomplete(self.demuxer) {
                break;
            }
            let report = self.described_within(depth).await?;
            if report.described() > found.0.described() {
                found = (report, Self { depth, ..self });
            }
        }
        if found.0.described() == 0 {
            return Err(ReportError::NoStreams.into());
        }
        Ok(found)
    }

    async fn described_within(&self, depth: u64) -> Result<Report, ProbeError> {
        let arguments = ["-show_entries", STREAM_FIELDS, "-of", "json=compact=1"];
        let input = Input { depth, chapters: true, ..self.input() };
        Ok(Report::read(&self.printed(input, &arguments).await?)?)
    }

    /// Everything that ffprobe prints.
    async fn printed(&self, input: Input<'_>, arguments: &[&str]) -> Result<String, ProbeError> {
        let printed = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&printed);
        let on_line = move |line: &str| {
            let mut printed = lines.lock();
            if printed.len() <= REPORT_LIMIT {
                printed.push_str(line);
            }
        };
        self.ffmpeg.inspect(input, arguments, on_line).await?;
        let printed = std::mem::take(&mut *printed.lock());
        if printed.len() > REPORT_LIMIT {
            return Err(ProbeError::TooManyStreams);
        }
        Ok(printed)
    }

    /// For each kind, the first stream that has packets and can be decoded; and the demuxer's
    /// errors.
    pub(super) async fn choose(
        &self,
        report: &Report,
    ) -> Result<(Chosen, Vec<String>), ProbeError> {
        let videos = report.videos();
        let (video, audio) = if report.has_programmes() {
            let video = self.first(report, &videos).await?;
            let audios = report.audios(video.scan.as_ref().map(Scan::index));
            (video, self.first(report, &audios).await?)
        } else {
            let audios = report.audios(None);
            tokio::try_join!(self.first(report, &videos), self.first(report, &audios))?
        };
        let mut complaints = video.complaints;
        complaints.extend(audio.complaints);
        complaints.dedup();
        let (video, audio) = (video.scan, audio.scan);
        let undecodable = Undecodable {
            video: video.is_none() && self.any_packet(&report.undecodable("video")).await?,
            audio: audio.is_none() && self.any_packet(&report.undecodable("audio")).await?,
        };
        Ok((Chosen { video, audio, undecodable }, complaints))
    }

    /// The first candidate that has packets, preferably one of which a frame decodes, and preferably
    /// one of more than one frame: a single frame is a cover that is not declared as one.
    async fn first(&self, report: &Report, candidates: &[u32]) -> Result<Scanned, ProbeError> {
        let (mut best, mut found) = (Worth::Nothing, Scanned::default());
        for &index in candidates {
            let decodes = candidates.len() == 1 || self.decodes(index).await?;
            if !decodes && best > Worth::Nothing {
                continue;
            }
            let scanned = self.scan(report, index).await?;
            let worth = match &scanned.scan {
                Some(scan) if !scan.is_empty() => Worth::of(decodes, scan.is_one_frame()),
                _ => Worth::Nothing,
            };
            if worth > best {
                (best, found) = (worth, scanned);
            }
            if best == Worth::Film {
                break;
            }
        }
        Ok(found)
    }

    /// Reads all packets of a stream.
    async fn scan(&self, report: &Report, index: u32) -> Result<Scanned, ProbeError> {
        let Some(scan) = Scan::new(self.demuxer, report, index) else {
            return Ok(Scanned::default());
        };
        let mut scanned = self.packets(scan).await?;
        if let Some(scan) = scanned.scan.as_mut().filter(|scan| scan.may_be_of_fields()) {
            let (frames, packets) = self.count_frames(index).await?;
            scan.decoded(frames, packets);
        }
        if let Some(scan) = &mut scanned.scan {
            self.turn(scan).await?;
            self.find_aspects(scan).await?;
        }
        Ok(scanned)
    }

    /// Reads the sample aspect ratios of all key frames of a video that may change it. Decoding
    /// does no more than that needs.
    async fn find_aspects(&self, scan: &mut Scan) -> Result<(), ProbeError> {
        if !scan.may_change_aspect() {
            return Ok(());
        }
        let stream = scan.index().to_string();
        let arguments = [
            ["-select_streams", &stream],
            ["-skip_frame", "nokey"],
            ["-skip_idct", "all"],
            ["-skip_loop_filter", "all"],
            ["-show_entries", "frame=pts,sample_aspect_ratio"],
            ["-of", "csv=p=0"],
        ];
        let found = Arc::new(Mutex::new(Aspects::default()));
        let aspects = Arc::clone(&found);
        let on_line = move |line: &str| aspects.lock().frame(line);
        let inspected = self.ffmpeg.inspect(self.input(), &arguments.concat(), on_line).await;
        match inspected.map_err(ProbeError::from) {
            Ok(_) | Err(ProbeError::Damaged(_)) => scan.aspects(&found.lock()),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads the rotation that the first key frame of a video declares, if the container declares
    /// none. If nothing decodes, there is no rotation.
    pub(super) async fn turn(&self, scan: &mut Scan) -> Result<(), ProbeError> {
        if !scan.may_turn_itself() {
            return Ok(());
        }
        let stream = scan.index().to_string();
        // A stream that may begin in the middle has its first key frame later.
        let packets = match self.demuxer {
            Demuxer::MpegTs | Demuxer::MpegPs => FEW_PACKETS,
            _ => FIRST_PACKET,
        };
        let first = ["-select_streams", &stream, "-read_intervals", packets];
        let key_frames = ["-skip_frame", "nokey", "-show_entries", "frame_side_data=displaymatrix"];
        let arguments = [&first[..], &key_frames, &["-of", "json=compact=1"]].concat();
        // Without frames to decode, ffprobe would read megabytes for a description that Matroska
        // has in its header.
        let is_described = self.demuxer == Demuxer::Matroska;
        let arguments = [if is_described { &SHORT_PROBE[..] } else { &[] }, &arguments].concat();
        match self.printed(self.input(), &arguments).await {
            Ok(printed) => scan.turned(Frames::read(&printed)?.orientation()),
            Err(ProbeError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What the index says about the streams, and where their packets are. `None` if packets have
    /// to be read to choose or count, or if the demuxer reports errors.
    pub(super) async fn index(
        &self,
        report: &Report,
    ) -> Result<Option<(Chosen, Places)>, ProbeError> {
        let (videos, audios) = (report.videos(), report.audios(None));
        let undecodable =
            ["video", "audio"].iter().any(|kind| !report.undecodable(kind).is_empty());
        if videos.len() > 1 || audios.len() > 1 || report.has_programmes() || undecodable {
            return Ok(None);
        }
        let (video, audio) = tokio::try_join!(
            self.indexed(report, videos.first().copied()),
            self.indexed(report, audios.first().copied())
        )?;
        let (Some((video, of_video)), Some((audio, of_audio))) = (video, audio) else {
            return Ok(None);
        };
        let chosen = Chosen { video, audio, ..Chosen::default() };
        Ok(Some((chosen, Places { video: of_video, audio: of_audio })))
    }

    /// The same for one stream, if there is one.
    async fn indexed(
        &self,
        report: &Report,
        index: Option<u32>,
    ) -> Result<Option<(Option<Scan>, Track)>, ProbeError> {
        let Some(index) = index else { return Ok(Some((None, Track::default()))) };
        let scan = Scan::new(self.demuxer, report, index).filter(Scan::is_indexed);
        let Some(scan) = scan else { return Ok(None) };
        let Scanned { scan, complaints } = self.packets(scan.with_places()).await?;
        let told =
            |scan: &Scan| complaints.is_empty() && !scan.is_empty() && !scan.may_be_of_fields();
        let Some(mut scan) = scan.filter(told) else { return Ok(None) };
        let places = scan.take_places().filter(Track::is_complete);
        Ok(places.map(|places| (Some(scan), places)))
    }

    /// Reads all packets of a stream.
    async fn packets(&self, scan: Scan) -> Result<Scanned, ProbeError> {
        let stream = scan.index().to_string();
        // Without parsing, ffmpeg does not read packets' bytes, which may be missing.
        let (parsing, fields): (&[&str], &str) = if scan.has_places() {
            (&["-fflags", "+noparse"], PLACED_PACKET_FIELDS)
        } else {
            (&[], PACKET_FIELDS)
        };
        let arguments = [parsing, &["-select_streams", &stream, "-show_entries", fields]].concat();
        Box::pin(self.packet_lines(scan, &arguments, |_| true)).await
    }

    /// Reads the packets of a stream from the lines that ffprobe prints with these arguments;
    /// ignores lines of other streams.
    async fn packet_lines(
        &self,
        scan: Scan,
        arguments: &[&str],
        is_own: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Scanned, ProbeError> {
        let scan = Arc::new(Mutex::new(scan));
        let packets = Arc::clone(&scan);
        let on_line = move |line: &str| {
            if is_own(line) {
                packets.lock().packet(line);
            }
        };
        let arguments = [arguments, &["-of", "csv=p=0"]].concat();
        let log = self.ffmpeg.inspect(self.input(), &arguments, on_line).await?;
        let scan = Arc::into_inner(scan).map(Mutex::into_inner);
        let scan = scan.ok_or_else(|| io::Error::other("the packet reader did not end"))?;
        Ok(Scanned { scan: Some(scan), complaints: self.own_lines(&log) })
    }

    /// How many frames the first packets of a stream decode to, and how many packets these are.
    async fn count_frames(&self, index: u32) -> Result<(u64, u64), ProbeError> {
        let counts = Arc::new(Mutex::new((0, 0)));
        let counted = Arc::clone(&counts);
        let on_line = move |line: &str| {
            let mut numbers = line.split(',').filter_map(|number| number.trim().parse().ok());
            if let (Some(frames), Some(packets)) = (numbers.next(), numbers.next()) {
                *counted.lock() = (frames, packets);
            }
        };
        let stream = index.to_string();
        let first = ["-select_streams", &stream, "-read_intervals", FEW_PACKETS];
        let shown = "-count_frames -count_packets -of csv=p=0 -show_entries";
        let entries = ["stream=nb_read_frames,nb_read_packets"];
        let shown: Vec<&str> = shown.split(' ').collect();
        self.ffmpeg
            .inspect(self.input(), &[&first[..], &shown, &entries].concat(), on_line)
            .await?;
        let counts = *counts.lock();
        Ok(counts)
    }

    /// The lines of the demuxer itself. Decoders also report errors, since they try the first
    /// packets of all streams, used or not.
    fn own_lines(&self, log: &str) -> Vec<String> {
        let name = format!("[{}", self.demuxer.name());
        let is_own =
            |line: &&str| line.strip_prefix(&name).is_some_and(|rest| rest.starts_with([',', ']']));
        let mut lines: Vec<String> = log.lines().filter(is_own).map(str::to_owned).collect();
        lines.dedup();
        lines.truncate(MAX_LOG_LINES);
        lines
    }

    /// Whether any frame of a stream decodes.
    async fn decodes(&self, index: u32) -> Result<bool, ProbeError> {
        let decoded = Arc::new(Mutex::new(Progress::default()));
        let reached = Arc::clone(&decoded);
        let on_progress = move |progress| {
            *reached.lock() = progress;
        };
        let mut arguments = self.input().arguments();
        let stream = format!("0:{index}");
        let one = ["-map", &stream, "-frames", "1", "-f", "null", "pipe:"];
        arguments.extend(one.map(str::to_owned));
        match self.ffmpeg.encode(arguments, on_progress).await {
            Ok(_) => {
                let decoded = *decoded.lock();
                Ok(decoded.frames > 0 || decoded.micros > 0)
            }
            Err(RunError::Failed { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether one of these streams has a packet.
    async fn any_packet(&self, streams: &[u32]) -> Result<bool, ProbeError> {
        for index in streams {
            let found = Arc::new(Mutex::new(false));
            let seen = Arc::clone(&found);
            let on_line = move |line: &str| {
                *seen.lock() |= !line.is_empty();
            };
            let stream = index.to_string();
            let shown = ["-show_entries", "packet=stream_index", "-of", "csv=p=0"];
            let first = ["-select_streams", &stream, "-read_intervals", "%+#1"];
            let arguments = [&first[..], &shown].concat();
            self.ffmpeg.inspect(self.input(), &arguments, on_line).await?;
            if *found.lock() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn input(&self) -> Input<'_> {
        Input { depth: self.depth, ..Input::whole(self.demuxer, self.file) }
    }
}
