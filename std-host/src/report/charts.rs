//! Curves, as SVG. Text and axes have the colours of the page, light or dark: `report.css` sets them.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::error::{Error, Result};

/// The colours of curves, which people with any colour vision tell apart on light and on dark ground, after
/// Okabe and Ito. `report.css` has them too.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(190, 132, 0),
    RGBColor(86, 150, 233),
];

/// The most curves whose colours differ.
pub(super) const MOST_COLOURS: usize = COLOURS.len();

/// Width and height, in units of the page's small text.
const SIZE: (u32, u32) = (460, 240);

/// Values further apart than this factor are drawn on a logarithmic scale.
const WIDE: f64 = 30.0;

/// Larger numbers, and what is no number, are not drawn: an axis could not hold them.
const LARGEST: f64 = 1e300;

/// Up to so many points, each is marked.
const MARKED: usize = 40;

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    /// Which of the colours.
    pub(super) colour: usize,
    pub(super) dashed: bool,
}

/// Curves over one axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chart {
    pub(super) title: String,
    /// What the axis along the page is.
    pub(super) over: Over,
    pub(super) unit: &'static str,
    pub(super) curves: Vec<Curve>,
}

/// What a chart's curves are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Numbered from 1.
    Epochs,
    /// An SVM's C: a few values, each a multiple of the one before.
    C,
}

impl Over {
    const fn name(self) -> &'static str {
        match self {
            Self::Epochs => "epoch",
            Self::C => "C",
        }
    }
}

impl Chart {
    /// A chart without what is no number; `None` if nothing is left.
    pub(super) fn of_numbers(mut self) -> Option<Self> {
        for curve in &mut self.curves {
            let fits = |value: f64| value.abs() <= LARGEST;
            curve.points.retain(|(x, y)| fits(*x) && fits(*y) && (self.over != Over::C || *x > 0.0));
        }
        self.curves.retain(|curve| !curve.points.is_empty());
        (!self.curves.is_empty()).then_some(self)
    }

    /// The chart for those who do not see it: where each curve begins, ends and is lowest.
    pub(super) fn in_words(&self) -> String {
        let curves: Vec<String> = self.curves.iter().map(|curve| self.curve_in_words(curve)).collect();
        format!("{} over {}. {}", self.title, self.over.name(), curves.join("; "))
    }

    fn curve_in_words(&self, curve: &Curve) -> String {
        let told = |(x, y): &(f64, f64)| format!("{} at {} {}", short(*y), self.over.name(), short(*x));
        let lowest = curve.points.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let ends = [curve.points.first(), curve.points.last()].map(|point| point.map_or(String::new(), told));
        let [from, to] = ends;
        format!("{}: from {from} to {to}, lowest {}", curve.name, lowest.map_or(String::new(), told))
    }

    /// Draws it.
    ///
    /// # Errors
    ///
    /// One sentence if it cannot be drawn.
    pub(super) fn svg(&self) -> Result<String> {
        let mut text = String::new();
        self.draw(&mut text).map_err(|error| {
            Error::Invalid(format!("the chart of {} cannot be drawn: {error}", self.title))
        })?;
        Ok(text)
    }

    fn draw(&self, text: &mut String) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let across = match self.over {
            Over::Epochs => Axis::linear(points().map(|point| point.0)).with_whole_ticks(),
            Over::C => Axis::at(points().map(|point| point.0)),
        };
        let up = Axis::of(points().map(|point| point.1));
        let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(6)
            .margin_right(18)
            .x_label_area_size(34)
            .y_label_area_size(58)
            .build_cartesian_2d(across.clone(), up.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.over.name())
            .label_style(("sans-serif", 13))
            .x_label_formatter(&|at| across.label(*at))
            .y_label_formatter(&|at| format!("{}{}", up.label(*at), self.unit))
            .draw()?;
        for curve in &self.curves {
            let colour = COLOURS.get(curve.colour % COLOURS.len()).copied().unwrap_or(BLACK);
            let at: Vec<(f64, f64)> =
                curve.points.iter().map(|(x, y)| (across.place(*x), up.place(*y))).collect();
            if curve.dashed {
                chart.draw_series(DashedLineSeries::new(at.iter().copied(), 5, 4, colour.stroke_width(2)))?;
            } else {
                chart.draw_series(LineSeries::new(at.iter().copied(), colour.stroke_width(2)))?;
            }
            if at.len() <= MARKED {
                chart.draw_series(at.iter().map(|point| Circle::new(*point, 2, colour.filled())))?;
            }
        }
        area.present()?;
        Ok(())
    }
}

