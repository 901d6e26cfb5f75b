//! Warns about outputs that few players support: valid files that browsers, phones or television
//! sets reject or show wrongly.

use num_rational::Ratio;

use super::{OutputSpec, VideoOutput, VideoRate};
use crate::codec::{AudioCodec, Chroma, Container, VideoCodec, is_beyond_level_5_2};
use crate::process::Request;
use crate::process::table::Operation;

/// Colour properties that most players know; others are shown as if they were one of these.
const MATRICES: [&str; 4] = ["bt709", "smpte170m", "bt470bg", "bt2020nc"];
const PRIMARIES: [&str; 6] = ["bt709", "smpte170m", "smpte240m", "bt470bg", "bt2020", "smpte432"];
const TRANSFERS: [&str; 8] = [
    "bt709",
    "smpte170m",
    "bt2020-10",
    "bt2020-12",
    "iec61966-2-1",
    "iec61966-2-4",
    "smpte2084",
    "arib-std-b67",
];

const BROWSERS: &str = "browsers, phones, and television sets";

/// A warning for each reason why few players show the output correctly.
pub(super) fn warnings(output: &OutputSpec, request: &Request) -> Vec<String> {
    let given = |name| request.quoted(Operation::Concat, name);
    let video = output.video.as_ref();
    let of_video = video.into_iter().flat_map(|video| {
        [
            lossless(video).map(|text| (given("crf"), text)),
            profile(video).map(|text| (given("pixfmt"), text)),
            high_dynamic_range(video).map(|text| (given("vcodec"), text)),
            level(video).map(|text| (given("s"), text)),
            colours(video).map(|text| (given("align"), text)),
            tag(video.codec, output.container).map(|text| (given("vcodec"), text)),
        ]
    });
    let audio = output.audio.as_ref().and_then(|audio| codec(audio.codec, output.container));
    let of_audio = audio.map(|text| (given("acodec"), text));
    let all = of_video.flatten().chain(of_audio);
    all.map(|(given, text)| format!("{given}: {text}")).collect()
}

/// A warning about lossless video: the encoder rounds a `crf` below 1 down to 0.
fn lossless(video: &VideoOutput) -> Option<String> {
    let VideoRate::Quality { crf, .. } = video.rate else { return None };
    let is_lossless =
        video.codec == VideoCodec::H264 && crf < Ratio::ONE && video.pixel_format.bit_depth() == 8;
    is_lossless.then(|| {
        format!(
            "this is lossless h264, in the profile High 4:4:4 Predictive, which few players know: \
             {BROWSERS} don't; ask for `crf_1`"
        )
    })
}

/// Profiles, depending on chroma and bit depth.
fn profile(video: &VideoOutput) -> Option<String> {
    let format = video.pixel_format;
    let profile = match (video.codec, format.chroma(), format.bit_depth()) {
        (VideoCodec::H264, Chroma::Yuv420, 10) => "High 10",
        (VideoCodec::H264, Chroma::Yuv422, _) => "High 4:2:2",
        (VideoCodec::H264, Chroma::Yuv444, _) => "High 4:4:4 Predictive",
        (VideoCodec::H265, Chroma::Yuv422 | Chroma::Yuv444, _) => "Rext",
        _ => return None,
    };
    let instead = match (video.codec, format.chroma()) {
        (VideoCodec::H264, Chroma::Yuv420) => "`pixfmt_yuv420p`, or for `vcodec_h265`",
        (VideoCodec::H265, _) if format.bit_depth() == 10 => "`pixfmt_yuv420p10le`",
        _ => "`pixfmt_yuv420p`",
    };
    let codec = video.codec;
    Some(format!(
        "{format} is the profile {profile} of {codec}, which few players know: most {BROWSERS} \
         don't; ask for {instead}"
    ))
}

fn high_dynamic_range(video: &VideoOutput) -> Option<String> {
    let is_hdr = matches!(&*video.colour.transfer, "smpte2084" | "arib-std-b67");
    (is_hdr && video.codec == VideoCodec::H264).then(|| {
        format!(
            "few players know HDR in h264: {BROWSERS} show it pale, or not at all; ask for \
             `vcodec_h265`, or align to a clip in SDR"
        )
    })
}

fn level(video: &VideoOutput) -> Option<String> {
    let (size, codec) = (video.size, video.codec);
    let is_beyond = |codec| is_beyond_level_5_2(codec, (size.width, size.height), video.frame_rate);
    is_beyond(codec).then(|| {
        let rate = crate::frame_rate::decimal(video.frame_rate);
        let fits = !is_beyond(VideoCodec::H265);
        let instead = if fits { ", or for `vcodec_h265`" } else { "" };
        format!(
            "{size} at {rate} frames per second needs a level of {codec} above 5.2, which few \
             players know: {BROWSERS} don't; ask for a smaller `s` or `fps`{instead}"
        )
    })
}

/// The output has the align clip's colours, whatever they are.
fn colours(video: &VideoOutput) -> Option<String> {
    let colour = &video.colour;
    let odd = [
        ("matrix", colour.matrix.as_str(), &MATRICES[..]),
        ("primaries", &colour.primaries, &PRIMARIES),
        ("transfer", &colour.transfer, &TRANSFERS),
    ];
    let odd: Vec<String> = odd
        .into_iter()
        .filter(|(_, tag, known)| !known.contains(tag))
        .map(|(what, tag, _)| format!("{what} {tag}"))
        .collect();
    (!odd.is_empty()).then(|| {
        format!(
            "the align clip's colours are tagged as {}, and so are the output's: many players \
             ignore that, and show them brighter, darker, or in another hue; align to a clip in \
             bt709",
            odd.join(" and ")
        )
    })
}

