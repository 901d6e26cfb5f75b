//! Outputs whose ranges are joined with an index of our own, compared with the muxer's join of the
//! same ranges.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use video_concat::codec::Preset;
use video_concat::engine::ffmpeg::Ffmpeg;
use video_concat::engine::make::Maker;
use video_concat::engine::media_data::{Bare, bare as strip};
use video_concat::engine::probe::probe;
use video_concat::engine::render::{Fed, join};
use video_concat::engine::template::{Template, template};
use video_concat::engine::verify::{Indexed, VerifyError, verify_indexed};
use video_concat::engine::weave::{make_audio, woven};
use video_concat::engine::workspace::Workspace;
use video_concat::flicks::Flicks;
use video_concat::mp4::{Movie, Packets, Samples, Stretch};
use video_concat::object::ObjectUri;
use video_concat::plan::{Chunk, Listings, Plan, plan};
use video_concat::policy::Verify;
use video_concat::process::{Limits, parse, resolve};

use crate::bed::ffmpeg::{ffmpeg, ffmpeg_path, ffprobe_path};
use crate::bed::process::run;
use crate::bed::source::Source;
use crate::scene::b64;

/// An output in both forms.
struct Films {
    ffmpeg: Ffmpeg,
    plan: Plan,
    workspace: Workspace,
    bare: Vec<Bare>,
    /// The muxer's.
    whole: PathBuf,
    /// The one with our own index.
    indexed: PathBuf,
    template: PathBuf,
    beginnings: PathBuf,
    /// For each range, its audio, if the ranges make their own.
    audio: Vec<Packets>,
}

/// Makes each range with its own audio.
async fn weave(maker: &Maker<'_>, chunks: &[Chunk], bare: &[Bare]) -> Vec<Packets> {
    let (plan, part) = (maker.plan, |name: &str, n| maker.workspace.part(&format!("{name}-{n}")));
    let mut all = Vec::new();
    for (n, chunk) in chunks.iter().enumerate() {
        let range = plan.audio_range(chunk).unwrap();
        make_audio(maker, &range, &part("samples", n), &part("audio", n)).await.unwrap();
        let (video, audio, target) = (part("piece", n), part("audio", n), part("woven", n));
        let rate = plan.timeline.frame_rate;
        let packets = woven((&video, &bare[n].samples), (&audio, &range), rate, &target).unwrap();
        all.push(packets);
    }
    all
}

/// The request, for these clips.
async fn planned(ffmpeg: &Ffmpeg, sources: &[&Path], parameters: &str) -> Plan {
    let main = ObjectUri::named("bucket", "film.mp4").unwrap();
    let process = parse(&format!("video/concat,{parameters}|sys/saveas,o_b3V0")).unwrap();
    let request = resolve(&process, &main, Limits { max_sources: 9 }).unwrap();
    let mut media = Vec::new();
    for source in sources {
        media.push(probe(ffmpeg, source).await.unwrap().media());
    }
    plan(&request, &media, Preset::DEFAULT).unwrap()
}

impl Films {
    async fn new(folder: &Path, parameters: &str, is_woven: bool) -> Self {
        let source = Source::new(4).seconds(5.0).size(160, 90).write("joined.mp4");
        let length = Flicks::from_millis(1600);
        Box::pin(Self::of(folder, &[&source], parameters, length, is_woven)).await
    }

