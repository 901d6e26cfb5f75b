//! Large Matroska files are read by their cues, with the same results.

use super::clusters::{
    CLUSTER, CUES, SEGMENT, TRACKS, element, elements, spread_changed, spread_clusters, with_times,
};
use super::spread::Index;
use super::{USUAL, a_bit, bytes, fetched, film, task};
use crate::bed::ffmpeg::ffmpeg;
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::{Scene, sur};

/// The same file with something after it, so that a reader has to read all of it.
fn not_indexed(file: &[u8]) -> Vec<u8> {
    [file, &element(0xec, &[])].concat()
}

/// Compares the result for a file with the result for the whole file. Returns the share of bytes
/// that was read.
#[track_caller]
fn same(scene: &Scene, name: &str, file: &[u8], parameters: &str) -> f64 {
    let (record, output) = task(scene, file, parameters);
    let (expected, whole) = task(scene, &not_indexed(file), parameters);
    for field in ["Status", "Code", "Timeline", "Warnings", "Output", "Verified"] {
        assert_eq!(record[field], expected[field], "{name}: {field}");
    }
    assert!(fetched(&expected) > file.len(), "{name}");
    assert!(output.is_some() && output == whole, "{name}: another output");
    fetched(&record) as f64 / file.len() as f64
}

#[test]
fn a_cut_of_a_large_matroska_file_reads_its_part_alone() {
    let scene = Scene::new();
    let webm = film().video_codec("libvpx-vp9").audio_codec("libopus");
    for (name, source, file, index) in [
        ("cues behind", film(), "film.mkv", Index::Behind),
        ("cues in front", film(), "film.mkv", Index::Front),
        ("WebM", webm, "film.webm", Index::Behind),
    ] {
        let file = spread_clusters(&bytes(&source, file), index);
        let read = same(&scene, name, &file, &a_bit());
        assert!(read < 0.5, "{name}: {read}");
    }
}

/// The cues are only about the video track, so a reader that seeks by the audio reads everything on
/// the way.
#[test]
fn the_audio_of_a_time_is_found_by_the_cues_of_the_video() {
    let read = same(&Scene::new(), "padded", &padded("15"), &a_short_cut());
    assert!(read < 0.6, "{read}");
}

/// The cues say only where key frames are: here one every eight seconds.
#[test]
fn what_lies_between_cues_is_read_as_far_as_the_cut_needs() {
    let read = same(&Scene::new(), "far apart", &padded("120"), &a_short_cut());
    assert!(read < 0.5, "{read}");
}

/// Where one copy follows another, frames are not where they would be in one film. The output
/// needs a frame rate from all frames only if it inherits it.
#[test]
fn a_film_that_was_repeated_is_read_in_part_if_its_frame_rate_is_not_inherited() {
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let (once, often) = (folder.path().join("once.mp4"), folder.path().join("often.mkv"));
    std::fs::write(&once, bytes(&film().seconds(3.0), "once.mp4")).unwrap();
    let mut command = ffmpeg();
    command.args(["-stream_loop", "7", "-i"]).arg(&once).args(["-c", "copy"]).arg(&often);
    run(&mut command);
    let file = spread_clusters(&std::fs::read(&often).unwrap(), Index::Behind);
    for rate in ["fps_25", "fps_15"] {
        let read = same(&scene, rate, &file, &format!("ss_4900,t_1500,f_mp4,{rate},{USUAL}"));
        assert!(read < 0.7, "{rate}: {read}");
    }
    let read = same(&scene, "inherited", &file, &format!("ss_4900,t_1500,f_mp4,{USUAL}"));
    assert_eq!(read, 1.0);
}

/// A minute of constant bit rate, with a key frame every so many frames.
fn padded(key_frames: &str) -> Vec<u8> {
    let padded = "-crf -1 -b:v 2M -maxrate 2M -bufsize 2M -x264-params nal-hrd=cbr -g";
    let padded: Vec<&str> = padded.split(' ').chain([key_frames]).collect();
    bytes(&film().seconds(60.0).extra_args(&padded), "padded.mkv")
}

fn a_short_cut() -> String {
    format!("ss_20000,t_200,f_mp4,{USUAL}")
}

fn large() -> Vec<u8> {
    spread_clusters(&bytes(&film(), "film.mkv"), Index::Behind)
}

#[test]
fn cuts_anywhere_in_a_matroska_file() {
    let scene = Scene::new();
    let file = large();
    for parameters in [
        format!("ss_7900,f_mp4,{USUAL}"),
        format!("ss_0,t_100,f_mp4,{USUAL}"),
        format!("ss_2900,t_2000,f_mp4,{USUAL}"),
        format!("ss_500,t_300,f_mp4,{USUAL}{},ss_6000,t_300", sur("a.mp4")),
    ] {
        let read = same(&scene, &parameters, &file, &parameters);
        assert!(read < 0.9, "{parameters}: {read}");
    }
}

/// Bit rates are not known then, nor whether groups of pictures can be copied.
#[test]
fn a_task_that_takes_more_than_cues_tell_reads_all() {
    let scene = Scene::new();
    let file = large();
    let cut = "ss_4000,t_2000,f_mp4,vcodec_h264,acodec_aac";
    for more in ["vb_9000000,vbopt_1", "crf_30,ab_64000,abopt_1"] {
        let read = same(&scene, more, &file, &format!("{cut},{more}"));
        assert_eq!(read, 1.0, "{more}");
    }
}

