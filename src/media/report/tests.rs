use num_rational::Ratio;

use super::{ReportError, Scan};
use crate::flicks::Flicks;
use crate::media::{AudioStream, Colour, Demuxer, Further, Media, Size, Undecodable, VideoStream};

/// A plain 25 fps stream of ten seconds, for tests that change one thing.
pub(crate) fn video_stream() -> VideoStream {
    let size = Size::new(1280, 720);
    VideoStream {
        index: 0,
        codec: "h264".to_owned(),
        size,
        sample_aspect: Ratio::from_integer(1),
        turned: false,
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
        bit_rate: 128_000,
    }
}

/// Ten seconds with video and audio.
pub(crate) fn media() -> Media {
    Media {
        demuxer: Demuxer::Mov,
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
    let mut scan = Scan::new(Demuxer::Mov, STREAMS)?;
    for line in packets {
        scan.packet(line);
    }
    scan.finish()
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
fn a_video_that_is_there_and_has_no_decoder_is_lost() {
    let unknown = STREAMS.replace(r#""codec_name": "h264", "#, "");
    for (name, report, packets, video) in [
        ("it decodes", STREAMS, vec!["1,0,0,40,1,K__"], false),
        ("no decoder", &unknown, vec!["1,0,0,40,1,K__"], true),
        ("no packets", &unknown, vec!["0,0,0,40,1,K__"], false),
    ] {
        let mut packets = packets;
        packets.push("2,0,0,1024,500,K__");
        let media = scan_as(Demuxer::Mov, report, &packets).finish().unwrap();
        assert_eq!(media.undecodable, Undecodable { video, audio: false }, "{name}");
    }
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
    let none = Scan::new(Demuxer::Mov, r#"{"streams": []}"#);
    assert!(matches!(none, Err(ReportError::NoStreams)));
    assert!(matches!(Scan::new(Demuxer::Mov, "{"), Err(ReportError::Report(_))));
}

proptest::proptest! {
    #[test]
    fn no_packet_line_makes_it_panic(lines in proptest::collection::vec("[-0-9N/A,KD_]{0,60}", 0..20)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let _ = scan(&lines);
    }
}

/// As [`scan`], read by another demuxer.
fn scan_as(demuxer: Demuxer, report: &str, packets: &[&str]) -> Scan {
    let mut scan = Scan::new(demuxer, report).unwrap();
    for line in packets {
        scan.packet(line);
    }
    scan
}

#[test]
fn frames_in_avi_come_as_late_as_the_decoder_holds_them_back() {
    let report = STREAMS
        .replace("1/1000", "1/25")
        .replace(r#""pix_fmt": "yuv420p""#, r#""has_b_frames": 2, "pix_fmt": "yuv420p""#);
    let packets = ["1,N/A,0,1,1,K__", "1,N/A,1,1,1,___", "1,2,2,1,1,___"];
    for (demuxer, late) in [(Demuxer::Avi, 80), (Demuxer::Mov, 0)] {
        let video = scan_as(demuxer, &report, &packets).finish().unwrap().video.unwrap();
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
        let scan = scan_as(Demuxer::Matroska, &report, &[&first, "1,N/A,40,40,1,___"]);
        let video = scan.finish().unwrap().video.unwrap();
        assert_eq!(video.late, Flicks::from_millis(late), "{pts}");
        assert_eq!((video.start, video.end), (Flicks::ZERO, Flicks::from_millis(80)));
    }
}

#[test]
fn padding_in_ogg_is_in_the_duration_already() {
    let packets = ["2,0,0,960,1,K__,312,0", "2,960,960,240,1,K__,0,720"];
    let media = scan_as(Demuxer::Ogg, STREAMS, &packets).finish().unwrap();
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
fn only_some_headers_are_trusted_with_the_length() {
    let report = STREAMS.replace("]}", r#"], "format": {"duration": "2.080000"}}"#);
    for (demuxer, declared) in [
        (Demuxer::Flv, Some(Flicks::from_millis(2080))),
        (Demuxer::Mxf, Some(Flicks::from_millis(2080))),
        (Demuxer::MpegTs, None),
        (Demuxer::Mp3, None),
    ] {
        assert_eq!(scan_as(demuxer, &report, &[]).declared(), declared, "{demuxer:?}");
    }
    assert_eq!(scan_as(Demuxer::Flv, STREAMS, &[]).declared(), None);
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
        let scan = scan_as(demuxer, &most(&STREAMS.replace(from, to)), &[&*most(packet); 3]);
        assert_eq!(scan.declared(), None, "{name}");
        if let Some(video) = scan.finish().ok().and_then(|media| media.video) {
            assert!(video.frame_rate <= Ratio::from_integer(240), "{name}");
            assert_eq!(video.display_size(), Size::new(1080, 1920), "{name}");
        }
    }
}
