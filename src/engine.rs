//! How the output is made: files and ffmpeg, without AWS and without the task record.

pub mod artifacts;
mod avi;
pub mod clock;
pub mod copy;
pub mod diagnose;
pub mod event;
pub mod ffmpeg;
pub mod fragments;
mod header;
pub mod layer;
pub mod make;
pub mod media_data;
mod packets;
pub mod partial;
pub mod probe;
pub mod render;
pub mod seek;
pub mod segments;
mod stream;
pub mod template;
pub mod trial;
pub mod verify;
pub mod weave;
pub mod workspace;
