//! OSS-style video concatenation for S3 as one AWS Lambda function.
//!
//! The crate has three floors, which features enable: *core* is pure and always included, `engine`
//! reads files and runs ffmpeg, `service` uses AWS. A floor uses only those below it.

// Core: no process, file, network, clock or SDK.
pub mod access_keys;
pub mod clamped;
pub mod code;
pub mod codec;
pub mod cost;
pub mod event;
pub mod flicks;
mod frame_rate;
pub mod media;
pub mod message;
mod mix;
pub mod mp4;
mod named;
pub mod object;
pub mod output;
pub mod page;
pub mod plan;
pub mod playlist;
pub mod policy;
pub mod process;
pub mod quantity;
pub mod quote;
pub mod reply;
pub mod sender;
pub mod signature;
pub mod task;
pub mod timeline;
pub mod troubleshooting;

// Engine: files and ffmpeg; no AWS, no task records.
#[cfg(feature = "engine")]
pub mod engine;

// Service: object storage, notification, claims and triggers.
#[cfg(feature = "service")]
mod answer;
#[cfg(feature = "service")]
pub mod async_invoke;
#[cfg(feature = "service")]
pub mod credentials;
#[cfg(feature = "service")]
pub mod event_bus;
#[cfg(feature = "service")]
pub mod executions;
#[cfg(feature = "service")]
pub mod failed_events;
#[cfg(feature = "service")]
pub mod function;
#[cfg(feature = "service")]
pub mod ledger;
#[cfg(feature = "service")]
pub mod log;
#[cfg(feature = "service")]
pub mod metrics;
#[cfg(feature = "service")]
pub mod notify;
#[cfg(feature = "service")]
pub mod settings;
#[cfg(feature = "service")]
pub mod storage;
#[cfg(feature = "service")]
pub mod worker;
