//! The state of a training in a `model.wta`: settings, steps done and moments, so it can go on elsewhere.

use crate::error::{Error, Result, expect_finite};
use crate::memory::copy;
use crate::model::format::{MOMENTS, TRAINING};
use crate::model::sections::Sections;
use crate::network::Network;
use crate::select::{Selection, Sparsity};
use crate::shape::Size;
use crate::train::{BadImages, Corruption, Dictionary, Guard, Method, Optimizer, Schedule, TrainingConfig};

/// The state of a training, beside the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingState<'a> {
    /// How the network is trained.
    pub config: TrainingConfig,
    /// Steps done.
    pub step: u64,
    /// The optimiser's moments.
    pub moments: &'a [f32],
}

/// Words of the settings: a key and a value for each.
pub(super) const SETTINGS: usize = 2 * 27;

/// The keys, in the order in which they are written. A key that a reader does not know, it ignores; one that
/// is not there has the value 0.
mod key {
    pub(super) const STEP: u32 = 1;
    pub(super) const STEPS: u32 = 3;
    pub(super) const BATCH: u32 = 5;
    pub(super) const METHOD: u32 = 6;
    pub(super) const MOMENTUM: u32 = 7;
    pub(super) const BETA2: u32 = 8;
    pub(super) const EPSILON: u32 = 9;
    pub(super) const RATE: u32 = 10;
    pub(super) const DECAY: u32 = 11;
    pub(super) const SCHEDULE: u32 = 12;
    pub(super) const STEP_AT: u32 = 13;
    pub(super) const STEP_FACTOR: u32 = 14;
    pub(super) const GRID: u32 = 15;
    pub(super) const SELECTION: u32 = 17;
    pub(super) const SELECTED: u32 = 18;
    pub(super) const DROPPED_INPUT: u32 = 19;
    pub(super) const DROPPED_HIDDEN: u32 = 20;
    pub(super) const SEED: u32 = 21;
    pub(super) const GUARD: u32 = 23;
    pub(super) const SMALLEST_INPUT: u32 = 24;
    pub(super) const LARGEST_INPUT: u32 = 25;
    pub(super) const INPUT_LIMIT: u32 = 26;
    pub(super) const GRADIENT_NORM: u32 = 27;
}

/// Bits of [`key::GUARD`]. What the guard has: a range of inputs, a limit of inputs, a norm; bad images are
/// skipped. And one more, so that a reader that does not know of it refuses the state: atoms have a norm of
/// 1.
mod guarded {
    pub(super) const INPUTS: u32 = 1;
    pub(super) const LIMIT: u32 = 2;
    pub(super) const NORM: u32 = 4;
    pub(super) const SKIPS: u32 = 8;
    pub(super) const UNIT_ATOMS: u32 = 16;
    pub(super) const ALL: u32 = INPUTS | LIMIT | NORM | SKIPS | UNIT_ATOMS;
}

const WRONG: Error = Error::Model(
    "the training state of this model.wta is damaged, or is not for its network; leave it out or export anew",
);

/// Words and the place where the next ones go.
struct Words {
    words: [u32; SETTINGS],
    len: usize,
}

impl Words {
    /// A key with the value, in the next free place. There is room for all keys.
    fn add(&mut self, key: u32, value: u32) {
        if let Some(to) = self.words.get_mut(self.len..) {
            copy(&[key, value], to);
        }
        self.len = self.len.saturating_add(2);
    }

    /// The low half, and under the next key the high one.
    fn add_long(&mut self, key: u32, value: u64) {
        self.add(key, value as u32);
        self.add(key + 1, (value >> 32) as u32);
    }
}

/// A number of elements as a word; the largest word for one that does not fit.
fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The settings as they are written.
pub(super) fn settings(config: &TrainingConfig, step: u64) -> [u32; SETTINGS] {
    let TrainingConfig { sparsity, corruption, guard, dictionary, optimizer, batch, steps } = *config;
    let mut words = Words { words: [0; SETTINGS], len: 0 };
    words.add_long(key::STEP, step);
    words.add_long(key::STEPS, steps);
    words.add(key::BATCH, word(batch));
    let (method, first, second, epsilon) = match optimizer.method {
        Method::Sgd { momentum } => (0, momentum, 0.0, 0.0),
        Method::Adam { beta1, beta2, epsilon } => (1, beta1, beta2, epsilon),
    };
    words.add(key::METHOD, method);
    words.add(key::MOMENTUM, first.to_bits());
    words.add(key::BETA2, second.to_bits());
    words.add(key::EPSILON, epsilon.to_bits());
    words.add(key::RATE, optimizer.rate.to_bits());
    words.add(key::DECAY, optimizer.decay.to_bits());
    let (schedule, at, factor) = match optimizer.schedule {
        Schedule::Constant => (0, 0.0, 0.0),
        Schedule::Linear => (1, 0.0, 0.0),
        Schedule::Step { at, factor } => (2, at, factor),
        Schedule::Ramps { rise, fall } => (3, rise, fall),
    };
    words.add(key::SCHEDULE, schedule);
    words.add(key::STEP_AT, at.to_bits());
    words.add(key::STEP_FACTOR, factor.to_bits());
    words.add(key::GRID, word(sparsity.grid.height));
    words.add(key::GRID + 1, word(sparsity.grid.width));
    let (selection, selected) = match sparsity.selection {
        Selection::All => (0, 0),
        Selection::Lifetime { rate } => (1, rate.to_bits()),
        Selection::PerSample { count } => (2, word(count)),
        Selection::Batch { count } => (3, word(count)),
    };
    words.add(key::SELECTION, selection);
    words.add(key::SELECTED, selected);
    words.add(key::DROPPED_INPUT, corruption.input.to_bits());
    words.add(key::DROPPED_HIDDEN, corruption.hidden.to_bits());
    words.add_long(key::SEED, corruption.seed);
    let has = |is_there: bool, bit: u32| if is_there { bit } else { 0 };
    let has = has(guard.inputs.is_some(), guarded::INPUTS)
        | has(guard.limit.is_some(), guarded::LIMIT)
        | has(guard.gradient_norm.is_some(), guarded::NORM)
        | has(guard.skips(), guarded::SKIPS)
        | has(dictionary.unit_atoms, guarded::UNIT_ATOMS);
    let (low, high) = guard.inputs.unwrap_or_default();
    words.add(key::GUARD, has);
    words.add(key::SMALLEST_INPUT, low.to_bits());
    words.add(key::LARGEST_INPUT, high.to_bits());
    words.add(key::INPUT_LIMIT, guard.limit.unwrap_or_default().to_bits());
    words.add(key::GRADIENT_NORM, guard.gradient_norm.unwrap_or_default().to_bits());
    words.words
}

