//! Tests the index with a simple reader of it, and both readers with invalid bytes.

use num_rational::Ratio;
use proptest::prelude::*;

use super::boxes::{child, children, descend};
use super::{
    Extent, HEAD, Movie, Mp4Error, Packets, Sample, Samples, Stretch, alone, boxed, fragment,
    time_scale, weave,
};

const FRAME: i64 = 512;
const SCALE: u32 = 12_800;

fn full(kind: [u8; 4], fields: &[u32]) -> Vec<u8> {
    let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
    boxed(kind, &[&[0; 4][..], &fields].concat())
}

fn track(handler: [u8; 4], scale: u32, tables: &[Vec<u8>]) -> Vec<u8> {
    let tkhd = full(*b"tkhd", &[0, 0, 1, 0, 700, 0, 0]);
    let edits = boxed(*b"edts", &full(*b"elst", &[1, 0, 1024, 65_536]));
    let mdhd = full(*b"mdhd", &[0, 0, scale, 0, 0]);
    let hdlr = boxed(*b"hdlr", &[&[0; 8][..], &handler, &[0; 12]].concat());
    let minf = boxed(*b"minf", &boxed(*b"stbl", &tables.concat()));
    let mdia = boxed(*b"mdia", &[mdhd, hdlr, minf].concat());
    boxed(*b"trak", &[tkhd, edits, mdia].concat())
}

/// The content of a template's `moov`: audio packets of these sizes, two of them before the video's
/// only frame and the others after it.
fn template(sound: Option<&[u32]>) -> Vec<u8> {
    let entry = boxed(*b"avc1", &[&[0; 78][..], &full(*b"btrt", &[9, 9])].concat());
    let stsd = boxed(*b"stsd", &[&[0; 4][..], &1_u32.to_be_bytes(), &entry].concat());
    let one = [
        stsd,
        full(*b"stts", &[1, 1, 512]),
        full(*b"stsc", &[1, 1, 1, 1]),
        full(*b"stsz", &[0, 1, 100]),
        full(*b"stco", &[1, 5000]),
    ];
    let mut content = full(*b"mvhd", &[0, 0, 1000, 700, 0]);
    content.extend(track(*b"vide", SCALE, &one));
    if let Some(sizes) = sound {
        let count = u32::try_from(sizes.len()).unwrap();
        let head = sizes.iter().take(2).sum::<u32>();
        let behind = count.saturating_sub(2);
        content.extend(track(
            *b"soun",
            48_000,
            &[
                full(*b"stts", &[1, count, 1024]),
                full(*b"stsc", &[2, 1, count.min(2), 1, 2, behind, 1]),
                full(*b"stsz", &[&[0, count][..], sizes].concat()),
                full(*b"stco", &[2, 5000 - head, 5100]),
            ],
        ));
    }
    content
}

fn range(first: i64, sizes: &[u32]) -> Samples {
    let sample = |(index, &size): (i64, &u32)| {
        let dts = (first + index) * FRAME;
        Sample { size, dts, pts: dts + 2 * FRAME, sync: index % 7 == 0 }
    };
    Samples { time_scale: SCALE, samples: (0..).zip(sizes).map(sample).collect() }
}

fn numbers(body: &[u8], width: usize) -> Vec<u64> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    body.chunks(width).map(number).collect()
}

/// The place and the size of each sample of a track.
fn places(trak: &[u8]) -> Vec<(u64, u64)> {
    let stbl = descend(trak, &[*b"mdia", *b"minf", *b"stbl"]).unwrap();
    let stsz = numbers(&child(stbl, *b"stsz").unwrap()[4..], 4);
    let sizes = match stsz[0] {
        0 => stsz[2..].to_vec(),
        each => vec![each; usize::try_from(stsz[1]).unwrap()],
    };
    let chunks = match child(stbl, *b"stco") {
        Ok(near) => numbers(&near[8..], 4),
        Err(_) => numbers(&child(stbl, *b"co64").unwrap()[8..], 8),
    };
    let runs = numbers(&child(stbl, *b"stsc").unwrap()[8..], 4);
    let (mut found, mut sizes) = (Vec::new(), sizes.into_iter());
    for (number, mut at) in (1..).zip(chunks) {
        let run = runs.chunks(3).rfind(|run| run[0] <= number).unwrap();
        for _ in 0..run[1] {
            let size = sizes.next().unwrap();
            found.push((at, size));
            at += size;
        }
    }
    assert_eq!(sizes.next(), None);
    found
}

