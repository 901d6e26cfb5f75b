//! What the words mean together.

use num_rational::Ratio;

use super::super::{Conflict, Limits, ProcessErrorKind, TargetError, parse, resolve, target_of};
use super::{LEAST, TARGET, read, read_with};
use crate::codec::{AudioCodec, Container, PixelFormat, VideoCodec};
use crate::object::ObjectUri;
use crate::process::name::encode;
use crate::process::request::{
    AudioRate, LowerSource, RateControl, Role, ScaleType, Segment, SegmentFormat, SizeRequest,
};

#[test]
fn the_least_request_has_every_default() {
    let request = read(&format!("video/concat,{LEAST}{TARGET}")).unwrap();
    assert_eq!((&*request.bucket, request.main, request.align), ("bucket", 0, 0));
    assert_eq!(request.clips.len(), 1);
    assert_eq!((request.clips[0].start_ms, request.clips[0].duration_ms), (0, None));
    assert_eq!(request.container, Container::Mp4);
    assert_eq!((request.segment, request.topic), (None, None));
    assert_eq!(request.target.bucket, None);
    assert!(request.warnings.is_empty());
    let video = request.video.unwrap();
    assert_eq!((video.codec, video.frame_rate), (VideoCodec::H264, None));
    assert_eq!((video.pixel_format, video.size), (None, None));
    assert_eq!((video.scale, video.key_frame_interval), (ScaleType::Fill, 150));
    let crf = Ratio::from_integer(23);
    assert_eq!(
        video.rate,
        RateControl::Quality { crf, is_default: true, max_rate: None, buffer_size: None }
    );
    let audio = request.audio.unwrap();
    assert_eq!((audio.codec, audio.rate), (AudioCodec::Aac, AudioRate::Default));
    assert_eq!((audio.sample_rate, audio.channels, audio.bit_depth), (None, None, None));
}

#[test]
fn every_word_arrives() {
    let request = read(&format!(
        "video/concat,f_mkv,vcodec_vp9,acodec_flac,ss_1,t_2,fps_25,fpsopt_1,pixfmt_yuva420p,\
         s_640x480,sopt_2,scaletype_crop,arotate_1,g_7,vb_10000,vbopt_1,ar_44100,ac_2,ab_1000,\
         abopt_2,adepth_24{TARGET}"
    ))
    .unwrap();
    let video = request.video.unwrap();
    assert_eq!(video.frame_rate, Some(Ratio::from_integer(25)));
    assert_eq!(video.frame_rate_option, LowerSource::UseOwn);
    assert_eq!(video.pixel_format, Some(PixelFormat::Yuva420p));
    let size = SizeRequest {
        width: Some(640),
        height: Some(480),
        option: LowerSource::Fail,
        auto_rotate: true,
    };
    assert_eq!((video.size, video.scale), (Some(size), ScaleType::Crop));
    assert_eq!(video.key_frame_interval, 7);
    let option = LowerSource::UseOwn;
    assert_eq!(video.rate, RateControl::BitRate { bit_rate: 10_000, option });
    let audio = request.audio.unwrap();
    assert_eq!((audio.sample_rate, audio.channels), (Some(44100), Some(2)));
    assert_eq!(audio.bit_depth, Some(24));
    let option = LowerSource::Fail;
    assert_eq!(audio.rate, AudioRate::BitRate { bit_rate: 1000, option });
    assert_eq!((request.clips[0].start_ms, request.clips[0].duration_ms), (1, Some(2)));
}

#[test]
fn frame_rates_are_exact() {
    let ntsc = |nominal: i64| Some(Ratio::new(nominal * 1000, 1001));
    let cases = [
        ("0", None),
        ("0.0", None),
        ("25", Some(Ratio::from_integer(25))),
        ("12.5", Some(Ratio::new(25, 2))),
        ("023.976", ntsc(24)),
        ("23.98", ntsc(24)),
        ("23.976024", ntsc(24)),
        ("29.97", ntsc(30)),
        ("29.97003", ntsc(30)),
        ("47.952", ntsc(48)),
        ("59.94", ntsc(60)),
        ("119.88", ntsc(120)),
        ("24", Some(Ratio::from_integer(24))),
        ("29.9", Some(Ratio::new(299, 10))),
        ("29.96", Some(Ratio::new(2996, 100))),
    ];
    for (text, rate) in cases {
        let request = read_with(&format!("fps_{text}")).unwrap();
        assert_eq!(request.video.unwrap().frame_rate, rate, "{text}");
    }
}

#[test]
fn odd_sides_become_even_with_a_warning() {
    let cases = [
        ("1280x720", Some(1280), Some(720), 0),
        ("1281x721", Some(1280), Some(720), 2),
        ("1x", Some(2), None, 1),
        ("x3", None, Some(2), 1),
        ("4095x4096", Some(4094), Some(4096), 1),
    ];
    for (text, width, height, warnings) in cases {
        let request = read_with(&format!("s_{text}")).unwrap();
        let size = request.video.unwrap().size.unwrap();
        assert_eq!((size.width, size.height), (width, height), "{text}");
        assert_eq!(request.warnings.len(), warnings, "{text}");
    }
}

