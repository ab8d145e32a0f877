//! From samples to a board: whatever the recipe does with its samples, a device computes the features and the
//! scores of the scalar host, and the quantised network nearly always gives the same class.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use wta::encode::FeatureEncoder;
use wta::export::quantize::Quantized;
use wta::export::{self, ModelFile, Source};
use wta::int8::{Int8Encoder, compare};
use wta::preprocess::Samples;
use wta::recipe::{Per, PreprocessRecipe, RecipeBuilder, ThresholdRecipe};
use wta::{Dataset, Recipe, Shape, Trained};
use wta_core::int8::Portable;
use wta_core::{Int8Pipeline, Pipeline, Preprocessed, Rows, Scalar, Scaled, Size, extractor_len};
use wta_simd::Isa;

const CLASSES: usize = 3;

/// Samples of several classes, of both signs and far from 0 in the mean, with noise.
fn samples(shape: Shape, count: usize, first: usize) -> Dataset {
    let mut numbers = Vec::new();
    for sample in first..first + count {
        let (class, phase) = (sample % CLASSES, sample as f32 * 0.7);
        for position in 0..shape.positions() {
            for channel in 0..shape.channels {
                let wave = (position as f32 * (0.4 + 0.5 * class as f32) + phase + channel as f32).sin();
                let noise = ((sample * 7919 + position * 104_729 + channel * 31) % 97) as f32 / 97.0 - 0.5;
                numbers.push(wave * (channel + 1) as f32 * 2.0 - 3.0 + 0.3 * noise);
            }
        }
    }
    let labels = (first..first + count).map(|sample| (sample % CLASSES) as u16).collect::<Vec<_>>();
    Dataset::from_floats(shape, numbers).unwrap().with_labels(labels).unwrap()
}

fn standardise(per: Per) -> PreprocessRecipe {
    PreprocessRecipe::Standardise { per, regulariser: 1e-3, samples: None }
}

const CONTRAST: PreprocessRecipe = PreprocessRecipe::Contrast { regulariser: 0.1 };
const LOCAL: PreprocessRecipe = PreprocessRecipe::LocalContrast { window: 5, deviation: None };
const ZCA: PreprocessRecipe = PreprocessRecipe::Zca { regulariser: 0.1, samples: None, patch: None };

fn with(builder: RecipeBuilder, steps: &[PreprocessRecipe]) -> RecipeBuilder {
    let builder = steps.iter().fold(builder.divide_by(1.5), |builder, step| builder.preprocess(*step));
    builder.epochs(2).batch(30).lifetime(0.2)
}

fn conv(steps: &[PreprocessRecipe]) -> RecipeBuilder {
    with(Recipe::builder("conv").convolutional([(8, 5), (12, 3)], 5).pool("3/2".parse().unwrap()), steps)
}

fn units(steps: &[PreprocessRecipe]) -> RecipeBuilder {
    with(Recipe::builder("units").fully_connected([30]), steps)
}

fn single(builder: RecipeBuilder) -> Recipe {
    builder.build().unwrap()
}

/// The recipes, each with the shape of its samples.
fn recipes() -> Vec<(Recipe, Shape)> {
    let signal = Shape::new(3, 1, 48);
    let image = Shape::new(2, 9, 8);
    let axes = [standardise(Per::Channel), CONTRAST];
    let upper = |steps: &[PreprocessRecipe]| {
        let layer = Recipe::builder("upper").convolutional([(10, 3)], 3).pool("3/3".parse().unwrap());
        with(layer, steps)
    };
    vec![
        (single(conv(&[])), signal),
        (single(conv(&axes)), signal),
        (single(conv(&[standardise(Per::All), LOCAL])), signal),
        (single(conv(&[ZCA, standardise(Per::Number)])), image),
        (single(units(&[CONTRAST, ZCA])), image),
        (single(units(&[standardise(Per::Channel), LOCAL, CONTRAST])), image),
        (single(units(&[standardise(Per::Number)])), signal),
        (upper(&axes).below(single(conv(&axes))).build().unwrap(), signal),
        (units(&axes).below(single(conv(&axes))).build().unwrap(), signal),
        (
            units(&[ZCA]).below(upper(&[ZCA]).below(single(conv(&[ZCA]))).build().unwrap()).build().unwrap(),
            image,
        ),
    ]
}

