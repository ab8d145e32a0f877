//! Choosing `C`: train on a part, count the errors on the rest, then train on everything.

use wta_core::Random;

use super::fit::{OnProgress, Options, Report, Stop, Trainer, check_penalty};
use super::group::Group;
use super::{Model, Rows};
use crate::error::{Error, Result};

/// How to choose `C`.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The values to try, increasing; with one there is nothing to choose and nothing is held out.
    pub grid: Vec<f64>,
    /// The share of the examples of each class, strictly between 0 and 1, on which the errors are counted.
    pub held_out: f64,
    /// When a class counts as solved during the search, looser than for the model that is kept.
    pub stop: Stop,
}

impl Default for Search {
    fn default() -> Self {
        Self { grid: vec![0.1, 0.3, 1.0, 3.0, 10.0], held_out: 0.15, stop: Stop::Gap(1e-2) }
    }
}

/// One value of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The value.
    pub c: f64,
    /// Held-out examples that are not assigned their label.
    pub errors: usize,
    /// Whether every class met the search's stopping measure.
    pub converged: bool,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value with the fewest errors, the smallest of equals.
    pub c: f64,
    /// What was tried, in order: the grid, or its beginning if the errors had clearly risen.
    pub trials: Vec<Trial>,
    /// The number of examples held out, 0 if there was nothing to choose.
    pub held_out: usize,
    /// Whether the best value is the smallest or the largest of a grid of several, so that a better one may lie beyond.
    pub at_edge: bool,
}

/// Chooses `C` on a held-out part of the training set, which `options.seed` determines, and trains on all of it.
///
/// The values are tried in increasing order, each from the solution of the one before, until two in a row, or one by
/// a wide margin, have more errors than the best. The final training starts from the solution for the chosen value.
///
/// # Errors
///
/// As [`fit`](super::fit), or if the grid is empty or does not increase, or the held-out share leaves nothing to
/// train on or to count errors on.
pub fn choose_and_fit(
    rows: &Rows,
    labels: &[u8],
    classes: usize,
    search: &Search,
    options: &Options,
    on_progress: OnProgress,
) -> Result<(Model, Report, Choice)> {
    check_grid(&search.grid)?;
    let mut trainer = Trainer::new(rows, labels, classes)?;
    let all = trainer.all_rows();
    if let [c] = search.grid[..] {
        let report = trainer.solve(&all, c, options, (0, 1), on_progress)?;
        return Ok((trainer.model(), report, Choice { c, trials: Vec::new(), held_out: 0, at_edge: false }));
    }
    let (choice, state) = try_grid(&mut trainer, (rows, labels, classes), search, options, on_progress)?;
    trainer.restore(state);
    let problems = search.grid.len() + 1;
    let report = trainer.solve(&all, choice.c, options, (problems - 1, problems), on_progress)?;
    Ok((trainer.model(), report, choice))
}

/// The first half of [`choose_and_fit`]: chooses `C` on a held-out part, also where there is only one, for the sake of its
/// errors, and trains on nothing else.
///
/// # Errors
///
/// As [`choose_and_fit`].
pub fn choose(
    rows: &Rows,
    labels: &[u8],
    classes: usize,
    search: &Search,
    options: &Options,
    on_progress: OnProgress,
) -> Result<Choice> {
    check_grid(&search.grid)?;
    let mut trainer = Trainer::new(rows, labels, classes)?;
    Ok(try_grid(&mut trainer, (rows, labels, classes), search, options, on_progress)?.0)
}

/// Tries the grid on the held-out part of the examples (rows, labels, classes): the choice, and the trainer's state for it.
fn try_grid(
    trainer: &mut Trainer<'_>,
    (rows, labels, classes): (&Rows, &[u8], usize),
    search: &Search,
    options: &Options,
    on_progress: OnProgress,
) -> Result<(Choice, Vec<Group>)> {
    let (training, held_out) = split(labels, classes, search.held_out, options.seed)?;
    let problems = search.grid.len() + 1;
    let loose = Options { stop: search.stop, ..*options };
    let mut trials: Vec<Trial> = Vec::new();
    let mut best: Option<(Trial, _)> = None;
    for (problem, &c) in search.grid.iter().enumerate() {
        let report = trainer.solve(&training, c, &loose, (problem, problems), &mut *on_progress)?;
        let errors = trainer.model().errors_among(rows, labels, &held_out);
        let trial = Trial { c, errors, converged: report.converged() };
        trials.push(trial);
        match &best {
            Some((best, _)) if errors >= best.errors => {
                if has_risen(&trials, best.errors) {
                    break;
                }
            }
            _ => best = Some((trial, trainer.state())),
        }
    }
    let Some((Trial { c, .. }, state)) = best else { return Err(empty_grid()) };
    let at_edge = search.grid.first() == Some(&c) || search.grid.last() == Some(&c);
    Ok((Choice { c, trials, held_out: held_out.len(), at_edge }, state))
}

