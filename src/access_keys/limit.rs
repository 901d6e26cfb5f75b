//! Which objects and topics an access key allows.

use serde::Deserialize;

use crate::object::{Bucket, ObjectUri, has_parent_segment};
use crate::playlist::stem;
use crate::process::Request;
use crate::process::template::Variables;

/// The objects that a key allows as sources, or as targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<Vec<Pattern>>")]
pub enum Limit {
    /// All that the function itself may use.
    #[default]
    None,
    /// Only these.
    To(Vec<Pattern>),
}

/// The topics to which a key's tasks may send messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<Vec<TopicPattern>>")]
pub enum TopicLimit {
    /// All that the function itself may publish to.
    #[default]
    None,
    /// Only these.
    To(Vec<TopicPattern>),
}

/// The name or the ARN of a topic, or the start of one followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicPattern {
    start: String,
    is_prefix: bool,
}

/// `bucket`, `bucket/prefix*`, or `bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern {
    bucket: Bucket,
    key: KeyPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyPattern {
    Exactly(String),
    StartsWith(String),
}

impl From<Option<Vec<Pattern>>> for Limit {
    fn from(patterns: Option<Vec<Pattern>>) -> Self {
        patterns.map_or(Self::None, Self::To)
    }
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "expected `bucket`, `bucket/prefix*`, or `bucket/key`";
        let (bucket, key) = text.split_once('/').unwrap_or((&text, "*"));
        let (prefix, is_prefix) = match key.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (key, false),
        };
        let bucket = Bucket::new(bucket).map_err(|_| WRONG)?;
        if prefix.contains('*') || key.is_empty() {
            return Err(WRONG);
        }
        Ok(Self {
            bucket,
            key: if is_prefix {
                KeyPattern::StartsWith(prefix.to_owned())
            } else {
                KeyPattern::Exactly(prefix.to_owned())
            },
        })
    }
}

impl From<Option<Vec<TopicPattern>>> for TopicLimit {
    fn from(patterns: Option<Vec<TopicPattern>>) -> Self {
        patterns.map_or(Self::None, Self::To)
    }
}

impl TryFrom<String> for TopicPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (start, is_prefix) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (&*text, false),
        };
        if start.contains('*') || text.is_empty() {
            return Err("expected the name or the ARN of a topic, or the start of one and `*`");
        }
        Ok(Self { start: start.to_owned(), is_prefix })
    }
}

impl TopicLimit {
    /// Whether there is no limit.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether a topic is allowed. `arn` completes bare names, in patterns as well.
    #[must_use]
    pub fn allows(&self, topic: &str, arn: impl Fn(&str) -> String) -> bool {
        let topic = arn(topic);
        let allows = |pattern: &TopicPattern| {
            let start = arn(&pattern.start);
            if pattern.is_prefix { topic.starts_with(&start) } else { topic == start }
        };
        match self {
            Self::None => true,
            Self::To(patterns) => patterns.iter().any(allows),
        }
    }
}

impl Limit {
    /// Whether there is no limit.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether an object is allowed.
    #[must_use]
    pub fn allows(&self, uri: &ObjectUri) -> bool {
        self.any(|pattern| pattern.allows(&uri.bucket, &uri.key, true))
    }

    /// Whether every object that a request may write is allowed, judged by the part of the names
    /// that is known before any object has been read.
    #[must_use]
    pub fn allows_target(&self, request: &Request) -> bool {
        let values = Variables {
            bucket: request.bucket.to_string(),
            key: request.clips[request.main].key.to_string(),
            autoext: request.auto_extension().to_owned(),
            ..Variables::default()
        };
        let (bucket, is_known) = match &request.target.bucket {
            Some(template) => template.known_start(&values),
            None => (request.bucket.to_string(), true),
        };
        let names = Names::of(request, &values);
        let allows = |start: &str, is_whole| {
            self.any(|pattern| is_known && pattern.allows(&bucket, start, is_whole))
        };
        allows(&names.target, names.is_whole)
            && names.segments.is_none_or(|segments| allows(&segments, false))
    }

    fn any(&self, allows: impl Fn(&Pattern) -> bool) -> bool {
        match self {
            Self::None => true,
            Self::To(patterns) => patterns.iter().any(allows),
        }
    }
}

/// The known parts of the names of everything that a request writes.
struct Names {
    /// The start of the target's key, or all of it.
    target: String,
    is_whole: bool,
    /// The start of its segments' keys.
    segments: Option<String>,
}

impl Names {
    fn of(request: &Request, values: &Variables) -> Self {
        let template = &request.target.key;
        let (start, is_whole) = template.known_start(values);
        // Unknown values contain neither dots nor slashes, so any value shows where the name is
        // cut.
        let like = Variables { resolution: Some("1x1".to_owned()), ..values.clone() };
        let Ok(like) = template.target_key(&like) else {
            return Self { segments: Some(String::new()), target: start, is_whole: false };
        };
        let segments = request.segment.as_ref().map(|_| match stem(&like) {
            stem if is_whole || stem.len() < start.len() => format!("{stem}-"),
            _ => start.clone(),
        });
        // An extension may be added.
        Self { segments, target: if is_whole { like } else { start }, is_whole }
    }
}

