//! `model.wta` with its checksums repaired: what is accepted does all that a device asks of it, the same
//! twice, and survives being passed on.

#[path = "../../../core/tests/blob/mod.rs"]
mod blob;

use blob::{Contents, Flash};
use wta_core::int8::{Int8Classifier, Int8Extractor, Int8Svm, Portable, packed_len};
use wta_core::model::{
    AVERAGE, BELOW, CLASS_NAMES, INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS,
    INT8_SVM_BIASES, INT8_SVM_SCALES, INT8_SVM_WEIGHTS, INT8_WEIGHTS, PARAMETERS, PLANAR, PREPROCESSED,
    PREPROCESSING, SQRT_FEATURES, STACKED, STEPPED, SVM_BIASES, SVM_WEIGHTS, TIED, TRIANGLE, WHOLE_STACK,
};
use wta_core::preprocess::{CHANNELS, CONTRAST, LOCAL_CONTRAST, NUMBERS, UNIFORM, WHITENING};
use wta_core::{
    Conv, Corruption, Dictionary, Encoder, Guard, Int8Pipeline, Method, Model, Network, Novelty, Optimizer,
    Pipeline, Pool, Scalar, Schedule, Shape, Size, Sparsity, TrainingConfig, novelty_len,
};

use super::rules::sentence;

/// The most multiplications of a layer that are computed: a small file may describe a large image.
const MOST_WORK: usize = 1 << 24;

/// Parses a model as it is and with repaired checksums.
pub fn run(bytes: &[u8]) -> bool {
    let mut flash = Flash::default();
    if let Err(error) = Model::parse(flash.hold(bytes, 0)) {
        sentence(&error);
    }
    let mut repaired = bytes.to_vec();
    repair(&mut repaired);
    assert!(Model::parse(flash.hold(&repaired, 2)).is_err(), "not at a multiple of 4");
    let bytes = flash.hold(&repaired, 4);
    let model = match Model::parse(bytes) {
        Ok(model) => model,
        Err(error) => {
            sentence(&error);
            return false;
        }
    };
    passed_on(&model);
    assert_eq!(described(&Model::again(bytes).unwrap()), described(&model));
    if layers(&model).iter().all(is_small) {
        let once = uses(&model);
        assert!(once == uses(&model), "another result the second time");
    }
    true
}

/// Repairs lengths and checksums of a model and of those in it, the innermost first.
fn repair(bytes: &mut [u8]) {
    for at in (0..bytes.len() / 16).rev().map(|block| 16 * block) {
        let rest = &mut bytes[at..];
        if rest.starts_with(b"WTAMODEL") && rest.len() >= 20 {
            let stated = u32::from_le_bytes([rest[12], rest[13], rest[14], rest[15]]) as usize;
            let len = if at > 0 && (20..=rest.len()).contains(&stated) { stated } else { rest.len() };
            blob::seal(&mut rest[..len]);
        }
    }
}

fn layers<'a>(model: &Model<'a>) -> Vec<Model<'a>> {
    std::iter::successors(Some(*model), Model::below).collect()
}

fn described(model: &Model<'_>) -> String {
    format!("{:?}", model.description())
}

fn is_small(model: &Model<'_>) -> bool {
    let network = model.network();
    let work = |layer: wta_core::Layer| {
        let outputs = layer.padded().len().saturating_mul(layer.conv.maps);
        outputs.saturating_mul(layer.conv.kernel.height.saturating_mul(layer.conv.kernel.width))
    };
    let pooled = model.pool().output(network.code()).len();
    let windows = pooled.saturating_mul(model.pool().kernel.height.saturating_mul(model.pool().kernel.width));
    let all = network.layers().map(work).fold(windows, usize::saturating_add);
    let preprocessed = network.input().len().saturating_mul(network.input().len());
    let of_classes = model.features().saturating_mul(model.classes());
    let limits =
        [all, of_classes, network.residual_len(), if model.needs_pipeline() { preprocessed } else { 0 }];
    limits.into_iter().all(|work| work <= MOST_WORK)
}

