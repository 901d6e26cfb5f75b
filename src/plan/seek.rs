//! Where files are opened in their middle, and how that is checked.
//!
//! A container marks which frames are key frames, and may be wrong: decoding that begins at another
//! frame lacks references, and decoders don't always report it.

use std::path::Path;

use super::input::Input;
use super::words::words;
use super::{Chunk, Plan, signed};
use crate::flicks::Flicks;

/// How many frames at the cut are compared.
const COMPARED_FRAMES: u32 = 3;
/// How much earlier the frame that is visible at the cut may have begun.
const SHOWN_BEFORE_MS: u64 = 100;

/// A clip that a chunk opens in the middle of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seek {
    /// Index of the clip.
    pub clip: usize,
    /// The key frame at which the file is opened.
    pub key_frame: Flicks,
    /// Start of the first frame that is shown.
    pub shown: Flicks,
}

impl Plan {
    /// The clips that these chunks open in the middle.
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

    /// The arguments of the ffmpeg process that lists the first frame decoded from the key frame;
    /// it lists the frame twice if it really is a key frame.
    #[must_use]
    pub fn key_frame_arguments(&self, seek: &Seek, source: &Path) -> Vec<String> {
        let graph = "trim=end_frame=1,split[a][b];[b]select=key*eq(pict_type\\,I)[c]";
        self.listing(seek, Some(seek.key_frame), source, graph, &["[a]", "[c]"])
    }

    /// The arguments of the two ffmpeg processes that list the first visible frames, decoded from
    /// the key frame and from the one before it.
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
