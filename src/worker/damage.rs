//! Clips that ffmpeg can't take as they are: which they are, and whether their
//! task can go on.

use std::path::Path;

use tracing::info;

use super::sources::Sources;
use super::{TaskError, Worker};
use crate::engine::diagnose::diagnose;
use crate::engine::ffmpeg::RunError;
use crate::engine::probe::ProbeError;
use crate::engine::workspace::Workspace;
use crate::plan::Plan;

/// Refuses a clip that would be black or silent although it holds video or
/// audio.
pub(super) fn refuse_undecodable(plan: &Plan, sources: &Sources) -> Result<(), TaskError> {
    let found = (0..plan.clips.len())
        .find_map(|index| Some((plan.clips[index].clip, plan.undecodable(index)?)));
    found.map_or(Ok(()), |(clip, kind)| {
        let complaints = String::new();
        Err(unusable(sources, clip, ProbeError::Undecodable { kind, complaints }))
    })
}

fn unusable(sources: &Sources, clip: usize, source: ProbeError) -> TaskError {
    TaskError::Probe { clip, uri: sources.of(clip).uri.clone(), source }
}

impl Worker {
    /// Converts the audio of every clip by itself, since one of them changes its
    /// sample rate or its channels on the way.
    pub(super) async fn conform(
        &self,
        plan: &mut Plan,
        paths: &[&Path],
        workspace: &Workspace,
    ) -> Result<(), TaskError> {
        info!("conform");
        let ffmpeg = self.ffmpeg();
        for clip in 0..plan.clips.len() {
            let target = workspace.audio(clip);
            if let Some(arguments) = plan.conforming(clip, paths, &target) {
                // Complaints were heard of, and will be looked into.
                ffmpeg.encode(arguments, |_| ()).await?;
                plan.clips[clip].conformed = Some(target);
            }
        }
        Ok(())
    }

    /// Finds the clips that an encoding complained or died of, and returns what
    /// its owner should know of them.
    pub(super) async fn diagnose(
        &self,
        plan: &Plan,
        sources: &Sources,
        paths: &[&Path],
        outcome: Result<String, RunError>,
    ) -> Result<Vec<String>, TaskError> {
        match &outcome {
            Ok(complaints) if complaints.is_empty() => return Ok(Vec::new()),
            Ok(_) | Err(RunError::Failed { .. }) => {}
            // No clip is to blame by itself.
            Err(RunError::OutOfMemory { .. } | RunError::Start { .. }) => {
                return outcome.map(|_| Vec::new()).map_err(TaskError::from);
            }
        }
        info!(?outcome, "diagnose");
        let ffmpeg = self.ffmpeg();
        let mut warnings = Vec::new();
        for (index, planned) in plan.clips.iter().enumerate() {
            let clip = planned.clip;
            let complaints = diagnose(&ffmpeg, plan, index, paths[planned.source]).await;
            let complaints = complaints.map_err(|error| unusable(sources, clip, error))?;
            if !complaints.is_empty() {
                let uri = &sources.of(clip).uri;
                warnings.push(format!(
                    "clip {clip} (`{uri}`): it is damaged, what decodes was used: {complaints}"
                ));
            }
        }
        let complaints = outcome?;
        if warnings.is_empty() {
            warnings.push(format!("ffmpeg complained: {complaints}"));
        }
        Ok(warnings)
    }
}
