//! What every parameter of the video does, judged by the pixels that come out.

mod alpha;
mod changes;
mod chart;
mod colour;
mod field_coded;
mod fields;
mod format;
mod frame_rate;
mod geometry;
mod gray;
mod orientation;
mod space;
pub(crate) mod studio;
