//! What ffprobe prints about frames.

use num_rational::Ratio;
use serde::Deserialize;

use super::ReportError;
use super::described::ratio;
use crate::media::Orientation;

/// ffprobe's description of some frames of a stream.
#[derive(Debug, Default, Deserialize)]
pub struct Frames {
    #[serde(default)]
    frames: Vec<Frame>,
}

#[derive(Debug, Default, Deserialize)]
struct Frame {
    pts: Option<i64>,
    sample_aspect_ratio: Option<String>,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
struct SideData {
    displaymatrix: Option<String>,
}

impl Frames {
    /// Reads ffprobe's JSON.
    ///
    /// # Errors
    /// When it has another form.
    pub fn read(json: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(json)?)
    }

    /// The time and the sample aspect ratio of each frame that has both.
    pub(super) fn aspects(&self) -> impl Iterator<Item = (i64, Ratio<i64>)> {
        self.frames.iter().filter_map(|frame| {
            Some((frame.pts?, ratio(frame.sample_aspect_ratio.as_deref()?, ':')?))
        })
    }

    /// The orientation that the first frame declares.
    #[must_use]
    pub fn orientation(&self) -> Option<Orientation> {
        let data = &self.frames.first()?.side_data_list;
        let matrix = data.iter().find_map(|data| data.displaymatrix.as_deref())?;
        // Three rows, each after its number and a colon.
        let mut rows = matrix.lines().filter_map(|line| line.split_once(':')).map(|(_, row)| {
            let mut numbers = row.split_whitespace().map(str::parse::<i32>);
            Some([numbers.next()?.ok()?, numbers.next()?.ok()?])
        });
        Orientation::of_matrix([rows.next()??, rows.next()??])
    }
}

#[cfg(test)]
mod tests {
    use super::{Frames, Orientation};

    fn of(matrix: &str) -> Option<Orientation> {
        let json = format!(
            r#"{{"frames": [{{"side_data_list": [{{}}, {{"displaymatrix": "{matrix}"}}]}}]}}"#
        );
        Frames::read(&json).unwrap().orientation()
    }

    #[test]
    fn a_display_matrix_turns_and_flips() {
        for (rows, expected) in [
            ([[65536, 0], [0, 65536]], None),
            ([[0, -65536], [65536, 0]], Some((90, false))),
            ([[-65536, 0], [0, -65536]], Some((180, false))),
            ([[0, 65536], [-65536, 0]], Some((270, false))),
            ([[-65536, 0], [0, 65536]], Some((0, true))),
            ([[65536, 0], [0, -65536]], Some((180, true))),
            ([[0, 65536], [65536, 0]], Some((270, true))),
            ([[0, -65536], [-65536, 0]], Some((90, true))),
        ] {
            let [[a, b], [c, d]]: [[i32; 2]; 2] = rows;
            let rows = [[a, b, 0], [c, d, 0], [0, 0, 1 << 30]];
            let lines = rows.iter().enumerate();
            let lines = lines.map(|(n, [a, b, c])| format!("\\n{n:08}: {a:>12} {b:>11} {c:>11}"));
            let found = of(&(lines.collect::<String>() + "\\n"));
            let expected = expected.map(|(rotation, flipped)| Orientation { rotation, flipped });
            assert_eq!(found, expected, "{rows:?}");
        }
    }

    #[test]
    fn frames_without_a_matrix_are_upright() {
        for json in ["{}", r#"{"frames": []}"#, r#"{"frames": [{}]}"#] {
            assert_eq!(Frames::read(json).unwrap().orientation(), None, "{json}");
        }
        assert_eq!(of("nonsense"), None);
    }
}
