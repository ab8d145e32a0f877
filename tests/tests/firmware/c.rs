//! C programs with the C library: built by Arm's gcc, run on the board, with the host's numbers and without a
//! panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use wta_core::int8::{Int8Classifier, Int8Extractor, Portable};
use wta_core::{
    Classifier, Conv, Corruption, Cut, Dictionary, Extractor, Guard, Initial, Int8Pipeline, Method, Model,
    Network, Novelty, Optimizer, Parameters, Rows, Scalar, Schedule, Scratch, Shape, Size, Sparsity,
    StreamTrainer, TrainingConfig, extractor_len, novelty_len, stream_training_len, unit_training_len,
};
use wta_tests::{emulator, require, run};

use crate::board::{Board, TMPDIR, assert_same_bits, board};
use crate::{FIXTURES, bearing, digits, motions};

/// Test digits that are classified, and training digits.
const TEST_DIGITS: usize = 20;
const TRAIN_DIGITS: usize = 48;
const SCALE: f32 = 1.0 / 255.0;

#[path = "../../firmware/src/workload/detect_bearing.rs"]
#[allow(clippy::duplicate_mod, dead_code, reason = "another program with a part of the same workload")]
mod detection;

/// A compiler, and the library with what the programs link besides.
struct Toolchain {
    board: &'static Board,
    gcc: PathBuf,
    library: PathBuf,
    /// The library with a function that can panic.
    panicking: PathBuf,
    flash: PathBuf,
}

fn toolchain() -> Option<&'static Toolchain> {
    static TOOLCHAIN: OnceLock<Option<Toolchain>> = OnceLock::new();
    let make = || {
        let board = board()?;
        let gcc = require(emulator::find("arm-none-eabi-gcc", "gcc-arm-none-eabi"))?;
        // One after the other, as both are called `libwta_c.a`.
        let panicking = Path::new(TMPDIR).join("libwta_c_panics.a");
        fs::copy(library(board, "dsp,panics"), &panicking).unwrap();
        let library = library(board, "dsp");
        let flash = Path::new(TMPDIR).join("c-flash");
        fs::create_dir_all(&flash).unwrap();
        fs::write(flash.join("test_images"), digits::images("t10k", TEST_DIGITS)).unwrap();
        fs::write(flash.join("train_images"), digits::images("train", TRAIN_DIGITS)).unwrap();
        fs::write(flash.join("windows"), motions::windows()).unwrap();
        fs::write(flash.join("bearing_normal"), bearing::samples("normal")).unwrap();
        fs::write(flash.join("bearing_inner"), bearing::samples("inner_7")).unwrap();
        Some(Toolchain { board, gcc, library, panicking, flash })
    };
    TOOLCHAIN.get_or_init(make).as_ref()
}

/// The library with these features, built.
fn library(board: &Board, features: &str) -> PathBuf {
    // The profile `firmware` by another name, under which `core` is built already.
    let mut cargo = board.cross().cargo_as_for_firmware("build", TMPDIR);
    cargo.args(["-p", "wta-c", "--features", features]);
    let built = run(cargo).unwrap();
    assert!(built.success(), "cargo: {}\n{}", built.ending(), built.output);
    board.cross().programs(TMPDIR, "release").join("libwta_c.a")
}

