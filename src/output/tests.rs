use num_rational::Ratio;

use super::{AudioRateControl, OutputError, OutputSpec, Size, specify};
use crate::codec::PixelFormat;
use crate::media::Media;
use crate::media::report::tests::media;
use crate::object::ObjectUri;
use crate::process::{Limits, parse, resolve};

/// Determines the output of `parameters` for `sources`, the first of which is the main object.
pub(super) fn settled(
    parameters: &str,
    sources: &[Media],
) -> Result<(OutputSpec, Vec<String>), OutputError> {
    let surs: String = (1..sources.len()).map(|_| "/sur,o_Yi5tcDQ").collect();
    let text = format!("video/concat,{parameters}{surs}|sys/saveas,o_b3V0Lm1wNA");
    let main = ObjectUri::named("bucket", "main.mp4").unwrap();
    let request = resolve(&parse(&text).unwrap(), &main, Limits { max_sources: 11 }).unwrap();
    let mut warnings = Vec::new();
    let sources: Vec<&Media> = sources.iter().collect();
    specify(&request, &sources, &mut warnings).map(|output| (output, warnings))
}

fn video(parameters: &str, source: &Media) -> super::VideoOutput {
    let parameters = format!("f_mp4,vcodec_h264,acodec_aac,{parameters}");
    let parameters = parameters.trim_end_matches(',');
    settled(parameters, std::slice::from_ref(source)).unwrap().0.video.unwrap()
}

fn sized(width: u32, height: u32) -> Media {
    let mut media = media();
    media.video.as_mut().unwrap().size = Size::new(width, height);
    media
}

#[test]
fn sizes() {
    for (name, parameters, own, expected) in [
        ("inherited", "", (1280, 720), (1280, 720)),
        ("inherited, odd", "", (853, 481), (852, 480)),
        ("asked", "s_640x480", (1280, 720), (640, 480)),
        ("width only", "s_640x", (1280, 720), (640, 720)),
        ("height only", "s_x480", (1280, 720), (1280, 480)),
        ("own where smaller", "s_1920x1080,sopt_1", (1280, 720), (1280, 720)),
        ("asked where not larger", "s_640x360,sopt_1", (1280, 720), (640, 360)),
        ("turned", "s_1280x720,arotate_1", (1080, 1920), (720, 1280)),
        ("not turned", "s_1280x720,arotate_1", (1920, 1080), (1280, 720)),
        ("turned, long side only", "s_1280x,arotate_1", (720, 1920), (720, 1280)),
        ("fit of 4:3", "s_1280x720,scaletype_fit", (640, 480), (960, 720)),
        ("fit of portrait", "s_1280x720,scaletype_fit", (720, 1280), (406, 720)),
    ] {
        let output = video(parameters, &sized(own.0, own.1));
        assert_eq!(output.size, Size::new(expected.0, expected.1), "{name}");
    }
}

#[test]
fn a_slow_align_clip_is_warned_of() {
    let of = |numerator, denominator| {
        let mut media = media();
        media.video.as_mut().unwrap().frame_rate = Ratio::new(numerator, denominator);
        media
    };
    let parameters = "f_mp4,vcodec_h264,acodec_aac";
    let told = |parameters: &str, sources: &[Media]| {
        let warnings = settled(parameters, sources).unwrap().1;
        warnings.into_iter().find(|warning| warning.contains("frames per second"))
    };
    let text = told(parameters, &[of(5, 1), of(30_000, 1001)]).unwrap();
    assert!(text.contains("has 5 frames") && text.contains("`fps_29.97`"), "{text}");
    assert_eq!(told(&format!("{parameters},fps_5"), &[of(5, 1), of(25, 1)]), None);
    assert_eq!(told(parameters, &[of(10, 1), of(25, 1)]), None);
    assert_eq!(told(parameters, &[of(5, 1), of(10, 1)]), None);
    assert!(told(&format!("{parameters},align_1"), &[of(25, 1), of(1, 2)]).is_some());
}

#[test]
fn dolby_vision_without_a_base_layer_is_warned_of() {
    let mut source = media();
    for (profile, is_told) in [(None, false), (Some(5), true), (Some(8), false)] {
        source.video.as_mut().unwrap().coding.dolby_vision = profile;
        let warnings =
            settled("f_mp4,vcodec_h264,acodec_aac", &[media(), source.clone()]).unwrap().1;
        let told = warnings.iter().any(|it| it.starts_with("clip 1 (`s3://bucket/b.mp4`)"));
        assert_eq!(told, is_told, "{warnings:?}");
    }
}

#[test]
fn a_rotation_by_another_angle_is_warned_of() {
    let mut source = media();
    source.video.as_mut().unwrap().coding.oblique = Some(-45);
    let warnings = settled("f_mp4,vcodec_h264,acodec_aac", &[source]).unwrap().1;
    assert!(warnings.iter().any(|it| it.contains("by -45 degrees")), "{warnings:?}");
    assert_eq!(settled("f_mp4,vcodec_h264,acodec_aac", &[media()]).unwrap().1, [""; 0]);
}

