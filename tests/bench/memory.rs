//! The function's own peak memory while it works on a source of a gigabyte.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::bed::function::Function;
use crate::bed::s3::S3;
use crate::bed::sns::Sns;
use crate::job::{SOURCE_BUCKET, TARGET_BUCKET, TOPIC};
use crate::media;
use crate::ours;
use crate::stats::{cell, mebibytes, row, title};

const LIMIT: u64 = 64 * 1024 * 1024;

pub(crate) fn measure(preset: &str) -> Value {
    let file = media::large();
    let s3 = S3::start(&[SOURCE_BUCKET, TARGET_BUCKET]);
    let sns = Sns::start(&[TOPIC]);
    println!("one second of a source of a gigabyte");
    s3.put_file(SOURCE_BUCKET, "large.mkv", &file);
    let function = Function::start(ours::settings(&s3, &sns, preset));
    let before = function.cold_start();
    let idle = function.peak_memory();
    let target = URL_SAFE_NO_PAD.encode("second.mp4");
    let bucket = URL_SAFE_NO_PAD.encode(TARGET_BUCKET);
    let process = format!(
        "video/concat,t_1000,f_mp4,vcodec_h264,acodec_aac|sys/saveas,o_{target},b_{bucket}"
    );
    let event = json!({"bucket": SOURCE_BUCKET, "object": "large.mkv", "process": process});
    let record = ours::perform(&function, &event);
    let peak = function.peak_memory();
    title("Memory of the function's own process, with a source of a gigabyte");
    row("MiB", &["idle", "peak", "limit"]);
    let cells = [idle, peak, Some(LIMIT)].map(|bytes| cell(bytes.map(mebibytes), ""));
    row("", &cells.each_ref().map(String::as_str));
    json!({
        "source_bytes": record["Sources"][0]["Size"],
        "idle_bytes": idle,
        "peak_bytes": peak,
        "limit_bytes": LIMIT,
        "start_ms": before.as_secs_f64() * 1000.0,
        "timings_ms": record["Timings"],
    })
}