    async fn of(
        folder: &Path,
        sources: &[&Path],
        parameters: &str,
        length: Flicks,
        is_woven: bool,
    ) -> Self {
        let ffmpeg = Ffmpeg::new(ffmpeg_path(), ffprobe_path(), 4096);
        let plan = planned(&ffmpeg, sources, parameters).await;
        let chunks = plan.ranges(length);
        assert!(chunks.len() > 2 && plan.joins_where_stored());
        let plan = plan.in_ranges(length);
        let workspace = Workspace::new(folder).unwrap();
        let maker = Maker {
            ffmpeg: &ffmpeg,
            plan: &plan,
            sources,
            workspace: &workspace,
            verify: Verify::Packets,
            events: Arc::new(|_| ()),
        };
        let part = |name: &str| workspace.part(name);
        let sound = part("sound");
        if plan.output.audio.is_some() {
            maker.make_samples(&part("samples")).await.unwrap();
            let arguments = plan.sound_arguments(&[part("samples")], &sound).unwrap();
            ffmpeg.encode(arguments, |_| ()).await.unwrap();
        }
        let (feed, pieces) = mpsc::channel(100);
        let mut bare = Vec::new();
        for (index, range) in chunks.iter().enumerate() {
            let piece = part(&format!("piece-{index}"));
            maker.make_range(range, &piece).await.unwrap();
            feed.send(Fed::Bytes(std::fs::read(&piece).unwrap())).await.unwrap();
            feed.send(Fed::End).await.unwrap();
            bare.push(strip(&piece, &part(&format!("first-{index}"))).unwrap());
            assert!(plan.are_all_of(&bare[index].samples, range));
        }
        feed.send(Fed::Last).await.unwrap();
        let whole = part("whole");
        join(&ffmpeg, &plan, &sound, Listings::default(), &whole, pieces).await.unwrap();
        let audio = if is_woven { weave(&maker, &chunks, &bare).await } else { Vec::new() };
        let sound = if is_woven { part("audio-0") } else { sound };
        let (first, made) = (part("first-0"), part("template"));
        let template = template(&ffmpeg, &plan, &sound, &first, &made).await.unwrap();
        let (indexed, beginnings) = (part("indexed"), part("beginnings"));
        let template_file = made;
        let films = Self {
            bare,
            template: template_file,
            ffmpeg,
            plan,
            workspace,
            whole,
            indexed,
            beginnings,
            audio,
        };
        films.write_indexed(&template);
        films.write_beginnings(&template);
        films
    }

    fn samples(&self) -> Vec<&Samples> {
        self.bare.iter().map(|bare| &bare.samples).collect()
    }

    fn audio(&self) -> Vec<&Packets> {
        self.audio.iter().collect()
    }

    fn piece(&self, range: usize) -> Vec<u8> {
        std::fs::read(self.workspace.part(&format!("piece-{range}"))).unwrap()
    }

    fn write_indexed(&self, template: &Template) {
        let rate = self.plan.timeline.frame_rate;
        let (samples, audio) = (self.samples(), self.audio());
        let both: Vec<_> = samples.iter().copied().zip(audio).collect();
        let movie = if both.is_empty() {
            Movie::new(&template.moov, &samples, rate)
        } else {
            Movie::woven(&template.moov, &both, rate)
        };
        let movie = movie.unwrap();
        let file = File::create(&self.indexed).unwrap();
        let head = movie.head(&template.ftyp, template.filler).unwrap();
        file.write_all_at(&head, 0).unwrap();
        let mut at = head.len() as u64;
        for stretch in movie.stretches() {
            match stretch {
                Stretch::Audio(extent) => template.copy(extent, &file, at).unwrap(),
                Stretch::Range { range, length } => {
                    let stored = if self.audio.is_empty() { "piece" } else { "woven" };
                    let stored = self.workspace.part(&format!("{stored}-{range}"));
                    let stored = std::fs::read(stored).unwrap();
                    assert_eq!(stored.len() as u64, length);
                    file.write_all_at(&stored, at).unwrap();
                }
            }
            at += stretch.length();
        }
    }

    fn write_beginnings(&self, template: &Template) {
        let short = Samples::beginnings(&self.samples());
        let rate = self.plan.timeline.frame_rate;
        let short = Movie::new(&template.moov, &[&short], rate).unwrap().mute();
        let mut bytes = short.head(&template.ftyp, template.filler).unwrap();
        for (range, samples) in self.samples().iter().enumerate() {
            bytes.extend(&self.piece(range)[..samples.samples[0].size as usize]);
        }
        std::fs::write(&self.beginnings, bytes).unwrap();
    }

    async fn verify(&self, ranges: &[&Samples]) -> Result<u64, VerifyError> {
        let check = Indexed {
            ffmpeg: &self.ffmpeg,
            plan: &self.plan,
            template: &self.template,
            file: &self.indexed,
            beginnings: &self.beginnings,
            ranges,
            audio: &self.audio(),
        };
        verify_indexed(&check).await.map(|verified| verified.counts.frames)
    }
}

