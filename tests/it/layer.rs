//! The layer's ffmpeg: it has everything that the service needs, and no access to the network.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::bed::ffmpeg::{ffmpeg_path, ffprobe_path};
use crate::bed::process::{repository, run};

/// The output of one of the layer's programs.
fn said(program: PathBuf, argument: &str) -> String {
    let output = run(Command::new(program).args(["-v", "error", "-hide_banner", argument]));
    String::from_utf8(output.stdout).unwrap()
}

/// The names that `ffmpeg -<list>` prints after its legend.
pub(crate) fn listed(list: &str) -> BTreeSet<String> {
    let text = said(ffmpeg_path(), &format!("-{list}"));
    let is_rule = |line: &str| line.trim_start().starts_with("--");
    // The list of filters has a legend without a rule.
    let rows = text.lines().skip_while(|line| text.lines().any(is_rule) && !is_rule(line)).skip(1);
    // Flags, then the name; a demuxer may have several with commas between.
    let names = rows.filter_map(|row| row.split_whitespace().nth(1));
    names.flat_map(|names| names.split(',').map(str::to_owned)).collect()
}

#[track_caller]
fn assert_has(list: &str, names: &str) {
    let found = listed(list);
    let missing: Vec<_> = names.split(' ').filter(|name| !found.contains(*name)).collect();
    assert!(missing.is_empty(), "{list} lacks {missing:?}: {found:?}");
}

#[track_caller]
fn assert_lacks(list: &str, names: &str) {
    let found = listed(list);
    assert!(found.len() > 1, "{found:?}");
    let present: Vec<_> = names.split(' ').filter(|name| found.contains(*name)).collect();
    assert!(present.is_empty(), "{list} has {present:?}");
}

#[test]
fn all_that_the_language_writes_is_there() {
    assert_has(
        "encoders",
        "libx264 libx265 libvpx-vp9 libmp3lame aac flac libvorbis ac3 libopus pcm_s16le pcm_s24le \
         libopencore_amrnb libvo_amrwbenc",
    );
    assert_has("muxers", "mp4 mov matroska asf avi mxf mpegts flv hls dash");
}

#[test]
fn all_that_a_stage_uses_is_there() {
    assert_has("muxers", "null nut segment wav hash framehash framemd5 streamhash");
    assert_has("demuxers", "nut loas h264 hevc");
    assert_has("encoders", "wrapped_avframe rawvideo pcm_f32le");
    assert_has(
        "filters",
        "fps setpts settb trim tpad concat split scale zscale tonemap crop pad setsar format \
         setparams setrange colorspace bwdif idet overlay color extractplanes alphaextract alphamerge \
         premultiply unpremultiply aformat aresample apad atrim asetpts asettb asplit pan anullsrc \
         sidedata metadata showinfo ashowinfo null anull",
    );
    let filters = said(ffmpeg_path(), "-bsfs");
    for name in ["setts", "dump_extra", "filter_units", "h264_metadata", "hevc_mp4toannexb"] {
        assert!(filters.lines().any(|line| line == name), "{name}: {filters}");
    }
}

#[test]
fn every_container_of_the_sources_is_there() {
    let names = video_concat::media::Demuxer::NAMES.join(" ");
    assert_has("demuxers", &names);
}

/// Playlists, lists and patterns of names open files that their text names.
#[test]
fn nothing_that_opens_other_files_is_there() {
    assert_lacks(
        "demuxers",
        "hls applehttp dash imf concat image2 image2pipe lavfi rtsp sdp rtp vapoursynth avisynth \
         webm_dash_manifest vobsub",
    );
    assert_lacks("filters", "movie amovie subtitles ass drawtext lut3d zmq azmq ladspa lv2");
    assert_eq!(listed("devices"), BTreeSet::new());
}

#[test]
fn what_only_tests_need_is_not_there() {
    assert_lacks(
        "encoders",
        "mpeg1video mpeg2video mpeg4 msmpeg4v2 msmpeg4 wmv1 wmv2 rv10 rv20 h263 flv prores \
         prores_ks dnxhd dvvideo cinepak qtrle svq1 flashsv jpeg2000 ffv1 huffyuv utvideo png mjpeg \
         libvpx mp2 wmav1 wmav2 alac eac3 dca truehd libspeex libgsm_ms",
    );
    assert_lacks(
        "filters",
        "testsrc testsrc2 smptebars sine aevalsrc anoisesrc mandelbrot geq noise drawbox ssim psnr",
    );
    assert_lacks("muxers", "rm dv gxf tee image2 image2pipe rawvideo mpeg vob ogg rtp rtp_mpegts");
    assert_lacks("demuxers", "rawvideo yuv4mpegpipe gxf ivf obu wv tta s16le");
    let filters = said(ffmpeg_path(), "-bsfs");
    assert!(filters.lines().all(|line| line != "noise"), "{filters}");
}

