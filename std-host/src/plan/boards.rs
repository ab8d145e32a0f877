//! What the test programs took on emulated boards, which is measured and checked by the project's tests, and
//! what follows from it for other networks.
//!
//! An estimate is the instructions of a measured program for each of its multiply-adds, times those of the
//! network. Small layers take more for each, and large ones less.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wta_core::{
    Conv, Corruption, Dictionary, Guard, Method, Network, Optimizer, Pool, Schedule, Shape, Size, Sparsity,
    TrainingConfig,
};

use crate::error::{Error, Result};
use crate::profile::work::{Nominal, multiply_adds};
use crate::train::stopwatch::Phase;

/// What each test program takes, as TOML: a table of [`Measured`] by the program's name.
pub const MEASURED: &str = include_str!("costs.toml");

/// What a test program takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Bytes of code, constants, and initial values of variables.
    pub flash: u64,
    /// Bytes of variables.
    pub ram: u64,
    /// The most bytes that were on the stack.
    pub stack: u64,
    /// What the program has counted of its work: of a training step, of an image.
    #[serde(default)]
    pub instructions: Vec<u64>,
}

/// The test programs, by their names.
///
/// # Errors
///
/// None, in a build that has passed its tests.
pub fn measured() -> Result<BTreeMap<String, Measured>> {
    toml::from_str(MEASURED).map_err(|error| Error::Invalid(format!("the measured costs: {error}")))
}

/// A core that was measured.
struct Core {
    name: &'static str,
    program: &'static str,
    /// Which of the program's counts are of an image in 8 bits, and in `f32`.
    int8: usize,
    floats: Option<usize>,
}

const CORES: [Core; 5] = [
    Core { name: "Cortex-M0 (microbit in QEMU)", program: "cores_thumbv6m", int8: 0, floats: None },
    Core { name: "Cortex-M4F (mps2-an386 in QEMU)", program: "cores_thumbv7em", int8: 0, floats: Some(2) },
    Core {
        name: "Cortex-M33 (mps2-an505 in QEMU)",
        program: "cores_thumbv8m_main",
        int8: 0,
        floats: Some(2),
    },
    Core { name: "RISC-V (virt in QEMU)", program: "cores_riscv32imc", int8: 0, floats: None },
    Core { name: "RISC-V with FPU (virt in QEMU)", program: "cores_riscv32imafc", int8: 0, floats: Some(2) },
];

/// The core on which code and training were measured.
const TRAINED_ON: &str = "Cortex-M4F (mps2-an386 in QEMU)";

/// The bytes of what the programs have in flash that is no code: models, digits with their labels.
const FLOAT_MODEL: u64 = 152_976;
const INT8_MODEL: u64 = 38_784;
const TEST_DIGITS: u64 = 200 * (28 * 28 + 1);
const TRAINING_DIGITS: u64 = 400 * 28 * 28;

/// Instructions, estimated from those of a program on a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The core and the board.
    pub board: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Instructions.
    pub instructions: u64,
}

/// Code, as a program on a board has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Code {
    /// The core and the board.
    pub board: &'static str,
    /// What the program does.
    pub what: &'static str,
    /// Bytes of code and constants.
    pub bytes: u64,
}

/// The multiply-adds of a sample's class: those of the layers, and those of the classifier.
pub fn multiply_adds_of(layers: &[Network], features: usize, classes: usize) -> u64 {
    let layers = layers.iter().flat_map(|network| network.layers());
    layers.map(|layer| multiply_adds(&layer)).sum::<u64>() + (features * classes) as u64
}

/// The network that classified digits on the boards: `16conv5-16conv5` on 28 x 28, a classifier of 10 digits
/// on its features.
fn classified() -> Result<u64> {
    let layers = [Conv::new(16, Size::square(5)); 2];
    let network = Network::convolutional(Shape::new(1, 28, 28), &layers, Size::square(11))?;
    let features = Pool::square(6, 2).output(network.code()).len();
    Ok(multiply_adds_of(&[network], features, 10))
}

/// The instructions of a sample with so many multiply-adds, on each core; in 8 bits, and in `f32` on cores
/// with an FPU.
///
/// # Errors
///
/// None, in a build that has passed its tests.
pub fn of_a_sample(multiply_adds: u64) -> Result<Vec<Estimate>> {
    let (measured, classified) = (measured()?, classified()?);
    let mut estimates = Vec::new();
    for core in CORES {
        let counts = measured.get(core.program).map_or(&[][..], |found| &found.instructions);
        for (what, index) in [("a sample in int8", Some(core.int8)), ("a sample in f32", core.floats)] {
            let Some(count) = index.and_then(|index| counts.get(index)) else { continue };
            let instructions = scaled(*count, multiply_adds, classified);
            estimates.push(Estimate { board: core.name, what, instructions });
        }
    }
    Ok(estimates)
}

