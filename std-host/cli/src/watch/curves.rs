//! The figures of a training over its epochs, as curves.

use ratatui::Frame;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, LegendPosition};
use wta::EpochMetrics;

use super::colours::Colours;

/// What is shown over the epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Loss,
    Unexplained,
    Active,
    Dead,
    Rate,
    Seconds,
}

/// A figure of an epoch: of the training samples, and of the held-out ones.
type Values = (Option<f64>, Option<f64>);

impl Figure {
    /// All of them.
    pub(super) const ALL: [Self; 6] =
        [Self::Loss, Self::Unexplained, Self::Active, Self::Dead, Self::Rate, Self::Seconds];

    /// Its name, with the unit.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Unexplained => "unexplained, %",
            Self::Active => "active",
            Self::Dead => "dead atoms, %",
            Self::Rate => "rate",
            Self::Seconds => "seconds of an epoch",
        }
    }

    fn values(self, row: &EpochMetrics) -> Values {
        let percent = |share: Option<f64>| share.map(|share| 100.0 * share);
        match self {
            Self::Loss => (Some(row.loss), row.held_out_loss),
            Self::Unexplained => (percent(row.unexplained), percent(row.held_out_unexplained)),
            Self::Active => (row.active, row.held_out_active),
            Self::Dead => (percent(Some(row.dead_share)), percent(row.held_out_dead_share)),
            Self::Rate => (Some(row.rate), None),
            Self::Seconds => (Some(row.seconds), None),
        }
    }

    /// Whether the epochs have it.
    pub(super) fn is_recorded(self, epochs: &[EpochMetrics]) -> bool {
        epochs.iter().any(|row| self.values(row).0.is_some())
    }

    /// Draws it over the epochs.
    pub(super) fn draw(self, epochs: &[EpochMetrics], colours: Colours, frame: &mut Frame<'_>, area: Rect) {
        let most = 2 * usize::from(area.width);
        let points = |value: fn(Values) -> Option<f64>| {
            let points = epochs.iter().filter_map(|row| Some((row.epoch as f64, value(self.values(row))?)));
            // A chart of numbers that are not finite has no ends.
            thinned(points.filter(|(_, value)| value.is_finite()).collect(), most)
        };
        let (training, held_out) = (points(|values| values.0), points(|values| values.1));
        let all = || training.iter().chain(&held_out).copied();
        let (Some(x), Some(y)) = (range(all().map(|(x, _)| x)), range(all().map(|(_, y)| y))) else {
            frame.render_widget(Line::from("no epoch is finished yet"), area);
            return;
        };
        // Two kinds of marks, as colours may be missing.
        let curve = |name, points, marker, colour| {
            Dataset::default()
                .name(name)
                .marker(marker)
                .graph_type(if epochs.len() > 1 { GraphType::Line } else { GraphType::Scatter })
                .style(Style::new().fg(colours.of_curve(colour)))
                .data(points)
        };
        let mut curves = vec![curve("training", &training, Marker::Braille, 0)];
        if !held_out.is_empty() {
            curves.push(curve("held out", &held_out, Marker::Dot, 1));
        }
        let legend = if held_out.is_empty() { None } else { Some(LegendPosition::TopRight) };
        let chart = Chart::new(curves)
            .legend_position(legend)
            .x_axis(
                Axis::default()
                    .bounds([x.0, x.1])
                    .labels([format!("{:.0}", x.0), format!("{:.0}", x.1)])
                    .labels_alignment(Alignment::Right),
            )
            .y_axis(Axis::default().bounds([y.0, y.1]).labels([number(y.0), number(y.1)]));
        frame.render_widget(chart, area);
    }
}

/// A number in a few characters.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        0.01..1.0 => format!("{value:.3}"),
        1.0..100.0 => format!("{value:.2}"),
        100.0..100_000.0 => format!("{value:.0}"),
        _ => format!("{value:.1e}"),
    }
}

/// The least and the largest number, apart; `None` of none.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    // Their difference has to be finite, too.
    let (low, high) = (low.max(-f64::MAX / 4.0), high.min(f64::MAX / 4.0));
    let apart = high - low > 1e-9 * high.abs().max(low.abs());
    let margin = (high.abs() * 0.05).max(1e-12);
    Some(if apart { (low, high) } else { (low - margin, high + margin) })
}

/// Not many more points than a number: of each stretch of the curve the least and the largest.
pub(super) fn thinned(points: Vec<(f64, f64)>, most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points;
    }
    let stretch = (2 * points.len()).div_ceil(most.max(2));
    let extremes = points.chunks(stretch).flat_map(|points| {
        let by = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let mut two: Vec<(f64, f64)> =
            points.iter().min_by(by).into_iter().chain(points.iter().max_by(by)).copied().collect();
        two.sort_by(|a, b| a.0.total_cmp(&b.0));
        two
    });
    extremes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_peaks() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|x| (f64::from(x), 0.0)).collect();
        points[70_001].1 = 9.0;
        points[30_000].1 = -9.0;
        let thin = thinned(points, 160);
        assert!(thin.len() <= 160 && thin.contains(&(70_001.0, 9.0)) && thin.contains(&(30_000.0, -9.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }

    #[test]
    fn axes_have_two_ends() {
        assert_eq!(range([].into_iter()), None);
        assert_eq!(range([1.0, 3.0].into_iter()), Some((1.0, 3.0)));
        let (low, high) = range([2.0].into_iter()).unwrap();
        assert!(low < 2.0 && high > 2.0);
        let (low, high) = range([f64::MAX, f64::MIN].into_iter()).unwrap();
        assert!((high - low).is_finite());
        assert_eq!([0.0, 0.5, 12.0, 5e4, 1e-4].map(number), ["0", "0.500", "12.00", "50000", "1.0e-4"]);
    }
}
