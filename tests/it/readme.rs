//! Compares the documents with the code. `UPDATE_README=1 cargo test --test it readme` rewrites the
//! tables that the code renders.

mod shell;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use video_concat::code::Code;
use video_concat::codec::AudioCodec;
use video_concat::cost::PRICES;
use video_concat::event::{Event, ProcessSource, Submission, decode};
use video_concat::flicks::Flicks;
use video_concat::media::Demuxer;
use video_concat::message::completion;
use video_concat::object::ObjectUri;
use video_concat::output::{AudioOutput, AudioRateControl};
use video_concat::process::template::Variable;
use video_concat::process::{Limits, ProcessError, Request, parse, resolve, table};
use video_concat::settings::Settings;
use video_concat::task::{ChunkCount, TaskRecord};
use video_concat::timeline::Timeline;
use video_concat::troubleshooting;

const FRONT: &str = "README.md";
const LANGUAGE: &str = "src/process/README.md";
const RECORD: &str = "src/task/README.md";
const OPERATIONS: &str = "src/settings/README.md";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// Every document of the repository, by its path in there.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "events", "tests", "layers"].map(file).into();
    let mut files: Vec<PathBuf> = entries_of(&file(""));
    while let Some(folder) = folders.pop() {
        let (inner, here) = entries_of(&folder).into_iter().partition(|path| path.is_dir());
        folders.extend::<Vec<PathBuf>>(inner);
        files.extend::<Vec<PathBuf>>(here);
    }
    for path in files.iter().filter(|path| path.extension().is_some_and(|kind| kind == "md")) {
        let path = path.strip_prefix(file("")).unwrap();
        found.push(path.to_str().unwrap().to_owned());
    }
    found
}

fn entries_of(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The text under the heading `title` of a page, up to the next heading of the same or a higher
/// level.
fn section(page: &str, title: &str) -> String {
    let level = title.find(' ').unwrap();
    let text = read(page);
    let mut lines = text.lines().skip_while(|line| *line != title);
    assert_eq!(lines.next(), Some(title), "{page} has no such heading");
    let ends = |line: &str| heading_level(line).is_some_and(|other| other <= level);
    let lines: Vec<&str> = lines.take_while(|line| !ends(line)).collect();
    lines.join("\n")
}

fn heading_level(line: &str) -> Option<usize> {
    let level = line.find(' ')?;
    let marks = &line[..level];
    (level > 0 && marks.bytes().all(|b| b == b'#')).then_some(level)
}

/// The cells of each table row in `text`, including head and separator rows.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let line = line.replace("\\|", "&#124;");
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let lines = text.lines().filter(|line| line.starts_with('|'));
    lines.map(cells).collect()
}

/// The rows of `text` that begin with a word in backticks, without the backticks.
fn entries(text: &str) -> Vec<Vec<String>> {
    let mut rows = rows(text);
    rows.retain(|row| row[0].starts_with('`'));
    for cell in rows.iter_mut().flatten() {
        *cell = bare(cell).unwrap_or(cell).to_owned();
    }
    rows
}

/// The only text in backticks in a cell.
fn bare(cell: &str) -> Option<&str> {
    let inside = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inside.contains('`')).then_some(inside)
}

/// The first word of each entry.
fn names(text: &str) -> BTreeSet<String> {
    entries(text).into_iter().map(|row| row[0].clone()).collect()
}

/// The fenced blocks of a kind, of all documents.
pub(crate) fn blocks(kind: &str) -> Vec<String> {
    let blocks: Vec<String> =
        documents().iter().flat_map(|page| blocks_of(&read(page), kind)).collect();
    assert!(!blocks.is_empty(), "no block is {kind}");
    blocks
}

/// The fenced blocks of a kind in a text, without the indentation of those in lists.
fn blocks_of(text: &str, kind: &str) -> Vec<String> {
    let fence = format!("```{kind}");
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim_start() == fence {
            let indent = line.len() - fence.len();
            let inside = lines.by_ref().take_while(|line| line.trim_start() != "```");
            let inside: Vec<&str> =
                inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
            blocks.push(inside.join("\n"));
        }
    }
    blocks
}

fn resolved(process: &str, bucket: &str, key: &str) -> Result<Request, ProcessError> {
    let main = ObjectUri::named(bucket, key).unwrap();
    resolve(&parse(process)?, &main, Limits::default())
}

fn example_record() -> TaskRecord {
    serde_json::from_str(&read("src/task/example.json")).unwrap()
}

fn set<T: ToString>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

#[test]
fn the_rendered_tables_are_the_codes() {
    let rendered = [
        (LANGUAGE, "parameters", table::markdown()),
        (RECORD, "codes", troubleshooting::markdown()),
    ];
    for (page, name, tables) in rendered {
        let text = read(page);
        let begin =
            format!("<!-- {name}: rewritten by UPDATE_README=1 cargo test --test it readme -->\n");
        let end = format!("<!-- /{name} -->\n");
        let (before, rest) = text.split_once(&begin).expect(&begin);
        let (_, after) = rest.split_once(&end).expect(&end);
        let right = format!("{before}{begin}\n{tables}\n{end}{after}");
        if std::env::var_os("UPDATE_README").is_some() {
            // Under a new name, since other tests read the page at the same time.
            let new = file(&format!("{page}.new"));
            fs::write(&new, right).unwrap();
            fs::rename(new, file(page)).unwrap();
        } else {
            let remedy = "UPDATE_README=1 cargo test --test it readme";
            assert!(text == right, "the tables of {page} are old; run `{remedy}`");
        }
    }
}

