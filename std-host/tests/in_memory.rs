//! The way through the library without a run folder: the numbers of the way with one, and errors that can be
//! told apart.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};

use wta::error::Interrupted;
use wta::evaluate::{Encoded, Encoding, Plan, evaluate};
use wta::preprocess::Samples;
use wta::recipe::{BadSamplesRecipe, OptimizerRecipe, Per, PreprocessRecipe};
use wta::run::Run;
use wta::train::{Options, train, train_into};
use wta::{Dataset, EpochMetrics, Error, Observer, Recipe, Shape, Trained, data, export};

/// The first digits of both splits.
fn digits() -> (Dataset, Dataset) {
    let mut digits = data::digits().unwrap();
    let _ = digits.train.split_off(600);
    let _ = digits.test.split_off(200);
    (digits.train, digits.test)
}

fn recipe() -> Recipe {
    let recipe = Recipe::builder("small").convolutional([(8, 5)], 7).divide_by(255.0).lifetime(0.2);
    recipe.pool("5/3".parse().unwrap()).epochs(2).batch(50).build().unwrap()
}

/// A stack on whitened digits.
fn stack() -> Recipe {
    let whitened = |builder: wta::recipe::RecipeBuilder| {
        let contrast = PreprocessRecipe::Contrast { regulariser: 0.1 };
        let standardise = PreprocessRecipe::Standardise { per: Per::Number, regulariser: 0.1, samples: None };
        builder.divide_by(255.0).preprocess(contrast).preprocess(standardise).epochs(1).batch(50)
    };
    let lower = whitened(Recipe::builder("lower").convolutional([(6, 5)], 7).pool("5/3".parse().unwrap()));
    let upper = whitened(Recipe::builder("upper").fully_connected([20]).lifetime(0.1));
    upper.below(lower.build().unwrap()).build().unwrap()
}

fn all_parameters(trained: &Trained) -> Vec<Vec<f32>> {
    trained.layers().into_iter().map(|layer| layer.parameters.clone()).collect()
}

#[test]
fn a_folder_and_memory_give_the_same_weights() {
    let (digits, _) = digits();
    for recipe in [recipe(), stack()] {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path().join("run"));
        let samples = Samples::new(&recipe, &digits).unwrap();
        let (kept, outcome) = train_into(&run, false, &recipe, &samples, Options::default(), &()).unwrap();
        let trained = recipe.train(&digits, &()).unwrap();
        assert_eq!(all_parameters(&trained), all_parameters(&kept));
        assert_eq!(trained.preprocess, kept.preprocess);
        let read = Trained::open(&run, digits.shape()).unwrap();
        assert_eq!(all_parameters(&read), all_parameters(&kept));
        assert_eq!(read.below.map(|below| below.scale), trained.below.as_ref().map(|below| below.scale));
        let (_, again) = train(&recipe, &samples, Options::default(), &()).unwrap();
        assert_eq!((again.checksum, again.loss), (outcome.checksum, outcome.loss));
        // Resuming what is finished gives it again.
        let (resumed, same) = train_into(&run, true, &recipe, &samples, Options::default(), &()).unwrap();
        assert_eq!(all_parameters(&resumed), all_parameters(&kept));
        assert_eq!((same.checksum, same.loss), (outcome.checksum, outcome.loss));
    }
}

#[test]
fn the_classifier_is_the_one_of_an_evaluation() {
    let (train, test) = digits();
    let recipe = recipe();
    let trained = recipe.train(&train, &()).unwrap();
    let features = trained.encode(&test).unwrap();
    assert_eq!((features.shape, features.images().len()), (Shape::new(8, 10, 10), 200));
    let classifier = trained.classifier(&train, &()).unwrap();

    let samples = (Samples::new(&recipe, &train).unwrap(), Samples::new(&recipe, &test).unwrap());
    let encoded = Encoded::new(&trained, &samples.0, Some(&samples.1), Encoding::default(), &()).unwrap();
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm };
    let evaluation = evaluate(&encoded, plan, &()).unwrap();
    assert_eq!((&classifier.svm, classifier.c), (&evaluation.model, evaluation.c));
    assert_eq!(classifier.held_out_error, evaluation.draws[0].held_out_error);
    let wrong = classifier.error_rate(&test).unwrap();
    assert!((wrong - evaluation.test_error).abs() < 0.011, "{wrong}, {}", evaluation.test_error);
    assert!(wrong < 0.5, "{wrong}");
    let predicted = classifier.predict(&test).unwrap();
    let labels = test.labels.as_ref().unwrap();
    let counted = predicted.iter().zip(labels).filter(|(a, b)| a != b).count();
    assert_eq!(wrong, counted as f64 / 200.0);
    let scores = classifier.scores(&test).unwrap();
    assert!(
        scores
            .iter()
            .zip(&predicted)
            .all(|(scores, class)| { scores.iter().all(|score| *score <= scores[usize::from(*class)]) })
    );
}

