//! Learning classes and writing a model from C: the bits of the Rust interface, and refusals.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::ptr::{null, null_mut};

use wta_c::wta_status::*;
use wta_c::*;
use wta_core::learn_classes::{NearestMean, SvmSettings, SvmTrainer, nearest_mean_len, svm_training_len};
use wta_core::model::{Description, ModelWriter};
use wta_core::{Model, Network, Svm};

const FEATURES: usize = 5;
const CLASSES: usize = 3;

fn sample(index: usize) -> ([f32; FEATURES], usize) {
    let class = index % 2;
    let number = |i: usize| (index * 7 + i * 3) as f32 % 4.0 * 0.1 + if i == class { 2.0 } else { 0.0 };
    (std::array::from_fn(number), class)
}

fn learner(kind: u32) -> wta_learner {
    let mut learner = wta_learner::default();
    // SAFETY: the structs, memory and numbers are of this test, and as long as it says.
    assert_eq!(unsafe { wta_learner_defaults(&mut learner, kind, FEATURES, CLASSES) }, WTA_OK);
    learner
}

/// Classifies sample `index`: the status, the class and the scores.
fn classify(learner: &wta_learner, memory: &mut [u32], index: usize) -> (wta_status, usize, [f32; CLASSES]) {
    let (features, _) = sample(index);
    let (mut scores, mut label) = ([0.0; CLASSES], 99);
    let (lent, bytes) = (memory.as_mut_ptr().cast(), size_of_val(memory));
    let (from, to) = (features.as_ptr(), scores.as_mut_ptr());
    let status =
        // SAFETY: as above.
        unsafe { wta_learner_classify(learner, lent, bytes, from, FEATURES, to, CLASSES, &mut label) };
    (status, label, scores)
}

#[test]
fn classes_are_learnt_with_the_bits_of_rust_and_written_into_a_model() {
    let (mut means, mut counts) = ([0.0; nearest_mean_len(FEATURES, CLASSES)], [0; CLASSES]);
    let mut mean = NearestMean::new(FEATURES, &mut means, &mut counts).unwrap();
    const LEN: wta_core::learn_classes::SvmTrainingLen =
        svm_training_len(FEATURES, CLASSES, &SvmSettings::DEFAULT);
    let (mut floats, mut steps) = ([0.0; LEN.floats], [0; LEN.counts]);
    let mut svm = SvmTrainer::new(FEATURES, CLASSES, SvmSettings::DEFAULT, &mut floats, &mut steps).unwrap();
    for index in 0..50 {
        let (features, class) = sample(index);
        mean.update(&features, class).unwrap();
        svm.update(&features, class).unwrap();
    }
    for kind in [WTA_NEAREST_MEAN, WTA_LINEAR_SVM] {
        let learner = learner(kind);
        // SAFETY: as above.
        let bytes = unsafe { wta_learner_bytes(&learner) };
        let mut memory = vec![0xdead_beef; bytes / 4];
        let lent = memory.as_mut_ptr().cast();
        // SAFETY: as above.
        assert_eq!(unsafe { wta_learner_begin(&learner, lent, bytes) }, WTA_OK);
        assert_eq!(classify(&learner, &mut memory, 0).0, WTA_ERROR_MISSING);
        for index in 0..50 {
            let (features, class) = sample(index);
            let lent = memory.as_mut_ptr().cast();
            let update =
                // SAFETY: as above.
                unsafe { wta_learner_update(&learner, lent, bytes, features.as_ptr(), FEATURES, class) };
            assert_eq!(update, WTA_OK);
        }
        for index in 50..60 {
            let (features, class) = sample(index);
            let (status, label, scores) = classify(&learner, &mut memory, index);
            assert_eq!((status, label), (WTA_OK, class));
            let expected: Vec<f32> = if kind == WTA_NEAREST_MEAN {
                mean.distances(&features).unwrap().map(|d| d.map_or(f32::NEG_INFINITY, |d| -d)).collect()
            } else {
                svm.scores(&features).unwrap().map(|s| s.unwrap_or(f32::NEG_INFINITY)).collect()
            };
            assert_eq!(
                scores.map(f32::to_bits).to_vec(),
                expected.iter().map(|s| s.to_bits()).collect::<Vec<_>>()
            );
        }

        let (mut weights, mut biases) = ([0.0; FEATURES * CLASSES], [0.0; CLASSES]);
        let lent = memory.as_mut_ptr().cast();
        let (to, of) = (weights.as_mut_ptr(), biases.as_mut_ptr());
        // SAFETY: as above.
        let status = unsafe { wta_learner_svm(&learner, lent, bytes, to, FEATURES * CLASSES, of, CLASSES) };
        assert_eq!(status, WTA_OK);
        let network = wta_network {
            input: wta_shape { channels: 4, height: 1, width: 1 },
            depth: 1,
            ..wta_network::default()
        };
        let network = with_units(network);
        let core = Network::fully_connected(4, &[FEATURES]).unwrap();
        let parameters: Vec<f32> = (0..core.parameters_len()).map(|i| (i as f32).sin()).collect();
        let parts = wta_model_parts {
            network: &network,
            pooling: null(),
            scale: 0.5,
            parameters: parameters.as_ptr(),
            parameters_len: parameters.len(),
            weights: weights.as_ptr(),
            biases: biases.as_ptr(),
            classes: CLASSES,
        };
        // SAFETY: as above.
        let len = unsafe { wta_model_write_bytes(&parts) };
        let mut file = vec![0u128; len / 16];
        let mut written = 0;
        // SAFETY: as above.
        let status = unsafe { wta_model_write(&parts, file.as_mut_ptr().cast(), len, &mut written) };
        assert_eq!((status, written), (WTA_OK, len));
        let mut writer = ModelWriter::new(Description::new(core).scaled(0.5));
        writer.parameters(&parameters).unwrap();
        writer.svm(&Svm::new(FEATURES, &weights, &biases).unwrap()).unwrap();
        let mut expected = vec![0; writer.len()];
        writer.write_to(&mut expected).unwrap();
        let found: &[u8] = bytemuck::cast_slice(&file);
        assert_eq!(found, expected);
        assert_eq!(Model::parse(found).unwrap().classes(), CLASSES);
        // One byte less, and parts that cannot be.
        // SAFETY: as above.
        let short = unsafe { wta_model_write(&parts, file.as_mut_ptr().cast(), len - 1, &mut written) };
        assert_eq!(short, WTA_ERROR_LENGTH);
        let wrong = wta_model_parts { parameters_len: 3, ..parts };
        // SAFETY: as above.
        assert_eq!(unsafe { wta_model_write_bytes(&wrong) }, 0);
        let wrong = wta_model_parts { scale: 0.0, ..parts };
        // SAFETY: as above.
        let status = unsafe { wta_model_write(&wrong, file.as_mut_ptr().cast(), len, &mut written) };
        assert_eq!(status, WTA_ERROR_INVALID);

        // A class that is forgotten is not found any more.
        // SAFETY: as above.
        assert_eq!(unsafe { wta_learner_forget(&learner, memory.as_mut_ptr().cast(), bytes, 0) }, WTA_OK);
        assert_eq!(classify(&learner, &mut memory, 0).1, 1);
        assert_eq!(
            // SAFETY: as above.
            unsafe { wta_learner_forget(&learner, memory.as_mut_ptr().cast(), bytes, 3) },
            WTA_ERROR_INVALID
        );
    }
}