/// Checks the index of a file. Returns the types of all tables of the video.
fn check(sound: Option<&[u32]>, ranges: &[Samples]) -> Result<Vec<[u8; 4]>, TestCaseError> {
    let moov = template(sound);
    let all: Vec<&Samples> = ranges.iter().collect();
    let movie = Movie::new(&moov, &all, Ratio::from_integer(25)).unwrap();
    let head = movie.head(&boxed(*b"ftyp", b"isom"), *b"free").unwrap();
    let written = boxes_of(&head);
    let traks: Vec<&[u8]> =
        written.iter().filter(|(kind, _)| kind == b"trak").map(|(_, body)| *body).collect();
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    let (mut at, mut parts) = (head.len() as u64, Vec::new());
    for stretch in movie.stretches() {
        match stretch {
            Stretch::Range { range, .. } => {
                let mut next = at;
                for sample in &ranges[range].samples {
                    video.push((next, u64::from(sample.size)));
                    next += u64::from(sample.size);
                }
            }
            Stretch::Audio(Extent { offset, length }) => parts.push((offset, length, at)),
        }
        at += stretch.length();
    }
    prop_assert_eq!(places(traks[0]), video);
    let made = places(children_of(&moov, 2));
    for &(place, size) in made.iter().filter(|_| sound.is_some()) {
        let part = parts.iter().find(|part| part.0 <= place && place + size <= part.0 + part.1);
        let part = part.expect("all of the audio is there");
        audio.push((part.2 + place - part.0, size));
    }
    if sound.is_some() {
        prop_assert_eq!(places(traks[1]), audio);
    }
    let stbl = descend(traks[0], &[*b"mdia", *b"minf", *b"stbl"]).unwrap();
    Ok(children(stbl).unwrap().iter().map(|child| child.kind).collect())
}

fn children_of(moov: &[u8], index: usize) -> &[u8] {
    let found = children(moov).unwrap();
    found[index.min(found.len() - 1)].body
}

/// The boxes in the `moov` of a file's head.
fn boxes_of(head: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let moov = u32::from_be_bytes(head[12..16].try_into().unwrap()) as usize;
    let moov = &head[12..12 + moov];
    children(&moov[8..]).unwrap().iter().map(|child| (child.kind, child.body)).collect()
}

