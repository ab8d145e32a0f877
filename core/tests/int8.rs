//! Quantised inference against its definition: whole maps, sums in `i64`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests report by panicking"
)]

use proptest::prelude::*;
use wta_core::int8::{
    Int8Classifier, Int8Extractor, Int8Network, Int8Svm, Int8Weights, Portable, packed_len, sqrt,
};
use wta_core::{Conv, Error, Network, Pool, PoolKind, Random, Shape, Size, Threshold};

/// A quantised layer in plain order: filters one after the other.
struct PlainLayer {
    weights: Vec<i8>,
    bias: Vec<i32>,
    multipliers: Vec<i32>,
    packed: Vec<i8>,
}

fn integer(random: &mut Random, low: i32, high: i32) -> i32 {
    low + (random.uniform() * (high - low + 1) as f32) as i32
}

fn packed(weights: &[i8], filter_len: usize) -> Vec<i8> {
    let mut packed = vec![0; packed_len(weights.len() / filter_len, filter_len)];
    Int8Weights::pack(weights, filter_len, &mut packed).unwrap();
    packed
}

fn random_layers(network: &Network, random: &mut Random) -> Vec<PlainLayer> {
    let layer = |layer: wta_core::Layer| {
        let len = layer.filter_len();
        let weights: Vec<i8> = (0..layer.filters_len()).map(|_| integer(random, -128, 127) as i8).collect();
        // Sums of about 2^14 sqrt(len) spread over the activations, some beyond.
        let factor = 255.0 / (20_000.0 * (len as f64).sqrt());
        let bias = (0..layer.conv.maps).map(|_| integer(random, -20_000, 30_000)).collect();
        let multipliers = (0..layer.conv.maps)
            .map(|_| (factor * (1u64 << 32) as f64 * f64::from(0.3 + random.uniform())) as i32)
            .collect();
        PlainLayer { packed: packed(&weights, len), weights, bias, multipliers }
    };
    network.layers().map(layer).collect()
}

/// The numbers of all layers.
struct Whole {
    weights: Vec<i8>,
    biases: Vec<i32>,
    multipliers: Vec<i32>,
}

fn whole(layers: &[PlainLayer]) -> Whole {
    Whole {
        weights: layers.iter().flat_map(|layer| layer.packed.clone()).collect(),
        biases: layers.iter().flat_map(|layer| layer.bias.clone()).collect(),
        multipliers: layers.iter().flat_map(|layer| layer.multipliers.clone()).collect(),
    }
}

fn quantised(network: Network, whole: &Whole) -> Int8Network<'_> {
    Int8Network::new(network, &whole.weights, &whole.biases, &whole.multipliers).unwrap()
}

/// The maps of a layer by its definition, with rational rounding: half upwards.
fn convolved(layer: &wta_core::Layer, plain: &PlainLayer, input: &[i64]) -> Vec<i64> {
    let (shape, Conv { maps, kernel, stride }) = (layer.input, layer.conv);
    let output = layer.output();
    let mut out = Vec::new();
    for y in 0..output.height {
        for x in 0..output.width {
            for map in 0..maps {
                let mut sum = i64::from(plain.bias[map]);
                for dy in 0..kernel.height {
                    for dx in 0..kernel.width {
                        let row = (y * stride.height + dy).checked_sub((kernel.height - 1) / 2);
                        let column = (x * stride.width + dx).checked_sub((kernel.width - 1) / 2);
                        let (Some(row), Some(column)) = (row, column) else { continue };
                        if row >= shape.height || column >= shape.width {
                            continue;
                        }
                        for channel in 0..shape.channels {
                            let tap = (dy * kernel.width + dx) * shape.channels + channel;
                            let weight = plain.weights[map * layer.filter_len() + tap];
                            sum += i64::from(weight)
                                * input[(row * shape.width + column) * shape.channels + channel];
                        }
                    }
                }
                let scaled = i128::from(sum) * i128::from(plain.multipliers[map]);
                let rounded = (2 * scaled + (1 << 32)).div_euclid(1 << 33);
                out.push(rounded.clamp(0, 255) as i64);
            }
        }
    }
    out
}

fn pooled(pool: Pool, maps: Shape, code: &[i64]) -> Vec<i64> {
    let output = pool.output(maps);
    let mut features = vec![0; output.len()];
    for (index, feature) in features.iter_mut().enumerate() {
        let (position, channel) = (index / maps.channels, index % maps.channels);
        let (y, x) =
            (position / output.width * pool.stride.height, position % output.width * pool.stride.width);
        for row in y..(y + pool.kernel.height).min(maps.height) {
            for column in x..(x + pool.kernel.width).min(maps.width) {
                *feature = (*feature).max(code[(row * maps.width + column) * maps.channels + channel]);
            }
        }
    }
    features
}

