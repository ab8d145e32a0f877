//! Predictions of examples on their way.

use rayon::prelude::*;
use wta_simd::sparse::Entry;

use crate::data::{Batch, Classes};
use crate::error::Result;
use crate::memory::reserve;
use crate::svm::{self, Model, Rows};

/// The fewest examples that a thread classifies at a time.
const SHARE: usize = 64;

/// A classifier with its weights as predictions want them: those of all classes side by side.
#[derive(Clone, Debug)]
pub struct Predictor {
    classes: Classes,
    features: usize,
    /// `[feature][class]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Predictor {
    /// # Errors
    ///
    /// [`Error::Memory`](crate::Error::Memory) if there is no room for the weights.
    pub(super) fn new(model: &Model, classes: &Classes) -> Result<Self> {
        let Model { classes: count, features, weights, bias } = model;
        let mut turned = reserve::zeros(weights.len(), || format!("a classifier of {count} classes"))?;
        for (class, of_class) in weights.chunks_exact((*features).max(1)).enumerate() {
            turned.iter_mut().skip(class).step_by((*count).max(1)).zip(of_class).for_each(|(to, w)| *to = *w);
        }
        Ok(Self { classes: classes.clone(), features: *features, weights: turned, bias: bias.clone() })
    }

    /// The names of the classes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The name of a class.
    pub fn name(&self, class: u16) -> &str {
        self.classes.name(usize::from(class))
    }

    /// The class of each example; of equal scores the first class wins. Features beyond the classifier's
    /// count for nothing, as in LIBLINEAR.
    pub fn classes_of(&self, batch: &Batch) -> Vec<u16> {
        let examples: Vec<&[Entry]> = batch.examples().map(|(entries, _)| entries).collect();
        self.classes_of_each(examples.len(), |index| examples.get(index).copied().unwrap_or_default())
    }

    /// The class of each row.
    pub fn classes_of_rows(&self, rows: &Rows) -> Vec<u16> {
        self.classes_of_each(rows.len(), |row| rows.row(row))
    }

    fn classes_of_each<'a>(&self, count: usize, example: impl Fn(usize) -> &'a [Entry] + Sync) -> Vec<u16> {
        let class = |scores: &mut Vec<f64>, index: usize| {
            self.score(example(index), scores);
            svm::best(scores)
        };
        let scores = || vec![0.0; self.bias.len()];
        (0..count).into_par_iter().with_min_len(SHARE).map_init(scores, class).collect()
    }

    /// Calls `each` with the class of each example and its score for every class.
    ///
    /// # Errors
    ///
    /// What `each` returns.
    pub fn scores_of<E>(
        &self,
        batch: &Batch,
        mut each: impl FnMut(u16, &[f64]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut scores = vec![0.0; self.bias.len()];
        batch.examples().try_for_each(|(example, _)| {
            self.score(example, &mut scores);
            each(svm::best(&scores), &scores)
        })
    }

    /// The score of each class, with the bits of [`Model::scores`].
    fn score(&self, example: &[Entry], scores: &mut [f64]) {
        scores.fill(0.0);
        let count = scores.len();
        for entry in example {
            let index = entry.index as usize;
            if index >= self.features {
                break;
            }
            let weights = self.weights.get(index * count..).unwrap_or_default();
            let value = f64::from(entry.value);
            scores.iter_mut().zip(weights).for_each(|(score, w)| *score += f64::from(*w) * value);
        }
        scores.iter_mut().zip(&self.bias).for_each(|(score, bias)| *score += f64::from(*bias));
    }
}
