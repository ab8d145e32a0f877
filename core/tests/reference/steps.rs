//! Whole training runs of three steps: codes, reconstructions, losses, gradients, parameters.

use wta_core::{
    Candidates, Conv, Corruption, Cut, Dictionary, Encoder, Guard, Kernels, Learner, Method, Network,
    Optimizer, Parameters, Region, Role, Schedule, Selection, Shape, Size, Sparsity, TrainingConfig, Winners,
    select,
};

use super::fixture::{Fixture, swap_axes};
use super::owned::Memory;

pub(crate) fn check(kernels: impl Kernels, fixture: &Fixture) {
    let network = network(fixture);
    let training = training(fixture);
    let mut memory = Memory::new(kernels, &network, &training, initial_parameters(fixture, &network));

    let mut losses = Vec::new();
    let mut parameters_before = Vec::new();
    let mut trainer = memory.trainer(kernels, network, training).unwrap();
    for step in 1..=training.steps {
        let batch = fixture.tensor(&format!("batch{step}")).channels_last();
        let images = batch.chunks_exact(network.input().len());
        parameters_before.push(trainer.parameters().to_vec());

        losses.push(trainer.step(images).unwrap_or_else(|error| panic!("{fixture}, step {step}: {error}")));

        assert_eq!(trainer.steps_done(), step);
        for region in &network.regions() {
            let name = torch_name(region.role);
            let gradient = &trainer.last_gradient()[region.range.clone()];
            expect_parameters(fixture, &network, region, &format!("step{step}.grad.{name}"), gradient);
            let parameters = &trainer.parameters()[region.range.clone()];
            expect_parameters(fixture, &network, region, &format!("step{step}.{name}"), parameters);
        }
    }
    fixture.expect_close("loss", &losses);
    for (step, parameters) in (1..).zip(parameters_before) {
        check_code(kernels, fixture, &network, &training, step, &parameters);
    }
    check_clipped(kernels, fixture, &network, training);
}

/// The first step with a gradient of half the norm that PyTorch's has: it must be half of PyTorch's, as
/// `clip_grad_norm_` makes it.
fn check_clipped(kernels: impl Kernels, fixture: &Fixture, network: &Network, training: TrainingConfig) {
    let regions = network.regions();
    let names = regions.iter().map(|region| format!("step1.grad.{}", torch_name(region.role)));
    let squares = names.flat_map(|name| fixture.tensor(&name).values.clone()).map(|v| v * v);
    let norm = squares.sum::<f64>().sqrt();
    let guard = Guard::NONE.with_gradient_norm((0.5 * norm) as f32);
    let training = TrainingConfig { guard, ..training };
    let mut memory = Memory::new(kernels, network, &training, initial_parameters(fixture, network));
    let mut trainer = memory.trainer(kernels, *network, training).unwrap();
    let batch = fixture.tensor("batch1").channels_last();
    trainer.step(batch.chunks_exact(network.input().len())).unwrap();
    for region in &regions {
        let name = format!("step1.grad.{}", torch_name(region.role));
        let gradient = &trainer.last_gradient()[region.range.clone()];
        let doubled: Vec<f32> = gradient.iter().map(|number| 2.0 * number).collect();
        expect_parameters(fixture, network, region, &name, &doubled);
    }
}

fn is_convolutional(fixture: &Fixture) -> bool {
    match fixture.text("network") {
        "convolutional" => true,
        "fully_connected" => false,
        other => panic!("{fixture}: no test for networks of kind {other}"),
    }
}

fn network(fixture: &Fixture) -> Network {
    let maps = fixture.counts("encoder_maps");
    let network = if is_convolutional(fixture) {
        let image = fixture.counts("image");
        let sizes = fixture.sizes("encoder_kernels").into_iter().zip(fixture.sizes("encoder_strides"));
        let convs: Vec<Conv> = maps
            .iter()
            .zip(sizes)
            .map(|(maps, (kernel, stride))| Conv::with_stride(*maps, kernel, stride))
            .collect();
        let input = Shape::new(image[0], image[1], image[2]);
        Network::convolutional(input, &convs, fixture.size("decoder_kernel"))
    } else {
        Network::fully_connected(fixture.count("inputs"), &maps)
    };
    let network = network.unwrap_or_else(|error| panic!("{fixture}: {error}"));
    if fixture.flag("tied") { network.tied().unwrap() } else { network }
}

fn training(fixture: &Fixture) -> TrainingConfig {
    let selection = match fixture.text("selection") {
        "lifetime" => Selection::Lifetime { rate: fixture.number("lifetime_rate") },
        "k_sparse" => Selection::PerSample { count: fixture.count("k") },
        "batch" => Selection::Batch { count: fixture.count("k") },
        "spatial" | "all" => Selection::All,
        other => panic!("{fixture}: no test for the selection {other}"),
    };
    let method = match fixture.text("optimizer") {
        "sgd" => Method::Sgd { momentum: fixture.number("momentum") },
        "adam" => Method::Adam {
            beta1: fixture.number("beta1"),
            beta2: fixture.number("beta2"),
            epsilon: fixture.number("epsilon"),
        },
        other => panic!("{fixture}: no test for the optimiser {other}"),
    };
    let corruption = if fixture.has("corruption_seed") {
        Corruption {
            input: fixture.number("input_dropout"),
            hidden: fixture.number("hidden_dropout"),
            seed: fixture.count("corruption_seed") as u64,
        }
    } else {
        Corruption::NONE
    };
    TrainingConfig {
        corruption,
        guard: Guard::NONE,
        dictionary: Dictionary {
            unit_atoms: fixture.has("unit_atoms") && fixture.flag("unit_atoms"),
            centred: fixture.has("centred") && fixture.flag("centred"),
        },
        sparsity: Sparsity {
            grid: if is_convolutional(fixture) { fixture.size("grid") } else { Size::ONE },
            selection,
        },
        optimizer: Optimizer {
            method,
            rate: fixture.number("learning_rate"),
            schedule: Schedule::Constant,
            decay: fixture.number("weight_decay"),
        },
        batch: fixture.count("batch"),
        steps: fixture.count("steps") as u64,
    }
}