impl Toolchain {
    /// The command of tests/firmware/README.md.
    fn link(&self, source: &Path, library: &Path, program: &Path) -> Command {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/c");
        let mut gcc = Command::new(&self.gcc);
        gcc.current_dir(&here);
        gcc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-ffreestanding"]);
        gcc.args(["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]);
        gcc.args(["-ffunction-sections", "-fdata-sections", "-I../../../core/c/include", "-I."]);
        gcc.arg("-I").arg(&self.flash).arg("-I").arg(Path::new("../..").join(FIXTURES).join("models"));
        gcc.arg(source).args(["board.c", "flash.S"]).arg(library);
        gcc.args(["-nostdlib", "-Wl,--gc-sections", "-Tboard.ld", "-lgcc", "-o"]).arg(program);
        gcc
    }

    /// A program, built.
    fn build(&self, name: &str) -> PathBuf {
        let program = Path::new(TMPDIR).join(name);
        let built = run(self.link(Path::new(&format!("{name}.c")), &self.library, &program)).unwrap();
        assert!(built.success(), "gcc: {}\n{}", built.ending(), built.output);
        program
    }
}

/// A fixture, aligned.
fn model(name: &str) -> Vec<u32> {
    let bytes = fs::read(Path::new(FIXTURES).join("models").join(name)).unwrap();
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

fn rows(image: &[u8]) -> impl Rows + '_ {
    move |y: usize, row: &mut [f32]| {
        let pixels = row.iter_mut().zip(&image[28 * y..]);
        pixels.for_each(|(to, pixel)| *to = f32::from(*pixel) * SCALE);
    }
}

#[test]
fn a_c_program_classifies_digits_with_the_hosts_scores() {
    let Some(tools) = toolchain() else { return };
    let program = tools.build("classify");
    let report = tools.board.run_file("c_classify", &program, Duration::from_secs(300));
    let images = digits::images("t10k", TEST_DIGITS);

    let words = model("mnist-conv16.wta");
    let parsed = Model::parse(bytemuck::cast_slice(&words)).unwrap();
    let (network, pool) = (parsed.network(), parsed.pool());
    let (mut memory, mut scores) = (vec![0.0; extractor_len(&network, &pool)], [0.0; 10]);
    let extractor =
        Extractor::new(Scalar, parsed.parameters().unwrap(), pool, parsed.sqrt_features(), &mut memory)
            .unwrap();
    let mut classifier = Classifier::new(extractor, parsed.svm().unwrap(), &mut scores).unwrap();
    let (mut expected, mut classes) = (Vec::new(), Vec::new());
    for image in images.chunks_exact(digits::PIXELS) {
        expected.extend(classifier.scores(rows(image)).unwrap());
        classes.push(classifier.classify(rows(image)).unwrap() as u64);
    }
    assert_same_bits("scores", &report.floats("scores"), &expected);
    assert_eq!(report.numbers("class"), classes);

    let words = model("mnist-conv16-int8.wta");
    let parsed = Model::parse(bytemuck::cast_slice(&words)).unwrap();
    // The DSP instructions want as much as the portable kernels do.
    let portable = Int8Extractor::<Portable>::memory_len(&network, &pool);
    let (f32, int8) = (4 * extractor_len(&network, &pool), 2 * portable + 4 * 10);
    assert_eq!(report.numbers("bytes"), [f32 as u64, int8 as u64]);
    let mut memory = vec![0; portable];
    let mut sums = [0; 10];
    let extractor =
        Int8Extractor::new(Portable, parsed.int8().unwrap(), pool, parsed.sqrt_features(), &mut memory)
            .unwrap();
    let mut classifier = Int8Classifier::new(extractor, parsed.int8_svm().unwrap(), &mut sums).unwrap();
    let (mut expected, mut classes) = (Vec::new(), Vec::new());
    for image in images.chunks_exact(digits::PIXELS) {
        expected.extend(classifier.scores(image).unwrap());
        classes.push(classifier.classify(image).unwrap() as u64);
    }
    assert_same_bits("int8 scores", &report.floats("scores_int8"), &expected);
    assert_eq!(report.numbers("class_int8"), classes);
}

/// Samples with a sign, in a model with preprocessing.
#[test]
fn a_c_program_tells_motions_apart_with_the_hosts_scores() {
    const STEPS: usize = 100;
    const AXES: usize = 6;
    let Some(tools) = toolchain() else { return };
    let program = tools.build("motions");
    let report = tools.board.run_file("c_motions", &program, Duration::from_secs(300));

    let words = model("motions.wta");
    let parsed = Model::parse(bytemuck::cast_slice(&words)).unwrap();
    let len = Int8Pipeline::<Portable>::memory_len(&parsed);
    assert_eq!((len, report.numbers("bytes")), (141, vec![4 * 141]));
    let mut memory = vec![0; len];
    let mut pipeline = Int8Pipeline::new(Portable, parsed, &mut memory).unwrap();
    let (mut expected, mut of_integers, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut negative = false;
    for window in motions::windows().chunks_exact(4 * AXES * STEPS) {
        let window: Vec<f32> =
            window.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
        let of = |place: usize| window[place % AXES * STEPS + place / AXES];
        let rows = |step: usize, row: &mut [f32]| {
            row.iter_mut().enumerate().for_each(|(axis, to)| *to = of(step * AXES + axis));
        };
        expected.extend(pipeline.scores(rows).unwrap());
        let class = pipeline.classify(rows).unwrap();
        names.push(parsed.class_name(class).unwrap().to_owned());
        let integers: Vec<i16> = (0..STEPS * AXES).map(|place| of(place) as i16).collect();
        negative |= integers.iter().any(|sample| *sample < 0);
        of_integers.extend(pipeline.scores(&integers[..]).unwrap());
    }
    assert_same_bits("scores", &report.floats("scores"), &expected);
    assert!(negative, "samples without a sign");
    assert_same_bits("scores of integers", &report.floats("scores_int16"), &of_integers);
    assert_eq!(report.texts("motion"), names);
}

#[test]
fn a_c_program_trains_to_the_hosts_weights() {
    const CONV: Conv = Conv::new(8, Size::square(5));
    const BATCH: usize = 8;
    const STEPS: usize = 6;
    let Some(tools) = toolchain() else { return };
    let program = tools.build("train");
    let report = tools.board.run_file("c_train", &program, Duration::from_secs(600));

    let network = Network::convolutional(Shape::new(1, 28, 28), &[CONV, CONV], Size::square(11)).unwrap();
    let training = TrainingConfig {
        sparsity: Sparsity::lifetime(0.5),
        corruption: Corruption::NONE,
        guard: Guard::NONE,
        dictionary: Dictionary::FREE,
        optimizer: Optimizer {
            method: Method::Sgd { momentum: 0.9 },
            rate: 1e-3,
            schedule: Schedule::Constant,
            decay: 0.0,
        },
        batch: BATCH,
        steps: STEPS as u64,
    };
    let len = stream_training_len(&network, &training.optimizer.method, BATCH);
    let novelty_bytes = 4 * (novelty_len(&network) + 8);
    assert_eq!(report.numbers("bytes"), [len.bytes() as u64, novelty_bytes as u64]);
    let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    network.initialise(Initial::He, 1, &mut parameters).unwrap();
    let mut trainer =
        StreamTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
    let images = digits::images("train", TRAIN_DIGITS);
    let batches = images.chunks_exact(BATCH * digits::PIXELS);
    let losses: Vec<f32> =
        batches.map(|batch| trainer.step(batch.chunks_exact(digits::PIXELS).map(rows)).unwrap()).collect();
    assert_same_bits("losses", &report.floats("loss"), &losses);
    assert_same_bits("weights", &report.floats("weights"), &parameters);

    let (mut floats, mut positions) = (vec![0.0; novelty_len(&network)], [0; 8]);
    let parameters = Parameters::new(network, &parameters).unwrap();
    let mut novelty = Novelty::new(Scalar, parameters, 0, &mut floats, &mut positions).unwrap();
    let stripes = |y: usize, row: &mut [f32]| {
        row.iter_mut()
            .enumerate()
            .for_each(|(x, to)| *to = if (x + y).is_multiple_of(3) { 1.0 } else { 0.0 });
    };
    let digit = novelty.score(rows(&images[..digits::PIXELS])).unwrap();
    let expected = [digit, novelty.score(stripes).unwrap()];
    assert_same_bits("novelty", &report.floats("novelty"), &expected);
    assert!(expected[0] < expected[1], "{expected:?}");
}

/// By the trainer with a gradient on the host, and unit by unit on the board.
#[test]
fn a_c_program_learns_vibration_and_tells_a_fault_after_a_loss_of_power() {
    let Some(tools) = toolchain() else { return };
    let report = tools.board.run_file("c_detect", &tools.build("detect"), Duration::from_secs(300));

    let mut memory = detection::Bearing::new();
    let mut detector = memory.detector().unwrap();
    let (normal, inner) = (bearing::samples("normal"), bearing::samples("inner_7"));
    detection::learn(&mut detector, &normal).unwrap();
    assert_same_bits("threshold", &report.floats("threshold"), &[detector.threshold().unwrap()]);
    let (mut alarms, mut first) = (Vec::new(), Vec::new());
    for (name, recording) in [("normal", detection::not_seen(&normal)), ("inner", &inner)] {
        let mut scores = Vec::new();
        let watched = detection::watch(&mut detector, recording, |score| scores.push(score)).unwrap();
        scores.truncate(200);
        assert_same_bits(name, &report.floats(name), &scores);
        alarms.push(u64::from(watched.alarms));
        first.push(u64::from(watched.first));
    }
    assert_eq!((report.numbers("alarms"), report.numbers("first")), (alarms.clone(), first.clone()));
    assert!(alarms[0] == 0 && alarms[1] > 0 && first[1] <= 4, "{alarms:?} {first:?}");
    assert!(report.ram() <= 96 * 1024, "{} bytes of RAM, two slots of flash included", report.ram());
}

#[test]
fn a_c_program_trains_unit_by_unit_to_the_hosts_weights() {
    const WINDOW: usize = 64;
    const BATCH: usize = 20;
    const STEPS: usize = 5;
    let Some(tools) = toolchain() else { return };
    let program = tools.build("train_fc");
    let report = tools.board.run_file("c_train_fc", &program, Duration::from_secs(300));

    let network = Network::fully_connected(WINDOW, &[32]).unwrap();
    let method = Method::Sgd { momentum: 0.9 };
    let training = TrainingConfig {
        sparsity: Sparsity::lifetime(0.05),
        corruption: Corruption::NONE,
        guard: Guard::NONE,
        dictionary: Dictionary::FREE,
        optimizer: Optimizer { method, rate: 0.01, schedule: Schedule::Constant, decay: 0.0 },
        batch: BATCH,
        steps: STEPS as u64,
    };
    let units = unit_training_len(&network, &training.sparsity, &method, BATCH).bytes();
    assert_eq!(report.numbers("bytes"), [(units + 4 * WINDOW) as u64]);
    let len = stream_training_len(&network, &method, BATCH);
    let (mut parameters, mut moments) = (vec![0.0; len.parameters], vec![0.0; len.moments]);
    let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
    let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    network.initialise(Initial::He, 1, &mut parameters).unwrap();
    let mut trainer =
        StreamTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch).unwrap();
    let (mut random, mut losses) = (1u32, Vec::new());
    for _ in 0..STEPS {
        let mut batch = [0.0; BATCH * WINDOW];
        for to in &mut batch {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *to = f32::from((random >> 16) as u16 as i16) * (1.0 / 32768.0);
        }
        let windows = batch.chunks_exact(WINDOW);
        let windows = windows.map(|window| |_: usize, row: &mut [f32]| row.copy_from_slice(window));
        losses.push(trainer.step(windows).unwrap());
    }
    assert_same_bits("losses", &report.floats("loss"), &losses);
    assert_same_bits("weights", &report.floats("weights"), &parameters);
}

/// That the C programs link shows that no panic is linked, as one that is keeps a program from it.
#[test]
fn a_c_program_that_can_panic_does_not_link() {
    let Some(tools) = toolchain() else { return };
    let source = Path::new(TMPDIR).join("panics.c");
    fs::write(
        &source,
        "#include \"board.h\"\nunsigned char wta_panics(size_t);\n\
         int main(void) { return wta_panics(stack_high_water()); }\n",
    )
    .unwrap();
    let program = Path::new(TMPDIR).join("panics");
    let linked = run(tools.link(&source, &tools.panicking, &program)).unwrap();
    assert!(!linked.success(), "it linked:\n{}", linked.output);
    assert!(linked.output.contains("wta_a_panic_is_linked"), "{}", linked.output);
}