#[test]
fn the_settings_are_those_that_the_function_reads() {
    let table = section(OPERATIONS, "## Settings");
    let asked = RefCell::new(BTreeSet::new());
    let unset = Settings::from_env_map(|name| {
        // Nobody can choose what the platform itself sets.
        if !name.starts_with("AWS_") {
            asked.borrow_mut().insert(name.to_owned());
        }
        None
    });
    assert_eq!(names(&table), asked.into_inner());
    let rows = rows(&table);
    for row in rows.iter().filter(|row| row[0].starts_with('`')) {
        if let (Some(name), Some(default)) = (bare(&row[0]), bare(&row[1])) {
            let given = |asked: &str| (asked == name).then(|| default.to_owned());
            assert_eq!(Settings::from_env_map(given), unset, "{name}");
        }
    }
}

#[test]
fn the_price_is_that_of_the_table() {
    let page = read(OPERATIONS);
    let price = format!("${:.10} per\nGB-second", PRICES.x86_gb_second);
    assert!(page.contains(&price) && page.contains(PRICES.region), "{price}");
}

#[test]
fn the_sources_are_those_that_are_recognised() {
    let told = names(&section(LANGUAGE, "## Sources"));
    assert_eq!(told, set(Demuxer::NAMES));
}

/// Every decoder of the layer, but for those that have another's work.
#[test]
fn the_codecs_are_those_of_the_layer() {
    let codecs = section(LANGUAGE, "### Codecs");
    let told = set(codecs.split('`').skip(1).step_by(2));
    assert_eq!(told, crate::inputs::decoders::of_the_layer());
}

#[test]
fn the_delays_are_those_that_are_made_up_for() {
    let told: Vec<_> = entries(&section(LANGUAGE, "### Audio to the sample"));
    let codecs: BTreeSet<&str> = told.iter().map(|row| row[0].as_str()).skip(1).collect();
    assert_eq!(codecs, AudioCodec::NAMES.iter().copied().collect());
    for row in &told[1..] {
        let output = AudioOutput {
            codec: AudioCodec::from_name(&row[0]).unwrap(),
            sample_rate: row[1].parse().unwrap(),
            channels: 1,
            rate: AudioRateControl::Default,
            bit_depth: 16,
        };
        assert_eq!(output.encoder_delay().to_string(), row[2], "{row:?}");
    }
}

#[test]
fn the_variables_are_those_of_the_language() {
    let table = section(LANGUAGE, "## Names and variables");
    let first_cells = rows(&table).into_iter().map(|row| row[0].clone());
    let told: Vec<String> = first_cells
        .flat_map(|cell| cell.split('`').map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|word| Some(word.strip_prefix('{')?.strip_suffix('}')?.to_owned()))
        .collect();
    assert_eq!(told, Variable::NAMES);
}

#[test]
fn the_records_fields_are_those_that_it_has() {
    let mut record = example_record();
    let end = record.start_time;
    record.fail(Code::InternalError, "why", end);
    record.execution_arn = Some("arn".to_owned());
    record.chunks = Some(ChunkCount { total: 1, done: 0 });
    let record = serde_json::to_value(record).unwrap();
    let section = section(RECORD, "## The task record");
    for (title, fields) in objects(&record) {
        let heading = format!("### `{title}`\n");
        let text = match &*title {
            "" => &section,
            _ => section.split_once(&heading).expect(&heading).1,
        };
        let text = text.split("\n### ").next().unwrap();
        assert_eq!(names(text), set(fields.keys()), "{title}");
    }
}

