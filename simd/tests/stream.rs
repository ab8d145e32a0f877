//! Every instruction set of this processor, row by row: codes are those of the same kernels on whole images,
//! and gradients are up to rounding, because kernels keep sums over several rows in registers where they can.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

#[path = "../../core/tests/networks/mod.rs"]
mod networks;
#[path = "../../core/tests/owned/mod.rs"]
mod owned;

use networks::{images, networks, parameters};
use owned::Memory;
use proptest::prelude::*;
use wta_core::{
    Corruption, Dictionary, Encoder, Forward, Guard, Method, Optimizer, Parameters, Schedule, Scratch,
    Selection, Size, Sparsity, StreamTrainer, TrainingConfig, forward_len, stream_training_len,
};
use wta_simd::Isa;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn codes(network in networks(), seed in any::<u64>()) {
        let parameters = parameters(&network, seed);
        let view = Parameters::new(network, &parameters).unwrap();
        let image = images(&network, 1, seed);
        for isa in Isa::all_available() {
            let mut prepared = vec![0.0; Encoder::prepared_len(isa, &network)];
            let mut scratch = vec![0.0; Encoder::scratch_len(isa, &network)];
            let encoder = Encoder::new(isa, view, &mut prepared).unwrap();
            let (mut inputs, mut expected) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
            encoder.load(1, 0, &image, &mut inputs).unwrap();
            encoder.hidden(1, &mut inputs, &mut scratch).unwrap();
            encoder.top(1, &inputs, &mut scratch, &mut expected).unwrap();

            let mut memory = vec![f32::NAN; forward_len(&network) + Forward::prepared_len(isa, &network)];
            let mut forward = Forward::new(isa, view, &mut memory).unwrap();
            let (mut image, mut code) = (&image[..], vec![f32::NAN; network.code_len()]);
            forward.restart(&image).unwrap();
            for row in code.chunks_exact_mut(network.code().width * network.code().channels) {
                forward.next_row(&mut image, row).unwrap();
            }
            prop_assert_eq!(bits(&code), bits(&expected), "{}", isa);
        }
    }

    #[test]
    fn gradients(network in networks(), rate in 0.1f32..1.0, batch in 1usize..6, seed in any::<u64>()) {
        let method = Method::Sgd { momentum: 0.9 };
        let training = TrainingConfig {
            sparsity: Sparsity { grid: Size::ONE, selection: Selection::Lifetime { rate } },
            corruption: Corruption::NONE,
            guard: Guard::NONE,
            dictionary: Dictionary::FREE,
            optimizer: Optimizer { method, rate: 1e-3, schedule: Schedule::Constant, decay: 0.0 },
            batch,
            steps: 1,
        };
        let len = stream_training_len(&network, &method, batch);
        let images = images(&network, batch, seed);
        let images = || images.chunks_exact(network.input().len());
        for isa in Isa::all_available() {
            let mut whole = Memory::new(isa, &network, &training, parameters(&network, seed));
            let mut rows = whole.clone();
            rows.floats = vec![f32::NAN; len.floats + Forward::prepared_len(isa, &network)];
            rows.indices = vec![u32::MAX; len.indices];
            let mut expected = whole.trainer(isa, network, training).unwrap();
            let Memory { parameters, moments, floats, indices, cuts } = &mut rows;
            let scratch = Scratch { floats, indices, cuts };
            let mut found =
                StreamTrainer::new(isa, network, training, 0, parameters, moments, scratch).unwrap();
            prop_assert_eq!(found.step(images()), expected.step(images()), "{}", isa);
            let largest = expected.last_gradient().iter().fold(0.0f32, |most, v| most.max(v.abs()));
            for (found, expected) in found.last_gradient().iter().zip(expected.last_gradient()) {
                let close = (found - expected).abs() <= 1e-5 * largest;
                prop_assert!(close, "{isa}: {found} instead of {expected}");
            }
        }
    }
}
