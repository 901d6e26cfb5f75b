//! OSS-style video concatenation for S3, as one AWS Lambda function.

pub mod code;
pub mod event;
pub mod fetch;
pub mod message;
pub mod notify;
pub mod object_store;
pub mod reply;
pub mod settings;
pub mod task;
pub mod upload;
