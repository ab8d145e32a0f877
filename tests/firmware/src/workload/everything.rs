//! Each of the core's calls, as small as it can be, for the depth of its stack and to be linked: a function
//! for each makes what it needs and uses it, as an application's would.

use wta_core::int8::{Int8Classifier, Int8Extractor, Int8Kernels, Portable};
use wta_core::{
    Classifier, ContrastiveDivergence, Conv, Corruption, Cut, Encoder, Error, Extractor, Initial,
    Int8Pipeline, Learner, Method, Model, Network, Novelty, Optimizer, Parameters, Pipeline, Pool, Random,
    Rbm, RbmTrainer, Result, Scalar, Schedule, Scratch, Selection, Shape, Size, Sparsity, StreamTrainer, Svm,
    Trainer, TrainingConfig, TrainingLen, UnitTrainer, Winners, extractor_len, novelty_len, rbm_training_len,
    runs, sample, spatial, stream_training_len, training_len, unit_norm, unit_training_len,
};
use wta_simd::Dsp;

/// What a call is given: memory, and the model with preprocessing.
pub(crate) type Call = fn(&mut Memory, &[u8]) -> Result<()>;

/// The calls, by the names that they are reported under.
pub(crate) const CALLS: [(&str, Call); 18] = [
    ("initialise", initialise),
    ("parse", parse),
    ("features", features),
    ("classify", classify),
    ("classify_int8", classify_int8),
    ("classify_int8_dsp", classify_int8_dsp),
    ("pipeline", pipeline),
    ("pipeline_int8", pipeline_int8),
    ("pipeline_int8_dsp", pipeline_int8_dsp),
    ("pipeline_stacked", pipeline_stacked),
    ("encode", encode),
    ("novelty", novelty),
    ("train", train),
    ("train_all", train_all),
    ("train_stream", train_stream),
    ("train_units", train_units),
    ("train_rbm", train_rbm),
    ("rbm", rbm),
];

const SIDE: usize = 12;
const PIXELS: usize = SIDE * SIDE;
const UNITS: usize = 10;
const BATCH: usize = 4;

/// With a stride, a rectangular kernel and another number of maps in each layer.
const CONV: Network = network(Network::convolutional(
    Shape::new(1, SIDE, SIDE),
    &[
        Conv::new(3, Size::square(3)),
        Conv::with_stride(5, Size::new(3, 2), Size::new(2, 3)),
        Conv::new(6, Size::ONE),
    ],
    Size::square(5),
));
const FC: Network = network(Network::fully_connected(PIXELS, &[UNITS]));
const TIED: Network = network(FC.tied());

const fn network(made: Result<Network>) -> Network {
    match made {
        Ok(network) => network,
        Err(_) => panic!("not a network"),
    }
}

const fn training(selection: Selection, method: Method, corruption: Corruption) -> TrainingConfig {
    let optimizer = Optimizer { method, rate: 1e-3, schedule: Schedule::Linear, decay: 1e-4 };
    let sparsity = Sparsity { grid: Size::ONE, selection };
    TrainingConfig { corruption, ..TrainingConfig::new(sparsity, optimizer, BATCH, 10) }
}

const SGD: Method = Method::Sgd { momentum: 0.9 };
const LIFETIME: Selection = Selection::Lifetime { rate: 0.5 };
const PLAIN: TrainingConfig = training(LIFETIME, SGD, Corruption::NONE);
const RICH: TrainingConfig = TrainingConfig {
    sparsity: Sparsity { grid: Size::new(2, 2), selection: Selection::PerSample { count: 4 } },
    ..training(LIFETIME, Method::ADAM, Corruption { input: 0.1, hidden: 0.1, seed: 1 })
};

/// The longest of the lengths that the trainings need.
const LEN: TrainingLen = longest(&[
    training_len(&CONV, &RICH.sparsity, &RICH.optimizer.method, BATCH),
    training_len(&CONV, &PLAIN.sparsity, &PLAIN.optimizer.method, BATCH),
    stream_training_len(&CONV, &SGD, BATCH),
    unit_training_len(&FC, &PLAIN.sparsity, &SGD, BATCH),
    rbm_training_len(&TIED, BATCH),
]);

