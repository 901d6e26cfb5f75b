//! Real media of a few kilobytes, in every container that is recognised.

use crate::bed::source::Source;

pub(super) const NAMES: [&str; 22] = [
    "a.mp4", "frag.mp4", "a.mov", "a.mkv", "a.webm", "a.ts", "a.avi", "a.flv", "a.wmv", "a.mpg",
    "a.m1v", "a.mxf", "a.ogv", "a.wav", "a.w64", "a.aiff", "a.caf", "a.mp3", "a.aac", "a.flac",
    "a.ac3", "a.rm",
];

pub(super) fn small(name: &str) -> Vec<u8> {
    let source = Source::new(2).size(64, 48).seconds(0.3).audio(44_100, 1);
    let source = match name {
        "frag.mp4" => source.extra_args(&["-movflags", "empty_moov+frag_keyframe", "-g", "3"]),
        "a.mov" => source.video_codec("mjpeg").pixel_format("yuvj420p").audio_codec("pcm_s16be"),
        "a.webm" => source.video_codec("libvpx").audio_codec("libvorbis"),
        "a.avi" => source.video_codec("mpeg4").audio_codec("libmp3lame"),
        "a.flv" => source.video_codec("flv").audio_codec("libmp3lame"),
        "a.wmv" => {
            let source = source.video_codec("wmv2").audio_codec("wmav2");
            source.extra_args(&["-f", "asf"])
        }
        "a.mpg" => source.video_codec("mpeg2video").audio_codec("mp2"),
        "a.m1v" => source.video_codec("mpeg1video").no_audio().extra_args(&["-f", "rawvideo"]),
        "a.mxf" => source.video_codec("mpeg2video").no_audio(),
        "a.ogv" => {
            let source = source.video_codec("libvpx").audio_codec("libvorbis");
            source.extra_args(&["-f", "ogg"])
        }
        "a.wav" | "a.w64" => source.no_video().audio_codec("pcm_s16le"),
        "a.aiff" | "a.caf" => source.no_video().audio_codec("pcm_s16be"),
        "a.mp3" => source.no_video().audio_codec("libmp3lame"),
        "a.aac" => source.no_video().extra_args(&["-f", "adts"]),
        "a.flac" => source.no_video().audio_codec("flac"),
        "a.ac3" => source.no_video().audio_codec("ac3"),
        "a.rm" => source.video_codec("rv10").audio_codec("ac3"),
        _ => source,
    };
    std::fs::read(source.write(name)).unwrap()
}
