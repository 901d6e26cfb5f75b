//! The function's settings, read once from its environment.
//!
//! An empty value counts as unset, since templates pass on parameters that nobody has filled in.

mod distribution;
mod endpoints;
#[cfg(test)]
mod tests;
mod upload;

use std::fmt;
use std::ops::RangeInclusive;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::access_keys::{AccessKeys, HttpAuth, KeySource};
use crate::codec::Preset;
use crate::object::Bucket;
use crate::policy::{CopyPolicy, Verify};
use crate::quote::quote;
pub use distribution::{Distribute, Distribution};

/// The greatest allowed limit: every clip adds one or two kilobytes to a single argument of ffmpeg,
/// and the system allows 128 kB.
const MOST_SOURCES: usize = 64;

/// The longest prefix of records' keys: with what is added, the key is always valid.
const LONGEST_TASK_PREFIX: usize = 512;

/// Every setting, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `FFMPEG_PATH`.
    pub ffmpeg: PathBuf,
    /// `FFPROBE_PATH`.
    pub ffprobe: PathBuf,
    /// `WORK_DIR`: the folder for sources and outputs while a task runs.
    pub work_dir: PathBuf,
    /// `TASK_BUCKET`; `None` means the target bucket.
    pub task_bucket: Option<Bucket>,
    /// `TASK_PREFIX`: the prefix of task records' keys.
    pub task_prefix: String,
    /// `TOPIC_ARN_PREFIX`, including the last colon; `None` means the prefix of the function's own
    /// ARN.
    pub topic_arn_prefix: Option<String>,
    /// `EVENT_BUS`: name or ARN of the bus for events about tasks.
    pub event_bus: Option<String>,
    /// `UPLOAD_PROCESS`: the process string for uploads that have none.
    pub upload_process: Option<String>,
    /// `DEFAULT_BUCKET` for HTTP requests whose path holds only a key.
    pub default_bucket: Option<Bucket>,
    /// `OSS_ACCESS_KEYS` or `OSS_ACCESS_KEYS_SECRET`.
    pub access_keys: Option<KeySource>,
    /// `FAILED_EVENTS_QUEUE`: the URL of the queue for messages that can't be decoded.
    pub failed_events_queue: Option<String>,
    /// `AWS_SAM_LOCAL`: the function runs on a developer's machine.
    pub is_local: bool,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`.
    pub memory_mb: u32,
    /// `HTTP_AUTH`.
    pub http_auth: HttpAuth,
    /// `MAX_SOURCES`: the longest concatenation list.
    pub max_sources: usize,
    /// `VIDEO_PRESET`.
    pub video_preset: Preset,
    /// `VERIFY`.
    pub verify: Verify,
    /// `COPY`.
    pub copy: CopyPolicy,
    /// `DISTRIBUTE` and related settings.
    pub distribution: Distribution,
    /// Warnings for the log, as text.
    pub warnings: Vec<String>,
}

/// A wrong setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{name}` {problem}")]
pub struct SettingError {
    /// The setting.
    pub name: &'static str,
    problem: String,
}

/// All wrong settings, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingErrors(pub Vec<SettingError>);

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for SettingErrors {}