const fn longest(lens: &[TrainingLen]) -> TrainingLen {
    let mut longest = TrainingLen { parameters: 0, moments: 0, floats: 0, indices: 0, cuts: 0 };
    let mut rest = lens;
    while let [len, others @ ..] = rest {
        longest = TrainingLen {
            parameters: longer(longest.parameters, len.parameters),
            moments: longer(longest.moments, len.moments),
            floats: longer(longest.floats, len.floats),
            indices: longer(longest.indices, len.indices),
            cuts: longer(longest.cuts, len.cuts),
        };
        rest = others;
    }
    longest
}

const fn longer(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Numbers for models that are known when the program runs.
const NUMBERS: usize = 4096;

/// Classes of the digits' classifiers.
const CLASSES: usize = 10;

/// Maps of the code.
const MAPS: usize = CONV.code().channels;

const MODEL: Error = Error::Invalid("the model lacks what this program uses of it");

/// All memory; the calls take it in turn.
pub(crate) struct Memory {
    parameters: [f32; LEN.parameters],
    moments: [f32; LEN.moments],
    floats: [f32; LEN.floats],
    indices: [u32; LEN.indices],
    cuts: [Cut; LEN.cuts],
    images: [f32; BATCH * PIXELS],
    numbers: [f32; NUMBERS],
    words: [u32; NUMBERS],
    halves: [i16; 2 * NUMBERS],
}

impl Memory {
    /// Before the first call.
    pub(crate) const fn new() -> Self {
        Self {
            parameters: [0.0; LEN.parameters],
            moments: [0.0; LEN.moments],
            floats: [0.0; LEN.floats],
            indices: [0; LEN.indices],
            cuts: [Cut { threshold: 0.0, ties_below: 0 }; LEN.cuts],
            images: [0.0; BATCH * PIXELS],
            numbers: [0.0; NUMBERS],
            words: [0; NUMBERS],
            halves: [0; 2 * NUMBERS],
        }
    }
}

/// Bytes at a multiple of 16, as a `model.wta` should lie.
#[repr(C, align(16))]
struct Flash<T: ?Sized>(T);

static DIGITS: &Flash<[u8]> = &Flash(*include_bytes!("../../../../fixtures/models/mnist-conv16.wta"));
static DIGITS_INT8: &Flash<[u8]> =
    &Flash(*include_bytes!("../../../../fixtures/models/mnist-conv16-int8.wta"));
static STACK: &Flash<[u8]> = &Flash(*include_bytes!(concat!(env!("OUT_DIR"), "/stack.wta")));

/// An image as a sensor would give it.
fn ramp(y: usize, row: &mut [f32]) {
    row.iter_mut().zip(0u8..).for_each(|(to, x)| *to = f32::from(x) + y as f32);
}

/// The same in bytes.
fn byte_ramp(y: usize, row: &mut [i16]) {
    row.iter_mut().zip(0i16..).for_each(|(to, x)| *to = (x + y as i16) % 255);
}

/// So many numbers of memory.
fn part<T>(memory: &mut [T], len: usize) -> &mut [T] {
    memory.get_mut(..len).unwrap_or_default()
}

fn scratch<'m>(
    len: &TrainingLen,
    floats: &'m mut [f32],
    indices: &'m mut [u32],
    cuts: &'m mut [Cut],
) -> Scratch<'m> {
    Scratch {
        floats: part(floats, len.floats),
        indices: part(indices, len.indices),
        cuts: part(cuts, len.cuts),
    }
}

#[inline(never)]
fn initialise(memory: &mut Memory, _: &[u8]) -> Result<()> {
    let mut random = Random::new(1);
    memory.images.iter_mut().for_each(|pixel| *pixel = random.uniform());
    random.shuffle(&mut memory.indices);
    CONV.initialise(Initial::He, 1, part(&mut memory.parameters, CONV.parameters_len()))
}

#[inline(never)]
fn parse(_: &mut Memory, _: &[u8]) -> Result<()> {
    let model = Model::parse(&DIGITS.0)?;
    if model.classes() == CLASSES { Ok(()) } else { Err(MODEL) }
}

#[inline(never)]
fn features(memory: &mut Memory, _: &[u8]) -> Result<()> {
    let parameters = Parameters::new(CONV, part(&mut memory.parameters, CONV.parameters_len()))?;
    const POOL: Pool = Pool::square(2, 2).average();
    let len = extractor_len(&CONV, &POOL);
    let mut extractor = Extractor::new(Scalar, parameters, POOL, true, part(&mut memory.floats, len))?;
    let features = part(&mut memory.moments, extractor.shape().len());
    extractor.features(ramp, features)?;
    unit_norm(features);
    Ok(())
}

