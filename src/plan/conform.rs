//! Audio that changes its sample rate or its channels in the middle.
//!
//! ffmpeg takes such a change by building the filter graph anew, which would
//! throw away what the graph of the whole output has counted. So the audio of
//! the cut is converted by a process of its own first.

use std::path::Path;

use super::input::{Input, file_url};
use super::words::words;
use super::{Files, Plan, audio};

/// What ffmpeg says when the audio changes and its graph may not.
const REFUSAL: &str = "Changing audio frame properties on the fly is not supported";

impl Plan {
    /// Whether ffmpeg has failed with this log because of such audio.
    #[must_use]
    pub fn needs_conforming(log: &str) -> bool {
        log.contains(REFUSAL)
    }

    /// The arguments of the ffmpeg process that writes the audio of a clip's
    /// cut to `target`; nothing where the clip has none.
    #[must_use]
    pub fn conform_arguments(
        &self,
        clip: usize,
        files: &Files<'_>,
        target: &Path,
    ) -> Option<Vec<String>> {
        let source = files.sources[self.clips[clip].source];
        let seek = files.seek(self, clip, self.clip(clip).start());
        let clip = self.clip(clip);
        let (stream, output) = (clip.audio()?, self.output.audio.as_ref()?);
        let (start, end) = (clip.start() + stream.late, clip.end() + stream.late);
        let mut arguments = words("-copyts");
        arguments.extend(Input { seek, ..Input::of(clip.media, source) }.arguments());
        arguments.extend(["-map".to_owned(), format!("0:{}", stream.index)]);
        arguments.extend(["-af".to_owned(), audio::conformed(start, end, output)]);
        arguments.extend(words("-c:a pcm_f32le -f matroska"));
        arguments.push(file_url(target));
        Some(arguments)
    }
}
