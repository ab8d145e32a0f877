//! A detector's scores over time and its ROC curves, as SVG: text and lines, which any browser shows.

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::detect::{Report, Watched};
use crate::error::{Error, Result};

const SCORE: RGBColor = RGBColor(0, 114, 178);
const THRESHOLD: RGBColor = RGBColor(213, 94, 0);
const ALARM: RGBColor = RGBColor(255, 214, 196);

/// The colours of ROC curves, which people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    SCORE,
    THRESHOLD,
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Width and height of a recording's chart.
const CHART: (u32, u32) = (1200, 220);

/// Scores further apart than this factor are drawn on a logarithmic scale.
const WIDE: f64 = 20.0;

/// Points of a curve: of more windows, the largest score of each few is drawn.
const MOST_POINTS: usize = 1500;

/// The scores of each recording over time, one chart below the other, with the threshold and the alarms.
///
/// # Errors
///
/// One sentence if there is no recording, or more than fit in a picture.
pub fn scores(report: &Report) -> Result<String> {
    let drawn: Vec<&Watched> =
        report.recordings.iter().filter(|watched| !watched.scores.is_empty()).collect();
    if drawn.is_empty() {
        return Err(wrong("no window was judged, so there is nothing to make a picture of"));
    }
    let height = u32::try_from(drawn.len()).ok().and_then(|count| count.checked_mul(CHART.1));
    let height = height.ok_or_else(|| wrong("a picture of so many recordings is too large"))?;
    // One scale for all.
    let all = || drawn.iter().flat_map(|watched| &watched.scores).map(|judged| f64::from(judged.score));
    let low =
        all().chain([f64::from(report.threshold)]).filter(|score| *score > 0.0).fold(f64::MAX, f64::min);
    let high = all().chain([f64::from(report.threshold)]).fold(low, f64::max);
    let scale = Scale { logarithmic: high > WIDE * low };
    let range = if scale.logarithmic { (low / 1.3, high * 1.3) } else { (0.0, high * 1.1) };
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (CHART.0, height)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let places = area.split_evenly((drawn.len(), 1));
        for (place, watched) in places.iter().zip(&drawn) {
            chart(place, watched, f64::from(report.threshold), range, scale).map_err(failed)?;
        }
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// The ROC curve of each recording that was compared with the normal windows.
///
/// # Errors
///
/// One sentence if there is none.
pub fn roc_curves(report: &Report) -> Result<String> {
    let drawn: Vec<&Watched> = report.recordings.iter().filter(|watched| !watched.roc.is_empty()).collect();
    if drawn.is_empty() {
        return Err(wrong("no recording was compared with normal windows, so there is no ROC curve"));
    }
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (720, 640)).into_drawing_area();
        curves(&area, &drawn).map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

type Drawing = std::result::Result<(), Box<dyn std::error::Error>>;

fn chart(
    place: &DrawingArea<SVGBackend<'_>, Shift>,
    watched: &Watched,
    threshold: f64,
    (low, high): (f64, f64),
    scale: Scale,
) -> Drawing {
    let (low, high) = (scale.at(low), scale.at(high));
    let (unit, per_sample) = match watched.rate {
        Some(rate) => ("seconds", 1.0 / f64::from(rate.max(1))),
        None => ("samples", 1.0),
    };
    let at = |sample: usize| sample as f64 * per_sample;
    let begin = watched.scores.first().map_or(0.0, |judged| at(judged.start));
    let end = watched.scores.last().map_or(1.0, |judged| at(judged.start)).max(begin + per_sample);
    let mut chart = ChartBuilder::on(place)
        .caption(caption(watched), ("sans-serif", 16))
        .margin(8)
        .margin_right(24)
        .x_label_area_size(32)
        .y_label_area_size(64)
        .build_cartesian_2d(begin..end, low..high)?;
    for (from, to) in alarms(watched) {
        let to = to.map_or(end, at);
        let area =
            Rectangle::new([(at(from).clamp(begin, end), low), (to.clamp(begin, end), high)], ALARM.filled());
        chart.draw_series([area])?;
    }
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(unit)
        .y_desc("score")
        .y_labels(5)
        .x_label_formatter(&|time| short(*time))
        .y_label_formatter(&|at| short(scale.value(*at)))
        .draw()?;
    let few = watched.scores.len().div_ceil(MOST_POINTS).max(1);
    let points = watched.scores.chunks(few).map(|judged| {
        let largest = judged.iter().map(|judged| judged.score).fold(0.0, f32::max);
        (judged.first().map_or(0.0, |judged| at(judged.start)), scale.at(f64::from(largest)).max(low))
    });
    chart.draw_series(LineSeries::new(points, SCORE))?;
    let threshold = scale.at(threshold);
    chart.draw_series(LineSeries::new([(begin, threshold), (end, threshold)], THRESHOLD.stroke_width(2)))?;
    Ok(())
}

/// How scores become heights.
#[derive(Clone, Copy)]
struct Scale {
    logarithmic: bool,
}

impl Scale {
    fn at(self, score: f64) -> f64 {
        if self.logarithmic { score.max(f64::MIN_POSITIVE).log10() } else { score }
    }

    fn value(self, at: f64) -> f64 {
        if self.logarithmic { 10f64.powf(at) } else { at }
    }
}

/// A number in three digits, or as many as a whole one has.
fn short(number: f64) -> String {
    match number.abs() {
        size if size == 0.0 || (100.0..1e9).contains(&size) => format!("{number:.0}"),
        size if (1e-3..100.0).contains(&size) => {
            let digits = (2.0 - size.log10().floor()).clamp(0.0, 5.0) as usize;
            let text = format!("{number:.digits$}");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            } else {
                text
            }
        }
        _ => format!("{number:.1e}"),
    }
}