#[inline(never)]
fn classify(memory: &mut Memory, _: &[u8]) -> Result<()> {
    let model = Model::parse(&DIGITS.0)?;
    let (Some(parameters), Some(svm)) = (model.parameters(), model.svm()) else { return Err(MODEL) };
    let len = extractor_len(&model.network(), &model.pool());
    let rows = part(&mut memory.numbers, len);
    let mut scores = [0.0; CLASSES];
    let extractor = Extractor::new(Scalar, parameters, model.pool(), model.sqrt_features(), rows)?;
    Classifier::new(extractor, svm, &mut scores)?.classify(ramp).map(drop)
}

#[inline(never)]
fn classify_int8(memory: &mut Memory, _: &[u8]) -> Result<()> {
    classify_by(Portable, memory)
}

#[inline(never)]
fn classify_int8_dsp(memory: &mut Memory, _: &[u8]) -> Result<()> {
    classify_by(Dsp, memory)
}

#[inline(always)]
fn classify_by<K: Int8Kernels>(kernels: K, memory: &mut Memory) -> Result<()> {
    let model = Model::parse(&DIGITS_INT8.0)?;
    let (Some(network), Some(svm)) = (model.int8(), model.int8_svm()) else { return Err(MODEL) };
    let rows = part(&mut memory.halves, Int8Extractor::<K>::memory_len(network.network(), &model.pool()));
    let mut sums = [0; CLASSES];
    let extractor = Int8Extractor::new(kernels, network, model.pool(), model.sqrt_features(), rows)?;
    Int8Classifier::new(extractor, svm, &mut sums)?.classify(byte_ramp).map(drop)
}

#[inline(never)]
fn pipeline(memory: &mut Memory, _: &[u8]) -> Result<()> {
    run_pipeline(&DIGITS.0, memory)
}

#[inline(never)]
fn pipeline_stacked(memory: &mut Memory, _: &[u8]) -> Result<()> {
    run_pipeline(&STACK.0, memory)
}

#[inline(always)]
fn run_pipeline(model: &[u8], memory: &mut Memory) -> Result<()> {
    let model = Model::parse(model)?;
    let len = Pipeline::memory_len(&model);
    Pipeline::new(model, part(&mut memory.numbers, len))?.classify(ramp).map(drop)
}

#[inline(never)]
fn pipeline_int8(memory: &mut Memory, model: &[u8]) -> Result<()> {
    run_pipeline_by(Portable, model, memory)
}

#[inline(never)]
fn pipeline_int8_dsp(memory: &mut Memory, model: &[u8]) -> Result<()> {
    run_pipeline_by(Dsp, model, memory)
}

#[inline(always)]
fn run_pipeline_by<K: Int8Kernels>(kernels: K, model: &[u8], memory: &mut Memory) -> Result<()> {
    let model = Model::parse(model)?;
    let len = Int8Pipeline::<K>::memory_len(&model);
    let mut pipeline = Int8Pipeline::new(kernels, model, part(&mut memory.words, len))?;
    let class = pipeline.classify(ramp)?;
    model.class_name(class).map(drop).ok_or(MODEL)
}

/// An image whole, from its pixels to its code and back.
#[inline(never)]
fn encode(memory: &mut Memory, _: &[u8]) -> Result<()> {
    const POOL: Pool = Pool::square(2, 2);
    let parameters = Parameters::new(CONV, part(&mut memory.parameters, CONV.parameters_len()))?;
    let encoder = Encoder::new(Scalar, parameters, &mut [])?;
    let inputs = part(&mut memory.floats, CONV.inputs_len());
    encoder.load(1, 0, part(&mut memory.images, PIXELS), inputs)?;
    encoder.hidden(1, inputs, &mut [])?;
    let (code, rest) = memory.numbers.split_at_mut_checked(CONV.code_len()).unwrap_or_default();
    encoder.top(1, inputs, &mut [], code)?;
    let pooled = POOL.output(CONV.code());
    POOL.run(Scalar, CONV.code(), code, part(rest, pooled.len()))?;
    let svm = Svm::new(pooled.len(), part(&mut memory.moments, pooled.len()), &[0.0])?;
    svm.classify(part(rest, pooled.len()))?;
    let (values, positions) =
        (part(code, CONV.code().channels), part(&mut memory.indices, CONV.code().channels));
    spatial(
        Scalar,
        Shape::new(CONV.code().channels, 1, 1),
        Size::ONE,
        part(rest, values.len()),
        values,
        positions,
    );
    let (residual, image) = rest.split_at_mut_checked(CONV.residual_len()).unwrap_or_default();
    Learner::new(Scalar, parameters).reconstruct(Winners { values, positions }, residual, part(image, PIXELS))
}

