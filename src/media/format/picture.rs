//! Recognises pictures, which can't be sources.

use super::{FormatError, bytes_at};

/// Magic bytes of pictures outside the MP4 family, whether they are animated, and their names.
const MAGIC: [(&[u8], bool, &str); 10] = [
    (b"\xff\xd8\xff", false, "JPEG"),
    (b"GIF8", true, "GIF"),
    (b"II*\0", false, "TIFF"),
    (b"MM\0*", false, "TIFF"),
    (b"II\xbc\x01", false, "JPEG XR"),
    (b"\xff\x0a", false, "JPEG XL"),
    (b"\xff\x4f\xff\x51", false, "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", false, "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", false, "JPEG 2000"),
    (b"8BPS", false, "Photoshop"),
];
/// A picture in a container of the MP4 family, whatever its codec.
const HEIF: (&[u8], bool, &str) = (b"mif1", false, "HEIF");
/// Brands of pictures (ISO/IEC 23008-12 and AV1 Image File Format), whether they are animated, and
/// their names.
const PICTURES: [(&[u8], bool, &str); 13] = [
    (b"avif", false, "AVIF"),
    (b"avis", true, "AVIF"),
    (b"heic", false, "HEIC"),
    (b"heix", false, "HEIC"),
    (b"heim", false, "HEIC"),
    (b"heis", false, "HEIC"),
    (b"hevc", true, "HEIC"),
    (b"hevx", true, "HEIC"),
    (b"hevm", true, "HEIC"),
    (b"hevs", true, "HEIC"),
    HEIF,
    (b"mif2", false, "HEIF"),
    (b"msf1", true, "HEIF"),
];
/// Brands of pictures in the same container with other codecs.
const OTHER_PICTURES: [(&[u8], &str); 6] = [
    (b"jpeg", "JPEG in HEIF"),
    (b"j2ki", "JPEG 2000 in HEIF"),
    (b"avci", "AVC in HEIF"),
    (b"crx ", "Canon CR3"),
    (b"jxl ", "JPEG XL"),
    (b"jp2 ", "JPEG 2000"),
];

/// The error for a picture; `None` for anything else.
pub(super) fn of(head: &[u8]) -> Option<FormatError> {
    let refused = |animated, name| {
        if animated { FormatError::Animated(name) } else { FormatError::Still(name) }
    };
    let holds = |word: &[u8]| head.windows(4).any(|four| four == word);
    if bytes_at(head, 0, b"\x89PNG\r\n\x1a\n") {
        return Some(refused(holds(b"acTL"), "PNG"));
    }
    if bytes_at(head, 0, b"RIFF") && bytes_at(head, 8, b"WEBP") {
        return Some(refused(holds(b"ANIM"), "WebP"));
    }
    // The file header has the same form in all bitmaps; the length of the second header tells the
    // variant.
    let is_bitmap =
        |length: u8| bytes_at(head, 6, &[0; 4]) && bytes_at(head, 14, &[length, 0, 0, 0]);
    if bytes_at(head, 0, b"BM") && [12, 40, 56, 108, 124].into_iter().any(is_bitmap) {
        return Some(refused(false, "BMP"));
    }
    let magic = MAGIC.iter().find(|row| head.starts_with(row.0));
    magic.map(|&(_, animated, name)| refused(animated, name)).or_else(|| of_brand(head))
}

/// A picture in a container of the MP4 family, by its major brand. If that names only the
/// container's structure (`mif1`, `msf1`), the first compatible brand of a codec is more precise.
fn of_brand(head: &[u8]) -> Option<FormatError> {
    if !bytes_at(head, 4, b"ftyp") {
        return None;
    }
    let size = head.get(0..4)?.iter().fold(0, |size, &byte| size << 8 | usize::from(byte));
    let brand = head.get(8..12)?;
    if let Some(&(_, name)) = OTHER_PICTURES.iter().find(|row| row.0 == brand) {
        return Some(FormatError::Still(name));
    }
    let known = |brand: &[u8]| PICTURES.iter().find(|row| row.0 == brand);
    let structure = || has_picture_items(head.get(size..)?).then_some(&HEIF);
    let &(_, animated, mut name) = known(brand).or_else(structure)?;
    let compatible = head.get(16..size.min(head.len())).unwrap_or_default().chunks_exact(4);
    if name == "HEIF" {
        let codec = compatible.filter_map(known).find(|row| row.2 != "HEIF");
        name = codec.map_or(name, |row| row.2);
    }
    Some(if animated { FormatError::Animated(name) } else { FormatError::Still(name) })
}