/// Every box except the media data, in order: its path and its content. Leaves out the tables of
/// samples' places and groups.
fn boxes(path: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(bytes: &[u8], path: &str, found: &mut Vec<(String, Vec<u8>)>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let kind = std::str::from_utf8(&rest[4..8]).unwrap();
            let (name, body) = (format!("{path}/{kind}"), &rest[8..size]);
            match kind {
                "moov" | "trak" | "mdia" | "minf" | "stbl" | "edts" => walk(body, &name, found),
                "mdat" => found.push((name, size.to_be_bytes().to_vec())),
                // The muxer estimates the peak bit rate from the first packets.
                "stsd" => found.push((name, without_peak(body))),
                "stsc" | "stco" => found.push((name, Vec::new())),
                _ => found.push((name, body.to_vec())),
            }
            rest = &rest[size..];
        }
    }
    let mut found = Vec::new();
    walk(&std::fs::read(path).unwrap(), "", &mut found);
    found
}

/// A description without the peak bit rate in `btrt` (video) or in `esds` (audio).
fn without_peak(stsd: &[u8]) -> Vec<u8> {
    let mut bytes = stsd.to_vec();
    for (kind, peak) in [(b"btrt", 8), (b"esds", 26)] {
        let found = stsd.windows(4).position(|found| found == kind);
        if let Some(at) = found {
            bytes[at + peak..at + peak + 4].fill(0);
        }
    }
    bytes
}

/// Every packet of both streams.
fn packets(path: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for stream in ["0:v", "0:a?"] {
        let mut command = ffmpeg();
        command.args(["-copyts", "-i"]).arg(path).args(["-map", stream, "-c", "copy"]);
        let output = run(command.args(["-f", "framemd5", "-"]));
        all.push(String::from_utf8(output.stdout).unwrap());
    }
    all
}

