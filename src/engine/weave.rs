//! Interleaves a range with its audio, for an output that is joined in storage.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use num_rational::Ratio;

use super::make::{Found, MakeError, Maker};
use super::media_data::unfit;
use super::template::Template;
use crate::mp4::{Packets, Samples, alone, weave};
use crate::plan::AudioRange;

/// Encodes the audio of a range to `target`, including its run-up. `samples` is an intermediate
/// file.
///
/// # Errors
/// See [`MakeError`].
pub async fn make_audio(
    maker: &Maker<'_>,
    range: &AudioRange,
    samples: &Path,
    target: &Path,
) -> Result<Found, MakeError> {
    let part = maker.plan.audio_part(range);
    let found = Maker { plan: &part.plan, ..maker.clone() }.make_samples(samples).await?;
    let arguments = maker.plan.audio_range_arguments(range, part.skipped, samples, target);
    maker.ffmpeg.encode(arguments.unwrap_or_default(), |_| ()).await?;
    Ok(found)
}

/// Interleaves the video samples of a range in `video` with its own packets from the encoded
/// `audio`, and writes both to `target`. Returns the audio packets.
///
/// # Errors
/// When a file has an unexpected form, or can't be read or written.
pub fn woven(
    (video, samples): (&Path, &Samples),
    (audio, range): (&Path, &AudioRange),
    rate: Ratio<i64>,
    target: &Path,
) -> io::Result<Packets> {
    let (packets, bytes) = own_packets(audio, range)?;
    let video = File::open(video)?;
    let mut bytes = &bytes[..];
    let mut file = BufWriter::new(File::create(target)?);
    for span in weave(&samples.samples, &packets, rate) {
        if span.audio {
            let (audio, rest) = usize::try_from(span.bytes)
                .ok()
                .and_then(|length| bytes.split_at_checked(length))
                .ok_or_else(|| unfit("there are packets without data"))?;
            file.write_all(audio)?;
            bytes = rest;
        } else if io::copy(&mut (&video).take(span.bytes), &mut file)? < span.bytes {
            return Err(unfit("there are frames without data"));
        }
    }
    file.flush()?;
    Ok(packets)
}

/// Writes a range's own packets from the encoded `audio` to `target`, as a file that begins with
/// them.
///
/// # Errors
/// When the file has an unexpected form, or can't be read or written.
pub fn own_audio(audio: &Path, range: &AudioRange, target: &Path) -> io::Result<()> {
    let (packets, bytes) = own_packets(audio, range)?;
    let encoded = Template::open(audio)?;
    let head = alone(&encoded.ftyp, &encoded.moov, &packets).map_err(unfit)?;
    std::fs::write(target, [head, bytes].concat())
}

/// The packets of a range, without the run-up and what follows the range's end, and their data.
fn own_packets(audio: &Path, range: &AudioRange) -> io::Result<(Packets, Vec<u8>)> {
    let encoded = Template::open(audio)?;
    let (packets, extents) = Packets::read(&encoded.moov).map_err(unfit)?;
    let run_up = usize::try_from(range.run_up).map_err(unfit)?;
    let mut own = packets.part(run_up, range.count());
    if let Some(samples) = range.lasting {
        own = own.lasting(samples);
    }
    if range.end.is_some() && own.sizes.len() != range.count() {
        return Err(unfit("the encoder gave too few packets"));
    }
    let mut all = Vec::new();
    for extent in extents {
        encoded.read(extent, &mut all)?;
    }
    let before = usize::try_from(packets.part(0, run_up).bytes()).map_err(unfit)?;
    let length = usize::try_from(own.bytes()).map_err(unfit)?;
    let data = all.get(before..).and_then(|data| data.get(..length));
    let data = data.ok_or_else(|| unfit("the audio is cut off"))?;
    Ok((own, data.to_vec()))
}
