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
            // Most warnings are of what the canonical spelling leaves out. A name stays as it was
            // spelled, and so does the warning of it.
            for warning in &again.warnings {
                assert!(request.warnings.contains(warning), "{warning}");
            }
            request.warnings.clear();
            again.warnings.clear();
            assert_eq!(request, again);
        }
    }
});
