//! Any payload of an invocation is decoded or refused, and the function reads
//! back the event that it sends to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use video_concat::event::{Event, decode};

fuzz_target!(|bytes: &[u8]| {
    let Ok(payload) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    match decode(&payload) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(Event::Accepted(accepted)) => {
            assert_eq!(decode(&accepted.to_event()), Ok(Event::Accepted(accepted)));
        }
        Ok(Event::Queue(records) | Event::Topic(records)) => {
            let is_own = |event: &Event| {
                matches!(event, Event::Queue(_) | Event::Accepted(_) | Event::Step(_))
            };
            assert!(!records.iter().any(|record| record.event.as_ref().is_ok_and(is_own)));
        }
        Ok(Event::Http(request)) => {
            let _ = request.route(Some("media"), None);
        }
        Ok(Event::Submissions(_) | Event::Cancel(_) | Event::Step(_) | Event::Ignored(_)) => {}
    }
});
