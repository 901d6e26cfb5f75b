//! Reads a file with cues: of its streams, only the packets of a few times.

use std::fmt::Write;

use super::{PACKET_FIELDS, ProbeError, Reader, Scanned};
use crate::flicks::Flicks;
use crate::media::Places;
use crate::media::elements::Cues;
use crate::media::report::{Chosen, Report, Samples, Scan};

/// Interval at the beginning of a file: a second and a half.
const HEAD_PACKETS: &str = "%+1.5";
/// Interval in the middle: half a second.
const SAMPLE_PACKETS: &str = "+0.5";
/// Least distance between two of these times.
const SAMPLES_APART_MS: u64 = 5000;
/// Least length at the end of a file that is read.
const TAIL_MS: u64 = 1000;

impl Reader<'_> {
    /// What the cues and the packets of a few times say about the streams. `None` if the other
    /// packets have to be read as well.
    pub(in super::super) async fn cued(
        &self,
        report: &Report,
        cues: &Cues,
        any_timing: bool,
    ) -> Result<Option<(Chosen, Places)>, ProbeError> {
        let Some(times) = sample_times(cues, report.duration()) else { return Ok(None) };
        let (videos, audios) = (report.videos(), report.audios(None));
        let undecodable =
            ["video", "audio"].iter().any(|kind| !report.undecodable(kind).is_empty());
        let ([video], false) = (&videos[..], undecodable) else { return Ok(None) };
        if let [first, _, ..] = audios[..]
            && !self.decodes(first).await?
        {
            return Ok(None);
        }
        let samples = Samples { cues, times: &times, any_timing };
        let (video, audio) = tokio::try_join!(
            self.sampled(report, Some(*video), samples),
            self.sampled(report, audios.first().copied(), samples)
        )?;
        let (Some(video), Some(audio)) = (video, audio) else { return Ok(None) };
        let chosen = Chosen { video, audio, ..Chosen::default() };
        Ok(Some((chosen, Places::of_clusters(cues))))
    }

    /// The same for one stream, if there is one.
    async fn sampled(
        &self,
        report: &Report,
        index: Option<u32>,
        samples: Samples<'_>,
    ) -> Result<Option<Option<Scan>>, ProbeError> {
        let Some(index) = index else { return Ok(Some(None)) };
        let scan = Scan::new(self.demuxer, report, index).filter(Scan::is_cued);
        let Some(scan) = scan else { return Ok(None) };
        let Scanned { scan, complaints } =
            Box::pin(self.packets_at(scan.sampled(), samples.times)).await?;
        let complete = |scan: &mut Scan| !scan.is_empty() && scan.complete(samples);
        let scan = scan.and_then(|mut scan| complete(&mut scan).then_some(scan));
        Ok(scan.filter(|_| complaints.is_empty()).map(Some))
    }

    /// Reads the first packets of a stream, and those at these times. No stream is selected: if
    /// only the audio is, ffprobe seeks by the audio, for which there are no cues, and reads
    /// everything on the way.
    async fn packets_at(&self, scan: Scan, times: &[Flicks]) -> Result<Scanned, ProbeError> {
        let own = format!("{},", scan.index());
        let intervals = read_intervals(times);
        let arguments = ["-read_intervals", &intervals, "-show_entries", PACKET_FIELDS];
        self.packet_lines(scan, &arguments, move |line| line.starts_with(&own)).await
    }
}

/// The key frames at which packets are read, the last of them near the end; `None` if the file is
/// too short.
fn sample_times(Cues { cues, .. }: &Cues, duration: Option<Flicks>) -> Option<Vec<Flicks>> {
    let (first, last) = (cues.first()?.time, cues.last()?.time);
    let end = duration.map_or(last, |duration| last.max(duration));
    let in_tail = |time: Flicks| time + Flicks::from_millis(TAIL_MS) > end;
    let tail = cues.iter().rfind(|cue| !in_tail(cue.time))?.time;
    let apart = Flicks::from_millis(SAMPLES_APART_MS);
    if tail < first + apart {
        return None;
    }
    let quarters = (1..4).map(|quarter| cues[cues.len() * quarter / 4].time);
    let mut times: Vec<Flicks> = Vec::new();
    for time in quarters {
        let before = times.last().copied().unwrap_or(first);
        if time >= before + apart && time + apart <= tail {
            times.push(time);
        }
    }
    times.push(tail);
    Some(times)
}

/// The first packets, some after each of these times, and all after the last of them.
fn read_intervals(times: &[Flicks]) -> String {
    let mut intervals = HEAD_PACKETS.to_owned();
    for (index, time) in times.iter().enumerate() {
        let is_last = index + 1 == times.len();
        let until = if is_last { "" } else { SAMPLE_PACKETS };
        let micros = time.to_micros();
        let _ = write!(intervals, ",{}.{:06}%{until}", micros / 1_000_000, micros % 1_000_000);
    }
    intervals
}
