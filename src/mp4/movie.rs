//! The whole file: the order in which its samples are stored, and its index.

use num_rational::Ratio;

use super::boxes::{HEAD, boxed, children};
use super::fragment::Samples;
use super::packets::{Packets, Woven};
use super::sound::{Extent, Sound};
use super::video::{Video, is_of};
use super::weave::{Span, alone, weave};
use super::{Mp4Error, tables};

/// A file that consists of a template and of ranges of video.
#[derive(Clone, Debug)]
pub struct Movie<'a> {
    moov: &'a [u8],
    time_scale: u32,
    video: Video<'a>,
    sound: Option<Sound<'a>>,
    /// The number of audio chunks before each range, and after the last.
    before: Vec<usize>,
    /// The audio, if the ranges contain it.
    woven: Option<Woven<'a>>,
    /// For each range, its spans in order.
    spans: Vec<Vec<Span>>,
}

/// Bytes that are stored contiguously.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Audio from the template.
    Audio(Extent),
    /// A range.
    Range {
        /// Its number.
        range: usize,
        /// Its length in bytes.
        length: u64,
    },
}

impl Stretch {
    /// Length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self {
            Self::Audio(extent) => extent.length,
            Self::Range { length, .. } => *length,
        }
    }
}

impl<'a> Movie<'a> {
    /// Reads the content of the template's `moov`. The audio comes from the template.
    ///
    /// # Errors
    /// When it is not a template for these ranges.
    pub fn new(moov: &'a [u8], ranges: &[&Samples], rate: Ratio<i64>) -> Result<Self, Mp4Error> {
        let (mut movie, sound) = Self::silent(moov, ranges, rate)?;
        movie.sound = sound.map(Sound::read).transpose()?;
        movie.before = before(&movie.video, movie.sound.as_ref());
        Ok(movie)
    }

    /// The same for ranges that contain their audio, in the order of [`weave`].
    ///
    /// # Errors
    /// When it is not a template for these ranges.
    pub fn woven(
        moov: &'a [u8],
        ranges: &[(&Samples, &Packets)],
        rate: Ratio<i64>,
    ) -> Result<Self, Mp4Error> {
        let (video, audio): (Vec<&Samples>, Vec<&Packets>) = ranges.iter().copied().unzip();
        let (mut movie, sound) = Self::silent(moov, &video, rate)?;
        let sound = sound.ok_or(Mp4Error::Missing(*b"trak"))?;
        movie.woven = Some(Woven::read(sound, &audio)?);
        let each = movie.video.ranges.iter().zip(audio);
        movie.spans = each.map(|(video, audio)| weave(video, audio, rate)).collect();
        Ok(movie)
    }

    /// The file without its audio, and the audio track if there is one.
    fn silent(
        moov: &'a [u8],
        ranges: &[&Samples],
        rate: Ratio<i64>,
    ) -> Result<(Self, Option<&'a [u8]>), Mp4Error> {
        let time_scale = tables::movie_scale(moov)?;
        let (mut video, mut sound) = (None, None);
        for trak in children(moov)?.into_iter().filter(|child| child.kind == *b"trak") {
            if is_of(trak.body, *b"vide")? && video.is_none() {
                video = Some(Video::read(trak.body, ranges, rate)?);
            } else if is_of(trak.body, *b"soun")? && sound.is_none() {
                sound = Some(trak.body);
            } else {
                return Err(Mp4Error::Unexpected(*b"trak"));
            }
        }
        let video = video.ok_or(Mp4Error::Missing(*b"trak"))?;
        let before = vec![0; video.ranges.len() + 1];
        let spans = video.ranges.iter().map(|samples| alone(samples)).collect();
        let movie = Self { moov, time_scale, video, sound: None, before, woven: None, spans };
        Ok((movie, sound))
    }

    /// The same file without its audio.
    #[must_use]
    pub fn mute(self) -> Self {
        let before = vec![0; self.video.ranges.len() + 1];
        let spans = self.video.ranges.iter().map(|samples| alone(samples)).collect();
        Self { sound: None, woven: None, before, spans, ..self }
    }

