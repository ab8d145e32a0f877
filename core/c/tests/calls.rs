//! The interface as C calls it: the Rust interface's bits, and a status for every bad call.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "calls as C makes them: every buffer is as long as its call says, or the call refuses it first"
)]

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use wta_c::wta_status::*;
use wta_c::*;
use wta_core::int8::{Int8Classifier, Int8Extractor, Portable};
use wta_core::{
    Classifier, Conv, Cut, Extractor, Guard, Initial, Int8Pipeline, Method, Network, Novelty, Optimizer,
    Pool, Rows, Scalar, Schedule, Scratch, Selection, Shape, Size, Sparsity, StreamTrainer, TrainingConfig,
    extractor_len, novelty_len, stream_training_len,
};

/// A file in memory, aligned as in flash.
struct Flash {
    words: Vec<u128>,
    len: usize,
}

impl Flash {
    fn model(name: &str) -> Self {
        let path = format!("{}/../../fixtures/models/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let words = bytes.chunks(16).map(|chunk| {
            let mut word = [0; 16];
            word[..chunk.len()].copy_from_slice(chunk);
            u128::from_le_bytes(word)
        });
        Self { words: words.collect(), len: bytes.len() }
    }

    fn pointer(&self) -> *const u8 {
        self.words.as_ptr().cast()
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the words' bytes.
        unsafe { std::slice::from_raw_parts(self.pointer(), self.len) }
    }

    fn load(&self) -> wta_model {
        let mut model = empty();
        assert_eq!(unsafe { wta_model_init(&mut model, self.pointer(), self.len) }, WTA_OK);
        model
    }
}

fn empty() -> wta_model {
    wta_model { words: [0; WTA_MODEL_WORDS] }
}

fn untrained() -> wta_trainer {
    wta_trainer { words: [0; WTA_TRAINER_WORDS] }
}

/// Memory for a call, of rubbish: what it holds must not matter.
fn memory(bytes: usize) -> Vec<u32> {
    vec![0xdead_beef; bytes.div_ceil(4)]
}

/// Pixels that look like strokes, a different one for each image.
fn pixels(images: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (image, y, x) = (i / 784, i / 28 % 28, i % 28);
        let distance = (x * (image % 5 + 1)).abs_diff(y * (image % 3 + 1) + 5 * image % 17);
        if distance < 3 { 255 - 80 * distance as u8 } else { 0 }
    };
    (0..images * 784).map(pixel).collect()
}

fn images(pixels: &[u8]) -> wta_images {
    wta_images {
        pixels: pixels.as_ptr(),
        len: pixels.len(),
        stride: 0,
        row: None,
        context: null_mut(),
        samples: null(),
        kind: WTA_UINT8,
    }
}

fn rows(pixels: &[u8], scale: f32) -> impl Rows + '_ {
    move |y: usize, row: &mut [f32]| {
        row.iter_mut().zip(&pixels[28 * y..]).for_each(|(to, from)| *to = f32::from(*from) * scale)
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A callback that gives the rows of images of floats.
unsafe extern "C" fn float_rows(context: *mut c_void, image: usize, y: usize, row: *mut f32, len: usize) {
    let images = unsafe { &*context.cast::<Vec<f32>>() };
    let from = &images[784 * image + len * y..][..len];
    unsafe { std::slice::from_raw_parts_mut(row, len) }.copy_from_slice(from);
}

#[test]
fn features_and_scores_have_the_bits_of_rust() {
    let flash = Flash::model("mnist-conv16.wta");
    let (loaded, pixels) = (flash.load(), pixels(4));
    let model = wta_core::Model::parse(flash.bytes()).unwrap();
    let mut info = wta_info::default();
    assert_eq!(unsafe { wta_model_info(&loaded, &mut info) }, WTA_OK);
    assert_eq!(info.input, wta_shape { channels: 1, height: 28, width: 28 });
    assert_eq!(info.features, wta_shape { channels: 16, height: 14, width: 14 });
    assert_eq!((info.classes, info.scale), (10, 1.0 / 255.0));
    assert!(info.encodes && info.classifies && !info.encodes_int8 && !info.reconstructs);

    let bytes = unsafe { wta_encode_bytes(&loaded) };
    assert_eq!(bytes, 4 * extractor_len(&model.network(), &model.pool()));
    let floats: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) * info.scale).collect();
    for (index, pixels) in pixels.chunks_exact(784).enumerate() {
        let mut buffer = vec![0.0; bytes / 4];
        let parameters = model.parameters().unwrap();
        let mut extractor =
            Extractor::new(Scalar, parameters, model.pool(), model.sqrt_features(), &mut buffer).unwrap();
        let mut expected = vec![0.0; model.features()];
        extractor.features(rows(pixels, model.scale()), &mut expected).unwrap();
        let (mut memory, mut features) = (memory(bytes), vec![f32::NAN; model.features()]);
        let encode = |images: &wta_images, memory: &mut [u32], features: &mut [f32]| unsafe {
            let (lent, len) = (memory.as_mut_ptr().cast(), features.len());
            wta_encode(&loaded, images, lent, bytes, features.as_mut_ptr(), len)
        };
        assert_eq!(encode(&images(pixels), &mut memory, &mut features), WTA_OK);
        assert_eq!(bits(&features), bits(&expected));

        // The same by rows of floats, in memory that is used already.
        let mut image = floats[784 * index..][..784].to_vec();
        let by_rows = wta_images {
            pixels: null(),
            len: 0,
            stride: 0,
            row: Some(float_rows),
            context: (&raw mut image).cast(),
            ..images(&[])
        };
        features.fill(f32::NAN);
        assert_eq!(encode(&by_rows, &mut memory, &mut features), WTA_OK);
        assert_eq!(bits(&features), bits(&expected));

        let svm = model.svm().unwrap();
        let expected: Vec<f32> = svm.scores(&expected).unwrap().collect();
        let (mut scores, mut label) = ([f32::NAN; 10], usize::MAX);
        let status = unsafe {
            let (lent, scores) = (memory.as_mut_ptr().cast(), scores.as_mut_ptr());
            wta_classify(&loaded, &images(pixels), lent, bytes, scores, 10, &mut label)
        };
        assert_eq!(status, WTA_OK);
        assert_eq!(bits(&scores), bits(&expected));
        let mut rust = [0.0; 10];
        let mut classifier = Classifier::new(extractor, svm, &mut rust).unwrap();
        assert_eq!(label, classifier.classify(rows(pixels, model.scale())).unwrap());
    }
}

