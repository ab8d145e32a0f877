//! Choosing `C`: train on one part of the examples, count the errors on the rest, then train on all.

use wta_core::Random;

use super::fit::{Options, Report, Trainer, check_penalty};
use super::group::Group;
use super::model::Model;
use super::rows::Rows;
use super::stop::Stop;
use crate::error::{Error, Result};
use crate::observer::Observer;

/// The examples on which the errors of a value of `C` are counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HoldOut {
    /// One part: this share of the examples of each class, strictly between 0 and 1.
    Share(f64),
    /// Every example once, by cross-validation over this many parts of the same size, each with its share of
    /// every class. This costs as many times more. A few hundred examples need it: on a sixth of 300, one
    /// error is two per cent.
    Folds(usize),
}

/// How to choose `C`.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The values to try, in increasing order; if there is only one, it is chosen.
    pub grid: Vec<f64>,
    /// Where the errors are counted.
    pub hold_out: HoldOut,
    /// The number of rows of each example: first all examples as they are, then all in another view, and so
    /// on. An example is held out with all its views, and counted once, as it is.
    pub views: usize,
    /// When a class counts as solved during the search; looser than for the final model.
    pub stop: Stop,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            grid: vec![0.1, 0.3, 1.0, 3.0, 10.0],
            hold_out: HoldOut::Share(0.15),
            views: 1,
            stop: Stop::Gap(1e-2),
        }
    }
}

/// One value of the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The value.
    pub c: f64,
    /// The held-out examples that are classified wrongly.
    pub errors: usize,
    /// Whether every class met the search's stopping measure.
    pub converged: bool,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The value with the fewest errors; of equal ones the smallest.
    pub c: f64,
    /// The trials in order: the whole grid, or its beginning if the errors had clearly risen.
    pub trials: Vec<Trial>,
    /// The number of examples held out; 0 if there was nothing to choose.
    pub held_out: usize,
    /// Whether the best value is the smallest or the largest of several; a better one may then lie outside
    /// the grid.
    pub at_edge: bool,
}

impl Choice {
    /// The share of held-out examples that the chosen value classifies wrongly; 1 if none were held out.
    pub fn held_out_error(&self) -> f64 {
        let chosen = self.trials.iter().find(|trial| trial.c == self.c);
        chosen.map_or(1.0, |trial| trial.errors as f64 / self.held_out.max(1) as f64)
    }
}

/// Chooses `C` on held-out examples, which `options.seed` draws, then trains on all examples.
///
/// The values are tried in increasing order, each from the solution of the one before. The search stops when
/// two values in a row, or one by a wide margin, have more errors than the best. The final training starts
/// from the solution for the chosen value. If the grid has a single value, nothing is held out.
///
/// # Errors
///
/// As [`fit`](super::fit); also if the grid is empty or does not increase, or if no examples are left to
/// train on or to count errors on.
pub fn choose_and_fit(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    search: &Search,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<(Model, Report, Choice)> {
    check_grid(&search.grid)?;
    let (mut trainer, choice, problems) = if let [c] = search.grid[..] {
        let nothing = Choice { c, trials: Vec::new(), held_out: 0, at_edge: false };
        (Trainer::new(rows, labels, classes, options)?, nothing, 1)
    } else {
        let mut path = Path::new(rows, labels, classes, search, options)?;
        let choice = path.walk(rows, labels, search, options, observer)?;
        let problems = path.problems;
        (path.into_trainer()?, choice, problems)
    };
    let all = trainer.all_rows();
    let report = trainer.solve(&all, choice.c, options, (problems - 1, problems), observer)?;
    Ok((trainer.model()?, report, choice))
}

/// Tries the values of `C` on held-out examples, without training on all examples afterwards. A grid of one
/// value is tried too.
///
/// # Errors
///
/// As [`choose_and_fit`].
pub fn choose(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    search: &Search,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<Choice> {
    check_grid(&search.grid)?;
    Path::new(rows, labels, classes, search, options)?.walk(rows, labels, search, options, observer)
}

/// Which rows show the same example.
struct Views {
    examples: usize,
    views: usize,
}

impl Views {
    fn new(rows: usize, views: usize) -> Result<Self> {
        if views == 0 || !rows.is_multiple_of(views) {
            return Err(Error::Invalid(format!("{rows} rows are not {views} views of each example")));
        }
        Ok(Self { examples: rows / views, views })
    }

    /// Adds the other views of the examples `rows`.
    fn add_to(&self, rows: &mut Vec<u32>) {
        let first = rows.len();
        for view in 1..self.views {
            // The trainer has refused more rows than 32 bits number.
            let offset = (view * self.examples) as u32;
            rows.extend_from_within(..first);
            let start = rows.len() - first;
            rows[start..].iter_mut().for_each(|row| *row += offset);
        }
    }
}

/// The search through the grid, with each part held out in turn.
struct Path<'a> {
    parts: Vec<Part<'a>>,
    /// The first part's solution for the best value so far.
    best: Option<Vec<Group>>,
    /// The most problems to be solved, the final one included.
    problems: usize,
}

/// The training while one part is held out.
struct Part<'a> {
    trainer: Trainer<'a>,
    training: Vec<u32>,
    held_out: Vec<u32>,
}

