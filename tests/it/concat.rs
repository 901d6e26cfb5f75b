//! The main job, judged by its result.

mod failures;
mod inherited;
mod record;
mod seed;
mod segments;
mod streams;
mod timeline;
mod uneven;