#[test]
fn quantised_features_and_scores_have_the_bits_of_rust() {
    let flash = Flash::model("mnist-conv16-int8.wta");
    let (loaded, pixels) = (flash.load(), pixels(4));
    let model = wta_core::Model::parse(flash.bytes()).unwrap();
    let mut info = wta_info::default();
    assert_eq!(unsafe { wta_model_info(&loaded, &mut info) }, WTA_OK);
    assert!(info.encodes_int8 && info.classifies_int8 && !info.encodes && !info.classifies);
    let bytes = unsafe { wta_int8_bytes(&loaded) };
    let rows = Int8Extractor::<Portable>::memory_len(&model.network(), &model.pool());
    assert_eq!(bytes, (2 * rows).next_multiple_of(4) + 4 * 10);
    for pixels in pixels.chunks_exact(784) {
        let mut buffer = vec![0; rows];
        let network = model.int8().unwrap();
        let mut extractor =
            Int8Extractor::new(Portable, network, model.pool(), model.sqrt_features(), &mut buffer).unwrap();
        let mut quantised = vec![0; model.features()];
        extractor.features(pixels, &mut quantised).unwrap();
        let scale = model.int8_feature_scale().unwrap();
        let expected: Vec<f32> = quantised.iter().map(|feature| f32::from(*feature) * scale).collect();
        let (mut memory, mut features) = (memory(bytes), vec![f32::NAN; model.features()]);
        let status = unsafe {
            let (lent, len) = (memory.as_mut_ptr().cast(), features.len());
            wta_encode_int8(&loaded, &images(pixels), lent, bytes, features.as_mut_ptr(), len)
        };
        assert_eq!(status, WTA_OK);
        assert_eq!(bits(&features), bits(&expected));

        let mut sums = [0; 10];
        let mut classifier = Int8Classifier::new(extractor, model.int8_svm().unwrap(), &mut sums).unwrap();
        let expected: Vec<f32> = classifier.scores(pixels).unwrap().collect();
        let (mut scores, mut label) = ([f32::NAN; 10], usize::MAX);
        let status = unsafe {
            let (lent, scores) = (memory.as_mut_ptr().cast(), scores.as_mut_ptr());
            wta_classify_int8(&loaded, &images(pixels), lent, bytes, scores, 10, &mut label)
        };
        assert_eq!(status, WTA_OK);
        assert_eq!(bits(&scores), bits(&expected));
        assert_eq!(label, classifier.classify(pixels).unwrap());
    }
}