/// The places of values on an axis, and those that have a label.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    logarithmic: bool,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// An axis for these values, logarithmic if they are far apart.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) = ends(values.clone());
        if low > 0.0 && high > WIDE * low { Self::decades(low, high) } else { Self::linear(values) }
    }

    fn linear(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let (low, high) = match high - low {
            // All values are the same.
            0.0 if high == 0.0 => (0.0, 1.0),
            0.0 => (low - 0.1 * low.abs(), high + 0.1 * high.abs()),
            spread => (low - 0.05 * spread, high + 0.05 * spread),
        };
        let ticks = RangedCoordf64::from(low..high).key_points(6);
        Self { logarithmic: false, low, high, ticks }
    }

    /// The same with labels at whole numbers alone.
    fn with_whole_ticks(mut self) -> Self {
        self.ticks.retain(|tick| tick.fract() == 0.0);
        self
    }

    /// A logarithmic axis with a label at each power of ten, and between them if there are few.
    fn decades(low: f64, high: f64) -> Self {
        let (from, to) = (low.log10(), high.log10());
        let every = (((to - from) / 5.0).ceil() as usize).max(1);
        let between: &[f64] = if to - from < 2.5 { &[1.0, 3.0] } else { &[1.0] };
        let powers = (from.floor() as i32..=to.ceil() as i32).step_by(every);
        let ticks =
            powers.flat_map(|power| between.iter().map(move |times| f64::from(power) + times.log10()));
        let margin = 0.05 * (to - from);
        let (low, high) = (from - margin, to + margin);
        let ticks = ticks.filter(|tick| (low..=high).contains(tick)).collect();
        Self { logarithmic: true, low, high, ticks }
    }

    /// A logarithmic axis with a label at each of these values.
    fn at(values: impl Iterator<Item = f64>) -> Self {
        let mut ticks: Vec<f64> = values.map(f64::log10).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let (low, high) = ends(ticks.iter().copied());
        let margin = (0.05 * (high - low)).max(0.1);
        Self { logarithmic: true, low: low - margin, high: high + margin, ticks }
    }

    fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.log10() } else { value }
    }

    /// The text at a tick: with as many decimals as tell it from the next one.
    fn label(&self, tick: f64) -> String {
        let step = match self.ticks[..] {
            [first, second, ..] if !self.logarithmic => second - first,
            _ => return short(self.value(tick)),
        };
        if !(1e-5..1e5).contains(&step) {
            return short(tick);
        }
        // A step is 1, 2 or 5 times a power of ten.
        let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
        trimmed(&format!("{tick:.decimals$}")).to_owned()
    }

    fn value(&self, place: f64) -> f64 {
        if self.logarithmic { 10f64.powf(place) } else { place }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.low..self.high).map(place, limit)
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// A number with three or four significant digits.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = match size {
        1e6.. => format!("{value:.2e}"),
        1e3.. => format!("{value:.0}"),
        _ if size < 1e-3 => format!("{value:.2e}"),
        _ => {
            let decimals = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
            format!("{value:.decimals$}")
        }
    };
    match text.split_once('e') {
        Some((digits, power)) => format!("{}e{power}", trimmed(digits)),
        None => trimmed(&text).to_owned(),
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)]) -> Chart {
        let curve = |dashed| Curve { name: "loss".to_owned(), points: points.to_vec(), colour: 1, dashed };
        Chart {
            title: "Loss".to_owned(),
            over: Over::Epochs,
            unit: "",
            curves: vec![curve(false), curve(true)],
        }
    }

    #[test]
    fn numbers_are_short() {
        let said =
            [0.0, 1.0, 0.5, 12.345, 123.4, 99_999.6, 1.5e7, 0.001, 0.000_25, -2.5, 0.1 + 0.2].map(short);
        assert_eq!(
            said,
            ["0", "1", "0.5", "12.3", "123", "100000", "1.5e7", "0.001", "2.5e-4", "-2.5", "0.3"]
        );
    }

    #[test]
    fn what_is_no_number_is_left_out_and_nothing_is_no_chart() {
        let mixed =
            chart(&[(1.0, 3.0), (2.0, f64::NAN), (3.0, f64::INFINITY), (4.0, 2.0)]).of_numbers().unwrap();
        assert_eq!(mixed.curves[0].points, [(1.0, 3.0), (4.0, 2.0)]);
        assert_eq!(chart(&[(1.0, f64::NAN)]).of_numbers(), None);
        let words = mixed.in_words();
        assert!(
            words.starts_with("Loss over epoch. loss: from 3 at epoch 1 to 2 at epoch 4, lowest 2"),
            "{words}"
        );
    }

    #[test]
    fn one_point_equal_values_and_the_largest_numbers_can_be_drawn() {
        for points in [
            &[(1.0, 5.0)][..],
            &[(1.0, 5.0), (2.0, 5.0)],
            &[(1.0, 0.0), (2.0, 0.0)],
            &[(1.0, 1e-300), (2.0, 1e300)],
            &[(1.0, -1e300), (2.0, 1e300)],
        ] {
            let svg = chart(points).of_numbers().unwrap().svg().unwrap();
            assert!(svg.starts_with("<svg") && svg.contains("#D55E00") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn values_far_apart_have_a_logarithmic_axis() {
        assert!(Axis::of([1.0, 1000.0].into_iter()).logarithmic);
        assert!(!Axis::of([1.0, 20.0].into_iter()).logarithmic);
        assert!(!Axis::of([0.0, 1000.0].into_iter()).logarithmic);
    }

    #[test]
    fn labels_stand_at_values_that_people_expect() {
        let labels =
            |axis: &Axis| -> Vec<String> { axis.ticks.iter().map(|tick| axis.label(*tick)).collect() };
        assert_eq!(labels(&Axis::at([10.0, 0.3, 1.0, 1.0].into_iter())), ["0.3", "1", "10"]);
        assert_eq!(labels(&Axis::of([0.02, 900.0].into_iter())), ["0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(&Axis::of([2.0, 90.0].into_iter())), ["3", "10", "30", "100"]);
        assert_eq!(labels(&Axis::linear([1.0].into_iter()).with_whole_ticks()), ["1"]);
        assert_eq!(labels(&Axis::linear([1.0, 3.0].into_iter()).with_whole_ticks()), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::linear([0.0, 0.0].into_iter()))[0], "0");
        let close = labels(&Axis::linear([111.1, 111.9].into_iter()));
        assert!(
            close.contains(&"111.4".to_owned()) && close.windows(2).all(|pair| pair[0] != pair[1]),
            "{close:?}"
        );
    }
}
