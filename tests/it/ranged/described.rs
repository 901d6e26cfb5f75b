//! Probing a file by its index gives the same description as probing all of it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::partial::{BLOCK, PartialFile, Wanted};
use video_concat::engine::probe::{Probed, probe, probe_cues, probe_index};
use video_concat::media::boxes::Boxes;
use video_concat::media::elements::{Cues, Elements};
use video_concat::media::{AudioStream, Media, VideoStream};

use super::spread::{Index, spread, spread_fragments};
use crate::bed::ffmpeg::{ffmpeg, ffmpeg_path, ffprobe_path};
use crate::bed::process::{repository, run};
use crate::bed::source::Source;

/// A file whose parts are filled when ffmpeg waits for them.
struct Brought {
    whole: File,
    partial: PartialFile,
}

impl Brought {
    fn bring(&self, range: Range<u64>) {
        while let Some(missing) = self.partial.claim(&range, BLOCK) {
            let mut bytes = vec![0; (missing.end - missing.start) as usize];
            self.whole.read_exact_at(&mut bytes, missing.start).unwrap();
            self.partial.fill(missing.start, &bytes).unwrap();
        }
    }

    /// `None` if they are of no use.
    fn bring_cues(&self) -> Option<Cues> {
        let mut elements = Elements::new(self.partial.size());
        while let Some(place) = elements.wanted() {
            self.bring(place.clone());
            elements.step(&self.partial.read(&place).unwrap()).ok()?;
        }
        Some(elements.into_cues())
    }

    fn bring_index(&self) {
        self.bring(0..BLOCK);
        let mut boxes = Boxes::new(self.partial.size());
        while let Some(header) = boxes.header().unwrap() {
            self.bring(header.clone());
            if let Some(place) = boxes.step(&self.partial.read(&header).unwrap()).unwrap() {
                self.bring(place);
            }
        }
    }

    async fn answer(self: Arc<Self>, mut wanted: Wanted) {
        loop {
            let place = wanted.next().await.unwrap();
            self.bring(place..place + 1);
        }
    }
}

/// The description of a file by its index alone (unless that is not enough), and by all of it.
async fn described(file: &[u8]) -> (Option<String>, String) {
    let (index, whole) = probed(file).await;
    let text = |probed: &Probed| format!("{:#?} {:?}", probed.media, probed.notices);
    (index.as_ref().map(text), text(&whole))
}

/// The same as it is.
async fn probed(file: &[u8]) -> (Option<Probed>, Probed) {
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), 1024);
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (folder.path().join("partial"), folder.path().join("whole"));
    std::fs::write(&whole, file).unwrap();
    let (partial, wanted) = PartialFile::create(&path, file.len() as u64).unwrap();
    let brought = Arc::new(Brought { whole: File::open(&whole).unwrap(), partial });
    let is_matroska = file.starts_with(b"\x1a\x45\xdf\xa3");
    let cues = is_matroska.then(|| brought.bring_cues());
    if !is_matroska {
        brought.bring_index();
    }
    let answering = tokio::spawn(Arc::clone(&brought).answer(wanted));
    let index = match cues {
        None => probe_index(&ffmpeg, &path).await.unwrap(),
        Some(None) => None,
        Some(Some(cues)) => probe_cues(&ffmpeg, &path, &cues, false).await.unwrap(),
    };
    answering.abort();
    (index.map(|(probed, _)| probed), probe(&ffmpeg, &whole).await.unwrap())
}

