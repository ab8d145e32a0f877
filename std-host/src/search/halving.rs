//! Successive halving (Jamieson and Talwalkar, 2016): all combinations get a small part of the work, and the
//! best of them more.
//!
//! With two rungs, all combinations are trained on a third of the work, and the best third of them on all of
//! it; with three rungs, on a ninth, a third and all. The work is epochs times samples: epochs are saved
//! first, down to one, and then samples.

use wta_core::Random;

use crate::error::{Error, Result, Setting};
use crate::recipe::Recipe;

/// Of so many combinations one goes on, with so many times the work.
const FACTOR: usize = 3;

/// More rungs leave nothing to train on.
const MOST_RUNGS: usize = 8;

/// The stream of the seed that draws the samples, apart from those of epochs and preprocessing.
const STREAM: u64 = 1 << 61;

/// The rungs of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halving {
    rungs: u32,
}

impl Halving {
    /// A single rung: every combination gets all of the work.
    pub const NONE: Self = Self { rungs: 1 };

    /// So many rungs.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for none, or more than 8.
    pub fn new(rungs: usize) -> Result<Self> {
        match u32::try_from(rungs) {
            Ok(rungs) if (1..=MOST_RUNGS as u32).contains(&rungs) => Ok(Self { rungs }),
            _ => {
                Err(Error::setting_is(Setting::Rungs, rungs, format!("a search has 1 to {MOST_RUNGS} rungs")))
            }
        }
    }

    /// The rungs, from the smallest part of the work to all of it.
    pub fn rungs(self) -> impl Iterator<Item = Part> {
        (0..self.rungs).rev().map(|above| Part { one_in: FACTOR.pow(above) })
    }

    /// How many of so many combinations go on to the next rung.
    pub fn survivors(count: usize) -> usize {
        count.div_ceil(FACTOR)
    }
}

/// A part of the work of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// One in so many; 1 for all.
    pub one_in: usize,
}

impl Part {
    /// All of it.
    pub const ALL: Self = Self { one_in: 1 };

    /// The recipe with its part of the epochs, at least one where there are any, and the number of samples,
    /// of `samples`, that make up for the epochs that could not be saved.
    pub fn of(self, recipe: &Recipe, samples: usize) -> (Recipe, usize) {
        let mut recipe = recipe.clone();
        let layers = recipe.layers().into_iter();
        let (epochs, batch) = layers.fold((0, 1), |(epochs, batch), layer| {
            (layer.training.epochs.max(epochs), layer.training.batch.max(batch))
        });
        recipe.divide_epochs(self.one_in);
        if epochs >= self.one_in {
            return (recipe, samples);
        }
        let share = epochs.max(1) as f64 / self.one_in as f64;
        let some = (samples as f64 * share).round() as usize;
        (recipe, some.max(batch).min(samples))
    }

    /// The samples, so many of `samples`, that all combinations of a rung are trained on; ascending.
    pub fn draw(self, count: usize, samples: usize, seed: u64) -> Vec<usize> {
        let mut all: Vec<usize> = (0..samples).collect();
        if count < samples {
            Random::stream(seed, STREAM).shuffle(&mut all);
            all.truncate(count);
            all.sort_unstable();
        }
        all
    }
}

/// So many of the combinations, drawn by the seed, in their order.
pub fn some<T>(combinations: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    let chosen = Part::ALL.draw(count, combinations.len(), seed);
    let all = combinations.into_iter().enumerate();
    all.filter(|(index, _)| chosen.binary_search(index).is_ok()).map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe;

    #[test]
    fn rungs_take_three_times_the_work_each() {
        let parts = |rungs| Halving::new(rungs).unwrap().rungs().map(|part| part.one_in).collect::<Vec<_>>();
        assert_eq!((parts(1), parts(3)), (vec![1], vec![9, 3, 1]));
        assert_eq!([1, 2, 3, 4, 27].map(Halving::survivors), [1, 1, 1, 2, 9]);
        for wrong in [0, 9, usize::MAX] {
            assert!(Halving::new(wrong).unwrap_err().to_string().contains("1 to 8"));
        }
    }

    #[test]
    fn epochs_are_saved_before_samples() {
        let mut recipe = recipe::load("digits-demo").unwrap();
        let mut of = |epochs: usize, one_in: usize| {
            recipe.training.epochs = epochs;
            let (part, samples) = Part { one_in }.of(&recipe, 900);
            (part.training.epochs, samples)
        };
        assert_eq!([of(18, 1), of(18, 9), of(20, 3)], [(18, 900), (2, 900), (7, 900)]);
        assert_eq!([of(2, 3), of(1, 3), of(1, 9)], [(1, 600), (1, 300), (1, 100)]);
        assert_eq!([of(0, 3), of(1, 729)], [(0, 300), (1, recipe.training.batch)]);
    }

    #[test]
    fn draws_are_of_the_seed_and_grow() {
        let draw = |count, seed| Part::ALL.draw(count, 50, seed);
        assert_eq!(draw(50, 1), (0..50).collect::<Vec<_>>());
        let few = draw(10, 1);
        assert!(few.is_sorted() && few.len() == 10 && few == draw(10, 1) && few != draw(10, 2));
        assert!(
            few.iter().all(|index| draw(20, 1).contains(index)),
            "a larger rung has the samples of a smaller"
        );
        assert_eq!(some(vec!['a', 'b', 'c'], 5, 1), ['a', 'b', 'c']);
        let two = some(vec!['a', 'b', 'c', 'd'], 2, 1);
        assert!(two.len() == 2 && two.is_sorted());
    }
}
