//! What learns classes on a device is held against the same formulas in f64, and against damage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use proptest::prelude::*;
use wta_core::Error;
use wta_core::Random;
use wta_core::int8::dequantise;
use wta_core::learn_classes::{
    Margin, NearestMean, SvmSchedule, SvmSettings, SvmTrainer, nearest_mean_len, svm_training_len,
};

/// A stream of labelled samples: classes are clouds around centres of their own.
fn stream(seed: u64, features: usize, classes: usize, len: usize) -> Vec<(Vec<f32>, usize)> {
    let mut random = Random::new(seed);
    let centres: Vec<f32> = (0..features * classes).map(|_| 2.0 * random.uniform() - 1.0).collect();
    let sample = |index: usize, random: &mut Random| {
        let class = index % classes;
        let centre = &centres[features * class..][..features];
        (centre.iter().map(|c| (c + 0.4 * random.uniform() - 0.2).max(0.0)).collect(), class)
    };
    (0..len).map(|index| sample(index, &mut random)).collect()
}

/// The support vector machine in f64, written from its formulas with all weights at once.
struct Oracle {
    settings: SvmSettings,
    weights: Vec<Vec<f64>>,
    averages: Vec<Vec<f64>>,
    steps: Vec<u32>,
    inverse: Vec<f64>,
}

impl Oracle {
    fn new(features: usize, classes: usize, settings: SvmSettings) -> Self {
        let zeros = vec![vec![0.0; features + 1]; classes];
        Self {
            settings,
            weights: zeros.clone(),
            averages: zeros,
            steps: vec![0; classes],
            inverse: Vec::new(),
        }
    }

    fn update(&mut self, features: &[f32], class: usize) {
        let x: Vec<f64> = features.iter().map(|f| f64::from(*f)).collect();
        let norm: f64 = x.iter().map(|x| x * x).sum();
        // A squared norm below 1e-30 counts as none.
        let inverse = (norm > 1e-30).then(|| 1.0 / norm);
        let mean = |inverse: &[f64]| inverse.iter().sum::<f64>() / inverse.len() as f64;
        let most = if self.inverse.is_empty() { f64::INFINITY } else { 16.0 * mean(&self.inverse) };
        self.inverse.extend(inverse.map(|inverse| inverse.min(most)));
        let mean = mean(&self.inverse);
        let by_norm = inverse.map_or(0.0, |inverse| inverse.min(mean));
        let (rate, l) = (f64::from(self.settings.rate), f64::from(self.settings.regularisation));
        let known: Vec<usize> =
            (0..self.weights.len()).filter(|c| *c == class || self.steps[*c] > 0).collect();
        for index in known {
            let w = &mut self.weights[index];
            let y = if index == class { 1.0 } else { -1.0 };
            let lacking = 1.0 - y * (w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + w[x.len()]);
            let slope = match self.settings.margin {
                Margin::Hinge => f64::from(u8::from(lacking > 0.0)),
                Margin::Squared => lacking.max(0.0),
            };
            let t = f64::from(self.steps[index]);
            let rate = match self.settings.schedule {
                SvmSchedule::Constant => rate,
                SvmSchedule::Inverse => rate / (1.0 + rate * l * t),
            };
            let steps = x.iter().map(|x| slope * x * by_norm).chain([slope.min(2.0)]);
            for (w, step) in w.iter_mut().zip(steps) {
                *w = *w * (1.0 - rate * l) + rate * y * step;
            }
            for (average, w) in self.averages[index].iter_mut().zip(w) {
                *average = *average * (t / (t + 4.0)) + *w * (4.0 / (t + 4.0));
            }
            self.steps[index] += 1;
        }
    }

    fn scores(&self, features: &[f32]) -> Vec<Option<f64>> {
        let weights = if self.settings.averaged { &self.averages } else { &self.weights };
        let score = |w: &Vec<f64>| {
            w.iter().zip(features).map(|(w, x)| w * f64::from(*x)).sum::<f64>() + w[features.len()]
        };
        weights.iter().zip(&self.steps).map(|(w, steps)| (*steps > 0).then(|| score(w))).collect()
    }
}

