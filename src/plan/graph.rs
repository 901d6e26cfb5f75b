//! A filter graph under construction, with the inputs that it reads.

use std::path::{Path, PathBuf};

use super::Plan;
use super::input::Input;
use super::listing::Listings;
use super::words::words;
use crate::flicks::Flicks;
use crate::media::{Demuxer, Stretch};

/// The local files that a plan is carried out on.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// Of the plan's sources.
    pub sources: &'a [&'a Path],
    /// Of each clip, its audio alone in the output's rate and channels, where
    /// the source's own changes them on the way. Empty where none does.
    pub conformed: &'a [Option<PathBuf>],
    /// Of each clip, whether it has to be read from the start of its file. Empty where none has.
    pub from_start: &'a [bool],
    /// Of each clip, where its audio belongs as its time stamps are unsteady. Empty where none are.
    pub stretches: &'a [Vec<Stretch>],
    /// Where the joining process lists what the encoders give it.
    pub listings: Listings<'a>,
}

impl<'a> Files<'a> {
    /// Sources that are taken as they are.
    #[must_use]
    pub const fn new(sources: &'a [&'a Path]) -> Self {
        Self {
            sources,
            conformed: &[],
            from_start: &[],
            stretches: &[],
            listings: Listings { video: None, audio: None },
        }
    }

    pub(super) fn conformed(&self, clip: usize) -> Option<&'a Path> {
        self.conformed.get(clip).and_then(Option::as_deref)
    }

    pub(super) fn stretches(&self, clip: usize) -> &'a [Stretch] {
        self.stretches.get(clip).map_or(&[], Vec::as_slice)
    }

    /// Where a clip's file is opened so that everything from `time` on decodes.
    #[must_use]
    pub fn seek(&self, plan: &Plan, clip: usize, time: Flicks) -> Option<Flicks> {
        let from_start = self.from_start.get(clip).is_some_and(|from_start| *from_start);
        plan.clip(clip).seek(time).filter(|_| !from_start)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    inputs: Vec<Input<'a>>,
    pub(super) chains: Vec<String>,
}

impl<'a> Graph<'a> {
    /// The index of a new input: the clip's source, everything of which decodes from `time` on.
    pub(super) fn open(
        &mut self,
        plan: &'a Plan,
        clip: usize,
        files: &Files<'a>,
        time: Flicks,
    ) -> usize {
        let seek = files.seek(plan, clip, time);
        let source = plan.clips[clip].source;
        self.add(Input { seek, ..Input::of(&plan.sources[source], files.sources[source]) })
    }

    /// The index of a new input: the clip's audio alone.
    pub(super) fn open_conformed(&mut self, file: &'a Path) -> usize {
        self.add(Input::whole(Demuxer::Matroska, file))
    }

    /// The index of a new input: audio that has been made before, by itself.
    pub(super) fn open_made(&mut self, file: &'a Path) -> usize {
        self.add(Input::whole(Demuxer::Mov, file))
    }

    fn add(&mut self, input: Input<'a>) -> usize {
        self.inputs.push(input);
        self.inputs.len() - 1
    }

    /// The arguments of the inputs. A change of size or format inside a clip must not restart the
    /// whole graph: the clip's own scaler or resampler takes it.
    pub(super) fn inputs(&self) -> Vec<String> {
        let each = self.inputs.iter().map(Input::arguments);
        each.flat_map(|input| words("-reinit_filter 0").into_iter().chain(input)).collect()
    }

    /// How many inputs there are.
    pub(super) fn count(&self) -> usize {
        self.inputs.len()
    }

    /// The graph itself, which there is none of without a chain.
    pub(super) fn filter(&self) -> Vec<String> {
        if self.chains.is_empty() {
            return Vec::new();
        }
        vec!["-filter_complex".to_owned(), self.chains.join(";")]
    }
}
