//! Images row by row: codes, features and scores have the bits of the whole-image path.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

mod networks;

use networks::{images, networks, parameters};
use proptest::prelude::*;
use wta_core::{
    Classifier, Conv, Encoder, Error, Extractor, Forward, Network, Parameters, Pool, PoolKind, Random, Rows,
    Scalar, Shape, Size, Svm, Threshold, extractor_len, forward_len, math,
};

/// The dense code of an image, with all maps in memory.
fn whole(network: Network, parameters: &[f32], image: &[f32]) -> Vec<f32> {
    let encoder = Encoder::new(Scalar, Parameters::new(network, parameters).unwrap(), &mut []).unwrap();
    let (mut inputs, mut code) = (vec![0.0; network.inputs_len()], vec![0.0; network.code_len()]);
    encoder.load(1, 0, image, &mut inputs).unwrap();
    encoder.hidden(1, &mut inputs, &mut []).unwrap();
    encoder.top(1, &inputs, &mut [], &mut code).unwrap();
    code
}

/// The features of an image, with all maps in memory.
fn whole_features(network: Network, parameters: &[f32], pool: Pool, root: bool, image: &[f32]) -> Vec<f32> {
    let mut features = vec![0.0; pool.output(network.code()).len()];
    let mut code = whole(network, parameters, image);
    pool.threshold.apply(network.code().channels, &mut code);
    if root {
        code.iter_mut().for_each(|activation| *activation = math::inference::sqrt(*activation));
    }
    pool.run(Scalar, network.code(), &code, &mut features).unwrap();
    features
}

/// Bits, so that 0 and -0 differ.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn pools() -> impl Strategy<Value = Pool> {
    let sizes = || (1usize..5, 1usize..5).prop_map(|(height, width)| Size::new(height, width));
    let kinds = prop_oneof![Just(PoolKind::Max), Just(PoolKind::Average)];
    let thresholds = prop_oneof![Just(Threshold::None), Just(Threshold::Triangle)];
    (sizes(), sizes(), kinds, thresholds).prop_map(|(kernel, stride, kind, threshold)| Pool {
        kernel,
        stride,
        kind,
        threshold,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn codes_are_those_of_whole_images(network in networks(), seed in any::<u64>()) {
        let parameters = parameters(&network, seed);
        // What the memory holds before does not matter, nor does the image before.
        let mut memory = vec![f32::NAN; forward_len(&network)];
        let view = Parameters::new(network, &parameters).unwrap();
        let mut forward = Forward::new(Scalar, view, &mut memory).unwrap();
        for mut image in images(&network, 2, seed).chunks_exact(network.input().len()) {
            let mut code = vec![f32::NAN; network.code_len()];
            forward.restart(&image).unwrap();
            for row in code.chunks_exact_mut(network.code().width * network.code().channels) {
                forward.next_row(&mut image, row).unwrap();
            }
            prop_assert_eq!(bits(&code), bits(&whole(network, &parameters, image)));
        }
    }

    #[test]
    fn features_and_scores_are_those_of_whole_images(
        network in networks(),
        pool in pools(),
        root in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let code = network.code();
        let kernel = Size::new(pool.kernel.height.min(code.height), pool.kernel.width.min(code.width));
        let pool = Pool { kernel, ..pool };
        let parameters = parameters(&network, seed);
        let view = Parameters::new(network, &parameters).unwrap();
        let len = pool.output(code).len();
        let mut random = Random::new(seed);
        let mut normal = |len: usize| -> Vec<f32> { (0..len).map(|_| random.normal()).collect() };
        let (weights, bias) = (normal(3 * len), normal(3));
        let svm = Svm::new(len, &weights, &bias).unwrap();

        let mut memory = vec![f32::NAN; extractor_len(&network, &pool)];
        let mut extractor = Extractor::new(Scalar, view, pool, root, &mut memory).unwrap();
        let images = images(&network, 2, seed);
        let images = || images.chunks_exact(network.input().len());
        for image in images() {
            let mut features = vec![f32::NAN; len];
            extractor.features(image, &mut features).unwrap();
            prop_assert_eq!(bits(&features), bits(&whole_features(network, &parameters, pool, root, image)));
        }
        let mut scores = [f32::NAN; 3];
        let mut classifier = Classifier::new(extractor, svm, &mut scores).unwrap();
        for image in images() {
            let features = whole_features(network, &parameters, pool, root, image);
            let expected: Vec<f32> = svm.scores(&features).unwrap().collect();
            prop_assert_eq!(bits(classifier.scores(image).unwrap()), bits(&expected));
            prop_assert_eq!(classifier.classify(image), svm.classify(&features));
        }
    }
}

fn small() -> Network {
    let convs = [Conv::new(3, Size::square(3)), Conv::with_stride(4, Size::new(2, 3), Size::new(2, 1))];
    Network::convolutional(Shape::new(1, 6, 5), &convs, Size::square(3)).unwrap()
}

const POOL: Pool = Pool::square(2, 2);

#[test]
fn a_closure_feeds_bytes() {
    let network = small();
    let parameters = parameters(&network, 1);
    let pixels: [u8; 30] = std::array::from_fn(|index| (index * 41 % 256) as u8);
    let image: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) * (1.0 / 255.0)).collect();
    let rows = |y: usize, row: &mut [f32]| {
        let pixels = pixels.iter().skip(y * row.len());
        row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = f32::from(*pixel) * (1.0 / 255.0));
    };
    let mut memory = vec![0.0; extractor_len(&network, &POOL)];
    let view = Parameters::new(network, &parameters).unwrap();
    let mut extractor = Extractor::new(Scalar, view, POOL, true, &mut memory).unwrap();
    let mut features = vec![0.0; extractor.shape().len()];
    extractor.features(rows, &mut features).unwrap();
    assert_eq!(features, whole_features(network, &parameters, POOL, true, &image));
    assert!(features.iter().any(|feature| *feature > 0.0));
}