proptest! {
    #[test]
    fn every_sample_is_where_the_index_says(
        sound in prop::option::of(prop::collection::vec(1..600_u32, 3..400)),
        sizes in prop::collection::vec(prop::collection::vec(1..9000_u32, 1..60), 1..6),
    ) {
        let mut first = 30;
        let ranges: Vec<Samples> = sizes.iter().map(|sizes| {
            let range = range(first, sizes);
            first += i64::try_from(sizes.len()).unwrap();
            range
        }).collect();
        check(sound.as_deref(), &ranges)?;
    }

    /// Whatever the number of packets in a range, the packets of each second precede its frames,
    /// and each is where the index says.
    #[test]
    fn audio_of_ranges_is_where_the_index_says(
        ranges in prop::collection::vec(
            (prop::collection::vec(1..9000_u32, 1..80), prop::collection::vec(1..600_u32, 0..200)),
            1..5,
        ),
    ) {
        let (mut first, mut ranges) = (30, ranges);
        ranges[0].1.push(7);
        let packets = |sizes: &[u32]| {
            let count = u32::try_from(sizes.len()).unwrap();
            Packets { time_scale: 48_000, sizes: sizes.to_vec(), steps: vec![(count, 1024)] }
        };
        let ranges: Vec<(Samples, Packets)> = ranges.iter().map(|(video, audio)| {
            let range = range(first, video);
            first += i64::try_from(video.len()).unwrap();
            (range, packets(audio))
        }).collect();
        let moov = template(Some(&[1, 2, 3]));
        let both: Vec<(&Samples, &Packets)> = ranges.iter().map(|(v, a)| (v, a)).collect();
        let rate = Ratio::from_integer(25);
        let movie = Movie::woven(&moov, &both, rate).unwrap();
        let head = movie.head(&boxed(*b"ftyp", b"isom"), *b"free").unwrap();
        let written = boxes_of(&head);
        let traks = written.iter().filter(|(kind, _)| kind == b"trak").map(|(_, body)| *body);
        let found: Vec<Vec<(u64, u64)>> = traks.map(places).collect();
        let (mut at, mut right) = (head.len() as u64, [Vec::new(), Vec::new()]);
        for (stretch, (video, audio)) in movie.stretches().iter().zip(&ranges) {
            let end = at + stretch.length();
            let mut samples = [
                video.samples.iter().map(|sample| sample.size).collect::<Vec<_>>().into_iter(),
                audio.sizes.clone().into_iter(),
            ];
            let mut frames = 0;
            let mut before = 0;
            for span in weave(&video.samples, audio, rate) {
                for _ in 0..span.samples {
                    let size = u64::from(samples[usize::from(span.audio)].next().unwrap());
                    right[usize::from(span.audio)].push((at, size));
                    at += size;
                }
                if span.audio { before += span.samples } else { frames += span.samples }
                let behind = f64::from(frames) / 25.0 - f64::from(before) * 1024.0 / 48_000.0;
                // While both streams continue, neither is ahead of the other by much more than a
                // second.
                let both_go_on = samples.iter_mut().all(|left| left.len() > 0);
                prop_assert!(!both_go_on || behind.abs() < 1.1, "{behind} s");
            }
            prop_assert_eq!(at, end);
        }
        prop_assert_eq!(found, right);
    }

    #[test]
    fn anything_else_is_an_error_and_no_panic(
        bytes: Vec<u8>,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let ranges = range(0, &[1, 2, 3]);
        let mut moov = template(Some(&[1, 2, 3, 4]));
        for (place, byte) in changes {
            let place = place.index(moov.len());
            moov[place] = byte;
        }
        for bytes in [&bytes, &moov] {
            let _ = (fragment(bytes), time_scale(bytes));
            let packets = Packets { time_scale: 48_000, sizes: vec![5; 9], steps: vec![(9, 1024)] };
            let rate = Ratio::from_integer(25);
            for movie in [
                Movie::new(bytes, &[&ranges], rate),
                Movie::woven(bytes, &[(&ranges, &packets)], rate),
            ] {
                let _ = movie.map(|movie| movie.head(&[], *b"free"));
            }
            let _ = (Packets::read(bytes), alone(b"", bytes, &packets));
        }
    }
}

/// A file of eight gigabytes, in which places in the second half do not fit 32 bits.
#[test]
fn large_films_have_large_numbers() {
    let ranges = [range(0, &[2_000_000_000; 2]), range(2, &[2_000_000_000; 2])];
    let tables = check(Some(&[100; 200]), &ranges).unwrap();
    assert!(tables.contains(b"co64"), "{tables:?}");
    let small = check(None, &[range(0, &[10; 9])]).unwrap();
    assert_eq!(small, [*b"stsd", *b"stts", *b"stss", *b"ctts", *b"stsc", *b"stsz", *b"stco"]);
}

#[test]
fn days_take_the_newer_version_of_headers() {
    let year = range(0, &vec![1; 200_000]);
    let mut slow = year.clone();
    slow.time_scale = 1;
    slow.samples.iter_mut().enumerate().for_each(|(index, sample)| {
        sample.dts = i64::try_from(index).unwrap() * 40_000;
        sample.pts = sample.dts;
    });
    let moov = template(None);
    // One frame every 40,000 s.
    let movie = Movie::new(&moov, &[&slow], Ratio::new(1, 40_000)).unwrap();
    let head = movie.head(&boxed(*b"ftyp", b"isom"), *b"free").unwrap();
    let found = boxes_of(&head);
    let (_, mvhd) = found.iter().find(|(kind, _)| kind == b"mvhd").unwrap();
    assert_eq!(mvhd[0], 1);
    assert_eq!(numbers(&mvhd[24..32], 8), [200_000 * 40_000 * 1000]);
}

#[test]
fn frames_that_do_not_fit_the_clock_are_refused() {
    let moov = template(None);
    let samples = range(0, &[1, 2]);
    let odd = Movie::new(&moov, &[&samples], Ratio::new(30_000, 1001));
    assert_eq!(odd.unwrap_err(), Mp4Error::Times);
    let twice = Movie::new(&moov, &[&samples, &samples], Ratio::from_integer(25));
    assert_eq!(twice.unwrap_err(), Mp4Error::Times);
}

