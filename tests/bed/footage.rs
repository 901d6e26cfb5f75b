//! The video of a source: how it is painted, passed to ffmpeg, and encoded.

use std::io::Write;

use super::frame_code::{FrameCode, colour};
use super::rotation;

#[derive(Debug, Clone)]
pub struct Video {
    pub width: usize,
    pub height: usize,
    pub rate: (u32, u32),
    pub codec: String,
    pub pixel_format: String,
    pub rotation: u16,
    pub sar: (u32, u32),
    pub interlaced: bool,
    /// The duration of each frame; the list is repeated.
    pub durations_ms: Vec<u32>,
    pub colour_space: Option<String>,
    pub seconds: f64,
    pub offset_ms: u32,
}

impl Video {
    pub fn plain() -> Self {
        Self {
            width: 160,
            height: 120,
            rate: (25, 1),
            codec: "libx264".into(),
            pixel_format: "yuv420p".into(),
            rotation: 0,
            sar: (1, 1),
            interlaced: false,
            durations_ms: Vec::new(),
            colour_space: None,
            seconds: 2.0,
            offset_ms: 0,
        }
    }

    pub fn frames(&self) -> usize {
        if self.durations_ms.is_empty() {
            return (self.seconds * f64::from(self.rate.0) / f64::from(self.rate.1)).round()
                as usize;
        }
        let mut ends = self.durations_ms.iter().cycle().scan(0, |end, &ms| {
            *end += ms;
            Some(f64::from(*end))
        });
        ends.position(|end| end >= self.seconds * 1000.0).map_or(0, |last| last + 1)
    }

    fn stored_size(&self) -> (usize, usize) {
        if self.rotation.is_multiple_of(180) {
            (self.width, self.height)
        } else {
            (self.height, self.width)
        }
    }

    pub fn input(&self) -> Vec<String> {
        let (width, height) = self.stored_size();
        let rate = if self.durations_ms.is_empty() { self.rate } else { (1000, 1) };
        let mut input = offset(self.offset_ms);
        input.extend(words("-f rawvideo -pix_fmt rgb24"));
        input.extend(words(&format!(
            "-s {width}x{height} -framerate {}/{} -i pipe:0",
            rate.0, rate.1
        )));
        input
    }

    pub fn output(&self) -> Vec<String> {
        let mut output = words(&format!(
            "-c:v {} -pix_fmt {} -fps_mode passthrough",
            self.codec, self.pixel_format
        ));
        if self.codec == "libx264" {
            output.extend(words("-preset veryfast -crf 18"));
        }
        if let Some(name) = &self.colour_space {
            let wide = if name == "bt2020nc" { "bt2020" } else { name };
            output.extend(words(&format!(
                "-colorspace {name} -color_primaries {wide} -color_trc bt709"
            )));
        }
        if self.sar != (1, 1) {
            let (width, height) = self.stored_size();
            let (width, height) = (width * self.sar.0 as usize, height * self.sar.1 as usize);
            output.extend(words(&format!("-aspect {width}:{height}")));
        }
        if self.interlaced {
            output.extend(words("-flags +ilme+ildct -x264-params tff=1"));
        }
        let filters = self.filters();
        if !filters.is_empty() {
            output.extend(["-vf".to_owned(), filters.join(",")]);
        }
        output
    }

    fn filters(&self) -> Vec<String> {
        let mut filters = Vec::new();
        if let Some(name) = &self.colour_space {
            let matrix = name.trim_end_matches("nc");
            filters.push(format!("scale=out_color_matrix={matrix}:out_range=tv"));
        }
        if !self.durations_ms.is_empty() {
            filters.push(format!("setpts='({})/(1000*TB)'", start_expression(&self.durations_ms)));
        }
        filters
    }

    pub fn feed(&self, clip: u8, mut pipe: impl Write) -> std::io::Result<()> {
        let base = colour(clip).repeat(self.width * self.height);
        for number in 0..self.frames() {
            let mut video = self.video(&base, clip, number, 0);
            if self.interlaced {
                let late = self.video(&base, clip, number, 1);
                let line = 3 * self.width;
                let odd = video.chunks_mut(line).zip(late.chunks(line)).skip(1).step_by(2);
                odd.for_each(|(line, later)| line.copy_from_slice(later));
            }
            pipe.write_all(&rotation::stored(video, (self.width, self.height), self.rotation))?;
        }
        Ok(())
    }

    fn video(&self, base: &[u8], clip: u8, number: usize, field: usize) -> Vec<u8> {
        let mut video = base.to_vec();
        let frame = u16::try_from(number).expect("at most 65,536 frames");
        FrameCode::new(clip, frame).paint(&mut video, self.width, self.height);
        let bar = (self.width / 32).max(2);
        let at = (2 * number + field) * bar / 2 % (self.width - bar);
        for row in self.height * 7 / 8..self.height {
            video[3 * (row * self.width + at)..][..3 * bar].fill(255);
        }
        video
    }
}

/// The start of frame N in milliseconds, as an ffmpeg expression.
fn start_expression(durations_ms: &[u32]) -> String {
    let (count, round) = (durations_ms.len(), durations_ms.iter().sum::<u32>());
    let later =
        (1..count).map(|index| format!("+gte(mod(N,{count}),{index})*{}", durations_ms[index - 1]));
    format!("floor(N/{count})*{round}{}", later.collect::<String>())
}

pub fn offset(ms: u32) -> Vec<String> {
    if ms == 0 {
        Vec::new()
    } else {
        vec!["-itsoffset".into(), format!("{}", f64::from(ms) / 1000.0)]
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