/// What the trainer learns of a stream: the memory, to resume from.
fn learn(settings: SvmSettings, classes: usize, stream: &[(Vec<f32>, usize)]) -> (Vec<f32>, Vec<u32>) {
    let features = stream[0].0.len();
    let len = svm_training_len(features, classes, &settings);
    let (mut floats, mut counts) = (vec![9.0; len.floats], vec![9; len.counts]);
    let mut trainer = SvmTrainer::new(features, classes, settings, &mut floats, &mut counts).unwrap();
    for (sample, class) in stream {
        trainer.update(sample, *class).unwrap();
    }
    (floats, counts)
}

fn settings() -> impl Strategy<Value = SvmSettings> {
    let margins = prop_oneof![Just(Margin::Hinge), Just(Margin::Squared)];
    let schedules = prop_oneof![Just(SvmSchedule::Constant), Just(SvmSchedule::Inverse)];
    (0.01f32..0.5, 0.0f32..0.1, margins, schedules, any::<bool>()).prop_map(
        |(rate, regularisation, margin, schedule, averaged)| SvmSettings {
            rate,
            regularisation,
            margin,
            schedule,
            averaged,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_those_of_the_formulas_in_f64(
        settings in settings(), seed in any::<u64>(), features in 1usize..20, classes in 1usize..6,
        len in 1usize..200,
    ) {
        // The hinge's slope jumps where rounding decides, so its steps are compared where it does not.
        let stream = stream(seed, features, classes, if settings.margin == Margin::Hinge { len.min(8) } else { len });
        let mut oracle = Oracle::new(features, classes, settings);
        stream.iter().for_each(|(sample, class)| oracle.update(sample, *class));
        let (mut floats, mut counts) = learn(settings, classes, &stream);
        let trainer = SvmTrainer::resume(features, classes, settings, &mut floats, &mut counts).unwrap();
        for (sample, _) in &stream {
            let expected = oracle.scores(sample);
            for (found, expected) in trainer.scores(sample).unwrap().zip(expected) {
                let (Some(found), Some(expected)) = (found, expected) else {
                    prop_assert!(found.is_none() && expected.is_none());
                    continue;
                };
                prop_assert!((f64::from(found) - expected).abs() < 1e-3, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_scale_of_the_features_changes_no_bit(settings in settings(), seed in any::<u64>(), power in -20i32..20) {
        let plain = stream(seed, 7, 3, 60);
        let factor = 2f32.powi(power);
        let scale = |(sample, class): &(Vec<f32>, usize)| (sample.iter().map(|x| x * factor).collect(), *class);
        let scaled: Vec<(Vec<f32>, usize)> = plain.iter().map(scale).collect();
        let scores = |stream: &[(Vec<f32>, usize)]| -> Vec<Option<u32>> {
            let (mut floats, mut counts) = learn(settings, 3, stream);
            let trainer = SvmTrainer::resume(7, 3, settings, &mut floats, &mut counts).unwrap();
            let scores = stream.iter().flat_map(|(sample, _)| trainer.scores(sample).unwrap());
            scores.map(|score| score.map(f32::to_bits)).collect()
        };
        prop_assert_eq!(scores(&plain), scores(&scaled));
    }

    #[test]
    fn distances_are_those_of_means_in_f64(seed in any::<u64>(), features in 1usize..20, classes in 1usize..6, len in 1usize..300) {
        let stream = stream(seed, features, classes, len);
        let (mut means, mut counts) = (vec![9.0; nearest_mean_len(features, classes)], vec![9; classes]);
        let mut learner = NearestMean::new(features, &mut means, &mut counts).unwrap();
        stream.iter().for_each(|(sample, class)| learner.update(sample, *class).unwrap());
        let (mut weights, mut biases) = (vec![0.0; features * classes], vec![0.0; classes]);
        learner.write_svm(&mut weights, &mut biases).unwrap();
        let svm = wta_core::Svm::new(features, &weights, &biases).unwrap();
        for (sample, _) in stream.iter().take(20) {
            let square: f64 = sample.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            let distances = learner.distances(sample).unwrap();
            for (class, (found, score)) in distances.zip(svm.scores(sample).unwrap()).enumerate() {
                let of_class: Vec<_> = stream.iter().filter(|(_, c)| *c == class).map(|(s, _)| s).collect();
                let Some(found) = found else {
                    prop_assert!(of_class.is_empty() && score < -1e38);
                    continue;
                };
                let mean = |i: usize| of_class.iter().map(|s| f64::from(s[i])).sum::<f64>() / of_class.len() as f64;
                let expected: f64 = (0..features).map(|i| (f64::from(sample[i]) - mean(i)).powi(2)).sum();
                prop_assert!((f64::from(found) - expected).abs() < 1e-4);
                prop_assert!((square - 2.0 * f64::from(score) - expected).abs() < 1e-4, "as a linear classifier");
            }
        }
    }

    #[test]
    fn whatever_comes_weights_stay_numbers(
        settings in settings(), rate in 0.5f32..=1.0,
        samples in prop::collection::vec((prop::collection::vec(any::<f32>(), 3), 0usize..5), 1..60),
    ) {
        let settings = SvmSettings { rate, ..settings };
        let len = svm_training_len(3, 4, &settings);
        let (mut floats, mut counts) = (vec![0.0; len.floats], vec![0; len.counts]);
        let (mut means, mut numbers) = (vec![0.0; nearest_mean_len(3, 4)], vec![0; 4]);
        let mut svm = SvmTrainer::new(3, 4, settings, &mut floats, &mut counts).unwrap();
        let mut nearest = NearestMean::new(3, &mut means, &mut numbers).unwrap();
        for (sample, class) in &samples {
            let finite = sample.iter().all(|x| x.is_finite());
            let learnt = nearest.update(sample, *class);
            prop_assert_eq!(learnt.is_ok(), finite && *class < 4);
            let before = svm.steps(*class);
            let refused = svm.update(sample, *class).is_err();
            prop_assert!(!refused || svm.steps(*class) == before);
            svm.svm().unwrap();
            if finite {
                nearest.classify(sample).unwrap();
                svm.classify(sample).unwrap();
            }
        }
        NearestMean::resume(3, &mut means, &mut numbers).unwrap();
        SvmTrainer::resume(3, 4, settings, &mut floats, &mut counts).unwrap();
    }
}

#[test]
fn an_outlier_does_not_undo_what_was_learnt() {
    for margin in [Margin::Hinge, Margin::Squared] {
        let settings = SvmSettings { margin, ..SvmSettings::DEFAULT };
        let stream = stream(3, 10, 4, 400);
        let mut spoilt = stream.clone();
        for factor in [1e-6, 1e2, 1e4, 1e8] {
            spoilt.insert(
                if factor == 1e4 { 0 } else { 200 },
                (stream[7].0.iter().map(|x| x * factor).collect(), 1),
            );
        }
        for samples in [&stream, &spoilt] {
            let (mut floats, mut counts) = learn(settings, 4, samples);
            let trainer = SvmTrainer::resume(10, 4, settings, &mut floats, &mut counts).unwrap();
            let wrong = stream.iter().filter(|(s, c)| trainer.classify(s).unwrap() != Some(*c)).count();
            assert!(wrong <= 4, "{margin:?}, {} samples: {wrong} of 400 are wrong", samples.len());
        }
    }
}

#[test]
fn a_class_that_comes_late_is_learnt_and_one_may_be_forgotten() {
    let settings = SvmSettings::DEFAULT;
    let all = stream(5, 12, 3, 600);
    let len = svm_training_len(12, 3, &settings);
    let (mut floats, mut counts) = (vec![0.0; len.floats], vec![0; len.counts]);
    let (mut means, mut numbers) = (vec![0.0; nearest_mean_len(12, 3)], vec![0; 3]);
    let mut svm = SvmTrainer::new(12, 3, settings, &mut floats, &mut counts).unwrap();
    let mut nearest = NearestMean::new(12, &mut means, &mut numbers).unwrap();
    assert_eq!(svm.classify(&all[0].0).unwrap(), None);
    assert_eq!(nearest.classify(&all[0].0).unwrap(), None);
    for (sample, class) in all.iter().filter(|(_, class)| *class < 2) {
        svm.update(sample, *class).unwrap();
        nearest.update(sample, *class).unwrap();
    }
    assert_eq!((svm.steps(2), nearest.samples(2), nearest.mean(2)), (0, 0, None));
    for (sample, class) in &all {
        svm.update(sample, *class).unwrap();
        nearest.update(sample, *class).unwrap();
    }
    let wrong = |svm: &SvmTrainer<'_>, nearest: &NearestMean<'_>| {
        let by_svm = all.iter().filter(|(s, c)| svm.classify(s).unwrap() != Some(*c)).count();
        let by_mean =
            all.iter().filter(|(s, c)| nearest.classify(s).unwrap().map(|n| n.class) != Some(*c)).count();
        (by_svm, by_mean)
    };
    assert_eq!(wrong(&svm, &nearest), (0, 0));
    svm.forget(1).unwrap();
    nearest.forget(1).unwrap();
    assert_eq!(wrong(&svm, &nearest), (200, 200), "no sample is of the class that was forgotten");
    let (mut weights, mut biases) = (vec![0.0; 36], vec![0.0; 3]);
    svm.write_svm(&mut weights, &mut biases).unwrap();
    let alone = wta_core::Svm::new(12, &weights, &biases).unwrap();
    assert!(
        all.iter().all(|(sample, _)| Some(alone.classify(sample).unwrap()) == svm.classify(sample).unwrap())
    );
    assert!(svm.forget(3).is_err() && nearest.forget(3).is_err());
}

/// A sum of so many numbers in f32 would be wrong in the fourth digit, and the mean of all would stand still.
#[test]
fn a_mean_of_millions_of_samples_is_that_in_f64_and_follows_what_changes() {
    let (mut means, mut counts) = ([0.0], [0]);
    let mut nearest = NearestMean::new(1, &mut means, &mut counts).unwrap();
    let (mut random, mut exact) = (Random::new(4), 0.0f64);
    for index in 0..3_000_000u32 {
        let value = 100.0 + random.uniform() + if index < 2_000_000 { 0.0 } else { 5.0 };
        exact += (f64::from(value) - exact) / f64::from((index + 1).min(1 << 16));
        nearest.update(&[value], 0).unwrap();
        if index % 50_000 == 49_999 {
            let error = (f64::from(nearest.mean(0).unwrap()[0]) / exact - 1.0).abs();
            assert!(error < 2e-5, "{index}: {error}");
        }
    }
    assert!((nearest.mean(0).unwrap()[0] - 105.5).abs() < 0.01);
    assert_eq!(nearest.samples(0), 1 << 16);
}

#[test]
fn what_does_not_fit_is_refused_in_one_sentence() {
    let good = SvmSettings::DEFAULT;
    for settings in [
        SvmSettings { rate: 0.0, ..good },
        SvmSettings { rate: 1.5, ..good },
        SvmSettings { rate: f32::NAN, ..good },
        SvmSettings { regularisation: -1.0, ..good },
        SvmSettings { regularisation: f32::INFINITY, ..good },
    ] {
        assert!(matches!(settings.check(), Err(Error::Invalid(_))), "{settings:?}");
    }
    let (mut floats, mut counts) = ([0.0; 13], [0; 3]);
    assert_eq!(svm_training_len(2, 2, &good).floats, 13);
    assert!(SvmTrainer::new(2, 2, good, &mut floats[..12], &mut counts).is_err());
    assert!(SvmTrainer::new(2, 2, good, &mut floats, &mut counts[..2]).is_err());
    assert!(SvmTrainer::new(0, 2, good, &mut floats, &mut counts).is_err());
    assert!(NearestMean::new(2, &mut [0.0; 3], &mut [0; 2]).is_err());
    assert!(NearestMean::new(2, &mut [], &mut []).is_err());
    assert!(NearestMean::resume(1, &mut [f32::NAN], &mut [1]).is_err());
    floats[1] = f32::INFINITY;
    assert!(SvmTrainer::resume(2, 2, good, &mut floats, &mut counts).is_err());
    let mut trainer = SvmTrainer::new(2, 2, good, &mut floats, &mut counts).unwrap();
    assert!(matches!(trainer.update(&[1.0], 0), Err(Error::Length { expected: 2, found: 1, .. })));
    assert!(matches!(trainer.update(&[1.0, f32::NAN], 0), Err(Error::NotFinite { index: 1, .. })));
    let sentence = trainer.update(&[1.0, 1.0], 2).unwrap_err().to_string();
    assert!(sentence.contains("memory was lent for") && !sentence.contains('\n'), "{sentence}");
}

#[test]
fn quantised_features_are_learnt_from_in_their_scale() {
    let mut features = [0.0; 3];
    dequantise(&[0, 100, 255], 0.5, &mut features).unwrap();
    assert_eq!(features, [0.0, 50.0, 127.5]);
    assert!(dequantise(&[1, 2], 0.5, &mut features).is_err());
}
