use num_rational::Ratio;

use super::{Chosen, Report, ReportError, Scan};
use crate::flicks::Flicks;
use crate::media::{
    AudioStream, Coding, Colour, Demuxer, Further, Media, Size, Undecodable, VideoStream,
};

/// A plain 25 fps stream of ten seconds, of which each test changes one property.
pub(crate) fn video_stream() -> VideoStream {
    let size = Size::new(1280, 720);
    VideoStream {
        index: 0,
        codec: "h264".to_owned(),
        coding: Coding {
            profile: "High".to_owned(),
            level: 31,
            progressive: true,
            ..Coding::default()
        },
        size,
        sample_aspect: Ratio::from_integer(1),
        aspect_changes: Vec::new(),
        turned: false,
        orientation: None,
        guessed: false,
        frame_rate: Ratio::from_integer(25),
        pixel_format: "yuv420p".to_owned(),
        colour: Colour::standard(size),
        start: Flicks::ZERO,
        last: Flicks::from_millis(9960),
        end: Flicks::from_millis(10_000),
        late: Flicks::ZERO,
        key_frames: vec![Flicks::ZERO],
        bit_rate: 1_000_000,
        frames: 250,
    }
}

/// A plain 48 kHz stereo stream of ten seconds.
pub(crate) fn audio_stream() -> AudioStream {
    AudioStream {
        index: 1,
        codec: "aac".to_owned(),
        sample_rate: 48_000,
        channels: 2,
        layout: "stereo".to_owned(),
        bit_depth: None,
        unsteady: false,
        start: Flicks::ZERO,
        end: Flicks::from_millis(10_000),
        late: Flicks::ZERO,
        bit_rate: 128_000,
    }
}

/// Ten seconds with video and audio.
pub(crate) fn media() -> Media {
    Media {
        demuxer: Demuxer::Mov,
        depth: 0,
        start: Flicks::ZERO,
        length: Flicks::from_millis(10_000),
        video: Some(video_stream()),
        audio: Some(audio_stream()),
        undecodable: Undecodable::default(),
        further: Further::default(),
    }
}

const STREAMS: &str = r#"{"streams": [
  {"index": 0, "codec_name": "mjpeg", "codec_type": "video", "width": 300, "height": 300,
   "pix_fmt": "yuvj420p", "time_base": "1/90000", "disposition": {"attached_pic": 1}},
  {"index": 1, "codec_name": "h264", "codec_type": "video", "width": 1920, "height": 1080,
   "sample_aspect_ratio": "1:1", "pix_fmt": "yuv420p", "field_order": "progressive",
   "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "time_base": "1/1000",
   "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]},
  {"index": 2, "codec_name": "aac", "codec_type": "audio", "sample_rate": "48000", "channels": 6,
   "time_base": "1/48000", "start_pts": 0, "bit_rate": "256000"},
  {"index": 3, "codec_name": "aac", "codec_type": "audio", "sample_rate": "8000", "channels": 1,
   "time_base": "1/8000"}
]}"#;

fn scan(packets: &[&str]) -> Result<Media, ReportError> {
    finished(Demuxer::Mov, STREAMS, packets)
}

#[test]
fn the_first_real_streams_count_and_covers_do_not() {
    let media = scan(&["1,0,0,40,1000,K__", "2,0,0,1024,500,K__", "3,0,0,80000,9,K__"]).unwrap();
    let (video, audio) = (media.video.unwrap(), media.audio.unwrap());
    assert_eq!((video.index, audio.index), (1, 2));
    assert_eq!(video.display_size(), Size::new(1080, 1920));
    assert_eq!((audio.sample_rate, audio.channels, audio.bit_rate), (48_000, 6, 256_000));
    assert_eq!(media.length, Flicks::from_millis(40));
}

