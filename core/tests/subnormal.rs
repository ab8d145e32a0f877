//! Subnormal numbers of a sample count as 0 wherever samples enter: the same codes and the same training, to
//! the last bit. And they are never refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

#[path = "owned/rbm.rs"]
mod owned_rbm;
#[path = "owned/mod.rs"]
mod owned_trainer;

use wta_core::{
    ContrastiveDivergence, Conv, Cut, Encoder, Extractor, Initial, Method, Network, Optimizer, Parameters,
    Pool, Random, Rbm, Scalar, Schedule, Scratch, Selection, Shape, Size, Sparsity, StreamTrainer,
    TrainingConfig, UnitTrainer, extractor_len, rbm_training_len, stream_training_len, unit_training_len,
};

fn parameters(network: &Network, seed: u64) -> Vec<f32> {
    let mut parameters = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, seed, &mut parameters).unwrap();
    parameters
}

const BATCH: usize = 6;

fn convolutional() -> Network {
    let convs = [Conv::new(5, Size::square(3)), Conv::new(6, Size::square(3))];
    Network::convolutional(Shape::new(2, 6, 7), &convs, Size::square(3)).unwrap()
}

fn fully_connected() -> Network {
    Network::fully_connected(21, &[17]).unwrap()
}

fn training(method: Method) -> TrainingConfig {
    let optimizer = Optimizer { method, rate: 0.01, schedule: Schedule::Constant, decay: 0.0 };
    let sparsity = Sparsity { grid: Size::ONE, selection: Selection::Lifetime { rate: 0.5 } };
    TrainingConfig::new(sparsity, optimizer, BATCH, 20)
}

/// A batch with subnormal numbers at some places, and the same with 0 there. The last image has no other
/// numbers.
fn batches(network: &Network) -> [Vec<f32>; 2] {
    let (len, mut random) = (network.input().len(), Random::new(7));
    let mut small = Vec::new();
    for place in 0..BATCH * len {
        let tiny = f32::from_bits(1 + random.below(0x7f_ffff));
        let number = random.uniform();
        small.push(if place >= (BATCH - 1) * len || place % 3 == 0 { tiny } else { number });
    }
    let zero = small.iter().map(|v| if v.is_subnormal() { 0.0 } else { *v }).collect();
    [small, zero]
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn expect_same<T>(network: &Network, run: impl Fn(&[f32]) -> T)
where
    T: PartialEq + std::fmt::Debug,
{
    let [small, zero] = batches(network).map(|batch| run(&batch));
    assert_eq!(small, zero);
}

#[test]
fn codes_of_images_in_memory() {
    for network in [convolutional(), fully_connected()] {
        let parameters = parameters(&network, 1);
        let encoder = Encoder::new(Scalar, Parameters::new(network, &parameters).unwrap(), &mut []).unwrap();
        expect_same(&network, |batch| {
            let code = |image: &[f32]| {
                let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
                encoder.load(1, 0, image, &mut inputs).unwrap();
                encoder.hidden(1, &mut inputs, &mut []).unwrap();
                encoder.top(1, &inputs, &mut [], &mut code).unwrap();
                bits(&code)
            };
            batch.chunks_exact(network.input().len()).map(code).collect::<Vec<_>>()
        });
    }
}

#[test]
fn codes_row_by_row() {
    let network = convolutional();
    let parameters = parameters(&network, 2);
    expect_same(&network, |batch| {
        let code = |image: &[f32]| {
            let mut code = vec![0.0; network.code_len()];
            let mut memory = vec![0.0; extractor_len(&network, &Pool::NONE)];
            let parameters = Parameters::new(network, &parameters).unwrap();
            let mut extractor = Extractor::new(Scalar, parameters, Pool::NONE, false, &mut memory).unwrap();
            extractor.features(image, &mut code).unwrap();
            bits(&code)
        };
        batch.chunks_exact(network.input().len()).map(code).collect::<Vec<_>>()
    });
}

#[test]
fn training_on_images() {
    for (network, method) in
        [(convolutional(), Method::ADAM), (fully_connected(), Method::Sgd { momentum: 0.9 })]
    {
        let training = training(method);
        expect_same(&network, |batch| {
            let mut memory = owned_trainer::Memory::new(Scalar, &network, &training, parameters(&network, 3));
            let mut trainer = memory.trainer(Scalar, network, training).unwrap();
            let losses = [0; 3].map(|_| trainer.step(batch.chunks_exact(network.input().len())).unwrap());
            (bits(&losses), bits(&memory.parameters), bits(&memory.moments))
        });
    }
}

#[test]
fn training_row_by_row() {
    let (network, training) = (convolutional(), training(Method::ADAM));
    expect_same(&network, |batch| {
        let len = stream_training_len(&network, &training.optimizer.method, training.batch);
        let mut parameters = parameters(&network, 4);
        let (mut moments, mut floats) = (vec![0.0; len.moments], vec![f32::NAN; len.floats]);
        let mut indices = vec![0; len.indices];
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let mut trainer =
            StreamTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
        let len = network.input().len();
        let losses = [0; 3].map(|_| trainer.step(batch.chunks_exact(len)).unwrap());
        (bits(&losses), bits(&parameters), bits(&moments))
    });
}

#[test]
fn training_unit_by_unit() {
    for network in [fully_connected(), fully_connected().tied().unwrap()] {
        let training = training(Method::ADAM);
        expect_same(&network, |batch| {
            let len = unit_training_len(&network, &training.sparsity, &training.optimizer.method, BATCH);
            let mut parameters = parameters(&network, 5);
            let (mut moments, mut floats) = (vec![0.0; len.moments], vec![f32::NAN; len.floats]);
            let mut indices = vec![0; len.indices];
            let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut [] };
            let mut trainer =
                UnitTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch)
                    .unwrap();
            let losses = [0; 3].map(|_| trainer.step(batch.chunks_exact(network.input().len())).unwrap());
            (bits(&losses), bits(&parameters), bits(&moments))
        });
    }
}

#[test]
fn rbms() {
    let network = fully_connected().tied().unwrap();
    let training = training(Method::Sgd { momentum: 0.5 });
    expect_same(&network, |batch| {
        let mut memory = owned_rbm::Memory::new(Scalar, &network, BATCH, parameters(&network, 6));
        assert_eq!(memory.indices.len(), rbm_training_len(&network, BATCH).indices);
        let divergence = ContrastiveDivergence { steps: 1, persistent: false, seed: 4 };
        let mut trainer = memory.trainer(Scalar, network, (training, divergence), 0).unwrap();
        let losses = [0; 3].map(|_| trainer.step(batch.chunks_exact(network.input().len())).unwrap());
        let parameters = memory.parameters;
        let rbm = Rbm::new(Scalar, Parameters::new(network, &parameters).unwrap()).unwrap();
        let units = network.code().channels;
        let mut codes = vec![0.0; BATCH * units];
        rbm.encode(&[], batch, &mut vec![0.0; Rbm::width(Scalar, units)], &mut codes).unwrap();
        (bits(&losses), bits(&parameters), bits(&codes))
    });
}