#[tokio::test]
async fn the_index_is_the_muxers_box_by_box() {
    for (parameters, is_woven) in [
        ("f_mp4,vcodec_h264,acodec_aac,g_20", false),
        ("f_mp4,vcodec_h264,acodec_aac,g_20", true),
        ("f_mov,vcodec_h264,acodec_aac,fps_29.97,ar_44100", true),
        ("f_mov,vcodec_h264,acodec_ac3,g_20,ar_32000", true),
        ("f_mov,vcodec_h264,acodec_pcm,fps_29.97", false),
        ("f_mp4,vcodec_h265,acodec_flac,g_20", false),
        ("f_mp4,vcodec_vp9,acodec_opus,g_20", false),
        ("f_mov,vcodec_h264,acodec_aac,an_1,g_1", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let films = Box::pin(Films::new(folder.path(), parameters, is_woven)).await;
        let (own, right) = (boxes(&films.indexed), boxes(&films.whole));
        let names = |boxes: &[(String, Vec<u8>)]| -> Vec<String> {
            boxes.iter().map(|(name, _)| name.clone()).collect()
        };
        assert_eq!(names(&own), names(&right), "{parameters}");
        for ((name, own), (_, right)) in own.iter().zip(&right) {
            assert_eq!(own, right, "{parameters}: {name}");
        }
        if !parameters.contains("_pcm") {
            assert_eq!(packets(&films.indexed), packets(&films.whole), "{parameters}");
        }
        let ranges = films.samples();
        let frames = films.verify(&ranges).await.unwrap();
        assert_eq!(frames, films.plan.timeline.frames(), "{parameters}");
    }
}

/// What the check must detect: a table that does not fit, a range that begins in the middle of a
/// group, audio at another place.
#[tokio::test]
async fn an_index_that_is_wrong_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = "f_mp4,vcodec_h264,acodec_aac,g_20";
    let films = Box::pin(Films::new(folder.path(), parameters, true)).await;
    let wrong = |change: &dyn Fn(&mut Samples)| {
        let mut ranges: Vec<Samples> = films.bare.iter().map(|bare| bare.samples.clone()).collect();
        change(&mut ranges[1]);
        ranges
    };
    for (change, expected) in [
        (&(|range: &mut Samples| range.samples[3].size += 1) as &dyn Fn(&mut Samples), "packet"),
        (&|range: &mut Samples| range.samples[3].pts += 512, "is shown at"),
        (&|range: &mut Samples| range.samples.truncate(9), "packets"),
    ] {
        let ranges = wrong(change);
        let error = films.verify(&ranges.iter().collect::<Vec<_>>()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let ranges = films.samples();
    films.verify(&ranges).await.unwrap();
    let file = File::options().write(true).open(&films.beginnings).unwrap();
    let length = file.metadata().unwrap().len();
    let first = u64::from(ranges.last().unwrap().samples[0].size);
    file.write_all_at(&vec![0x5a; first as usize], length - first).unwrap();
    films.verify(&ranges).await.unwrap_err();
}

/// An output with audio that is difficult to encode: jumping tones, bursts of noise, and silence.
fn restless(folder: &Path, seconds: u32) -> PathBuf {
    let file = folder.join("restless.mp4");
    let audio = "0.3*sin(2*PI*t*(200+170*mod(floor(t*7)\\,9)))*lt(mod(t+3\\,5)\\,4.3)\
                 +0.6*(random(0)-0.5)*exp(-25*mod(t\\,0.13))";
    let mut command = ffmpeg();
    command.args(["-f", "lavfi", "-i", &format!("color=gray:s=160x90:r=25:d={seconds}")]);
    command.args(["-f", "lavfi", "-i", &format!("aevalsrc={audio}:s=44100:d={seconds}")]);
    run(command.args(["-c:a", "aac", "-b:a", "256k", "-ac", "2"]).arg(&file));
    file
}

/// The samples of a file's only audio stream, first channel.
fn samples(path: &Path) -> Vec<f64> {
    let mut command = ffmpeg();
    command.arg("-i").arg(path).args(["-map", "0:a", "-af", "pan=mono|c0=c0"]);
    let bytes = run(command.args(["-c:a", "pcm_f32le", "-f", "f32le", "-"])).stdout;
    let samples = bytes.as_chunks::<4>().0.iter();
    samples.map(|sample| f32::from_le_bytes(*sample).into()).collect()
}

/// Clips of 44.1 kHz with a silent one between them, whose audio is encoded in ranges of 4 s: the
/// decoded audio is as close to the original samples as that of one encoder, at every seam as
/// elsewhere.
#[tokio::test]
async fn audio_in_ranges_is_as_good_as_in_one() {
    let folder = tempfile::tempdir().unwrap();
    let film = restless(folder.path(), 16);
    let silent = Source::new(5).seconds(1.0).size(160, 90).no_audio().write("silent.mp4");
    let sur = |name: &str| format!("/sur,o_{}", b64(name));
    let parameters =
        format!("f_mp4,vcodec_h264,acodec_aac,ar_48000{}{}", sur("silent.mp4"), sur("film.mp4"));
    let sources = [film.as_path(), &silent, &film];
    let length = Flicks::from_millis(4000);
    let films = Box::pin(Films::of(folder.path(), &sources, &parameters, length, true)).await;
    let ranges = films.samples();
    films.verify(&ranges).await.unwrap();
    let right = samples(&films.workspace.part("samples"));
    let errors = |path: &Path| -> Vec<f64> {
        let found = samples(path);
        // The last packet is longer than the rest of the audio.
        assert!((right.len()..right.len() + 1024).contains(&found.len()));
        found.iter().zip(&right).map(|(found, right)| found - right).collect()
    };
    let (one, split) = (errors(&films.whole), errors(&films.indexed));
    let power = |errors: &[f64]| errors.iter().map(|error| error * error).sum::<f64>();
    let seams: Vec<usize> = films
        .audio
        .iter()
        .scan(0, |end, range| {
            *end += range.sizes.len();
            Some(*end)
        })
        .collect();
    // The samples that depend on packets of both ranges.
    let seams = seams[..seams.len() - 1].iter().map(|seam| (seam - 1) * 1024..seam * 1024);
    let decibels = |range: std::ops::Range<usize>| {
        10.0 * (power(&split[range.clone()]) / power(&one[range])).log10()
    };
    let at_seams: Vec<f64> = seams.map(decibels).collect();
    let worst = at_seams.iter().copied().fold(f64::MIN, f64::max);
    let mean = at_seams.iter().sum::<f64>() / at_seams.len() as f64;
    let most = |errors: &[f64]| errors.iter().fold(0_f64, |most, error| most.max(error.abs()));
    let all = decibels(0..right.len());
    println!("{all:.2} dB in all; at seams {mean:.2} dB, at most {worst:.2}");
    assert!(all < 0.5, "{all} dB");
    assert!(mean < 0.5 && worst < 1.5, "{at_seams:?}");
    assert!(most(&split) <= 1.1 * most(&one), "{} {}", most(&split), most(&one));
}
