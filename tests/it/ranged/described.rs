//! What an index tells of a file is what all of the file tells.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::partial::{BLOCK, PartialFile, Wanted};
use video_concat::engine::probe::{Probed, probe, probe_index};
use video_concat::media::boxes::Boxes;

use super::spread::{Index, spread, spread_fragments};
use crate::bed::ffmpeg::{ffmpeg_path, ffprobe_path};
use crate::bed::source::Source;

/// A file of which parts are brought when they are waited for.
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

/// What is known of a file by its index alone, unless that is not enough, and by all of it.
async fn described(file: &[u8]) -> (Option<String>, String) {
    let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), 1024);
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (folder.path().join("partial"), folder.path().join("whole"));
    std::fs::write(&whole, file).unwrap();
    let (partial, wanted) = PartialFile::create(&path, file.len() as u64).unwrap();
    let brought = Arc::new(Brought { whole: File::open(&whole).unwrap(), partial });
    brought.bring_index();
    let answering = tokio::spawn(Arc::clone(&brought).answer(wanted));
    let index = probe_index(&ffmpeg, &path).await.unwrap();
    answering.abort();
    let text = |probed: &Probed| format!("{:#?} {:?}", probed.media, probed.notices);
    let whole = text(&probe(&ffmpeg, &whole).await.unwrap());
    (index.map(|(probed, _)| text(&probed)), whole)
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
        // How long packets last can't be told without looking into them.
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