/// Numbers with and without a sign, of every kind, in a network that was quantised for bytes: the scores of
/// the Rust pipeline for the same numbers.
#[test]
fn a_quantised_network_of_bytes_takes_every_kind_of_samples() {
    let flash = Flash::model("mnist-conv16-int8.wta");
    let loaded = flash.load();
    let model = wta_core::Model::parse(flash.bytes()).unwrap();
    let pixels = pixels(1);
    // Up to 255, and some of them below 0; those of 8 bits are halved.
    let wide: Vec<i16> = pixels.iter().zip(0..).map(|(v, i)| i16::from(*v) * (1 - 2 * (i % 2))).collect();
    let narrow: Vec<i8> = wide.iter().map(|v| (v / 2) as i8).collect();
    let unsigned: Vec<u16> = pixels.iter().map(|v| 2 * u16::from(*v)).collect();
    let floats: Vec<f32> = wide.iter().map(|v| f32::from(*v) + 0.5).collect();
    let mut scaled: Vec<f32> = floats.iter().map(|v| v * model.scale()).collect();
    let of = |samples: *const c_void, len: usize, kind: u32| wta_images {
        pixels: null(),
        samples,
        len,
        kind,
        ..images(&[])
    };
    let mut by_rows = of(null(), 0, 0);
    by_rows.row = Some(float_rows);
    by_rows.context = (&raw mut scaled).cast();
    let mut words = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
    let mut pipeline = Int8Pipeline::new(Portable, model, &mut words).unwrap();
    let mut scores = |of: &dyn Fn(usize) -> f32| -> Vec<u32> {
        let rows = |y: usize, row: &mut [f32]| (0..28).for_each(|x| row[x] = of(28 * y + x));
        pipeline.scores(rows).unwrap().map(f32::to_bits).collect()
    };
    let kinds = [
        (of(pixels.as_ptr().cast(), 784, WTA_UINT8), scores(&|i| f32::from(pixels[i]))),
        (of(narrow.as_ptr().cast(), 784, WTA_INT8), scores(&|i| f32::from(narrow[i]))),
        (of(wide.as_ptr().cast(), 2 * 784, WTA_INT16), scores(&|i| f32::from(wide[i]))),
        (of(unsigned.as_ptr().cast(), 2 * 784, WTA_UINT16), scores(&|i| f32::from(unsigned[i]))),
        (of(floats.as_ptr().cast(), 4 * 784, WTA_FLOAT), scores(&|i| floats[i])),
    ];
    // A row of floats more, for rows from a function.
    let bytes = unsafe { wta_int8_bytes(&loaded) };
    let (mut memory, mut found, mut label) = (memory(bytes + 4 * 28), [f32::NAN; 10], 77);
    let mut classify = |images: &wta_images, bytes| {
        let (lent, to) = (memory.as_mut_ptr().cast(), found.as_mut_ptr());
        let status = unsafe { wta_classify_int8(&loaded, images, lent, bytes, to, 10, &mut label) };
        (status, bits(&found))
    };
    for (images, expected) in &kinds {
        assert_eq!(classify(images, bytes), (WTA_OK, expected.clone()), "kind {}", images.kind);
    }
    let mut different: Vec<_> = kinds.iter().map(|(_, expected)| expected).collect();
    different.dedup();
    assert_eq!(different.len(), kinds.len(), "the samples make no difference");
    let mut pipeline = Int8Pipeline::new(Portable, model, &mut words).unwrap().scaled();
    let rows = |y: usize, row: &mut [f32]| row.copy_from_slice(&scaled[28 * y..][..28]);
    let expected = pipeline.scores(rows).unwrap().map(f32::to_bits).collect();
    assert_eq!(classify(&by_rows, bytes + 4 * 28), (WTA_OK, expected));
    assert_eq!(classify(&by_rows, bytes + 4 * 28 - 1).0, WTA_ERROR_LENGTH);

    let features = model.features();
    let mut found = [vec![f32::NAN; features], vec![f32::NAN; features]];
    let lent = memory.as_mut_ptr().cast();
    for (images, found) in [&kinds[2].0, &by_rows].into_iter().zip(&mut found) {
        let to = found.as_mut_ptr();
        let status = unsafe { wta_encode_int8(&loaded, images, lent, bytes + 4 * 28, to, features) };
        assert_eq!(status, WTA_OK);
    }
    let mut quantised = vec![0; features];
    let mut pipeline = Int8Pipeline::new(Portable, model, &mut words).unwrap();
    pipeline.features(&wide[..], &mut quantised).unwrap();
    let scale = model.int8_feature_scale().unwrap();
    let expected: Vec<f32> = quantised.iter().map(|feature| f32::from(*feature) * scale).collect();
    assert_eq!(bits(&found[0]), bits(&expected));
    assert_ne!(found[0], found[1], "half a step more");
}

const BATCH: usize = 4;

/// Two layers of 4 maps, in C's and Rust's words.
fn network() -> (wta_network, Network) {
    let size = |side| wta_size { height: side, width: side };
    let layer = wta_layer { maps: 4, kernel: size(5), stride: size(1) };
    let c = wta_network {
        input: wta_shape { channels: 1, height: 28, width: 28 },
        depth: 2,
        layers: [layer; WTA_MAX_LAYERS],
        decoder_kernel: size(11),
        tied: false,
    };
    let conv = Conv::new(4, Size::square(5));
    (c, Network::convolutional(Shape::new(1, 28, 28), &[conv; 2], Size::square(11)).unwrap())
}

fn defaults() -> wta_training {
    let mut training = wta_training::default();
    assert_eq!(unsafe { wta_training_defaults(&mut training) }, WTA_OK);
    wta_training { batch: BATCH, steps: 10, ..training }
}

/// Steps of the Rust trainer from these parameters: parameters and losses.
fn trained(training: TrainingConfig, parameters: &mut [f32], steps: usize) -> Vec<f32> {
    let (_, network) = network();
    let len = stream_training_len(&network, &training.optimizer.method, training.batch);
    let (mut moments, mut floats) = (vec![0.0; len.moments], vec![0.0; len.floats]);
    let (mut indices, mut cuts) =
        (vec![0; len.indices], vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts]);
    let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
    let mut trainer =
        StreamTrainer::new(Scalar, network, training, 0, parameters, &mut moments, scratch).unwrap();
    let pixels = pixels(steps * BATCH);
    let batches = pixels.chunks_exact(784 * BATCH);
    batches
        .map(|batch| trainer.step(batch.chunks_exact(784).map(|image| rows(image, 1.0 / 255.0))).unwrap())
        .collect()
}

/// Settings that clip inputs and gradients and skip bad images.
fn guarded() -> wta_training {
    wta_training {
        input_low: 0.1,
        input_high: 0.8,
        input_limit: 50.0,
        clip_gradient: 0.25,
        skip_bad: 1,
        ..defaults()
    }
}

