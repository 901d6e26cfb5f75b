//! Files made of several, one behind the other.

use super::{FRAMES, plain, scene};
use crate::scene::USUAL;

#[test]
fn files_one_behind_the_other_are_one_film() {
    let scene = scene();
    let mut faults = Vec::new();
    for (name, video, audio) in [
        ("b.mkv", "libx264", "flac"),
        ("b.webm", "libvpx", "libopus"),
        ("b.flv", "libx264", "aac"),
        ("b.ogv", "libvpx", "flac"),
    ] {
        let file = |id| {
            let source = plain(id).video_codec(video).audio_codec(audio);
            let source = if name == "b.ogv" { source.extra_args(&["-f", "ogg"]) } else { source };
            std::fs::read(source.write(name)).unwrap()
        };
        scene.s3.put("sources", name, [file(2), file(4)].concat());
        let outcome = scene.run(name, &format!("f_mp4,{USUAL}"));
        if outcome.record["Status"] != "Succeeded" {
            faults.push(format!("{name}: {}", outcome.record["Message"]));
            continue;
        }
        let shown: Vec<_> = outcome.reading().frames().iter().map(|frame| frame.code()).collect();
        let of = |id| shown.iter().flatten().filter(|code| code.clip == id).count();
        for id in [2, 4] {
            if !(FRAMES..=FRAMES + 4).contains(&of(id)) {
                faults.push(format!("{name}: {} frames of {id}", of(id)));
            }
        }
        let beeps = outcome.reading().beeps().len();
        if beeps != 4 {
            faults.push(format!("{name}: {beeps} beeps"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