/// With all its sections, by a writer: the same model, and then the same bytes.
fn passed_on(model: &Model<'_>) {
    let write = |model: &Model<'_>| {
        let writer = model.writer().unwrap();
        let mut bytes = vec![0; writer.len()];
        assert_eq!(writer.write_to(&mut bytes).unwrap(), bytes.len());
        bytes
    };
    let mut flash = Flash::default();
    let once = write(model);
    let again = Model::parse(flash.hold(&once, 0)).unwrap();
    assert_eq!(described(&again), described(model));
    let tags = [PARAMETERS, SVM_WEIGHTS, SVM_BIASES, INT8_WEIGHTS, PREPROCESSING, BELOW, CLASS_NAMES];
    for tag in tags {
        assert_eq!(again.section(tag), model.section(tag), "{tag:?}");
    }
    assert_eq!(again.training(), model.training());
    assert_eq!(write(&again), once);
}

/// All that a device does with a model; bits of the results.
fn uses(model: &Model<'_>) -> Vec<u32> {
    let mut results = Vec::new();
    names(model);
    floats(model, &mut results);
    float_pipeline(model, &mut results);
    integers(model, &mut results);
    integer_pipeline(model, &mut results);
    if let Some(state) = model.training().unwrap() {
        state.config.check(&model.network()).unwrap();
        assert!(model.parameters().unwrap().has_decoder());
    }
    results
}

fn names(model: &Model<'_>) {
    if let Some(names) = model.class_names() {
        assert!((0..model.classes()).all(|class| names.get(class).is_some()));
    }
    assert_eq!(model.class_name(model.classes()), None);
}

/// Samples as a sensor gives them.
fn sample(len: usize) -> Vec<i16> {
    (0..len).map(|index| (index * 37 % 256) as i16).collect()
}

/// Whole maps at once.
fn floats(model: &Model<'_>, results: &mut Vec<u32>) {
    let (Some(parameters), network) = (model.parameters(), model.network()) else { return };
    let encoder = Encoder::new(Scalar, parameters, &mut []).unwrap();
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
    let image: Vec<f32> =
        sample(network.input().len()).into_iter().map(|pixel| f32::from(pixel) * model.scale()).collect();
    if let Err(error) = encoder.load(1, 0, &image, &mut inputs) {
        return sentence(&error);
    }
    encoder.hidden(1, &mut inputs, &mut []).unwrap();
    encoder.top(1, &inputs, &mut [], &mut code).unwrap();
    let mut features = vec![0.0; model.features()];
    model.pool().run(Scalar, network.code(), &code, &mut features).unwrap();
    results.extend(features.iter().map(|feature| feature.to_bits()));
    if let Some(svm) = model.svm() {
        match svm.classify(&features) {
            Ok(class) => assert!(class < model.classes()),
            Err(error) => sentence(&error),
        }
    }
    let (mut memory, mut positions) = (vec![0.0; novelty_len(&network)], vec![0; network.code().channels]);
    let novelty = Novelty::new(Scalar, parameters, 0, &mut memory, &mut positions);
    assert_eq!(novelty.is_ok(), parameters.has_decoder());
}

fn float_pipeline(model: &Model<'_>, results: &mut Vec<u32>) {
    let mut memory = vec![0.0; Pipeline::memory_len(model)];
    let mut pipeline = match Pipeline::new(*model, &mut memory) {
        Ok(pipeline) => pipeline,
        Err(error) => return sentence(&error),
    };
    let samples = sample(model.lowest().network().input().len());
    let mut features = vec![0.0; pipeline.shape().len()];
    assert_eq!(features.len(), model.features());
    match pipeline.features(&samples[..], &mut features) {
        Ok(()) => results.extend(features.iter().map(|feature| feature.to_bits())),
        Err(error) => sentence(&error),
    }
    match pipeline.classify(&samples[..]) {
        Ok(class) => assert!(class < model.classes()),
        Err(error) => sentence(&error),
    }
    assert!(pipeline.features(&samples[..samples.len() - 1], &mut features).is_err());
}