/// Whether the file begins with picture items, before any movie.
fn has_picture_items(boxes: &[u8]) -> bool {
    // The `meta` box with its version, then the `hdlr` box with its version, a word of zeros, and
    // the handler's type.
    bytes_at(boxes, 4, b"meta")
        && bytes_at(boxes, 16, b"hdlr")
        && bytes_at(boxes, 28, b"pict")
        && !boxes.windows(4).any(|four| four == b"moov")
}

#[cfg(test)]
mod tests {
    use super::super::{Demuxer, FormatError, Recognised, recognise};

    #[test]
    fn pictures_are_refused_by_their_first_bytes() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe0\0\x10JFIF"[..], FormatError::Still("JPEG")),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FormatError::Still("PNG")),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR....acTL", FormatError::Animated("PNG")),
            (b"GIF89a", FormatError::Animated("GIF")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", FormatError::Still("WebP")),
            (b"RIFF\x10\0\0\0WEBPVP8XANIM", FormatError::Animated("WebP")),
            (b"BM\x36\x84\x03\0\0\0\0\0\x36\0\0\0\x28\0\0\0", FormatError::Still("BMP")),
            (b"<?xml version=\"1.0\"?><svg/>", FormatError::Still("SVG")),
            (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", FormatError::Still("JPEG 2000")),
            (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", FormatError::Still("JPEG XL")),
            (b"<svg width=\"10\"/>", FormatError::Still("SVG")),
        ] {
            assert_eq!(recognise(head), Err(expected));
        }
        assert_eq!(recognise(b"BM is a text"), Err(FormatError::Text));
    }

    #[test]
    fn picture_items_without_a_movie_are_refused() {
        let items = b"\0\0\0\x2cmeta\0\0\0\0\0\0\0\x20hdlr\0\0\0\0\0\0\0\0pict\0\0\0\0";
        let file = |rest: &[u8]| [b"\0\0\0\x14ftypmp42\0\0\0\0heic", &items[..], rest].concat();
        assert_eq!(recognise(&file(b"\0\0\0\x08mdat")), Err(FormatError::Still("HEIC")));
        assert_eq!(recognise(&file(b"\0\0\0\x08moov")), Ok(Recognised::As(Demuxer::Mov)));
    }

    #[test]
    fn pictures_are_refused_by_brand() {
        let ftyp = |major: &[u8; 4], others: &[u8]| {
            let size = u8::try_from(16 + others.len()).unwrap();
            [&[0, 0, 0, size], &b"ftyp"[..], major, &[0; 4], others].concat()
        };
        for (bytes, expected) in [
            (ftyp(b"heic", b"mif1heic"), FormatError::Still("HEIC")),
            (ftyp(b"mif1", b"mif1heic"), FormatError::Still("HEIC")),
            (ftyp(b"mif1", b"mif1avifmiaf"), FormatError::Still("AVIF")),
            (ftyp(b"mif1", b""), FormatError::Still("HEIF")),
            (ftyp(b"avif", b"avifmif1"), FormatError::Still("AVIF")),
            (ftyp(b"avis", b"avifmsf1"), FormatError::Animated("AVIF")),
            (ftyp(b"msf1", b"hevciso8"), FormatError::Animated("HEIC")),
        ] {
            assert_eq!(recognise(&bytes), Err(expected));
        }
        for (major, others) in [(b"isom", &b"heic"[..]), (b"qt  ", b"mif1"), (b"mp42", b"avif")] {
            assert_eq!(recognise(&ftyp(major, others)), Ok(Recognised::As(Demuxer::Mov)));
        }
    }
}
