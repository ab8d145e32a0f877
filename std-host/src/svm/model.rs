//! The result of training: a linear score for each class.

use rayon::prelude::*;

use super::lanes::Entry;
use super::rows::Rows;
use crate::error::{Error, Result};

/// The most classes: a label is a `u16`.
pub(super) const MOST_CLASSES: usize = 1 << u16::BITS;

/// A linear classifier. The score of class `c` for `x` is `weights[c] . x + bias[c]`; the class with the
/// highest score wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The number of classes.
    pub classes: usize,
    /// The number of features of an example.
    pub features: usize,
    /// `[class][feature]`, `classes * features` values.
    pub weights: Vec<f32>,
    /// `[class]`.
    pub bias: Vec<f32>,
}

/// What a classifier says of an example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The class with the highest score; of equal scores the lowest class.
    pub class: u16,
    /// How far its score lies above the next one.
    pub margin: f64,
}

impl Model {
    /// The score of each class for an example given by its non-zeros, summed in `f64`.
    ///
    /// # Errors
    ///
    /// If an index is not below [`features`](Self::features).
    pub fn scores(&self, example: &[Entry]) -> Result<Vec<f64>> {
        if let Some(index) =
            example.iter().map(|entry| entry.index).find(|&index| index as usize >= self.features)
        {
            let features = self.features;
            return Err(Error::Invalid(format!(
                "an example has a feature {index}, but the SVM was trained on {features} features"
            )));
        }
        let mut scores = Vec::with_capacity(self.classes);
        self.score(example, &mut scores);
        Ok(scores)
    }

    /// The score of each class for an example given with its zeros, summed in `f64`.
    ///
    /// # Errors
    ///
    /// If `example` does not have [`features`](Self::features) values, or one is not finite.
    pub fn scores_dense(&self, example: &[f32]) -> Result<Vec<f64>> {
        let mut rows = Rows::new(self.features)?;
        rows.push_dense(example)?;
        self.scores(rows.row(0))
    }

    /// The class of an example given with its zeros; of equal scores the lowest class wins.
    ///
    /// # Errors
    ///
    /// As for [`scores_dense`](Self::scores_dense).
    pub fn predict_dense(&self, example: &[f32]) -> Result<u16> {
        Ok(best(&self.scores_dense(example)?))
    }

    /// The class of each row, on the threads of rayon's pool; of equal scores the lowest class wins.
    ///
    /// # Errors
    ///
    /// If the number of features differs.
    pub fn predict(&self, rows: &Rows) -> Result<Vec<u16>> {
        self.check(rows)?;
        let predict = |scores: &mut Vec<f64>, row| {
            self.score(rows.row(row), scores);
            best(scores)
        };
        Ok((0..rows.len()).into_par_iter().map_init(Vec::new, predict).collect())
    }

    /// The class of each row and how sure it is, on the threads of rayon's pool.
    ///
    /// # Errors
    ///
    /// If the number of features differs.
    pub fn decide(&self, rows: &Rows) -> Result<Vec<Decision>> {
        self.check(rows)?;
        let decide = |scores: &mut Vec<f64>, row| {
            self.score(rows.row(row), scores);
            let class = best(scores);
            let of = |score: (usize, &f64)| (score.0 != usize::from(class)).then_some(*score.1);
            let next = scores.iter().enumerate().filter_map(of).fold(f64::NEG_INFINITY, f64::max);
            let own = scores.get(usize::from(class)).copied().unwrap_or(f64::NEG_INFINITY);
            Decision { class, margin: own - next }
        };
        Ok((0..rows.len()).into_par_iter().map_init(Vec::new, decide).collect())
    }

    /// The share of rows, from 0 to 1, that are classified wrongly; 0 if there are no rows.
    ///
    /// # Errors
    ///
    /// If the number of features differs, or there is not one label for each row.
    pub fn error_rate(&self, rows: &Rows, labels: &[u16]) -> Result<f64> {
        check_labels(rows, labels)?;
        let wrong = self.predict(rows)?.iter().zip(labels).filter(|(a, b)| a != b).count();
        Ok(wrong as f64 / rows.len().max(1) as f64)
    }

    /// The number of rows in `members` that are classified wrongly.
    pub(super) fn errors_among(&self, rows: &Rows, labels: &[u16], members: &[u32]) -> usize {
        let wrong = |scores: &mut Vec<f64>, &row: &u32| {
            self.score(rows.row(row as usize), scores);
            usize::from(best(scores) != labels[row as usize])
        };
        members.par_iter().map_init(Vec::new, wrong).sum()
    }

