//! How well scores tell faults from normal windows.

use serde::Serialize;

/// A point of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RocPoint {
    /// The share of normal windows above a threshold.
    pub false_alarms: f64,
    /// The share of the others above it.
    pub told: f64,
}

/// The ROC curve from (0, 0) to (1, 1), with a point for each threshold at which it turns.
pub fn roc(normal: &[f32], other: &[f32]) -> Vec<RocPoint> {
    let mut scores: Vec<(f32, bool)> = normal.iter().map(|score| (*score, false)).collect();
    scores.extend(other.iter().map(|score| (*score, true)));
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let share = |count: usize, of: &[f32]| count as f64 / of.len().max(1) as f64;
    let mut points = vec![RocPoint { false_alarms: 0.0, told: 0.0 }];
    let (mut false_alarms, mut told) = (0, 0);
    for (index, (score, is_other)) in scores.iter().enumerate() {
        told += usize::from(*is_other);
        false_alarms += usize::from(!*is_other);
        // Equal scores are above the same thresholds.
        if scores.get(index + 1).is_some_and(|(next, _)| next == score) {
            continue;
        }
        let point = RocPoint { false_alarms: share(false_alarms, normal), told: share(told, other) };
        // On a straight line, the ends are enough.
        if let [.., before, last] = points[..] {
            let straight = (before.told == last.told && last.told == point.told)
                || (before.false_alarms == last.false_alarms && last.false_alarms == point.false_alarms);
            if straight {
                points.pop();
            }
        }
        points.push(point);
    }
    points
}

/// The area under a ROC curve: how often a score of the others is above a normal one, ties counted half.
/// `None` where there are no windows of either kind.
pub fn area(normal: &[f32], other: &[f32]) -> Option<f64> {
    if normal.is_empty() || other.is_empty() {
        return None;
    }
    let points = roc(normal, other);
    let trapezoid = |pair: &[RocPoint]| match pair {
        [from, to] => (to.false_alarms - from.false_alarms) * (from.told + to.told) / 2.0,
        _ => 0.0,
    };
    Some(points.windows(2).map(trapezoid).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let mut random = wta_core::Random::new(4);
        for (normal, other) in [(1, 1), (5, 9), (40, 30)] {
            let mut draw = |count: usize, more: f32| -> Vec<f32> {
                (0..count).map(|_| random.below(12) as f32 + more).collect()
            };
            let (normal, other) = (draw(normal, 0.0), draw(other, 3.0));
            let mut wins = 0.0;
            for (a, b) in normal.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                wins += if b > a {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
            let expected = wins / (normal.len() * other.len()) as f64;
            assert!((area(&normal, &other).unwrap() - expected).abs() < 1e-12);
        }
        assert_eq!((area(&[], &[1.0]), area(&[1.0], &[])), (None, None));
        assert_eq!((area(&[1.0, 2.0], &[3.0]), area(&[3.0], &[1.0])), (Some(1.0), Some(0.0)));
        assert_eq!(area(&[2.0; 4], &[2.0; 3]), Some(0.5));
    }

    #[test]
    fn a_curve_has_few_points_and_both_ends() {
        let points = roc(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]);
        let at = |false_alarms, told| RocPoint { false_alarms, told };
        assert_eq!(points, [at(0.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)]);
    }
}