#[test]
fn bad_images_are_skipped_and_counted_or_refused() {
    let (described, _) = network();
    let mut floats = vec![100.0f32; BATCH * 784];
    (floats[784 + 5], floats[3 * 784]) = (f32::NAN, 60.0 * 255.0);
    let batch = wta_images {
        pixels: null(),
        len: 4 * floats.len(),
        stride: 0,
        row: None,
        context: null_mut(),
        samples: floats.as_ptr().cast(),
        kind: WTA_FLOAT,
    };
    for (training, status, skipped) in [(guarded(), WTA_OK, 2), (defaults(), WTA_ERROR_NOT_FINITE, 0)] {
        let training = wta_training { batch: BATCH, ..training };
        let bytes = unsafe { wta_train_bytes(&described, &training) };
        let mut memory = vec![0u64; bytes.div_ceil(8)];
        let mut trainer = wta_trainer { words: [0; WTA_TRAINER_WORDS] };
        let memory = memory.as_mut_ptr().cast();
        assert_eq!(unsafe { wta_train_init(&mut trainer, &described, &training, 7, memory, bytes) }, WTA_OK);
        assert_eq!(unsafe { wta_train_step(&mut trainer, &batch, BATCH, null_mut()) }, status);
        assert_eq!(unsafe { wta_train_skipped(&trainer) }, skipped);
    }
}

/// Each kind of settings in C's and Rust's words.
fn settings() -> [(wta_training, TrainingConfig); 4] {
    let optimizer = Optimizer {
        method: Method::Sgd { momentum: 0.9 },
        rate: 1e-3,
        schedule: Schedule::Constant,
        decay: 0.0,
    };
    let rust = TrainingConfig::new(Sparsity::lifetime(0.2), optimizer, BATCH, 10);
    let adam = wta_training {
        keep: WTA_KEEP_PER_SAMPLE,
        per_sample: 2,
        method: WTA_ADAM,
        schedule: WTA_STEP,
        step_at: 0.1,
        step_factor: 0.5,
        decay: 0.01,
        ..defaults()
    };
    let per_sample = Sparsity { grid: Size::ONE, selection: Selection::PerSample { count: 2 } };
    let schedule = Schedule::Step { at: 0.1, factor: 0.5 };
    let stepped = Optimizer { method: Method::ADAM, rate: 1e-3, schedule, decay: 0.01 };
    let all = wta_training { keep: WTA_KEEP_ALL, schedule: WTA_LINEAR, ..defaults() };
    let linear = Optimizer { schedule: Schedule::Linear, ..optimizer };
    let guard = Guard::within(0.1, 0.8).with_limit(50.0).with_gradient_norm(0.25);
    [
        (defaults(), rust),
        (adam, TrainingConfig { sparsity: per_sample, optimizer: stepped, ..rust }),
        (all, TrainingConfig { sparsity: Sparsity::SPATIAL, optimizer: linear, ..rust }),
        (guarded(), TrainingConfig { guard, ..rust }),
    ]
}

#[test]
fn training_has_the_bits_of_rust_also_by_rows_and_resumed() {
    const STEPS: usize = 4;
    let (described, network) = network();
    let pixels = pixels(STEPS * BATCH);
    // With two bytes between images, which are no pixels.
    let spaced: Vec<u8> = pixels.chunks_exact(784).flat_map(|image| [image, &[7, 7]].concat()).collect();
    let floats: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) * (1.0 / 255.0)).collect();
    for (training, expected_training) in settings() {
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, 7, &mut parameters).unwrap();
        let expected = trained(expected_training, &mut parameters, STEPS);

        let bytes = unsafe { wta_train_bytes(&described, &training) };
        let len = stream_training_len(&network, &expected_training.optimizer.method, BATCH);
        assert_eq!(bytes, len.bytes());
        let (mut memory, mut trainer) = (memory(bytes), untrained());
        let lent = memory.as_mut_ptr().cast();
        assert_eq!(unsafe { wta_train_init(&mut trainer, &described, &training, 7, lent, bytes) }, WTA_OK);
        for (step, expected) in expected.iter().enumerate() {
            let mut moved: Vec<f32> = floats[step * BATCH * 784..].to_vec();
            let batch = if step % 2 == 0 {
                let from = &spaced[step * BATCH * 786..];
                wta_images { stride: 786, ..images(&from[..BATCH * 786 - 2]) }
            } else {
                let context = (&raw mut moved).cast();
                wta_images {
                    pixels: null(),
                    len: 0,
                    stride: 0,
                    row: Some(float_rows),
                    context,
                    ..images(&[])
                }
            };
            let mut loss = f32::NAN;
            assert_eq!(unsafe { wta_train_step(&mut trainer, &batch, BATCH, &mut loss) }, WTA_OK);
            assert_eq!(loss.to_bits(), expected.to_bits());
            assert_eq!(unsafe { wta_train_steps_done(&trainer) }, step as u64 + 1);
            if step == 1 {
                // A reset: only parameters and moments were saved.
                let kept = len.parameters + len.moments;
                memory[kept..].fill(0xdead_beef);
                trainer = untrained();
                let resumed = unsafe {
                    wta_train_resume(
                        &mut trainer,
                        &described,
                        &training,
                        2,
                        memory.as_mut_ptr().cast(),
                        bytes,
                    )
                };
                assert_eq!(resumed, WTA_OK);
            }
        }
        let found = unsafe { wta_train_parameters(&trainer) };
        assert_eq!(found.addr(), memory.as_ptr().addr());
        let found: Vec<u32> = memory[..network.parameters_len()].to_vec();
        assert_eq!(found, bits(&parameters));
    }
}