#[inline(never)]
fn novelty(memory: &mut Memory, _: &[u8]) -> Result<()> {
    let parameters = Parameters::new(CONV, part(&mut memory.parameters, CONV.parameters_len()))?;
    let (numbers, positions) =
        (part(&mut memory.numbers, novelty_len(&CONV)), part(&mut memory.indices, MAPS));
    Novelty::new(Scalar, parameters, 2, numbers, positions)?.score(ramp).map(drop)
}

/// Defines a call that trains for a few steps.
macro_rules! training {
    ($(#[$meta:meta])* $name:ident: $trainer:ident, $network:ident, $config:expr, $len:expr, $rows:expr) => {
        $(#[$meta])*
        #[inline(never)]
        fn $name(memory: &mut Memory, _: &[u8]) -> Result<()> {
            const LEN: TrainingLen = $len;
            let Memory { parameters, moments, floats, indices, cuts, images, .. } = memory;
            let (parameters, moments) = (part(parameters, LEN.parameters), part(moments, LEN.moments));
            $network.initialise(Initial::He, 1, parameters)?;
            moments.fill(0.0);
            let scratch = scratch(&LEN, floats, indices, cuts);
            let mut trainer = $trainer::new(Scalar, $network, $config, 0, parameters, moments, scratch)?;
            for _ in 0..2 {
                trainer.step(runs(images, PIXELS).map($rows))?;
            }
            Ok(())
        }
    };
}

training!(train: Trainer, CONV, PLAIN, training_len(&CONV, &PLAIN.sparsity, &SGD, BATCH), |image| image);
training!(
    /// With corruption, a grid of winners, k-sparse codes and Adam.
    train_all: Trainer, CONV, RICH, training_len(&CONV, &RICH.sparsity, &RICH.optimizer.method, BATCH), |image| image
);
training!(train_stream: StreamTrainer, CONV, PLAIN, stream_training_len(&CONV, &SGD, BATCH), |image| image);
training!(train_units: UnitTrainer, FC, PLAIN, unit_training_len(&FC, &PLAIN.sparsity, &SGD, BATCH), |image| image);

#[inline(never)]
fn train_rbm(memory: &mut Memory, _: &[u8]) -> Result<()> {
    const LEN: TrainingLen = rbm_training_len(&TIED, BATCH);
    let Memory { parameters, moments, floats, indices, cuts, images, .. } = memory;
    let (parameters, moments) = (part(parameters, LEN.parameters), part(moments, LEN.moments));
    TIED.initialise(Initial::He, 1, parameters)?;
    moments.fill(0.0);
    let scratch = scratch(&LEN, floats, indices, cuts);
    let divergence = ContrastiveDivergence { steps: 1, persistent: false, seed: 1 };
    let mut trainer = RbmTrainer::new(Scalar, TIED, PLAIN, divergence, 0, parameters, moments, scratch)?;
    trainer.step(runs(images, PIXELS)).map(drop)
}

#[inline(never)]
fn rbm(memory: &mut Memory, _: &[u8]) -> Result<()> {
    let rbm = Rbm::new(Scalar, Parameters::new(TIED, part(&mut memory.parameters, TIED.parameters_len()))?)?;
    let image = part(&mut memory.images, PIXELS);
    let (code, rest) = memory.numbers.split_at_mut_checked(UNITS).unwrap_or_default();
    rbm.encode(&[], image, part(rest, UNITS), code)?;
    rbm.decode(code, part(rest, PIXELS))?;
    let draws = ContrastiveDivergence { steps: 1, persistent: false, seed: 1 }.draws(0, 0, 0);
    sample(draws, code, 1, 0, &mut memory.indices);
    Ok(())
}