/// Those with known faults in this release, or for formats that nobody sends.
#[test]
fn dropped_decoders_are_not_there() {
    assert_lacks(
        "decoders",
        "cook sipr ra_144 ra_288 atrac3 qdm2 wmavoice wmalossless hap magicyuv cfhd lagarith fraps \
         indeo2 indeo3 indeo4 indeo5 rv30 rv40 svq3 vp6 vp6a vp6f msmpeg4v1 h261 rpza smc msrle \
         msvideo1 gif bmp av1 mp1 mlp wavpack tta tiff exr zlib sanm",
    );
}

#[test]
fn no_protocol_reaches_the_network() {
    for program in [ffmpeg_path(), ffprobe_path()] {
        let text = said(program, "-protocols");
        let names: BTreeSet<&str> =
            text.lines().map(str::trim).filter(|line| !line.ends_with(':')).collect();
        assert_eq!(names, BTreeSet::from(["file", "pipe"]), "{text}");
    }
}

#[test]
fn it_is_new_enough_and_depends_on_nothing() {
    for (name, program) in [("ffmpeg", ffmpeg_path()), ("ffprobe", ffprobe_path())] {
        let text = said(program.clone(), "-version");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words[..2], [name, "version"]);
        let major: u32 =
            words[2].trim_start_matches('n').split('.').next().unwrap().parse().unwrap();
        assert!(major >= 7, "{text}");
        let said = Command::new("ldd").arg(program).output().unwrap();
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(
            said.contains("not a dynamic executable") || said.contains("statically linked"),
            "{said}"
        );
    }
}

/// The zip file of a layer contains the target of a link again, so one of the two has to be small.
#[test]
fn both_programs_are_as_large_as_one() {
    let size = |path: PathBuf| std::fs::metadata(path).unwrap().len();
    let (ffmpeg, ffprobe) = (size(ffmpeg_path()), size(ffprobe_path()));
    assert!(ffmpeg + ffprobe <= 45_000_000, "{ffmpeg} + {ffprobe}");
}

/// What `check` reports about a layer with this bill.
fn advisories(bill: &str) -> String {
    let layer = tempfile::tempdir().unwrap();
    std::fs::create_dir(layer.path().join("bin")).unwrap();
    std::fs::write(layer.path().join("bom.json"), bill).unwrap();
    let mut check = Command::new(repository().join("layers/ffmpeg/check"));
    let output = check.arg("--advisories").arg(layer.path().join("bin")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), said == "check: all well\n", "{said}");
    said
}

/// A bill as the build writes it, with one library and one decoder.
fn bill(ffmpeg: &str, libvpx: &str, decoder: &str, fixed: &str) -> String {
    format!(
        "{{\n  \"components\": [\n\
         {{\"name\": \"ffmpeg\", \"version\": \"{ffmpeg}\"}},\n\
         {{\"name\": \"libvpx\", \"version\": \"{libvpx}\"}}\n  ],\n  \
         \"decoder\": \"aac {decoder} h264\",\n  \"fixed\": \"{fixed}\"\n}}\n"
    )
}

#[test]
fn a_layer_with_a_published_fault_is_refused() {
    let magicyuv = "CVE-2026-8461: ffmpeg ";
    let libvpx = "CVE-2023-44488: libvpx ";
    for (name, bill, fault) in [
        ("new enough", bill("7.1.5", "1.15.0-2", "magicyuv", ""), None),
        ("too old", bill("7.1.4", "1.15.0-2", "magicyuv", ""), Some(magicyuv)),
        ("too old for its series", bill("8.1.1", "1.15.0-2", "magicyuv", ""), Some(magicyuv)),
        ("a series with the fix from the start", bill("9.0", "1.15.0-2", "magicyuv", ""), None),
        ("without the part", bill("7.1.4", "1.15.0-2", "mjpeg", ""), None),
        ("patched", bill("7.1.4", "1.15.0-2", "magicyuv", "CVE-1-2 CVE-2026-8461"), None),
        (
            "never mended in the series",
            bill("7.1.5", "1.15.0-2", "cfhd", ""),
            Some("CVE-2026-70632"),
        ),
        ("an old library", bill("7.1.5", "1.12.0-1+deb12u1", "mjpeg", ""), Some(libvpx)),
        ("a patched library", bill("7.1.5", "1.12.0-1+deb12u5", "mjpeg", ""), None),
        ("no bill", String::new(), Some("names no version of ffmpeg")),
    ] {
        let said = advisories(&bill);
        match fault {
            Some(fault) => assert!(said.contains(fault), "{name}: {said}"),
            None => assert_eq!(said, "check: all well\n", "{name}"),
        }
    }
}
