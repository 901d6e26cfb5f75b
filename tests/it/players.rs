//! Outputs in other programs: parsers, a stock ffmpeg, and the players of web pages. Segments are
//! served over HTTP, with a name that needs every kind of escape.

mod browser;
mod film;
mod manifests;
mod stock_ffmpeg;

pub(crate) use browser::assert_file_plays;
