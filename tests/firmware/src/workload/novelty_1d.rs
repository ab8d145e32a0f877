//! A machine's vibration is learned on the device, and what sounds otherwise is told: signals of one
//! dimension, shared with the test that computes the same on the host: tests/tests/firmware/novelty_1d.rs.
//!
//! A window of 128 samples is an image of height 1. The signals are made here, where a board would read its
//! accelerometer: a shaft's rotation with two harmonics, at any phase and at a speed that varies, in noise.
//! Two faults are never trained on: a fourth harmonic, as of misalignment, and short ringing impulses, as of
//! a bearing's damaged ring.

use wta_core::{
    Corruption, Dictionary, Guard, Initial, Method, Network, Novelty, Optimizer, Parameters, Random, Result,
    Scalar, Schedule, Scratch, Selection, Size, Sparsity, TrainingConfig, TrainingLen, UnitTrainer, cut,
    novelty_len, survivors, unit_training_len,
};

const SAMPLES: usize = 128;
const UNITS: usize = 32;
const BATCH: usize = 20;
const STEPS: u64 = 300;

/// Units that a window may be made of, in training and when it is scored.
const KEEP: usize = 8;

/// Windows of each kind that are scored, and normal ones that give the threshold.
pub(crate) const WINDOWS: usize = 200;

/// The share of normal windows that may give an alarm.
pub(crate) const FALSE_ALARMS: f32 = 0.05;

const NETWORK: Network = match Network::fully_connected(SAMPLES, &[UNITS]) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

const TRAINING: TrainingConfig = TrainingConfig {
    sparsity: Sparsity { grid: Size::ONE, selection: Selection::PerSample { count: KEEP } },
    corruption: Corruption::NONE,
    guard: Guard::NONE,
    dictionary: Dictionary::FREE,
    optimizer: Optimizer {
        method: Method::Sgd { momentum: 0.9 },
        rate: 5e-3,
        schedule: Schedule::Linear,
        decay: 0.0,
    },
    batch: BATCH,
    steps: STEPS,
};

const LEN: TrainingLen = unit_training_len(&NETWORK, &TRAINING.sparsity, &TRAINING.optimizer.method, BATCH);

/// All memory: what training needs, a batch of windows, and the scores.
pub(crate) struct Memory {
    parameters: [f32; LEN.parameters],
    moments: [f32; LEN.moments],
    floats: [f32; LEN.floats],
    indices: [u32; LEN.indices],
    windows: [[f32; SAMPLES]; BATCH],
    novelty: [f32; novelty_len(&NETWORK)],
    positions: [u32; UNITS],
    scores: [f32; WINDOWS],
}

impl Memory {
    /// Before the training.
    pub(crate) const fn new() -> Self {
        Self {
            parameters: [0.0; LEN.parameters],
            moments: [0.0; LEN.moments],
            floats: [0.0; LEN.floats],
            indices: [0; LEN.indices],
            windows: [[0.0; SAMPLES]; BATCH],
            novelty: [0.0; novelty_len(&NETWORK)],
            positions: [0; UNITS],
            scores: [0.0; WINDOWS],
        }
    }
}

/// What is wrong with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Normal,
    /// A fourth harmonic.
    Harmonic,
    /// Impulses.
    Impulses,
}

/// What was found.
pub(crate) struct Found<'m> {
    /// The loss of the first and the last step.
    pub(crate) losses: [f32; 2],
    /// The score from which on a window gives an alarm.
    pub(crate) threshold: f32,
    /// Windows that gave one: of the normal ones, of those with a harmonic, of those with impulses.
    pub(crate) alarms: [u32; 3],
    /// The trained parameters.
    pub(crate) parameters: &'m [f32],
}

