//! The choice of C on held-out training examples.

use wta_core::Random;

use super::fit::{OnProgress, Options, Report, Stop, Trainer};
use super::{Model, Rows};
use crate::error::{Error, Result};

/// While C is chosen, this much looser a tolerance does.
const LOOSER: f64 = 10.0;

/// The path of C ends after this many values in a row that are worse than the best.
const PATIENCE: usize = 2;

/// Among what to choose, and how.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Values of C, ascending.
    pub grid: &'a [f64],
    /// The share of each class that is held out, between 0 and 1.
    pub held_out: f64,
    /// Determines which examples are held out.
    pub seed: u64,
}

/// A classifier with the C that was best on held-out examples, fitted to all of them.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The classifier.
    pub model: Model,
    /// How its training ended.
    pub report: Report,
    /// Its C.
    pub c: f64,
    /// Each C tried, with the error rate on the held-out examples.
    pub tried: Vec<(f64, f64)>,
}

/// Chooses C on a held-out part of the examples and fits to all of them. Of equal errors the smallest C wins. Each
/// problem starts from the solution of the one before.
///
/// # Errors
///
/// As for [`fit`](super::fit), or when the grid is empty.
pub fn choose_and_fit(
    rows: &Rows,
    labels: &[u8],
    classes: usize,
    choice: &Choice<'_>,
    options: &Options,
    on_progress: OnProgress<'_>,
) -> Result<Chosen> {
    let mut trainer = Trainer::new(rows, labels, classes)?;
    let all = trainer.all_rows();
    let (kept, held_out) = split(labels, classes, choice.held_out, choice.seed);
    let problems = choice.grid.len() + 1;
    let mut tried: Vec<(f64, f64)> = Vec::new();
    let mut best: Option<(f64, f64)> = None;
    // With one value there is nothing to choose; with examples of one class only there is nothing to learn from.
    let one = choice.grid.len() == 1 || held_out.is_empty();
    for (problem, c) in choice.grid.iter().take(if one { 0 } else { choice.grid.len() }).enumerate() {
        let stop = match options.stop {
            Stop::Gradient(tolerance) => Stop::Gradient(tolerance * LOOSER),
            Stop::Gap(gap) => Stop::Gap(gap * LOOSER),
        };
        trainer.solve(&kept, *c, &Options { stop, ..*options }, (problem, problems), on_progress)?;
        let predicted = trainer.model().predict(rows)?;
        let wrong =
            held_out.iter().filter(|row| predicted.get(**row as usize) != labels.get(**row as usize)).count();
        let error = wrong as f64 / held_out.len() as f64;
        tried.push((*c, error));
        if best.is_none_or(|(_, least)| error < least) {
            best = Some((*c, error));
        }
        let worse = tried.iter().rev().take_while(|(_, e)| best.is_some_and(|(_, least)| *e > least)).count();
        if worse >= PATIENCE {
            break;
        }
    }
    let Some(c) = best.map(|(c, _)| c).or(choice.grid.first().copied()) else {
        return Err(Error::Invalid("the SVM needs at least one value of C".to_owned()));
    };
    let report = trainer.solve(&all, c, options, (problems - 1, problems), on_progress)?;
    Ok(Chosen { model: trainer.model(), report, c, tried })
}

/// The rows to fit to and the rows held out, both ascending, the latter the same share of each class.
fn split(labels: &[u8], classes: usize, share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let mut held_out = Vec::new();
    for class in 0..classes {
        let of_class = (0u32..).zip(labels).filter(|(_, label)| usize::from(**label) == class);
        let mut members: Vec<u32> = of_class.map(|(row, _)| row).collect();
        // A stream of its own: the same seed also chooses labels and orders the rows.
        Random::stream(seed, 1 << 32 | class as u64).shuffle(&mut members);
        // One example at least stays to learn from.
        let count = ((members.len() as f64 * share).round() as usize).min(members.len().saturating_sub(1));
        held_out.extend(members.into_iter().take(count));
    }
    held_out.sort_unstable();
    let kept = (0..labels.len() as u32).filter(|row| held_out.binary_search(row).is_err()).collect();
    (kept, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    #[test]
    fn the_held_out_part_is_balanced_and_disjoint() {
        let labels: Vec<u8> = (0..120).map(|i| (i % 3) as u8).collect();
        let (kept, held_out) = split(&labels, 3, 0.25, 1);
        assert_eq!((kept.len(), held_out.len()), (90, 30));
        assert!(held_out.iter().all(|row| !kept.contains(row)));
        assert_eq!(held_out.iter().filter(|row| labels[**row as usize] == 2).count(), 10);
        assert_ne!(split(&labels, 3, 0.25, 2).1, held_out);
        assert_eq!(split(&[0, 1], 2, 0.5, 1).1.len(), 0, "a class's only example is not held out");
    }

    #[test]
    fn a_small_c_that_underfits_is_not_chosen() {
        // The last feature tells the class, but faintly: only a large C gives it enough weight.
        let mut random = Random::new(1);
        let mut rows = Rows::new(3).unwrap();
        let mut labels = Vec::new();
        for i in 0..300 {
            let label = (i % 2) as u8;
            rows.push_dense(&[random.uniform(), random.uniform(), if label == 0 { -0.01 } else { 0.01 }])
                .unwrap();
            labels.push(label);
        }
        let choice = Choice { grid: &[1e-4, 1e3], held_out: 0.3, seed: 1 };
        let mut go_on = |_| ControlFlow::Continue(());
        let chosen = choose_and_fit(&rows, &labels, 2, &choice, &Options::default(), &mut go_on).unwrap();
        assert_eq!(chosen.c, 1e3);
        assert!(chosen.tried[0].1 > chosen.tried[1].1 && chosen.tried[1].1 == 0.0, "{:?}", chosen.tried);
        assert_eq!(chosen.model.error_rate(&rows, &labels).unwrap(), 0.0);
    }
}
