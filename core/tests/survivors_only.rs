//! The claim of the learn phase: the gradient computed from the survivors alone is the gradient of a dense
//! backward pass in which a mask has set everything else to 0.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod dense;
mod owned;

use dense::{Decisions, Outcome, Sum, add_gradient};
use owned::Memory;
use proptest::prelude::*;
use wta_core::{
    Candidates, Conv, Cut, Encoder, Initial, Inputs, Layer, Method, Network, Optimizer, Parameters, Random,
    Scalar, Schedule, Selection, Shape, Size, Sparsity, TrainingConfig, select,
};

/// How far the gradient in f32 may be from that in f64, relative to the largest element of its region.
const TOLERANCE: f64 = 1e-4;

/// How far it may be where sums cancel, relative to the largest [`Sum::magnitude`].
const ROUNDING: f64 = 1e-6;

/// How far f32 may be from f64 before a decision (a ReLU, a winner) is wrong and not only close.
const MARGIN: f64 = 1e-4;

#[derive(Clone, Debug)]
struct Case {
    network: Network,
    sparsity: Sparsity,
    batch: usize,
    seed: u64,
}

fn sizes(up_to: usize) -> impl Strategy<Value = Size> {
    (1..=up_to, 1..=up_to).prop_map(|(height, width)| Size::new(height, width))
}

fn selections() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::All),
        (0.05f32..1.0).prop_map(|rate| Selection::Lifetime { rate }),
        (1usize..6).prop_map(|count| Selection::PerSample { count }),
        (1usize..6).prop_map(|count| Selection::Batch { count }),
    ]
}

/// Kernels and grids must fit the maps that they are applied to.
fn fit(size: Size, shape: Shape) -> Size {
    Size::new(size.height.min(shape.height), size.width.min(shape.width))
}

fn convolutional() -> impl Strategy<Value = Case> {
    let conv =
        (1usize..6, sizes(5), sizes(3)).prop_map(|(maps, kernel, stride)| Conv { maps, kernel, stride });
    let image = (1usize..4, 1usize..10, 1usize..10).prop_map(|(c, h, w)| Shape::new(c, h, w));
    let network = (image, prop::collection::vec(conv, 1..4), sizes(7), any::<bool>());
    (network, sizes(3), selections(), 1usize..6, any::<u64>()).prop_map(
        |((image, mut convs, decoder, tied), grid, selection, batch, seed)| {
            let mut below = image;
            for conv in &mut convs {
                conv.kernel = fit(conv.kernel, below);
                below = Layer { input: below, conv: *conv }.output();
            }
            let tied = tied && convs.len() == 1;
            let decoder = if tied { convs[0].kernel } else { fit(decoder, image) };
            let network = Network::convolutional(image, &convs, decoder).unwrap();
            let network = if tied { network.tied().unwrap() } else { network };
            Case { network, sparsity: Sparsity { grid: fit(grid, network.code()), selection }, batch, seed }
        },
    )
}

fn fully_connected() -> impl Strategy<Value = Case> {
    let network = (1usize..30, prop::collection::vec(1usize..20, 1..4), any::<bool>());
    (network, selections(), 1usize..12, any::<u64>()).prop_map(
        |((inputs, units, tied), selection, batch, seed)| {
            let network = Network::fully_connected(inputs, &units).unwrap();
            let network = if tied && units.len() == 1 { network.tied().unwrap() } else { network };
            Case { network, sparsity: Sparsity { grid: Size::ONE, selection }, batch, seed }
        },
    )
}

/// The decisions of the f32 forward pass, image by image, and the survivors' values.
fn decide(case: &Case, parameters: &[f32], images: &[f32]) -> Vec<(Decisions, Vec<f32>)> {
    let (network, batch) = (case.network, case.batch);
    let encoder = Encoder::new(Scalar, Parameters::new(network, parameters).unwrap(), &mut []).unwrap();
    let mut inputs = vec![0.0; batch * network.inputs_len()];
    for (index, image) in images.chunks_exact(network.input().len()).enumerate() {
        encoder.load(batch, index, image, &mut inputs).unwrap();
    }
    let len = case.sparsity.winners_len(&network);
    let (mut values, mut positions) = (vec![0.0; batch * len], vec![0; batch * len]);
    let mut codes = vec![0.0; batch * network.code_len()];
    let winners = Candidates { values: &mut values, positions: &mut positions };
    encoder.compete(case.sparsity.grid, batch, &mut inputs, &mut [], &mut codes, winners).unwrap();
    let maps = network.code().channels;
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; maps];
    select(Scalar, &network, &case.sparsity, &mut values, &mut cuts).unwrap();

    let inputs = Inputs::new(network, batch, &inputs).unwrap();
    let decisions = |image: usize| {
        let hidden = network.layers().enumerate().skip(1).map(|(index, layer)| {
            let rows = layer.padded().rows(inputs.of(index, image));
            rows.flatten().map(|value| *value > 0.0).collect()
        });
        let mut code = vec![0.0; network.code_len()];
        for winner in image * len..(image + 1) * len {
            if values[winner] > 0.0 {
                code[positions[winner] as usize * maps + winner % maps] = values[winner];
            }
        }
        (Decisions { hidden: hidden.collect(), survivors: code.iter().map(|v| *v > 0.0).collect() }, code)
    };
    (0..batch).map(decisions).collect()
}

