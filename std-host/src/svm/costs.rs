//! How much rows and classes weigh in the loss.

use super::lanes::{LANES, Lanes, WideLanes};
use crate::error::{Error, Result};

/// What a weight may be, but for 0: in `f32`, `C` times it must stay far from 0 and infinity.
const WEIGHTS: std::ops::RangeInclusive<f64> = 1e-9..=1e9;

/// The second derivative where a row weighs nothing: so large that its dual variable stays 0 but for what
/// `f32` does not feel, and not so large that products with it are infinite.
const STIFF: f32 = 1e30;

/// Weights of the loss, which multiply `C`. By default all are 1.
///
/// As in LIBLINEAR, a class's weight counts for its own rows in its own problem. Of two classes, both
/// problems are the same one, and the weight counts for the class's rows in both.
#[derive(Debug, Clone, Copy, Default)]
pub struct Costs<'a> {
    /// One per row, at least 0, or none at all. A row of weight 0 takes no part.
    pub rows: &'a [f32],
    /// One per class, at least 0, or none at all. The loss of a class's own rows is nothing if it weighs 0.
    pub classes: &'a [f64],
}

impl Costs<'_> {
    /// `Ok` if there is one weight for each row and class, or none, and all are in range.
    pub(super) fn check(&self, rows: usize, classes: usize) -> Result<()> {
        for (what, found, expected) in
            [("rows", self.rows.len(), rows), ("classes", self.classes.len(), classes)]
        {
            if found != 0 && found != expected {
                return Err(Error::Invalid(format!("there are {found} weights for {expected} {what}")));
            }
        }
        let is_good = |weight: f64| WEIGHTS.contains(&weight);
        let row = self.rows.iter().position(|weight| *weight != 0.0 && !is_good(f64::from(*weight)));
        if let Some(row) = row {
            let weight = self.rows[row];
            return Err(Error::Invalid(format!(
                "the weight of row {row} is {weight}, but must be 0 or between 1e-9 and 1e9"
            )));
        }
        if let Some(class) = self.classes.iter().position(|weight| *weight != 0.0 && !is_good(*weight)) {
            let weight = self.classes[class];
            return Err(Error::Invalid(format!(
                "the weight of class {class} is {weight}, but must be 0 or between 1e-9 and 1e9"
            )));
        }
        if !self.classes.is_empty() && self.classes.iter().all(|weight| *weight == 0.0) {
            return Err(Error::Invalid(
                "all classes have the weight 0, so there is nothing to learn from".into(),
            ));
        }
        if !self.rows.is_empty() && self.rows.iter().all(|weight| *weight == 0.0) {
            return Err(Error::Invalid(
                "all rows have the weight 0, so there is nothing to learn from".into(),
            ));
        }
        Ok(())
    }

    /// Whether row `row` takes part.
    pub(super) fn has(&self, row: u32) -> bool {
        self.rows.get(row as usize).is_none_or(|weight| *weight != 0.0)
    }
}

/// The weights of a group's classes.
#[derive(Clone)]
pub(super) struct ClassCosts {
    /// Of the rows of the lane's own class.
    own: WideLanes,
    /// Of all other rows.
    other: WideLanes,
}

impl ClassCosts {
    /// The weights of the classes from `first` on, of `classes` in all.
    pub(super) fn new(costs: &Costs<'_>, first: usize, classes: usize) -> Self {
        let weight = |class: usize| costs.classes.get(class).copied().unwrap_or(1.0);
        Self {
            own: std::array::from_fn(|lane| weight(first + lane)),
            other: std::array::from_fn(|lane| match (classes, first + lane) {
                (2, class @ (0 | 1)) => weight(1 - class),
                _ => 1.0,
            }),
        }
    }

    /// What a row of the lane `own` weighs in each lane, and the second derivative of `alpha^2 / (4 C)`
    /// there.
    #[inline(always)]
    pub(super) fn of(&self, costs: &Costs<'_>, c: f64, row: usize, own: usize) -> (WideLanes, Lanes) {
        if costs.rows.is_empty() && costs.classes.is_empty() {
            return ([1.0; LANES], [(0.5 / c) as f32; LANES]);
        }
        let row = costs.rows.get(row).map_or(1.0, |weight| f64::from(*weight));
        let weights: WideLanes =
            std::array::from_fn(|lane| row * if lane == own { self.own[lane] } else { self.other[lane] });
        let curvature = |weight: f64| if weight > 0.0 { (0.5 / (c * weight)) as f32 } else { STIFF };
        (weights, weights.map(curvature))
    }
}