impl<'a> Path<'a> {
    fn new(
        rows: &'a Rows,
        labels: &'a [u16],
        classes: usize,
        search: &Search,
        options: &Options<'a>,
    ) -> Result<Self> {
        // The trainer checks the labels before they are used to make the parts.
        let first = Trainer::new(rows, labels, classes, options)?;
        let views = Views::new(labels.len(), search.views)?;
        let examples = &labels[..views.examples];
        let mut splits = match search.hold_out {
            HoldOut::Share(share) => vec![split(examples, classes, share, options.seed)?],
            HoldOut::Folds(count) => folds(examples, classes, count, options.seed)?,
        };
        splits.iter_mut().for_each(|(training, _)| views.add_to(training));
        let problems = search.grid.len() * splits.len() + 1;
        let mut first = Some(first);
        let parts = splits.into_iter().map(|(training, held_out)| {
            let trainer = first.take().map_or_else(|| Trainer::new(rows, labels, classes, options), Ok)?;
            // Rows that weigh nothing are counted when they are held out, but not trained on.
            let training = training.into_iter().filter(|row| options.costs.has(*row)).collect();
            Ok(Part { trainer, training, held_out })
        });
        Ok(Self { parts: parts.collect::<Result<_>>()?, best: None, problems })
    }

    fn walk(
        &mut self,
        rows: &Rows,
        labels: &[u16],
        search: &Search,
        options: &Options<'_>,
        observer: &dyn Observer,
    ) -> Result<Choice> {
        let loose = Options { stop: search.stop, ..*options };
        let mut trials: Vec<Trial> = Vec::new();
        let mut best: Option<Trial> = None;
        let mut problem = 0;
        for &c in &search.grid {
            let mut trial = Trial { c, errors: 0, converged: true };
            for part in &mut self.parts {
                let place = (problem, self.problems);
                let report = part.trainer.solve(&part.training, c, &loose, place, observer)?;
                trial.errors += part.trainer.model()?.errors_among(rows, labels, &part.held_out);
                trial.converged &= report.converged();
                problem += 1;
            }
            trials.push(trial);
            match &best {
                Some(best) if trial.errors >= best.errors => {
                    if has_risen(&trials, best.errors) {
                        break;
                    }
                }
                _ => {
                    best = Some(trial);
                    self.best = self.parts.first().map(|part| part.trainer.state());
                }
            }
        }
        let Some(Trial { c, .. }) = best else { return Err(empty_grid()) };
        let held_out = self.parts.iter().map(|part| part.held_out.len()).sum();
        let several = search.grid.len() > 1;
        let at_edge = several && (search.grid.first() == Some(&c) || search.grid.last() == Some(&c));
        Ok(Choice { c, trials, held_out, at_edge })
    }

