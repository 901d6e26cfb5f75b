//! The published example.

use super::read;
use crate::object::Key;
use crate::process::request::{Clip, LowerSource, RateControl, Role};

const SEED: &str = "video/concat,ss_10000,f_mp4,vcodec_h264,fps_25,vb_1000000,acodec_aac,ab_96000,\
    ar_48000,ac_2,align_1/pre,o_cHJlLm1vdgo/sur,o_c3VyMS5hYWMK,t_10000|sys/saveas,\
    b_b3V0YnVja2V0,o_b3V0b2JqLnthdXRvZXh0fQo/notify,topic_QXVkaW9Db252ZXJ0";

#[test]
fn the_published_example_means_what_its_page_says() {
    let request = read(SEED).unwrap();
    let clip = |role, key: &str, start_ms, duration_ms| Clip {
        role,
        key: Key::new(key).unwrap(),
        start_ms,
        duration_ms,
    };
    let clips = [
        clip(Role::Pre, "pre.mov", 0, None),
        clip(Role::Main, "example.mkv", 10_000, None),
        clip(Role::Sur, "sur1.aac", 0, Some(10_000)),
    ];
    assert_eq!(request.clips, clips);
    assert_eq!((request.main, request.align), (1, 1));
    assert_eq!(request.target.bucket.unwrap().source(), "outbucket");
    assert_eq!(request.target.key.source(), "outobj.{autoext}");
    assert_eq!(request.topic.as_deref(), Some("AudioConvert"));
    let video = request.video.unwrap();
    let option = LowerSource::UseAsked;
    assert_eq!(video.rate, RateControl::BitRate { bit_rate: 1_000_000, option });
    assert_eq!(request.warnings.len(), 3);
    for (warning, name) in request.warnings.iter().zip(["pre.mov", "sur1.aac", "outobj.{autoext}"])
    {
        assert!(warning.contains("line break") && warning.contains(name), "{warning}");
    }
}

#[test]
fn a_line_break_after_the_whole_string_is_dropped_with_a_warning() {
    let request = read(SEED).unwrap();
    for end in ["\n", "\r\n"] {
        let with_break = read(&format!("{SEED}{end}")).unwrap();
        assert_eq!(with_break.canonical, request.canonical);
        let last = with_break.warnings.last().unwrap();
        assert!(last.contains("process string") && last.contains("line break"), "{last}");
        assert_eq!(with_break.topic.as_deref(), Some("AudioConvert"));
    }
    for other in [format!("{SEED}\n\n"), format!("\n{SEED}"), SEED.replace("/sur", "\n/sur")] {
        assert!(read(&other).is_err(), "{other:?}");
    }
}