#[test]
fn frame_rates() {
    for (name, parameters, own, expected) in [
        ("inherited", "", (30, 1), (30, 1)),
        ("asked", "fps_25", (30, 1), (25, 1)),
        ("zero inherits", "fps_0", (30, 1), (30, 1)),
        ("own where lower", "fps_60,fpsopt_1", (30, 1), (30, 1)),
        ("asked where not higher", "fps_24,fpsopt_1", (30, 1), (24, 1)),
        ("NTSC", "fps_29.97", (25, 1), (30_000, 1001)),
    ] {
        let mut media = media();
        media.video.as_mut().unwrap().frame_rate = Ratio::new(own.0, own.1);
        assert_eq!(
            video(parameters, &media).frame_rate,
            Ratio::new(expected.0, expected.1),
            "{name}"
        );
    }
}

#[test]
fn pixel_formats_keep_what_an_encoder_has() {
    for (own, expected) in [
        ("yuv420p", PixelFormat::Yuv420p),
        ("yuvj420p", PixelFormat::Yuv420p),
        ("nv12", PixelFormat::Yuv420p),
        ("yuv410p", PixelFormat::Yuv420p),
        ("gray", PixelFormat::Yuv420p),
        ("uyvyy411", PixelFormat::Yuv420p),
        ("yuva420p", PixelFormat::Yuv420p),
        ("yuv420p10le", PixelFormat::Yuv420p10),
        ("p010le", PixelFormat::Yuv420p10),
        ("gray16le", PixelFormat::Yuv420p10),
        ("uyvy422", PixelFormat::Yuv422p),
        ("yuyv422", PixelFormat::Yuv422p),
        ("yuvj422p", PixelFormat::Yuv422p),
        ("yuv422p12le", PixelFormat::Yuv422p10),
        ("rgb24", PixelFormat::Yuv444p),
        ("pal8", PixelFormat::Yuv444p),
        ("gbrp10le", PixelFormat::Yuv444p10),
        ("rgb48be", PixelFormat::Yuv444p10),
        ("yuva444p16le", PixelFormat::Yuv444p10),
    ] {
        let mut media = media();
        media.video.as_mut().unwrap().pixel_format = own.to_owned();
        assert_eq!(video("", &media).pixel_format, expected, "{own}");
    }
}

#[test]
fn an_option_of_two_refuses_a_lower_source_by_name() {
    let mut source = media();
    source.audio.as_mut().unwrap().bit_rate = 64_000;
    for (parameters, words, own) in [
        ("s_1920x1080,sopt_2", "`s_1920x1080`: `sopt_2` forbids", "clip 0 has 1280x720"),
        ("sopt_2,s_x1080", "`s_x1080`: `sopt_2` forbids", "clip 0 has 1280x720"),
        ("fps_50,fpsopt_2", "`fps_50`: `fpsopt_2` forbids", "clip 0 has 25"),
        ("vb_2000000,vbopt_2", "`vb_2000000`: `vbopt_2` forbids", "clip 0 has 1000000 bit/s"),
        ("ab_96000,abopt_2", "`ab_96000`: `abopt_2` forbids", "clip 0 has 64000 bit/s"),
    ] {
        let parameters = format!("f_mp4,vcodec_h264,acodec_aac,{parameters}");
        let error = settled(&parameters, std::slice::from_ref(&source)).unwrap_err().to_string();
        assert!(error.starts_with(words) && error.ends_with(own), "{error}");
    }
}

#[test]
fn what_an_align_clip_lacks_is_taken_from_the_first_that_has_it() {
    let mut audio_only = media();
    audio_only.video = None;
    let (output, warnings) =
        settled("f_mp4,vcodec_h264,acodec_aac", &[audio_only, sized(640, 480)]).unwrap();
    assert_eq!(output.video.unwrap().size, Size::new(640, 480));
    assert_eq!(
        warnings,
        ["`align`: the align clip 0 has no video: its properties are taken from clip 1"]
    );
}

#[test]
fn no_video_at_all_is_the_standard_one() {
    let mut audio_only = media();
    audio_only.video = None;
    let (output, warnings) = settled("f_mp4,vcodec_h264,acodec_aac", &[audio_only]).unwrap();
    let video = output.video.unwrap();
    assert_eq!((video.size, video.frame_rate), (Size::new(1280, 720), Ratio::from_integer(25)));
    assert_eq!(warnings.len(), 1);
}

#[test]
fn inherited_audio_becomes_the_nearest_that_the_codec_holds() {
    let mut source = media();
    let stream = source.audio.as_mut().unwrap();
    (stream.sample_rate, stream.channels, stream.layout) = (96_000, 6, "hexagonal".to_owned());
    let (output, warnings) = settled("f_mp4,vcodec_h264,acodec_mp3", &[source]).unwrap();
    let audio = output.audio.unwrap();
    assert_eq!((audio.sample_rate, audio.channels), (48_000, 2));
    assert_eq!(warnings.len(), 2);
}

