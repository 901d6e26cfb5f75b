//! Splits a file that consists of several files which were written one after the other.
//!
//! Each format is walked by its own structure, so bytes inside a packet are never taken for the
//! start of a file. The next file may have another format.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::MOST_ZEROS;
use crate::clamped::clamped;
use crate::media::{Demuxer, HEAD_LENGTH, Recognised, recognise};
use matroska::Blocks;
use stamps::{Fix, Stamps};

mod chunks;
mod clocks;
mod matroska;
mod mpeg_audio;
mod packets;
mod search;
mod stamps;

pub(super) use clocks::straighten;

/// Most parts of a file that are used.
pub(super) const MOST_PARTS: usize = 64;

/// The parts of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parted {
    /// Path and demuxer of each part that is used.
    pub(super) files: Vec<(PathBuf, Demuxer)>,
    /// The number of parts.
    pub(super) count: usize,
    /// Whether the file was changed.
    pub(super) rewritten: bool,
    /// Number of bytes after all parts that look like media, but may be something else.
    pub(super) unused: Option<u64>,
    /// Number of damaged timestamps that were removed or replaced.
    pub(super) damaged: usize,
}

/// Splits a file whose media begin at `start`. The first part replaces the file, and the others are
/// stored beside it. A file that is a single one from its first byte on is left as it is,
/// unless some of its timestamps are damaged.
///
/// # Errors
/// When it can't be read or written.
pub(super) fn part(path: &Path, start: u64, demuxer: Demuxer) -> io::Result<Parted> {
    let Found { begins, unused, fixes: stamps } = beginnings(path, start, demuxer)?;
    let (count, damaged) = (begins.len(), stamps.len());
    if count == 1 && start == 0 && damaged == 0 {
        let files = vec![(path.to_owned(), demuxer)];
        return Ok(Parted { files, count, rewritten: false, unused, damaged });
    }
    let length = std::fs::metadata(path)?.len();
    let ends = begins[1..].iter().map(|begin| begin.0).chain([length]);
    let mut files = Vec::with_capacity(count.min(MOST_PARTS));
    for (number, (&(begin, demuxer), end)) in begins.iter().zip(ends).take(MOST_PARTS).enumerate() {
        let file = path.with_extension(format!("part{number}"));
        let mut source = File::open(path)?;
        source.seek(SeekFrom::Start(begin))?;
        let mut copy = File::create(&file)?;
        io::copy(&mut source.take(end - begin), &mut copy)?;
        for fix in stamps.iter().filter(|fix| (begin..end).contains(&fix.at)) {
            copy.seek(SeekFrom::Start(fix.at - begin))?;
            copy.write_all(&fix.bytes)?;
        }
        files.push((file, demuxer));
    }
    // The source may be a link to a file of the user, so it must not be written to.
    std::fs::rename(&files[0].0, path)?;
    path.clone_into(&mut files[0].0);
    Ok(Parted { files, count, rewritten: true, unused, damaged })
}

/// What a walk through a file finds.
struct Found {
    /// Start and format of each part.
    begins: Begins,
    /// Number of bytes after all parts that look like media.
    unused: Option<u64>,
    /// What has to be written over damaged timestamps.
    fixes: Vec<Fix>,
}

fn beginnings(path: &Path, start: u64, demuxer: Demuxer) -> io::Result<Found> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(start))?;
    let file = BufReader::new(file);
    let (stamps, blocks) = (Stamps::default(), Blocks::default());
    let mut walk = Walk { file, at: start, length, begins: Vec::new(), stamps, blocks };
    let mut unused = None;
    let mut next = Some(demuxer);
    while let Some(own) = next {
        walk.begins.push((walk.at, own));
        walk.follow(own)?;
        next = walk.recognise()?;
        if let Some(demuxer) = next
            && !walk.is_sure(demuxer)?
        {
            unused = Some(walk.length - walk.at);
            break;
        }
    }
    let fixes = [walk.stamps.damaged(), walk.blocks.damaged()].concat();
    Ok(Found { begins: walk.begins, unused, fixes })
}

type Begins = Vec<(u64, Demuxer)>;

/// A walk through a file, from unit to unit of its format.
struct Walk {
    file: BufReader<File>,
    at: u64,
    length: u64,
    begins: Begins,
    stamps: Stamps,
    blocks: Blocks,
}