impl Pattern {
    /// To many programs, `a/../b` means `b`, so such a key is never allowed.
    fn allows(&self, bucket: &str, start: &str, is_whole: bool) -> bool {
        bucket == &*self.bucket
            && !has_parent_segment(start)
            && match &self.key {
                KeyPattern::Exactly(key) => is_whole && start == key,
                KeyPattern::StartsWith(prefix) => start.starts_with(prefix.as_str()),
            }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Limit, Pattern};
    use crate::object::ObjectUri;
    use crate::process::{Limits, parse, resolve};

    fn limit(patterns: &[&str]) -> Limit {
        let pattern = |text: &&str| Pattern::try_from((*text).to_owned()).unwrap();
        Limit::To(patterns.iter().map(pattern).collect())
    }

    #[test]
    fn objects_are_inside_or_outside() {
        let limit = limit(&["clips/a/*", "clips/one.mp4", "whole", "all/*"]);
        for (bucket, key, inside) in [
            ("clips", "a/b.mp4", true),
            ("clips", "a/", true),
            ("clips", "a", false),
            // These lead out of the folder, however S3 treats them.
            ("clips", "a/../b.mp4", false),
            ("clips", "a/..", false),
            ("whole", "../x", false),
            ("clips", "a/..b", true),
            ("clips", "ab/c.mp4", false),
            ("clips", "one.mp4", true),
            ("clips", "one.mp4.bak", false),
            ("whole", "any/thing", true),
            ("all", "any/thing", true),
            ("wholesale", "any", false),
        ] {
            assert_eq!(
                limit.allows(&ObjectUri::named(bucket, key).unwrap()),
                inside,
                "{bucket}/{key}"
            );
        }
        assert!(Limit::None.allows(&ObjectUri::named("xyz", "y").unwrap()));
        assert!(!Limit::To(Vec::new()).allows(&ObjectUri::named("xyz", "y").unwrap()));
    }

    fn allows_target(limit: &Limit, target: &str, more: &str) -> bool {
        let name = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let process = format!(
            "video/concat,f_mp4,vcodec_h264,acodec_aac{more}|sys/saveas,b_{},o_{}",
            name("out"),
            name(target)
        );
        let main = ObjectUri::named("clips", "done/a.mkv").unwrap();
        let request = resolve(&parse(&process).unwrap(), &main, Limits { max_sources: 9 });
        limit.allows_target(&request.unwrap())
    }

    #[test]
    fn a_target_is_inside_only_where_all_its_names_are() {
        let limit = limit(&["out/done/*", "out/one.mp4", "out/two"]);
        for (target, more, inside) in [
            ("done/{barename}.mp4", "", true),
            ("done/{resolution}.mp4", "", true),
            ("done/fixed", "", true),
            ("{dirname}/x", "", true),
            ("{t_year}/x", "", false),
            ("don{t_year}/x", "", false),
            ("one.mp4", "", true),
            ("one", "", true),
            // Is stored as `two.mp4`.
            ("two", "", false),
            ("done/x", "/segment,f_hls,t_0", true),
            // Segments are named like `done/x-00001.ts`.
            ("done/x.eu", "/segment,f_hls,t_0", true),
            ("done/..x", "", true),
            // Its segments would not be allowed.
            ("one.mp4", "/segment,f_hls,t_0", false),
        ] {
            assert_eq!(allows_target(&limit, target, more), inside, "{target}{more}");
        }
        assert!(allows_target(&Limit::None, "{t_year}/x", ""));
    }

    /// Segments' names begin with the playlist's name without its extension.
    #[test]
    fn segments_have_to_be_inside_as_well() {
        let segments = "/segment,f_hls,t_0";
        for (pattern, target, inside) in [
            ("out/acme.*", "acme.eu", false),
            ("out/acme.eu", "acme.eu", false),
            ("out/acme*", "acme.eu", true),
            ("out/acme-*", "acme.eu", false),
            ("out/acme.eu*", "acme.eu.m3u8", true),
            ("out/acme.eu*", "acme.eu{t_year}", false),
            ("out/acme.eu*", "acme.eu{t_year}.m3u8", true),
            ("out/a.b/*", "a.b/{t_year}", true),
        ] {
            assert_eq!(allows_target(&limit(&[pattern]), target, segments), inside, "{target}");
        }
    }

    #[test]
    fn stars_stand_at_the_end_only() {
        for text in ["", "/key", "clips*", "clips/*/x", "clips/", "*", "Clips/*"] {
            assert!(Pattern::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