/// The instructions of a training step on a Cortex-M4F; `None` for what no program there has trained.
///
/// # Errors
///
/// As for [`of_a_sample`].
pub fn of_a_step(network: &Network, training: &TrainingConfig) -> Result<Option<Estimate>> {
    let measured = measured()?;
    let (program, its_network, its_training) = if wta_core::Units::<wta_core::Scalar>::apply_to(network) {
        let network = Network::fully_connected(64, &[32])?;
        ("step_fc", network, trained(Sparsity::lifetime(0.05), 20))
    } else if training.sparsity.grid == Size::ONE && !network.is_fully_connected() {
        let layers = [Conv::new(8, Size::square(5)); 2];
        let network = Network::convolutional(Shape::new(1, 28, 28), &layers, Size::square(11))?;
        ("train_on_device", network, trained(Sparsity::lifetime(0.5), 32))
    } else {
        return Ok(None);
    };
    let Some(count) = measured.get(program).and_then(|found| found.instructions.first()) else {
        return Ok(None);
    };
    let instructions = scaled(*count, work(network, training), work(&its_network, &its_training));
    Ok(Some(Estimate { board: TRAINED_ON, what: "a training step in f32", instructions }))
}

/// The code of programs like the one that the device will run.
///
/// # Errors
///
/// As for [`of_a_sample`].
pub fn code() -> Result<Vec<Code>> {
    let measured = measured()?;
    let programs = [
        ("classify_int8", "classifying in int8", INT8_MODEL + TEST_DIGITS),
        ("classify_digits", "classifying in f32", FLOAT_MODEL + TEST_DIGITS),
        ("train_on_device", "training in f32", TRAINING_DIGITS),
    ];
    let code = programs.iter().filter_map(|(program, what, data)| {
        let bytes = measured.get(*program)?.flash.saturating_sub(*data);
        Some(Code { board: TRAINED_ON, what, bytes })
    });
    Ok(code.collect())
}

/// The settings of a measured training.
fn trained(sparsity: Sparsity, batch: usize) -> TrainingConfig {
    let method = Method::Sgd { momentum: 0.9 };
    TrainingConfig {
        sparsity,
        corruption: Corruption::NONE,
        guard: Guard::NONE,
        dictionary: Dictionary::FREE,
        optimizer: Optimizer { method, rate: 1e-3, schedule: Schedule::Constant, decay: 0.0 },
        batch,
        steps: 1,
    }
}

/// The operations of a training step.
fn work(network: &Network, training: &TrainingConfig) -> u64 {
    let nominal = Nominal::new(*network, *training, 0);
    Phase::all(network.depth()).map(|phase| nominal.of(phase).operations).sum::<f64>() as u64
}

fn scaled(instructions: u64, work: u64, of: u64) -> u64 {
    let scaled = u128::from(instructions) * u128::from(work) / u128::from(of.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)
    }

    /// What is no code is as long as what the programs have.
    #[test]
    fn the_programs_models_are_these() {
        let bytes = |name: &str| fs::read(fixture(name)).unwrap();
        assert_eq!(bytes("models/mnist-conv16.wta").len() as u64, FLOAT_MODEL);
        assert_eq!(bytes("models/mnist-conv16-int8.wta").len() as u64, INT8_MODEL);
        let words =
            crate::memory::flash::as_in_flash(&bytes("models/mnist-conv16.wta"), String::new).unwrap();
        let all: &[u8] = bytemuck::cast_slice(&words);
        let model = wta_core::Model::parse(&all[..FLOAT_MODEL as usize]).unwrap();
        let features = model.features();
        assert_eq!(multiply_adds_of(&[model.network()], features, 10), classified().unwrap());
    }

    #[test]
    fn the_network_that_was_measured_is_estimated_as_it_was_measured() {
        let measured = measured().unwrap();
        let counts = &measured["cores_thumbv7em"].instructions;
        let found = of_a_sample(classified().unwrap()).unwrap();
        let m4: Vec<u64> =
            found.iter().filter(|e| e.board == TRAINED_ON).map(|estimate| estimate.instructions).collect();
        assert_eq!(m4, [counts[0], counts[2]]);
        assert!(code().unwrap().iter().all(|code| (20_000..100_000).contains(&code.bytes)), "{:?}", code());
    }

    /// A program with twice the maps and three times the images was measured, too.
    #[test]
    fn a_larger_training_is_estimated_from_a_smaller_one() {
        let layers = [Conv::new(16, Size::square(5)); 2];
        let network = Network::convolutional(Shape::new(1, 28, 28), &layers, Size::square(11)).unwrap();
        let training = trained(Sparsity::lifetime(0.5), 100);
        let found = of_a_step(&network, &training).unwrap().unwrap();
        let real = measured().unwrap()["train_on_device_16"].instructions[0];
        let ratio = found.instructions as f64 / real as f64;
        assert!((0.7..1.4).contains(&ratio), "{ratio}");
        let one = Network::fully_connected(64, &[32]).unwrap();
        let found = of_a_step(&one, &trained(Sparsity::lifetime(0.05), 20)).unwrap().unwrap();
        assert_eq!(found.instructions, measured().unwrap()["step_fc"].instructions[0]);
    }
}
