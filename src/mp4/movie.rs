//! The film: in which order its samples are stored, and the index that says so.

use num_rational::Ratio;

use super::boxes::{HEAD, boxed, children};
use super::fragment::Samples;
use super::packets::{Packets, Woven};
use super::sound::{Extent, Sound};
use super::video::{Video, is_of};
use super::weave::{Span, alone, weave};
use super::{Mp4Error, tables};

/// A film that is made of a template and of ranges of video.
#[derive(Clone, Debug)]
pub struct Movie<'a> {
    moov: &'a [u8],
    time_scale: u32,
    video: Video<'a>,
    sound: Option<Sound<'a>>,
    /// How many chunks of audio stand before each range, and after the last.
    before: Vec<usize>,
    /// The audio, where the ranges have it themselves.
    woven: Option<Woven<'a>>,
    /// What each range has, in its order.
    spans: Vec<Vec<Span>>,
}

/// What is stored in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Audio of the template.
    Audio(Extent),
    /// A range, by its number.
    Range {
        /// Which.
        range: usize,
        /// Its bytes.
        length: u64,
    },
}

impl Stretch {
    /// Bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self {
            Self::Audio(extent) => extent.length,
            Self::Range { length, .. } => *length,
        }
    }
}

impl<'a> Movie<'a> {
    /// By the content of the template's `moov`. The audio is the template's.
    ///
    /// # Errors
    /// Where it is no template for these ranges.
    pub fn new(moov: &'a [u8], ranges: &[&Samples], rate: Ratio<i64>) -> Result<Self, Mp4Error> {
        let (mut movie, sound) = Self::silent(moov, ranges, rate)?;
        movie.sound = sound.map(Sound::read).transpose()?;
        movie.before = before(&movie.video, movie.sound.as_ref());
        Ok(movie)
    }

    /// The same where each range has its audio itself, as [`weave`] puts it.
    ///
    /// # Errors
    /// Where it is no template for these ranges.
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

    /// The film without its audio, and the track of that.
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

    /// The same film without its audio.
    #[must_use]
    pub fn mute(self) -> Self {
        let before = vec![0; self.video.ranges.len() + 1];
        let spans = self.video.ranges.iter().map(|samples| alone(samples)).collect();
        Self { sound: None, woven: None, before, spans, ..self }
    }

    /// What is stored behind the index, in its order: before each range the audio that is heard with
    /// it, so that a player that reads on never waits for one of the two.
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

    /// Where the video of a range begins in it.
    #[must_use]
    pub fn video_in(&self, range: usize) -> u64 {
        let spans = self.spans.get(range).into_iter().flatten();
        spans.take_while(|span| span.audio).map(|span| span.bytes).sum()
    }

    /// What stands before the first of [`Movie::stretches`]: `ftyp`, which is given, the index, and the
    /// head of the box that holds everything. `filler` names the box with nothing in it that muxers
    /// keep for a longer head.
    ///
    /// # Errors
    /// Where the template has what is not expected there.
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

    /// How many samples each chunk of a stream has, as far as the ranges have it.
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

    /// The `moov`, where the first stretch begins at `start`.
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

    /// Where the chunks of the video and of the audio are.
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

/// How many chunks of audio begin before each range of the video ends; the last are those that begin
/// after it.
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