/// The settings of a section; whether they make sense, [`read`] asks.
fn parsed(words: &[u32]) -> Result<(TrainingConfig, u64)> {
    let value = |key: u32| {
        let (mut rest, mut found) = (words, 0);
        while let Some(([name, value], more)) = rest.split_first_chunk() {
            if *name == key {
                found = *value;
            }
            rest = more;
        }
        found
    };
    let float = |key: u32| f32::from_bits(value(key));
    let number = |key: u32| usize::try_from(value(key)).map_err(|_| WRONG);
    let long = |key: u32| u64::from(value(key)) | u64::from(value(key + 1)) << 32;
    let method = match value(key::METHOD) {
        0 => Method::Sgd { momentum: float(key::MOMENTUM) },
        1 => Method::Adam {
            beta1: float(key::MOMENTUM),
            beta2: float(key::BETA2),
            epsilon: float(key::EPSILON),
        },
        _ => return Err(WRONG),
    };
    let schedule = match value(key::SCHEDULE) {
        0 => Schedule::Constant,
        1 => Schedule::Linear,
        2 => Schedule::Step { at: float(key::STEP_AT), factor: float(key::STEP_FACTOR) },
        3 => Schedule::Ramps { rise: float(key::STEP_AT), fall: float(key::STEP_FACTOR) },
        _ => return Err(WRONG),
    };
    let selection = match value(key::SELECTION) {
        0 => Selection::All,
        1 => Selection::Lifetime { rate: float(key::SELECTED) },
        2 => Selection::PerSample { count: number(key::SELECTED)? },
        3 => Selection::Batch { count: number(key::SELECTED)? },
        _ => return Err(WRONG),
    };
    let has = value(key::GUARD);
    if has & !guarded::ALL != 0 {
        return Err(WRONG);
    }
    let guard = Guard {
        inputs: (has & guarded::INPUTS != 0).then(|| (float(key::SMALLEST_INPUT), float(key::LARGEST_INPUT))),
        limit: (has & guarded::LIMIT != 0).then(|| float(key::INPUT_LIMIT)),
        bad_images: if has & guarded::SKIPS != 0 { BadImages::Skip } else { BadImages::Refuse },
        gradient_norm: (has & guarded::NORM != 0).then(|| float(key::GRADIENT_NORM)),
    };
    let dictionary = Dictionary { unit_atoms: has & guarded::UNIT_ATOMS != 0, ..Dictionary::FREE };
    let config = TrainingConfig {
        guard,
        dictionary,
        sparsity: Sparsity { grid: Size::new(number(key::GRID)?, number(key::GRID + 1)?), selection },
        corruption: Corruption {
            input: float(key::DROPPED_INPUT),
            hidden: float(key::DROPPED_HIDDEN),
            seed: long(key::SEED),
        },
        optimizer: Optimizer { method, rate: float(key::RATE), schedule, decay: float(key::DECAY) },
        batch: number(key::BATCH)?,
        steps: long(key::STEPS),
    };
    Ok((config, long(key::STEP)))
}

/// The training state in a model's sections; `None` if there is none.
#[inline(never)]
pub(super) fn read<'a>(sections: &Sections<'a>, network: &Network) -> Result<Option<TrainingState<'a>>> {
    let (words, moments) = match (sections.numbers::<u32>(TRAINING)?, sections.numbers::<f32>(MOMENTS)?) {
        (Some(words), Some(moments)) => (words, moments),
        (None, None) => return Ok(None),
        _ => return Err(WRONG),
    };
    let (config, step) = parsed(words)?;
    config.check(network)?;
    expect_finite("moments", moments)?;
    let expected = network.parameters_len().checked_mul(config.optimizer.method.moments());
    if words.len() % 2 != 0 || expected != Some(moments.len()) {
        return Err(WRONG);
    }
    Ok(Some(TrainingState { config, step, moments }))
}