/// What f32 decided must be what f64 would decide, up to rounding.
fn expect_decided_well(
    case: &Case,
    outcome: &Outcome,
    decisions: &Decisions,
    code: &[f32],
) -> Result<(), TestCaseError> {
    let last = outcome.sums.len() - 1;
    for (sums, active) in outcome.sums.iter().zip(&decisions.hidden) {
        for (Sum { value, .. }, active) in sums.iter().zip(active) {
            prop_assert!((*value > 0.0) == *active || value.abs() < MARGIN, "a ReLU at {value} is {active}");
        }
    }
    let top: Vec<f64> = outcome.sums[last].iter().map(|sum| sum.value).collect();
    let shape = case.network.code();
    for (unit, value) in code.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        prop_assert!((f64::from(*value) - top[unit]).abs() < MARGIN * top[unit].max(1.0), "value {value}");
        if case.sparsity.grid == Size::ONE {
            let map = top.iter().skip(unit % shape.channels).step_by(shape.channels);
            prop_assert!(map.copied().fold(f64::MIN, f64::max) < top[unit] + MARGIN, "not the winner");
        }
    }
    Ok(())
}

/// See [`TOLERANCE`] and [`ROUNDING`].
fn tolerance(sums: &[Sum]) -> f64 {
    let of = |sum: &Sum| (TOLERANCE * sum.value.abs()).max(ROUNDING * sum.magnitude);
    sums.iter().map(of).fold(0.0, f64::max)
}

fn expect_same_gradient(case: &Case) -> Result<(), TestCaseError> {
    let network = case.network;
    let optimizer = Optimizer {
        method: Method::Sgd { momentum: 0.0 },
        rate: 1e-3,
        schedule: Schedule::Constant,
        decay: 0.0,
    };
    let training = TrainingConfig::new(case.sparsity, optimizer, case.batch, 1);
    let mut random = Random::new(case.seed);
    let mut parameters = vec![0.0; network.parameters_len()];
    network.initialise(Initial::He, random.next_u64(), &mut parameters).unwrap();
    // Biases are not 0 either, so that their part is seen.
    parameters.iter_mut().for_each(|value| *value += 0.1 * random.normal());
    let images: Vec<f32> = (0..case.batch * network.input().len()).map(|_| random.normal()).collect();

    let mut memory = Memory::new(Scalar, &network, &training, parameters.clone());
    let mut trainer = memory.trainer(Scalar, network, training).unwrap();
    let loss = trainer.step(images.chunks_exact(network.input().len())).unwrap();
    let found = trainer.last_gradient();

    let decided = decide(case, &parameters, &images);
    let (mut expected, mut expected_loss) = (vec![Sum::default(); parameters.len()], Sum::default());
    let scale = 1.0 / case.batch as f64;
    for (image, (decisions, code)) in images.chunks_exact(network.input().len()).zip(&decided) {
        let outcome = add_gradient(&network, &parameters, image, decisions, scale, &mut expected);
        expect_decided_well(case, &outcome, decisions, code)?;
        expected_loss.value += scale * outcome.loss.value;
        expected_loss.magnitude += scale * outcome.loss.magnitude;
    }
    let error = (f64::from(loss) - expected_loss.value).abs();
    prop_assert!(error <= tolerance(&[expected_loss]), "a loss of {loss} instead of {}", expected_loss.value);
    for region in &network.regions() {
        let tolerance = tolerance(&expected[region.range.clone()]);
        for index in region.range.clone() {
            let (expected, found) = (expected[index].value, found[index]);
            let close = (f64::from(found) - expected).abs() <= tolerance;
            prop_assert!(
                close,
                "{:?}: {index} is {found} instead of {expected}, tolerance {tolerance}",
                region.role
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 320, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutional_networks(case in convolutional()) {
        expect_same_gradient(&case)?;
    }

    #[test]
    fn fully_connected_networks(case in fully_connected()) {
        expect_same_gradient(&case)?;
    }
}
