//! RBMs over some steps of contrastive divergence: probabilities, samples, reconstructions, losses,
//! parameters.

use wta_core::{
    ContrastiveDivergence, Corruption, Dictionary, Guard, Kernels, Method, Network, Optimizer, Parameters,
    Rbm, Schedule, Selection, Size, Sparsity, TrainingConfig, positive_survivors, sample,
};

use super::fixture::{Fixture, swap_axes};
use super::owned_rbm::Memory;

/// The parameters' tensors, in the order of the flat vector.
const NAMES: [&str; 3] = ["encoder.0.weight", "encoder.0.bias", "decoder.bias"];

pub(crate) fn check(kernels: impl Kernels, fixture: &Fixture) {
    let (inputs, units) = (fixture.count("inputs"), fixture.count("units"));
    let network = Network::fully_connected(inputs, &[units]).unwrap().tied().unwrap();
    let (training, divergence) = settings(fixture);
    let initial: Vec<f32> = NAMES.iter().flat_map(|name| fixture.tensor(name).plain()).collect();
    let mut memory = Memory::new(kernels, &network, training.batch, initial);
    let mut trainer = memory.trainer(kernels, network, (training, divergence), 0).unwrap();
    let mut losses = Vec::new();
    for step in 1..=training.steps {
        let batch = fixture.tensor(&format!("batch{step}")).plain();
        check_phases(
            kernels,
            fixture,
            &network,
            (&training, &divergence),
            step,
            trainer.parameters(),
            &batch,
        );
        let loss = trainer.step(batch.chunks_exact(inputs));
        losses.push(loss.unwrap_or_else(|error| panic!("{fixture}, step {step}: {error}")));
        let regions = network.regions();
        assert_eq!(regions.len(), NAMES.len());
        for (name, region) in NAMES.iter().zip(&regions) {
            fixture.expect_close(&format!("step{step}.{name}"), &trainer.parameters()[region.range.clone()]);
        }
    }
    fixture.expect_close("loss", &losses);
}

fn settings(fixture: &Fixture) -> (TrainingConfig, ContrastiveDivergence) {
    let selection = if fixture.has("lifetime_rate") {
        let selection = Selection::Lifetime { rate: fixture.number("lifetime_rate") };
        assert_eq!(positive_survivors(&selection, fixture.count("batch")), fixture.count("k"), "{fixture}");
        selection
    } else {
        Selection::All
    };
    let optimizer = Optimizer {
        method: Method::Sgd { momentum: fixture.number("momentum") },
        rate: fixture.number("learning_rate"),
        schedule: Schedule::Constant,
        decay: fixture.number("weight_decay"),
    };
    let training = TrainingConfig {
        sparsity: Sparsity { grid: Size::ONE, selection },
        corruption: Corruption::NONE,
        guard: Guard::NONE,
        dictionary: Dictionary::FREE,
        optimizer,
        batch: fixture.count("batch"),
        steps: fixture.count("steps") as u64,
    };
    (
        training,
        ContrastiveDivergence {
            steps: fixture.count("gibbs_steps"),
            persistent: false,
            seed: fixture.count("seed") as u64,
        },
    )
}

/// The phases one by one, from the parameters before the step.
fn check_phases(
    kernels: impl Kernels,
    fixture: &Fixture,
    network: &Network,
    (training, divergence): (&TrainingConfig, &ContrastiveDivergence),
    step: u64,
    parameters: &[f32],
    batch: &[f32],
) {
    let (count, inputs, units) = (training.batch, network.input().len(), network.code().channels);
    let rbm = Rbm::new(kernels, Parameters::new(*network, parameters).unwrap()).unwrap();
    let width = Rbm::width(kernels, count);
    let hidden = |images: &[f32]| {
        let mut prepared = vec![f32::NAN; kernels.prepared_len(count, inputs)];
        kernels.prepare(images, inputs, &mut prepared);
        let mut rows = vec![f32::NAN; units * width];
        rbm.hidden(0, count, images, &prepared, &mut rows).unwrap();
        rows
    };
    // Image by image, as in the file.
    let by_image = |rows: &[f32]| -> Vec<f32> {
        let rows: Vec<f32> = rows.chunks_exact(width).flat_map(|row| row[..count].to_vec()).collect();
        swap_axes(&rows, 1, units, count)
    };
    let mut rows = hidden(batch);
    if let Selection::Lifetime { .. } = training.sparsity.selection {
        check_features(kernels, &rbm, network, parameters, batch, &by_image(&rows));
        let keep = positive_survivors(&training.sparsity.selection, count);
        rows.chunks_exact_mut(width).for_each(|row| rbm.keep_largest(keep, row).unwrap());
    }
    fixture.expect_close(&format!("step{step}.positive"), &by_image(&rows));
    for phase in 0..divergence.steps {
        let (mut samples, mut model) = (Vec::new(), Vec::new());
        for image in 0..count {
            let mut active = vec![u32::MAX; units];
            let on = sample(divergence.draws(step - 1, phase, image), &rows, width, image, &mut active);
            samples.extend((0..units as u32).map(|unit| f32::from(active[..on].contains(&unit))));
            let mut visible = vec![f32::NAN; inputs];
            // In two ranges: a pixel does not depend on those beside it.
            let (left, right) = visible.split_at_mut(inputs / 3);
            rbm.visible(0, &active[..on], &vec![1.0; on], left).unwrap();
            rbm.visible(inputs / 3, &active[..on], &vec![1.0; on], right).unwrap();
            model.extend(visible);
        }
        if phase == 0 {
            fixture.expect_exact(&format!("step{step}.sample"), &samples);
            fixture.expect_close(&format!("step{step}.reconstruction"), &model);
        }
        rows = hidden(&model);
    }
    fixture.expect_close(&format!("step{step}.negative"), &by_image(&rows));
}

/// Features are the positive phase's probabilities before the winners are taken; blocks do not matter.
fn check_features<K: Kernels>(
    kernels: K,
    rbm: &Rbm<'_, K>,
    network: &Network,
    parameters: &[f32],
    batch: &[f32],
    expected: &[f32],
) {
    let (inputs, units) = (network.input().len(), network.code().channels);
    let mut prepared = vec![f32::NAN; kernels.prepared_len(units, inputs)];
    kernels.prepare(&parameters[..units * inputs], inputs, &mut prepared);
    for rows in [1, 3] {
        let mut codes = vec![f32::NAN; expected.len()];
        let mut scratch = vec![f32::NAN; rows * Rbm::width(kernels, units)];
        rbm.encode(&prepared, batch, &mut scratch, &mut codes).unwrap();
        let worst = codes.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Within what the `micromath` feature's exponential may be off.
        assert!(worst <= 0.02, "features are off by {worst}");
    }
}
