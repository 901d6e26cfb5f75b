//! Writes audio packets as a file of their own.

use super::boxes::{HEAD, boxed, children};
use super::packets::Woven;
use super::video::is_of;
use super::{Mp4Error, Packets, tables};

/// Everything before the media data of a file with only these packets, which begin at 0. `ftyp` and
/// `moov` are those of a file that contains the packets among others; `moov` without its header.
///
/// # Errors
/// When that is not a file with audio only.
pub fn alone(ftyp: &[u8], moov: &[u8], packets: &Packets) -> Result<Vec<u8>, Mp4Error> {
    let length = index(moov, packets, 0)?.len();
    let start = ftyp.len() + length + HEAD;
    let index = index(moov, packets, start as u64)?;
    let size = u32::try_from(packets.bytes() + HEAD as u64).map_err(|_| Mp4Error::Unfit(*b"mdat"));
    let head = [size?.to_be_bytes(), *b"mdat"].concat();
    Ok([ftyp, &index, &head].concat())
}

fn index(moov: &[u8], packets: &Packets, start: u64) -> Result<Vec<u8>, Mp4Error> {
    let time_scale = tables::movie_scale(moov)?;
    let count = u32::try_from(packets.sizes.len()).map_err(|_| Mp4Error::Unfit(*b"stsz"))?;
    let mut content = Vec::new();
    for inner in children(moov)? {
        content.extend(match &inner.kind {
            b"mvhd" => {
                let ticks = tables::in_movie(packets.duration(), packets.time_scale, time_scale);
                tables::with_duration(inner.kind, inner.body, (2, 1), ticks)?
            }
            b"trak" if is_of(inner.body, *b"soun")? => {
                let track = Woven::read(inner.body, &[packets])?;
                let written = track.write(time_scale, (&[count], &[start]), false)?;
                without_edits(&written)?
            }
            b"trak" => return Err(Mp4Error::Unexpected(inner.kind)),
            _ => inner.whole.to_vec(),
        });
    }
    Ok(boxed(*b"moov", &content))
}

/// Removes the edit list: it declares the encoder's delay, which belongs to packets that are not in
/// this file.
fn without_edits(trak: &[u8]) -> Result<Vec<u8>, Mp4Error> {
    let body = trak.get(HEAD..).ok_or(Mp4Error::Cut(*b"trak"))?;
    let kept = children(body)?.into_iter().filter(|child| child.kind != *b"edts");
    Ok(boxed(*b"trak", &kept.flat_map(|child| child.whole.to_vec()).collect::<Vec<u8>>()))
}
