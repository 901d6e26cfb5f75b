//! OSS-style video concatenation for S3 as one AWS Lambda function.

pub mod code;
pub mod event;
pub mod fetch;
pub mod ffmpeg;
pub mod flicks;
mod frame_rate;
pub mod function;
pub mod handoff;
pub mod key_ring;
pub mod media;
pub mod message;
pub mod notify;
pub mod object_store;
pub mod plan;
pub mod playlist;
pub mod probe;
pub mod process;
pub mod reply;
pub mod settings;
pub mod settle;
pub mod signature;
pub mod task;
pub mod timeline;
pub mod upload;
pub mod verify;
pub mod worker;
pub mod workspace;
