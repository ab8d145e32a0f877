//! Cross-validation: how well each value of `C` does on rows that were not trained on.

use super::choose::{check_grid, folds};
use super::fit::{Options, Trainer, expect_problem, newton_on};
use super::rows::Rows;
use super::solver::Solver;
use crate::error::Result;
use crate::observer::Observer;

/// How a value of `C` does.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The value.
    pub c: f64,
    /// The rows of each fold that are classified wrongly by what was trained on the other folds.
    pub errors: Vec<usize>,
    /// The rows of each fold.
    pub held_out: Vec<usize>,
    /// Whether every class of every fold met the stopping measure.
    pub converged: bool,
}

impl Validated {
    /// The rows that are classified wrongly.
    pub fn wrong(&self) -> usize {
        self.errors.iter().sum()
    }

    /// The value with the fewest errors; of equal ones the first. `None` of no values.
    pub fn best(values: &[Self]) -> Option<f64> {
        values.iter().min_by_key(|value| value.wrong()).map(|value| value.c)
    }
}

/// Trains on all folds but one, with each value of `grid`, and counts the errors on that one; and so for each
/// fold. `options.seed` draws the folds, which have about the same share of each class.
///
/// Other than [`choose`](super::choose), it tries every value, has one fold in memory at a time, and goes by
/// [`Options::solver`]. With [`Solver::Dual`], values of a fold begin with the solution for the one before.
///
/// # Errors
///
/// As [`choose`](super::choose).
pub fn validate(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    grid: &[f64],
    fold_count: usize,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Validated>> {
    check_grid(grid)?;
    expect_problem(rows, labels, classes, options)?;
    let by_newton = options.solver.for_rows(rows) == Solver::Newton;
    let mut values: Vec<Validated> = grid
        .iter()
        .map(|c| Validated { c: *c, errors: Vec::new(), held_out: Vec::new(), converged: true })
        .collect();
    let problems = grid.len() * fold_count;
    for (fold, (mut training, held_out)) in
        folds(labels, classes, fold_count, options.seed)?.into_iter().enumerate()
    {
        // Rows that weigh nothing are counted when they are held out, but not trained on.
        training.retain(|row| options.costs.has(*row));
        let mut trainer = match by_newton {
            true => None,
            false => Some(Trainer::new(rows, labels, classes, options)?),
        };
        for (number, value) in values.iter_mut().enumerate() {
            let place = (fold * grid.len() + number, problems);
            let (model, report) = match &mut trainer {
                Some(trainer) => {
                    let report = trainer.solve(&training, value.c, options, place, observer)?;
                    (trainer.model()?, report)
                }
                None => newton_on(rows, labels, classes, &training, value.c, options, place, observer)?,
            };
            value.errors.push(model.errors_among(rows, labels, &held_out));
            value.held_out.push(held_out.len());
            value.converged &= report.converged();
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svm::{HoldOut, Search, Stop, choose};

    #[test]
    fn every_value_is_tried_on_every_fold_with_the_errors_that_the_search_counts() {
        let value = |i: usize| (i * i * 31 % 97) as f32 / 97.0;
        let labels: Vec<u16> = (0..120).map(|row| (row % 3) as u16).collect();
        let row = |row: usize| (0..6).map(move |k| value(row * 6 + k) + if k == row % 3 { 0.4 } else { 0.0 });
        let rows = Rows::from_dense(6, &(0..120).flat_map(row).collect::<Vec<f32>>()).unwrap();
        let grid = [1e-4, 0.1, 3.0];
        let options = Options::default();
        let found = validate(&rows, &labels, 3, &grid, 4, &options, &()).unwrap();
        assert!(found.iter().all(|value| value.errors.len() == 4 && value.converged), "{found:?}");
        let search = Search {
            grid: grid.to_vec(),
            hold_out: HoldOut::Folds(4),
            stop: options.stop,
            ..Search::default()
        };
        let choice = choose(&rows, &labels, 3, &search, &options, &()).unwrap();
        for (trial, value) in choice.trials.iter().zip(&found) {
            assert_eq!((trial.c, trial.errors), (value.c, value.wrong()));
        }
        assert_eq!(Validated::best(&found), Some(choice.c));
        assert!(found[0].wrong() > found[1].wrong(), "{found:?}");
        let newton = Options { solver: Solver::Newton, stop: Stop::Gap(1e-6), ..options };
        let exact = validate(&rows, &labels, 3, &grid, 4, &newton, &()).unwrap();
        for (a, b) in exact.iter().zip(&found) {
            assert!(
                a.converged && a.held_out == [30; 4] && a.wrong().abs_diff(b.wrong()) <= 3,
                "{exact:?} {found:?}"
            );
        }
        assert!(validate(&rows, &labels, 3, &grid, 121, &options, &()).is_err());
        assert!(validate(&rows, &labels, 3, &[], 4, &options, &()).is_err());
        assert_eq!(Validated::best(&[]), None);
    }
}
