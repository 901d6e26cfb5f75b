use std::collections::BTreeSet;

use super::{AccessKeys, Distribute, Distribution, HttpAuth, KeySource, Settings};
use crate::object::ObjectUri;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    let get = |name: &str| {
        let pair = pairs.iter().find(|(known, _)| *known == name);
        pair.map(|(_, value)| (*value).to_owned())
    };
    Settings::from_env_map(get).map_err(|errors| errors.to_string())
}

#[test]
fn an_empty_environment_gives_the_defaults() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.ffmpeg.to_str(), Some("/opt/bin/ffmpeg"));
    assert_eq!(settings.ffprobe.to_str(), Some("/opt/bin/ffprobe"));
    assert_eq!(settings.work_dir.to_str(), Some("/tmp"));
    assert_eq!(settings.task_prefix, ".tasks/");
    assert_eq!(settings.max_sources, 11);
    let distribution = Distribution {
        state_machine: None,
        which: Distribute::Auto,
        chunk_seconds: 60,
        max_concurrency: 40,
    };
    assert_eq!(settings.distribution, distribution);
    let iam_only = HttpAuth::Required { iam: true, oss: false };
    assert_eq!(settings.http_auth, iam_only);
    assert_eq!(settings.access_keys, None);
    assert_eq!(read(&[("MAX_SOURCES", ""), ("TASK_BUCKET", "")]), Ok(settings));
}

#[test]
fn each_wrong_setting_gets_a_line() {
    for (name, value, line) in [
        (
            "MAX_SOURCES",
            "0",
            "setting `MAX_SOURCES` is `0`, but must be a whole number from 1 to 64",
        ),
        (
            "MAX_SOURCES",
            "many",
            "setting `MAX_SOURCES` is `many`, but must be a whole number from 1 to 64",
        ),
        ("WORK_DIR", "tmp", "setting `WORK_DIR` is `tmp`, but must be an absolute path"),
        (
            "TASK_BUCKET",
            "s3://b",
            "setting `TASK_BUCKET` can't be used: `s3://b` is not a valid bucket name: expected 3 to 63 of a-z, 0-9, `.`, and `-`, with a letter or digit at each end and after each dot",
        ),
        ("TASK_PREFIX", "/t", "setting `TASK_PREFIX` is `/t`, but a key must not start with `/`"),
        (
            "HTTP_AUTH",
            "all",
            "setting `HTTP_AUTH` is `all`, but must be `iam`, `oss`, `iam,oss`, or `none`",
        ),
        ("COPY", "yes", "setting `COPY` is `yes`, but must be `auto`, `fitting`, or `never`"),
        ("VERIFY", "hope", "setting `VERIFY` is `hope`, but must be `decode` or `packets`"),
        (
            "TOPIC_ARN_PREFIX",
            "topics",
            "setting `TOPIC_ARN_PREFIX` is `topics`, but must look like `arn:aws:sns:us-east-1:123456789012:`",
        ),
        (
            "EVENT_BUS",
            "arn:aws:sns:us-east-1:123456789012:done",
            "setting `EVENT_BUS` is `arn:aws:sns:us-east-1:123456789012:done`, but must be the name or the ARN of an event bus",
        ),
        (
            "EVENT_BUS",
            "my bus",
            "setting `EVENT_BUS` is `my bus`, but must be the name or the ARN of an event bus",
        ),
        (
            "OSS_ACCESS_KEYS",
            "hunter2",
            "setting `OSS_ACCESS_KEYS` must be a JSON object of access key id to secret, both texts that are not empty; instead of the secret it may have `{\"secret\": \"...\", \"sources\": [\"bucket/prefix*\"], \"targets\": [\"bucket/prefix*\"], \"topics\": [\"name\"]}`",
        ),
    ] {
        assert_eq!(read(&[(name, value)]), Err(line.to_owned()));
    }
    assert!(read(&[("VIDEO_PRESET", "warp")]).unwrap_err().contains("`warp`"));
    assert!(read(&[("HTTP_AUTH", "oss")]).unwrap_err().contains("`OSS_ACCESS_KEYS`"));
    let two = read(&[("MAX_SOURCES", "x"), ("WORK_DIR", "y")]).unwrap_err();
    assert_eq!(two.lines().count(), 2);
}