impl Walk {
    /// Walks to the end of everything that has this format.
    fn follow(&mut self, demuxer: Demuxer) -> io::Result<()> {
        match demuxer {
            Demuxer::Ogg => self.ogg(),
            Demuxer::Matroska => self.matroska(),
            Demuxer::Flv => self.flv(),
            Demuxer::Mov => self.mov(),
            Demuxer::Wav | Demuxer::Avi => self.riff(demuxer),
            Demuxer::Aiff => self.aiff(),
            Demuxer::Caf => self.caf(),
            Demuxer::W64 => self.wave64(),
            Demuxer::Asf => self.asf(),
            Demuxer::Mxf => self.mxf(),
            Demuxer::Flac => self.flac(),
            Demuxer::Rm => self.real_media(),
            Demuxer::Amr => self.amr(),
            Demuxer::Mp3 => self.mpeg_audio(),
            Demuxer::MpegTs => self.transport_stream(),
            Demuxer::MpegPs => self.program_stream(),
            _ => self.go_to_end(),
        }
    }

    /// The format of what begins here, or after zeros.
    fn recognise(&mut self) -> io::Result<Option<Demuxer>> {
        // Up to three of the zeros may belong to what follows: to a length, or to a start code.
        let zeros = self.zeros()?;
        let passed = zeros.saturating_sub(3);
        for passed in passed..=if zeros > 3 { zeros } else { 0 } {
            let at = self.at + passed;
            if let Some(demuxer) = self.format_at(at)? {
                self.go_to(at)?;
                return Ok(Some(demuxer));
            }
        }
        self.go_to(self.at)?;
        Ok(None)
    }

    /// The format of what begins at `at`. Leaves the file after the bytes that were read.
    fn format_at(&mut self, at: u64) -> io::Result<Option<Demuxer>> {
        self.file.seek(SeekFrom::Start(at))?;
        let mut head = Vec::with_capacity(HEAD_LENGTH);
        self.file.by_ref().take(HEAD_LENGTH as u64).read_to_end(&mut head)?;
        Ok(match recognise(&head) {
            Ok(Recognised::As(demuxer)) => Some(demuxer),
            _ => None,
        })
    }

    /// Whether a file of another format begins exactly here, recognised by more than a start code.
    fn another_begins(&mut self, own: Demuxer) -> io::Result<bool> {
        let found = self.format_at(self.at)?;
        self.go_to(self.at)?;
        match found.filter(|&found| found != own && found != Demuxer::MpegVideo) {
            Some(found) => self.is_sure(found),
            None => Ok(false),
        }
    }

    /// The number of zeros that follow, up to the limit.
    fn zeros(&mut self) -> io::Result<u64> {
        let mut zeros = 0;
        while zeros < MOST_ZEROS as u64 {
            let buffer = self.file.fill_buf()?;
            let count = buffer.iter().take_while(|&&byte| byte == 0).count();
            let goes_on = count > 0 && count == buffer.len();
            self.file.consume(count);
            zeros += count as u64;
            if !goes_on {
                break;
            }
        }
        self.go_to(self.at)?;
        Ok(zeros)
    }

    /// Whether the first bytes identify this format beyond doubt.
    fn is_sure(&mut self, demuxer: Demuxer) -> io::Result<bool> {
        Ok(match demuxer {
            Demuxer::Mov => self.peek::<8>()?.is_some_and(|head| head.ends_with(b"ftyp")),
            Demuxer::Mp3 | Demuxer::Aac | Demuxer::Ac3 | Demuxer::Eac3 => false,
            _ => true,
        })
    }

    /// The next bytes; `None` if there are fewer.
    fn peek<const LENGTH: usize>(&mut self) -> io::Result<Option<[u8; LENGTH]>> {
        if self.length.saturating_sub(self.at) < LENGTH as u64 {
            return Ok(None);
        }
        let mut bytes = [0; LENGTH];
        self.file.read_exact(&mut bytes)?;
        self.file.seek_relative(-clamped::<i64>(LENGTH))?;
        Ok(Some(bytes))
    }

