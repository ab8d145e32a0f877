//! Memory is a constant: a network described as one, trained in memory whose lengths the compiler knows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::sync::Mutex;

use wta_core::{
    Conv, Corruption, Cut, Dictionary, Guard, Initial, Method, Network, Optimizer, Result, Scalar, Schedule,
    Scratch, Selection, Shape, Size, Sparsity, Trainer, TrainingConfig, TrainingLen, training_len,
};

/// Fails to compile for a wrong description.
const fn valid(network: Result<Network>) -> Network {
    match network {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    }
}

static NETWORK: Network = NET;
const NET: Network = valid(Network::convolutional(
    Shape::new(1, 9, 10),
    &[Conv::with_stride(4, Size::square(5), Size::square(2)), Conv::new(5, Size::new(3, 1))],
    Size::square(7),
));
const TRAINING: TrainingConfig = TrainingConfig {
    sparsity: Sparsity { grid: Size::new(1, 2), selection: Selection::Lifetime { rate: 0.25 } },
    corruption: Corruption::NONE,
    guard: Guard::NONE,
    dictionary: Dictionary::FREE,
    optimizer: Optimizer { method: Method::ADAM, rate: 1e-3, schedule: Schedule::Linear, decay: 1e-4 },
    batch: 6,
    steps: 10,
};
const LEN: TrainingLen = training_len(&NET, &TRAINING.sparsity, &TRAINING.optimizer.method, TRAINING.batch);

struct Memory {
    parameters: [f32; LEN.parameters],
    moments: [f32; LEN.moments],
    floats: [f32; LEN.floats],
    indices: [u32; LEN.indices],
    cuts: [Cut; LEN.cuts],
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory {
    parameters: [0.0; LEN.parameters],
    moments: [0.0; LEN.moments],
    floats: [0.0; LEN.floats],
    indices: [0; LEN.indices],
    cuts: [Cut { threshold: 0.0, ties_below: 0 }; LEN.cuts],
});

#[test]
fn a_constant_network_trains_in_static_memory() {
    let mut memory = MEMORY.lock().unwrap();
    let Memory { parameters, moments, floats, indices, cuts } = &mut *memory;
    NETWORK.initialise(Initial::He, 1, parameters).unwrap();
    let before = *parameters;
    let image: [f32; NET.input().len()] = std::array::from_fn(|i| (i as f32 * 0.7).sin().abs());
    let scratch = Scratch { floats, indices, cuts };
    let mut trainer = Trainer::new(Scalar, NETWORK, TRAINING, 0, parameters, moments, scratch).unwrap();
    let loss = trainer.step([image.as_slice(); TRAINING.batch].into_iter()).unwrap();
    assert!(loss > 0.0 && trainer.parameters() != before);
}

#[test]
fn the_lengths_are_those_counted_by_hand() {
    // Layer 1 reads 9 x 10 with a border of 4 rows and columns, and makes 4 maps of 5 x 5; layer 2 reads
    // those with a border of 2 rows, and makes 5 maps of 5 x 5, each with two winners.
    let parameters = (4 * 5 * 5 + 4) + (5 * 3 * 4 + 5) + 5 * 7 * 7 + 1;
    assert_eq!(NET.parameters_len(), parameters);
    assert_eq!(NET.inputs_len(), 13 * 14 + 7 * 5 * 4);
    assert_eq!(NET.code(), Shape::new(5, 5, 5));
    assert_eq!(NET.code_len(), 125);
    assert_eq!(NET.residual_len(), 15 * 16, "9 x 10 with the border of the decoder's 7 x 7");
    assert_eq!(NET.delta_scratch_len(), 7 * 5 * 4);
    assert_eq!(NET.deltas_len(), (25, 100));

    let (images, winners) = (6, 10);
    assert_eq!(LEN.parameters, parameters);
    assert_eq!(LEN.moments, 2 * parameters);
    // The gradient, the batch's winners, one image's deltas, the layers' inputs, the code, the residual, the
    // deltas below (dense once, sparse twice).
    let floats = parameters + images * winners + winners + (182 + 140) + 125 + 240 + 140 + 2 * 100;
    assert_eq!(LEN.floats, floats);
    assert_eq!(LEN.indices, images * winners + 2 * 25);
    assert_eq!(LEN.cuts, 5);
    assert_eq!(LEN.bytes(), 4 * (3 * parameters + floats + 110) + 5 * 8);
    // The same as one number each, so that a change of memory use does not go unnoticed.
    assert_eq!((LEN.parameters, LEN.floats, LEN.bytes()), (415, 1512, 11_508));
}

#[test]
fn a_fully_connected_network_needs_no_borders() {
    const NET: Network = valid(Network::fully_connected(784, &[100, 50]));
    assert_eq!(NET.parameters_len(), 784 * 100 + 100 + 100 * 50 + 50 + 50 * 784 + 784);
    assert_eq!((NET.inputs_len(), NET.code_len(), NET.residual_len()), (784 + 100, 50, 784));
    const TIED: Network = match valid(Network::fully_connected(784, &[100])).tied() {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    };
    assert_eq!(TIED.parameters_len(), 784 * 100 + 100 + 784);
    let sgd = Method::Sgd { momentum: 0.9 };
    let len = training_len(&TIED, &Sparsity::lifetime(0.05), &sgd, 20);
    let floats = 79_284 + 20 * 100 + 100 + 784 + 100 + 784;
    let expected = TrainingLen { parameters: 79_284, moments: 79_284, floats, indices: 20 * 100, cuts: 100 };
    assert_eq!(len, expected);
}
