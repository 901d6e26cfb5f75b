//! How the film is made: files and ffmpeg, without AWS and without the task record.

pub mod diagnose;
pub mod ffmpeg;
pub mod layer;
pub mod probe;
pub mod verify;
pub mod workspace;
