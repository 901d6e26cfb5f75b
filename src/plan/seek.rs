//! Where files are opened in their middle, and how that is put to the proof.
//!
//! A container says which frames are key frames, and may be wrong: what is
//! decoded from another frame on lacks its references, and decoders don't
//! always report it.

use std::path::Path;

use super::input::Input;
use super::words::words;
use super::{Chunk, Plan, signed};
use crate::flicks::Flicks;

/// Frames at the cut that have to be the same from both key frames.
const COMPARED_FRAMES: u32 = 3;
/// The frame that is on show when the cut begins may have begun so much earlier.
const SHOWN_BEFORE_MS: u64 = 100;

/// A clip that a chunk opens in the middle of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seek {
    /// Index of the clip.
    pub clip: usize,
    /// The key frame that it is opened at.
    pub key_frame: Flicks,
    /// When the first frame that is shown begins.
    pub shown: Flicks,
}

impl Plan {
    /// The clips that these chunks open in the middle of their files.
    #[must_use]
    pub fn seeks(&self, chunks: &[Chunk]) -> Vec<Seek> {
        let encoded = chunks.iter().filter(|chunk| self.run(chunk).is_none());
        let shares = encoded.flat_map(|chunk| self.shares(&chunk.frames));
        let seek = |share: super::Share| {
            let clip = self.clip(share.clip);
            clip.media.video.as_ref()?;
            let rate = self.timeline.frame_rate;
            let shown = clip.start() + Flicks::of_units(signed(share.frames.start), rate);
            Some(Seek { clip: share.clip, key_frame: clip.seek(shown)?, shown })
        };
        shares.filter_map(seek).collect()
    }

    /// The arguments of the ffmpeg process that lists the first frame from the
    /// key frame on, twice where it really is one.
    #[must_use]
    pub fn key_frame_arguments(&self, seek: &Seek, source: &Path) -> Vec<String> {
        let graph = "trim=end_frame=1,split[a][b];[b]select=key*eq(pict_type\\,I)[c]";
        self.listing(seek, Some(seek.key_frame), source, graph, &["[a]", "[c]"])
    }

    /// The arguments of the ffmpeg processes that list the first frames on show,
    /// decoded from the key frame and from the one before it.
    #[must_use]
    pub fn comparison_arguments(&self, seek: &Seek, source: &Path) -> [Vec<String>; 2] {
        let from = seek.shown - Flicks::from_millis(SHOWN_BEFORE_MS);
        let graph = format!("trim=start={},trim=end_frame={COMPARED_FRAMES}[a]", from.as_option());
        let just_before = seek.key_frame - Flicks::from_millis(1);
        let before = self.clip(seek.clip).key_frame_before(just_before);
        [Some(seek.key_frame), before].map(|key| self.listing(seek, key, source, &graph, &["[a]"]))
    }

    fn listing(
        &self,
        seek: &Seek,
        key_frame: Option<Flicks>,
        source: &Path,
        graph: &str,
        outputs: &[&str],
    ) -> Vec<String> {
        let media = self.clip(seek.clip).media;
        let index = media.video.as_ref().map_or(0, |stream| stream.index);
        let input = Input { seek: key_frame, ..Input::of(media, source) };
        let mut arguments = words("-copyts");
        arguments.extend(input.arguments());
        arguments.push("-filter_complex".to_owned());
        arguments.push(format!("[0:{index}]settb=1/{},{graph}", Flicks::PER_SECOND));
        for &output in outputs {
            arguments.extend(["-map".to_owned(), output.to_owned()]);
        }
        let listing = "-c:v rawvideo -fps_mode passthrough -enc_time_base filter -f framemd5 pipe:";
        arguments.extend(words(listing));
        arguments
    }
}
