//! Arguments that make ffmpeg list packets and frames with their hashes.

use std::path::{Path, PathBuf};

use super::Plan;
use super::input::{Input, file_url};
use super::packets::Group;
use super::words::words;
use crate::codec::{AudioCodec, VideoCodec};

/// Samples per block in the list of raw audio, which has no packets.
const RAW_BLOCK: u32 = 1024;

/// Options with which the demuxer reports only what the index says.
const INDEX_ALONE: &str = "-copyts -fflags +noparse";
/// A list with a checksum that is cheap to compute.
const QUICK_LIST: &str = "-f framemd5 -hash adler32";

/// Files in which the joining process lists what the encoders produce.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listings<'a> {
    /// For every packet of the video.
    pub video: Option<&'a Path>,
    /// For every decoded frame of the audio.
    pub audio: Option<&'a Path>,
}

/// The filters that convert a video's packets to the form that is hashed.
fn common_form(codec: VideoCodec) -> &'static str {
    match codec {
        // Without parameter sets and delimiters: containers store them elsewhere, or add them.
        VideoCodec::H264 => "-bsf:v h264_mp4toannexb,filter_units=remove_types=7-9",
        VideoCodec::H265 => "-bsf:v hevc_mp4toannexb,filter_units=remove_types=32-35",
        VideoCodec::Vp9 => "",
    }
}

/// Arguments that list the packets of a video as they are.
pub(super) fn list_video(codec: VideoCodec) -> Vec<String> {
    words(&format!("-c:v copy {} -f framemd5", common_form(codec)))
}

/// Arguments that list the decoded frames of an audio stream.
pub(super) fn list_audio(codec: AudioCodec) -> Vec<String> {
    let blocks = match codec {
        AudioCodec::Pcm => format!("-bsf:a pcm_rechunk=n={RAW_BLOCK}:pad=0"),
        _ => String::new(),
    };
    words(&format!("-c:a pcm_f32le {blocks} -f framemd5"))
}

impl Plan {
    /// The arguments of the ffmpeg process that lists the packets of a file's video.
    #[must_use]
    pub fn video_listing_arguments(&self, file: &Input<'_>) -> Vec<String> {
        let Some(video) = &self.output.video else { return Vec::new() };
        listing("-copyts", file, "0:v:0", list_video(video.codec))
    }

    /// The arguments of the ffmpeg process that lists the packets of a file's video according to
    /// the index, without looking at their content.
    #[must_use]
    pub fn video_index_arguments(&self, file: &Input<'_>) -> Vec<String> {
        listing(INDEX_ALONE, file, "0:v:0", words(&format!("-c:v copy {QUICK_LIST}")))
    }

    /// The same for its audio. Raw audio, which has no packets, is listed in fixed blocks.
    #[must_use]
    pub fn audio_index_arguments(&self, file: &Input<'_>) -> Vec<String> {
        match &self.output.audio {
            Some(audio) if audio.codec == AudioCodec::Pcm => self.audio_listing_arguments(file),
            Some(_) => {
                listing(INDEX_ALONE, file, "0:a:0", words(&format!("-c:a copy {QUICK_LIST}")))
            }
            None => Vec::new(),
        }
    }

    /// The arguments of the ffmpeg process that copies groups of a file's video to files of their
    /// own, each as a Matroska file.
    #[must_use]
    pub fn group_arguments(&self, file: &Input<'_>, groups: &[(Group, PathBuf)]) -> Vec<String> {
        let mut arguments = words("-copyts");
        arguments.extend(file.arguments());
        for (group, target) in groups {
            arguments.extend(words("-map 0:v:0 -c:v copy"));
            if let Some(start) = group.start {
                arguments.extend(["-ss".to_owned(), start.as_option()]);
            }
            // AVI stores no presentation times, and these decoders don't need any.
            let packets = group.packets.len();
            arguments.extend(words(&format!(
                "-frames:v {packets} -bsf:v setts=pts=N:dts=N -f matroska"
            )));
            arguments.push(file_url(target));
        }
        // Makes the process write the same kind of output as in every other check.
        arguments.extend(words("-map 0:v:0 -c:v copy -frames:v 1 -f null pipe:"));
        arguments
    }

    /// The arguments of the ffmpeg process that decodes a file's audio and lists it, including the
    /// samples that a player skips.
    #[must_use]
    pub fn audio_listing_arguments(&self, file: &Input<'_>) -> Vec<String> {
        let Some(audio) = &self.output.audio else { return Vec::new() };
        listing("-flags2 +skip_manual", file, "0:a:0", list_audio(audio.codec))
    }

    /// Arguments with which the joining process lists what the encoders produce; they precede those
    /// of the output. `video` is the input that holds the rendered video.
    pub(super) fn listings(&self, listings: Listings<'_>, video: usize) -> Vec<String> {
        let mut arguments = Vec::new();
        let mut outputs = 0;
        if let (Some(output), Some(file)) = (&self.output.video, listings.video) {
            arguments.extend(words(&format!("-map {video}:v:0")));
            arguments.extend(list_video(output.codec));
            arguments.push(file_url(file));
            outputs += 1;
        }
        if let (Some(output), Some(file)) = (&self.output.audio, listings.audio) {
            // The decoder reads what the encoder of the output writes; the output is the last one.
            let stream = usize::from(self.output.video.is_some());
            arguments.extend(words("-filter_complex [dec:0]anull[listed]"));
            arguments.extend(words(&format!("-dec {}:{stream} -map [listed]", outputs + 1)));
            arguments.extend(list_audio(output.codec));
            arguments.push(file_url(file));
        }
        arguments
    }
}

/// Lists a stream of a file to the standard output.
fn listing(options: &str, file: &Input<'_>, stream: &str, list: Vec<String>) -> Vec<String> {
    let mut arguments = words(options);
    arguments.extend(file.arguments());
    arguments.extend(words(&format!("-map {stream}")));
    arguments.extend(list);
    arguments.push("pipe:".to_owned());
    arguments
}