#[test]
fn cues_that_lie() {
    let scene = Scene::new();
    let file = large();
    let (_, at, segment) = elements(&file).into_iter().find(|each| each.0 == SEGMENT).unwrap();
    let body = &file[segment];
    let (_, cues, range) = elements(body).into_iter().find(|each| each.0 == CUES).unwrap();
    let with = |cue_body: Vec<u8>| {
        let cue_body = element(CUES, &cue_body);
        let body = [&body[..cues], &cue_body, &body[range.end..]].concat();
        [&file[..at], &element(SEGMENT, &body)].concat()
    };
    let (cue, last) = (&body[range.clone()], 7000);
    for (name, lying, least) in [
        ("a time between two frames", with_times(cue, &|t| if t == 4000 { 4030 } else { t }), 1.0),
        ("a time of another frame", with_times(cue, &|t| if t == 4000 { 4200 } else { t }), 0.0),
        ("all times later", with_times(cue, &|t| t + 200), 1.0),
        ("backwards", with_times(cue, &|t| last - t), 1.0),
        ("none", Vec::new(), 1.0),
    ] {
        let read = same(&scene, name, &with(lying), &format!("ss_4300,t_200,f_mp4,{USUAL}"));
        assert!(read >= least, "{name}: {read}");
    }
}

/// The audio of a cluster, four packets in each block, whose sizes are differences.
fn laced_cluster(cluster: &[u8]) -> Vec<u8> {
    const BLOCK: u32 = 0xa3;
    const AUDIO: u8 = 0x82;
    let children = elements(cluster);
    let is_audio = |(id, _, body): &&(u32, usize, std::ops::Range<usize>)| {
        *id == BLOCK && cluster[body.start] == AUDIO
    };
    let audio: Vec<&[u8]> =
        children.iter().filter(is_audio).map(|(_, _, body)| &cluster[body.clone()]).collect();
    let (mut groups, mut count, mut written) = (audio.chunks(4), 0, Vec::new());
    for child in &children {
        if !is_audio(&child) {
            written.extend_from_slice(&cluster[child.1..child.2.end]);
        } else if count % 4 == 0 {
            written.extend(element(BLOCK, &lace(groups.next().unwrap())));
        }
        count += usize::from(is_audio(&child));
    }
    written
}

fn lace(blocks: &[&[u8]]) -> Vec<u8> {
    const EBML: u8 = 0x06;
    if let [block] = blocks {
        return block.to_vec();
    }
    let sizes: Vec<i16> =
        blocks.iter().map(|block| i16::try_from(block.len() - 4).unwrap()).collect();
    let head = &blocks[0][..4];
    let mut laced = vec![head[0], head[1], head[2], head[3] | EBML];
    laced.push(u8::try_from(blocks.len() - 1).unwrap());
    laced.extend((sizes[0] | 0x4000).to_be_bytes());
    let differences = sizes.windows(2).map(|two| (two[1] - two[0] + 8191) | 0x4000);
    laced.extend(differences.take(sizes.len() - 2).flat_map(i16::to_be_bytes));
    laced.extend(blocks.iter().flat_map(|block| &block[4..]));
    laced
}

/// As mkvmerge writes audio: laced, and with the length of a packet.
fn laced(id: u32, whole: &[u8]) -> Vec<u8> {
    const TRACK_ENTRY: u32 = 0xae;
    let body = &whole[elements(whole)[0].2.clone()];
    if id == CLUSTER {
        return element(CLUSTER, &laced_cluster(body));
    }
    if id != TRACKS {
        return whole.to_vec();
    }
    // Not the checksum of the tracks, which no longer holds.
    let entries = elements(body).into_iter().filter(|each| each.0 == TRACK_ENTRY);
    let tracks = entries.map(|(id, begin, range)| {
        let track = &body[range.clone()];
        let is_audio =
            elements(track).iter().any(|each| each.0 == 0x83 && track[each.2.start] == 2);
        let length = element(0x0023_e383, &21_333_333_u32.to_be_bytes());
        if is_audio {
            element(id, &[track, &length].concat())
        } else {
            body[begin..range.end].to_vec()
        }
    });
    element(TRACKS, &tracks.collect::<Vec<_>>().concat())
}

#[test]
fn audio_in_laces() {
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let plain = bytes(&film(), "film.mkv");
    let file = spread_changed(&plain, Index::Behind, &laced);
    let packets = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut command = ffmpeg();
        command.arg("-i").arg(path).args(["-map", "0:a", "-c", "copy", "-f", "md5", "-"]);
        run(&mut command).stdout
    };
    assert_eq!(packets("laced.mkv", &file), packets("plain.mkv", &plain));
    for cut in ["ss_1000,t_200", "ss_2500,t_1500", "ss_4500,t_500"] {
        let read = same(&scene, cut, &file, &format!("{cut},f_mp4,{USUAL}"));
        assert!(read < 0.7, "{cut}: {read}");
    }
}

/// Properties that neither the cues nor the packets at a few times show make no difference.
#[test]
fn audio_with_gaps_between_the_samples() {
    let scene = Scene::new();
    let gaps = "-af aselect='not(between(t,3,3.2))'";
    let source: Source = film().extra_args(&gaps.split(' ').collect::<Vec<_>>());
    let file = spread_clusters(&bytes(&source, "gaps.mkv"), Index::Behind);
    for cut in ["ss_2500,t_1500", "ss_4500,t_500"] {
        same(&scene, cut, &file, &format!("{cut},f_mp4,{USUAL}"));
    }
}
