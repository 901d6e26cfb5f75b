use proptest::prelude::*;

use super::{
    CHECKSUM, CLUSTER, CUES, Cues, EBML, Elements, Flicks, INFO, SEEK_HEAD, SEGMENT, TAGS, TRACKS,
    Unindexed, VOID,
};

/// An element whose size takes eight bytes.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().position(|&byte| byte != 0).unwrap()..];
    let size = (1_u64 << 56 | body.len() as u64).to_be_bytes();
    [id, &size, body].concat()
}

fn number(id: u32, number: u64) -> Vec<u8> {
    element(id, &number.to_be_bytes())
}

fn track(track: u64, kind: u64, more: &[u8]) -> Vec<u8> {
    element(0xae, &[&number(0xd7, track)[..], &number(0x83, kind), more].concat())
}

fn rate() -> Vec<u8> {
    number(0x23_e383, 40_000_000)
}

/// What the file of a test consists of.
#[derive(Clone)]
struct Plan {
    /// The time of each cue, in milliseconds.
    times: Vec<u64>,
    tracks: Vec<u8>,
    in_front: bool,
    behind: Vec<u8>,
    /// Bytes after the segment.
    after: Vec<u8>,
    /// By how many bytes the cues miss their clusters.
    beside: u64,
    info: Vec<u8>,
}

fn plan() -> Plan {
    Plan {
        times: (0..6).map(|n| n * 2000).collect(),
        tracks: [track(1, 1, &rate()), track(2, 2, &[])].concat(),
        in_front: false,
        behind: element(TAGS, b"tags"),
        after: Vec::new(),
        beside: 0,
        info: number(0x2a_d7b1, 1_000_000),
    }
}

/// The bytes of the file, and the places of its clusters.
fn file(plan: &Plan) -> (Vec<u8>, Vec<u64>) {
    let cluster = element(CLUSTER, &[7; 100]);
    let tracks = element(TRACKS, &plan.tracks);
    let info = element(INFO, &plan.info);
    let cues = |first: u64| {
        let points = plan.times.iter().enumerate().map(|(index, &time)| {
            let place = first + (index * cluster.len()) as u64 + plan.beside;
            let positions = [number(0xf7, 1), number(0xf1, place)].concat();
            let other = [number(0xf7, 2), number(0xf1, 0)].concat();
            element(
                0xbb,
                &[number(0xb3, time), element(0xb7, &positions), element(0xb7, &other)].concat(),
            )
        });
        element(CUES, &points.collect::<Vec<_>>().concat())
    };
    let head = |place: u64| {
        let entry = [element(0x53ab, &CUES.to_be_bytes()), number(0x53ac, place)].concat();
        let entry = element(SEEK_HEAD, &element(0x4dbb, &entry));
        [entry, element(CHECKSUM, &[0; 4]), info.clone(), tracks.clone(), element(VOID, &[0; 9])]
            .concat()
    };
    let cues_length = cues(0).len();
    let front = head(0).len() as u64;
    let first = front + if plan.in_front { cues_length as u64 } else { 0 };
    let clusters = cluster.repeat(plan.times.len());
    let body = if plan.in_front {
        [head(front), cues(first), clusters, plan.behind.clone()].concat()
    } else {
        [head(first + clusters.len() as u64), clusters, cues(first), plan.behind.clone()].concat()
    };
    let start = element(EBML, b"header");
    let places =
        (0..plan.times.len()).map(|n| (start.len() + 12 + n * cluster.len()) as u64 + first);
    let places = places.collect();
    ([start, element(SEGMENT, &body), plan.after.clone()].concat(), places)
}

fn walk(file: &[u8]) -> Result<Cues, Unindexed> {
    let mut elements = Elements::new(file.len() as u64);
    while let Some(range) = elements.wanted() {
        let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        elements.step(&file[place])?;
    }
    Ok(elements.into_cues())
}

