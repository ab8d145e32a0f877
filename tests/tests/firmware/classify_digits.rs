//! The board classifies real digits, row by row, as the host does with whole maps.

use std::time::Duration;

use wta_core::{Encoder, Model, Scalar, math};

use crate::board::{assert_same_bits, board};
use crate::digits;

#[path = "../../firmware/src/workload/classify_digits.rs"]
#[allow(dead_code, reason = "the host computes with whole maps instead")]
mod workload;

const COUNT: usize = 200;

#[test]
fn a_microcontroller_classifies_digits_with_the_hosts_scores() {
    let Some(board) = board() else { return };
    let report = board.run("classify_digits", Duration::from_secs(300));

    let model = Model::parse(&workload::MODEL.0).unwrap();
    let svm = model.svm().unwrap();
    let (mut scores, mut expected) = (Vec::new(), Vec::new());
    for image in digits::images("t10k", COUNT).chunks_exact(digits::PIXELS) {
        let features = features(&model, image);
        scores.extend(svm.scores(&features).unwrap());
        expected.push(svm.classify(&features).unwrap() as u64);
    }
    assert_same_bits("scores", &report.floats("scores"), &scores);
    let classes = report.numbers("class");
    assert_eq!(classes, expected);
    let labels = digits::labels("t10k", COUNT);
    let errors = classes.iter().zip(labels).filter(|(class, label)| **class != u64::from(*label)).count();
    assert_eq!(report.number("errors"), errors as u64);
    assert!(errors <= 4, "{errors} of {COUNT} digits are taken for others");
    println!("{} instructions per digit", report.number("instructions"));
}

/// An image's features, with all maps in memory.
fn features(model: &Model<'_>, image: &[u8]) -> Vec<f32> {
    let network = model.network();
    let image: Vec<f32> = image.iter().map(|pixel| f32::from(*pixel) * model.scale()).collect();
    let encoder = Encoder::new(Scalar, model.parameters().unwrap(), &mut []).unwrap();
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
    encoder.load(1, 0, &image, &mut inputs).unwrap();
    encoder.hidden(1, &mut inputs, &mut []).unwrap();
    encoder.top(1, &inputs, &mut [], &mut code).unwrap();
    let mut features = vec![0.0; model.features()];
    model.pool().run(Scalar, network.code(), &code, &mut features).unwrap();
    assert!(model.sqrt_features());
    features.iter_mut().for_each(|feature| *feature = math::inference::sqrt(*feature));
    features
}