#[test]
fn a_trained_network_is_a_model_and_can_be_trained_on() {
    let (described, network) = network();
    let mut parameters = vec![0.0; unsafe { wta_parameters_len(&described) }];
    network.initialise(Initial::He, 3, &mut parameters).unwrap();
    let before = parameters.clone();
    let pooling = wta_pooling {
        kernel: wta_size { height: 5, width: 5 },
        stride: wta_size { height: 3, width: 3 },
        root: true,
        average: true,
        triangle: true,
    };
    let mut model = empty();
    let scale = 1.0 / 255.0;
    let len = parameters.len();
    let made =
        unsafe { wta_model_of_parameters(&mut model, &described, &pooling, scale, parameters.as_ptr(), len) };
    assert_eq!(made, WTA_OK);
    let (mut info, mut copy) = (wta_info::default(), wta_network::default());
    assert_eq!(unsafe { wta_model_info(&model, &mut info) }, WTA_OK);
    assert_eq!(info.features, wta_shape { channels: 4, height: 10, width: 10 });
    assert!(info.encodes && info.reconstructs && info.classes == 0 && !info.classifies);
    assert_eq!(unsafe { wta_model_network(&model, &mut copy) }, WTA_OK);
    assert_eq!(copy.layers[..2], described.layers[..2]);
    assert_eq!((copy.input, copy.depth, copy.decoder_kernel), (described.input, 2, described.decoder_kernel));

    // Means of square roots of what is above the means of the maps.
    let pixels = pixels(BATCH);
    let bytes = unsafe { wta_encode_bytes(&model) };
    let pool = Pool::square(5, 3).average().triangle();
    let mut buffer = vec![0.0; extractor_len(&network, &pool)];
    let view = wta_core::Parameters::new(network, &before).unwrap();
    let mut extractor = Extractor::new(Scalar, view, pool, true, &mut buffer).unwrap();
    let mut expected = vec![0.0; 4 * 10 * 10];
    extractor.features(rows(&pixels, scale), &mut expected).unwrap();
    let (mut memory_of_rows, mut features) = (memory(bytes), vec![f32::NAN; 4 * 10 * 10]);
    let lent = memory_of_rows.as_mut_ptr().cast();
    let status =
        unsafe { wta_encode(&model, &images(&pixels), lent, bytes, features.as_mut_ptr(), features.len()) };
    assert_eq!(status, WTA_OK);
    assert_eq!(bits(&features), bits(&expected));

    // Novelty.
    let bytes = unsafe { wta_novelty_bytes(&model) };
    assert_eq!(bytes, 4 * (novelty_len(&network) + 4));
    for keep in [0, 2] {
        let (mut memory, mut score) = (memory(bytes), f32::NAN);
        let lent = memory.as_mut_ptr().cast();
        let status = unsafe { wta_novelty(&model, &images(&pixels), keep, lent, bytes, &mut score) };
        assert_eq!(status, WTA_OK);
        let (mut floats, mut positions) = (vec![0.0; novelty_len(&network)], [0; 4]);
        let view = wta_core::Parameters::new(network, &before).unwrap();
        let mut novelty = Novelty::new(Scalar, view, keep, &mut floats, &mut positions).unwrap();
        let expected = novelty.score(rows(&pixels, scale)).unwrap();
        assert_eq!(score.to_bits(), expected.to_bits());
    }

    // Training from the model's parameters, which stay as they are.
    let training = defaults();
    let bytes = unsafe { wta_train_bytes(&copy, &training) };
    let (mut memory, mut trainer) = (memory(bytes), untrained());
    let lent = memory.as_mut_ptr().cast();
    assert_eq!(unsafe { wta_train_init_model(&mut trainer, &model, &training, lent, bytes) }, WTA_OK);
    assert_eq!(unsafe { wta_train_step(&mut trainer, &images(&pixels), BATCH, null_mut()) }, WTA_OK);
    assert_eq!(bits(&parameters), bits(&before));
    trained(settings()[0].1, &mut parameters, 1);
    assert_eq!(memory[..len], bits(&parameters));
}

/// A vector of 16 numbers, 8 units, tied.
#[test]
fn a_fully_connected_network_is_one_of_1_by_1() {
    let one = wta_size { height: 1, width: 1 };
    let layer = wta_layer { maps: 8, kernel: one, stride: one };
    let described = wta_network {
        input: wta_shape { channels: 16, height: 1, width: 1 },
        depth: 1,
        layers: [layer; WTA_MAX_LAYERS],
        decoder_kernel: one,
        tied: true,
    };
    let network = Network::fully_connected(16, &[8]).unwrap().tied().unwrap();
    assert_eq!(unsafe { wta_parameters_len(&described) }, network.parameters_len());
    let bytes = unsafe { wta_train_bytes(&described, &defaults()) };
    assert_eq!(bytes, stream_training_len(&network, &Method::Sgd { momentum: 0.9 }, BATCH).bytes());
}

