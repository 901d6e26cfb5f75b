//! The effect of every video parameter, judged by the pixels of the result.

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
