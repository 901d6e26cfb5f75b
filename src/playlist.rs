//! Rewrites the names in playlists to those of the stored segments.
//!
//! The muxer names segments after a file of the work folder. They are stored under names derived
//! from the target, so every mention has to change.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use crate::codec::Container;
use crate::flicks::Flicks;
use crate::process::request::SegmentFormat;

mod join;
mod names;

pub use join::join;
pub use names::SegmentNames;

/// The characters that need no escape in a path segment, RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The playlist in which every file name that starts with `local` has its stored name instead, as a
/// URI relative to the playlist.
#[must_use]
pub fn rename(playlist: &str, format: SegmentFormat, local: &str, names: &SegmentNames) -> String {
    match format {
        SegmentFormat::Hls => rename_hls(playlist, local, names),
        SegmentFormat::Dash => rename_dash(playlist, local, names),
    }
}

/// The start of segments' keys: the playlist's key without its extension.
#[must_use]
pub fn stem(key: &str) -> &str {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    key[name..].rfind('.').filter(|&dot| dot > 0).map_or(key, |dot| &key[..name + dot])
}

/// The media type of a segment, from its name.
#[must_use]
pub fn segment_content_type(key: &str) -> &'static str {
    match key.rsplit_once('.').map(|(_, extension)| extension) {
        Some("ts") => Container::Ts.content_type(),
        Some("m4s") => "video/iso.segment",
        _ => Container::Mp4.content_type(),
    }
}

/// RFC 8216: a line that is not a tag is a URI; `EXT-X-MAP` contains another one.
fn rename_hls(playlist: &str, local: &str, names: &SegmentNames) -> String {
    let mut renamed = String::with_capacity(playlist.len());
    for line in playlist.lines() {
        let map = line.strip_prefix("#EXT-X-MAP:URI=\"").and_then(|uri| uri.split_once('"'));
        let map = map.and_then(|(uri, rest)| Some((uri.strip_prefix(local)?, rest)));
        let _ = match (map, line.strip_prefix(local)) {
            (Some((suffix, rest)), _) => {
                writeln!(renamed, "#EXT-X-MAP:URI=\"{}\"{rest}", names.uri(suffix))
            }
            (None, Some(suffix)) => writeln!(renamed, "{}", names.uri(suffix)),
            (None, None) => writeln!(renamed, "{line}"),
        };
    }
    renamed
}

/// ISO/IEC 23009-1: the names are attributes of `SegmentTemplate`.
fn rename_dash(playlist: &str, local: &str, names: &SegmentNames) -> String {
    [("initialization", false), ("media", true)].iter().fold(
        playlist.to_owned(),
        |text, &(attribute, is_numbered)| {
            let stored = format!("{attribute}=\"{}", names.template(is_numbered));
            text.replace(&format!("{attribute}=\"{local}-"), &stored)
        },
    )
}

/// The manifest with the presentation's exact length. The muxer rounds it down to tenths of a
/// second, so that players would omit the last frames.
#[must_use]
pub fn with_length(manifest: &str, length: Flicks) -> String {
    const ATTRIBUTE: &str = "mediaPresentationDuration=\"";
    let told = manifest
        .split_once(ATTRIBUTE)
        .and_then(|(before, rest)| Some((before, rest.split_once('"')?.1)));
    told.map_or_else(
        || manifest.to_owned(),
        |(before, after)| format!("{before}{ATTRIBUTE}PT{}S\"{after}", length.as_option()),
    )
}

#[cfg(test)]
mod tests {
    use super::{Flicks, SegmentFormat, SegmentNames, rename, stem, with_length};

    #[test]
    fn manifests_tell_the_whole_length() {
        let manifest = r#"<MPD mediaPresentationDuration="PT1M5.5S" maxSegmentDuration="PT2.0S">"#;
        assert_eq!(
            with_length(manifest, Flicks::from_millis(65_520)),
            r#"<MPD mediaPresentationDuration="PT65.520000S" maxSegmentDuration="PT2.0S">"#
        );
        assert_eq!(with_length("<MPD>", Flicks::from_millis(1)), "<MPD>");
    }

    fn named(key: &str, places: &[usize]) -> SegmentNames {
        SegmentNames::new(key, places, None)
    }

    #[test]
    fn hls_segments_and_map_follow_the_target() {
        let playlist =
            "#EXTM3U\n#EXT-X-MAP:URI=\"output-init.mp4\"\n#EXTINF:2.0,\noutput-00001.m4s\n";
        let renamed =
            rename(playlist, SegmentFormat::Hls, "output", &named("a film+100%.m3u8", &[]));
        let expected = "#EXTM3U\n#EXT-X-MAP:URI=\"a%20film%2B100%25-init.mp4\"\n#EXTINF:2.0,\n\
                        a%20film%2B100%25-00001.m4s\n";
        assert_eq!(renamed, expected);
    }

    #[test]
    fn dash_templates_follow_the_target() {
        let playlist = r#"<SegmentTemplate initialization="output-$RepresentationID$-init.mp4" media="output-$RepresentationID$-$Number%05d$.m4s"/>"#;
        let renamed = rename(playlist, SegmentFormat::Dash, "output", &named("x/a&b$c.mpd", &[]));
        assert_eq!(
            renamed,
            r#"<SegmentTemplate initialization="a%26b%24c-$RepresentationID$-init.mp4" media="a%26b%24c-$RepresentationID$-$Number%05d$.m4s"/>"#
        );
    }

    #[test]
    fn numbers_follow_the_target() {
        let playlist = "#EXT-X-MAP:URI=\"output-init.mp4\"\noutput-00001.m4s\noutput-00002.m4s\n";
        let renamed = rename(playlist, SegmentFormat::Hls, "output", &named("x/p 1.m3u8", &[4]));
        let expected = "#EXT-X-MAP:URI=\"p%201-init.mp4\"\np%201-00001.m4s\np%202-00002.m4s\n";
        assert_eq!(renamed, expected);
        let playlist = r#"initialization="output-$RepresentationID$-init.mp4" media="output-$RepresentationID$-$Number%05d$.m4s""#;
        let renamed = rename(playlist, SegmentFormat::Dash, "output", &named("x/1&0.mpd", &[2, 4]));
        assert_eq!(
            renamed,
            r#"initialization="1%26$RepresentationID$-$RepresentationID$-init.mp4" media="$Number$%26$RepresentationID$-$RepresentationID$-$Number%05d$.m4s""#
        );
    }

    #[test]
    fn stems() {
        for (key, expected) in [
            ("a.m3u8", "a"),
            ("a.b/c.d.mpd", "a.b/c.d"),
            ("a.b/c", "a.b/c"),
            ("a/.m3u8", "a/.m3u8"),
        ] {
            assert_eq!(stem(key), expected);
        }
    }
}