#[test]
fn bad_models_get_a_status() {
    let flash = Flash::model("mnist-conv16-int8.wta");
    let init = |model: *mut wta_model, bytes: *const u8, len| unsafe { wta_model_init(model, bytes, len) };
    let mut model = empty();
    assert_eq!(init(null_mut(), flash.pointer(), flash.len), WTA_ERROR_NULL);
    assert_eq!(init(&mut model, null(), flash.len), WTA_ERROR_NULL);
    let misplaced = (&raw mut model).cast::<u8>().wrapping_add(1).cast();
    assert_eq!(init(misplaced, flash.pointer(), flash.len), WTA_ERROR_ALIGNMENT);
    let shifted = flash.pointer().wrapping_add(1);
    assert_eq!(init(&mut model, shifted, flash.len - 1), WTA_ERROR_ALIGNMENT);
    assert_eq!(init(&mut model, flash.pointer(), flash.len - 1), WTA_ERROR_MODEL);
    assert_eq!(init(&mut model, flash.pointer(), 0), WTA_ERROR_MODEL);
    assert_eq!(init(&mut model, flash.pointer(), usize::MAX), WTA_ERROR_LENGTH);
    assert_eq!(init(&mut model, [0u32; 64].as_ptr().cast(), 256), WTA_ERROR_MODEL);

    // A failure leaves no model behind.
    assert_eq!(init(&mut model, flash.pointer(), flash.len), WTA_OK);
    assert_ne!(unsafe { wta_int8_bytes(&model) }, 0);
    assert_eq!(init(&mut model, flash.pointer(), flash.len - 1), WTA_ERROR_MODEL);
    assert_eq!(unsafe { wta_int8_bytes(&model) }, 0);
    let mut info = wta_info::default();
    assert_eq!(unsafe { wta_model_info(&model, &mut info) }, WTA_ERROR_UNINITIALISED);
    assert_eq!(unsafe { wta_model_info(null(), &mut info) }, WTA_ERROR_NULL);
    let loaded = flash.load();
    assert_eq!(unsafe { wta_model_info(&loaded, null_mut()) }, WTA_ERROR_NULL);
    assert_eq!(unsafe { wta_model_network(&loaded, null_mut()) }, WTA_ERROR_NULL);
    // In 8 bits alone.
    let bytes = unsafe { (wta_encode_bytes(&loaded), wta_novelty_bytes(&loaded)) };
    assert_eq!(bytes, (0, 0));
    assert_eq!(unsafe { wta_encode_bytes(null()) }, 0);
}

/// All calls of inference share their checks; each is made wrong in each way.
#[test]
fn bad_calls_of_inference_get_a_status() {
    let (f32, int8) = (Flash::model("mnist-conv16.wta"), Flash::model("mnist-conv16-int8.wta"));
    let pixels = pixels(1);
    type Call = unsafe extern "C" fn(
        *const wta_model,
        *const wta_images,
        *mut c_void,
        usize,
        *mut f32,
        usize,
    ) -> wta_status;
    unsafe extern "C" fn classify(
        m: *const wta_model,
        i: *const wta_images,
        p: *mut c_void,
        b: usize,
        s: *mut f32,
        n: usize,
    ) -> wta_status {
        unsafe { wta_classify(m, i, p, b, s, n, null_mut()) }
    }
    unsafe extern "C" fn classify_int8(
        m: *const wta_model,
        i: *const wta_images,
        p: *mut c_void,
        b: usize,
        s: *mut f32,
        n: usize,
    ) -> wta_status {
        unsafe { wta_classify_int8(m, i, p, b, s, n, null_mut()) }
    }
    let calls: [(Call, &Flash, &Flash, bool, usize); 4] = [
        (wta_encode, &f32, &int8, false, 16 * 14 * 14),
        (classify, &f32, &int8, false, 10),
        (wta_encode_int8, &int8, &f32, true, 16 * 14 * 14),
        (classify_int8, &int8, &f32, true, 10),
    ];
    for (call, flash, other, quantised, len) in calls {
        let model = flash.load();
        let bytes = unsafe { if quantised { wta_int8_bytes(&model) } else { wta_encode_bytes(&model) } };
        let (mut memory, mut out) = (memory(bytes + 4), vec![0.0; len + 1]);
        let (lent, found) = (memory.as_mut_ptr().cast::<c_void>(), out.as_mut_ptr());
        let image = images(&pixels);
        let with = |model: *const wta_model, image: *const wta_images, lent, bytes, found, len| unsafe {
            call(model, image, lent, bytes, found, len)
        };
        assert_eq!(with(&model, &image, lent, bytes, found, len), WTA_OK);
        assert_eq!(with(&model, &image, lent, bytes + 4, found, len), WTA_OK);
        // NULL.
        assert_eq!(with(null(), &image, lent, bytes, found, len), WTA_ERROR_NULL);
        assert_eq!(with(&model, null(), lent, bytes, found, len), WTA_ERROR_NULL);
        assert_eq!(with(&model, &image, null_mut(), bytes, found, len), WTA_ERROR_NULL);
        assert_eq!(with(&model, &image, lent, bytes, null_mut(), len), WTA_ERROR_NULL);
        let nothing = wta_images { pixels: null(), ..image };
        assert_eq!(with(&model, &nothing, lent, bytes, found, len), WTA_ERROR_NULL);
        // Misaligned.
        let misplaced = lent.wrapping_byte_add(2);
        assert_eq!(with(&model, &image, misplaced, bytes, found, len), WTA_ERROR_ALIGNMENT);
        let odd = found.wrapping_byte_add(1);
        assert_eq!(with(&model, &image, lent, bytes, odd, len), WTA_ERROR_ALIGNMENT);
        let astray = (&raw const model).wrapping_byte_add(1);
        assert_eq!(with(astray, &image, lent, bytes, found, len), WTA_ERROR_ALIGNMENT);
        let astray = (&raw const image).wrapping_byte_add(1);
        assert_eq!(with(&model, astray, lent, bytes, found, len), WTA_ERROR_ALIGNMENT);
        // Wrong lengths.
        assert_eq!(with(&model, &image, lent, bytes - 4, found, len), WTA_ERROR_LENGTH);
        assert_eq!(with(&model, &image, lent, 0, found, len), WTA_ERROR_LENGTH);
        assert_eq!(with(&model, &image, lent, bytes, found, len - 1), WTA_ERROR_LENGTH);
        assert_eq!(with(&model, &image, lent, bytes, found, len + 1), WTA_ERROR_LENGTH);
        let short = images(&pixels[..783]);
        assert_eq!(with(&model, &short, lent, bytes, found, len), WTA_ERROR_LENGTH);
        // No model, or not that kind.
        assert_eq!(with(&empty(), &image, lent, bytes, found, len), WTA_ERROR_UNINITIALISED);
        assert_eq!(with(&other.load(), &image, lent, bytes, found, len), WTA_ERROR_MISSING);
    }

    // Pixels that are no numbers.
    let model = f32.load();
    let bytes = unsafe { wta_encode_bytes(&model) };
    let (mut memory, mut scores, mut label) = (memory(bytes), [0.0; 10], 77);
    let mut image = vec![f32::INFINITY; 784];
    let by_rows = wta_images {
        pixels: null(),
        len: 0,
        stride: 0,
        row: Some(float_rows),
        context: (&raw mut image).cast(),
        ..images(&[])
    };
    let lent = memory.as_mut_ptr().cast();
    let status = unsafe { wta_classify(&model, &by_rows, lent, bytes, scores.as_mut_ptr(), 10, &mut label) };
    assert_eq!((status, label), (WTA_ERROR_NOT_FINITE, 77));
    // In 8 bits, whether there is too little memory for a row of floats, or enough.
    image.fill(f32::NAN);
    let model = int8.load();
    let needed = unsafe { wta_int8_bytes(&model) };
    for (bytes, expected) in [(needed, WTA_ERROR_LENGTH), (needed + 4 * 28, WTA_ERROR_NOT_FINITE)] {
        let scores = scores.as_mut_ptr();
        let status = unsafe { wta_classify_int8(&model, &by_rows, lent, bytes, scores, 10, &mut label) };
        assert_eq!((status, label), (expected, 77));
    }
    let mut score = 0.0;
    let status = unsafe { wta_novelty(&f32.load(), &images(&pixels), 0, lent, bytes, &mut score) };
    assert_eq!(status, WTA_ERROR_MISSING);
}