/// The features of all samples by the scalar host.
fn host(trained: &Trained, samples: &Samples<'_>) -> Vec<f32> {
    let encoder = FeatureEncoder::new(Isa::Scalar, trained).unwrap();
    let mut all = Vec::new();
    encoder
        .run(samples, |features| {
            all.extend_from_slice(features);
            Ok(())
        })
        .unwrap();
    all
}

/// The numbers of a sample in the order of the network's input.
fn as_given(recipe: &Recipe, dataset: &Dataset, index: usize) -> Vec<f32> {
    let shape = dataset.shape();
    let mut sample = vec![0.0; shape.len()];
    dataset.write(index, 1.0, &mut sample).unwrap();
    let lowest = recipe.layers()[0].clone();
    if !lowest.is_fully_connected() {
        return sample;
    }
    let (channels, positions) = (shape.channels, shape.positions());
    (0..sample.len()).map(|i| sample[i % positions * channels + i / positions]).collect()
}

#[test]
fn a_device_computes_the_bits_of_the_scalar_host() {
    for (recipe, shape) in recipes() {
        let (train, test) = (samples(shape, 120, 0), samples(shape, 60, 120));
        let trained = recipe.train(&train, &()).unwrap();
        let classifier = trained.classifier(&train, &()).unwrap();
        let file = classifier.export().unwrap();
        let model = file.model().unwrap();
        assert_eq!(model.layers(), recipe.layers().len());
        let expected = host(&trained, &Samples::new(&recipe, &test).unwrap());
        let mut memory = vec![f32::NAN; Pipeline::memory_len(&model)];
        let mut found = vec![0.0; model.features()];
        let mut scores = Vec::new();
        for (index, expected) in expected.chunks_exact(model.features()).enumerate() {
            let sample = as_given(&recipe, &test, index);
            let mut pipeline = Pipeline::new(model, &mut memory).unwrap();
            pipeline.features(&sample[..], &mut found).unwrap();
            assert_eq!(found, expected, "{} {shape:?} sample {index}", recipe.name);
            let by_host: Vec<f32> = model.svm().unwrap().scores(expected).unwrap().collect();
            assert_eq!(pipeline.scores(&sample[..]).unwrap(), by_host);
            // The same in a closure, scaled before.
            let scale = if model.layers() == 1 { model.scale() } else { 1.0 / 1.5 };
            let mut scaled = Pipeline::new(model, &mut memory).unwrap().scaled();
            let rows = |y: usize, to: &mut [f32]| {
                let from = sample.iter().skip(y * to.len());
                to.iter_mut().zip(from).for_each(|(to, v)| *to = v * scale);
            };
            scores.push(scaled.scores(rows).unwrap().to_vec());
            assert_eq!(scores[index], by_host);
        }
    }
}

#[test]
fn the_quantised_network_gives_the_class_of_the_one_in_f32() {
    for (recipe, shape) in recipes() {
        let (train, test) = (samples(shape, 120, 0), samples(shape, 60, 120));
        let trained = recipe.train(&train, &()).unwrap();
        let classifier = trained.classifier(&train, &()).unwrap();
        let source = Source::new(trained.clone(), Some(classifier.svm.clone())).unwrap();
        let learnt = Samples::new(&recipe, &train).unwrap();
        let quantized = Quantized::new(&source, &learnt).unwrap();
        let file: ModelFile = export::int8_model(&source, &quantized, None).unwrap();
        let model = file.model().unwrap();
        let mut memory = vec![u32::MAX; Int8Pipeline::<Portable>::memory_len(&model)];
        let mut pipeline = Int8Pipeline::new(Portable, model, &mut memory).unwrap();
        assert!(pipeline.classify(&as_given(&recipe, &test, 0)[..]).unwrap() < CLASSES);
        let found = compare(Isa::Scalar, &source, &file, &Samples::new(&recipe, &test).unwrap()).unwrap();
        assert!(found.f32_errors < 15, "{} {shape:?}: {found:?}", recipe.name);
        assert!(found.same >= 57, "{} {shape:?}: {found:?}", recipe.name);
        // A number that is none is told and does not become 0.
        let mut broken = as_given(&recipe, &test, 0);
        broken[3] = f32::NAN;
        assert!(pipeline.classify(&broken[..]).is_err());
    }
}

/// Images of bytes, of several classes.
fn bytes(shape: Shape, count: usize) -> Dataset {
    let real = samples(shape, count, 0);
    let mut numbers = Vec::new();
    let mut sample = vec![0.0; shape.len()];
    for index in 0..count {
        real.write(index, 1.0, &mut sample).unwrap();
        numbers.extend(sample.iter().map(|v| (v * 20.0 + 128.0) as u8));
    }
    Dataset::from_bytes(shape, numbers).unwrap().with_labels(real.labels.unwrap()).unwrap()
}

