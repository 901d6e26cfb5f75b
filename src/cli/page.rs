//! `page`: writes the page that edits process strings in a browser.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::output::Output;

#[cfg(page_is_built)]
const PAGE: Option<&[u8]> = Some(include_bytes!(env!("VIDEO_CONCAT_PAGE")));
#[cfg(not(page_is_built))]
const PAGE: Option<&[u8]> = None;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct Page {
    /// Write it into this file instead of the standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Page {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let page = PAGE.ok_or_else(|| {
            Failure::failed(
                "this program was built without the page: run `make page`, then build it again",
            )
        })?;
        let Some(file) = &self.out else { return output.bytes(page) };
        std::fs::write(file, page)
            .map_err(|error| Failure::failed(format!("can't write `{}`: {error}", file.display())))
    }
}
