//! Transport streams with lost packets: what decodes is used, and there is a warning.

use super::scene;
use crate::bed::source::Source;
use crate::scene::{USUAL, sur};

const PACKET: usize = 188;

/// Drops four packets of a hundred, in a pseudo-random order.
fn lossy(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut is_kept = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % 100 >= 4
    };
    bytes.chunks(PACKET).filter(|_| is_kept()).flatten().copied().collect()
}

#[test]
fn lost_packets_are_survived() {
    let scene = scene();
    let mut faults = Vec::new();
    let audio = |rate, channels| Source::new(2).no_video().audio_seconds(3.0).audio(rate, channels);
    for (name, source, channels) in [
        ("mono.ts", audio(44_100, 1), 2),
        ("six.ts", audio(44_100, 6).extra_args(&["-b:a", "640k"]), 2),
        ("full.ts", audio(44_100, 6).extra_args(&["-b:a", "640k"]), 6),
    ] {
        let bytes = std::fs::read(source.write(name)).unwrap();
        for seed in 11..15 {
            scene.s3.put("sources", name, lossy(&bytes, seed));
            let clip = format!("{}{}", sur(name), sur("c.mp4"));
            let parameters = format!("f_mkv,{USUAL},ac_{channels},vn_1{clip}");
            let outcome = scene.run("a.mp4", &parameters);
            if outcome.record["Status"] != "Succeeded" {
                faults.push(format!("{name}, {seed}: {}", outcome.record["Message"]));
                continue;
            }
            let told = format!("clip 1 (`s3://sources/{name}`): it");
            if channels == 6 && !outcome.warnings().contains(&told) {
                faults.push(format!("{name}, {seed}: {}", outcome.warnings()));
            }
            // The clips around it are whole; in surround their beeps are too weak to be found.
            let beeps = outcome.reading().beeps();
            let of = |clip| beeps.iter().filter(|beep| beep.clip == Some(clip)).count();
            if channels == 2 && (of(1) != 2 || of(3) != 2 || of(2) == 0) {
                faults.push(format!("{name}, {seed}: {beeps:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    scene.assert_clean();
}
