//! The main job, judged by what comes out of it.

mod failures;
mod inherited;
mod record;
mod seed;
mod segments;
mod streams;
mod timeline;
mod uneven;