fn torch_name(role: Role) -> String {
    match role {
        Role::Filters { layer } => format!("encoder.{layer}.weight"),
        Role::Bias { layer } => format!("encoder.{layer}.bias"),
        Role::Atoms => "decoder.weight".to_owned(),
        Role::DecoderBias => "decoder.bias".to_owned(),
    }
}

/// A dense decoder's weight is the one tensor whose axes are in another order than the core's.
fn is_transposed(network: &Network, role: Role) -> bool {
    network.is_fully_connected() && role == Role::Atoms
}

fn initial_parameters(fixture: &Fixture, network: &Network) -> Vec<f32> {
    let mut parameters = Vec::new();
    for region in &network.regions() {
        let tensor = fixture.tensor(&torch_name(region.role));
        let values =
            if is_transposed(network, region.role) { tensor.transposed() } else { tensor.channels_last() };
        assert_eq!(values.len(), region.range.len(), "{fixture}: {}", torch_name(region.role));
        parameters.extend(values);
    }
    parameters
}

fn expect_parameters(fixture: &Fixture, network: &Network, region: &Region, name: &str, found: &[f32]) {
    if is_transposed(network, region.role) {
        let (units, inputs) = (network.code().channels, network.input().channels);
        fixture.expect_close(name, &swap_axes(found, 1, units, inputs));
    } else {
        fixture.expect_close_channels_last(name, found);
    }
}

/// The phases one by one, on the whole batch as one block: candidates, survivors, reconstruction.
fn check_code(
    kernels: impl Kernels,
    fixture: &Fixture,
    network: &Network,
    training: &TrainingConfig,
    step: usize,
    parameters: &[f32],
) {
    let (batch, sparsity, corruption) = (training.batch, training.sparsity, training.corruption);
    let parameters = Parameters::new(*network, parameters).unwrap();
    let mut prepared = vec![f32::NAN; Encoder::prepared_len(kernels, network)];
    let encoder = Encoder::new(kernels, parameters, &mut prepared).unwrap();
    let mut inputs = vec![f32::NAN; batch * network.inputs_len()];
    let mut codes = vec![f32::NAN; batch * network.code_len()];
    let images = fixture.tensor(&format!("batch{step}")).channels_last();
    for (index, image) in images.chunks_exact(network.input().len()).enumerate() {
        encoder.load(batch, index, image, &mut inputs).unwrap();
    }
    let layout = network.layer(0).unwrap().padded();
    for (index, image) in inputs.chunks_exact_mut(layout.len()).take(batch).enumerate() {
        corruption.corrupt_input(step as u64 - 1, index, &layout, image);
        if training.dictionary.centred {
            image.iter_mut().zip(parameters.decoder_bias()).for_each(|(pixel, bias)| *pixel -= bias);
        }
    }
    let (windows, maps) = (sparsity.grid.area(), network.code().channels);
    let winners_len = windows * maps;
    let (mut values, mut positions) =
        (vec![f32::NAN; batch * winners_len], vec![u32::MAX; batch * winners_len]);
    let candidates = Candidates { values: &mut values, positions: &mut positions };
    let mut scratch = vec![f32::NAN; Encoder::scratch_len(kernels, network)];
    encoder.compete(sparsity.grid, batch, &mut inputs, &mut scratch, &mut codes, candidates).unwrap();

    let name = |tensor: &str| format!("step{step}.{tensor}");
    fixture.expect_close(&name("code.value"), &swap_axes(&values, batch, windows, maps));
    if is_convolutional(fixture) {
        let found = swap_axes(&positions, batch, windows, maps);
        let found_values = swap_axes(&values, batch, windows, maps);
        let expected = &fixture.tensor(&name("code.position")).values;
        for (index, ((found, value), expected)) in found.iter().zip(found_values).zip(expected).enumerate() {
            let same = f64::from(*found) == *expected;
            assert!(same || value == 0.0, "{fixture}: step{step}.code.position[{index}] is {found}");
        }
    }

    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; maps];
    select(kernels, network, &sparsity, &mut values, &mut cuts).unwrap();
    let active: Vec<f32> = values.iter().map(|value| f32::from(*value > 0.0)).collect();
    fixture.expect_exact(&name("code.active"), &swap_axes(&active, batch, windows, maps));

    for (index, values) in values.chunks_exact_mut(winners_len).enumerate() {
        corruption.drop_hidden(step as u64 - 1, index, values);
    }
    if corruption.hidden > 0.0 {
        let kept: Vec<f32> = values.iter().map(|value| f32::from(*value > 0.0)).collect();
        fixture.expect_exact(&name("code.kept"), &swap_axes(&kept, batch, windows, maps));
    }

    let learner = Learner::new(kernels, parameters);
    let mut scratch = vec![f32::NAN; network.residual_len()];
    let mut reconstructions = Vec::new();
    for (values, positions) in values.chunks_exact(winners_len).zip(positions.chunks_exact(winners_len)) {
        let mut image = vec![f32::NAN; network.input().len()];
        learner.reconstruct(Winners { values, positions }, &mut scratch, &mut image).unwrap();
        reconstructions.extend(image);
    }
    fixture.expect_close_channels_last(&name("reconstruction"), &reconstructions);
}