#[test]
fn bad_networks_and_poolings_get_a_status() {
    let (good, rust) = network();
    let parameters = vec![0.5; rust.parameters_len()];
    let make = |network: *const wta_network, pooling: *const wta_pooling, scale, values: &[f32]| {
        let mut model = empty();
        unsafe { wta_model_of_parameters(&mut model, network, pooling, scale, values.as_ptr(), values.len()) }
    };
    assert_eq!(make(&good, null(), 1.0, &parameters), WTA_OK);
    let mut deep = good;
    deep.depth = WTA_MAX_LAYERS + 1;
    let mut flat = good;
    flat.depth = 0;
    let mut empty_layer = good;
    empty_layer.layers[1].maps = 0;
    let tied = wta_network { tied: true, ..good };
    let huge =
        wta_network { input: wta_shape { channels: 1, height: usize::MAX, width: usize::MAX }, ..good };
    for bad in [deep, flat, empty_layer, tied, huge] {
        assert_eq!(make(&bad, null(), 1.0, &parameters), WTA_ERROR_INVALID);
        assert_eq!(unsafe { wta_parameters_len(&bad) }, 0);
        assert_eq!(unsafe { wta_train_bytes(&bad, &defaults()) }, 0);
    }
    assert_eq!(unsafe { wta_parameters_len(null()) }, 0);
    assert_eq!(make(null(), null(), 1.0, &parameters), WTA_ERROR_NULL);
    let none = wta_pooling::default();
    assert_eq!(make(&good, &none, 1.0, &parameters), WTA_ERROR_INVALID);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert_eq!(make(&good, null(), scale, &parameters), WTA_ERROR_INVALID);
    }
    assert_eq!(make(&good, null(), 1.0, &parameters[1..]), WTA_ERROR_LENGTH);
    let mut infinite = parameters.clone();
    infinite[9] = f32::INFINITY;
    assert_eq!(make(&good, null(), 1.0, &infinite), WTA_ERROR_NOT_FINITE);
}

