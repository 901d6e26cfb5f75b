//! Which codecs are allowed in which containers, cell by cell, and which audio each codec can hold.

use super::super::{Conflict, ProcessErrorKind};
use super::{TARGET, read};
use crate::codec::{
    AudioCodec, Chroma, Container, PixelFormat, SAMPLE_RATES, VideoCodec, max_channels,
    nearest_channels, nearest_sample_rate, sample_rates,
};

/// Columns: mp3 aac flac vorbis ac3 opus pcm amr.
const AUDIO: [(&str, &str); 8] = [
    ("mp4", "yyyyyy-y"),
    ("mkv", "yyyyyyyy"),
    ("mov", "yy-yy-yy"),
    ("asf", "yy-yy-yy"),
    ("avi", "yyy-y-y-"),
    ("mxf", "------y-"),
    ("ts", "yy--yy--"),
    ("flv", "yy------"),
];

/// Columns: h264 h265 vp9.
const VIDEO: [(&str, &str); 8] = [
    ("mp4", "yyy"),
    ("mkv", "yyy"),
    ("mov", "yy-"),
    ("asf", "yy-"),
    ("avi", "yy-"),
    ("mxf", "y--"),
    ("ts", "yy-"),
    ("flv", "y--"),
];

const AUDIO_NAMES: [&str; 8] = ["mp3", "aac", "flac", "vorbis", "ac3", "opus", "pcm", "amr"];
const VIDEO_NAMES: [&str; 3] = ["h264", "h265", "vp9"];

#[test]
fn every_audio_goes_where_the_matrix_says() {
    for (container, row) in AUDIO {
        for (codec, cell) in AUDIO_NAMES.into_iter().zip(row.chars()) {
            let process = format!("video/concat,f_{container},vcodec_h264,acodec_{codec}{TARGET}");
            let result = read(&process);
            assert_eq!(result.is_ok(), cell == 'y', "{container} {codec}");
            if let Err(error) = result {
                assert!(
                    matches!(error.kind(), ProcessErrorKind::Conflict(Conflict::AudioBan(..))),
                    "{error}"
                );
                assert_eq!((error.argument_name(), error.argument_value()), ("acodec", codec));
            }
        }
    }
}

#[test]
fn every_video_goes_where_the_matrix_says() {
    for (container, row) in VIDEO {
        for (codec, cell) in VIDEO_NAMES.into_iter().zip(row.chars()) {
            let audio = if container == "mxf" { "pcm" } else { "aac" };
            let process =
                format!("video/concat,f_{container},vcodec_{codec},acodec_{audio}{TARGET}");
            let result = read(&process);
            assert_eq!(result.is_ok(), cell == 'y', "{container} {codec}");
            if let Err(error) = result {
                assert!(
                    matches!(error.kind(), ProcessErrorKind::Conflict(Conflict::VideoBan(..))),
                    "{error}"
                );
                assert_eq!((error.argument_name(), error.argument_value()), ("vcodec", codec));
            }
        }
    }
}

#[test]
fn a_stream_that_is_left_out_goes_anywhere() {
    for process in [
        "video/concat,f_ts,vcodec_vp9,acodec_aac,vn_1",
        "video/concat,f_mxf,vcodec_h264,acodec_aac,an_1,ar_8000,ac_8",
    ] {
        assert!(read(&format!("{process}{TARGET}")).is_ok(), "{process}");
    }
}

