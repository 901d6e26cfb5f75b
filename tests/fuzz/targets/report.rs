//! Whatever ffprobe prints is scanned, and what comes out of it can be planned.
//!
//! The input is a demuxer's name in a line, the report in JSON, an empty line,
//! and a line for each packet.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use video_concat::codec::Preset;
use video_concat::flicks::Flicks;
use video_concat::media::report::{Chosen, Report, Scan};
use video_concat::media::{Demuxer, Media, Undecodable};
use video_concat::object::ObjectUri;
use video_concat::plan::{self, Files, Policy};
use video_concat::process::{Limits, parse, resolve};

const DEMUXERS: [Demuxer; 6] =
    [Demuxer::Mov, Demuxer::Matroska, Demuxer::Avi, Demuxer::Ogg, Demuxer::MpegTs, Demuxer::Wav];

const PROCESSES: [&str; 4] = [
    "video/concat,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_b3V0",
    "video/concat,f_mxf,vcodec_h264,acodec_pcm,ss_1|sys/saveas,o_b3V0",
    "video/concat,f_mkv,vcodec_vp9,acodec_opus,s_640x,scaletype_fit,vb_20000,vbopt_1\
     |sys/saveas,o_b3V0",
    "video/concat,f_mp4,vcodec_h265,acodec_flac,s_x480,scaletype_crop,fps_24,fpsopt_1\
     /segment,f_hls,t_1000|sys/saveas,o_b3V0",
];

fn scanned(text: &str) -> Option<Media> {
    let (name, rest) = text.split_once('\n')?;
    let demuxer = DEMUXERS.into_iter().find(|demuxer| demuxer.name() == name)?;
    let (report, packets) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let report = Report::read(report).ok()?;
    let scanned = |candidates: &[u32]| {
        candidates.iter().find_map(|&index| {
            let mut scan = Scan::new(demuxer, &report, index)?;
            packets.lines().for_each(|line| scan.packet(line));
            Some(scan).filter(|scan| !scan.is_empty())
        })
    };
    let video = scanned(&report.videos());
    let audio = scanned(&report.audios(video.as_ref().map(Scan::index)));
    let chosen = Chosen { video, audio, undecodable: Undecodable::default() };
    let _ = chosen.jumps();
    let media = chosen.finish(demuxer, &report).ok()?;
    let _ = report.lengths(&media);
    Some(media)
}

fn plan(process: &str, media: &Media) {
    let main = ObjectUri::named("bucket", "k").unwrap();
    let request = resolve(&parse(process).unwrap(), &main, Limits { max_sources: 11 }).unwrap();
    let Ok(plan) = plan::plan(&request, &[vec![media.clone().into()]], Preset::Veryfast) else {
        return;
    };
    let _ = plan.segment_count();
    let sources = [Path::new("in")];
    let files = Files::new(&sources);
    let mut arguments = plan.join_arguments(&files, Path::new("out"));
    for chunk in plan.chunks(Policy { memory: 0 }) {
        arguments.extend(plan.render_arguments(&chunk, &files));
    }
    let length: usize = arguments.iter().map(String::len).sum();
    assert!(length < 100_000, "more than the system takes");
}

fuzz_target!(|text: &str| {
    let Some(media) = scanned(text) else {
        return;
    };
    assert!(media.length > Flicks::ZERO);
    PROCESSES.iter().for_each(|process| plan(process, &media));
});