/// Whether the last trials are clearly worse than the best: both of them, or the last by over two standard
/// deviations of a count.
fn has_risen(trials: &[Trial], best: usize) -> bool {
    let wide = best as f64 + 2.0 * (best.max(1) as f64).sqrt();
    match trials {
        [.., a, b] => b.errors as f64 > wide || (a.errors > best && b.errors > best),
        _ => false,
    }
}

fn check_grid(grid: &[f64]) -> Result<()> {
    if grid.is_empty() {
        return Err(empty_grid());
    }
    if let Some(pair) = grid.windows(2).find(|pair| pair[0] >= pair[1]) {
        let [a, b] = [pair[0], pair[1]];
        return Err(Error::Invalid(format!("the values of C to try must increase, but {b} comes after {a}")));
    }
    grid.iter().try_for_each(|&c| check_penalty(c))
}

fn empty_grid() -> Error {
    Error::Invalid("the SVM needs at least one value of C to try, got none".into())
}

/// The rows to train on and the rows held out, both increasing. Of each class the share is held out, rounded, but at
/// least one example where there are two and never the last one.
fn split(labels: &[u8], classes: usize, share: f64, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::Invalid(format!(
            "the held-out share must lie between 0 and 1, both excluded, got {share}"
        )));
    }
    let mut of_class = vec![Vec::new(); classes];
    for (row, &label) in (0u32..).zip(labels) {
        of_class[usize::from(label)].push(row);
    }
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    // The groups of classes use the first streams of the seed for their orders.
    let mut random = Random::stream(seed, u64::MAX);
    for mut rows in of_class {
        random.shuffle(&mut rows);
        let most = rows.len().saturating_sub(1);
        let count = ((rows.len() as f64 * share).round() as usize).max(1).min(most);
        held_out.extend_from_slice(&rows[..count]);
        training.extend_from_slice(&rows[count..]);
    }
    if held_out.is_empty() {
        return Err(Error::Invalid(
            "no class has two examples, so that none can be held out to choose C: give a single C".into(),
        ));
    }
    training.sort_unstable();
    held_out.sort_unstable();
    Ok((training, held_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_is_balanced_complete_and_seeded() {
        let labels: Vec<u8> = (0..103).map(|i| if i < 100 { i % 4 } else { 4 + (i - 100) / 2 }).collect();
        let (training, held_out) = split(&labels, 7, 0.2, 1).unwrap();
        let count = |rows: &[u32], class| rows.iter().filter(|&&r| labels[r as usize] == class).count();
        for class in 0..4 {
            assert_eq!((count(&training, class), count(&held_out, class)), (20, 5));
        }
        // Two examples give one to each part, a single one goes to training, and none is no matter.
        assert_eq!((count(&training, 4), count(&held_out, 4)), (1, 1));
        assert_eq!((count(&training, 5), count(&held_out, 5)), (1, 0));
        let mut all = [training.clone(), held_out.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..103).collect::<Vec<_>>());
        assert!(training.is_sorted() && held_out.is_sorted());
        assert_eq!(split(&labels, 7, 0.2, 1).unwrap().1, held_out);
        assert_ne!(split(&labels, 7, 0.2, 2).unwrap().1, held_out);
    }

    #[test]
    fn splits_without_a_part_are_refused() {
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(split(&[0, 0, 1, 1], 2, share, 1).is_err(), "{share}");
        }
        assert!(split(&[0, 1], 2, 0.5, 1).unwrap_err().to_string().contains("no class has two examples"));
    }

    #[test]
    fn the_path_ends_when_errors_have_clearly_risen() {
        let risen = |errors: &[usize]| {
            let trials: Vec<_> =
                errors.iter().map(|&errors| Trial { c: 1.0, errors, converged: true }).collect();
            has_risen(&trials, errors.iter().copied().min().unwrap())
        };
        assert!(!risen(&[100, 101]));
        assert!(risen(&[100, 101, 101]));
        assert!(!risen(&[100, 101, 100]));
        assert!(risen(&[100, 121]));
        assert!(!risen(&[0]));
    }
}
