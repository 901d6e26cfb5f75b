//! Accessibility of the page: with a keyboard, with a screen reader, in dark and light mode; and
//! that it sends nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Page, file};
use crate::bed::process::repository;
use crate::cli::said;

const RECORD: &str = include_str!("../../../src/task/example.json");

#[test]
fn no_request_leaves_it_and_nothing_breaks_its_policy() {
    let mut page = Page::open("");
    page.enter("process", "video/concat,f_mp4");
    page.enter("record", RECORD);
    page.browser.evaluate("$('tab-Python').click()");
    page.settle();
    let requests = page.browser.events("Network.requestWillBeSent");
    let urls: Vec<&str> = requests.iter().map(|r| r["request"]["url"].as_str().unwrap()).collect();
    // The page itself, and its embedded icon.
    let others = urls.iter().filter(|url| !url.starts_with("data:"));
    assert_eq!(others.count(), 1, "{urls:?}");
    assert_eq!(page.browser.events("Runtime.exceptionThrown"), [] as [&Value; 0]);
    assert_eq!(page.browser.events("Log.entryAdded"), [] as [&Value; 0]);
    let asked = "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')";
    assert_eq!(page.browser.evaluate(asked), "refused");
    let evaluated = "(() => { const s = document.createElement('script'); s.textContent = 'window.x = 1'; \
                     document.body.append(s); return typeof window.x; })()";
    assert_eq!(page.browser.evaluate(evaluated), "undefined");
    let policy = page.browser.text("document.querySelector('meta[http-equiv]').content");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("http"), "{policy}");
}

/// The order in which the tab key moves the focus, until it has been everywhere.
fn reached(page: &mut Page) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut before = 0;
    page.browser.evaluate("document.body.focus()");
    loop {
        page.browser.press("Tab");
        let place = "(() => { const all = [...document.querySelectorAll('*')]; \
                     return String(all.indexOf(document.activeElement)); })()";
        reached.insert(page.browser.text(place));
        if reached.len() == before {
            return reached;
        }
        before = reached.len();
    }
}

#[test]
fn the_keyboard_reaches_everything() {
    let mut page = Page::open("");
    page.enter("record", RECORD);
    page.browser.evaluate("document.activeElement.blur()");
    let reached = reached(&mut page);
    let controls = page.browser.evaluate(
        "[...document.querySelectorAll('*')].map((e, index) => [e, index]) \
         .filter(([e]) => e.matches('a, input, select, textarea, button, summary') && e.tabIndex >= 0 \
            && !e.disabled && e.checkVisibility()).map(([, index]) => String(index))",
    );
    let controls: BTreeSet<String> = serde_json::from_value(controls).unwrap();
    let missed: Vec<_> = controls.difference(&reached).collect();
    assert!(controls.len() > 20 && missed.is_empty(), "{missed:?}");
    // One tab stop for the tabs, and arrows among them.
    page.browser.evaluate("$('tab-String').focus()");
    for (key, tab) in
        [("ArrowRight", "tab-Event"), ("End", "tab-Python"), ("ArrowRight", "tab-String")]
    {
        page.browser.press(key);
        page.settle();
        assert_eq!(page.browser.text("document.activeElement.id"), tab);
        assert_eq!(page.browser.text("document.querySelector('[aria-selected=true]').id"), tab);
    }
    // The focus stays where it is while the string and the form update each other.
    page.browser.evaluate("$('pre-1-o').select()");
    page.browser.type_in("x");
    page.settle();
    page.browser.type_in("y");
    page.settle();
    assert_eq!(page.browser.text("document.activeElement.id"), "pre-1-o");
    assert_eq!(page.value("#pre-1-o"), "xy");
}