    /// The media data after the index, in order: before each range comes the audio that is played
    /// with it, so that a player that reads sequentially never waits for one of the two.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        let (mut stretches, mut chunk) = (Vec::new(), 0);
        let (mut extents, mut used) = (self.extents().iter(), None::<Extent>);
        for (range, count) in self.before.iter().enumerate() {
            let mut wanted = self.bytes(chunk..chunk + count);
            chunk += count;
            while wanted > 0 {
                let Some(extent) = used.take().or_else(|| extents.next().copied()) else { break };
                let length = extent.length.min(wanted);
                stretches.push(Stretch::Audio(Extent { length, ..extent }));
                wanted -= length;
                let (offset, length) = (extent.offset + length, extent.length - length);
                used = Some(Extent { offset, length }).filter(|extent| extent.length > 0);
            }
            if let Some(spans) = self.spans.get(range) {
                let length = spans.iter().map(|span| span.bytes).sum();
                stretches.push(Stretch::Range { range, length });
            }
        }
        stretches.retain(|stretch| stretch.length() > 0);
        stretches
    }

    /// The offset of the first video byte in a range.
    #[must_use]
    pub fn video_in(&self, range: usize) -> u64 {
        let spans = self.spans.get(range).into_iter().flatten();
        spans.take_while(|span| span.audio).map(|span| span.bytes).sum()
    }

    /// Everything before the first of [`Movie::stretches`]: the given `ftyp`, the index, and the
    /// header of the box that holds the media data. `filler` is the type of the empty box that
    /// muxers reserve for a longer header.
    ///
    /// # Errors
    /// When the template contains something unexpected.
    pub fn head(&self, ftyp: &[u8], filler: [u8; 4]) -> Result<Vec<u8>, Mp4Error> {
        let content: u64 = self.stretches().iter().map(Stretch::length).sum();
        let near = self.index(0, false)?.len() as u64;
        let before = |index: u64| ftyp.len() as u64 + index + 16;
        let far = u32::try_from(before(near) + content).is_err();
        let length = self.index(0, far)?.len() as u64;
        let index = self.index(before(length), far)?;
        let head = if let Ok(size) = u32::try_from(content + HEAD as u64) {
            [boxed(filler, &[]), [size.to_be_bytes(), *b"mdat"].concat()].concat()
        } else {
            let size = (content + 16).to_be_bytes();
            [&1_u32.to_be_bytes()[..], b"mdat", &size].concat()
        };
        Ok([ftyp, &index, &head].concat())
    }

    /// The number of samples in each chunk of a stream, for samples that are in the ranges.
    fn chunks(&self, audio: bool) -> Vec<u32> {
        let spans = self.spans.iter().flatten().filter(|span| span.audio == audio);
        spans.map(|span| span.samples).collect()
    }

    fn extents(&self) -> &[Extent] {
        self.sound.as_ref().map_or(&[], |sound| &sound.extents)
    }

    fn bytes(&self, chunks: std::ops::Range<usize>) -> u64 {
        let sound = self.sound.iter().flat_map(|sound| &sound.chunks[chunks.clone()]);
        sound.map(|chunk| chunk.bytes).sum()
    }

    /// The `moov`, if the first stretch begins at `start`.
    fn index(&self, start: u64, far: bool) -> Result<Vec<u8>, Mp4Error> {
        let (video, sound) = self.places(start);
        let mut longest = self.video.movie_duration(self.time_scale);
        if let Some(sound) = &self.sound {
            longest = longest.max(sound.movie_duration()?);
        }
        if let Some(woven) = &self.woven {
            longest = longest.max(woven.movie_duration(self.time_scale));
        }
        let mut content = Vec::new();
        for inner in children(self.moov)? {
            content.extend(match &inner.kind {
                b"mvhd" => tables::with_duration(inner.kind, inner.body, (2, 1), longest)?,
                b"trak" if is_of(inner.body, *b"vide")? => {
                    let chunks = self.chunks(false);
                    self.video.write(self.time_scale, (&chunks, &video), far)?
                }
                b"trak" => match (&self.sound, &self.woven) {
                    (Some(track), _) => track.write(&sound, far)?,
                    (None, Some(track)) => {
                        track.write(self.time_scale, (&self.chunks(true), &sound), far)?
                    }
                    (None, None) => Vec::new(),
                },
                _ => inner.whole.to_vec(),
            });
        }
        Ok(boxed(*b"moov", &content))
    }

    /// The places of the chunks of video and audio.
    fn places(&self, start: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut at, mut chunk) = (start, 0);
        let (mut video, mut sound) = (Vec::new(), Vec::new());
        for (range, count) in self.before.iter().enumerate() {
            let chunks = self.sound.iter().flat_map(|sound| &sound.chunks[chunk..chunk + count]);
            for chunk in chunks {
                sound.push(at);
                at += chunk.bytes;
            }
            chunk += count;
            for span in self.spans.get(range).into_iter().flatten() {
                if span.audio { &mut sound } else { &mut video }.push(at);
                at += span.bytes;
            }
        }
        (video, sound)
    }
}

/// How many chunks of audio begin before the end of each range; the last number counts those that
/// begin after all ranges.
fn before(video: &Video<'_>, sound: Option<&Sound<'_>>) -> Vec<usize> {
    let Some(sound) = sound else { return vec![0; video.ranges.len() + 1] };
    let mut counts = Vec::new();
    let mut from = 0;
    for end in video.ends() {
        let limit = u128::from(end) * u128::from(sound.time_scale);
        let is_before = |start: u64| u128::from(start) * u128::from(video.time_scale) < limit;
        let count = sound.chunks[from..].iter().take_while(|chunk| is_before(chunk.start)).count();
        counts.push(count);
        from += count;
    }
    counts.push(sound.chunks.len() - from);
    counts
}
