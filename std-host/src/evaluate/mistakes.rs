//! Which test samples are classified wrongly, and as what.

use serde::Serialize;

use crate::svm::Decision;

/// The most mistakes that are listed.
const LISTED: usize = 20;

/// A test sample that is classified wrongly.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// Its index in the test set.
    pub sample: usize,
    /// Its class.
    pub label: usize,
    /// The class that it was given.
    pub predicted: usize,
    /// How far the score of that class lies above the next one.
    pub margin: f64,
}

/// What is confused with what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Confusion {
    /// For each class, how many of its test samples were given each class.
    pub counts: Vec<Vec<u64>>,
    /// For each class, the share of its test samples that are classified wrongly; `None` if there are none.
    pub errors: Vec<Option<f64>>,
    /// The mistakes with the largest margins, the surest first.
    pub surest: Vec<Mistake>,
}

impl Confusion {
    /// Compares decisions with labels.
    pub(super) fn new(classes: usize, labels: &[u16], decisions: &[Decision]) -> Self {
        let mut counts = vec![vec![0u64; classes]; classes];
        let mut surest = Vec::new();
        for (sample, (label, decision)) in labels.iter().zip(decisions).enumerate() {
            let (label, predicted) = (usize::from(*label), usize::from(decision.class));
            if let Some(count) = counts.get_mut(label).and_then(|row| row.get_mut(predicted)) {
                *count += 1;
            }
            if label != predicted {
                surest.push(Mistake { sample, label, predicted, margin: decision.margin });
            }
        }
        surest.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.sample.cmp(&b.sample)));
        surest.truncate(LISTED);
        let error = |(class, row): (usize, &Vec<u64>)| {
            let (all, right) = (row.iter().sum::<u64>(), row.get(class).copied().unwrap_or(0));
            (all > 0).then(|| (all - right) as f64 / all as f64)
        };
        let errors = counts.iter().enumerate().map(error).collect();
        Self { counts, errors, surest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted_by_class_and_the_surest_come_first() {
        let decision = |class, margin| Decision { class, margin };
        let decisions = [(0, 1.0), (1, 0.5), (1, 2.0), (0, 3.0), (0, 0.1)];
        let decisions = decisions.map(|(class, margin)| decision(class, margin));
        let found = Confusion::new(3, &[0, 0, 0, 1, 0], &decisions);
        assert_eq!(found.counts, [[2, 2, 0], [1, 0, 0], [0, 0, 0]]);
        assert_eq!(found.errors, [Some(0.5), Some(1.0), None]);
        let order: Vec<usize> = found.surest.iter().map(|mistake| mistake.sample).collect();
        assert_eq!(order, [3, 2, 1]);
        assert_eq!((found.surest[0].label, found.surest[0].predicted), (1, 0));
    }
}