impl Settings {
    /// Reads the settings, for which `get` returns the value by name.
    ///
    /// # Errors
    /// Names every wrong setting.
    pub fn from_env_map(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingErrors> {
        let mut reader = Reader { get, errors: Vec::new(), warnings: Vec::new() };
        let access_keys = reader.access_keys();
        let max_sources = reader.max_sources();
        endpoints::check(&mut reader);
        let settings = Self {
            ffmpeg: reader.absolute("FFMPEG_PATH", "/opt/bin/ffmpeg"),
            ffprobe: reader.absolute("FFPROBE_PATH", "/opt/bin/ffprobe"),
            work_dir: reader.absolute("WORK_DIR", "/tmp"),
            task_bucket: reader.bucket("TASK_BUCKET"),
            task_prefix: reader.task_prefix(),
            topic_arn_prefix: reader.topic_arn_prefix(),
            event_bus: reader.event_bus(),
            upload_process: upload::process(&mut reader, max_sources),
            default_bucket: reader.bucket("DEFAULT_BUCKET"),
            failed_events_queue: reader.failed_events_queue(),
            is_local: reader.is_local(),
            memory_mb: reader.memory_mb(),
            http_auth: reader.http_auth(access_keys.is_some()),
            access_keys,
            max_sources,
            video_preset: reader.video_preset(),
            verify: reader.verify(),
            copy: reader.copy(),
            distribution: Distribution::read(&mut reader),
            warnings: reader.warnings,
        };
        if reader.errors.is_empty() { Ok(settings) } else { Err(SettingErrors(reader.errors)) }
    }

    /// What determines the output of a request, as text: its canonical process string, and each
    /// setting that changes the output and does not have its default value.
    #[must_use]
    pub fn definition(&self, canonical: &str) -> String {
        let (preset, copy) = (self.video_preset, self.copy);
        let preset = (preset != Preset::DEFAULT).then(|| format!(" VIDEO_PRESET={preset}"));
        let copy = (copy != CopyPolicy::DEFAULT).then(|| format!(" COPY={copy}"));
        let changed = [preset, copy].into_iter().flatten();
        changed.fold(canonical.to_owned(), |definition, setting| definition + &setting)
    }

    /// The bucket in which a record can be found with its id alone.
    #[must_use]
    pub fn record_bucket(&self) -> Option<&Bucket> {
        self.task_bucket.as_ref().or(self.default_bucket.as_ref())
    }

    /// Checks that the files named by the settings exist.
    ///
    /// # Errors
    /// Names every setting whose file is missing.
    pub fn check_files(&self) -> Result<(), SettingErrors> {
        let missing = |name, path: &Path, is_there: bool, hint: &str| {
            (!is_there).then(|| SettingError {
                name,
                problem: format!("names {}, which is {hint}", shown(path)),
            })
        };
        let tool = "not a program: attach the ffmpeg layer or name another path";
        let errors: Vec<SettingError> = [
            missing("FFMPEG_PATH", &self.ffmpeg, is_program(&self.ffmpeg), tool),
            missing("FFPROBE_PATH", &self.ffprobe, is_program(&self.ffprobe), tool),
            missing("WORK_DIR", &self.work_dir, self.work_dir.is_dir(), "not a folder"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if errors.is_empty() { Ok(()) } else { Err(SettingErrors(errors)) }
    }
}

fn shown(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

fn is_program(path: &Path) -> bool {
    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Reads values one by one and collects the errors.
struct Reader<G> {
    get: G,
    errors: Vec<SettingError>,
    warnings: Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    fn value(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    fn wrong(&mut self, name: &'static str, problem: impl Into<String>) {
        self.errors.push(SettingError { name, problem: problem.into() });
    }

    fn absolute(&mut self, name: &'static str, default: &str) -> PathBuf {
        let path = PathBuf::from(self.value(name).unwrap_or_else(|| default.to_owned()));
        if !path.is_absolute() {
            let problem = format!("is {}, but must be an absolute path", shown(&path));
            self.wrong(name, problem);
        }
        path
    }

    fn bucket(&mut self, name: &'static str) -> Option<Bucket> {
        match Bucket::new(self.value(name)?) {
            Ok(bucket) => Some(bucket),
            Err(error) => {
                self.wrong(name, format!("can't be used: {error}"));
                None
            }
        }
    }

    fn task_prefix(&mut self) -> String {
        let prefix = self.value("TASK_PREFIX").unwrap_or_else(|| ".tasks/".to_owned());
        if prefix.starts_with('/') {
            let problem = format!("is {}, but a key must not start with `/`", quote(&prefix));
            self.wrong("TASK_PREFIX", problem);
        }
        if prefix.len() > LONGEST_TASK_PREFIX {
            let length = prefix.len();
            let problem =
                format!("has {length} bytes, but must have at most {LONGEST_TASK_PREFIX}");
            self.wrong("TASK_PREFIX", problem);
        }
        prefix
    }

    fn topic_arn_prefix(&mut self) -> Option<String> {
        let prefix = self.value("TOPIC_ARN_PREFIX")?;
        let bare = prefix.strip_suffix(':').unwrap_or(&prefix);
        let parts: Vec<&str> = bare.split(':').collect();
        if let ["arn", partition, "sns", region, account] = parts[..]
            && [partition, region, account].iter().all(|part| !part.is_empty())
        {
            return Some(format!("{bare}:"));
        }
        let problem = format!(
            "is {}, but must look like `arn:aws:sns:us-east-1:123456789012:`",
            quote(&prefix)
        );
        self.wrong("TOPIC_ARN_PREFIX", problem);
        None
    }

    fn event_bus(&mut self) -> Option<String> {
        let bus = self.value("EVENT_BUS")?;
        let name = match *bus.split(':').collect::<Vec<_>>() {
            [name] => Some(name),
            ["arn", _, "events", _, _, resource] => resource.strip_prefix("event-bus/"),
            _ => None,
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        if name.is_some_and(|name| (1..=256).contains(&name.len()) && name.chars().all(allowed)) {
            return Some(bus);
        }
        let problem =
            format!("is {}, but must be the name or the ARN of an event bus", quote(&bus));
        self.wrong("EVENT_BUS", problem);
        None
    }

    fn failed_events_queue(&mut self) -> Option<String> {
        let url = self.value("FAILED_EVENTS_QUEUE")?;
        if url.starts_with("https://") || url.starts_with("http://") {
            return Some(url);
        }
        // The SAM CLI sets this variable to the name of the template's resource.
        if !self.is_local() {
            let problem = format!("is {}, but must be the URL of a queue", quote(&url));
            self.wrong("FAILED_EVENTS_QUEUE", problem);
        }
        None
    }

    fn access_keys(&mut self) -> Option<KeySource> {
        match (self.value("OSS_ACCESS_KEYS"), self.value("OSS_ACCESS_KEYS_SECRET")) {
            (None, None) => None,
            (None, Some(id)) => Some(KeySource::SecretsManager(id)),
            (Some(json), None) => match AccessKeys::from_json(&json) {
                Ok(keys) => Some(KeySource::Given(keys)),
                Err(problem) => {
                    self.wrong("OSS_ACCESS_KEYS", problem);
                    None
                }
            },
            (Some(_), Some(_)) => {
                self.wrong("OSS_ACCESS_KEYS", "and `OSS_ACCESS_KEYS_SECRET` exclude each other");
                None
            }
        }
    }

    fn http_auth(&mut self, has_keys: bool) -> HttpAuth {
        let default = HttpAuth::Required { iam: true, oss: has_keys };
        let Some(text) = self.value("HTTP_AUTH") else {
            return default;
        };
        if text.trim() == "none" {
            return self.open_door(default);
        }
        let (mut iam, mut oss) = (false, false);
        for way in text.split(',').map(str::trim) {
            match way {
                "iam" => iam = true,
                "oss" => oss = true,
                _ => {
                    let text = quote(&text);
                    let problem =
                        format!("is {text}, but must be `iam`, `oss`, `iam,oss`, or `none`");
                    self.wrong("HTTP_AUTH", problem);
                    return default;
                }
            }
        }
        if oss && !has_keys {
            let problem = format!(
                "is {}, but neither `OSS_ACCESS_KEYS` nor `OSS_ACCESS_KEYS_SECRET` is set",
                quote(&text)
            );
            self.wrong("HTTP_AUTH", problem);
        }
        HttpAuth::Required { iam, oss }
    }

    fn is_local(&self) -> bool {
        self.value("AWS_SAM_LOCAL").as_deref() == Some("true")
    }

    /// If the platform doesn't set it, the template's default applies.
    fn memory_mb(&self) -> u32 {
        let told = self.value("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        told.and_then(|text| text.parse().ok()).unwrap_or(3008)
    }

    fn open_door(&mut self, default: HttpAuth) -> HttpAuth {
        if self.is_local() {
            return HttpAuth::Open;
        }
        let warning = "setting `HTTP_AUTH` is `none`, which is only allowed if `AWS_SAM_LOCAL` is `true`; the default is used";
        self.warnings.push(warning.to_owned());
        default
    }

    fn max_sources(&mut self) -> usize {
        const DEFAULT: usize = 11;
        self.whole("MAX_SOURCES", &(1..=MOST_SOURCES), DEFAULT)
    }

    /// A whole number within a range.
    fn whole<N>(&mut self, name: &'static str, range: &RangeInclusive<N>, default: N) -> N
    where
        N: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.value(name) else {
            return default;
        };
        if let Some(number) = text.parse().ok().filter(|number| range.contains(number)) {
            return number;
        }
        let (text, least, most) = (quote(&text), range.start(), range.end());
        let problem = format!("is {text}, but must be a whole number from {least} to {most}");
        self.wrong(name, problem);
        default
    }

    fn video_preset(&mut self) -> Preset {
        let expected = format!("one of {}", Preset::NAMES.join(", "));
        self.choice("VIDEO_PRESET", Preset::DEFAULT, Preset::from_name, &expected)
    }

    fn copy(&mut self) -> CopyPolicy {
        let expected = "`auto`, `fitting`, or `never`";
        self.choice("COPY", CopyPolicy::DEFAULT, CopyPolicy::from_name, expected)
    }

    fn verify(&mut self) -> Verify {
        self.choice("VERIFY", Verify::DEFAULT, Verify::from_name, "`decode` or `packets`")
    }

    /// One of several words, which `expected` lists.
    fn choice<T>(
        &mut self,
        name: &'static str,
        default: T,
        from_name: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> T {
        let Some(text) = self.value(name) else { return default };
        if let Some(choice) = from_name(&text) {
            return choice;
        }
        self.wrong(name, format!("is {}, but must be {expected}", quote(&text)));
        default
    }
}
