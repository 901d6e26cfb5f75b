//! Any text is read or refused with a place inside it, and what is read means
//! the same in its canonical spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use video_concat::object::ObjectUri;
use video_concat::process::{Limits, ProcessError, Request, parse, resolve};

fn read(text: &str) -> Result<Request, ProcessError> {
    let main = ObjectUri::named("sources", "dir/main.mov").unwrap();
    resolve(&parse(text)?, &main, Limits { max_sources: 11 })
}

fuzz_target!(|text: &str| {
    match read(text) {
        Err(error) => {
            let span = error.span();
            assert!(text.get(span.start..span.end).is_some(), "{span:?} is not in the text");
            assert!(error.caret(text).contains('^'));
            assert!(!error.to_string().is_empty());
        }
        Ok(mut request) => {
            let mut again = read(&request.canonical).expect("the canonical spelling is read");
            assert!(again.warnings.is_empty(), "{:?}", again.warnings);
            // What the canonical spelling leaves out is what the warnings tell of.
            request.warnings.clear();
            again.warnings.clear();
            assert_eq!(request, again);
        }
    }
});