#[test]
fn screen_readers_get_a_name_for_everything() {
    let mut page = Page::open("");
    page.enter("record", RECORD);
    page.enter("process", "video/concat,f_mp4,vcodec_h264,acodec_aac/pre,t_1|sys/saveas,o_b3V0");
    page.browser.send("Accessibility.enable", &json!({}));
    let tree = page.browser.send("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let role = |node: &Value| node["role"]["value"].as_str().unwrap_or_default().to_owned();
    let name = |node: &Value| node["name"]["value"].as_str().unwrap_or_default().to_owned();
    let controls =
        ["textbox", "combobox", "button", "tab", "tabpanel", "image", "group", "table", "link"];
    let of_page = nodes.iter().filter(|node| node["ignored"] == false);
    let named: Vec<&Value> = of_page.filter(|n| controls.contains(&role(n).as_str())).collect();
    assert!(named.len() > 40);
    for node in &named {
        assert!(!name(node).is_empty(), "{node}");
    }
    let has =
        |r: &str, n: &str| nodes.iter().any(|node| role(node) == r && name(node).starts_with(n));
    assert!(has("textbox", "Process string") && has("combobox", "vcodec") && has("tab", "curl"));
    // Changes are read out, and the field is marked as wrong.
    let live = "(id) => document.querySelector(id).getAttribute('role')";
    for id in ["#verdict", "#film-note", "#record-note", "#copied", "#probe-note", "#form-note"] {
        assert_eq!(page.browser.text(&format!("({live})({})", json!(id))), "status", "{id}");
    }
    assert_eq!(page.browser.text("$('process').getAttribute('aria-invalid')"), "true");
    assert_eq!(page.browser.text("document.documentElement.lang"), "en");
}

/// The contrast of text with its background, by WCAG's formula.
const CONTRASTS: &str = "(() => { \
    const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; \
    const light = (rgb) => rgb.map(channel).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0); \
    const colour = (text) => text.match(/[\\d.]+/g).map(Number); \
    const behind = (e) => { for (; e; e = e.parentElement) { \
        const c = colour(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c.slice(0, 3); } return [255, 255, 255]; }; \
    const all = [...document.querySelectorAll('h1, h2, p, label, legend, input, select, button, pre, small, td, th, dt, dd, summary, #verdict, #warnings li, svg text')]; \
    return all.filter((e) => e.checkVisibility() && (e.textContent || e.value)).map((e) => { \
        const style = getComputedStyle(e); const isSvg = e instanceof SVGElement; \
        const front = colour(isSvg ? style.fill : style.color).slice(0, 3); \
        const bar = isSvg && e.classList.contains('on') && e.previousElementSibling; \
        const rect = bar && [...e.parentElement.children].slice(0, [...e.parentElement.children].indexOf(e)).reverse().find((s) => s.tagName === 'rect'); \
        const back = rect ? colour(getComputedStyle(rect).fill).slice(0, 3) : behind(e); \
        const [a, b] = [light(front), light(back)].sort((x, y) => y - x); \
        return [(a + 0.05) / (b + 0.05), `${e.tagName} ${e.id} ${e.className} ${(e.textContent || e.value).slice(0, 30)}`]; }) \
    .filter(([ratio]) => ratio < 4.5); })()";

#[test]
fn it_is_readable_in_dark_and_light() {
    let mut page = Page::open("");
    page.enter("record", RECORD);
    page.enter(
        "process",
        "video/concat,f_mp4,vcodec_h264,acodec_aac,t_1000/pre,o_YQo,t_1000|sys/saveas,o_b3V0",
    );
    let mut papers = BTreeSet::new();
    let folder = repository().join("target/screens");
    std::fs::create_dir_all(&folder).unwrap();
    for scheme in ["light", "dark"] {
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        page.browser.send("Emulation.setEmulatedMedia", &feature);
        assert_eq!(page.browser.evaluate(CONTRASTS), json!([]), "{scheme}");
        let paper = "getComputedStyle(document.documentElement).backgroundColor";
        papers.insert(page.browser.text(paper));
        // For people who change the page to look at.
        std::fs::write(folder.join(format!("{scheme}.png")), page.browser.screenshot()).unwrap();
    }
    assert_eq!(papers.len(), 2);
    // On a narrow screen, nothing is wider than the screen.
    let narrow = json!({"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    page.browser.send("Emulation.setDeviceMetricsOverride", &narrow);
    let width = page.browser.evaluate("document.documentElement.scrollWidth");
    assert!(width.as_u64().unwrap() <= 360, "{width}");
}

#[test]
fn the_command_line_writes_it() {
    let page = std::fs::read_to_string(file()).unwrap();
    assert!(said(&["page"]).ends_with(0).out == page, "the command line holds another page");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page.html");
    said(&["page", "--out", out.to_str().unwrap()]).ends_with(0);
    assert!(std::fs::read_to_string(out).unwrap() == page);
}

/// Browsers that are one or two years old unpack the core in another way.
#[test]
fn an_older_browser_gets_the_same_core() {
    let mut page = Page::open("");
    let load = "(async () => { Uint8Array.fromBase64 = undefined; exports = undefined; \
                await load(); return JSON.stringify(ask('table')) === JSON.stringify(table); })()";
    assert_eq!(page.browser.evaluate(load), true);
    let same = "(() => { const all = String.fromCharCode(...Array(256).keys()); \
                return unpack(btoa(all)).every((byte, at) => byte === at); })()";
    assert_eq!(page.browser.evaluate(same), true);
}
