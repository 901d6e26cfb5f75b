//! A filter graph under construction, with the inputs that it reads.

use std::path::{Path, PathBuf};

use super::Plan;
use super::input::Input;
use super::listing::Listings;
use super::words::words;
use crate::flicks::Flicks;
use crate::media::{Demuxer, Stretch};

/// The local files for a plan's sources and intermediate results.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The files of the plan's sources.
    pub sources: &'a [&'a Path],
    /// For each clip, a file with its audio converted to the output's rate and channels, if the
    /// source's audio changes them in the middle. Empty if no clip needs one.
    pub conformed: &'a [Option<PathBuf>],
    /// For each clip, whether it has to be read from the start of its file. Empty if none has to.
    pub from_start: &'a [bool],
    /// For each clip, where its audio belongs, if its timestamps are unsteady. Empty if none are.
    pub stretches: &'a [Vec<Stretch>],
    /// Where the joining process lists what the encoders produce.
    pub listings: Listings<'a>,
}

impl<'a> Files<'a> {
    /// Only the sources, without intermediate files.
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

    /// The key frame to open a clip's file at so that everything from `time` on decodes.
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
    /// Adds the clip's source as an input, opened so that everything from `time` on decodes.
    /// Returns the input's index.
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

    /// Adds a clip's converted audio as an input. Returns its index.
    pub(super) fn open_conformed(&mut self, file: &'a Path) -> usize {
        self.add(Input::whole(Demuxer::Matroska, file))
    }

    /// Adds a file that an earlier process made (MOV) as an input. Returns its index.
    pub(super) fn open_made(&mut self, file: &'a Path) -> usize {
        self.add(Input::whole(Demuxer::Mov, file))
    }

    fn add(&mut self, input: Input<'a>) -> usize {
        self.inputs.push(input);
        self.inputs.len() - 1
    }

    /// The arguments of the inputs. If the size or format changes inside a clip, the graph must not
    /// be rebuilt: the clip's own scaler or resampler handles the change.
    pub(super) fn inputs(&self) -> Vec<String> {
        let each = self.inputs.iter().map(Input::arguments);
        each.flat_map(|input| words("-reinit_filter 0").into_iter().chain(input)).collect()
    }

    /// The number of inputs.
    pub(super) fn count(&self) -> usize {
        self.inputs.len()
    }

    /// The argument for the graph; none if it has no chain.
    pub(super) fn filter(&self) -> Vec<String> {
        if self.chains.is_empty() {
            return Vec::new();
        }
        vec!["-filter_complex".to_owned(), self.chains.join(";")]
    }
}