#[test]
fn a_classifier_learns_from_views_that_the_samples_do_not_show() {
    let (train, test) = digits();
    let mut recipe = recipe();
    recipe.svm.c = vec![0.1, 1.0];
    let trained = recipe.train(&train, &()).unwrap();
    // The same pixels, mirrored and moved down by two rows.
    let changed = |from: fn(usize, usize) -> Option<(usize, usize)>| {
        let mut pixels = vec![0.0; 784 * test.len()];
        for (index, image) in pixels.chunks_exact_mut(784).enumerate() {
            let mut whole = [0.0; 784];
            test.write(index, 1.0, &mut whole).unwrap();
            for (place, pixel) in image.iter_mut().enumerate() {
                *pixel = from(place / 28, place % 28).map_or(0.0, |(row, column)| whole[row * 28 + column]);
            }
        }
        Dataset::from_floats(test.shape(), pixels).unwrap().with_labels(test.labels.clone().unwrap()).unwrap()
    };
    let mirrored = changed(|row, column| Some((row, 27 - column)));
    let moved = changed(|row, column| Some((row.checked_sub(2)?, column)));
    let tried = |mirror, shift, test: &Dataset, labels| {
        let mut trained = trained.clone();
        let mut recipe = recipe.clone();
        (recipe.svm.mirror, recipe.svm.shift) = (mirror, shift);
        trained.resolved = std::sync::Arc::new(recipe.resolve(train.shape()).unwrap());
        let samples = (Samples::new(&recipe, &train).unwrap(), Samples::new(&recipe, test).unwrap());
        let plan = Plan { labels, draws: 1, seed: 1, svm: &recipe.svm };
        let how = Encoding { drawn: plan.drawn(), ..Encoding::default() };
        let encoded = Encoded::new(&trained, &samples.0, Some(&samples.1), how, &()).unwrap();
        let evaluation = evaluate(&encoded, plan, &()).unwrap();
        // Only what is drawn is there in all views, and stands for nothing else.
        let rows = 600 + (encoded.train.views - 1) * labels.unwrap_or(600);
        assert_eq!((encoded.train.rows.len(), encoded.train.labels.len()), (rows, rows));
        if rows > 600 && labels.is_some() {
            for other in [Plan { seed: 2, ..plan }, Plan { labels: None, ..plan }] {
                let error = evaluate(&encoded, other, &()).unwrap_err().to_string();
                assert!(error.contains("other labels are drawn"), "{error}");
            }
        }
        // Views are no further labels.
        assert_eq!((encoded.train.image_labels().len(), evaluation.labels), (600, labels.unwrap_or(600)));
        (encoded.train.views, evaluation.test_error)
    };
    let cases =
        [(true, 0, 2, &mirrored, None), (false, 2, 5, &moved, None), (true, 2, 10, &mirrored, Some(200))];
    for (mirror, shift, views, test, labels) in cases {
        let (one, without) = tried(false, 0, test, labels);
        let (found, with) = tried(mirror, shift, test, labels);
        assert_eq!((one, found), (1, views));
        assert!(with < without - 0.03, "{with} for {without}: {mirror}, {shift}, {labels:?}");
    }
}

#[test]
fn firmware_gets_what_the_run_folder_would_export() {
    let (train, _) = digits();
    let trained = recipe().train(&train, &()).unwrap();
    let bare = trained.export().unwrap();
    let model = bare.model().unwrap();
    assert_eq!((model.network(), model.classes()), (trained.network(), 0));
    let classifier = trained.classifier(&train, &()).unwrap();
    let file = classifier.export().unwrap();
    assert_eq!((file.model().unwrap().classes(), file.model().unwrap().features()), (10, 800));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.wta");
    file.save(&path).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), file.bytes());
    let source = export::Source::new(trained.clone(), Some(classifier.svm.clone())).unwrap();
    let decoder = export::Options { decoder: true };
    assert_eq!(export::model(&source, decoder).unwrap().bytes(), file.bytes());
    // A stack with its preprocessing is one file.
    let whitened = stack().train(&train, &()).unwrap().export().unwrap();
    let whitened = whitened.model().unwrap();
    assert_eq!((whitened.layers(), whitened.below().unwrap().preprocessing().len()), (2, 2));
}

/// Stops after some steps, and counts the epochs.
#[derive(Default)]
struct Budget {
    steps: AtomicU64,
    most: u64,
    epochs: AtomicU64,
}

impl Observer for Budget {
    fn advance(&self, steps: u64) {
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        assert!(epoch.epoch <= epochs as u64 && epoch.loss.is_finite());
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.most
    }
}

