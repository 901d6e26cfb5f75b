//! The bill of materials that comes with the programs of the ffmpeg layer.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The layer's contents. It prints as `name version` pairs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Bill {
    /// The processor architecture, by Lambda's names.
    pub arch: String,
    /// Programs and libraries.
    pub components: Vec<Component>,
}

/// A program or library of the layer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Component {
    /// Name of the source package.
    pub name: String,
    /// Version of the source package.
    pub version: String,
}

/// Why there is no bill.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// The file can't be read.
    #[error("no bill of materials: `{}` can't be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file has other content.
    #[error("`{}` is not a bill of materials: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        source: serde_json::Error,
    },
}

impl Bill {
    /// Reads the bill of the layer that contains this ffmpeg: `bom.json`, one folder above the
    /// program's.
    ///
    /// # Errors
    /// See [`BillError`].
    pub fn beside(ffmpeg: &Path) -> Result<Self, BillError> {
        let bin = ffmpeg.parent().unwrap_or(ffmpeg);
        let path = bin.with_file_name("bom.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|source| BillError::Malformed { path, source }),
            Err(source) => Err(BillError::Unreadable { path, source }),
        }
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.components.iter().map(|part| format!("{} {}", part.name, part.version));
        f.write_str(&pairs.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Bill;

    /// Reads this text as a layer's bill.
    fn read(text: &str) -> Result<Bill, String> {
        let layer = tempfile::tempdir().unwrap();
        fs::write(layer.path().join("bom.json"), text).unwrap();
        let bill = Bill::beside(&layer.path().join("bin/ffmpeg"));
        let folder = layer.path().display().to_string();
        bill.map_err(|error| error.to_string().replace(&folder, "LAYER"))
    }

    #[test]
    fn parts_are_listed_with_their_versions() {
        let bill = read(
            r#"{"arch": "arm64", "components": [
                {"name": "ffmpeg", "version": "7.1.5", "license": "GPL-3.0-or-later"},
                {"name": "x264", "version": "2:0.164"}]}"#,
        );
        let bill = bill.unwrap();
        assert_eq!((&*bill.arch, &*bill.to_string()), ("arm64", "ffmpeg 7.1.5, x264 2:0.164"));
    }

    #[test]
    fn what_is_no_bill_is_named_with_its_path() {
        for text in ["", "\u{0}\u{1}", "[]", "{}", r#"{"arch": "arm64", "components": [7]}"#] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("`LAYER/bom.json` is not a bill of materials: "), "{error}");
        }
        let missing = Bill::beside("/nowhere/bin/ffmpeg".as_ref()).unwrap_err().to_string();
        assert!(missing.contains("`/nowhere/bom.json` can't be read"), "{missing}");
    }
}