#[test]
fn a_fragment_lists_its_samples() {
    let trun = full(*b"trun", &[2, 120, 0x0200_0000, 7, 0, 8, 512]);
    let trun = [&trun[..8], &0x0000_0a05_u32.to_be_bytes(), &trun[12..]].concat();
    let tfhd = full(*b"tfhd", &[1, 512, 9, 0x0101_0000]);
    let tfhd = [&tfhd[..8], &0x0002_0038_u32.to_be_bytes(), &tfhd[12..]].concat();
    let traf = boxed(*b"traf", &[tfhd, full(*b"tfdt", &[1024]), trun].concat());
    let found = fragment(&traf).unwrap();
    assert_eq!(found.data, 120);
    assert_eq!(
        found.samples,
        [
            Sample { size: 7, dts: 1024, pts: 1024, sync: true },
            Sample { size: 8, dts: 1536, pts: 2048, sync: false },
        ]
    );
}

/// The content of a template's `moov` with its audio alone.
fn sound_alone() -> Vec<u8> {
    let both = template(Some(&[1, 2, 3]));
    let boxes = children(&both).unwrap();
    let is_video = |index: &usize| *index == 1;
    let kept = boxes.iter().enumerate().filter(|(index, _)| !is_video(index));
    kept.flat_map(|(_, child)| child.whole.to_vec()).collect()
}

#[test]
fn packets_are_a_file_of_their_own() {
    let sizes = vec![300, 1, 20, 4000, 5];
    let packets = Packets { time_scale: 48_000, sizes, steps: vec![(4, 1024), (1, 256)] };
    let ftyp = boxed(*b"ftyp", b"isom");
    let head = alone(&ftyp, &sound_alone(), &packets).unwrap();
    assert!(head.starts_with(&ftyp));
    // The data is behind the head, and no more is said to be there.
    let (_, mdat) = head.split_at(head.len() - HEAD);
    assert_eq!(mdat, [&(4326 + 8_u32).to_be_bytes()[..], b"mdat"].concat());
    let boxes = boxes_of(&head);
    let [(mvhd, movie), (trak, sound)] = boxes[..] else { panic!("{boxes:?}") };
    assert_eq!((mvhd, trak), (*b"mvhd", *b"trak"));
    let mut at = head.len() as u64;
    let mut expected = Vec::new();
    for &size in &packets.sizes {
        expected.push((at, u64::from(size)));
        at += u64::from(size);
    }
    assert_eq!(places(sound), expected);
    let mdia = child(sound, *b"mdia").unwrap();
    let stbl = descend(mdia, &[*b"minf", *b"stbl"]).unwrap();
    assert_eq!(numbers(child(stbl, *b"stts").unwrap(), 4)[1..], [2, 4, 1024, 1, 256]);
    // Of 4352 ticks at 48 kHz, and in the thousandths of the movie.
    assert_eq!(numbers(child(mdia, *b"mdhd").unwrap(), 4)[4], 4352);
    assert_eq!(numbers(movie, 4)[4], 91);
    // The edit list would skip what an encoder has put in front, which is not there.
    assert_eq!(child(sound, *b"edts"), Err(Mp4Error::Missing(*b"edts")));
    let again = boxes.iter().map(|(kind, body)| boxed(*kind, body)).collect::<Vec<_>>().concat();
    assert_eq!(Packets::read(&again).unwrap().0, packets);
}

#[test]
fn a_file_of_packets_alone_has_no_other_track() {
    let packets = Packets { time_scale: 48_000, sizes: vec![5], steps: vec![(1, 1024)] };
    let found = alone(b"", &template(Some(&[1, 2, 3])), &packets);
    assert_eq!(found, Err(Mp4Error::Unexpected(*b"trak")));
    let many = Packets { sizes: vec![u32::MAX, 9], steps: vec![(2, 1024)], ..packets };
    assert_eq!(alone(b"", &sound_alone(), &many), Err(Mp4Error::Unfit(*b"mdat")));
}

#[test]
fn a_part_of_packets_keeps_how_long_they_last() {
    let all =
        Packets { time_scale: 48_000, sizes: vec![1, 2, 3, 4], steps: vec![(3, 1024), (1, 256)] };
    let part = all.part(2, usize::MAX);
    assert_eq!((&part.sizes[..], &part.steps[..]), (&[3, 4][..], &[(1, 1024), (1, 256)][..]));
    assert_eq!((part.bytes(), part.duration()), (7, 1280));
    assert_eq!(all.part(1, 2).steps, [(2, 1024)]);
    assert_eq!(all.part(9, 2).sizes, [0; 0]);
}