    /// The objective that training minimises for each class against the rest, in `f64`: `(|w|^2 + b^2) / 2 +
    /// c * sum_i max(0, 1 - y_i (w . x_i + b))^2`.
    ///
    /// # Errors
    ///
    /// If the number of features differs, or there is not one label for each row.
    pub fn objective(&self, rows: &Rows, labels: &[u16], c: f64) -> Result<Vec<f64>> {
        self.check(rows)?;
        check_labels(rows, labels)?;
        let mut losses = vec![0.0; self.classes];
        let mut scores = Vec::with_capacity(self.classes);
        for (row, &label) in labels.iter().enumerate() {
            self.score(rows.row(row), &mut scores);
            for (class, (loss, score)) in losses.iter_mut().zip(&scores).enumerate() {
                let margin = if class == usize::from(label) { *score } else { -score };
                let hinge = (1.0 - margin).max(0.0);
                *loss += hinge * hinge;
            }
        }
        let square = |v: &f32| f64::from(*v) * f64::from(*v);
        let norms = self.weights.chunks_exact(self.features.max(1)).zip(&self.bias);
        let norms = norms.map(|(weights, bias)| weights.iter().map(square).sum::<f64>() + square(bias));
        Ok(norms.zip(losses).map(|(norm, loss)| 0.5 * norm + c * loss).collect())
    }

    /// Replaces `scores` by the scores of an example whose indices are known to be below `features`.
    fn score(&self, example: &[Entry], scores: &mut Vec<f64>) {
        scores.clear();
        for (weights, &bias) in self.weights.chunks_exact(self.features.max(1)).zip(&self.bias) {
            let terms =
                example.iter().map(|entry| f64::from(weights[entry.index as usize]) * f64::from(entry.value));
            scores.push(terms.sum::<f64>() + f64::from(bias));
        }
    }

    fn check(&self, rows: &Rows) -> Result<()> {
        if rows.features() == self.features {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "the examples have {} features, but the SVM was trained on {}",
            rows.features(),
            self.features
        )))
    }
}

/// Refuses labels unless there is one for each row.
pub(super) fn check_labels(rows: &Rows, labels: &[u16]) -> Result<()> {
    if rows.len() == labels.len() {
        return Ok(());
    }
    Err(Error::Invalid(format!("there are {} labels for {} rows of features", labels.len(), rows.len())))
}

/// The index of the highest score, the lowest of equal ones. There are at most [`MOST_CLASSES`].
pub(crate) fn best(scores: &[f64]) -> u16 {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, &score) in (0u16..).zip(scores) {
        if score > best.1 {
            best = (class, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Model {
        Model {
            classes: 3,
            features: 2,
            weights: vec![1.0, 0.0, 0.0, 1.0, 0.0, 1.0],
            bias: vec![0.0, 0.5, 0.5],
        }
    }

    #[test]
    fn the_highest_score_wins_and_ties_go_to_the_lowest_class() {
        let rows = Rows::from_dense(2, &[3.0, 1.0, 1.0, 3.0, 0.5, 0.0]).unwrap();
        assert_eq!(model().predict(&rows).unwrap(), [0, 1, 0]);
        assert_eq!(model().predict_dense(&[1.0, 3.0]).unwrap(), 1);
        assert_eq!(model().scores(&[Entry { index: 1, value: 2.0 }]).unwrap(), [0.0, 2.5, 2.5]);
        assert_eq!(model().error_rate(&rows, &[0, 2, 0]).unwrap(), 1.0 / 3.0);
        assert_eq!(model().errors_among(&rows, &[0, 2, 1], &[1, 2]), 2);
        assert_eq!(model().errors_among(&rows, &[0, 2, 1], &[0]), 0);
    }

    #[test]
    fn objective_is_the_definition() {
        // One row x = (3, 1), label 0, c = 2; scores 3, 1.5, 1.5: hinges 0, 2.5, 2.5.
        let rows = Rows::from_dense(2, &[3.0, 1.0]).unwrap();
        let expected = [0.5, 0.5 * 1.25 + 2.0 * 6.25, 0.5 * 1.25 + 2.0 * 6.25];
        assert_eq!(model().objective(&rows, &[0], 2.0).unwrap(), expected);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let rows = Rows::from_dense(3, &[1.0, 2.0, 3.0]).unwrap();
        assert!(model().predict(&rows).unwrap_err().to_string().contains("3 features"));
        assert!(model().objective(&rows, &[0], 1.0).is_err());
        assert!(model().predict_dense(&[1.0]).is_err());
        assert!(model().predict_dense(&[1.0, f32::NAN]).unwrap_err().to_string().contains("column 1 is NaN"));
        assert!(
            model().scores(&[Entry { index: 2, value: 1.0 }]).unwrap_err().to_string().contains("feature 2")
        );
        let rows = Rows::from_dense(2, &[1.0, 2.0]).unwrap();
        assert!(model().error_rate(&rows, &[0, 1]).unwrap_err().to_string().contains("2 labels for 1 rows"));
    }
}