#[test]
fn a_size_stretches_unless_asked_otherwise() {
    for (parameters, scale) in [
        ("s_2x2", ScaleType::Stretch),
        ("s_2x2,scaletype_fit", ScaleType::Fit),
        ("scaletype_stretch", ScaleType::Stretch),
    ] {
        assert_eq!(read_with(parameters).unwrap().video.unwrap().scale, scale, "{parameters}");
    }
}

#[test]
fn rate_control_fills_in_the_buffer() {
    let quality = |max_rate, buffer_size| RateControl::Quality {
        is_default: false,
        crf: Ratio::new(47, 2),
        max_rate,
        buffer_size,
    };
    let cases = [
        ("", None, None, 0),
        (",maxrate_0,bufsize_0", None, None, 0),
        (",maxrate_10000", Some(10_000), Some(20_000), 0),
        (",maxrate_10000,bufsize_0", Some(10_000), Some(20_000), 0),
        (",maxrate_10000,bufsize_30000", Some(10_000), Some(30_000), 0),
        (",bufsize_30000", None, Some(30_000), 1),
    ];
    for (parameters, max_rate, buffer_size, warnings) in cases {
        let request = read_with(&format!("crf_23.50{parameters}")).unwrap();
        assert_eq!(request.video.unwrap().rate, quality(max_rate, buffer_size), "{parameters}");
        assert_eq!(request.warnings.len(), warnings, "{parameters}");
    }
    let request = read_with("aq_0").unwrap();
    assert_eq!(request.audio.unwrap().rate, AudioRate::Quality(0));
}

#[test]
fn clips_come_in_list_order_however_they_are_mixed() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(encode);
    let process = format!(
        "video/concat,{LEAST},ss_5,align_3/sur,o_{a}/pre,o_{b}/segment,f_hls,t_0/sur,o_{c}/pre,\
         o_{d}{TARGET}"
    );
    let request = read(&process).unwrap();
    let list: Vec<_> = request.clips.iter().map(|clip| (clip.role, &*clip.key)).collect();
    let expected = [
        (Role::Pre, "b"),
        (Role::Pre, "d"),
        (Role::Main, "example.mkv"),
        (Role::Sur, "a"),
        (Role::Sur, "c"),
    ];
    assert_eq!(list, expected);
    assert_eq!((request.main, request.align), (2, 3));
    let starts: Vec<_> = request.clips.iter().map(|clip| clip.start_ms).collect();
    assert_eq!(starts, [0, 0, 5, 0, 0], "the main object's trim is its own");
}

#[test]
fn lists_end_at_the_limit() {
    let main = ObjectUri::named("bucket", "k").unwrap();
    let process = |n: usize| format!("video/concat,{LEAST}{}{TARGET}", "/sur,o_YQ".repeat(n));
    for (more, max_sources, fits) in
        [(10, 11, true), (11, 11, false), (11, 12, true), (0, 1, true), (1, 1, false)]
    {
        let text = process(more);
        let result = resolve(&parse(&text).unwrap(), &main, Limits { max_sources });
        assert_eq!(result.is_ok(), fits, "{more} of {max_sources}");
        if let Err(error) = result {
            let (count, limit) = (more + 1, max_sources);
            assert_eq!(
                *error.kind(),
                ProcessErrorKind::Conflict(Conflict::TooManySources { count, limit })
            );
            let first = text.find("/sur").unwrap();
            assert_eq!(error.offset(), first + (max_sources - 1) * "/sur,o_YQ".len());
        }
    }
}

#[test]
fn align_is_an_index_into_the_list() {
    for (align, fits) in [("0", true), ("1", true), ("2", false), ("4294967295", false)] {
        let process = format!("video/concat,{LEAST},align_{align}/pre,o_YQ{TARGET}");
        assert_eq!(read(&process).is_ok(), fits, "{align}");
    }
}

#[test]
fn segments_are_for_mp4_and_ts() {
    let hls = Segment { format: SegmentFormat::Hls, length_ms: Some(5000) };
    let dash = Segment { format: SegmentFormat::Dash, length_ms: None };
    let cases = [
        ("mp4", "hls,t_5000", Some(hls)),
        ("ts", "hls,t_5000", Some(hls)),
        ("mp4", "dash,t_0", Some(dash)),
        ("ts", "dash,t_0", None),
        ("mkv", "hls,t_5000", None),
        ("mov", "dash,t_0", None),
    ];
    for (container, segment, expected) in cases {
        let process = format!(
            "video/concat,f_{container},vcodec_h264,acodec_aac/segment,f_{segment}{TARGET}"
        );
        assert_eq!(read(&process).ok().and_then(|r| r.segment), expected, "{container} {segment}");
    }
}