#[test]
fn a_channel_that_is_left_out_of_the_mix_is_named() {
    for (layout, channels, parameters, words) in [
        ("5.1(side)", 6, "ac_2", "clip 0: its audio channel 4 (LFE) is left out"),
        ("unknown", 8, "ac_1", "its 8 audio channels are for: they are taken for 7.1, and 4 (LFE)"),
        ("ambisonic 1", 4, "ac_2", "2 and 3 and 4"),
    ] {
        let mut source = media();
        let stream = source.audio.as_mut().unwrap();
        (stream.channels, stream.layout) = (channels, layout.to_owned());
        let parameters = format!("f_mp4,vcodec_h264,acodec_aac,{parameters}");
        let (_, warnings) = settled(&parameters, &[source]).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(words), "{layout}: {warnings:?}");
    }
    assert_eq!(settled("f_mp4,vcodec_h264,acodec_aac,ac_1", &[media()]).unwrap().1, [""; 0]);
    for channels in [3, 4, 6, 8] {
        let mut source = media();
        let stream = source.audio.as_mut().unwrap();
        (stream.channels, stream.layout) = (channels, "unknown".to_owned());
        let (output, warnings) = settled("f_mkv,vcodec_h264,acodec_flac", &[source]).unwrap();
        assert_eq!((output.audio.unwrap().channels, warnings), (channels, vec![]));
    }
}

#[test]
fn mxf_holds_its_own_frame_rates_only() {
    let mut source = media();
    source.video.as_mut().unwrap().frame_rate = Ratio::new(17, 1);
    let parameters = "f_mxf,vcodec_h264,acodec_pcm";
    let (output, warnings) = settled(parameters, std::slice::from_ref(&source)).unwrap();
    assert_eq!(output.video.unwrap().frame_rate, Ratio::new(24_000, 1001));
    assert_eq!(warnings.len(), 1);
    let error = settled(&format!("{parameters},fps_17"), &[source]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`fps_17`: mxf does not support this frame rate; expected 23.976, 25, 29.97, 50, 59.94 \
         frames per second"
    );
}

#[test]
fn h265_has_a_smallest_frame() {
    let error = settled("f_mp4,vcodec_h265,acodec_aac,s_8x8", &[media()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`s_8x8`: h265 needs sides of at least 16 pixels, and the output would be 8x8: ask for a \
         larger `s`, or for `vcodec_h264`"
    );
    let error = settled("f_mp4,vcodec_h265,acodec_aac", &[sized(8, 8)]).unwrap_err();
    assert!(error.to_string().starts_with("`vcodec_h265`: h265 needs"), "{error}");
}

#[test]
fn bit_rates_are_held_to_what_the_codec_has() {
    for (parameters, rate, warnings) in [
        ("acodec_aac,ab_96000", AudioRateControl::BitRate(96_000), 0),
        ("acodec_aac,ab_1000", AudioRateControl::BitRate(16_000), 1),
        ("acodec_mp3,ab_10000000", AudioRateControl::BitRate(320_000), 1),
        ("acodec_flac,ab_96000", AudioRateControl::Default, 1),
        ("acodec_flac,aq_50", AudioRateControl::Default, 1),
        ("acodec_opus,aq_50", AudioRateControl::Quality(50), 0),
    ] {
        let parameters = format!("f_mkv,vcodec_h264,{parameters}");
        let (output, told) = settled(&parameters, &[media()]).unwrap();
        assert_eq!((output.audio.unwrap().rate, told.len()), (rate, warnings), "{parameters}");
    }
}

#[test]
fn every_warning_names_its_parameter() {
    let mut odd = sized(641, 481);
    let stream = odd.audio.as_mut().unwrap();
    (stream.sample_rate, stream.channels, stream.layout) = (96_000, 6, "hexagonal".to_owned());
    let mut transparent = media();
    let stream = transparent.video.as_mut().unwrap();
    (stream.pixel_format, stream.frame_rate) = ("yuva420p".to_owned(), Ratio::new(17, 1));
    let silent = Media { audio: None, ..media() };
    let no_video = Media { video: None, ..media() };
    for (parameters, source, beginnings) in [
        ("f_mp4,vcodec_h264,acodec_mp3", &odd, &["`s`: ", "`ar`: ", "`ac`: "][..]),
        ("f_mp4,vcodec_vp9,acodec_aac", &transparent, &["`pixfmt`: "]),
        ("f_mxf,vcodec_h264,acodec_pcm", &transparent, &["`fps`: "]),
        ("f_mkv,vcodec_h264,acodec_aac,ab_1000", &media(), &["`ab_1000`: "]),
        ("f_mkv,vcodec_h264,acodec_flac,ab_96000", &media(), &["`ab_96000`: "]),
        ("f_mkv,acodec_pcm,aq_50,vcodec_h264", &media(), &["`aq_50`: "]),
        ("f_mkv,vcodec_h264,acodec_aac,align_0", &silent, &["`align_0`: "]),
        ("f_mkv,vcodec_h264,acodec_aac", &no_video, &["`align`: "]),
    ] {
        let (_, warnings) = settled(parameters, std::slice::from_ref(source)).unwrap();
        assert_eq!(warnings.len(), beginnings.len(), "{warnings:?}");
        for (warning, beginning) in warnings.iter().zip(beginnings) {
            assert!(warning.starts_with(beginning), "{warning}");
        }
    }
}
