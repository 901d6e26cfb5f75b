//! The first bytes of any file are recognised or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use video_concat::media::{FormatError, HEAD_LENGTH, Recognised, recognise};

fuzz_target!(|bytes: &[u8]| {
    let head = &bytes[..bytes.len().min(HEAD_LENGTH)];
    match recognise(head) {
        // A tag without a length would be looked at again and again.
        Ok(Recognised::TagUntil(end)) => assert!(end >= 10),
        Ok(Recognised::As(_) | Recognised::From(..)) => {
            // Playlists are no media, whatever follows.
            let playlists = [&b"#EXTM3U"[..], b"ffconcat", b"<?xml"];
            assert!(!playlists.iter().any(|start| head.trim_ascii_start().starts_with(start)));
        }
        Err(FormatError::Empty) => assert!(head.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
