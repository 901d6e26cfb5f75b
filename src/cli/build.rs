//! `build`: makes a process string from plain names and numbers, and the commands that send it.

mod table_args;

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;
use video_concat::codec::{AudioCodec, Container, VideoCodec, audio_ban, video_ban};
use video_concat::process::Request;
use video_concat::process::name::encode;
use video_concat::quantity::milliseconds;
use video_concat::sender;

use super::failure::Failure;
use super::output::Output;
use super::request::Asked;
use table_args::OutputParameters;

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The process string.
    #[default]
    String,
    /// A direct event, in JSON.
    Event,
    /// A curl command, signed for IAM.
    Curl,
    /// A program that uses the OSS SDK for Python.
    Python,
}

/// The arguments. A clip is `KEY`, or `KEY,ss=START,t=LENGTH`; lengths are `10s`, `1.5s`, `250ms`,
/// `1:30`, or milliseconds.
#[derive(Args, Debug)]
pub(crate) struct Build {
    /// A clip before the main object; may be repeated.
    #[arg(long, value_name = "CLIP")]
    pre: Vec<String>,
    /// A clip after the main object; may be repeated.
    #[arg(long, value_name = "CLIP")]
    sur: Vec<String>,
    #[command(flatten)]
    parameters: OutputParameters,
    /// Cut the output into segments: `hls,t=6s` or `dash,t=4s`.
    #[arg(long, value_name = "FORMAT,t=LENGTH")]
    segment: Option<String>,
    /// Where the result is stored: a key or `s3://BUCKET/KEY`, with variables such as `{barename}`.
    #[arg(long, value_name = "KEY")]
    to: String,
    /// Send a message to this topic when the task has ended.
    #[arg(long, value_name = "NAME|ARN")]
    topic: Option<String>,
    /// Key of the main object.
    #[arg(long, value_name = "KEY", required_if_eq_any([("form", "event"), ("form", "curl"), ("form", "python")]))]
    object: Option<String>,
    /// Bucket of the main object.
    #[arg(long, value_name = "NAME", required_if_eq_any([("form", "event"), ("form", "curl"), ("form", "python")]))]
    bucket: Option<String>,
    /// What to print.
    #[arg(long = "as", id = "form", value_enum, default_value_t, value_name = "FORM")]
    form: Form,
}

impl Build {
    pub(crate) fn run(&self, output: Output) -> Result<(), Failure> {
        let asked = Asked::alone(self.process(), self.bucket.clone(), self.object.clone());
        let request = asked.resolve()?;
        output.warnings(&request.warnings);
        output.result(&self.print(&request), || {
            let mut fields = json!({"Process": request.canonical, "Warnings": request.warnings});
            if self.form != Form::String {
                fields["Text"] = self.print(&request).into();
            }
            fields
        })
    }

    fn print(&self, request: &Request) -> String {
        let process = &request.canonical;
        let object = self.object.as_deref().unwrap_or_default();
        match self.form {
            Form::String => format!("{process}\n"),
            Form::Event => sender::event(&request.bucket, object, process),
            Form::Curl => sender::curl(&request.bucket, object, process),
            Form::Python => sender::python(&request.bucket, object, process),
        }
    }

    /// The string from the arguments, not checked yet.
    fn process(&self) -> String {
        let mut process = "video/concat".to_owned();
        for (name, value) in self.parameters.given() {
            push(&mut process, name, value);
        }
        self.push_codecs(&mut process);
        for (operation, clips) in [("/pre", &self.pre), ("/sur", &self.sur)] {
            for clip in clips {
                process.push_str(operation);
                push_clip(&mut process, clip);
            }
        }
        if let Some(segment) = &self.segment {
            let (format, options) = options(segment, &["t"]);
            process.push_str("/segment");
            push(&mut process, "f", format);
            push_lengths(&mut process, &options);
        }
        process.push_str("|sys/saveas");
        let target = self.to.strip_prefix("s3://").and_then(|uri| uri.split_once('/'));
        if let Some((bucket, _)) = target {
            push(&mut process, "b", &encode(bucket));
        }
        push(&mut process, "o", &encode(target.map_or(self.to.as_str(), |(_, key)| key)));
        if let Some(topic) = &self.topic {
            process.push_str("/notify");
            push(&mut process, "topic", &encode(topic));
        }
        process
    }

    /// Adds codecs that the container supports if none are given, since the language has no
    /// defaults.
    fn push_codecs(&self, process: &mut String) {
        let value = |name| self.parameters.value(name);
        let Some(container) = value("f").and_then(Container::from_name) else { return };
        if value("vcodec").is_none() {
            let mut fitting = [VideoCodec::H264, VideoCodec::H265, VideoCodec::Vp9].into_iter();
            let codec = fitting.find(|codec| video_ban(container, *codec).is_none());
            if let Some(codec) = codec {
                push(process, "vcodec", codec.name());
            }
        }
        if value("acodec").is_none() {
            let mut fitting = std::iter::once(AudioCodec::Aac).chain(AudioCodec::ALL.to_owned());
            let codec = fitting.find(|codec| audio_ban(container, *codec).is_none());
            if let Some(codec) = codec {
                push(process, "acodec", codec.name());
            }
        }
    }
}

fn push(process: &mut String, name: &str, value: &str) {
    // Writing to a String never fails.
    let _ = write!(process, ",{name}_{value}");
}

fn push_clip(process: &mut String, clip: &str) {
    let (key, options) = options(clip, &["ss", "t"]);
    push(process, "o", &encode(key));
    push_lengths(process, &options);
}

fn push_lengths(process: &mut String, options: &[(&str, &str)]) {
    for (name, value) in options {
        push(process, name, &milliseconds(value));
    }
}

/// Splits `key,name=value,...`. A key may contain commas, so options are only split off at its end:
/// those with one of these names, and others with a length as value, which the language then
/// rejects.
fn options<'a>(text: &'a str, names: &[&str]) -> (&'a str, Vec<(&'a str, &'a str)>) {
    let mut key = text;
    let mut found = Vec::new();
    while let Some((before, last)) = key.rsplit_once(',')
        && let Some((name, value)) = last.split_once('=')
        && (names.contains(&name) || is_option(name, value))
    {
        found.insert(0, (name, value));
        key = before;
    }
    (key, found)
}

/// Whether this has the form of an option with a length.
fn is_option(name: &str, value: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_lowercase())
        && milliseconds(value).bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::options;

    #[test]
    fn keys_keep_their_commas() {
        for (text, key, found) in [
            ("a.mp4", "a.mp4", vec![]),
            ("a.mp4,t=10s", "a.mp4", vec![("t", "10s")]),
            ("a,b=c.mp4,ss=1s,t=2s", "a,b=c.mp4", vec![("ss", "1s"), ("t", "2s")]),
            ("t=1,x", "t=1,x", vec![]),
            ("a.mp4,b=c2.mp4", "a.mp4,b=c2.mp4", vec![]),
            ("a.mp4,tt=1s", "a.mp4", vec![("tt", "1s")]),
            ("a.mp4,length=90", "a.mp4", vec![("length", "90")]),
            ("a,Shot=3", "a,Shot=3", vec![]),
        ] {
            assert_eq!(options(text, &["ss", "t"]), (key, found), "{text}");
        }
    }
}