#[test]
fn bad_trainings_get_a_status() {
    let (network, _) = network();
    let good = defaults();
    let bytes = unsafe { wta_train_bytes(&network, &good) };
    let mut memory = memory(bytes);
    let lent = memory.as_mut_ptr().cast::<c_void>();
    let init = |network: *const wta_network, training: *const wta_training, lent, bytes| {
        let mut trainer = untrained();
        let status = unsafe { wta_train_init(&mut trainer, network, training, 1, lent, bytes) };
        assert_eq!(status == WTA_OK, !unsafe { wta_train_parameters(&trainer) }.is_null());
        status
    };
    assert_eq!(init(&network, &good, lent, bytes), WTA_OK);
    assert_eq!(init(null(), &good, lent, bytes), WTA_ERROR_NULL);
    assert_eq!(init(&network, null(), lent, bytes), WTA_ERROR_NULL);
    assert_eq!(init(&network, &good, null_mut(), bytes), WTA_ERROR_NULL);
    assert_eq!(init(&network, &good, lent.wrapping_byte_add(1), bytes), WTA_ERROR_ALIGNMENT);
    assert_eq!(init(&network, &good, lent, bytes - 1), WTA_ERROR_LENGTH);
    let bad = [
        wta_training { keep: 4, ..good },
        wta_training { lifetime_rate: 0.0, ..good },
        wta_training { keep: WTA_KEEP_PER_SAMPLE, per_sample: 0, ..good },
        wta_training { method: 2, ..good },
        wta_training { momentum: 1.0, ..good },
        wta_training { rate: f32::NAN, ..good },
        wta_training { schedule: 3, ..good },
        wta_training { input_low: 2.0, input_high: 1.0, ..good },
        wta_training { clip_gradient: -1.0, ..good },
        wta_training { input_limit: f32::NAN, ..good },
        wta_training { schedule: WTA_STEP, step_at: 2.0, ..good },
        wta_training { scale: 0.0, ..good },
        wta_training { batch: 0, ..good },
    ];
    for bad in &bad {
        assert_eq!(init(&network, bad, lent, bytes), WTA_ERROR_INVALID, "{bad:?}");
    }
    for batch in [usize::MAX, usize::MAX / 8, 1 << 30] {
        assert_eq!(init(&network, &wta_training { batch, ..good }, lent, bytes), WTA_ERROR_LENGTH);
    }
    assert_eq!(unsafe { wta_training_defaults(null_mut()) }, WTA_ERROR_NULL);
    let flash = Flash::model("mnist-conv16.wta");
    let mut trainer = untrained();
    let without_decoder = unsafe { wta_train_init_model(&mut trainer, &flash.load(), &good, lent, bytes) };
    assert_eq!(without_decoder, WTA_ERROR_MISSING);

    let pixels = pixels(BATCH);
    let batch = images(&pixels);
    let mut loss = [0.0; 2];
    let loss = loss.as_mut_ptr();
    let step = |trainer: &mut wta_trainer, batch: *const wta_images, count| unsafe {
        wta_train_step(trainer, batch, count, loss)
    };
    assert_eq!(step(&mut trainer, &batch, BATCH), WTA_ERROR_UNINITIALISED);
    assert_eq!(unsafe { wta_train_init(&mut trainer, &network, &good, 1, lent, bytes) }, WTA_OK);
    let parameters = unsafe { wta_parameters_len(&network) };
    let kept = 2 * parameters;
    // SAFETY: the trainer's memory, between two calls.
    let state = || unsafe { std::slice::from_raw_parts(lent.cast::<u32>(), kept) }.to_vec();
    let before = state();
    assert_eq!(step(&mut trainer, null(), BATCH), WTA_ERROR_NULL);
    for count in [0, BATCH - 1, BATCH + 1] {
        assert_eq!(step(&mut trainer, &batch, count), WTA_ERROR_LENGTH);
    }
    assert_eq!(step(&mut trainer, &images(&pixels[1..]), BATCH), WTA_ERROR_LENGTH);
    let far = wta_images { stride: usize::MAX / 2, ..batch };
    assert_eq!(step(&mut trainer, &far, BATCH), WTA_ERROR_LENGTH);
    let mut floats = vec![f32::NAN; 784 * BATCH];
    let context = (&raw mut floats).cast();
    let by_rows =
        wta_images { pixels: null(), len: 0, stride: 0, row: Some(float_rows), context, ..images(&[]) };
    assert_eq!(step(&mut trainer, &by_rows, BATCH), WTA_ERROR_NOT_FINITE);
    floats.fill(1e30);
    let context = (&raw mut floats).cast();
    let by_rows = wta_images { context, ..by_rows };
    let diverged = step(&mut trainer, &by_rows, BATCH);
    assert!([WTA_ERROR_DIVERGED, WTA_ERROR_NOT_FINITE].contains(&diverged), "{diverged:?}");
    assert_eq!(state(), before, "a refused step changes nothing");
    assert_eq!(unsafe { wta_train_steps_done(&trainer) }, 0);
    assert_eq!(step(&mut trainer, &batch, BATCH), WTA_OK);
    assert_ne!(state(), before);
    let odd = loss.wrapping_byte_add(1);
    assert_eq!(unsafe { wta_train_step(&mut trainer, &batch, BATCH, odd) }, WTA_ERROR_ALIGNMENT);

    // What a resumed training finds in the memory is checked, too.
    // SAFETY: as above.
    unsafe { lent.cast::<f32>().write(f32::NAN) };
    let resumed = unsafe { wta_train_resume(&mut trainer, &network, &good, 5, lent, bytes) };
    assert_eq!(resumed, WTA_ERROR_NOT_FINITE);
    assert_eq!(step(&mut trainer, &batch, BATCH), WTA_ERROR_UNINITIALISED);
}

#[test]
fn every_status_has_a_sentence_of_its_own() {
    let text = |status: i32| {
        // SAFETY: static and ended by 0.
        unsafe { CStr::from_ptr(wta_status_text(status)) }.to_str().unwrap()
    };
    let mut texts: Vec<&str> = (0..=WTA_ERROR_FLASH as i32).map(text).collect();
    assert_eq!(texts.len(), 12);
    let unknown = text(-1);
    assert_eq!((unknown, text(12)), ("no status of this library", unknown));
    texts.push(unknown);
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 13);
}
