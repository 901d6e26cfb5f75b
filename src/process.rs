//! The process language `video/concat`: text in, a checked [`Request`] out.
//!
//! Everything here is pure. [`parse`] checks the grammar and finds where each word is, [`resolve`]
//! checks what the words mean together; both take their parameters from the one [`table`]. Whatever
//! depends on the media is decided later.

mod alone;
mod arguments;
mod canonical;
mod error;
pub mod name;
mod parse;
pub mod request;
mod resolve;
mod saveas;
mod span;
pub mod table;
mod target;
pub mod template;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use self::alone::{MainObjectError, known_main};
pub use self::error::{Conflict, ProcessError, ProcessErrorKind};
pub use self::name::NameError;
pub use self::parse::{OperationSpec, ParameterSpec, ProcessSpec, parse};
pub use self::request::Request;
pub use self::resolve::{Limits, resolve};
pub use self::span::Span;
pub use self::target::{TargetError, check_target, target_of};
pub use self::value::ValueError;