/// The record and every object in it, by path; one item of a list stands for all.
fn objects(record: &Value) -> Vec<(String, &Map<String, Value>)> {
    fn collect<'a>(
        path: &str,
        value: &'a Value,
        found: &mut Vec<(String, &'a Map<String, Value>)>,
    ) {
        match value {
            Value::Object(fields) => {
                found.push((path.to_owned(), fields));
                for (name, value) in fields {
                    let path = format!("{path}.{name}");
                    collect(path.trim_start_matches('.'), value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(path, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect("", record, &mut found);
    found
}

#[test]
fn the_templates_parameters_are_listed_with_their_defaults() {
    let template = read("template.yaml");
    let (_, rest) = template.split_once("\nParameters:\n").unwrap();
    let (parameters, _) = rest.split_once("\n\n").unwrap();
    let mut expected: Vec<(&str, &str)> = Vec::new();
    for line in parameters.lines() {
        let text = line.trim();
        if let Some(default) = text.strip_prefix("Default: ") {
            expected.last_mut().unwrap().1 = match default.trim_matches('"') {
                "" => "empty",
                default => default,
            };
        } else if line.starts_with("  ") && !line.starts_with("   ") {
            expected.push((text.trim_end_matches(':'), "required"));
        }
    }
    let table = entries(&section(OPERATIONS, "## Deployment"));
    let told: Vec<_> = table.iter().map(|row| (&*row[0], &*row[1])).collect();
    assert_eq!(told, expected);
}

#[test]
fn the_examples_can_be_carried_out() {
    for block in blocks("json") {
        let example: Value = serde_json::from_str(&block).unwrap();
        if example.get("process").is_some() {
            assert_eq!(
                example,
                serde_json::from_str::<Value>(&read("events/direct.json")).unwrap()
            );
            let request = requested(&example);
            let keys: Vec<_> = request.clips.iter().map(|clip| &*clip.key).collect();
            assert_eq!(keys, ["pre.mov", "example.mkv", "sur1.aac"]);
            assert_eq!((request.align, request.topic.as_deref()), (1, Some("AudioConvert")));
        } else {
            let message = completion(&example_record(), "arn", 0);
            let message: Map<String, Value> = serde_json::from_str(&message.body).unwrap();
            assert_eq!(set(example.as_object().unwrap().keys()), set(message.keys()));
        }
    }
    for block in blocks("process") {
        let process: String = block.lines().map(str::trim).collect();
        let request = resolved(&process, "examplebucket", "talks/monday.mkv");
        assert!(request.is_ok_and(|request| request.warnings.is_empty()), "{process}");
    }
}

fn requested(event: &Value) -> Request {
    let Ok(Event::Submissions(submissions)) = decode(event) else { panic!("no task: {event}") };
    let [Submission { bucket, object, process: ProcessSource::Given(process), .. }] =
        &submissions[..]
    else {
        panic!("no direct event: {event}")
    };
    resolved(process, bucket, object).unwrap()
}

#[test]
fn the_mistakes_read_like_this() {
    for block in blocks("mistake") {
        let (process, message) = block.split_once('\n').unwrap();
        let error = resolved(process, "examplebucket", "example.mkv").unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_timeline_is_the_one_that_is_drawn() {
    let table = rows(&section(FRONT, "## A request, word by word"));
    let number = |cell: &str| cell.trim_end_matches(" ms").parse::<u64>().ok();
    let told: Vec<Vec<u64>> =
        table.iter().filter_map(|row| row.iter().map(|cell| number(cell)).collect()).collect();
    let lengths: Vec<Flicks> = told.iter().map(|row| Flicks::from_millis(row[1])).collect();
    let timeline = Timeline::new(&lengths, 25.into(), 48_000);
    assert_eq!(told.len(), 3);
    for (row, place) in told.iter().zip(timeline.places) {
        let place = [place.first_frame, place.frames, place.first_sample, place.samples];
        assert_eq!(row[2..], place);
    }
}

/// The targets of the links and frames in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap())
}

#[test]
fn links_lead_somewhere() {
    for page in documents() {
        for target in links(&read(&page)).filter(|target| !target.starts_with("https://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match path {
                "" => file(&page),
                path => file(&page).parent().unwrap().join(path),
            };
            assert!(path.exists(), "{page}: {target}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&path).unwrap();
                assert!(anchors(&text).contains(anchor), "{page}: {target}");
            }
        }
    }
}

/// A second heading with the same name would get another anchor.
#[test]
fn no_document_has_two_headings_of_one_name() {
    for page in documents() {
        let text = read(&page);
        let headings = text.lines().filter(|line| heading_level(line).is_some()).count();
        assert_eq!(anchors(&text).len(), headings, "{page}");
    }
}

#[test]
fn the_front_page_is_short_and_leads_to_every_document() {
    let text = read(FRONT);
    assert!(text.lines().count() <= 350);
    let linked: BTreeSet<&str> = links(&text).map(|link| link.split('#').next().unwrap()).collect();
    for page in documents().iter().filter(|page| *page != FRONT) {
        assert!(linked.contains(page.as_str()), "{page}");
    }
}

#[test]
fn the_front_page_has_a_small_picture() {
    let text = read(FRONT);
    let pictures = text.split("](").filter(|before| before.contains("!["));
    assert_eq!(pictures.count(), 1);
    let picture = links(&text).next().unwrap();
    let bytes = fs::read(file(picture)).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n") && bytes.len() <= 60_000, "{}", bytes.len());
}

#[test]
fn tables_of_contents_are_complete() {
    let mut pages = 0;
    for page in documents() {
        let text = read(&page);
        let (head, _) = text.split_once("\n## ").unwrap_or((&text, ""));
        let told: Vec<&str> = head.lines().filter(|line| line.starts_with("- [")).collect();
        if !told.is_empty() {
            let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
            let right: Vec<String> =
                titles.map(|title| format!("- [{title}](#{})", anchor(title))).collect();
            assert_eq!(told, right, "{page}");
            pages += 1;
        }
    }
    assert!(pages > 3);
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| heading_level(line).is_some());
    set(headings.map(|line| anchor(line.trim_start_matches('#').trim())))
}

/// The anchor that GitHub makes of a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}
