//! Matroska files whose clusters are far apart, so that the parts that nobody reads need not exist.

use std::ops::Range;

use super::spread::Index;

pub(crate) const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
pub(crate) const CLUSTER: u32 = 0x1f43_b675;
pub(super) const CUES: u32 = 0x1c53_bb6b;
const VOID: u32 = 0xec;
const INFO: u32 = 0x1549_a966;
pub(super) const TRACKS: u32 = 0x1654_ae6b;
const TAGS: u32 = 0x1254_c367;
const CUE_POINT: u32 = 0xbb;
const CUE_TIME: u32 = 0xb3;
const CUE_POSITIONS: u32 = 0xb7;
const CUE_CLUSTER: u32 = 0xf1;
/// Free space before each cluster.
const ROOM: usize = 2 * 1024 * 1024;

/// The identifier of an element, where it begins, and where its body is.
pub(crate) fn elements(bytes: &[u8]) -> Vec<(u32, usize, Range<usize>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begin = at;
        let id_length = bytes[at].leading_zeros() as usize + 1;
        let id = bytes[at..at + id_length].iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
        at += id_length;
        let length = bytes[at].leading_zeros() as usize + 1;
        let size = number(&bytes[at..at + length]) & ((1 << (7 * length)) - 1);
        at += length;
        let end = at + usize::try_from(size).unwrap();
        found.push((id, begin, at..end));
        at = end;
    }
    found
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// An element whose size takes eight bytes.
pub(super) fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().position(|&byte| byte != 0).unwrap()..];
    let size = (1_u64 << 56 | body.len() as u64).to_be_bytes();
    [id, &size, body].concat()
}

/// The cues with other places of the clusters.
fn with_places(cues: &[u8], place: &dyn Fn(u64) -> u64) -> Vec<u8> {
    with_numbers(cues, CUE_CLUSTER, place)
}

/// The cues with other times.
pub(super) fn with_times(cues: &[u8], time: &dyn Fn(u64) -> u64) -> Vec<u8> {
    with_numbers(cues, CUE_TIME, time)
}

fn with_numbers(cues: &[u8], kind: u32, change: &dyn Fn(u64) -> u64) -> Vec<u8> {
    let mut changed = Vec::new();
    for (id, _, body) in elements(cues) {
        let body = &cues[body];
        changed.extend(match id {
            CUE_POINT | CUE_POSITIONS => element(id, &with_numbers(body, kind, change)),
            id if id == kind => element(id, &change(number(body)).to_be_bytes()),
            _ => element(id, body),
        });
    }
    changed
}

/// The places of elements of these kinds, relative to the segment's first element.
fn seek_head(places: &[(u32, usize)]) -> Vec<u8> {
    let entry = |&(id, place): &(u32, usize)| {
        let target = element(0x53ab, &id.to_be_bytes());
        element(0x4dbb, &[target, element(0x53ac, &(place as u64).to_be_bytes())].concat())
    };
    element(SEEK_HEAD, &places.iter().flat_map(entry).collect::<Vec<_>>())
}

/// The file with free space before each of its clusters.
pub(super) fn spread_clusters(file: &[u8], index: Index) -> Vec<u8> {
    spread_changed(file, index, &|_, whole| whole.to_vec())
}

/// The same with other tracks and clusters.
pub(super) fn spread_changed(
    file: &[u8],
    index: Index,
    change: &dyn Fn(u32, &[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let top = elements(file);
    let (_, at, segment) = top.iter().find(|(id, ..)| *id == SEGMENT).unwrap().clone();
    let body = &file[segment];
    let all = elements(body);
    let whole = |(_, begin, range): &(u32, usize, Range<usize>)| &body[*begin..range.end];
    let is =
        |kinds: &'static [u32]| move |each: &&(u32, usize, Range<usize>)| kinds.contains(&each.0);
    let front = all.iter().filter(is(&[INFO, TRACKS])).map(|each| change(each.0, whole(each)));
    let front = front.collect::<Vec<_>>().concat();
    let rest =
        all.iter().filter(|each| ![SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, VOID].contains(&each.0));
    let has_tags = rest.clone().any(|each| each.0 == TAGS);
    let rest = rest.map(whole).collect::<Vec<_>>().concat();
    let cues = &body[all.iter().find(is(&[CUES])).unwrap().2.clone()];
    let head = |cues, rest| {
        let tags = has_tags.then_some((TAGS, rest));
        seek_head(&[(CUES, cues)].into_iter().chain(tags).collect::<Vec<_>>())
    };
    let length = with_places(cues, &|at| at).len() + 12;
    let front = |cues, rest| [head(cues, rest), front.clone()].concat();
    let begin = front(0, 0).len() + if index == Index::Front { length } else { 0 };
    let room = element(VOID, &vec![0; ROOM]);
    let (mut clusters, mut moved) = (Vec::new(), Vec::new());
    for cluster in all.iter().filter(is(&[CLUSTER])) {
        clusters.extend_from_slice(&room);
        moved.push((cluster.1 as u64, (begin + clusters.len()) as u64));
        clusters.extend(change(CLUSTER, whole(cluster)));
    }
    let cues = element(
        CUES,
        &with_places(cues, &|old| {
            moved[moved.binary_search_by_key(&old, |each| each.0).unwrap()].1
        }),
    );
    assert_eq!(cues.len(), length);
    let behind = begin + clusters.len();
    let parts = match index {
        Index::Front => [front(begin - length, behind), cues, clusters, rest].concat(),
        Index::Behind => [front(behind, behind + length), clusters, cues, rest].concat(),
    };
    [&file[..at], &element(SEGMENT, &parts)].concat()
}