#[test]
fn explicit_sample_rates_have_to_fit_codec_and_container() {
    let all: &[u32] = SAMPLE_RATES;
    let mp3: &[u32] = &[8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
    let cases: [(&str, &str, &[u32]); 9] = [
        ("mkv", "mp3", mp3),
        ("mkv", "opus", &[8000, 12000, 16000, 24000, 48000]),
        ("mkv", "ac3", &[32000, 44100, 48000]),
        ("mkv", "amr", &[8000, 16000]),
        ("mkv", "aac", all),
        ("mkv", "flac", all),
        ("flv", "mp3", &[11025, 22050, 44100]),
        ("flv", "aac", all),
        ("mxf", "pcm", &[48000]),
    ];
    for (container, codec, rates) in cases {
        for &rate in SAMPLE_RATES {
            let process =
                format!("video/concat,f_{container},vcodec_h264,acodec_{codec},ar_{rate}{TARGET}");
            assert_eq!(read(&process).is_ok(), rates.contains(&rate), "{process}");
        }
    }
}

#[test]
fn explicit_channels_have_to_fit_the_codec() {
    let cases = [
        ("mp3", 2),
        ("aac", 8),
        ("flac", 8),
        ("vorbis", 8),
        ("ac3", 6),
        ("opus", 8),
        ("pcm", 8),
        ("amr", 1),
    ];
    for (codec, most) in cases {
        for channels in 1..=8 {
            let process =
                format!("video/concat,f_mkv,vcodec_h264,acodec_{codec},ac_{channels}{TARGET}");
            assert_eq!(read(&process).is_ok(), channels <= most, "{process}");
        }
    }
}

#[test]
fn inherited_audio_becomes_the_nearest_that_fits() {
    let (mkv, flv, mxf) = (Container::Mkv, Container::Flv, Container::Mxf);
    let rates = [
        (mkv, AudioCodec::Opus, 44100, 48000),
        (mkv, AudioCodec::Opus, 96000, 48000),
        (mkv, AudioCodec::Opus, 10000, 12000),
        (mkv, AudioCodec::Ac3, 8000, 32000),
        (mkv, AudioCodec::Amr, 12000, 16000),
        (mkv, AudioCodec::Aac, 192_000, 96000),
        (mkv, AudioCodec::Aac, 44100, 44100),
        (flv, AudioCodec::Mp3, 48000, 44100),
        (mxf, AudioCodec::Pcm, 44100, 48000),
    ];
    for (container, codec, wanted, nearest) in rates {
        assert_eq!(nearest_sample_rate(container, codec, wanted), nearest, "{codec} {wanted}");
    }
    let channels = [
        (AudioCodec::Mp3, 6, 2),
        (AudioCodec::Amr, 2, 1),
        (AudioCodec::Ac3, 8, 6),
        (AudioCodec::Aac, 16, 8),
        (AudioCodec::Aac, 0, 1),
    ];
    for (codec, wanted, nearest) in channels {
        assert_eq!(nearest_channels(mkv, codec, wanted), nearest, "{codec} {wanted}");
    }
}

#[test]
fn what_a_muxer_takes_its_codec_has() {
    for &container in Container::ALL {
        for &codec in AudioCodec::ALL {
            let all = sample_rates(Container::Mkv, codec);
            let rates = sample_rates(container, codec);
            assert!(rates.is_sorted() && rates.iter().all(|rate| all.contains(rate)));
            assert!(max_channels(container, codec) <= max_channels(Container::Mkv, codec));
        }
    }
}

#[test]
fn transparency_is_for_vp9() {
    for &format in PixelFormat::ALL {
        for &codec in VideoCodec::ALL {
            let process =
                format!("video/concat,f_mkv,vcodec_{codec},acodec_aac,pixfmt_{format}{TARGET}");
            let fits = format != PixelFormat::Yuva420p || codec == VideoCodec::Vp9;
            assert_eq!(read(&process).is_ok(), fits, "{process}");
        }
    }
}

#[test]
fn pixel_formats_are_what_their_names_say() {
    for &format in PixelFormat::ALL {
        let name = format.name();
        assert_eq!(format.bit_depth() == 10, name.ends_with("10le"), "{name}");
        assert_eq!(format.has_alpha(), name.starts_with("yuva"), "{name}");
        let chroma = match format.chroma() {
            Chroma::Yuv420 => "420",
            Chroma::Yuv422 => "422",
            Chroma::Yuv444 => "444",
        };
        assert!(name.contains(chroma), "{name}");
    }
}

#[test]
fn names_lead_back_to_what_they_name() {
    for &container in Container::ALL {
        assert_eq!(Container::from_name(container.name()), Some(container));
        assert_eq!(container.extension(), container.name());
    }
    assert_eq!(Container::from_name("webm"), None);
    assert_eq!(VideoCodec::from_name("copy"), None);
}
