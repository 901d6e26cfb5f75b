//! Joins the playlists of a video's ranges to one of the whole.
//!
//! Everything except the entries is taken from the first one. A muxer computes the length of its
//! last segment from the last frame in decoding order, which is wrong; in the middle of the whole,
//! such a segment is as long as every other.

use std::fmt::Write;

use num_rational::Ratio;

use crate::flicks::Flicks;
use crate::process::request::SegmentFormat;

const DURATION: &str = "#EXTINF:";
const TARGET: &str = "#EXT-X-TARGETDURATION:";
const END: &str = "#EXT-X-ENDLIST";
const LIST: (&str, &str) = ("<SegmentTimeline>", "</SegmentTimeline>");

/// The playlist of all ranges, from those of each, with segments of this `length`; `None` if they
/// do not have the form that the muxers write.
#[must_use]
pub fn join(playlists: &[&str], format: SegmentFormat, length: Flicks) -> Option<String> {
    match format {
        SegmentFormat::Hls => join_hls(playlists, length),
        SegmentFormat::Dash => join_dash(playlists, length),
    }
}

fn join_hls(playlists: &[&str], length: Flicks) -> Option<String> {
    let (mut head, mut entries, mut longest) = (Vec::new(), Vec::new(), 0);
    for (number, playlist) in playlists.iter().enumerate() {
        let start = playlist.find(DURATION)?;
        let (tags, list) = playlist.split_at(start);
        for line in tags.lines() {
            if let Some(seconds) = line.strip_prefix(TARGET) {
                longest = longest.max(seconds.parse::<u64>().ok()?);
            }
        }
        if number == 0 {
            head = tags.lines().collect();
        }
        let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
        if lines.pop()? != END {
            return None;
        }
        if number + 1 < playlists.len() {
            let measured = lines.iter_mut().rfind(|line| line.starts_with(DURATION))?;
            *measured = format!("{DURATION}{},", length.as_option());
        }
        entries.extend(lines);
    }
    let mut whole = String::new();
    for line in head {
        let _ = match line.strip_prefix(TARGET) {
            Some(_) => writeln!(whole, "{TARGET}{longest}"),
            None => writeln!(whole, "{line}"),
        };
    }
    for line in entries {
        let _ = writeln!(whole, "{line}");
    }
    let _ = writeln!(whole, "{END}");
    Some(whole)
}

/// The lists of the streams are in the same order everywhere, the video's first.
fn join_dash(playlists: &[&str], length: Flicks) -> Option<String> {
    let first = *playlists.first()?;
    let streams = first.matches(LIST.0).count();
    let mut lists = vec![Vec::new(); streams];
    for (number, playlist) in playlists.iter().enumerate() {
        let own: Vec<&str> = playlist.split(LIST.0).skip(1).collect();
        if own.len() != streams {
            return None;
        }
        for (stream, list) in own.into_iter().enumerate() {
            lists[stream].extend(durations(list.split_once(LIST.1)?.0)?);
            if stream == 0 && number + 1 < playlists.len() {
                *lists[0].last_mut()? = length.to_units(Ratio::from_integer(time_scale(first)?));
            }
        }
    }
    let mut parts = first.split(LIST.0);
    let mut whole = parts.next()?.to_owned();
    for (part, list) in parts.zip(&lists) {
        let (_, after) = part.split_once(LIST.1)?;
        let indent = "\t".repeat(6);
        let _ = writeln!(whole, "{}", LIST.0);
        let mut start = " t=\"0\"";
        for run in list.chunk_by(|one, next| one == next) {
            let repeated = match run.len() - 1 {
                0 => String::new(),
                count => format!(" r=\"{count}\""),
            };
            let _ = writeln!(whole, "{indent}<S{start} d=\"{}\"{repeated} />", run[0]);
            start = "";
        }
        whole.push_str(&indent[1..]);
        whole.push_str(LIST.1);
        whole.push_str(after);
    }
    Some(whole)
}

/// The duration of each segment in a list.
fn durations(list: &str) -> Option<Vec<i64>> {
    let mut all = Vec::new();
    for entry in list.split("<S ").skip(1) {
        let duration = attribute(entry, "d")?;
        let repeated = attribute(entry, "r").unwrap_or(0);
        all.extend(std::iter::repeat_n(duration, usize::try_from(repeated + 1).ok()?));
    }
    Some(all)
}

fn time_scale(manifest: &str) -> Option<i64> {
    attribute(manifest, "timescale")
}

fn attribute(text: &str, name: &str) -> Option<i64> {
    let text = format!(" {text}");
    let (_, value) = text.split_once(&format!(" {name}=\""))?;
    value.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Flicks, SegmentFormat, join};

    fn hls(target: u64, entries: &[(&str, &str)]) -> String {
        let entries = entries.iter().map(|(seconds, name)| format!("#EXTINF:{seconds},\n{name}\n"));
        format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:{target}\n{}#EXT-X-ENDLIST\n",
            entries.collect::<String>()
        )
    }

    #[test]
    fn entries_follow_each_other_and_only_the_last_is_shorter() {
        let first = hls(2, &[("2.002000", "output-00001.ts"), ("1.935267", "output-00002.ts")]);
        let last = hls(3, &[("2.002000", "output-00003.ts"), ("0.500000", "output-00004.ts")]);
        let length = Flicks::from_millis(2002);
        let joined = join(&[&first, &last], SegmentFormat::Hls, length).unwrap();
        let entries = [
            ("2.002000", "output-00001.ts"),
            ("2.002000", "output-00002.ts"),
            ("2.002000", "output-00003.ts"),
            ("0.500000", "output-00004.ts"),
        ];
        assert_eq!(joined, hls(3, &entries));
        assert_eq!(join(&["#EXTM3U\n"], SegmentFormat::Hls, length), None);
        assert_eq!(join(&["#EXTINF:2,\n"], SegmentFormat::Hls, length), None);
    }

    fn dash(video: &str, audio: &str) -> String {
        let list = |scale, entries: &str| {
            let entries = entries.replace('\n', "\n\t\t\t\t\t\t");
            format!(
                "<SegmentTemplate timescale=\"{scale}\">\n\t\t\t\t\t<SegmentTimeline>\n\
                 \t\t\t\t\t\t{entries}\n\t\t\t\t\t</SegmentTimeline>\n"
            )
        };
        format!("<MPD>\n{}{}</MPD>\n", list(30000, video), list(48000, audio))
    }

    #[test]
    fn lists_of_each_stream_are_joined() {
        let first = dash(
            "<S t=\"0\" d=\"60060\" />\n<S d=\"58058\" />",
            "<S t=\"0\" d=\"95232\" />\n<S d=\"96256\" />",
        );
        let last = dash(
            "<S t=\"120120\" d=\"60060\" r=\"1\" />",
            "<S t=\"193536\" d=\"96256\" r=\"1\" />",
        );
        let joined =
            join(&[&first, &last], SegmentFormat::Dash, Flicks::from_millis(2002)).unwrap();
        let expected = dash(
            "<S t=\"0\" d=\"60060\" r=\"3\" />",
            "<S t=\"0\" d=\"95232\" />\n<S d=\"96256\" r=\"2\" />",
        );
        assert_eq!(joined, expected);
        assert_eq!(join(&[&first, "<MPD>"], SegmentFormat::Dash, Flicks::from_millis(2002)), None);
        assert_eq!(join(&[], SegmentFormat::Dash, Flicks::from_millis(2002)), None);
    }
}