fn plain() -> Source {
    Source::new(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_tells_what_all_of_the_file_tells() {
    let uneven = plain().vfr(&[20, 60, 40, 120]);
    let fragments = ["-movflags", "empty_moov+frag_keyframe+delay_moov+default_base_moof"];
    for (name, source, is_enough) in [
        ("h264.mp4", plain(), true),
        ("late.mp4", plain().start_offset_ms(400, 0), true),
        ("turned.mov", plain().rotation(90).colour_space("bt709"), true),
        ("fields.mov", plain().interlaced().size(160, 128), true),
        ("hevc.mp4", plain().video_codec("libx265"), true),
        ("mpeg4.mp4", plain().video_codec("mpeg4").rate(30000, 1001), true),
        ("prores.mov", plain().video_codec("prores_ks").pixel_format("yuv422p10le"), true),
        ("pcm.mov", plain().audio_codec("pcm_s16le"), true),
        ("audio.m4a", plain().no_video(), true),
        ("video.mp4", plain().no_audio(), true),
        // The duration of packets is unknown without parsing them.
        ("uneven.mp4", uneven.clone(), false),
        ("mp3.mp4", plain().audio_codec("libmp3lame"), false),
        ("mpeg2.mov", plain().video_codec("mpeg2video"), false),
    ] {
        let file = std::fs::read(source.write(name)).unwrap();
        let (index, whole) = described(&spread(&file, Index::Behind)).await;
        assert_eq!(index, is_enough.then_some(whole), "{name}");
    }
    for (name, source, is_enough) in [("even.mp4", plain(), true), ("uneven.mp4", uneven, false)] {
        let file = std::fs::read(source.extra_args(&fragments).write(name)).unwrap();
        let (index, whole) = described(&spread_fragments(&file)).await;
        assert_eq!(index, is_enough.then_some(whole), "fragments, {name}");
    }
}

/// The part of a file's description that its output depends on, apart from bit rates. Audio of
/// which not everything was read counts as unsteady, which only costs an additional look at it.
fn of_account(probed: &Probed) -> Media {
    let media = Media::clone(&probed.media);
    Media {
        video: media.video.map(|video| VideoStream { bit_rate: 0, ..video }),
        audio: media.audio.map(|audio| AudioStream { bit_rate: 0, unsteady: false, ..audio }),
        ..media
    }
}

fn long() -> Source {
    plain().rate(15, 1).seconds(8.0).extra_args(&["-g", "15"])
}

#[tokio::test(flavor = "multi_thread")]
async fn cues_tell_what_all_of_the_file_tells() {
    let vp9 = long().video_codec("libvpx-vp9").audio_codec("libopus");
    for (name, source, is_enough) in [
        ("h264.mkv", long(), true),
        ("long.mkv", long().seconds(14.0), true),
        ("front.mkv", long().extra_args(&["-cues_to_front", "1"]), true),
        ("late.mkv", long().start_offset_ms(400, 0), true),
        ("late-audio.mkv", long().start_offset_ms(0, 300), true),
        ("ntsc.mkv", long().rate(30000, 1001), true),
        ("film.mkv", long().rate(24000, 1001), true),
        ("hevc.mkv", long().video_codec("libx265"), true),
        ("vp8.webm", long().video_codec("libvpx").audio_codec("libvorbis"), true),
        ("vp9.webm", vp9.clone(), true),
        ("vp9.mkv", vp9.pixel_format("yuva420p"), true),
        ("flac.mkv", long().audio_codec("flac"), true),
        ("pcm.mkv", long().audio_codec("pcm_s16le"), true),
        ("mp3.mkv", long().audio_codec("libmp3lame"), true),
        ("ac3.mkv", long().audio_codec("ac3"), true),
        ("video.mkv", long().no_audio(), true),
        ("uneven.mkv", long().vfr(&[20, 60, 40, 120]), false),
        ("short-audio.mkv", long().audio_seconds(4.0), false),
        ("mpeg2.mkv", long().video_codec("mpeg2video"), false),
        ("audio.mkv", long().no_video(), false),
        ("live.mkv", long().extra_args(&["-live", "1"]), false),
        ("pictures.mkv", long().extra_args(&["-g", "1000"]), false),
    ] {
        same(name, &std::fs::read(source.write(name)).unwrap(), is_enough).await;
    }
}

/// Compares the description from the cues, unless they are not enough, with that from the whole
/// file.
async fn same(name: &str, file: &[u8], is_enough: bool) {
    let (index, whole) = probed(file).await;
    assert_eq!(index.is_some(), is_enough, "{name}");
    let Some(index) = index else { return };
    assert_eq!(of_account(&index), of_account(&whole), "{name}");
    assert_eq!(whole.notices, [], "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cues_tell_of_files_that_hold_more() {
    let folder = tempfile::tempdir().unwrap();
    let film = long().write("film.mkv");
    let text = repository().join("tests/it/inputs/data/subtitled.mkv");
    let made = |arguments: &str| {
        let to = folder.path().join("more.mkv");
        let mut command = ffmpeg();
        command.arg("-y").arg("-i").arg(&film).arg("-i").arg(&text).args(["-c", "copy"]);
        run(command.args(arguments.split(' ')).arg(&to));
        std::fs::read(to).unwrap()
    };
    let font = format!("-attach {} -metadata:s:t mimetype=font/ttf", text.display());
    for (name, arguments, is_enough) in [
        ("audio twice", "-map 0:v -map 0:a -map 0:a", true),
        ("audio first", "-map 0:a -map 0:v", true),
        ("video twice", "-map 0:v -map 0:v -map 0:a", false),
        ("subtitles", "-map 0 -map 1:s", true),
        ("an attachment", &format!("-map 0 {font}"), true),
        ("short clusters", "-map 0 -cluster_time_limit 300", true),
        ("a file that is written live", "-map 0 -live 1", false),
        ("a pause", "-map 0 -bsf setts=ts=TS+20/TB*gt(TS*TB\\,3)", false),
    ] {
        same(name, &made(arguments), is_enough).await;
    }
    let plain = made("-map 0");
    for (name, file) in
        [("twice", plain.repeat(2)), ("cut short", plain[..plain.len() - 9].to_vec())]
    {
        let (index, _) = probed(&file).await;
        assert!(index.is_none(), "{name}");
    }
}
