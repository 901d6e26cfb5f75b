//! The core for a browser: the page writes a question into memory, and reads the answer there.
//!
//! It has three plain exports instead of generated bindings: a text goes in and a text comes out,
//! and the crate that does the work contains no unsafe code. No pointer is dereferenced here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use video_concat::page;

static TEXT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn text() -> MutexGuard<'static, Vec<u8>> {
    // A panic ends the instance, so no later call can see a half-written answer.
    TEXT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes room for a question of this length, and returns its address.
#[expect(unsafe_code, reason = "JavaScript calls it by this name, which no other function has")]
#[unsafe(no_mangle)]
pub extern "C" fn question(length: usize) -> *mut u8 {
    let mut text = text();
    text.clear();
    text.resize(length, 0);
    text.as_mut_ptr()
}

/// Answers the question in memory, and returns the address of the answer.
#[expect(unsafe_code, reason = "JavaScript calls it by this name, which no other function has")]
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    let mut text = text();
    let answer = page::answer(&String::from_utf8_lossy(&text));
    *text = answer.into_bytes();
    text.as_ptr()
}

/// The length of the answer in bytes.
#[expect(unsafe_code, reason = "JavaScript calls it by this name, which no other function has")]
#[unsafe(no_mangle)]
pub extern "C" fn answer_length() -> usize {
    text().len()
}
