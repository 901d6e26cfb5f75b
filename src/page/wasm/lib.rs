//! The core for a browser: the page writes a question into memory, and reads the answer there.
//!
//! Three plain exports instead of generated bindings: a text goes in and a text comes out, and the
//! crate that does the work stays without unsafe code. No pointer is followed here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use video_concat::page;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn text() -> MutexGuard<'static, Vec<u8>> {
    // A panic ends the instance: nothing runs behind it that could see half an answer.
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for a question of so many bytes, and tells where.
#[expect(
    unsafe_code,
    reason = "the name is looked up from outside, and is the only one of its kind"
)]
#[unsafe(no_mangle)]
pub extern "C" fn question(length: usize) -> *mut u8 {
    let mut text = text();
    text.clear();
    text.resize(length, 0);
    text.as_mut_ptr()
}

/// Answers the question that was written there, and tells where the answer is.
#[expect(
    unsafe_code,
    reason = "the name is looked up from outside, and is the only one of its kind"
)]
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    let mut text = text();
    let answer = page::answer(&String::from_utf8_lossy(&text));
    *text = answer.into_bytes();
    text.as_ptr()
}

/// The bytes of the answer.
#[expect(
    unsafe_code,
    reason = "the name is looked up from outside, and is the only one of its kind"
)]
#[unsafe(no_mangle)]
pub extern "C" fn answer_length() -> usize {
    text().len()
}