#[test]
fn every_wrong_setting_stops_the_start_with_one_line() {
    for name in [
        "FFMPEG_PATH",
        "WORK_DIR",
        "TASK_BUCKET",
        "TOPIC_ARN_PREFIX",
        "UPLOAD_PROCESS",
        "DEFAULT_BUCKET",
        "OSS_ACCESS_KEYS",
        "HTTP_AUTH",
        "MAX_SOURCES",
        "STATE_MACHINE_ARN",
        "DISTRIBUTE",
        "CHUNK_SECONDS",
        "MAX_CONCURRENCY",
        "COPY",
        "VERIFY",
        "EVENT_BUS",
        "FAILED_EVENTS_QUEUE",
        "VIDEO_PRESET",
        "AWS_ENDPOINT_URL_S3",
    ] {
        let problem = read(&[(name, &"two\nlines\u{1b}[1m".repeat(100))]).unwrap_err();
        assert!(problem.starts_with(&format!("setting `{name}` ")), "{problem}");
        assert!(!problem.contains(char::is_control) && problem.len() < 500, "{problem:?}");
    }
}

#[test]
fn an_upload_process_is_checked_as_far_as_it_can_be() {
    let process = |main: &str| format!("video/concat,f_mp4,vcodec_h264,acodec_aac{main}");
    let beside = process("|sys/saveas,o_e2Jhc2VuYW1lfS5tcDQ");
    let wrong = read(&[("UPLOAD_PROCESS", "video/concat,f_mp4,vcodek_h264")]).unwrap_err();
    assert!(wrong.ends_with("at byte 19; did you mean `vcodec`?"), "{wrong}");
    let two = process("/sur,o_YQ|sys/saveas,o_b3V0");
    assert_eq!(read(&[("UPLOAD_PROCESS", &beside)]).unwrap().upload_process, Some(beside));
    assert!(read(&[("UPLOAD_PROCESS", &two)]).is_ok());
    let short = [("UPLOAD_PROCESS", two.as_str()), ("MAX_SOURCES", "1")];
    assert!(read(&short).unwrap_err().contains("2 files are too many"));
}