    /// A trainer that starts from the solution for the chosen value.
    fn into_trainer(self) -> Result<Trainer<'a>> {
        let (Some(first), Some(state)) = (self.parts.into_iter().next(), self.best) else {
            return Err(empty_grid());
        };
        let mut trainer = first.trainer;
        trainer.restore(state);
        Ok(trainer)
    }
}

/// Whether the last trials are clearly worse than the best: the last two, or the last alone by more than two
/// standard deviations of a count.
fn has_risen(trials: &[Trial], best: usize) -> bool {
    let wide = best as f64 + 2.0 * (best.max(1) as f64).sqrt();
    match trials {
        [.., a, b] => b.errors as f64 > wide || (a.errors > best && b.errors > best),
        _ => false,
    }
}

/// `Ok` if the values of `C` can be tried.
///
/// # Errors
///
/// One sentence if there are no values, they do not increase, or one is out of the range of `f32`.
pub fn check_grid(grid: &[f64]) -> Result<()> {
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

/// The rows to train on and the rows held out, both increasing. The share of each class, rounded, is held
/// out: at least one example if there are two, and never all.
fn split(labels: &[u16], classes: usize, share: f64, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
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
    // The groups of classes use the first streams of the seed for the order of their rows.
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

/// Parts of about the same size that are held out in turn, each with the rows to train on meanwhile; all
/// increasing. The shuffled rows of each class are dealt to the parts one by one.
pub(super) fn folds(
    labels: &[u16],
    classes: usize,
    count: usize,
    seed: u64,
) -> Result<Vec<(Vec<u32>, Vec<u32>)>> {
    if count < 2 || count > labels.len() {
        return Err(Error::Invalid(format!(
            "cross-validation needs at least 2 parts and at most as many as there are examples ({}), got {count}",
            labels.len()
        )));
    }
    let mut random = Random::stream(seed, u64::MAX);
    let mut part_of = vec![0; labels.len()];
    // Each class continues at the part where the last one ended, so the parts stay of even size.
    let mut next = 0;
    for class in 0..classes {
        let mut rows: Vec<usize> =
            (0..labels.len()).filter(|&row| usize::from(labels[row]) == class).collect();
        random.shuffle(&mut rows);
        for row in rows {
            part_of[row] = next;
            next = (next + 1) % count;
        }
    }
    let part = |number| (0..labels.len() as u32).partition(|&row| part_of[row as usize] != number);
    Ok((0..count).map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_is_balanced_complete_and_seeded() {
        let labels: Vec<u16> = (0..103).map(|i| if i < 100 { i % 4 } else { 4 + (i - 100) / 2 }).collect();
        let (training, held_out) = split(&labels, 7, 0.2, 1).unwrap();
        let count = |rows: &[u32], class| rows.iter().filter(|&&r| labels[r as usize] == class).count();
        for class in 0..4 {
            assert_eq!((count(&training, class), count(&held_out, class)), (20, 5));
        }
        // Of two examples each part gets one; a single example is trained on; a class without examples does
        // no harm.
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
    fn folds_hold_out_every_row_once_and_share_the_classes() {
        let labels: Vec<u16> = (0..103).map(|i| if i < 100 { i % 4 } else { 4 }).collect();
        let parts = folds(&labels, 5, 5, 1).unwrap();
        let mut all: Vec<u32> = parts.iter().flat_map(|(_, held_out)| held_out.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..103).collect::<Vec<_>>());
        for (training, held_out) in &parts {
            assert!(training.is_sorted() && training.len() + held_out.len() == 103);
            assert!(held_out.iter().all(|row| !training.contains(row)));
            assert!((20..=21).contains(&held_out.len()));
            for class in 0..4 {
                assert_eq!(held_out.iter().filter(|&&row| labels[row as usize] == class).count(), 5);
            }
        }
        assert_eq!(folds(&labels, 5, 5, 1).unwrap(), parts);
        assert_ne!(folds(&labels, 5, 5, 2).unwrap(), parts);
        for count in [0, 1, 104] {
            assert!(folds(&labels, 5, count, 1).unwrap_err().to_string().contains("at least 2 parts"));
        }
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
