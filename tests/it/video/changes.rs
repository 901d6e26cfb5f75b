//! Sources whose frames change their size in the middle.

use super::chart::{Chart, Seen};
use super::studio::{Studio, put};
use crate::scene::Scene;

const FIELDS: &str =
    "libx264 -crf 8 -preset ultrafast -pix_fmt yuv420p -flags +ilme+ildct -x264-params tff=1";

/// Concatenated transport streams, as broadcasts are recorded. Each chart lasts ten frames.
fn broadcast(scene: &Scene, charts: &[Chart]) {
    let studio = Studio::new();
    let mut bytes = Vec::new();
    for (number, chart) in charts.iter().enumerate() {
        let start = number as f64 * 0.4;
        let name = format!("{number}.ts");
        let file = chart.make(&studio, &name, &format!("-output_ts_offset {start}"));
        bytes.extend(std::fs::read(file).unwrap());
    }
    let file = studio.path("a.ts");
    std::fs::write(&file, bytes).unwrap();
    put(scene, &file);
}

#[test]
fn a_size_that_changes_is_seen_whole_at_its_time() {
    let charts = [(160, 120), (320, 240), (160, 120)].map(|(w, h)| Chart::new(w, h));
    let interlaced = charts.map(|chart| chart.codec(FIELDS));
    for charts in [charts, interlaced] {
        let scene = Scene::new();
        broadcast(&scene, &charts);
        for parameters in ["", ",s_200x150", ",pixfmt_yuv444p"] {
            let parameters = format!("f_mp4,vcodec_h264,acodec_aac,an_1,crf_8{parameters}");
            let outcome = scene.run("a.ts", &parameters).succeeded();
            let reading = outcome.reading();
            assert_eq!(reading.frame_count(), 30, "{parameters}");
            let size = reading.size();
            let square = (size.0 * 60 / 160, size.1 * 60 / 120);
            for number in [5, 15, 25] {
                let seen = Seen::of(outcome.file(), size, number);
                let right = seen.is(size, "rgyw", square);
                assert!(right, "{parameters}, frame {number}: {seen:?}");
            }
        }
    }
}

/// From wide screen to 4:3, portrait, and back: each with its own aspect ratio.
#[test]
fn a_shape_that_changes_is_not_distorted() {
    let charts = [(320, 180), (160, 120), (120, 240), (320, 180)].map(|(w, h)| Chart::new(w, h));
    let scene = Scene::new();
    broadcast(&scene, &charts);
    for (parameters, size, expected) in [
        ("", (320, 180), [("rgyw", 90), ("kkkk", 90), ("kkkk", 45), ("rgyw", 90)]),
        (
            ",s_200x200,scaletype_crop",
            (200, 200),
            [("bbbb", 100), ("kkkk", 74), ("kkkk", 50), ("bbbb", 100)],
        ),
        (
            ",s_200x200,scaletype_fill",
            (200, 200),
            // Into the space that the first shape takes.
            [("kkkk", 56), ("kkkk", 56), ("kkkk", 28), ("kkkk", 56)],
        ),
    ] {
        assert_shapes(&scene, parameters, size, &expected);
    }
}

#[test]
fn an_interlaced_shape_that_changes_is_not_distorted() {
    let (narrow, wide) = (Chart::new(160, 120), Chart::new(240, 120));
    let charts = [narrow, wide, narrow].map(|chart| chart.codec(FIELDS));
    let scene = Scene::new();
    broadcast(&scene, &charts);
    assert_shapes(&scene, "", (160, 120), &[("rgyw", 60), ("kkkk", 40), ("rgyw", 60)]);
}

/// The pixels of the second are twice as wide, and the stored size stays the same.
#[test]
fn a_pixel_aspect_that_changes_alone_is_noticed() {
    let (narrow, wide) = (Chart::new(160, 120), Chart::new(320, 120).aspect(2));
    let charts = [narrow, wide, narrow];
    for charts in [charts, charts.map(|chart| chart.codec(FIELDS))] {
        let scene = Scene::new();
        broadcast(&scene, &charts);
        assert_shapes(&scene, "", (160, 120), &[("rgyw", 60), ("kkkk", 30), ("rgyw", 60)]);
        let crop = ",s_120x120,scaletype_crop";
        assert_shapes(&scene, crop, (120, 120), &[("bbbb", 60), ("kkkk", 22), ("bbbb", 60)]);
        // A cut that begins there has that aspect.
        let cut = ",ss_400,t_400,s_320x120,scaletype_fill";
        assert_shapes(&scene, cut, (320, 120), &[("rgyw", 60)]);
    }
}

fn assert_shapes(
    scene: &Scene,
    parameters: &str,
    size: (usize, usize),
    expected: &[(&str, usize)],
) {
    let parameters = format!("f_mp4,vcodec_h264,acodec_aac,an_1,crf_8{parameters}");
    let outcome = scene.run("a.ts", &parameters).succeeded();
    assert_eq!(outcome.reading().frame_count(), expected.len() * 10, "{parameters}");
    for (chart, &(corners, square)) in expected.iter().enumerate() {
        let seen = Seen::of(outcome.file(), size, chart * 10 + 5);
        assert!(seen.is(size, corners, (square, square)), "{parameters} {chart}: {seen:?}");
    }
}
