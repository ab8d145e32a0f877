//! What training notes of each unit from step to step, beside its weights: the activation that survives, and
//! for how long it has not survived.

/// What dead units learn.
///
/// A unit that has not survived for a while never learns again by itself. The largest of the activations of
/// dead units are made to reconstruct what the survivors leave of each sample (AuxK: Gao et al. 2024).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeadUnits {
    /// How many of the dead units' activations of each sample, the largest ones.
    pub units: usize,
    /// The weight of their loss beside that of the survivors.
    pub weight: f32,
    /// A unit is dead that has survived in none of so many samples.
    pub after: u64,
}

/// What is noted of each unit. What is not noted is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// The activation that a unit has to reach to survive: a mean over the steps, in which a step counts a
    /// hundredth as soon as there are a hundred.
    pub thresholds: Vec<f32>,
    /// The samples since the unit last survived.
    pub silent: Vec<u64>,
}

/// The share of a step in the mean, after enough of them.
const SHARE: f32 = 0.01;

impl Notes {
    /// Notes of so many units, of which nothing is known yet.
    pub(super) fn new(units: usize, thresholds: bool, silent: bool) -> Self {
        Self {
            thresholds: vec![0.0; if thresholds { units } else { 0 }],
            silent: vec![0; if silent { units } else { 0 }],
        }
    }

    /// Whether there is nothing to note.
    pub(crate) fn is_empty(&self) -> bool {
        self.thresholds.is_empty() && self.silent.is_empty()
    }

    /// Takes note of a step on `batch` samples: how often each unit survived, and the activation that it had
    /// to reach. `step` steps were done before.
    pub(super) fn add(&mut self, step: u64, batch: usize, survived: &[u32], reached: &[f32]) {
        let share = (1.0 / (step as f32 + 1.0)).max(SHARE);
        for (threshold, reached) in self.thresholds.iter_mut().zip(reached) {
            *threshold += share * (reached - *threshold);
        }
        for (silent, count) in self.silent.iter_mut().zip(survived) {
            *silent = if *count > 0 { 0 } else { silent.saturating_add(batch as u64) };
        }
    }

    /// Whether a unit has been silent for so many samples.
    pub(super) fn is_dead(&self, unit: usize, after: u64) -> bool {
        self.silent.get(unit).is_some_and(|silent| *silent >= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_means_and_silence_ends_with_a_survivor() {
        let mut notes = Notes::new(2, true, true);
        for (step, (survived, reached)) in
            [([1, 0], [1.0, 4.0]), ([0, 0], [2.0, 0.0]), ([0, 3], [6.0, 2.0])].into_iter().enumerate()
        {
            notes.add(step as u64, 10, &survived, &reached);
        }
        assert_eq!(notes.thresholds, [3.0, 2.0]);
        assert_eq!(notes.silent, [20, 0]);
        assert!(notes.is_dead(0, 20) && !notes.is_dead(0, 21) && !notes.is_dead(1, 1));
        notes.add(1000, 10, &[0, 0], &[103.0, 2.0]);
        assert_eq!(notes.thresholds, [4.0, 2.0], "of many steps, one counts a hundredth");
        assert!(Notes::new(2, false, false).is_empty() && !notes.is_empty());
    }
}