/// The network with a layer of [`FEATURES`] units.
fn with_units(mut network: wta_network) -> wta_network {
    let one = wta_size { height: 1, width: 1 };
    network.layers[0] = wta_layer { maps: FEATURES, kernel: one, stride: one };
    network.decoder_kernel = one;
    network
}

#[test]
fn what_does_not_fit_is_refused() {
    let svm = learner(WTA_LINEAR_SVM);
    // SAFETY: as above.
    let bytes = unsafe { wta_learner_bytes(&svm) };
    let mut memory = vec![0u32; bytes / 4];
    let lent: *mut std::ffi::c_void = memory.as_mut_ptr().cast();
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_begin(&svm, null_mut(), bytes) }, WTA_ERROR_NULL);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_begin(null(), lent, bytes) }, WTA_ERROR_NULL);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_begin(&svm, lent, bytes - 4) }, WTA_ERROR_LENGTH);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_begin(&svm, lent.wrapping_byte_add(1), bytes) }, WTA_ERROR_ALIGNMENT);
    for wrong in [
        wta_learner { kind: 7, ..svm },
        wta_learner { rate: 0.0, ..svm },
        wta_learner { regularisation: f32::NAN, ..svm },
    ] {
        // SAFETY: as above.
        assert_eq!(unsafe { wta_learner_begin(&wrong, lent, bytes) }, WTA_ERROR_INVALID, "{wrong:?}");
    }
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_bytes(&wta_learner { kind: 7, ..svm }) }, 0);
    let huge = wta_learner { features: usize::MAX, ..svm };
    // SAFETY: as above.
    assert_ne!(unsafe { wta_learner_begin(&huge, lent, bytes) }, WTA_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { wta_learner_begin(&svm, lent, bytes) }, WTA_OK);
    let features = [1.0, f32::NAN, 0.0, 0.0, 0.0];
    // SAFETY: as above.
    let update = |features: *const f32, len, class| unsafe {
        wta_learner_update(&svm, lent, bytes, features, len, class)
    };
    assert_eq!(update(features.as_ptr(), FEATURES, 0), WTA_ERROR_NOT_FINITE);
    assert_eq!(update(features.as_ptr(), 1, 0), WTA_ERROR_LENGTH);
    assert_eq!(update(null(), FEATURES, 0), WTA_ERROR_NULL);
    assert_eq!(update([1.0; FEATURES].as_ptr(), FEATURES, CLASSES), WTA_ERROR_INVALID);
    assert_eq!(update([1.0; FEATURES].as_ptr(), FEATURES, 0), WTA_OK);
    let (mut scores, mut label) = ([0.0; 2], 0);
    let (from, to) = ([1.0f32; FEATURES], scores.as_mut_ptr());
    // SAFETY: as above.
    let classify = |to, classes, label| unsafe {
        wta_learner_classify(&svm, lent, bytes, from.as_ptr(), FEATURES, to, classes, label)
    };
    assert_eq!(classify(to, 2, &raw mut label), WTA_ERROR_LENGTH);
    assert_eq!(classify(null_mut(), 0, &raw mut label), WTA_OK);
    assert_eq!(classify(null_mut(), 0, null_mut()), WTA_ERROR_NULL);
}