#[test]
fn buffers_of_other_lengths_are_refused() {
    let network = small();
    let parameters = parameters(&network, 1);
    let view = Parameters::new(network, &parameters).unwrap();
    let mut memory = vec![0.0; extractor_len(&network, &POOL) + 1];
    let wrong = |result: Result<(), Error>| matches!(result, Err(Error::Length { .. }));
    let len = memory.len();
    for len in [0, 1, len - 2, len] {
        assert!(wrong(Extractor::new(Scalar, view, POOL, false, &mut memory[..len]).map(drop)), "{len}");
    }
    for len in [0, forward_len(&network) - 1, forward_len(&network) + 1] {
        assert!(wrong(Forward::new(Scalar, view, &mut memory[..len]).map(drop)), "{len}");
    }
    let large = Pool::square(6, 1);
    assert!(matches!(Extractor::new(Scalar, view, large, false, &mut []), Err(Error::Invalid(_))));

    let image = images(&network, 1, 1);
    let mut extractor = Extractor::new(Scalar, view, POOL, false, &mut memory[..len - 1]).unwrap();
    let mut features = vec![0.0; extractor.shape().len()];
    assert!(wrong(extractor.features(&image[1..], &mut features)));
    assert!(wrong(extractor.features(&image[..], &mut features[1..])));
    let weights = vec![1.0; 2 * features.len()];
    let svm = Svm::new(features.len(), &weights, &[0.0; 2]).unwrap();
    assert!(wrong(Classifier::new(extractor, svm, &mut [0.0; 3]).map(drop)));
    let svm = Svm::new(2 * features.len(), &weights, &[0.0]).unwrap();
    let extractor = Extractor::new(Scalar, view, POOL, false, &mut memory[..len - 1]).unwrap();
    assert!(wrong(Classifier::new(extractor, svm, &mut [0.0]).map(drop)));

    let mut forward = Forward::new(Scalar, view, &mut memory[..forward_len(&network)]).unwrap();
    forward.restart(&&image[..]).unwrap();
    assert!(wrong(forward.next_row(&mut &image[..], &mut [0.0; 3])));
    // Rows beyond the last one are not wanted by anyone; asked for, they come to an end too.
    let mut row = vec![0.0; network.code().width * network.code().channels];
    (0..9).for_each(|_| forward.next_row(&mut &image[..], &mut row).unwrap());
}

#[test]
fn pixels_and_features_that_are_not_finite_are_refused_by_index() {
    let network = small();
    let parameters = parameters(&network, 1);
    let view = Parameters::new(network, &parameters).unwrap();
    let mut memory = vec![0.0; extractor_len(&network, &POOL)];
    let mut extractor = Extractor::new(Scalar, view, POOL, false, &mut memory).unwrap();
    let mut features = vec![0.0; extractor.shape().len()];
    for bad in [f32::NAN, f32::INFINITY] {
        let mut image = images(&network, 1, 1);
        image[17] = bad;
        let error = extractor.features(&image[..], &mut features).unwrap_err();
        assert_eq!(error, Error::NotFinite { what: "image", index: 17 });
    }
    // Pixels so large that the sums overflow.
    let weights = vec![1.0; features.len()];
    let svm = Svm::new(features.len(), &weights, &[0.0]).unwrap();
    let mut scores = [0.0];
    let mut classifier = Classifier::new(extractor, svm, &mut scores).unwrap();
    let image = vec![f32::MAX; network.input().len()];
    let all = whole_features(network, &parameters, POOL, false, &image);
    let expected = svm.classify(&all).unwrap_err();
    assert!(matches!(expected, Error::NotFinite { what: "features", .. }));
    assert_eq!(classifier.classify(&image[..]), Err(expected));
}

#[test]
fn rows_of_a_slice_end_where_it_ends() {
    let mut row = [9.0; 2];
    (&[1.0, 2.0, 3.0][..]).row(1, &mut row);
    assert_eq!(row, [3.0, 9.0]);
}