/// Trains on normal windows, finds the threshold on others, and counts alarms on yet others.
pub(crate) fn learn_and_watch(memory: &mut Memory) -> Result<Found<'_>> {
    let Memory { parameters, moments, floats, indices, windows, novelty, positions, scores } = memory;
    NETWORK.initialise(Initial::He, 1, parameters)?;
    moments.fill(0.0);
    let mut random = Random::new(1);
    let scratch = Scratch { floats, indices, cuts: &mut [] };
    let mut trainer = UnitTrainer::new(Scalar, NETWORK, TRAINING, 0, parameters, moments, scratch)?;
    let mut losses = [0.0; 2];
    for step in 0..STEPS {
        windows.iter_mut().for_each(|window| measure(Kind::Normal, &mut random, window));
        let loss = trainer.step(windows.iter().map(|window| &window[..]))?;
        losses = if step == 0 { [loss; 2] } else { [losses[0], loss] };
    }

    let weights = Parameters::new(NETWORK, parameters)?;
    let mut novelty = Novelty::new(Scalar, weights, KEEP, novelty, positions)?;
    let mut window = [0.0; SAMPLES];
    for score in scores.iter_mut() {
        measure(Kind::Normal, &mut random, &mut window);
        *score = novelty.score(&window[..])?;
    }
    let threshold = cut(scores.iter().copied(), survivors(FALSE_ALARMS, WINDOWS))?.threshold;
    let mut alarms = [0; 3];
    for (alarms, kind) in alarms.iter_mut().zip([Kind::Normal, Kind::Harmonic, Kind::Impulses]) {
        for _ in 0..WINDOWS {
            measure(kind, &mut random, &mut window);
            *alarms += u32::from(novelty.score(&window[..])? >= threshold);
        }
    }
    Ok(Found { losses, threshold, alarms, parameters })
}

/// A turning pointer, whose height is a sine: `turn` is its cosine and sine after one sample.
struct Pointer {
    at: (f32, f32),
    turn: (f32, f32),
}

impl Pointer {
    /// At a random phase, turning faster than said by this angle in each sample.
    fn new(random: &mut Random, (cosine, sine): (f32, f32), faster: f32) -> Self {
        let (x, y) = (random.normal(), random.normal());
        let norm = wta_core::math::inference::sqrt(x * x + y * y).max(1e-3);
        let turn = (cosine - faster * sine, sine + faster * cosine);
        Self { at: (x / norm, y / norm), turn }
    }

    /// The next height.
    fn next(&mut self) -> f32 {
        let ((x, y), (cosine, sine)) = (self.at, self.turn);
        self.at = (x * cosine - y * sine, x * sine + y * cosine);
        self.at.1
    }
}

/// Five turns in a window, and the harmonics: cosine and sine of what they turn in a sample.
const HARMONICS: [(f32, f32); 4] = [
    (0.970_031_26, 0.242_980_18),
    (0.881_921_3, 0.471_396_74),
    (0.740_951_1, 0.671_559),
    (0.555_570_23, 0.831_469_6),
];
/// The angle of the first of them.
const ANGLE: f32 = 0.245_436_93;
/// How strong they are.
const STRENGTHS: [f32; 4] = [1.0, 0.5, 0.3, 0.3];
/// The speed varies by so much, to both sides.
const SPEED: f32 = 0.01;
/// The standard deviation of the noise.
const NOISE: f32 = 0.1;
/// Samples from one impulse to the next.
const PERIOD: u32 = 37;
/// What an impulse rings with: it turns 0.31 times in a sample and is damped to 0.8.
const RINGING: (f32, f32) = (-0.294_499_64, 0.743_821_2);

/// One window of the vibration, as an accelerometer would have it.
fn measure(kind: Kind, random: &mut Random, window: &mut [f32; SAMPLES]) {
    let faster = ANGLE * SPEED * (2.0 * random.uniform() - 1.0);
    window.iter_mut().for_each(|sample| *sample = NOISE * random.normal());
    let harmonics = if kind == Kind::Harmonic { 4 } else { 3 };
    let mut order = 0.0;
    for (turn, strength) in HARMONICS.into_iter().zip(STRENGTHS).take(harmonics) {
        order += 1.0;
        let mut pointer = Pointer::new(random, turn, order * faster);
        window.iter_mut().for_each(|sample| *sample += strength * pointer.next());
    }
    if kind == Kind::Impulses {
        let mut until = random.below(PERIOD);
        let mut ringing = Pointer { at: (0.0, 0.0), turn: RINGING };
        for sample in window {
            if until == 0 {
                ringing.at = (1.0, 0.0);
                until = PERIOD;
            }
            until -= 1;
            *sample += ringing.next();
        }
    }
}