fn tag(codec: VideoCodec, container: Container) -> Option<String> {
    match (codec, container) {
        (VideoCodec::H265, Container::Asf | Container::Avi) => Some(format!(
            "few players know the tag of h265 in {container}: VLC and programs with ffmpeg 7 or \
             later do; ask for `f_mp4`, or for `vcodec_h264`"
        )),
        _ => None,
    }
}

fn codec(codec: AudioCodec, container: Container) -> Option<String> {
    let players = match (codec, container) {
        (AudioCodec::Amr | AudioCodec::Vorbis, Container::Mp4 | Container::Mov) => BROWSERS,
        (AudioCodec::Opus, Container::Ts) => "browsers, Apple's players, and television sets",
        _ => return None,
    };
    Some(format!(
        "few players know {codec} in {container}: VLC and programs with ffmpeg do, {players} don't; \
         ask for `acodec_aac`"
    ))
}

#[cfg(test)]
mod tests {
    use crate::media::Media;
    use crate::media::report::tests::media;
    use crate::output::tests::settled;

    fn told(parameters: &str, source: &Media) -> Vec<String> {
        settled(parameters, std::slice::from_ref(source)).unwrap().1
    }

    fn changed(change: impl FnOnce(&mut crate::media::VideoStream)) -> Media {
        let mut media = media();
        change(media.video.as_mut().unwrap());
        media
    }

    #[test]
    fn outputs_that_few_players_play_are_named() {
        let deep = changed(|video| video.pixel_format = "yuv420p10le".to_owned());
        let broad = changed(|video| video.pixel_format = "yuv422p".to_owned());
        let hlg = changed(|video| video.colour.transfer = "arib-std-b67".to_owned());
        let old = changed(|video| video.colour.primaries = "bt470m".to_owned());
        let plain = media();
        for (parameters, source, begin, ask) in [
            ("f_mp4,vcodec_h264,acodec_aac,crf_0", &plain, "`crf_0`: ", "`crf_1`"),
            ("f_mp4,vcodec_h264,acodec_aac,crf_0.5", &plain, "`crf_0.5`: ", "`crf_1`"),
            ("f_mp4,vcodec_h264,acodec_aac", &deep, "`pixfmt`: ", "`pixfmt_yuv420p`"),
            ("f_mkv,vcodec_h264,acodec_aac", &broad, "`pixfmt`: ", "`pixfmt_yuv420p`"),
            (
                "f_ts,vcodec_h264,acodec_aac,pixfmt_yuv444p",
                &plain,
                "`pixfmt_yuv444p`: ",
                "`pixfmt_yuv420p`",
            ),
            (
                "f_mp4,vcodec_h265,acodec_aac,pixfmt_yuv422p10le",
                &plain,
                "`pixfmt_yuv422p10le`: ",
                "`pixfmt_yuv420p10le`",
            ),
            ("f_mov,vcodec_h264,acodec_aac", &hlg, "`vcodec_h264`: ", "`vcodec_h265`"),
            (
                "f_mp4,vcodec_h264,acodec_aac,s_3840x2160,fps_120",
                &plain,
                "`s_3840x2160`: ",
                "`vcodec_h265`",
            ),
            ("f_mp4,vcodec_h264,acodec_aac,s_4096x4096", &plain, "`s_4096x4096`: ", "smaller `s`"),
            ("f_mp4,vcodec_h265,acodec_aac,s_4096x4096", &plain, "`s_4096x4096`: ", "smaller `s`"),
            ("f_mp4,vcodec_h264,acodec_amr,ar_8000,ac_1", &plain, "`acodec_amr`: ", "`acodec_aac`"),
            ("f_mp4,vcodec_h264,acodec_vorbis", &plain, "`acodec_vorbis`: ", "`acodec_aac`"),
            ("f_ts,vcodec_h264,acodec_opus", &plain, "`acodec_opus`: ", "`acodec_aac`"),
            ("f_asf,vcodec_h265,acodec_aac", &plain, "`vcodec_h265`: ", "`f_mp4`"),
            ("f_mp4,vcodec_h264,acodec_aac,align_0", &old, "`align_0`: ", "bt470m"),
        ] {
            let warnings = told(parameters, source);
            assert_eq!(warnings.len(), 1, "{parameters}: {warnings:?}");
            let warning = &warnings[0];
            assert!(warning.starts_with(begin) && warning.contains(ask), "{warning}");
        }
    }

    #[test]
    fn usual_outputs_are_not() {
        let deep = changed(|video| video.pixel_format = "yuv420p10le".to_owned());
        let hlg = changed(|video| {
            (video.pixel_format, video.colour.transfer) =
                ("yuv420p10le".to_owned(), "arib-std-b67".to_owned());
        });
        let plain = media();
        for (parameters, source) in [
            ("f_mp4,vcodec_h264,acodec_aac,crf_1", &plain),
            ("f_mp4,vcodec_h264,acodec_aac,pixfmt_yuv420p", &deep),
            ("f_mp4,vcodec_h265,acodec_aac", &deep),
            ("f_mp4,vcodec_h265,acodec_aac,crf_0", &plain),
            ("f_mp4,vcodec_h265,acodec_aac", &hlg),
            ("f_mp4,vcodec_h264,acodec_aac,s_3840x2160,fps_60", &plain),
            ("f_mkv,vcodec_vp9,acodec_opus,ar_48000,pixfmt_yuv444p", &plain),
            ("f_mkv,vcodec_h264,acodec_vorbis", &plain),
            ("f_mp4,vcodec_h264,acodec_amr,ar_8000,ac_1,an_1", &plain),
        ] {
            assert_eq!(told(parameters, source), [""; 0], "{parameters}");
        }
    }
}