fn caption(watched: &Watched) -> String {
    let name = watched.file.file_name().unwrap_or(watched.file.as_os_str()).to_string_lossy().into_owned();
    let alarms = watched.events.iter().filter(|told| told.event == "alarm").count();
    let alarms = match alarms {
        0 => "no alarm".to_owned(),
        1 => "1 alarm".to_owned(),
        alarms => format!("{alarms} alarms"),
    };
    let kind = if watched.normal { " (normal, not learnt)" } else { "" };
    format!("{name}{kind}: {:.1}% above the threshold, {alarms}", 100.0 * watched.share)
}

/// The samples at which alarms begin and end.
fn alarms(watched: &Watched) -> Vec<(usize, Option<usize>)> {
    let mut found: Vec<(usize, Option<usize>)> = Vec::new();
    for told in &watched.events {
        match (told.event, found.last_mut()) {
            ("alarm", _) => found.push((told.sample, None)),
            ("cleared", Some((_, end))) => *end = Some(told.sample),
            _ => {}
        }
    }
    found
}

fn curves(area: &DrawingArea<SVGBackend<'_>, Shift>, drawn: &[&Watched]) -> Drawing {
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("share of normal windows above the threshold")
        .y_desc("share of the recording's windows above it")
        .draw()?;
    for (watched, colour) in drawn.iter().zip(COLOURS.iter().cycle()) {
        let points = watched.roc.iter().map(|point| (point.false_alarms, point.told));
        let name =
            watched.file.file_name().unwrap_or(watched.file.as_os_str()).to_string_lossy().into_owned();
        let label = watched.auc.map_or(name.clone(), |auc| format!("{name}: area {auc:.3}"));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}

fn wrong(problem: &str) -> Error {
    Error::Invalid(problem.to_owned())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("a picture cannot be drawn: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Judged, RocPoint, Told};

    fn watched(name: &str, scores: &[f32]) -> Watched {
        let judged = |(index, score): (usize, &f32)| Judged { start: 10 * index, score: *score };
        Watched {
            file: name.into(),
            normal: false,
            rate: None,
            windows: scores.len(),
            skipped: 0,
            above: 0,
            share: 0.25,
            windows_to_alarm: None,
            events: Vec::new(),
            auc: None,
            roc: Vec::new(),
            scores: scores.iter().enumerate().map(judged).collect(),
        }
    }

    fn report(recordings: Vec<Watched>) -> Report {
        Report {
            settings: String::new(),
            ram_bytes: 0,
            state_bytes: 0,
            learnt_samples: 0,
            passes: 1,
            loss: 0.0,
            calibration: 0,
            rank: 1,
            threshold: 0.5,
            recordings,
        }
    }

    #[test]
    fn a_chart_has_its_name_its_alarms_and_the_threshold() {
        let mut first = watched("a/normal <1>.npy", &[0.3, 0.2, 0.4]);
        first.normal = true;
        let mut second = watched("outer.npy", &[0.9; 5000]);
        let told = |event, sample| Told { event, sample, seconds: None, score: None };
        second.events = vec![told("alarm", 20), told("cleared", 30_000), told("alarm", 40_000)];
        let text = scores(&report(vec![first, second])).unwrap();
        assert!(
            text.contains("normal &lt;1&gt;.npy (normal, not learnt): 25.0% above the threshold, no alarm")
        );
        assert!(text.contains("outer.npy: 25.0% above the threshold, 2 alarms"));
        assert_eq!(text.matches("#FFD6C4").count(), 2, "an area for each alarm");
        assert!(text.len() < 200_000, "{} bytes", text.len());
        assert!(text.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (46_000.0, "46000"),
            (0.25, "0.25"),
            (1.0, "1"),
            (12.5, "12.5"),
            (-0.001_234, "-0.00123"),
            (1e-7, "1.0e-7"),
            (3e12, "3.0e12"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn curves_are_named_and_nothing_is_no_picture() {
        let mut one = watched("ball.npy", &[1.0]);
        let at = |false_alarms, told| RocPoint { false_alarms, told };
        (one.auc, one.roc) = (Some(0.987_6), vec![at(0.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)]);
        assert!(roc_curves(&report(vec![one])).unwrap().contains("ball.npy: area 0.988"));
        assert!(roc_curves(&report(vec![watched("x", &[1.0])])).is_err());
        assert!(scores(&report(vec![watched("x", &[])])).is_err());
        for odd in [[0.0; 3], [f32::MAX; 3], [1e-40; 3]] {
            assert!(scores(&report(vec![watched("x", &odd)])).is_ok());
        }
    }
}