#[test]
fn a_stream_without_a_decoder_is_no_choice() {
    let unknown = STREAMS.replace(r#""codec_name": "h264", "#, "");
    let report = Report::read(&unknown).unwrap();
    assert_eq!((report.videos(), report.undecodable("video")), (vec![], vec![1]));
    let report = Report::read(STREAMS).unwrap();
    assert_eq!((report.videos(), report.undecodable("video")), (vec![1], vec![]));
}

#[test]
fn the_audio_is_of_the_programme_of_the_video() {
    let programmes = |members: &[&[u32]]| {
        let streams = |indexes: &&[u32]| {
            let each = indexes.iter().map(|index| format!(r#"{{"index": {index}}}"#));
            format!(r#"{{"streams": [{}]}}"#, each.collect::<Vec<_>>().join(","))
        };
        let all: Vec<String> = members.iter().map(streams).collect();
        let report = STREAMS.replace("]}", &format!(r#"], "programs": [{}]}}"#, all.join(",")));
        Report::read(&report).unwrap()
    };
    for (name, members, expected) in [
        ("one for all", &[&[1, 2, 3][..]][..], vec![2, 3]),
        ("the second", &[&[2], &[1, 3]], vec![3]),
        ("its own first", &[&[1, 3]], vec![3, 2]),
        ("none", &[&[1], &[2, 3]], vec![]),
        ("shared", &[&[1, 2], &[1, 3]], vec![2]),
    ] {
        assert_eq!(programmes(members).audios(Some(1)), expected, "{name}");
    }
    assert_eq!(programmes(&[&[1], &[2, 3]]).audios(None), [2, 3]);
}

#[test]
fn a_media_runs_from_its_earliest_start_to_its_latest_end() {
    let media = scan(&["1,80,0,40,1,K__", "1,120,40,40,1,___", "2,4800,4800,9600,1,K__"]).unwrap();
    assert_eq!(media.start, Flicks::from_millis(80));
    assert_eq!(media.length, Flicks::from_millis(220));
}

#[test]
fn packets_out_of_order_without_time_or_duration_are_still_counted() {
    let media =
        scan(&["1,0,0,N/A,1,K__", "1,80,40,N/A,1,___", "1,40,N/A,N/A,1,___", "1,N/A,120,40,1,___"]);
    let video = media.unwrap().video.unwrap();
    assert_eq!(video.frames, 4);
    assert_eq!(video.end, Flicks::from_millis(160));
    assert_eq!(video.frame_rate, Ratio::from_integer(25));
}

#[test]
fn what_the_container_says_to_discard_is_no_part_of_the_media() {
    let media = scan(&[
        "1,-80,-80,40,1,KD_",
        "1,0,0,40,1,K__",
        "2,-1024,-1024,1024,1,K__",
        "2,0,0,1024,1,K__",
    ]);
    let media = media.unwrap();
    assert_eq!(media.start, Flicks::ZERO);
    assert_eq!(media.length, Flicks::from_millis(40));
}

#[test]
fn declared_delay_and_padding_of_audio_are_no_part_of_the_media() {
    let media = scan(&["2,-312,-312,960,1,K__,312,0", "2,648,648,960,1,K__,0,408"]).unwrap();
    assert_eq!(media.start, Flicks::ZERO);
    assert_eq!(media.length, Flicks::from_ticks(1200, Ratio::new(1, 48_000)).unwrap());
}

#[test]
fn a_missing_bit_rate_is_measured() {
    let media = scan(&["1,0,0,500,62500,K__", "1,500,500,500,62500,___"]).unwrap();
    assert_eq!(media.video.unwrap().bit_rate, 1_000_000);
}

#[test]
fn key_frames_are_kept_half_a_second_apart() {
    let lines: Vec<String> = (0..50).map(|n| format!("1,{0},{0},40,1,K__", n * 40)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let keys = scan(&lines).unwrap().video.unwrap().key_frames;
    assert_eq!(keys, [0, 520, 1040, 1560].map(Flicks::from_millis));
}

#[test]
fn headers_alone_are_no_media() {
    assert!(matches!(scan(&[]), Err(ReportError::NoPackets)));
    let none = Report::read(r#"{"streams": []}"#).unwrap();
    assert_eq!(none.described(), 0);
    assert!(matches!(
        finished(Demuxer::Mov, r#"{"streams": []}"#, &[]),
        Err(ReportError::NoPackets)
    ));
    assert!(matches!(Report::read("{"), Err(ReportError::Report(_))));
}

proptest::proptest! {
    #[test]
    fn no_packet_line_makes_it_panic(lines in proptest::collection::vec("[-0-9N/A,KD_]{0,60}", 0..20)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let _ = scan(&lines);
    }
}

/// Like [`scan`], but read by another demuxer.
fn finished(demuxer: Demuxer, report: &str, packets: &[&str]) -> Result<Media, ReportError> {
    scan_as(demuxer, report, packets).finish(demuxer, &Report::read(report).unwrap())
}

#[test]
fn a_video_with_the_index_of_the_audio_is_no_audio() {
    let report = r#"{"streams":[
        {"index":0,"codec_type":"video","codec_name":"h264","width":64,"height":48,
         "pix_fmt":"yuv420p","time_base":"1/1000"},
        {"index":0,"codec_type":"audio","codec_name":"aac","sample_rate":"48000","channels":2,
         "time_base":"1/1000"}],"format":{}}"#;
    let packets = ["0,0,0,40,10,K__", "0,40,40,40,10,___"];
    let report_read = Report::read(report).unwrap();
    let media = scan_as(Demuxer::MpegTs, report, &packets).finish(Demuxer::MpegTs, &report_read);
    let media = media.unwrap();
    assert!(media.video.is_some() && media.audio.is_none());
}

fn scan_as(demuxer: Demuxer, report: &str, packets: &[&str]) -> Chosen {
    let report = Report::read(report).unwrap();
    let scanned = |index: Option<&u32>| {
        let mut scan = Scan::new(demuxer, &report, *index?)?;
        for line in packets {
            scan.packet(line);
        }
        Some(scan).filter(|scan| !scan.is_empty())
    };
    let video = scanned(report.videos().first());
    let audio = scanned(report.audios(video.as_ref().map(Scan::index)).first());
    Chosen { video, audio, undecodable: Undecodable::default() }
}

#[test]
fn frames_in_avi_come_as_late_as_the_decoder_holds_them_back() {
    let report = STREAMS
        .replace("1/1000", "1/25")
        .replace(r#""pix_fmt": "yuv420p""#, r#""has_b_frames": 2, "pix_fmt": "yuv420p""#);
    let packets = ["1,N/A,0,1,1,K__", "1,N/A,1,1,1,___", "1,2,2,1,1,___"];
    for (demuxer, late) in [(Demuxer::Avi, 80), (Demuxer::Mov, 0)] {
        let video = finished(demuxer, &report, &packets).unwrap().video.unwrap();
        assert_eq!(video.late, Flicks::from_millis(late), "{demuxer:?}");
        assert_eq!(video.start, Flicks::ZERO);
        assert_eq!(video.end, Flicks::from_millis(120));
    }
}

#[test]
fn matroska_may_tell_no_time_but_that_of_decoding() {
    let report =
        STREAMS.replace(r#""pix_fmt": "yuv420p""#, r#""has_b_frames": 1, "pix_fmt": "yuv420p""#);
    for (pts, late) in [("N/A", 40), ("0", 0)] {
        let first = format!("1,{pts},0,40,1,K__");
        let packets = [&*first, "1,N/A,40,40,1,___"];
        let video = finished(Demuxer::Matroska, &report, &packets).unwrap().video.unwrap();
        assert_eq!(video.late, Flicks::from_millis(late), "{pts}");
        assert_eq!((video.start, video.end), (Flicks::ZERO, Flicks::from_millis(80)));
    }
}

#[test]
fn padding_in_ogg_is_in_the_duration_already() {
    let packets = ["2,0,0,960,1,K__,312,0", "2,960,960,240,1,K__,0,720"];
    let media = finished(Demuxer::Ogg, STREAMS, &packets).unwrap();
    assert_eq!(media.length, Flicks::from_millis(25));
}

#[test]
fn audio_comes_in_a_steady_rhythm_or_it_does_not() {
    for (name, second, unsteady) in [
        ("steady", "2,1024,1024,1024,1,K__", false),
        ("rounded", "2,1023,1023,1024,1,K__", false),
        ("a gap", "2,3072,3072,1024,1,K__", true),
        ("jitter", "2,700,700,1024,1,K__", true),
        ("no time", "2,N/A,N/A,1024,1,K__", false),
    ] {
        let media = scan(&["2,0,0,1024,1,K__", second, "2,2048,2048,1024,1,K__"]).unwrap();
        assert_eq!(media.audio.unwrap().unsteady, unsteady || name == "a gap", "{name}");
    }
}

#[test]
fn clocks_jump_back_or_far_ahead() {
    for (name, next, jumps) in [
        ("steady", 40, false),
        ("jitter", -60, false),
        ("a gap", 9_000, false),
        ("back", -1_000, true),
        ("far ahead", 20_000, true),
    ] {
        let first = "1,5000,5000,40,1,K__";
        let second = format!("1,{0},{0},40,1,K__", 5000 + next);
        let scan = scan_as(Demuxer::MpegTs, STREAMS, &[first, &second]);
        assert_eq!(scan.jumps(), jumps, "{name}");
    }
}

#[test]
fn a_pause_of_all_streams_is_noticed() {
    let ms = Flicks::from_millis;
    let packets = |audio: [i64; 2], video: [i64; 2]| {
        // Units of the two streams' times: 1/48000 and 1/1000.
        let mut lines = Vec::new();
        for ([first, second], index, tick, step) in [(audio, 2, 48, 960), (video, 1, 1, 40)] {
            for number in 0..20 {
                let start = if number < 10 { first } else { second };
                let time = start * tick + number * step;
                lines.push(format!("{index},{time},{time},{step},1,K__"));
            }
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        scan_as(Demuxer::Mov, STREAMS, &lines).pause()
    };
    assert_eq!(packets([0, 0], [0, 0]), None);
    assert_eq!(packets([0, 600_000], [0, 600_000]), Some((ms(360), ms(599_840))));
    assert_eq!(packets([0, 600_000], [0, 0]), None);
    assert_eq!(packets([0, 8_000], [0, 8_000]), None);
    let slides = [0, 30_000, 60_000, 90_000].map(|time| format!("1,{time},{time},30000,1,K__"));
    let slides: Vec<&str> = slides.iter().map(String::as_str).collect();
    assert_eq!(scan_as(Demuxer::Mov, STREAMS, &slides).pause(), None);
}

#[test]
fn only_some_headers_are_trusted_with_the_length() {
    let report = STREAMS.replace("]}", r#"], "format": {"duration": "2.080000"}}"#);
    let report = Report::read(&report).unwrap();
    let (ms, length) = (Flicks::from_millis, Flicks::from_millis(10_000));
    for (demuxer, declared) in [
        (Demuxer::Flv, vec![(ms(2080), length)]),
        (Demuxer::Mxf, vec![(ms(2080), length)]),
        (Demuxer::MpegTs, vec![]),
        (Demuxer::Mp3, vec![]),
        (Demuxer::Mov, vec![]),
    ] {
        assert_eq!(report.lengths(&Media { demuxer, ..media() }), declared, "{demuxer:?}");
    }
    assert_eq!(Report::read(STREAMS).unwrap().lengths(&media()), []);
}

#[test]
fn an_mp4_file_tells_the_length_of_each_stream() {
    let report = STREAMS.replace(r#""index": 2,"#, r#""index": 2, "duration": "4.000000","#);
    let report = Report::read(&report).unwrap();
    let mut media = media();
    media.audio.as_mut().unwrap().index = 2;
    let found = Flicks::from_millis(10_000);
    assert_eq!(report.lengths(&media), [(Flicks::from_millis(4000), found)]);
    media.audio = None;
    assert_eq!(report.lengths(&media), [(Flicks::from_millis(4000), Flicks::ZERO)]);
}

#[test]
fn numbers_beyond_measure_are_survived() {
    let avi = Demuxer::Avi;
    for (name, demuxer, from, to, packet) in [
        ("ticks", Demuxer::Mov, "1/1000", "1/2147483647", "1,MOST,MOST,MOST,1,K__"),
        ("time base", Demuxer::Mov, "1/1000", "MOST/1", "1,MOST,0,1,1,K__"),
        ("pixels", Demuxer::Mov, "1:1", "MOST:1", "1,0,0,40,1,K__"),
        ("rate", Demuxer::Mov, "25/1", "MOST/1", "1,0,0,40,1,K__"),
        ("size", Demuxer::Mov, "", "", "1,0,0,40,MOST,K__"),
        ("delay", avi, "\"pix_fmt\"", "\"has_b_frames\": MOST, \"pix_fmt\"", "1,0,MOST,9,1,K__"),
        ("length", avi, "]}", "], \"format\": {\"duration\": \"9223372036854.999999\"}}", ""),
    ] {
        let most = |text: &str| text.replace("MOST", "9223372036854775807");
        let report = most(&STREAMS.replace(from, to));
        let media = finished(demuxer, &report, &[&*most(packet); 3]);
        if let Ok(media) = &media {
            assert_eq!(Report::read(&report).unwrap().lengths(media), [], "{name}");
        }
        if let Some(video) = media.ok().and_then(|media| media.video) {
            assert!(video.frame_rate <= Ratio::from_integer(240), "{name}");
            assert_eq!(video.display_size(), Size::new(1080, 1920), "{name}");
        }
    }
}

/// A packet of a program stream holds several frames, of which only one has a presentation time.
#[test]
fn frames_that_do_not_say_when_they_are_shown_are_counted_all_the_same() {
    const STREAM: &str = r#"{"streams": [{"index": 0, "codec_name": "mpeg2video",
        "codec_type": "video", "width": 64, "height": 64, "pix_fmt": "yuv420p",
        "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "time_base": "1/90000"}]}"#;
    // In decoding order: I, then P, B, B repeatedly. Only the P frames lack a presentation time.
    let mut lines = vec!["0,7200,3600,3600,131,K__".to_owned()];
    for group in 0..33 {
        let decoded = 7200 + group * 3 * 3600;
        lines.push(format!("0,N/A,{decoded},3600,110,___"));
        lines.extend([1, 2].map(|b| {
            let shown = decoded + b * 3600;
            format!("0,{shown},{shown},3600,114,___")
        }));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let media = finished(Demuxer::MpegPs, STREAM, &lines).unwrap();
    let video = media.video.unwrap();
    assert_eq!((video.frame_rate, video.frames), (Ratio::from_integer(25), 100));
    assert_eq!(media.length, Flicks::from_millis(4000));
}

#[test]
fn a_last_packet_without_duration_ends_where_the_file_does() {
    let lines = ["2,0,0,N/A,900,K__", "2,48000,48000,N/A,900,K__", "2,52800,52800,N/A,20,K__"];
    let streams =
        |duration: &str| format!("{}, \"format\": {{{duration}}}}}", &STREAMS[..STREAMS.len() - 1]);
    for (duration, expected) in
        [("", 1650), ("\"duration\": \"1.200000\"", 1200), ("\"duration\": \"0.500000\"", 1650)]
    {
        let media = finished(Demuxer::Asf, &streams(duration), &lines).unwrap();
        assert_eq!(media.audio.unwrap().end, Flicks::from_millis(expected), "{duration}");
    }
}

/// The tag as iTunes and Nero write it.
#[test]
fn a_delay_that_a_tag_tells_makes_nothing_late() {
    let streams = STREAMS;
    let lines = ["2,0,0,1024,900,K__,3072,0", "2,1024,1024,4096,900,K__"];
    let audio = finished(Demuxer::Mov, streams, &lines).unwrap().audio.unwrap();
    assert_eq!((audio.start, audio.late), (Flicks::ZERO, Flicks::from_millis(64)));
    assert_eq!(
        audio.end,
        Flicks::from_millis(5120 / 48 - 64) + Flicks::of_units(32, 48_000.into())
    );
    // An edit list moves the delay before time zero.
    let lines = ["2,-3072,-3072,1024,900,K__,3072,0", "2,-2048,-2048,4096,900,K__"];
    let audio = scan(&lines).unwrap().audio.unwrap();
    assert_eq!((audio.start, audio.late), (Flicks::ZERO, Flicks::ZERO));
}

#[test]
fn a_single_frame_has_the_rate_of_its_duration() {
    let streams =
        STREAMS.replace("25/1\", \"avg_frame_rate\": \"25/1", "50/1\", \"avg_frame_rate\": \"0/0");
    for (duration, rate) in [("40", 25), ("N/A", 50), ("8000", 50)] {
        let lines = [&*format!("1,0,0,{duration},1,K__")];
        let video = finished(Demuxer::MpegPs, &streams, &lines).unwrap().video.unwrap();
        assert_eq!(video.frame_rate, rate.into(), "{duration}");
    }
    // The second of two packets may have no presentation time.
    let lines = ["1,40,0,40,1,K__", "1,N/A,40,40,1,___"];
    let video = finished(Demuxer::MpegPs, &streams, &lines).unwrap().video.unwrap();
    assert_eq!(video.frame_rate, 25.into(), "two");
    let alone = streams.replace("0/0", "25/1").replace("50/1\"", "48000/1001\"");
    let video = finished(Demuxer::MpegVideo, &alone, &["1,0,0,42,1,K__"]).unwrap().video.unwrap();
    assert_eq!(video.frame_rate, num_rational::Ratio::new(24_000, 1001), "video alone");
    let streams = streams.replace("50/1\"", "1000/1\"");
    let video = finished(Demuxer::Asf, &streams, &["1,43,43,N/A,1,K__"]).unwrap().video.unwrap();
    assert_eq!(video.frame_rate, 25.into(), "milliseconds");
}
