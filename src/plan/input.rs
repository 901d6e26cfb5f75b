//! The only code that names an input to ffmpeg and ffprobe.
//!
//! They guess nothing: the demuxer is forced, only files are opened, and these limits bound what a
//! header can ask for.

use std::path::Path;

use super::words::words;
use crate::flicks::Flicks;
use crate::media::{Demuxer, Media, Orientation, VideoStream};

/// Most pixels of a frame: 8192 by 8192.
const MAX_PIXELS: u32 = 67_108_864;
/// Most streams of a file.
const MAX_STREAMS: u32 = 256;

/// A file that ffmpeg or ffprobe reads.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The demuxer to use.
    pub demuxer: Demuxer,
    /// Where it is.
    pub file: &'a Path,
    /// The key frame to start at, on the file's own clock; `None` is the start.
    pub seek: Option<Flicks>,
    /// How many bytes ffmpeg reads to find the streams; 0 means its default.
    pub depth: u64,
    /// Whether chapters are read.
    pub chapters: bool,
    /// Options for decoding the video; ffprobe has none of them.
    pub video: Option<Decoding>,
}

/// Options that make a video decode as intended.
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
        // Applied to all frames, since after a seek the frame that declares the rotation may be
        // missing.
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

    /// The arguments, ending with `-i` and the file.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let name = self.demuxer.name();
        let mut arguments = words(&format!(
            "-protocol_whitelist file -max_pixels {MAX_PIXELS} -max_streams {MAX_STREAMS} -f {name}"
        ));
        if self.demuxer == Demuxer::Mov && !self.chapters {
            // The chapters may be in a damaged track.
            arguments.extend(words("-ignore_chapters 1"));
        }
        if self.depth > 0 {
            // Limited by bytes only: a stream may begin at any time.
            let bytes = self.depth;
            arguments.extend(words(&format!("-analyzeduration 86400000000 -probesize {bytes}")));
        }
        arguments.extend(self.video.into_iter().flat_map(Decoding::arguments));
        if let Some(time) = self.seek {
            // Frames before the cut are passed on as well: the filters choose the frame that is
            // visible when the cut begins, which may have started earlier.
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

/// A path in a form in which ffmpeg looks for no protocol.
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
