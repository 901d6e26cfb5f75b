//! The layer has no decoder for a format that no test reads.

use std::collections::BTreeSet;

use super::{audio, codecs, containers};
use crate::bed::ffmpeg::ffprobe;
use crate::bed::process::run;
use crate::layer::listed;

/// Decoders whose name is not that of the codec.
const DECODERS: [(&str, &str); 10] = [
    ("av1", "libdav1d"),
    ("flv1", "flv"),
    ("mp2", "mp2float"),
    ("mp3", "mp3float"),
    ("amr_nb", "amrnb"),
    ("amr_wb", "amrwb"),
    ("dts", "dca"),
    ("speex", "libspeex"),
    ("adpcm_g726", "g726"),
    ("msmpeg4v3", "msmpeg4"),
];
/// Asked for by name where there is alpha; another name of MPEG-1 and -2; a part of Theora's.
const TWINS: [&str; 4] = ["libvpx", "libvpx-vp9", "mpegvideo", "vp3"];

/// The layer's decoders but for twins.
pub(crate) fn of_the_layer() -> BTreeSet<String> {
    let mut found = listed("decoders");
    found.retain(|name| name != "=" && !TWINS.contains(&&**name));
    found
}

fn decoder(codec: &str) -> String {
    let other = DECODERS.iter().find(|(name, _)| *name == codec);
    other.map_or(codec, |(_, decoder)| decoder).to_owned()
}

#[test]
fn every_decoder_of_the_layer_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [codecs::cases(), audio::cases(), containers::cases()].into_iter().flatten();
    let mut files: Vec<_> = cases.map(|(between, source)| source.write(&between.name)).collect();
    for (name, bytes) in codecs::MADE.into_iter().chain(audio::MADE) {
        files.push(folder.path().join(name));
        std::fs::write(files.last().unwrap(), bytes).unwrap();
    }
    let mut read = BTreeSet::new();
    for file in files {
        let shown = "-show_entries stream=codec_name -of default=nk=1:nw=1".split(' ');
        let output = run(ffprobe().args(shown).arg(file));
        let names = String::from_utf8(output.stdout).unwrap();
        read.extend(names.lines().map(decoder));
    }
    assert_eq!(of_the_layer(), read);
}
