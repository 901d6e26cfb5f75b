//! Audio that changes its sample rate or its channels in the middle.
//!
//! ffmpeg handles such a change by rebuilding the filter graph, which would lose what the graph of
//! the whole output has counted. So a process of its own converts the audio of the cut first.

use std::path::Path;

use super::input::{Input, file_url};
use super::words::words;
use super::{Files, Plan, audio};

/// ffmpeg's error when the audio changes but the graph must not be rebuilt.
const REFUSAL: &str = "Changing audio frame properties on the fly is not supported";

impl Plan {
    /// Whether this log shows that ffmpeg failed because of such audio.
    #[must_use]
    pub fn needs_conforming(log: &str) -> bool {
        log.contains(REFUSAL)
    }

    /// The arguments of the ffmpeg process that writes the audio of a clip's cut to `target`;
    /// `None` if the clip has no audio.
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