/// Recipes of images of bytes: strides, what the pooling does, colours, signs.
fn recipes_of_bytes() -> Vec<(Recipe, Shape)> {
    let layers = || {
        let strided =
            wta::recipe::LayerRecipe { stride: Size::new(1, 2).into(), ..(9, Size::new(2, 4)).into() };
        Recipe::builder("strides").convolutional([(17, Size::square(5)).into(), strided], 5)
    };
    let wide = |name: &str| Recipe::builder(name).convolutional([(33, 3)], 5);
    let (gray, colours) = (Shape::new(1, 13, 11), Shape::new(3, 9, 10));
    let triangle = wide("triangle").threshold(ThresholdRecipe::Triangle).pool("4/3".parse().unwrap());
    vec![
        (single(with(layers().pool("3/2".parse().unwrap()).root(), &[])), gray),
        (single(with(wide("not pooled"), &[])), colours),
        (single(with(triangle, &[])), colours),
        (single(with(wide("both").both_signs().pool("5/5".parse().unwrap()), &[])), gray),
        (single(with(Recipe::builder("two").fully_connected([21, 34]), &[])), colours),
    ]
}

#[test]
fn hosts_have_the_bits_of_devices_in_8_bits() {
    let floats = recipes().into_iter().map(|(recipe, shape)| (recipe, samples(shape, 61, 0)));
    let of_bytes = recipes_of_bytes().into_iter().map(|(recipe, shape)| (recipe, bytes(shape, 61)));
    for (recipe, dataset) in floats.chain(of_bytes) {
        let name = format!("{} {:?}", recipe.name, dataset.shape());
        let trained = recipe.train(&dataset, &()).unwrap();
        let classifier = trained.classifier(&dataset, &()).unwrap();
        let source = Source::new(trained.clone(), Some(classifier.svm.clone())).unwrap();
        let learnt = Samples::new(&recipe, &dataset).unwrap();
        for isa in Isa::all_available() {
            let encoder = Int8Encoder::calibrated(isa, &source, &learnt).unwrap();
            let model = encoder.file().model().unwrap();
            let mut memory = vec![u32::MAX; Int8Pipeline::<Portable>::memory_len(&model)];
            let mut device = Int8Pipeline::new(Portable, model, &mut memory).unwrap();
            // Not in their order, and one of them twice.
            let indices: Vec<usize> = (0..61).rev().chain([7]).collect();
            let (mut expected, mut scores) = (Vec::new(), Vec::new());
            let mut features = vec![0; encoder.shape().len()];
            for index in &indices {
                let sample = as_given(&recipe, &dataset, *index);
                device.features(&sample[..], &mut features).unwrap();
                expected.extend(features.iter().map(|feature| *feature as u8));
                scores.extend(device.scores(&sample[..]).unwrap());
            }
            assert!(expected.iter().any(|feature| *feature > 100), "{name}");
            let mut found = Vec::new();
            let keep = |features: &[u8]| {
                found.extend_from_slice(features);
                Ok(())
            };
            encoder.run_on(&learnt, &indices, keep).unwrap();
            assert!(found == expected, "{name}, {isa}");
            let mut found = Vec::new();
            let keep = |scores: &[f32]| {
                found.extend_from_slice(scores);
                Ok(())
            };
            encoder.scores_on(&learnt, &indices, keep).unwrap();
            assert!(found == scores, "{name}, {isa}");
        }
    }
}

