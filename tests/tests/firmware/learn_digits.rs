//! The board learns to tell real digits from 200 of them, as the host does from the same features: the same
//! scores, and the same `model.wta`, bit for bit.

use std::time::Duration;

use wta_core::Model;
use wta_core::int8::{Int8Extractor, Portable, dequantise};

use crate::board::{assert_same_bits, board};
use crate::digits;

#[path = "../../firmware/src/workload/learn_digits.rs"]
mod workload;

use workload::{Memory, NETWORK, POOL, Told};

const COUNT: usize = 200;

#[test]
fn a_microcontroller_learns_digits_as_the_host_does() {
    let (images, labels) = (digits::images("train", COUNT), digits::labels("train", COUNT));
    let others = digits::images("t10k", COUNT);
    let mut rows = vec![0; Int8Extractor::<Portable>::memory_len(&NETWORK, &POOL)];
    let mut memory = Box::new(Memory::new());
    let mut model = Vec::new();
    let (mut by_mean, mut mean_scores) = (Vec::new(), Vec::new());
    let (mut by_svm, mut svm_scores) = (Vec::new(), Vec::new());
    workload::learn(Portable, (&images, &labels), &others, &mut rows, &mut memory, |told| match told {
        Told::ByMean(class, scores) => {
            by_mean.push(class as u64);
            mean_scores.extend_from_slice(scores);
        }
        Told::BySvm(class, scores) => {
            by_svm.push(class as u64);
            svm_scores.extend_from_slice(scores);
        }
        Told::Model(piece) => model.extend_from_slice(piece),
        Told::Features | Told::MeanUpdated | Told::SvmUpdated => {}
    })
    .unwrap();
    let errors = |found: &[u64]| {
        let labels = digits::labels("t10k", COUNT);
        found.iter().zip(labels).filter(|(class, label)| **class != u64::from(*label)).count()
    };
    let (mean_errors, svm_errors) = (errors(&by_mean), errors(&by_svm));
    println!("wrong of {COUNT}: {mean_errors} by the nearest mean, {svm_errors} by the SVM");
    assert!(mean_errors <= MOST_BY_MEAN && svm_errors <= MOST_BY_SVM, "{mean_errors} {svm_errors}");

    // The model that the device wrote gives the scores that it had while it learnt.
    let mut flash = vec![0u128; model.len().div_ceil(16)];
    bytemuck::cast_slice_mut(&mut flash).copy_from_slice(&model);
    let written = Model::parse(bytemuck::cast_slice(&flash)).unwrap();
    let mut extractor = Int8Extractor::new(
        Portable,
        written.int8().unwrap(),
        written.pool(),
        written.sqrt_features(),
        &mut rows,
    )
    .unwrap();
    let (mut quantised, mut found) = (vec![0; written.features()], vec![0.0; written.features()]);
    let mut scores = Vec::new();
    for image in others.chunks_exact(digits::PIXELS) {
        extractor.features(image, &mut quantised).unwrap();
        dequantise(&quantised, written.int8_feature_scale().unwrap(), &mut found).unwrap();
        scores.extend(written.svm().unwrap().scores(&found).unwrap());
    }
    assert_same_bits("scores of the written model", &scores, &svm_scores);

    let Some(board) = board() else { return };
    let report = board.run("learn_digits", Duration::from_secs(300));
    assert_same_bits("mean_scores", &report.floats("mean_scores"), &mean_scores);
    assert_same_bits("svm_scores", &report.floats("svm_scores"), &svm_scores);
    assert_eq!((report.numbers("by_mean"), report.numbers("by_svm")), (by_mean, by_svm));
    assert_eq!(report.number("model_bytes"), model.len() as u64);
    assert_eq!(report.number("model"), workload::hash(0, &model), "the model.wta that the device writes");
}

/// Wrong of 200 after one look at each of 200 others.
const MOST_BY_MEAN: usize = 21;
const MOST_BY_SVM: usize = 24;
