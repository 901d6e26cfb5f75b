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
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
struct SideData {
    displaymatrix: Option<String>,
}

/// Most changes of the sample aspect ratio that are used: a command line has room for more, but no
/// recording has as many.
const MOST_CHANGES: usize = 200;

/// The sample aspect ratios of some frames of a stream, as far as they change.
#[derive(Debug, Default)]
pub struct Aspects(Vec<(i64, Ratio<i64>)>);

impl Aspects {
    /// Adds a line of ffprobe's CSV: the time in ticks and the ratio. One without both is ignored.
    pub fn frame(&mut self, line: &str) {
        let mut fields = line.trim().split(',');
        let time = fields.next().and_then(|time| time.parse().ok());
        let aspect = fields.next().and_then(|aspect| ratio(aspect, ':'));
        let Some((time, aspect)) = time.zip(aspect) else { return };
        if self.0.len() < MOST_CHANGES && self.0.last().is_none_or(|last| last.1 != aspect) {
            self.0.push((time, aspect));
        }
    }

    /// Where frames of another ratio than before begin, in ticks; the first is that of all frames
    /// before the first change.
    pub(super) fn changes(&self) -> impl Iterator<Item = (i64, Ratio<i64>)> {
        self.0.iter().copied()
    }
}

impl Frames {
    /// Reads ffprobe's JSON.
    ///
    /// # Errors
    /// When it has another form.
    pub fn read(json: &str) -> Result<Self, ReportError> {
        Ok(serde_json::from_str(json)?)
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
    use num_rational::Ratio;

    use super::{Aspects, Frames, MOST_CHANGES, Orientation};

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
    fn aspects_are_kept_where_they_change() {
        let mut aspects = Aspects::default();
        for line in ["0,64:45", "40,64:45", "N/A,16:15", "80,N/A", "", "120,16:15", "160,16:15,"] {
            aspects.frame(line);
        }
        let expected = [(0, Ratio::new(64, 45)), (120, Ratio::new(16, 15))];
        assert_eq!(aspects.changes().collect::<Vec<_>>(), expected);
        for frame in 0..1000 {
            aspects.frame(&format!("{frame},{}:1", frame % 2 + 1));
        }
        assert_eq!(aspects.changes().count(), MOST_CHANGES);
    }

    #[test]
    fn frames_without_a_matrix_are_upright() {
        for json in ["{}", r#"{"frames": []}"#, r#"{"frames": [{}]}"#] {
            assert_eq!(Frames::read(json).unwrap().orientation(), None, "{json}");
        }
        assert_eq!(of("nonsense"), None);
    }
}