#[test]
fn a_sample_that_is_not_finite_has_no_features_in_8_bits() {
    let shape = Shape::new(3, 1, 48);
    let recipe = single(conv(&[]));
    let dataset = samples(shape, 60, 0);
    let trained = recipe.train(&dataset, &()).unwrap();
    let source = Source::new(trained, None).unwrap();
    let learnt = Samples::new(&recipe, &dataset).unwrap();
    let encoder = Int8Encoder::calibrated(Isa::detect(), &source, &learnt).unwrap();
    let mut numbers = vec![0.5; 144];
    let of = |numbers: Vec<f32>| Dataset::from_floats(shape, numbers);
    let nothing = |_: &[u8]| Ok(());
    let good = of(numbers.clone()).unwrap();
    encoder.run_on(&Samples::new(&recipe, &good).unwrap(), &[0], nothing).unwrap();
    assert!(encoder.scores_on(&learnt, &[0], |_| Ok(())).is_err(), "there is no classifier");
    numbers[3] = f32::NAN;
    if let Ok(broken) = of(numbers) {
        let broken = Samples::new(&recipe, &broken).unwrap();
        let error = encoder.run_on(&broken, &[0], nothing).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
}

#[test]
fn integers_of_a_sensor_are_taken_as_they_come() {
    let shape = Shape::new(2, 1, 40);
    let mut train = Vec::new();
    for sample in 0..120i32 {
        for position in 0..80 {
            let wave = ((position / 2) as f32 * (0.3 + 0.4 * (sample % 3) as f32) + sample as f32).sin();
            train.push((wave * 100.0) as i8);
        }
    }
    let labels: Vec<u16> = (0..120).map(|sample| sample % 3).collect();
    let numbers: Vec<f32> = train.iter().map(|v| f32::from(*v)).collect();
    let dataset = Dataset::from_floats(shape, numbers).unwrap().with_labels(labels).unwrap();
    let recipe = conv(&[standardise(Per::Channel)]).divide_by(64.0).build().unwrap();
    let trained = recipe.train(&dataset, &()).unwrap();
    let classifier = trained.classifier(&dataset, &()).unwrap();
    let source = Source::new(trained.clone(), Some(classifier.svm.clone())).unwrap();
    let quantized = Quantized::new(&source, &Samples::new(&recipe, &dataset).unwrap()).unwrap();
    let file = export::int8_model(&source, &quantized, Some(export::Options { decoder: false })).unwrap();
    let model = file.model().unwrap();
    let mut floats = vec![0.0; Pipeline::memory_len(&model)];
    let mut words = vec![0; Int8Pipeline::<Portable>::memory_len(&model)];
    let mut same = 0;
    for sample in train.chunks_exact(80) {
        let wide: Vec<i16> = sample.iter().map(|v| i16::from(*v)).collect();
        let real: Vec<f32> = sample.iter().map(|v| f32::from(*v)).collect();
        let mut pipeline = Pipeline::new(model, &mut floats).unwrap();
        let class = pipeline.classify(sample).unwrap();
        assert_eq!(pipeline.classify(&wide[..]).unwrap(), class);
        assert_eq!(pipeline.classify(&real[..]).unwrap(), class);
        let mut quantised = Int8Pipeline::new(Portable, model, &mut words).unwrap();
        let int8 = quantised.classify(sample).unwrap();
        assert_eq!(quantised.classify(&wide[..]).unwrap(), int8);
        assert_eq!(quantised.classify(&real[..]).unwrap(), int8);
        same += usize::from(int8 == class);
    }
    assert!(same >= 118, "{same}");
}

#[test]
fn a_signal_streams_in_less_memory_turned_and_with_the_same_bits() {
    let shape = Shape::new(3, 1, 48);
    let dataset = samples(shape, 120, 0);
    let recipe = single(conv(&[standardise(Per::Channel)]));
    let trained = recipe.train(&dataset, &()).unwrap();
    let file = trained.export().unwrap();
    let model = file.model().unwrap();
    assert_eq!(model.network().input(), Shape::new(3, 48, 1));
    let (lying, pool) = (trained.network(), trained.resolved.pool());
    let (before, after) = (extractor_len(&lying, &pool), extractor_len(&model.network(), &model.pool()));
    assert!(3 * after < before, "{after} instead of {before}");
    // The features as before the turn, from the same parameters.
    let parameters = wta_core::Parameters::new(lying, &trained.parameters).unwrap();
    let mut memory = vec![0.0; before];
    let mut extractor =
        wta_core::Extractor::new(Scalar, parameters, pool, model.sqrt_features(), &mut memory).unwrap();
    let mut work = vec![0.0; Pipeline::memory_len(&model)];
    let (mut expected, mut found) = (vec![0.0; model.features()], vec![0.0; model.features()]);
    for index in 0..5 {
        let sample = as_given(&recipe, &dataset, index);
        let rows = Scaled { rows: &sample[..], scale: model.scale() };
        let mut held = vec![0.0; model.preprocessing().memory_len()];
        let mut rows = Preprocessed::new(model.preprocessing(), rows, &mut held).unwrap();
        extractor.features(|y: usize, to: &mut [f32]| rows.row(y, to), &mut expected).unwrap();
        Pipeline::new(model, &mut work).unwrap().features(&sample[..], &mut found).unwrap();
        assert_eq!(found, expected);
    }
}
