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
    /// The activation that a unit has to exceed: as many activations do as survive in training, on average.
    pub thresholds: Vec<f32>,
    /// The samples since the unit last survived.
    pub silent: Vec<u64>,
}

/// What a step found at the threshold of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct AtThreshold {
    /// The activations of the batch that exceed it.
    pub(super) above: u32,
    /// Those that survived.
    pub(super) survived: u32,
    /// Where a threshold begins that knows nothing: at the least survivor, or at the largest activation.
    pub(super) start: f32,
}

/// By how much of itself a threshold moves in a step in which twice as many activations exceed it as should.
const SHARE: f32 = 0.05;

/// So many shares at most.
const LONGEST: f32 = 4.0;

/// A threshold below this share of where it would begin is one that knows nothing, or of a unit whose
/// activations were something else when it was last active. It begins anew.
const LOST: f32 = 1e-6;

impl AtThreshold {
    /// What is found at a threshold among a unit's `codes` over the batch, of which these survived.
    pub(super) fn new(threshold: f32, codes: &[f32], survivors: &[f32]) -> Self {
        let start = match survivors {
            [] => codes.iter().fold(0.0, |largest: f32, code| largest.max(*code)),
            _ => survivors.iter().fold(f32::INFINITY, |least, value| least.min(*value)),
        };
        let above = codes.iter().map(|code| u32::from(*code > threshold)).sum();
        Self { above, survived: survivors.len() as u32, start }
    }

    /// Where the threshold goes from `here`.
    ///
    /// It counts. A mean of the activations that just survived would be simpler, but where these vary from
    /// batch to batch, fewer activations than survived exceed their mean.
    fn next(&self, here: f32) -> f32 {
        let Self { above, survived, start } = *self;
        if here < LOST * start {
            return start;
        }
        // Units that seldom survive move no faster upwards (0 survived) than downwards (1 survived).
        let surplus = (above as f32 - survived as f32) / (1.0 + survived.max(1) as f32);
        here * (1.0 + SHARE * surplus.min(LONGEST))
    }
}

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

    /// Takes note of a step on `batch` samples: of each unit, how often it survived and what was found at its
    /// threshold.
    pub(super) fn add(&mut self, batch: usize, survived: &[u32], found: &[AtThreshold]) {
        for (threshold, found) in self.thresholds.iter_mut().zip(found) {
            *threshold = found.next(*threshold);
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
    fn silence_ends_with_a_survivor() {
        let mut notes = Notes::new(2, false, true);
        for survived in [[1, 0], [0, 0], [0, 3]] {
            notes.add(10, &survived, &[AtThreshold::default(); 2]);
        }
        assert_eq!(notes.silent, [20, 0]);
        assert!(notes.is_dead(0, 20) && !notes.is_dead(0, 21) && !notes.is_dead(1, 1));
        assert!(Notes::new(2, false, false).is_empty() && !notes.is_empty());
    }

    #[test]
    fn thresholds_begin_at_the_least_survivor_and_go_where_the_count_is_right() {
        let mut notes = Notes::new(3, true, false);
        let none = AtThreshold::default();
        let begins = AtThreshold { above: 90, survived: 4, start: 2.0 };
        notes.add(100, &[], &[begins, none, none]);
        assert_eq!(notes.thresholds, [2.0, 0.0, 0.0], "a unit that was never active has none");
        let more = AtThreshold { above: 9, ..begins };
        notes.add(100, &[], &[more, begins, none]);
        assert_eq!(notes.thresholds, [2.0 * 1.05, 2.0, 0.0]);
        notes.add(100, &[], &[none, AtThreshold { above: 0, ..begins }, none]);
        assert_eq!(notes.thresholds, [2.0 * 1.05, 2.0 * (1.0 - 0.05 * 4.0 / 5.0), 0.0]);
        notes.add(100, &[], &[AtThreshold { above: 10_000, ..begins }, none, none]);
        assert_eq!(notes.thresholds[0], 2.0 * 1.05 * 1.2, "no step is longer");
    }

    #[test]
    fn a_unit_that_is_active_and_never_survives_gets_a_threshold_above_all() {
        let mut notes = Notes::new(1, true, false);
        notes.add(4, &[], &[AtThreshold::new(0.0, &[0.5, 3.0, 0.0, 1.0], &[])]);
        assert_eq!(notes.thresholds, [3.0]);
        // And follows, should its activations grow.
        for _ in 0..40 {
            notes.add(4, &[], &[AtThreshold::new(notes.thresholds[0], &[5.0, 6.0, 0.0, 1.0], &[])]);
        }
        assert!((6.0..6.4).contains(&notes.thresholds[0]), "{:?}", notes.thresholds);
    }

    /// The mean number of activations that exceed the threshold over the last half of the steps, where
    /// `survivors` of `batch` survive. The activations are `draw(step, uniform number)`.
    fn above_at_the_end(batch: usize, survivors: usize, steps: u64, draw: impl Fn(u64, f32) -> f32) -> f32 {
        let mut random = wta_core::Random::new(5);
        let (mut notes, mut above) = (Notes::new(1, true, false), 0);
        for step in 0..steps {
            let mut codes: Vec<f32> = (0..batch).map(|_| draw(step, random.uniform())).collect();
            codes.sort_by(|a, b| b.total_cmp(a));
            let survived: Vec<f32> =
                codes.iter().take(survivors).copied().filter(|code| *code > 0.0).collect();
            let found = AtThreshold::new(notes.thresholds[0], &codes, &survived);
            if step >= steps / 2 {
                above += found.above;
            }
            notes.add(batch, &[], &[found]);
        }
        above as f32 / (steps / 2) as f32
    }

    #[test]
    fn as_many_activations_exceed_a_threshold_as_survive() {
        // Exponential, and with a tail so heavy that the mean of the least survivors does not exist.
        let exponential = |_, uniform: f32| -(1.0 - uniform).ln();
        let heavy = |_, uniform: f32| (1.0 - uniform).powi(-1) - 1.0;
        for survivors in [1, 4, 20] {
            for draw in [&exponential as &dyn Fn(u64, f32) -> f32, &heavy] {
                let above = above_at_the_end(100, survivors, 4000, draw);
                let ratio = above / survivors as f32;
                assert!((0.97..1.03).contains(&ratio), "{survivors} survive, {above} exceed");
            }
        }
        // A unit that is active in one batch of three: all it has survives.
        let seldom = |step: u64, uniform: f32| {
            if step.is_multiple_of(3) { exponential(step, uniform) - 2.0 } else { 0.0 }
        };
        let above = above_at_the_end(20, 20, 4000, seldom);
        let active = 20.0 * (-2.0f32).exp() / 3.0;
        assert!((0.92..1.01).contains(&(above / active)), "{active} survive, {above} exceed");
    }

    #[test]
    fn thresholds_follow_activations_that_shrink() {
        let shrinking = |step: u64, uniform: f32| -(1.0 - uniform).ln() * 0.995f32.powi(step as i32);
        let above = above_at_the_end(1000, 4, 400, shrinking);
        assert!((3.3..4.1).contains(&above), "4 survive, {above} exceed");
    }
}
