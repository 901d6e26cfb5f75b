//! Audio that changes its sample rate or its channels in the middle.
//!
//! ffmpeg takes such a change by building the filter graph anew, which would
//! throw away what the graph of the whole output has counted. So the audio of
//! the cut is converted by a process of its own first.

use std::path::Path;

use super::input::file_url;
use super::words::words;
use super::{Opened, Plan, audio};

/// What ffmpeg says when the audio changes and its graph may not.
const REFUSAL: &str = "Changing audio frame properties on the fly is not supported";

impl Plan {
    /// Whether ffmpeg has failed with this log because of such audio.
    #[must_use]
    pub fn needs_conforming(&self, log: &str) -> bool {
        log.contains(REFUSAL) && self.clips.iter().all(|clip| clip.conformed.is_none())
    }

    /// The arguments of the ffmpeg process that writes the audio of a clip's
    /// cut to `target`; nothing where the clip has none.
    #[must_use]
    pub fn conforming(&self, clip: usize, sources: &[&Path], target: &Path) -> Option<Vec<String>> {
        let planned = &self.clips[clip];
        let (stream, output) = (planned.audio()?, self.output.audio.as_ref()?);
        let (start, end) = (planned.start(), planned.start() + planned.range.length);
        let mut arguments = words("-copyts");
        let input = Opened { clip, seek: planned.seek(start), conformed: false };
        arguments.extend(self.opened(&input, sources).arguments());
        arguments.extend(["-map".to_owned(), format!("0:{}", stream.index)]);
        arguments.extend(["-af".to_owned(), audio::conformed(start, end, output)]);
        arguments.extend(words("-c:a pcm_f32le -f matroska"));
        arguments.push(file_url(target));
        Some(arguments)
    }
}
