//! Finds the groups of pictures of the sources that can be copied.

use std::path::Path;

use super::ffmpeg::{Ffmpeg, RunError};
use super::header::header_of;
use super::packets::{list, read};
use super::workspace::Workspace;
use crate::flicks::Flicks;
use crate::plan::copy::{
    Analysis, Draft, Listed, MostRate, NotCopied, Run, Sets, analyse, permission,
};
use crate::plan::{Chunk, Copying, Files, PacketList, Plan, digest, signed};
use crate::policy::CopyPolicy;
use crate::process::Request;

/// Finds what can be copied, and records it in the plan.
///
/// # Errors
/// When a process can't be run.
pub async fn find(
    ffmpeg: &Ffmpeg,
    plan: &mut Plan,
    request: &Request,
    policy: CopyPolicy,
    sources: &[&Path],
    workspace: &Workspace,
) -> Result<(), RunError> {
    plan.copying = Copying::default();
    let mut found = Vec::new();
    let most = permission(request, policy);
    for clip in 0..plan.clips.len() {
        let may = most.clone().and_then(|most| plan.copyable(clip, most).map(|()| most));
        found.push(match may {
            Err(refusal) => Found { refusal: Some(refusal), ..Found::default() },
            Ok(most) => look(ffmpeg, plan, clip, most, sources, workspace).await?,
        });
    }
    keep_one_kind_of_sets(&mut found);
    let files = Files::new(sources);
    for found in &mut found {
        let mut whole = Vec::new();
        for run in std::mem::take(&mut found.runs) {
            match damage(ffmpeg, plan, &run.0, &files).await? {
                None => whole.push(run),
                Some(log) => found.refusal = Some(NotCopied::Damaged(log)),
            }
        }
        found.runs = whole;
    }
    let early = plan.frames_early();
    let runs = || found.iter().flat_map(|found| &found.runs);
    plan.copying = Copying {
        delay: runs().map(|run| run.1).fold(early, Ord::max),
        own_sets: 0,
        runs: runs().map(|run| run.0.clone()).collect(),
        refusals: found.iter().map(|found| found.refusal.clone()).collect(),
    };
    number_own_sets(ffmpeg, plan, &files).await
}

/// The result for one clip: its runs, each with its reordering delay, and the hash of their
/// parameter sets.
#[derive(Default)]
struct Found {
    runs: Vec<(Run, i64)>,
    sets: u64,
    refusal: Option<NotCopied>,
}

/// Reads and analyses the packets of a clip.
async fn look(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    clip: usize,
    most: MostRate,
    sources: &[&Path],
    workspace: &Workspace,
) -> Result<Found, RunError> {
    let source = sources[plan.clips[clip].source];
    let (starts, sets) = (workspace.listing("starts"), workspace.listing("sets"));
    let arguments = plan.source_listing_arguments(clip, source, &starts, &sets);
    let all = match list(ffmpeg, arguments).await {
        Ok((all, log)) if log.is_empty() => all,
        Ok((_, log)) | Err(RunError::Failed { log, .. }) => {
            return Ok(Found { refusal: Some(NotCopied::Damaged(log)), ..Found::default() });
        }
        Err(error) => return Err(error),
    };
    let read = |path| {
        read(path).map_err(|source| RunError::Stream { program: "ffmpeg".to_owned(), source })
    };
    let (starts, sets) = (read(&starts)?, read(&sets)?);
    let listed = Listed { all: &all, starts: &starts, sets: &sets };
    let Analysis { runs, sets, refusal } = analyse(plan, clip, listed, most);
    let runs = runs.into_iter().map(|draft| run(plan, clip, &all, draft)).collect();
    Ok(Found { runs, sets, refusal })
}

fn run(plan: &Plan, clip: usize, list: &PacketList, draft: Draft) -> (Run, i64) {
    let first = signed(plan.timeline.places[clip].first_frame);
    let output = |frame: i64| (first + frame).unsigned_abs();
    let half = Flicks::new(Flicks::of_units(1, plan.timeline.frame_rate).count() / 2);
    let shown = list.packets[draft.packets.start].shown;
    let length = Flicks::of_units(draft.frames.end - draft.frames.start, plan.timeline.frame_rate);
    let run = Run {
        clip,
        frames: output(draft.frames.start)..output(draft.frames.end),
        start: list.packets[draft.packets.start].decoded - half,
        shown,
        end: shown + length,
        digest: digest(list.packets[draft.packets].iter().map(|packet| packet.hash)),
    };
    (run, draft.delay)
}

/// Keeps only the clips whose parameter sets agree with those of most frames: one header has to
/// hold all sets, and different sets of several clips may have the same number.
fn keep_one_kind_of_sets(found: &mut [Found]) {
    let frames = |found: &Found| -> u64 {
        found.runs.iter().map(|(run, _)| run.frames.end - run.frames.start).sum()
    };
    let of = |sets| found.iter().filter(|f| f.sets == sets).map(frames).sum::<u64>();
    let copied = |found: &Found| !found.runs.is_empty();
    let best = found.iter().filter(|f| copied(f)).map(|f| f.sets).max_by_key(|&sets| of(sets));
    let Some(best) = best else { return };
    let kept =
        found.iter().position(|f| copied(f) && f.sets == best).expect("`best` is taken from these");
    for other in found.iter_mut().filter(|f| copied(f) && f.sets != best) {
        other.runs.clear();
        other.refusal = Some(NotCopied::OtherSets(kept));
    }
}

/// The errors that a decoder reports in a run, if any.
async fn damage(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    run: &Run,
    files: &Files<'_>,
) -> Result<Option<String>, RunError> {
    match ffmpeg.encode(plan.run_check_arguments(run, files), |_| ()).await {
        Ok(log) if log.is_empty() => Ok(None),
        Ok(log) | Err(RunError::Failed { log, .. }) => Ok(Some(log)),
        Err(error) => Err(error),
    }
}

/// Chooses the number of our own parameter sets. If there is none, nothing is copied.
async fn number_own_sets(
    ffmpeg: &Ffmpeg,
    plan: &mut Plan,
    files: &Files<'_>,
) -> Result<(), RunError> {
    let Some(run) = plan.copying.runs.first() else { return Ok(()) };
    let chunk = Chunk { frames: run.frames.clone() };
    let header = match header_of(ffmpeg, plan.first_packet_arguments(&chunk, files)).await {
        Ok(header) => Some(header),
        Err(RunError::Failed { .. } | RunError::Stream { .. }) => None,
        Err(error) => return Err(error),
    };
    let number = |sets: Sets| {
        if plan.has_sets_in_band() { sets.first_number() } else { sets.free_number() }
    };
    match header.and_then(|header| Sets::of(&header)).and_then(number) {
        Some(number) => plan.copying.own_sets = number,
        None => {
            for run in std::mem::take(&mut plan.copying.runs) {
                plan.copying.refusals[run.clip] = Some(NotCopied::SetsChange);
            }
        }
    }
    Ok(())
}
