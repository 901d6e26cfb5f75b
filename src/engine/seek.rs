//! Checks whether clips can be opened at the key frames that their containers mark.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::ffmpeg::{Ffmpeg, RunError};
use crate::flicks::Flicks;
use crate::media::VideoStream;
use crate::plan::input::Input;
use crate::plan::{Chunk, Plan, Seek};

/// How much of the first packet is searched for the encoder's name.
const HEAD_BYTES: u64 = 64 * 1024;
/// The text before the version that x264 writes into its first packet.
const X264: &[u8] = b"x264 - core ";
/// Older versions deviate from the standard in B-frames, and decoders follow them.
const X264_STANDARD: u32 = 34;
/// Older versions deviate from the standard in 4:4:4.
const X264_STANDARD_444: u32 = 151;

/// For each clip, whether it has to be read from the start of its file because what its container
/// marks as a key frame is none.
///
/// # Errors
/// When ffmpeg can't be run.
pub async fn unproven(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    chunks: &[Chunk],
    sources: &[&Path],
) -> Result<Vec<bool>, RunError> {
    let mut from_start = vec![false; plan.clips.len()];
    for seek in plan.seeks(chunks) {
        if from_start[seek.clip] {
            continue;
        }
        let source = sources[plan.clips[seek.clip].source];
        let proven = match first_frame(ffmpeg, plan, &seek, source).await? {
            FirstFrame::Key => true,
            FirstFrame::KeyWithErrors => shows_the_same(ffmpeg, plan, &seek, source).await?,
            FirstFrame::Other => false,
        };
        if !proven || !decodes_alike_from_anywhere(ffmpeg, plan, &seek, source).await? {
            tracing::info!(clip = seek.clip, at = %seek.key_frame, "no key frame");
            from_start[seek.clip] = true;
        }
    }
    Ok(from_start)
}

/// Whether decoding does not depend on the first packet. Decoders imitate old versions of x264, and
/// only the first packet names the version.
async fn decodes_alike_from_anywhere(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    seek: &Seek,
    source: &Path,
) -> Result<bool, RunError> {
    let media = plan.clip(seek.clip).media;
    let Some(stream) = media.video.as_ref().filter(|stream| stream.codec == "h264") else {
        return Ok(true);
    };
    let first = Arc::new(Mutex::new(None));
    let found = Arc::clone(&first);
    let on_line = move |line: &str| {
        let place = line.trim().trim_end_matches(',').parse::<u64>().ok();
        let mut found = found.lock();
        *found = found.or(place);
    };
    let index = stream.index.to_string();
    let arguments = ["-select_streams", &index, "-read_intervals", "%+#1"];
    let shown = ["-show_entries", "packet=pos", "-of", "csv=p=0"];
    let arguments: Vec<&str> = arguments.into_iter().chain(shown).collect();
    let input = Input::of(media, source);
    match ffmpeg.inspect(input, &arguments, on_line).await {
        Ok(_) | Err(RunError::Failed { .. }) => {}
        Err(error) => return Err(error),
    }
    let place = first.lock().unwrap_or(0);
    let head = head(source, place);
    let head =
        head.map_err(|error| RunError::Start { program: source.to_owned(), source: error })?;
    Ok(x264_version(&head).is_none_or(|version| version >= standard_since(stream)))
}

/// The first version of x264 that follows the standard for such a stream.
fn standard_since(stream: &VideoStream) -> u32 {
    if stream.pixel_format.contains("444") { X264_STANDARD_444 } else { X264_STANDARD }
}

fn head(file: &Path, place: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(place))?;
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn x264_version(head: &[u8]) -> Option<u32> {
    let place = head.windows(X264.len()).position(|bytes| bytes == X264)?;
    let digits = head[place + X264.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.map(|&byte| char::from(byte)).collect::<String>().parse().ok()
}

/// The first frame that is decoded when a file is opened in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstFrame {
    /// One that the decoder, too, marks as a key frame.
    Key,
    /// A key frame, but the decoder reports errors: in an open group of pictures they may concern
    /// frames that are not needed.
    KeyWithErrors,
    /// Another frame, one after the cut, or none.
    Other,
}

async fn first_frame(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    seek: &Seek,
    source: &Path,
) -> Result<FirstFrame, RunError> {
    let listed = list(ffmpeg, plan.key_frame_arguments(seek, source)).await?;
    Ok(match &listed {
        Some((frames, log)) => match &frames[..] {
            [first, key] if first == key && first.time <= seek.shown => {
                if log.is_empty() {
                    FirstFrame::Key
                } else {
                    FirstFrame::KeyWithErrors
                }
            }
            _ => FirstFrame::Other,
        },
        None => FirstFrame::Other,
    })
}

/// Whether the visible frames are the same when decoded from the previous key frame.
async fn shows_the_same(
    ffmpeg: &Ffmpeg,
    plan: &Plan,
    seek: &Seek,
    source: &Path,
) -> Result<bool, RunError> {
    let [here, before] = plan.comparison_arguments(seek, source);
    let here = list(ffmpeg, here).await?;
    let before = list(ffmpeg, before).await?;
    Ok(match (here, before) {
        (Some((here, _)), Some((before, _))) => !here.is_empty() && here == before,
        _ => false,
    })
}

/// A decoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    time: Flicks,
    checksum: String,
}

impl Frame {
    /// Parses a line of ffmpeg's `framemd5`: stream, decoding time, time, duration, size, checksum.
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(',').map(str::trim);
        let time = fields.nth(2)?.parse().ok()?;
        Some(Self { time: Flicks::new(time), checksum: fields.nth(2)?.to_owned() })
    }
}

/// The frames that ffmpeg lists, and the log; `None` if it fails.
async fn list(
    ffmpeg: &Ffmpeg,
    arguments: Vec<String>,
) -> Result<Option<(Vec<Frame>, String)>, RunError> {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let listed = Arc::clone(&frames);
    let on_line = move |line: &str| {
        listed.lock().extend(Frame::read(line));
    };
    match ffmpeg.list(arguments, on_line).await {
        Ok(log) => {
            let frames = std::mem::take(&mut *frames.lock());
            Ok(Some((frames, log)))
        }
        Err(RunError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Flicks, Frame, x264_version};

    #[test]
    fn x264_writes_its_version() {
        assert_eq!(x264_version(b"\x06\x05\x99x264 - core 142 r2389 956c8d8 - H.264"), Some(142));
        assert_eq!(x264_version(b"x264 - core "), None);
        assert_eq!(x264_version(b"Lavc61.19.101 libx264"), None);
    }

    #[test]
    fn frames_are_read_from_their_list() {
        assert_eq!(Frame::read("#tb 0: 1/705600000"), None);
        assert_eq!(Frame::read("#dimensions 0: 320x180"), None);
        let frame = Frame::read("0, 1411200000, 1411200001, 28224000,    86400, 0xa57c4a9f");
        let frame = frame.unwrap();
        assert_eq!(frame.time, Flicks::new(1_411_200_001));
        assert_eq!(frame.checksum, "0xa57c4a9f");
    }
}
