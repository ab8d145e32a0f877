//! The novelty score is the reconstruction error of the whole-image path, and tells strange samples from
//! known ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod networks;
mod owned;

use networks::{images, networks, parameters};
use owned::Memory;
use proptest::prelude::*;
use wta_core::{
    Candidates, Conv, Corruption, Dictionary, Encoder, Error, Guard, Initial, Inputs, Learner, Method,
    Network, Novelty, Optimizer, Parameters, Random, Scalar, Schedule, Selection, Shape, Size, Sparsity,
    TrainingConfig, Winners, apply_per_sample, novelty_len,
};

/// The score with all maps in memory.
fn whole(network: Network, parameters: &[f32], keep: usize, image: &[f32]) -> f32 {
    let parameters = Parameters::new(network, parameters).unwrap();
    let encoder = Encoder::new(Scalar, parameters, &mut []).unwrap();
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
    let maps = network.code().channels;
    let (mut values, mut positions) = (vec![0.0; maps], vec![0; maps]);
    encoder.load(1, 0, image, &mut inputs).unwrap();
    let winners = Candidates { values: &mut values, positions: &mut positions };
    encoder.compete(Size::ONE, 1, &mut inputs, &mut [], &mut code, winners).unwrap();
    if keep > 0 {
        apply_per_sample(keep, &mut values).unwrap();
    }
    let inputs = Inputs::new(network, 1, &inputs).unwrap();
    let winners = Winners { values: &values, positions: &positions };
    let mut residual = vec![0.0; network.residual_len()];
    Learner::new(Scalar, parameters).residual(inputs.of(0, 0), winners, &mut residual).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_those_of_whole_images(network in networks(), keep in 0usize..5, seed in any::<u64>()) {
        let parameters = parameters(&network, seed);
        let view = Parameters::new(network, &parameters).unwrap();
        let mut memory = vec![f32::NAN; novelty_len(&network)];
        let mut positions = vec![u32::MAX; network.code().channels];
        let mut novelty = Novelty::new(Scalar, view, keep, &mut memory, &mut positions).unwrap();
        for image in images(&network, 2, seed).chunks_exact(network.input().len()) {
            let score = novelty.score(image).unwrap();
            prop_assert_eq!(score.to_bits(), whole(network, &parameters, keep, image).to_bits());
        }
    }
}

/// A signal of two pulses at random places, strange ones noise; all have the same norm.
fn signal(random: &mut Random, strange: bool) -> Vec<f32> {
    let mut signal = vec![0.0; 64];
    for _ in 0..2 {
        let (start, height) = ((random.uniform() * 58.0) as usize, 0.5 + random.uniform());
        for (to, value) in signal.iter_mut().skip(start).zip([0.3, 0.8, 1.0, -0.8, -0.3]) {
            *to += height * value;
        }
    }
    if strange {
        signal.iter_mut().for_each(|v| *v = random.normal());
    }
    let norm = signal.iter().map(|v| v * v).sum::<f32>().sqrt();
    signal.iter().map(|v| 3.0 * v / norm).collect()
}

#[test]
fn noise_is_more_novel_than_what_was_trained_on() {
    let network =
        Network::convolutional(Shape::new(1, 1, 64), &[Conv::new(6, Size::new(1, 9))], Size::new(1, 9))
            .unwrap();
    let training = TrainingConfig {
        sparsity: Sparsity { grid: Size::ONE, selection: Selection::All },
        corruption: Corruption::NONE,
        guard: Guard::NONE,
        dictionary: Dictionary::FREE,
        optimizer: Optimizer { method: Method::ADAM, rate: 1e-2, schedule: Schedule::Linear, decay: 0.0 },
        batch: 16,
        steps: 300,
    };
    let mut start = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, 1, &mut start).unwrap();
    let mut memory = Memory::new(Scalar, &network, &training, start);
    let mut trainer = memory.trainer(Scalar, network, training).unwrap();
    let mut random = Random::new(5);
    for _ in 0..training.steps {
        let batch: Vec<Vec<f32>> = (0..training.batch).map(|_| signal(&mut random, false)).collect();
        trainer.step(batch.iter().map(Vec::as_slice)).unwrap();
    }

    let view = Parameters::new(network, &memory.parameters).unwrap();
    let (mut floats, mut positions) = (vec![0.0; novelty_len(&network)], vec![0; network.code().channels]);
    let mut novelty = Novelty::new(Scalar, view, 0, &mut floats, &mut positions).unwrap();
    let mut scores = |strange| -> Vec<f32> {
        let score = |_| novelty.score(&signal(&mut random, strange)[..]).unwrap();
        (0..200).map(score).collect()
    };
    // As the documentation says: the threshold is a high quantile of normal samples that were not trained on.
    let mut normal = scores(false);
    normal.sort_by(f32::total_cmp);
    let threshold = normal[197];
    let found = scores(true).into_iter().filter(|score| *score > threshold).count();
    assert!(found > 150, "{found} of 200 above {threshold}");
    let alarms = scores(false).into_iter().filter(|score| *score > threshold).count();
    assert!(alarms < 12, "{alarms} of 200 above {threshold}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = Network::fully_connected(5, &[4]).unwrap();
    let parameters = parameters(&network, 1);
    let view = Parameters::new(network, &parameters).unwrap();
    let len = novelty_len(&network);
    let (mut memory, mut positions) = (vec![0.0; len + 1], vec![0; 5]);
    for (floats, maps) in [(len - 1, 4), (len + 1, 4), (0, 4), (len, 3), (len, 5)] {
        let novelty = Novelty::new(Scalar, view, 0, &mut memory[..floats], &mut positions[..maps]);
        assert!(matches!(novelty.map(drop), Err(Error::Length { .. })), "{floats}, {maps}");
    }
    for keep in [0, 2] {
        let mut novelty = Novelty::new(Scalar, view, keep, &mut memory[..len], &mut positions[..4]).unwrap();
        let error = novelty.score(&[0.0, 1.0, f32::NAN, 0.0, 0.0][..]).unwrap_err();
        assert_eq!(error, Error::NotFinite { what: "image", index: 2 });
        let error = novelty.score(&[0.0; 4][..]).unwrap_err();
        assert_eq!(error, Error::Length { what: "image", expected: 5, found: 4 });
        assert!(novelty.score(&[0.0; 5][..]).is_ok());
        // Even where a sum overflows, no score is infinite or not a number, so that it can be compared.
        for huge in [1e20, f32::MAX] {
            let error = novelty.score(|_: usize, row: &mut [f32]| row.fill(huge)).unwrap_err();
            assert!(matches!(error, Error::NotFinite { what: "candidates" | "score", .. }), "{error}");
        }
    }
}
