//! The page, as `make page` builds it, in a real browser.

mod record;
mod request;
mod use_by_all;
mod verdict;

use std::path::PathBuf;

use serde_json::{Value, json};
use url::Url;

use crate::bed::browser::Browser;
use crate::bed::process::repository;

const MOST_BYTES: u64 = 300_000;

fn file() -> PathBuf {
    let file = repository().join("target/page/video-concat.html");
    assert!(file.is_file(), "there is no {}: run `make page`", file.display());
    file
}

/// The page in a window, with this input after the `#` of its address.
struct Page {
    browser: Browser,
}

impl Page {
    fn open(fragment: &str) -> Self {
        let mut browser = Browser::start();
        let mut url = Url::from_file_path(file()).unwrap();
        url.set_fragment(Some(fragment).filter(|fragment| !fragment.is_empty()));
        browser.send("Page.navigate", &json!({"url": url.as_str()}));
        let mut page = Self { browser };
        page.wait_for("document.documentElement?.dataset.firstVerdictMs");
        page.settle();
        page
    }

    fn wait_for(&mut self, condition: &str) {
        // Checked before each frame, in the page itself.
        let script = format!(
            "new Promise((resolve) => {{ const look = () => ({condition}) ? resolve(true) \
             : setTimeout(look, 5); look(); }})"
        );
        self.browser.evaluate(&script);
    }

    /// Waits until everything that depends on the input is drawn.
    fn settle(&mut self) {
        self.wait_for("typeof waiting !== 'undefined' && waiting === null");
    }

    /// Enters text like a person who replaces the old text.
    fn enter(&mut self, id: &str, text: &str) {
        self.browser.evaluate(&format!("$({}).select()", json!(id)));
        if text.is_empty() {
            self.browser.send(
                "Input.dispatchKeyEvent",
                &json!({"type": "rawKeyDown", "key": "Delete",
                "windowsVirtualKeyCode": 46}),
            );
        } else {
            self.browser.type_in(text);
        }
        self.settle();
    }

    fn text(&mut self, selector: &str) -> String {
        self.browser.text(&format!("document.querySelector({}).textContent", json!(selector)))
    }

    fn value(&mut self, selector: &str) -> String {
        self.browser.text(&format!("document.querySelector({}).value", json!(selector)))
    }

    /// The cells of a table by its caption, without the heads.
    fn table(&mut self, inside: &str, caption: &str) -> Value {
        self.browser.evaluate(&format!(
            "[...document.querySelectorAll({})].find((table) => table.caption.textContent === {}) \
             .tBodies[0].rows.length && [...[...document.querySelectorAll({})] \
             .find((table) => table.caption.textContent === {}).tBodies[0].rows] \
             .map((row) => [...row.cells].map((cell) => cell.textContent))",
            json!(format!("{inside} table")),
            json!(caption),
            json!(format!("{inside} table")),
            json!(caption)
        ))
    }
}

#[test]
fn it_is_small() {
    let bytes = file().metadata().unwrap().len();
    assert!(bytes <= MOST_BYTES, "{bytes}");
}
