//! The index of a film: boxes by any template that a reader finds, cues in any file, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use video_concat::media::elements::Elements;
use video_concat::media::places::Places;
use video_concat::mp4::{
    Movie, Packets, Sample, Samples, Stretch, alone, box_head, fragment, time_scale, weave,
};

fuzz_target!(|bytes: &[u8]| {
    walk(bytes);
    if let Ok(found) = fragment(bytes) {
        let samples =
            Samples { time_scale: time_scale(bytes).unwrap_or(1), samples: found.samples };
        let audio = Packets { time_scale: 48_000, sizes: vec![9; 50], steps: vec![(50, 1024)] };
        let spans = weave(&samples.samples, &audio, 25.into());
        let woven: u64 = spans.iter().map(|span| span.bytes).sum();
        assert_eq!(woven, samples.bytes() + audio.bytes());
    }
    if let Ok((packets, _)) = Packets::read(bytes) {
        assert_eq!(packets.each().count(), packets.sizes.len());
        assert_eq!(packets.part(0, usize::MAX).bytes(), packets.bytes());
    }
    let sample = |index: i64| {
        let dts = index * 512;
        Sample { size: 100, dts, pts: dts + 1024, sync: index % 5 == 0 }
    };
    let video = Samples { time_scale: 12_800, samples: (0..60).map(sample).collect() };
    let audio = Packets { time_scale: 48_000, sizes: vec![7; 113], steps: vec![(113, 1024)] };
    if let Ok(head) = alone(b"", bytes, &audio) {
        let moov = box_head(&head).expect("it begins with a box");
        let behind = usize::try_from(moov.head + moov.body).expect("it is in memory");
        let data = box_head(&head[behind..]).expect("the data is behind the index");
        assert_eq!((data.kind, data.body), (*b"mdat", audio.bytes()));
    }
    let woven = Movie::woven(bytes, &[(&video, &audio)], 25.into());
    for movie in [Movie::new(bytes, &[&video], 25.into()), woven] {
        let Ok(movie) = movie else { continue };
        let stored: u64 = movie.stretches().iter().map(Stretch::length).sum();
        assert!(stored >= video.bytes());
        let Ok(head) = movie.head(b"", *b"free") else { continue };
        let moov = box_head(&head).expect("it begins with a box");
        assert_eq!(moov.kind, *b"moov");
        let behind = usize::try_from(moov.head + moov.body).expect("it is in memory");
        let next = box_head(&head[behind..]).expect("the index ends before the data");
        assert!([*b"free", *b"mdat"].contains(&next.kind));
    }
});

fn walk(bytes: &[u8]) {
    let mut elements = Elements::new(bytes.len() as u64);
    while let Some(place) = elements.wanted() {
        let index = |at| usize::try_from(at).expect("it is in memory");
        if elements.step(&bytes[index(place.start)..index(place.end)]).is_err() {
            return;
        }
    }
    let cues = elements.into_cues();
    assert!(cues.end <= bytes.len() as u64);
    let (first, last) = (cues.cues[0].time, cues.cues[cues.cues.len() - 1].time);
    let ranges: Vec<_> = Places::of_clusters(&cues).video.bytes(&(first..last)).collect();
    assert_eq!(ranges.first().map(|range| range.start), Some(cues.cues[0].at));
    assert_eq!(ranges.last().map(|range| range.end), Some(cues.end));
    assert!(ranges.windows(2).all(|two| two[0].end == two[1].start));
    assert!(ranges.iter().all(|range| range.start <= range.end && range.end <= cues.end));
}