#[test]
fn an_observer_hears_every_step_and_stops_in_memory_and_in_a_folder() {
    let (digits, _) = digits();
    let recipe = recipe();
    let watching = Budget { most: u64::MAX, ..Budget::default() };
    let whole = recipe.train(&digits, &watching).unwrap();
    assert_eq!((watching.steps.into_inner(), watching.epochs.into_inner()), (24, 2));
    let stopping = || Budget { most: 7, ..Budget::default() };
    match recipe.train(&digits, &stopping()) {
        Err(Error::Interrupted(Interrupted::Training { step: 7, steps: 24, folder: None })) => {}
        other => panic!("{other:?}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path().join("run"));
    let samples = Samples::new(&recipe, &digits).unwrap();
    match train_into(&run, false, &recipe, &samples, Options::default(), &stopping()) {
        Err(Error::Interrupted(Interrupted::Training { step: 7, folder: Some(folder), .. })) => {
            assert_eq!(folder, run.folder());
        }
        other => panic!("{other:?}"),
    }
    let (resumed, _) = train_into(&run, true, &recipe, &samples, Options::default(), &()).unwrap();
    assert_eq!(resumed.parameters, whole.parameters, "an interruption changes no bit");
}

#[test]
fn a_diverged_training_stays_diverged() {
    let (digits, _) = digits();
    let mut recipe = recipe();
    recipe.training.optimizer = OptimizerRecipe::Sgd { momentum: 0.9 };
    recipe.training.rate = 1e6;
    match recipe.train(&digits, &()) {
        Err(Error::Diverged { step, folder: None, .. }) => assert!(step > 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn glitches_of_a_sensor_are_clipped_or_skipped() {
    let mut random = wta_core::Random::new(3);
    let tone = |phase: f32| (0..64).map(move |t| (0.4 * t as f32 + phase).sin());
    let mut windows: Vec<f32> = (0..400).flat_map(|_| tone(6.3 * random.uniform())).collect();
    let good = Dataset::from_floats(Shape::new(1, 1, 64), windows.clone()).unwrap();
    // One spike, and two windows in which the sensor got stuck.
    windows[64 * 33 + 7] = 1e4;
    windows[64 * 200..64 * 202].fill(-3e7);
    let glitches = Dataset::from_floats(Shape::new(1, 1, 64), windows).unwrap();
    let recipe =
        || Recipe::builder("signal").fully_connected([16]).lifetime(0.2).epochs(4).batch(20).rate(5e-3);
    let loss = |builder: wta::recipe::RecipeBuilder, data: &Dataset| -> wta::Result<f64> {
        let recipe = builder.build()?;
        let (_, outcome) = train(&recipe, &Samples::new(&recipe, data)?, Options::default(), &())?;
        Ok(outcome.loss)
    };
    let undisturbed = loss(recipe(), &good).unwrap();
    let clipped = loss(recipe().clip_inputs(-1.0, 1.0), &glitches).unwrap();
    let skipping = recipe().limit_inputs(10.0).bad_samples(BadSamplesRecipe::Skip);
    let skipped = loss(skipping, &glitches).unwrap();
    assert!((clipped / undisturbed - 1.0).abs() < 0.25, "{clipped} {undisturbed}");
    assert!((skipped / undisturbed - 1.0).abs() < 0.1, "{skipped} {undisturbed}");
    match loss(recipe().limit_inputs(10.0), &glitches) {
        Err(Error::Diverged { source: wta_core::Error::BadImage { .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    // One sample a step: some steps have nothing but a bad one.
    let skipping = recipe().limit_inputs(10.0).bad_samples(BadSamplesRecipe::Skip).batch(1);
    assert!(loss(skipping, &glitches).is_ok());
    let unguarded = loss(recipe(), &glitches);
    assert!(!unguarded.is_ok_and(|loss| loss < 10.0 * undisturbed));
}

#[test]
fn data_that_do_not_fit_are_told() {
    let (train, _) = digits();
    let trained = recipe().train(&train, &()).unwrap();
    let small = Dataset::from_floats(Shape::new(1, 8, 8), vec![0.5; 640]).unwrap();
    let sentences = [
        trained.encode(&small).unwrap_err(),
        trained.classifier(&small, &()).map(|_| ()).unwrap_err(),
        trained.classifier(&train, &()).unwrap().predict(&small).unwrap_err(),
    ];
    for sentence in sentences.map(|error| error.to_string()) {
        assert_eq!(sentence, "the images are 8 x 8 x 1, but the network takes 28 x 28 x 1");
    }
    let mut unlabelled = train.clone();
    unlabelled.labels = None;
    let sentence = trained.classifier(&unlabelled, &()).map(|_| ()).unwrap_err().to_string();
    assert!(sentence.contains("no labels"), "{sentence}");
    let few = Dataset::from_floats(Shape::new(1, 28, 28), vec![0.5; 784 * 9]).unwrap();
    let sentence = recipe().train(&few, &()).unwrap_err().to_string();
    assert!(sentence.contains("training.batch is 50, but the data set has only 9 images"), "{sentence}");
}