prop_compose! {
    fn layers()(depth in 1usize..4)(
        layers in prop::collection::vec((1usize..7, 1usize..6, 1usize..6, 1usize..4, 1usize..4), depth),
    ) -> Vec<Conv> {
        let conv = |(maps, height, width, down, right)| {
            Conv::with_stride(maps, Size::new(height, width), Size::new(down, right))
        };
        layers.into_iter().map(conv).collect()
    }
}

/// The activations of a code less the rounded mean of their position.
fn above(threshold: Threshold, network: &Network, mut code: Vec<i64>) -> Vec<i64> {
    if threshold == Threshold::Triangle {
        for position in code.chunks_exact_mut(network.code().channels) {
            let mean = position.iter().sum::<i64>() as f64 / position.len() as f64;
            position.iter_mut().for_each(|v| *v = (*v - (mean + 0.5).floor() as i64).max(0));
        }
    }
    code
}

prop_compose! {
    fn case()(
        channels in 1usize..5, height in 1usize..14, width in 1usize..14, layers in layers(),
        pool in (1usize..6, 1usize..6, 1usize..5, 1usize..5), seed in 0u64..1 << 40, root: bool,
    ) -> Option<(Network, Pool, u64, bool)> {
        let input = Shape::new(channels, height, width);
        let network = Network::convolutional(input, &layers, Size::ONE).ok()?;
        let (kernel, stride) = (Size::new(pool.0, pool.1), Size::new(pool.2, pool.3));
        let threshold = if seed % 3 == 0 { Threshold::Triangle } else { Threshold::None };
        let pool = Pool { kernel, stride, kind: PoolKind::Max, threshold };
        let pool = if seed % 4 == 0 { Pool { threshold, ..Pool::NONE } } else { pool };
        pool.check(network.code()).ok()?;
        Some((network, pool, seed, root))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_give_what_whole_maps_do(case in case()) {
        let Some((network, pool, seed, by_root)) = case else { return Ok(()) };
        let mut random = Random::new(seed);
        let layers = random_layers(&network, &mut random);
        let whole = whole(&layers);
        let mut memory = vec![0; Int8Extractor::<Portable>::memory_len(&network, &pool)];
        let mut extractor =
            Int8Extractor::new(Portable, quantised(network, &whole), pool, by_root, &mut memory).unwrap();
        let mut features = vec![0; extractor.shape().len()];
        // Twice, so that nothing of one image is left for the next; the second is signed.
        for low in [0, -255] {
            let image: Vec<i16> =
                (0..network.input().len()).map(|_| integer(&mut random, low, 255) as i16).collect();
            extractor.features(&image[..], &mut features).unwrap();
            let input: Vec<i64> = image.iter().map(|pixel| i64::from(*pixel)).collect();
            let code = network.layers().zip(&layers).fold(input, |input, (layer, plain)| {
                convolved(&layer, plain, &input)
            });
            let expected = pooled(pool, network.code(), &above(pool.threshold, &network, code));
            for (found, expected) in features.iter().zip(&expected) {
                let expected = if by_root { sqrt(*expected as i16) } else { *expected as i16 };
                prop_assert_eq!(*found, expected);
            }
        }
    }

    #[test]
    fn scores_are_scaled_sums_over_all_features(case in case(), classes in 1usize..6) {
        let Some((network, pool, seed, by_root)) = case else { return Ok(()) };
        let mut random = Random::new(seed);
        let layers = random_layers(&network, &mut random);
        let whole = whole(&layers);
        let shape = pool.output(network.code());
        let len = shape.width * shape.channels;
        let plain: Vec<i8> =
            (0..classes * shape.len()).map(|_| integer(&mut random, -128, 127) as i8).collect();
        let mut weights = Vec::new();
        for y in 0..shape.height {
            let rows = plain.chunks(shape.len()).flat_map(|class| &class[y * len..(y + 1) * len]);
            weights.extend(packed(&rows.copied().collect::<Vec<_>>(), len));
        }
        let bias: Vec<i32> = (0..classes).map(|_| integer(&mut random, -9000, 9000)).collect();
        let scales: Vec<f32> = (0..classes).map(|_| random.uniform()).collect();
        let image: Vec<u8> = (0..network.input().len()).map(|_| integer(&mut random, 0, 255) as u8).collect();

        let memory_len = Int8Extractor::<Portable>::memory_len(&network, &pool);
        let (mut memory, mut features) = (vec![0; memory_len], vec![0; shape.len()]);
        let network = quantised(network, &whole);
        let mut extractor =
            Int8Extractor::new(Portable, network, pool, by_root, &mut memory).unwrap();
        extractor.features(&image[..], &mut features).unwrap();
        let extractor = Int8Extractor::new(Portable, network, pool, by_root, &mut memory).unwrap();
        let svm = Int8Svm::new(shape, &weights, &bias, &scales).unwrap();
        let mut sums = vec![0; classes];
        let mut classifier = Int8Classifier::new(extractor, svm, &mut sums).unwrap();
        let class = classifier.classify(&image[..]).unwrap();

        let expected: Vec<f32> = (0..classes).map(|class| {
            let weights = &plain[class * shape.len()..(class + 1) * shape.len()];
            let products = weights.iter().zip(&features).map(|(w, f)| i64::from(*w) * i64::from(*f));
            (i64::from(bias[class]) + products.sum::<i64>()) as f32 * scales[class]
        }).collect();
        prop_assert_eq!(classifier.scores(&image[..]).unwrap().collect::<Vec<_>>(), &expected[..]);
        let best = expected.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        prop_assert_eq!(Some(class), expected.iter().position(|score| *score == best));
    }
}

const NET: Network = match Network::convolutional(
    Shape::new(1, 28, 28),
    &[Conv::new(16, Size::square(5)), Conv::new(16, Size::square(5))],
    Size::square(11),
) {
    Ok(network) => network,
    Err(_) => panic!("not a network"),
};

#[test]
fn memory_is_the_windows_and_the_open_rows() {
    // Windows of 5 rows of 32 columns, two fields, a row of the code, and four pooled rows: one pooled
    // across, three open.
    let len = const { Int8Extractor::<Portable>::memory_len(&NET, &Pool::square(6, 2)) };
    assert_eq!(len, 5 * 32 + 5 * 32 * 16 + 2 * 400 + 28 * 16 + 4 * 14 * 16);
    assert_eq!(2 * len, 9_728);
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = Network::convolutional(Shape::new(1, 4, 4), &[Conv::new(2, Size::ONE)], Size::ONE).unwrap();
    let whole = whole(&random_layers(&network, &mut Random::new(1)));
    let int8 = quantised(network, &whole);
    let mut memory = vec![0; Int8Extractor::<Portable>::memory_len(&network, &Pool::NONE)];
    assert!(matches!(
        Int8Extractor::new(Portable, int8, Pool::NONE, false, &mut memory[1..]),
        Err(Error::Length { what: "memory of the features", .. })
    ));
    assert!(Int8Extractor::new(Portable, int8, Pool::square(5, 1), false, &mut memory).is_err());
    let average = Int8Extractor::new(Portable, int8, Pool::NONE.average(), false, &mut memory);
    assert!(matches!(average, Err(Error::Invalid(why)) if why.contains("average")));

    let mut extractor = Int8Extractor::new(Portable, int8, Pool::NONE, false, &mut memory).unwrap();
    let mut features = [0; 32];
    assert!(extractor.features(&[0u8; 16][..], &mut features).is_ok());
    assert!(extractor.features(&[0u8; 15][..], &mut features).is_err());
    assert!(extractor.features(&[0u8; 16][..], &mut features[1..]).is_err());
    for beyond in [256, -256, i16::MIN] {
        let mut image = [0i16; 16];
        image[9] = beyond;
        let refused = extractor.features(&image[..], &mut features);
        assert!(matches!(refused, Err(Error::Invalid(why)) if why.contains("beyond 255")), "{beyond}");
    }

    let shape = extractor.shape();
    let weights = vec![0; Int8Svm::weights_len(2, shape)];
    let svm = Int8Svm::new(shape, &weights, &[0; 2], &[1.0; 2]).unwrap();
    assert!(Int8Svm::new(shape, &weights, &[0; 2], &[1.0; 3]).is_err());
    assert!(Int8Svm::new(shape, &weights[1..], &[0; 2], &[1.0; 2]).is_err());
    assert!(Int8Svm::new(shape, &weights, &[], &[]).is_err());
    assert!(Int8Svm::new(shape, &weights, &[0; 2], &[1.0, f32::NAN]).is_err());
    assert!(Int8Svm::new(shape, &weights, &[0, i32::MIN], &[1.0; 2]).is_err());
    assert!(Int8Classifier::new(extractor, svm, &mut [0; 3]).is_err());

    let Whole { weights, biases, multipliers } = &whole;
    let new = |weights: &[i8], biases: &[i32], multipliers: &[i32]| {
        Int8Network::new(network, weights, biases, multipliers).map(drop)
    };
    assert!(new(weights, biases, multipliers).is_ok());
    // A layer too many, and one too few.
    assert!(new(&[&weights[..], weights].concat(), biases, multipliers).is_err());
    assert!(new(&weights[..weights.len() - 1], biases, multipliers).is_err());
    assert!(new(weights, &biases[1..], multipliers).is_err());
    assert!(new(weights, biases, &multipliers[1..]).is_err());
    // Of any map, the last as well.
    let mut negative = multipliers.clone();
    *negative.last_mut().unwrap() = -1;
    assert!(new(weights, biases, &negative).is_err());
    let mut large = biases.clone();
    *large.last_mut().unwrap() = i32::MAX;
    assert!(new(weights, &large, multipliers).is_err());
}