#[test]
fn the_fuzzer_begins_with_a_file_that_is_read_to_its_end() {
    let seed = include_bytes!("../../../tests/fuzz/seeds/movie/mkv");
    let found = walk(seed).unwrap();
    assert_eq!((found.cues.len(), found.end < seed.len() as u64), (4, true));
}

#[test]
fn cues_are_found_wherever_they_are() {
    for in_front in [false, true] {
        for behind in [element(TAGS, b"tags"), Vec::new()] {
            let (file, places) = file(&Plan { in_front, behind, ..plan() });
            let found = walk(&file).unwrap();
            assert_eq!(found.cues.iter().map(|cue| cue.at).collect::<Vec<_>>(), places);
            assert_eq!(found.cues[2].time, Flicks::from_millis(4000));
            assert_eq!(found.end, places[5] + 112);
        }
    }
}

#[test]
fn cues_that_are_no_good_are_not_trusted() {
    let scaled = track(1, 1, &[rate(), number(0x23_314f, 1)].concat());
    let is = |plan: Plan, expected: Unindexed| assert_eq!(walk(&file(&plan).0), Err(expected));
    is(Plan { times: vec![0, 2000, 4000], ..plan() }, Unindexed::Nothing);
    is(Plan { times: vec![0, 2000, 15_000, 16_000], ..plan() }, Unindexed::Gaps);
    is(Plan { times: vec![0, 2000, 1000, 3000, 4000], ..plan() }, Unindexed::Gaps);
    is(Plan { times: vec![0, u64::MAX, 1, 2], ..plan() }, Unindexed::Gaps);
    is(Plan { beside: 1, ..plan() }, Unindexed::Gaps);
    is(Plan { beside: u64::MAX - 2000, ..plan() }, Unindexed::Gaps);
    is(Plan { tracks: track(1, 1, &[]), ..plan() }, Unindexed::Tracks);
    is(Plan { tracks: track(1, 2, &rate()), ..plan() }, Unindexed::Tracks);
    is(Plan { tracks: track(1, 1, &rate()).repeat(2), ..plan() }, Unindexed::Tracks);
    is(Plan { tracks: scaled, ..plan() }, Unindexed::Tracks);
    is(Plan { tracks: track(3, 1, &rate()), ..plan() }, Unindexed::Nothing);
    is(Plan { info: number(0x2a_d7b1, 0), ..plan() }, Unindexed::Gaps);
    is(Plan { info: number(0x2a_d7b1, u64::MAX), ..plan() }, Unindexed::Gaps);
    is(Plan { after: file(&plan()).0, ..plan() }, Unindexed::Several);
    let whole = file(&plan()).0;
    let kind = |expected: fn(u64) -> Unindexed, at: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[at] = byte;
        assert_eq!(walk(&changed), Err(expected(at as u64)));
    };
    kind(Unindexed::Damaged, 0, 0);
    let head = element(EBML, b"header").len();
    kind(Unindexed::Damaged, head, 0x19);
    let open = [&whole[..head], &[0x18, 0x53, 0x80, 0x67, 0xff], &whole[head + 12..]].concat();
    assert_eq!(walk(&open), Err(Unindexed::Open(head as u64)));
    let many = Plan { behind: element(VOID, &[]).repeat(100), ..plan() };
    is(many, Unindexed::Long);
    assert_eq!(walk(&whole[..whole.len() - 1]), Err(Unindexed::Damaged(head as u64)));
}

proptest! {
    #[test]
    fn a_walk_over_anything_ends(
        changes in prop::collection::vec((0..3000_usize, any::<u8>()), 0..6), length in 0..3000_usize,
    ) {
        let mut bytes = file(&plan()).0;
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        for bytes in [&bytes[..], &bytes[..length.min(bytes.len())]] {
            if let Ok(found) = walk(bytes) {
                prop_assert!(found.end <= bytes.len() as u64);
                prop_assert!(found.cues.iter().all(|cue| cue.at < found.end));
            }
        }
    }
}
