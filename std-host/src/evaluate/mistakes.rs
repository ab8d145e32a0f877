//! Which test samples are classified wrongly, and as what.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::svm::Decision;

/// The most classes of which there is a whole table.
const DENSE: usize = 1_000;

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
    /// For each class, how many of its test samples were given each class. Empty if there are more than
    /// 1,000 classes, of which the table would not be looked at.
    pub counts: Vec<Vec<u64>>,
    /// Class, class that was given instead, and how often, of all mistakes.
    pub confused: Vec<(usize, usize, u64)>,
    /// For each class, the share of its test samples that are classified wrongly; `None` if there are none.
    pub errors: Vec<Option<f64>>,
    /// The mistakes with the largest margins, the surest first.
    pub surest: Vec<Mistake>,
}

impl Confusion {
    /// Compares decisions with labels.
    pub(super) fn new(classes: usize, labels: &[u16], decisions: &[Decision]) -> Self {
        let mut counts = if classes <= DENSE { vec![vec![0u64; classes]; classes] } else { Vec::new() };
        // Of each class, all test samples and those that are right.
        let mut of_class = vec![[0u64; 2]; classes];
        let mut confused = BTreeMap::new();
        let mut surest = Vec::new();
        for (sample, (label, decision)) in labels.iter().zip(decisions).enumerate() {
            let (label, predicted) = (usize::from(*label), usize::from(decision.class));
            if let Some(count) = counts.get_mut(label).and_then(|row| row.get_mut(predicted)) {
                *count += 1;
            }
            if let Some([all, right]) = of_class.get_mut(label) {
                *all += 1;
                *right += u64::from(label == predicted);
            }
            if label != predicted {
                *confused.entry((label, predicted)).or_insert(0) += 1;
                surest.push(Mistake { sample, label, predicted, margin: decision.margin });
            }
        }
        surest.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.sample.cmp(&b.sample)));
        surest.truncate(LISTED);
        let error = |[all, right]: &[u64; 2]| (*all > 0).then(|| (all - right) as f64 / *all as f64);
        let errors = of_class.iter().map(error).collect();
        let confused = confused.into_iter().map(|((label, predicted), count)| (label, predicted, count));
        Self { counts, confused: confused.collect(), errors, surest }
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
        assert_eq!(found.confused, [(0, 1, 2), (1, 0, 1)]);
        assert_eq!(found.errors, [Some(0.5), Some(1.0), None]);
        // Of many classes there is no table, and the rest is the same.
        let many = Confusion::new(DENSE + 1, &[0, 0, 0, 1, 0], &decisions);
        assert_eq!((many.counts.len(), &many.confused), (0, &found.confused));
        assert_eq!(many.errors[..3], found.errors);
        let order: Vec<usize> = found.surest.iter().map(|mistake| mistake.sample).collect();
        assert_eq!(order, [3, 2, 1]);
        assert_eq!((found.surest[0].label, found.surest[0].predicted), (1, 0));
    }
}