#[test]
fn a_target_is_no_source() {
    let cases = [
        ("example.mkv", None, false),
        ("{key}", None, false),
        ("{barename}.mkv", None, false),
        ("a", None, false),
        ("{key}", Some("{bucket}"), false),
        ("{key}", Some("other"), true),
        ("{barename}", None, true),
        ("{t_year}.mkv", None, true),
    ];
    for (key, bucket, fits) in cases {
        let bucket = bucket.map(|b| format!(",b_{}", encode(b))).unwrap_or_default();
        let process = format!(
            "video/concat,{LEAST}/pre,o_{}|sys/saveas,o_{}{bucket}",
            encode("a.mp4"),
            encode(key)
        );
        assert_eq!(read(&process).is_ok(), fits, "{key} {bucket}");
    }
}

#[test]
fn targets_are_names_that_storage_takes() {
    let long = "k".repeat(1021);
    let cases = [
        (",b_".to_owned() + &encode("No_Bucket"), "b"),
        (",b_".to_owned() + &encode("x{t_year}"), ""),
        (String::new(), ""),
    ];
    for (bucket, blamed) in cases {
        let process = format!("video/concat,{LEAST}{TARGET}{bucket}");
        match read(&process) {
            Ok(_) => assert_eq!(blamed, "", "{bucket}"),
            Err(error) => assert_eq!(error.argument_name(), blamed, "{error}"),
        }
    }
    let process = format!("video/concat,{LEAST}|sys/saveas,o_{}", encode(&long));
    let error = read(&process).unwrap_err();
    assert!(
        matches!(error.kind(), ProcessErrorKind::Conflict(Conflict::Target(TargetError::Key(_)))),
        "{error}"
    );
}

#[test]
fn a_resolution_needs_a_video() {
    let target = encode("{resolution}.mp4");
    let process = |more| format!("video/concat,{LEAST}{more}|sys/saveas,o_{target}");
    assert!(read(&process("")).is_ok());
    let error = read(&process(",vn_1")).unwrap_err();
    assert!(matches!(error.kind(), ProcessErrorKind::Conflict(Conflict::Render(_))), "{error}");
}

#[test]
fn targets_are_checked_again_once_they_are_known() {
    let request = read(&format!("video/concat,{LEAST}{TARGET}")).unwrap();
    let check = |bucket: &str, key: &str| target_of(&request, bucket.into(), key.into());
    assert!(check("bucket", "out.mp4").is_ok());
    assert!(check("other", "example.mkv").is_ok());
    let is_source = check("bucket", "example.mkv").unwrap_err();
    assert!(matches!(is_source, TargetError::IsSource(_)));
    assert!(matches!(check("o", "x").unwrap_err(), TargetError::Bucket(_)));
    assert!(matches!(check("bucket", "").unwrap_err(), TargetError::Key(_)));
}

/// S3 accepts such keys, but other programs resolve them to another place.
#[test]
fn no_target_has_parent_segments() {
    let request = read(&format!("video/concat,{LEAST}{TARGET}")).unwrap();
    for (key, fits) in [
        ("a/../b.mp4", false),
        ("../b.mp4", false),
        ("a/..", false),
        ("a/b/../../../c.mp4", false),
        ("..", false),
        ("a/./b.mp4", true),
        ("a/..b.mp4", true),
        ("a../b.mp4", true),
        (".a/b.mp4", true),
        ("a/.../b.mp4", true),
    ] {
        assert_eq!(target_of(&request, "bucket".into(), key.into()).is_ok(), fits, "{key}");
        // The same check before any object is read; there, a final `..` gets an extension.
        let process = format!("video/concat,{LEAST}|sys/saveas,o_{}", encode(key));
        assert_eq!(read(&process).is_ok(), fits || key.ends_with(".."), "{key}");
    }
}

#[test]
fn a_playlist_has_the_extension_of_a_playlist() {
    for (segment, extension) in
        [("", "mp4"), ("/segment,f_hls,t_0", "m3u8"), ("/segment,f_dash,t_0", "mpd")]
    {
        let request = read(&format!("video/concat,{LEAST}{segment}{TARGET}")).unwrap();
        assert_eq!(request.auto_extension(), extension);
    }
}

#[test]
fn strings_that_mean_the_same_have_one_canonical_form() {
    let canonical = "video/concat,ss_5,f_mp4,vcodec_h264,fps_29.97,s_1280x,crf_23,acodec_aac\
        /pre,o_YQ/sur,o_YQ,t_7/segment,f_hls,t_0|sys/saveas,o_b3V0/notify,topic_dA";
    let spellings = [
        canonical,
        "video/concat,acodec_aac,vcodec_h264,f_mp4,crf_23.0,s_1281x,fps_29.970,ss_05\
        /segment,t_0,f_hls/sur,t_7,o_YQ==/pre,o_YQo|sys/saveas,o_b3V0Cg|sys/notify,topic_dA==",
    ];
    for spelling in spellings {
        assert_eq!(read(spelling).unwrap().canonical, canonical);
    }
}