    /// Skips bytes; returns `false` if the file ends within or right after them.
    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        let Some(next) = self.at.checked_add(bytes).filter(|next| *next < self.length) else {
            self.go_to_end()?;
            return Ok(false);
        };
        self.file.seek_relative(clamped::<i64>(bytes))?;
        self.at = next;
        Ok(true)
    }

    fn go_to_end(&mut self) -> io::Result<()> {
        self.go_to(self.length)
    }

    fn go_to(&mut self, at: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    /// Whether the walk is at the start of the current part.
    fn is_at_begin(&self) -> bool {
        self.begins.last().is_some_and(|begin| begin.0 == self.at)
    }

    /// Starts another part of the same format here.
    fn begin(&mut self) {
        self.begin_at(self.at);
    }

    fn begin_at(&mut self, begin: u64) {
        if let Some(&(at, demuxer)) = self.begins.last()
            && at < begin
        {
            self.begins.push((begin, demuxer));
        }
    }

    /// A chained file: new streams begin after packets of others.
    fn ogg(&mut self) -> io::Result<()> {
        let mut packets = false;
        while let Some(head) = self.peek::<27>()? {
            if !head.starts_with(b"OggS") {
                return Ok(());
            }
            let first = head[5] & 2 != 0;
            if first && packets {
                self.begin();
            }
            packets = !first;
            let mut sizes = [0; 27 + 255];
            let table = 27 + usize::from(head[26]);
            if self.length - self.at < table as u64 {
                break;
            }
            self.file.read_exact(&mut sizes[..table])?;
            self.at += table as u64;
            let body = sizes[27..table].iter().map(|&size| u64::from(size)).sum();
            if !self.skip(body)? {
                break;
            }
        }
        self.go_to_end()
    }

    /// Tags, each followed by its length.
    fn flv(&mut self) -> io::Result<()> {
        /// The bit in a tag's type that marks it as encrypted.
        const ENCRYPTED: u8 = 0x20;
        while let Some(head) = self.peek::<9>()? {
            let size = if head.starts_with(b"FLV\x01") {
                self.begin();
                u64::from(u32::from_be_bytes([head[5], head[6], head[7], head[8]])) + 4
            } else if matches!(head[0] & !ENCRYPTED, 8 | 9 | 18) {
                u64::from(u32::from_be_bytes([0, head[1], head[2], head[3]])) + 15
            } else {
                return Ok(());
            };
            if !self.skip(size)? {
                break;
            }
        }
        self.go_to_end()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Demuxer, MOST_PARTS, part};

    /// A page of Ogg with this many bytes of packets.
    fn page(kind: u8, bytes: u8) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(kind);
        page.extend([0; 20]);
        page.extend([1, bytes]);
        page.extend(vec![b'O'; usize::from(bytes)]);
        page
    }

    fn ogg() -> Vec<u8> {
        [page(2, 9), page(2, 9), page(0, 200), page(4, 3)].concat()
    }

    /// A tag, a frame with this name at the place of a description, frames of audio, and old tags.
    fn mp3(name: [u8; 4]) -> Vec<u8> {
        let frame = |name: &[u8]| {
            let mut frame = b"\xff\xfb\x90\x00".to_vec();
            frame.resize(417, 0x55);
            frame[36..36 + name.len()].copy_from_slice(name);
            frame
        };
        let ape = [&b"APETAGEX\xd0\x07\0\0\x04\0\0\0"[..], &[0; 20]].concat();
        let old = [&b"TAG"[..], &[b'-'; 125]].concat();
        [&b"ID3\x04\0\0\0\0\0\x02ab"[..], &frame(&name), &frame(b"").repeat(5), &ape, &old].concat()
    }

    /// A packet of a transport stream.
    fn packet(identifier: u16, time: Option<u64>) -> Vec<u8> {
        let [high, low] = identifier.to_be_bytes();
        let mut packet = vec![0x47, high, low, 0x10];
        if let Some(time) = time {
            packet[3] = 0x30;
            packet.extend([7, 0x10]);
            packet.extend(&(time << 7).to_be_bytes()[3..]);
        }
        packet.resize(188, 0xff);
        packet
    }

    fn transport_stream(from: u64) -> Vec<u8> {
        let packets = (0..20).map(|n| {
            let tables =
                if n % 5 == 0 { [packet(0, None), packet(0x1000, None)].concat() } else { vec![] };
            [tables, packet(0x100, Some((from + n * 9000) % (1 << 33))), packet(0x101, None)]
                .concat()
        });
        [packet(0x11, None), packets.collect::<Vec<_>>().concat()].concat()
    }

    fn wide(stream: &[u8]) -> Vec<u8> {
        stream.chunks(188).flat_map(|packet| [&[1, 2, 3, 4][..], packet].concat()).collect()
    }

    fn program_stream() -> Vec<u8> {
        let pack = |time: u8| {
            let head = [0, 0, 1, 0xba, 0x44, 0, 4 | time << 3, 0, 4, 1, 1, 0x89, 0xc3, 0xf8];
            [&head[..], &[0, 0, 1, 0xe0, 0, 9], &[0, 0, 1, 0xba, 0, 0, 0, 0, 0]].concat()
        };
        [pack(3), pack(5), pack(9), vec![0, 0, 1, 0xb9]].concat()
    }

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn parted(path: &Path, demuxer: Demuxer) -> Vec<Vec<u8>> {
        let files = part(path, 0, demuxer).unwrap().files;
        files.iter().map(|(file, _)| fs::read(file).unwrap()).collect()
    }

    #[test]
    fn a_file_made_of_several_is_parted_where_each_begins() {
        let known = b"\x1a\x45\xdf\xa3\x82aa\x18\x53\x80\x67\x88\x1a\x45\xdf\xa3\x82aab";
        let live = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\
                     \x1f\x43\xb6\x75\xff\xe7\x81a\xa3\x84\x1a\x45\xdf\xa3";
        let flv = b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x09\0\0\x04\0\0\0\0\0\0\0FLV\x01\0\0\0\x0f";
        let mp4 = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x01mdat\0\0\0\0\0\0\0\x18\0\0\0\x08ftyp\0\0\0\x08moov";
        let old = b"\0\0\0\x08wide\0\0\0\x10mdatmoovmoov\0\0\0\x08moov";
        let wav = b"RIFF\x0d\0\0\0WAVERIFF0WAVE\0";
        let unknown = b"RIFF\xff\xff\xff\xffWAVEfmt 1234";
        let flac =
            b"fLaC\0\0\0\x22fLaC\0\0\0\x22...fLaC\0\0\0\x22...0123456789ab\x84\0\0\x02ab frames";
        let amr = b"#!AMR\n\x7c\x04#!AMRabcdefg";
        let mp3 = mp3(*b"Info");
        let ts = transport_stream(1 << 40);
        for (demuxer, one) in [
            (Demuxer::Ogg, &ogg()[..]),
            (Demuxer::Matroska, known),
            (Demuxer::Matroska, live),
            (Demuxer::Flv, flv),
            (Demuxer::Mov, mp4),
            (Demuxer::Mov, old),
            (Demuxer::Wav, wav),
            (Demuxer::Wav, unknown),
            (Demuxer::Flac, flac),
            (Demuxer::Amr, amr),
            (Demuxer::Mp3, &mp3),
            (Demuxer::Rm, b".RMF\0\0\0\x12\0\0\0\0\0\x01\0\0\0\x05DATA\0\0\0\x99\0\0"),
            (Demuxer::MpegTs, &ts),
            (Demuxer::MpegTs, &wide(&ts)),
            (Demuxer::MpegPs, &program_stream()),
        ] {
            for count in 1..4 {
                let (_folder, path) = written("source", &one.repeat(count));
                assert_eq!(parted(&path, demuxer), vec![one.to_vec(); count], "{demuxer:?}");
            }
        }
        for length in 0..ogg().len() {
            let (_folder, path) = written("source", &ogg()[..length]);
            assert_eq!(parted(&path, Demuxer::Ogg).len(), 1);
        }
    }

    #[test]
    fn a_clock_that_wraps_round_or_pauses_is_one() {
        let wraps = transport_stream((1 << 33) - 60_000);
        let later = [transport_stream(0), transport_stream(20 * 9000 + 400_000)].concat();
        let damaged = [&wraps[..2000], &wraps[2090..]].concat();
        for stream in [wraps, later, damaged] {
            let (_folder, path) = written("source", &stream);
            assert_eq!(parted(&path, Demuxer::MpegTs).len(), 1);
        }
    }

    #[test]
    fn a_damaged_time_is_no_other_stream() {
        let mut packs = program_stream();
        // The time of the second of three packs.
        let second = (packs.len() - 4) / 3;
        packs[second + 4] = 0x74;
        let (_folder, path) = written("source", &packs);
        assert_eq!(parted(&path, Demuxer::MpegPs).len(), 1);
        for time in [0, 9000, 1 << 30, (1 << 33) - 1] {
            let stream = transport_stream(1 << 20);
            let clocks =
                stream.chunks(188).enumerate().filter(|(_, packet)| packet[1..3] == [1, 0]);
            let clocks: Vec<usize> = clocks.map(|(number, _)| number).collect();
            // The one that follows repeated tables, or the one before it.
            for clock in [4, 5] {
                let mut stream = stream.clone();
                let damaged = packet(0x100, Some(time));
                stream[clocks[clock] * 188..][..188].copy_from_slice(&damaged);
                let (_folder, path) = written("source", &stream);
                assert_eq!(parted(&path, Demuxer::MpegTs).len(), 1, "{time} {clock}");
            }
        }
    }

    #[test]
    fn parts_of_another_format_are_recognised() {
        let wav = b"RIFF\x04\0\0\0WAVE";
        let (_folder, path) = written("source", &[&wav[..], &ogg()].concat());
        let parts = part(&path, 0, Demuxer::Wav).unwrap();
        let demuxers: Vec<Demuxer> = parts.files.iter().map(|file| file.1).collect();
        assert_eq!(demuxers, [Demuxer::Wav, Demuxer::Ogg]);
        let mp4 = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov";
        let avi = b"RIFF\x0c\0\0\0AVI LIST\0\0\0\0";
        let flv = b"FLV\x01\x05\0\0\0\x09\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\x0b";
        let (ts, ps) = (transport_stream(0), program_stream());
        let all: [(Demuxer, &[u8]); 5] = [
            (Demuxer::MpegTs, &ts),
            (Demuxer::MpegPs, &ps),
            (Demuxer::Flv, flv),
            (Demuxer::Mov, mp4),
            (Demuxer::Avi, avi),
        ];
        for (one, first) in &all[..3] {
            for (other, second) in all.iter().filter(|(other, _)| other != one) {
                let (_folder, path) = written("source", &[*first, second].concat());
                let parts = part(&path, 0, *one).unwrap();
                let demuxers: Vec<Demuxer> = parts.files.iter().map(|file| file.1).collect();
                assert_eq!(demuxers, [*one, *other]);
                assert_eq!(fs::read(&parts.files[1].0).unwrap(), *second);
            }
        }
    }

    #[test]
    fn a_part_after_zeros_is_used_and_what_may_be_none_is_counted() {
        let wav = b"RIFF\x04\0\0\0WAVE";
        let mp4 = b"\0\0\0\x10ftypisom\0\0\0\0";
        for (zeros, next, demuxer) in
            [(9000, &ogg()[..], Demuxer::Ogg), (700, mp4, Demuxer::Mov), (4, wav, Demuxer::Wav)]
        {
            let (_folder, path) = written("source", &[&wav[..], &vec![0; zeros], next].concat());
            let parts = part(&path, 0, Demuxer::Wav).unwrap();
            assert_eq!((parts.files[1].1, parts.unused), (demuxer, None));
            assert_eq!(fs::read(&parts.files[1].0).unwrap(), next);
        }
        let frame = [&[0xff, 0xf1, 0x50, 0x80, 2, 0x1f, 0xfc][..], &[0x21; 9]].concat();
        for (behind, unused) in [
            (frame.repeat(40), Some(640)),
            (b"TAG and a title".to_vec(), None),
            (vec![0; 50], None),
        ] {
            let (_folder, path) = written("source", &[&wav[..], &behind].concat());
            let parts = part(&path, 0, Demuxer::Wav).unwrap();
            assert_eq!((parts.count, parts.unused), (1, unused));
        }
    }

    #[test]
    fn of_many_parts_the_first_are_used_alone() {
        let (_folder, path) = written("source", &ogg().repeat(MOST_PARTS + 3));
        let parts = part(&path, 0, Demuxer::Ogg).unwrap();
        assert_eq!((parts.count, parts.files.len()), (MOST_PARTS + 3, MOST_PARTS));
        assert!(parts.files.iter().all(|(file, _)| fs::read(file).unwrap() == ogg()));
    }

    /// Their frames may need bytes of the frames before.
    #[test]
    fn mpeg_audio_without_descriptions_is_one_file() {
        let (_folder, path) = written("source", &mp3(*b"UUUU").repeat(3));
        let parts = part(&path, 0, Demuxer::Mp3).unwrap();
        assert_eq!((parts.count, parts.unused), (1, None));
        let (_folder, path) = written("source", &mp3(*b"Xing").repeat(MOST_PARTS + 3));
        assert_eq!(part(&path, 0, Demuxer::Mp3).unwrap().count, MOST_PARTS);
    }

    #[test]
    fn media_may_begin_further_on() {
        let (_folder, path) = written("source", &[b"junk", &ogg()[..]].concat());
        let parts = part(&path, 4, Demuxer::Ogg).unwrap();
        assert!(parts.rewritten);
        assert_eq!(fs::read(&path).unwrap(), ogg());
    }
}