/// In 8 bits, of a model that takes bytes.
fn integers(model: &Model<'_>, results: &mut Vec<u32>) {
    let (Some(network), image) = (model.int8(), vec![100u8; model.network().input().len()]) else { return };
    assert!(model.int8_feature_scale().is_some());
    let mut memory = vec![0; Int8Extractor::<Portable>::memory_len(network.network(), &model.pool())];
    let (pool, root) = (model.pool(), model.sqrt_features());
    let mut extractor = match Int8Extractor::new(Portable, network, pool, root, &mut memory) {
        Ok(extractor) => extractor,
        Err(error) => return sentence(&error),
    };
    let mut features = vec![0; model.features()];
    extractor.features(&image[..], &mut features).unwrap();
    assert!(features.iter().all(|feature| (0..=255).contains(feature)), "{features:?}");
    results.extend(features.iter().map(|feature| *feature as u32));
    let Some(svm) = model.int8_svm() else { return };
    let mut sums = vec![0; svm.classes()];
    let class = Int8Classifier::new(extractor, svm, &mut sums).unwrap().classify(&image[..]).unwrap();
    assert!(class < model.classes());
}

fn integer_pipeline(model: &Model<'_>, results: &mut Vec<u32>) {
    let mut memory = vec![0; Int8Pipeline::<Portable>::memory_len(model)];
    let mut pipeline = match Int8Pipeline::new(Portable, *model, &mut memory) {
        Ok(pipeline) => pipeline,
        Err(error) => return sentence(&error),
    };
    let samples = sample(model.lowest().network().input().len());
    let mut features = vec![0; model.features()];
    match pipeline.features(&samples[..], &mut features) {
        Ok(()) => {
            assert!(features.iter().all(|feature| (0..=255).contains(feature)), "{features:?}");
            results.extend(features.iter().map(|feature| *feature as u32));
        }
        Err(error) => sentence(&error),
    }
    match pipeline.classify(&samples[..]) {
        Ok(class) => assert!(class < model.classes()),
        Err(error) => sentence(&error),
    }
}

/// Every kind of model, written from its description.
pub fn seeds() -> Vec<Vec<u8>> {
    let plain = convolutional();
    let averaged = Contents { pool: plain.pool.average(), flags: SQRT_FEATURES | AVERAGE, ..plain.clone() };
    let triangle = Contents { pool: plain.pool.triangle(), flags: TRIANGLE, ..plain.clone() };
    let contents = [plain, averaged, triangle, quantised(), stacked(), preprocessed(), whole_stack()];
    let written = contents.iter().map(Contents::write);
    let motions = include_bytes!("../../../fixtures/models/motions.wta").to_vec();
    written.chain([training(), motions]).collect()
}

fn integers_from_1(len: usize) -> Vec<u8> {
    (0..len as u32).flat_map(|i| ((i + 1) << 20).to_le_bytes()).collect()
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 37) as u8).collect()
}

fn convolutional() -> Contents {
    let layers = [Conv::new(3, Size::square(3)), Conv::with_stride(4, Size::new(2, 3), Size::new(1, 2))];
    let network = Network::convolutional(Shape::new(1, 6, 7), &layers, Size::square(5)).unwrap();
    let pool = Pool::square(3, 2);
    let features = pool.output(network.code()).len();
    let sections = vec![
        (PARAMETERS, Contents::numbers(network.parameters_len())),
        (SVM_WEIGHTS, Contents::numbers(3 * features)),
        (*b"MORE", vec![7; 5]),
        (SVM_BIASES, Contents::numbers(3)),
    ];
    Contents { network, pool, flags: SQRT_FEATURES, scale: 1.0 / 255.0, classes: 3, sections }
}

/// In 8 bits alone, with names.
fn quantised() -> Contents {
    let contents = convolutional();
    let features = contents.pool.output(contents.network.code());
    let weights = contents.network.layers().map(|layer| packed_len(layer.conv.maps, layer.filter_len()));
    let names: Vec<u8> = [8u32, 8, 14].iter().flat_map(|end| end.to_le_bytes()).collect();
    let sections = vec![
        (INT8_WEIGHTS, bytes(weights.sum())),
        (INT8_BIASES, integers_from_1(3 + 4)),
        (INT8_MULTIPLIERS, integers_from_1(3 + 4)),
        (INT8_FEATURE_SCALE, Contents::numbers(1)),
        (INT8_SVM_WEIGHTS, bytes(Int8Svm::weights_len(3, features))),
        (INT8_SVM_BIASES, integers_from_1(3)),
        (INT8_SVM_SCALES, Contents::numbers(3)),
        (CLASS_NAMES, [&names, "standing\u{201c}\u{fc}h".as_bytes()].concat()),
    ];
    Contents { sections, ..contents }
}

