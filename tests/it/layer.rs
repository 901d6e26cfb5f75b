//! The layer's ffmpeg: everything that the language needs, and no way out.

use std::collections::BTreeSet;

use crate::bed::ffmpeg::{ffmpeg, ffprobe};
use crate::bed::process::run;

/// The names that `ffmpeg -<list>` prints, after its legend.
fn listed(list: &str) -> BTreeSet<String> {
    let output = run(ffmpeg().arg(format!("-{list}")));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("--")).skip(1);
    // Flags, then the name; a demuxer may have several with commas between.
    let names = rows.filter_map(|row| row.split_whitespace().nth(1));
    names.flat_map(|names| names.split(',').map(str::to_owned)).collect()
}

fn assert_has(list: &str, names: &[&str]) {
    let found = listed(list);
    for name in names {
        assert!(found.contains(*name), "{list} lacks {name}: {found:?}");
    }
}

#[test]
fn every_codec_of_the_language_is_there() {
    let encoders = [
        "libx264",
        "libx265",
        "libvpx-vp9",
        "libmp3lame",
        "aac",
        "flac",
        "libvorbis",
        "ac3",
        "libopus",
        "pcm_s16le",
        "pcm_s24le",
        "libopencore_amrnb",
        "libvo_amrwbenc",
    ];
    assert_has("encoders", &encoders);
    let decoders = [
        "h264",
        "hevc",
        "vp9",
        "vp8",
        "libdav1d",
        "mpeg4",
        "mpeg2video",
        "mjpeg",
        "prores",
        "aac",
        "mp3",
        "flac",
        "vorbis",
        "opus",
        "ac3",
        "eac3",
        "amrnb",
        "amrwb",
        "wmav2",
        "alac",
    ];
    assert_has("decoders", &decoders);
}

#[test]
fn every_container_of_the_language_is_there() {
    let muxers = ["mp4", "mov", "matroska", "asf", "avi", "mxf", "mpegts", "flv", "hls", "dash"];
    assert_has("muxers", &muxers);
    let demuxers = [
        "mov",
        "matroska",
        "avi",
        "asf",
        "flv",
        "mpegts",
        "mpeg",
        "mpegvideo",
        "mxf",
        "ogg",
        "rm",
        "wav",
        "w64",
        "aiff",
        "caf",
        "mp3",
        "aac",
        "flac",
        "amr",
        "ac3",
        "eac3",
    ];
    assert_has("demuxers", &demuxers);
}

/// Playlists open what their text names.
#[test]
fn no_playlist_can_be_read() {
    let demuxers = listed("demuxers");
    for name in ["hls", "applehttp", "dash", "imf", "xbin_playlist", "vapoursynth", "rtsp", "sdp"] {
        assert!(!demuxers.contains(name), "{name}");
    }
}

#[test]
fn no_protocol_reaches_the_network() {
    for tool in [ffmpeg(), ffprobe()] {
        let mut tool = tool;
        let output = run(tool.arg("-protocols"));
        let text = String::from_utf8(output.stdout).unwrap();
        let names: BTreeSet<&str> =
            text.lines().map(str::trim).filter(|line| !line.ends_with(':')).collect();
        assert_eq!(names, BTreeSet::from(["file", "pipe"]), "{text}");
    }
}

#[test]
fn it_is_new_enough_and_depends_on_nothing() {
    let output = run(ffmpeg().arg("-version"));
    let text = String::from_utf8(output.stdout).unwrap();
    let version = text.split_whitespace().nth(2).unwrap();
    let major: u32 = version.trim_start_matches('n').split('.').next().unwrap().parse().unwrap();
    assert!(major >= 7, "{version}");
    let mut ldd = std::process::Command::new("ldd");
    let said = ldd.arg(crate::bed::ffmpeg::ffmpeg_path()).output().unwrap();
    let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(
        said.contains("not a dynamic executable") || said.contains("statically linked"),
        "{said}"
    );
}
