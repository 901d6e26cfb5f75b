//! Target names with variables.

use super::{LEAST, read};
use crate::process::template::{
    CivilTime, RenderError, Template, TemplateError, Variable, Variables,
};

fn values(key: &str) -> Variables {
    Variables {
        bucket: "films".to_owned(),
        key: key.to_owned(),
        autoext: "mp4".to_owned(),
        resolution: Some("1280x720".to_owned()),
        created: CivilTime { year: 2025, month: 4, day: 7, hour: 6, minute: 4, second: 1 },
        modified: CivilTime { year: 987, month: 12, day: 31, hour: 23, minute: 59, second: 58 },
    }
}

fn render(template: &str, key: &str) -> String {
    Template::parse(template).unwrap().render(&values(key)).unwrap()
}

#[test]
fn every_variable_has_its_value() {
    let cases = [
        ("{bucket}", "films"),
        ("{key}", "a/b/c.tar.gz"),
        ("{dirname}", "a/b"),
        ("{basename}", "c.tar.gz"),
        ("{barename}", "c.tar"),
        ("{ext}", "gz"),
        ("{autoext}", "mp4"),
        ("{resolution}", "1280x720"),
        ("{index}", "1"),
        ("{streamindex}", "0"),
        ("{t_year}{t_mon}{t_day}{t_hour}{t_min}{t_sec}", "20250407060401"),
        ("{year}{mon}{day}{hour}{min}{sec}", "09871231235958"),
    ];
    for (template, rendered) in cases {
        assert_eq!(render(template, "a/b/c.tar.gz"), rendered, "{template}");
    }
    let all: String = cases.iter().map(|case| case.0).collect();
    assert_eq!(Template::parse(&all).unwrap().variables().count(), Variable::ALL.len());
}

#[test]
fn keys_are_taken_apart_at_the_last_slash_and_the_last_dot() {
    let cases = [
        ("a.mp4", "", "a.mp4", "a", "mp4"),
        ("a", "", "a", "a", ""),
        ("x.y/a", "x.y", "a", "a", ""),
        (".hidden", "", ".hidden", ".hidden", ""),
        ("a.", "", "a.", "a", ""),
        ("d/", "d", "", "", ""),
        ("/a.b", "", "a.b", "a", "b"),
        ("//a", "/", "a", "a", ""),
    ];
    for (key, dirname, basename, barename, ext) in cases {
        let parts = ["{dirname}", "{basename}", "{barename}", "{ext}"];
        assert_eq!(
            parts.map(|part| render(part, key)),
            [dirname, basename, barename, ext],
            "{key}"
        );
    }
}

#[test]
fn doubled_braces_are_braces() {
    let cases = [
        ("{{}}", "{}"),
        ("{{key}}", "{key}"),
        ("{{{key}}}", "{k}"),
        ("a{{b", "a{b"),
        ("", ""),
        ("é{key}é", "éké"),
    ];
    for (template, rendered) in cases {
        assert_eq!(render(template, "k"), rendered, "{template}");
    }
}

#[test]
fn mistakes_are_explained() {
    let unknown = |name: &str| TemplateError::UnknownVariable { name: name.to_owned() };
    let cases = [
        ("{autoExt}", unknown("autoExt")),
        ("{}", unknown("")),
        ("{ key }", unknown(" key ")),
        ("a{key", TemplateError::Unclosed { offset: 1 }),
        ("a{", TemplateError::Unclosed { offset: 1 }),
        ("a{b{key}", TemplateError::Unclosed { offset: 1 }),
        ("a}", TemplateError::Unopened { offset: 1 }),
        ("{key}}", TemplateError::Unopened { offset: 5 }),
    ];
    for (template, error) in cases {
        assert_eq!(Template::parse(template), Err(error), "{template}");
    }
    let message = Template::parse("{autoExt}").unwrap_err().to_string();
    assert_eq!(message, "unknown variable `{autoExt}`; did you mean `{autoext}`?");
    let message = Template::parse("a{key").unwrap_err().to_string();
    assert_eq!(message, "`{` at byte 1 of the decoded name is not closed; a literal brace is `{{`");
}

#[test]
fn targets_without_extension_get_one() {
    let cases = [
        ("out", "out.mp4"),
        ("out.mov", "out.mov"),
        ("v1.2/out", "v1.2/out.mp4"),
        ("out.{autoext}", "out.mp4"),
        ("{dirname}/{barename}", "dir/a.mp4"),
        (".hidden", ".hidden.mp4"),
    ];
    for (template, key) in cases {
        let template = Template::parse(template).unwrap();
        assert_eq!(template.target_key(&values("dir/a.mkv")).unwrap(), key);
    }
}

#[test]
fn audio_alone_has_no_resolution() {
    let values = Variables { resolution: None, ..values("k") };
    let template = Template::parse("{resolution}").unwrap();
    assert_eq!(template.render(&values), Err(RenderError::NoResolution));
}

#[test]
fn a_target_that_ends_like_a_folder_gets_a_warning() {
    for (template, end) in [
        ("a/b/", Some('/')),
        ("out.", Some('.')),
        ("out..", Some('.')),
        ("{t_year}/{t_mon}/", Some('/')),
        ("{resolution}.", Some('.')),
        ("{barename}/{dirname}", Some('/')),
        ("a/b", None),
        ("out.mp4", None),
        ("out.{ext}", None),
        ("a.b/c", None),
        (".hidden", None),
    ] {
        let target = crate::process::name::encode(template);
        let request = read(&format!("video/concat,{LEAST}|sys/saveas,o_{target}")).unwrap();
        let warning = end.map(|end| {
            format!("`o_{target}`: the target key ends in `{end}`, so `.mp4` is appended")
        });
        assert_eq!(request.warnings, warning.into_iter().collect::<Vec<_>>(), "{template}");
    }
}