#[test]
fn endpoints_are_addresses_of_servers() {
    for good in [
        "http://localhost",
        "https://s3.example.com/",
        "http://[::1]:4566",
        "http://10.0.0.1:9000/s3",
    ] {
        assert!(read(&[("AWS_ENDPOINT_URL_S3", good)]).is_ok(), "{good}");
    }
    for wrong in
        ["http://", "https:///b", "ftp://h", "http://h:x", "http://h:70000", "http://a b", "h"]
    {
        let problem = read(&[("AWS_ENDPOINT_URL_S3", wrong)]).unwrap_err();
        let expected =
            format!("setting `AWS_ENDPOINT_URL_S3` is `{wrong}`, but must be the address");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn keys_turn_oss_signatures_on_and_are_never_printed() {
    let settings = read(&[("OSS_ACCESS_KEYS", r#"{"AKID": "hunter2"}"#)]).unwrap();
    let both = HttpAuth::Required { iam: true, oss: true };
    assert_eq!(settings.http_auth, both);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let Some(KeySource::Given(keys)) = settings.access_keys else {
        panic!("no keys");
    };
    let key = keys.get("AKID").unwrap();
    assert_eq!(key.secret.expose(), "hunter2");
    assert!(key.sources.is_none() && key.targets.is_none());
}

#[test]
fn keys_may_be_limited() {
    let json = r#"{"AKID": {"secret": "hunter2", "sources": ["clips/in/*"]}, "OTHER": "s"}"#;
    let keys = AccessKeys::from_json(json).unwrap();
    let key = keys.get("AKID").unwrap();
    assert!(key.sources.allows(&ObjectUri::named("clips", "in/a.mp4").unwrap()));
    assert!(!key.sources.allows(&ObjectUri::named("clips", "a.mp4").unwrap()));
    assert!(key.targets.is_none());
    for wrong in [
        r#"{"AKID": {"secret": "hunter2", "source": ["clips/*"]}}"#,
        r#"{"AKID": {"secret": "hunter2", "sources": ["*"]}}"#,
        r#"{"AKID": {"sources": ["clips/*"]}}"#,
        r#"{"AKID": {"secret": ""}}"#,
        r#"{"": "hunter2"}"#,
        "{}",
    ] {
        let problem = AccessKeys::from_json(wrong).unwrap_err();
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn only_a_local_function_can_be_open() {
    let open = read(&[("HTTP_AUTH", "none"), ("AWS_SAM_LOCAL", "true")]).unwrap();
    assert_eq!(open.http_auth, HttpAuth::Open);
    assert!(open.is_local);
    let deployed = read(&[("HTTP_AUTH", "none")]).unwrap();
    assert_ne!(deployed.http_auth, HttpAuth::Open);
    assert_eq!(deployed.warnings.len(), 1);
}

#[test]
fn a_topic_prefix_gets_its_last_colon() {
    for given in ["arn:aws:sns:eu-west-1:1", "arn:aws:sns:eu-west-1:1:"] {
        let settings = read(&[("TOPIC_ARN_PREFIX", given)]).unwrap();
        assert_eq!(settings.topic_arn_prefix.as_deref(), Some("arn:aws:sns:eu-west-1:1:"));
    }
}

#[test]
fn missing_files_are_named_by_their_setting() {
    let settings = read(&[("FFMPEG_PATH", "/no/ffmpeg")]).unwrap();
    let error = settings.check_files().unwrap_err().to_string();
    assert!(error.starts_with("setting `FFMPEG_PATH` names `/no/ffmpeg`"), "{error}");
}

#[test]
fn what_is_wrong_with_the_distribution_gets_a_line() {
    for (name, value, line) in [
        (
            "STATE_MACHINE_ARN",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "setting `STATE_MACHINE_ARN` is `arn:aws:lambda:us-east-1:123456789012:function:f`, but must look like `arn:aws:states:us-east-1:123456789012:stateMachine:name`",
        ),
        (
            "DISTRIBUTE",
            "yes",
            "setting `DISTRIBUTE` is `yes`, but must be `auto`, `always`, or `never`",
        ),
        (
            "DISTRIBUTE",
            "always",
            "setting `DISTRIBUTE` is `always`, but `STATE_MACHINE_ARN` is not set",
        ),
        (
            "CHUNK_SECONDS",
            "9",
            "setting `CHUNK_SECONDS` is `9`, but must be a whole number from 10 to 600",
        ),
        (
            "MAX_CONCURRENCY",
            "-1",
            "setting `MAX_CONCURRENCY` is `-1`, but must be a whole number from 1 to 10000",
        ),
    ] {
        assert_eq!(read(&[(name, value)]).unwrap_err(), line);
    }
}

#[test]
fn a_task_is_distributed_where_there_is_a_state_machine_and_it_may_be() {
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:long";
    let machine = ("STATE_MACHINE_ARN", arn);
    for (pairs, found) in [
        (vec![machine], Some(arn)),
        (vec![machine, ("DISTRIBUTE", "always")], Some(arn)),
        (vec![machine, ("DISTRIBUTE", "never")], None),
        (vec![], None),
        // As the SAM CLI sets it.
        (vec![("STATE_MACHINE_ARN", "LongTasksMachine"), ("AWS_SAM_LOCAL", "true")], None),
    ] {
        let settings = read(&pairs).unwrap();
        assert_eq!(settings.distribution.state_machine(), found, "{pairs:?}");
    }
}

#[test]
fn a_setting_that_changes_the_output_is_a_part_of_what_the_task_is() {
    let definition = |settings: &[(&str, &str)]| read(settings).unwrap().definition("p");
    let presets = ["veryfast", "fast", "slow"].map(|preset| ("VIDEO_PRESET", preset));
    let copies = ["auto", "fitting", "never"].map(|policy| ("COPY", policy));
    let mut definitions = BTreeSet::new();
    for preset in presets {
        definitions.extend(copies.map(|copy| definition(&[preset, copy])));
    }
    assert_eq!(definitions.len(), 9, "{definitions:?}");
    assert_eq!(definition(&[presets[0], copies[0]]), "p");
}
