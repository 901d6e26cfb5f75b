//! Sound that changes its sample rate or its channels in the middle.
//!
//! ffmpeg takes such a change by building the filter graph anew, which would
//! throw away what the graph of the whole output has counted. So the sound of
//! the cut is converted by a process of its own first.

use std::path::Path;

use super::encoder::words;
use super::{Input, Plan, file_url, sound};

/// What ffmpeg says when the sound changes and its graph may not.
const REFUSAL: &str = "Changing audio frame properties on the fly is not supported";

impl Plan {
    /// Whether ffmpeg has failed with this log because of such a sound.
    #[must_use]
    pub fn needs_evening(&self, log: &str) -> bool {
        log.contains(REFUSAL) && self.clips.iter().all(|clip| clip.evened.is_none())
    }

    /// The arguments of the ffmpeg process that writes the sound of a clip's
    /// cut to `target`; nothing where the clip has none.
    #[must_use]
    pub fn evening(&self, clip: usize, sources: &[&Path], target: &Path) -> Option<Vec<String>> {
        let planned = &self.clips[clip];
        let (stream, output) = (planned.sound()?, self.output.audio.as_ref()?);
        let (start, end) = (planned.start(), planned.start() + planned.cut.length);
        let mut arguments = words("-copyts");
        let input = Input { clip, seek: planned.seek(start), evened: false };
        arguments.extend(self.opened(&input, sources));
        arguments.extend(["-map".to_owned(), format!("0:{}", stream.index)]);
        arguments.extend(["-af".to_owned(), sound::evened(start, end, output)]);
        arguments.extend(words("-c:a pcm_f32le -f matroska"));
        arguments.push(file_url(target));
        Some(arguments)
    }
}
