//! Calls that the core refuses, and a training step that it does not: on a device each is one line of the
//! log, which the core writes itself. The host makes the same calls and has the sentences from the errors.

use wta_core::detect::Settings;
use wta_core::{
    Cut, Error, Extractor, Initial, Model, Network, Optimizer, Parameters, Pool, Scalar, Scratch, Sparsity,
    TrainingConfig, TrainingLen, UnitTrainer, constant, unit_training_len,
};

const INPUTS: usize = 8;
const BATCH: usize = 2;
const NETWORK: Network = constant!(Network::fully_connected(INPUTS, &[4]));
const TRAINING: TrainingConfig = TrainingConfig::new(Sparsity::lifetime(0.5), Optimizer::sgd(0.1), BATCH, 10);
const LEN: TrainingLen = unit_training_len(&NETWORK, &TRAINING.sparsity, &TRAINING.optimizer.method, BATCH);

wta_core::detector! {
    struct Tiny = Settings::fully_connected(16, 2, 4);
}

/// The loss of the step that is taken, and the errors, in the order of the lines: refused calls that were
/// not refused are `None`.
pub(crate) fn refusals() -> (Option<f32>, [Option<Error>; 7]) {
    let images = [[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]];
    let mut spoilt = images;
    if let Some(number) = spoilt[1].get_mut(3) {
        *number = f32::NAN;
    }
    let mut parameters = [0.0; LEN.parameters];
    let mut moments = [0.0; LEN.moments];
    let (mut floats, mut indices) = ([0.0; LEN.floats], [0; LEN.indices]);
    let mut cuts = [Cut { threshold: 0.0, ties_below: 0 }; LEN.cuts];
    let _ = NETWORK.initialise(Initial::He, 3, &mut parameters);

    let mut trainer = |config: TrainingConfig, images: &[[f32; INPUTS]]| {
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let parts = (&mut parameters[..], &mut moments[..]);
        UnitTrainer::new(Scalar, NETWORK, config, 0, parts.0, parts.1, scratch)?
            .step(images.iter().map(|image| &image[..]))
    };
    let loss = trainer(TRAINING, &images).ok();
    let spoilt = trainer(TRAINING, &spoilt).err();
    let short = trainer(TRAINING, images.get(..1).unwrap_or_default()).err();
    let wrong = TrainingConfig { optimizer: Optimizer { rate: f32::NAN, ..TRAINING.optimizer }, ..TRAINING };
    let setting = trainer(wrong, &images).err();

    let damaged = Model::parse(&[]).err();
    let extractor = Parameters::new(NETWORK, &parameters).and_then(|parameters| {
        let pool = Pool::square(1, 1);
        Extractor::new(Scalar, parameters, pool, false, &mut [0.0; 3]).map(|_| ())
    });
    let mut tiny = Tiny::new();
    let detector = tiny.detector();
    let [sample, begun] = match detector {
        Ok(mut detector) => [detector.push([1_i16, 2, 3]).err(), detector.push([1_i16]).err()],
        Err(error) => [Some(error), None],
    };
    (loss, [spoilt, short, setting, damaged, extractor.err(), sample, begun])
}