/// Fully connected and tied, on the features of another model.
fn stacked() -> Contents {
    let network = Network::fully_connected(6, &[4]).unwrap().tied().unwrap();
    let sections = vec![(PARAMETERS, Contents::numbers(network.parameters_len()))];
    Contents { network, pool: Pool::NONE, flags: TIED | STACKED | PLANAR, scale: 2.5, classes: 0, sections }
}

/// Every kind of step before a network in both numbers.
fn preprocessed() -> Contents {
    let shape = Shape::new(2, 3, 2);
    let network = Network::convolutional(shape, &[Conv::new(2, Size::square(2))], Size::square(2)).unwrap();
    let numbers = |len: usize| (0..len).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<f32>>();
    let list = [
        (UNIFORM, vec![3.0, 0.5]),
        (CHANNELS, numbers(4)),
        (NUMBERS, numbers(24)),
        (CONTRAST, vec![0.1]),
        (WHITENING, numbers(12 + 144)),
        (LOCAL_CONTRAST, vec![1.0, 0.5]),
    ];
    let mut words = [list.len(), shape.channels, shape.height, shape.width].map(|n| n as u32).to_vec();
    for (kind, numbers) in &list {
        words.extend([*kind, numbers.len() as u32]);
        words.extend(numbers.iter().map(|number| number.to_bits()));
    }
    let sections = vec![
        (PREPROCESSING, words.iter().flat_map(|word| word.to_le_bytes()).collect()),
        (PARAMETERS, Contents::numbers(network.encoder_len())),
        (INT8_WEIGHTS, bytes(packed_len(2, 8))),
        (INT8_BIASES, integers_from_1(2)),
        (INT8_MULTIPLIERS, integers_from_1(2)),
        (INT8_FEATURE_SCALE, Contents::numbers(1)),
        (INT8_INPUT_STEP, 0.1f32.to_le_bytes().to_vec()),
    ];
    let flags = PREPROCESSED | STEPPED;
    Contents { network, pool: Pool::NONE, flags, scale: 0.5, classes: 0, sections }
}

/// A fully-connected layer on the features of [`preprocessed`], with that in the file.
fn whole_stack() -> Contents {
    let lower = preprocessed();
    let network = Network::fully_connected(lower.network.code_len(), &[3]).unwrap();
    let sections = vec![
        (PARAMETERS, Contents::numbers(network.encoder_len())),
        (INT8_WEIGHTS, bytes(packed_len(3, 12))),
        (INT8_BIASES, integers_from_1(3)),
        (INT8_MULTIPLIERS, integers_from_1(3)),
        (INT8_FEATURE_SCALE, Contents::numbers(1)),
        (BELOW, lower.write()),
    ];
    let flags = STACKED | PLANAR | WHOLE_STACK;
    Contents { network, pool: Pool::NONE, flags, scale: 2.5, classes: 0, sections }
}

/// By the core's writer, with the state of a training.
fn training() -> Vec<u8> {
    use wta_core::model::{Description, ModelWriter, TrainingState};
    let network = Network::fully_connected(6, &[4]).unwrap();
    let numbers = |len: usize| (0..len).map(|i| (i as f32 * 0.7).sin() * 0.5).collect::<Vec<f32>>();
    let (parameters, moments) = (numbers(network.parameters_len()), numbers(2 * network.parameters_len()));
    let config = TrainingConfig {
        sparsity: Sparsity::lifetime(0.5),
        corruption: Corruption { input: 0.1, hidden: 0.2, seed: 3 },
        guard: Guard::within(-3.0, 4.5).with_limit(1e6).with_gradient_norm(7.0),
        dictionary: Dictionary::FREE,
        optimizer: Optimizer {
            method: Method::ADAM,
            rate: 0.01,
            schedule: Schedule::Step { at: 0.5, factor: 0.1 },
            decay: 1e-4,
        },
        batch: 5,
        steps: 20,
    };
    let mut writer = ModelWriter::new(Description::new(network));
    writer.parameters(&parameters).unwrap();
    writer.training(&TrainingState { config, step: 9, moments: &moments }).unwrap();
    let mut bytes = vec![0; writer.len()];
    writer.write_to(&mut bytes).unwrap();
    bytes
}
