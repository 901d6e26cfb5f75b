//! The one way to name an input to ffmpeg and ffprobe.
//!
//! Nothing is left to their guesses: the demuxer is forced, only files are opened, and a header can
//! ask for no more than these limits.

use std::path::Path;

use super::words::words;
use crate::flicks::Flicks;
use crate::media::{Demuxer, Media, Orientation, VideoStream};

/// Pixels of a frame at most: 8192 by 8192.
const MAX_PIXELS: u32 = 67_108_864;
/// Streams of a file at most.
const MAX_STREAMS: u32 = 256;

/// A file that ffmpeg or ffprobe reads.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The demuxer that reads it.
    pub demuxer: Demuxer,
    /// Where it is.
    pub file: &'a Path,
    /// The key frame to start reading at, on the file's own clock; `None` is the start.
    pub seek: Option<Flicks>,
    /// Bytes in which its streams are looked for; 0 is ffmpeg's own measure.
    pub depth: u64,
    /// Whether its chapters are looked for.
    pub chapters: bool,
    /// What its video needs to come out as it is meant; ffprobe has no such options.
    pub video: Option<Decoding>,
}

/// What a video needs to come out as it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoding {
    /// Stream index in the file.
    stream: u32,
    /// See [`VideoStream::decoder`].
    decoder: Option<&'static str>,
    /// See [`VideoStream::orientation`].
    orientation: Option<Orientation>,
}

impl Decoding {
    fn of(stream: &VideoStream) -> Self {
        Self { stream: stream.index, decoder: stream.decoder(), orientation: stream.orientation }
    }

    fn arguments(self) -> Vec<String> {
        let Self { stream, decoder, orientation } = self;
        let mut arguments = Vec::new();
        if let Some(decoder) = decoder {
            arguments.extend(words(&format!("-c:{stream} {decoder}")));
        }
        // Of all frames, those behind a seek as well, of which none may say it.
        if let Some(Orientation { rotation, flipped }) = orientation {
            arguments.extend(words(&format!("-display_rotation:{stream} {rotation}")));
            if flipped {
                arguments.push(format!("-display_hflip:{stream}"));
            }
        }
        arguments
    }
}

impl<'a> Input<'a> {
    /// The whole file.
    #[must_use]
    pub const fn whole(demuxer: Demuxer, file: &'a Path) -> Self {
        Self { demuxer, file, seek: None, depth: 0, chapters: false, video: None }
    }

    /// The whole file of a source.
    #[must_use]
    pub fn of(media: &Media, file: &'a Path) -> Self {
        let video = media.video.as_ref().map(Decoding::of);
        Self { depth: media.depth, video, ..Self::whole(media.demuxer, file) }
    }

    /// The arguments, `-i` and the file last.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let name = self.demuxer.name();
        let mut arguments = words(&format!(
            "-protocol_whitelist file -max_pixels {MAX_PIXELS} -max_streams {MAX_STREAMS} -f {name}"
        ));
        if self.demuxer == Demuxer::Mov && !self.chapters {
            // They may be in a track that is damaged.
            arguments.extend(words("-ignore_chapters 1"));
        }
        if self.depth > 0 {
            // By bytes alone: a stream may begin at any time.
            let bytes = self.depth;
            arguments.extend(words(&format!("-analyzeduration 86400000000 -probesize {bytes}")));
        }
        arguments.extend(self.video.into_iter().flat_map(Decoding::arguments));
        if let Some(time) = self.seek {
            // Frames before the cut are decoded and passed on: the filters choose the frame that is
            // on show when the cut begins, which may be an earlier one.
            let just_after = time + Flicks::of_units(1, 1_000_000.into());
            arguments.extend(words("-noaccurate_seek -seek_timestamp 1 -ss"));
            arguments.push(just_after.as_option());
        }
        arguments.extend(["-i".to_owned(), file_url(self.file)]);
        arguments
    }
}

/// The standard input, as a stream of this format.
pub(crate) fn piped(demuxer: Demuxer) -> Vec<String> {
    let name = demuxer.name();
    words(&format!("-protocol_whitelist pipe -f {name} -i pipe:"))
}

/// A path as ffmpeg takes it without looking for a protocol in it.
pub(crate) fn file_url(path: &Path) -> String {
    format!("file:{}", path.display())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Demuxer, Flicks, Input};

    #[test]
    fn an_input_is_bounded_and_forced() {
        let mut input = Input::whole(Demuxer::MpegTs, Path::new("/tmp/a:b.ts"));
        let limits = "-protocol_whitelist file -max_pixels 67108864 -max_streams 256 -f mpegts";
        assert_eq!(input.arguments().join(" "), format!("{limits} -i file:/tmp/a:b.ts"));
        input.depth = 1 << 20;
        let deep = "-analyzeduration 86400000000 -probesize 1048576";
        assert_eq!(input.arguments().join(" "), format!("{limits} {deep} -i file:/tmp/a:b.ts"));
        input.depth = 0;
        input.seek = Some(Flicks::from_millis(1500));
        let seek = "-noaccurate_seek -seek_timestamp 1 -ss 1.500001";
        assert_eq!(input.arguments().join(" "), format!("{limits} {seek} -i file:/tmp/a:b.ts"));
    }
}
