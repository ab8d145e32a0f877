//! Preprocessing against numpy in float64 (`fixtures/make_preprocess_vectors.py`), on every instruction set.

#![allow(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use std::path::Path;

use safetensors::SafeTensors;
use wta::data::Dataset;
use wta::preprocess::{Preprocess, Preprocessor, Samples, fit};
use wta::recipe::{self, Recipe};
use wta::run::Run;
use wta::train::{Options, train_into};
use wta::{Isa, Shape};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/vectors/preprocess.safetensors");

/// A recipe with these steps, as TOML.
fn recipe(steps: &str) -> Recipe {
    let network = r#"{ kind = "fully-connected", units = [4], initial = "he" }"#;
    parse(network, steps).unwrap()
}

fn parse(network: &str, steps: &str) -> wta::error::Result<Recipe> {
    let text = format!(
        r#"
        name = "steps"
        about = "test"
        data = {{ set = "mnist" }}
        preprocess = [{steps}]
        network = {network}
        sparsity = {{}}
        training = {{ epochs = 1, batch = 2, optimizer = "adam", rate = 1e-3 }}
        "#
    );
    recipe::parse(&text, "test")
}

/// The fixture's numbers; bytes as they are.
fn tensor(name: &str) -> Vec<f32> {
    let file = std::fs::read(FIXTURE).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    if tensor.dtype() == safetensors::Dtype::U8 {
        return tensor.data().iter().map(|byte| f32::from(*byte)).collect();
    }
    tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn dataset() -> Dataset {
    let pixels: Vec<u8> = tensor("images").iter().map(|v| *v as u8).collect();
    Dataset::from_bytes(Shape::new(3, 6, 5), pixels).unwrap()
}

/// The whole set as a convolutional network sees it (channels last), and what was learnt.
fn preprocessed(isa: Isa, steps: &str) -> (Preprocess, Vec<f32>) {
    let mut recipe = recipe(steps);
    recipe.network = recipe::load("mnist-conv16").unwrap().network;
    let samples = Samples::new(&recipe, dataset()).unwrap();
    let learnt = fit(isa, &recipe, &samples, &()).unwrap();
    let mut images = vec![0.0; samples.len() * samples.shape().len()];
    let all: Vec<usize> = (0..samples.len()).collect();
    samples.write_all(&Preprocessor::new(isa, &learnt), &all, &mut images).unwrap();
    (learnt, images)
}

fn expect_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance * (1.0 + expected.abs()), "{what}, {index}: {found}, not {expected}");
    }
}

#[test]
fn every_step_is_numpys() {
    let contrast = r#"{ step = "contrast" }"#;
    for isa in Isa::all_available() {
        for (name, steps) in [
            ("contrast", contrast.to_owned()),
            ("contrast_regularised", r#"{ step = "contrast", regulariser = 0.01 }"#.to_owned()),
            (
                "local_contrast",
                format!(r#"{contrast}, {{ step = "local-contrast", window = 5, deviation = 1.2 }}"#),
            ),
            ("zca", format!(r#"{contrast}, {{ step = "zca", regulariser = 0.1 }}"#)),
            ("standardise", r#"{ step = "standardise" }"#.to_owned()),
        ] {
            let (_, images) = preprocessed(isa, &steps);
            expect_close(&images, &tensor(name), 1e-5, &format!("{name} on {isa}"));
        }
    }
}

#[test]
fn whitened_images_have_the_identity_as_covariance_but_for_the_regulariser() {
    let isa = Isa::detect();
    let (_, before) = preprocessed(isa, r#"{ step = "contrast" }"#);
    let (_, whitened) = preprocessed(isa, r#"{ step = "contrast" }, { step = "zca", regulariser = 1e-9 }"#);
    let len = 90;
    let covariance = |images: &[f32]| {
        let mean = |i: usize| images.iter().skip(i).step_by(len).map(|v| f64::from(*v)).sum::<f64>() / 120.0;
        let means: Vec<f64> = (0..len).map(mean).collect();
        let mut sums = vec![0.0f64; len * len];
        for image in images.chunks_exact(len) {
            let centred: Vec<f64> = image.iter().zip(&means).map(|(v, mean)| f64::from(*v) - mean).collect();
            for (row, a) in centred.iter().enumerate() {
                for (column, b) in centred.iter().enumerate() {
                    sums[row * len + column] += a * b / 120.0;
                }
            }
        }
        sums
    };
    // Every image has zero mean, so that one direction has no variance.
    let found = covariance(&whitened);
    for row in 0..len {
        for column in 0..len {
            let expected = f64::from(u8::from(row == column)) - 1.0 / len as f64;
            let v = found[row * len + column];
            assert!((v - expected).abs() < 1e-3, "{row} {column}: {v}, not {expected}");
        }
    }
    // With a regulariser r, a direction of variance s gets s / (s + r): the covariance D satisfies D (C + r)
    // = C.
    let (_, damped) = preprocessed(isa, r#"{ step = "contrast" }, { step = "zca", regulariser = 0.5 }"#);
    let (damped, before) = (covariance(&damped), covariance(&before));
    for row in 0..len {
        for column in 0..len {
            let product: f64 = (0..len).map(|i| damped[row * len + i] * before[i * len + column]).sum();
            let v = product + 0.5 * damped[row * len + column];
            let expected = before[row * len + column];
            assert!((v - expected).abs() < 1e-5, "{row} {column}: {v}, not {expected}");
        }
    }
}

/// Images of 3 colours from `random`, each with its negative, so that their mean is 0 everywhere.
fn learnt_from(isa: Isa, rows: usize, columns: usize, steps: &str) -> Preprocess {
    let mut random = wta_core::Random::stream(3, 0);
    let mut pixels = Vec::new();
    for _ in 0..60 {
        let image: Vec<f32> =
            (0..rows * columns * 3).map(|_| random.below(1000) as f32 / 500.0 - 1.0).collect();
        pixels.extend(image.iter().chain(&image.iter().map(|v| -v).collect::<Vec<_>>()));
    }
    let dataset = Dataset::from_floats(Shape::new(3, rows, columns), pixels).unwrap();
    let mut recipe = recipe(steps);
    recipe.data.divide_by = 1.0;
    let samples = Samples::new(&recipe, dataset).unwrap();
    fit(isa, &recipe, &samples, &()).unwrap()
}

#[test]
fn a_pixel_of_a_larger_image_is_whitened_as_the_middle_of_a_patch() {
    use wta_core::Shape;
    // Of sides with a middle, and of an even number of rows, whose first one the filter leaves out.
    for (isa, rows) in Isa::all_available().flat_map(|isa| [(isa, 5), (isa, 6)]) {
        let learnt = learnt_from(isa, rows, 3, r#"{ step = "zca", regulariser = 0.1 }"#);
        let (on_patches, (height, width)) = (Preprocessor::new(isa, &learnt), (9, 7));
        let mut random = wta_core::Random::stream(4, 0);
        let image: Vec<f32> = (0..2 * 9 * 7 * 3).map(|_| random.below(1000) as f32 / 500.0 - 1.0).collect();
        let mut whitened = image.clone();
        let larger = Preprocessor::for_images(isa, &learnt, Shape::new(3, height, width)).unwrap();
        larger.apply(&mut whitened);
        for (image, whitened) in image.chunks_exact(9 * 7 * 3).zip(whitened.chunks_exact(9 * 7 * 3)) {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                // The surroundings, mirrored at the border.
                let mirrored =
                    |at: isize, len: isize| if at < 0 { -1 - at } else { at.min(2 * len - 1 - at) };
                let mut patch = Vec::new();
                for row in (0..rows).map(|row| (y + row) as isize - rows as isize / 2) {
                    for column in (0..3).map(|column| (x + column) as isize - 1) {
                        let at = mirrored(row, 9) * 7 + mirrored(column, 7);
                        // What the filter leaves out.
                        let seen = rows % 2 == 1 || row != y as isize - rows as isize / 2;
                        patch.extend((0..3).map(|c| if seen { image[at as usize * 3 + c] } else { 0.0 }));
                    }
                }
                on_patches.apply(&mut patch);
                let (middle, at) = ((rows / 2 * 3 + 1) * 3, (y * 7 + x) * 3);
                let what = format!("{isa}, {rows} rows, {y}, {x}");
                expect_close(&whitened[at..at + 3], &patch[middle..middle + 3], 1e-5, &what);
            }
        }
    }
}

#[test]
fn what_belongs_to_a_place_is_not_applied_to_images_of_another_size() {
    use wta_core::Shape;
    let isa = Isa::detect();
    let steps = r#"{ step = "contrast" }, { step = "local-contrast", window = 3 }"#;
    let learnt = learnt_from(isa, 4, 4, steps);
    let image: Vec<f32> = (0..300).map(|v| ((v * 37) % 101) as f32).collect();
    let (mut found, mut expected) = (image.clone(), image);
    Preprocessor::for_images(isa, &learnt, Shape::new(3, 10, 10)).unwrap().apply(&mut found);
    let of_this_size = learnt_from(isa, 10, 10, steps);
    Preprocessor::new(isa, &of_this_size).apply(&mut expected);
    assert_eq!(found, expected);
    let grey = Preprocessor::for_images(isa, &learnt, Shape::new(1, 10, 10)).err().unwrap().to_string();
    assert!(grey.contains("3 channels"), "{grey}");
    let learnt = learnt_from(isa, 4, 4, r#"{ step = "standardise" }"#);
    let error = Preprocessor::for_images(isa, &learnt, Shape::new(3, 10, 10)).err().unwrap().to_string();
    assert!(error.contains("images of 4 x 4"), "{error}");
}

#[test]
fn neither_threads_nor_blocks_change_a_bit() {
    let steps = r#"{ step = "contrast" }, { step = "zca", regulariser = 0.01, samples = 100 },
        { step = "local-contrast", window = 3 }, { step = "standardise" }"#;
    let isa = Isa::detect();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| preprocessed(isa, steps))
    };
    let (learnt, images) = on(1);
    for threads in [2, 3, 5] {
        assert!((learnt.clone(), images.clone()) == on(threads), "{threads} threads");
    }
    let recipe = recipe(steps);
    let samples = Samples::new(&recipe, dataset()).unwrap();
    let preprocessor = Preprocessor::new(isa, &learnt);
    for index in [0, 77, 119] {
        let mut one = vec![0.0; 90];
        samples.write_all(&preprocessor, &[index], &mut one).unwrap();
        // A fully-connected network gets the channels one after the other.
        let image = &images[index * 90..][..90];
        let planar: Vec<f32> = (0..3).flat_map(|c| image.iter().skip(c).step_by(3).copied()).collect();
        assert_eq!(one, planar, "image {index}");
    }
}

#[test]
fn what_was_learnt_survives_the_file_and_other_files_are_refused() {
    let steps = r#"{ step = "standardise" }, { step = "contrast" }, { step = "zca", regulariser = 0.1 }"#;
    let (learnt, _) = preprocessed(Isa::detect(), steps);
    let folder = tempfile::tempdir().unwrap();
    let (run, recipe) = (Run::new(folder.path()), recipe(steps));
    let shape = wta_core::Shape::new(3, 6, 5);
    let problem =
        |recipe: &Recipe, shape| Preprocess::load(run.folder(), recipe, shape).unwrap_err().to_string();
    assert!(problem(&recipe, shape).contains("has no preprocess.safetensors"));
    learnt.save(run.folder()).unwrap();
    assert_eq!(Preprocess::load(run.folder(), &recipe, shape).unwrap(), learnt);
    let error = problem(&recipe, wta_core::Shape::new(3, 5, 6));
    assert!(error.contains("0.standardise.mean has shape [6, 5, 3]"), "{error}");
    let other = self::recipe(r#"{ step = "zca", regulariser = 0.1 }"#);
    assert!(problem(&other, shape).contains("has no tensor 0.zca.mean"));
    let path = Path::new(folder.path()).join("preprocess.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(problem(&recipe, shape).contains("is not a finite number"));
    std::fs::write(&path, &bytes[..end - 4]).unwrap();
    assert!(problem(&recipe, shape).contains("is not a whole safetensors file"));
}

#[test]
fn senseless_steps_are_refused_in_one_sentence() {
    let fc = r#"{ kind = "fully-connected", units = [4], initial = "he" }"#;
    let rbm = r#"{ kind = "rbm", hidden = 4, initial = "he" }"#;
    for (network, steps, words) in [
        (fc, r#"{ step = "zca" }"#, "regulariser"),
        (fc, r#"{ step = "zca", regulariser = 0 }"#, "more than 0"),
        (fc, r#"{ step = "zca", regulariser = 0.1, samples = 1 }"#, "at least 2"),
        (fc, r#"{ step = "zca", regulariser = 0.1, patches = 3 }"#, "patches"),
        (fc, r#"{ step = "contrast", regulariser = -1.0 }"#, "at least 0"),
        (fc, r#"{ step = "local-contrast", window = 20 }"#, "odd"),
        (fc, r#"{ step = "local-contrast", deviation = nan }"#, "deviation"),
        (fc, r#"{ step = "blur" }"#, "blur"),
        (rbm, r#"{ step = "contrast" }"#, "[[preprocess]]"),
    ] {
        let error = parse(network, steps).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{steps}: {error}");
    }
    let stacked = recipe::text("cifar10-stacked").unwrap().replace("regulariser = 0.1", "regulariser = 0.2");
    let error = recipe::parse(&stacked, "test").unwrap_err().to_string();
    assert!(error.contains("another [[preprocess]]"), "{error}");
    let large = recipe(r#"{ step = "zca", regulariser = 0.1 }"#);
    let pixels = vec![0u8; 2 * 3 * 224 * 224];
    let images = Dataset::from_bytes(Shape::new(3, 224, 224), pixels).unwrap();
    let samples = Samples::new(&large, images).unwrap();
    let error = fit(Isa::detect(), &large, &samples, &()).unwrap_err();
    assert!(error.to_string().contains("150528 numbers cannot be whitened"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path().join("run"));
    let options = Options { memory: 0, ..Options::default() };
    let error = train_into(&run, false, &large, &samples, options, &()).unwrap_err();
    assert!(error.to_string().contains("150528 numbers cannot be whitened"), "{error}");
    assert!(!run.exists(), "told before a run is begun");
    let many = recipe(r#"{ step = "zca", regulariser = 0.1, samples = 121 }"#);
    let samples = Samples::new(&many, dataset()).unwrap();
    let error = fit(Isa::detect(), &many, &samples, &()).unwrap_err();
    assert!(error.to_string().contains("only 120 images"), "{error}");
}

/// Smooth noise in two colours, of which one is mostly the other.
fn smooth(images: usize, side: usize) -> Dataset {
    let mut random = wta_core::Random::new(3);
    let wide = side + 2;
    let pixels = (0..images).flat_map(|_| {
        let noise: Vec<f32> = (0..2 * wide * wide).map(|_| random.normal()).collect();
        let at = |colour: usize, y: usize, x: usize| noise[(colour * wide + y) * wide + x];
        let blurred = |colour: usize, place: usize| -> f32 {
            let (y, x) = (place / side, place % side);
            (0..9).map(|i| at(colour, y + i / 3, x + i % 3)).sum()
        };
        let (first, second): (Vec<f32>, Vec<f32>) =
            (0..side * side).map(|place| (blurred(0, place), blurred(1, place))).unzip();
        // Colour beside colour.
        let pixels = first.iter().zip(&second).flat_map(|(a, b)| [*a, a + 0.5 * b]);
        pixels.map(|v| (127.5 + 10.0 * v) as u8).collect::<Vec<u8>>()
    });
    Dataset::from_bytes(Shape::new(2, side, side), pixels.collect::<Vec<u8>>()).unwrap()
}

/// The correlation of two numbers at this distance, over all images and places.
fn correlation(images: &[f32], side: usize, apart: usize) -> f64 {
    let mut sums = [0.0f64; 3];
    for image in images.chunks_exact(2 * side * side) {
        // Away from the border.
        for y in 3..side - 3 {
            let at = |x: usize| (y * side + x) * 2;
            for x in 3..side - 4 {
                let (a, b) = (f64::from(image[at(x)]), f64::from(image[at(x) + apart]));
                sums[0] += a * b;
                sums[1] += a * a;
                sums[2] += b * b;
            }
        }
    }
    sums[0] / (sums[1] * sums[2]).sqrt()
}

#[test]
fn whitening_by_patches_takes_neighbours_and_colours_apart() {
    let side = 16;
    let network = recipe::load("mnist-conv16").unwrap().network;
    let made = |isa: Isa, steps: &str, seed: u64| {
        let mut recipe = recipe(steps);
        recipe.network = network.clone();
        recipe.training.seed = seed;
        let samples = Samples::new(&recipe, smooth(60, side)).unwrap();
        let learnt = fit(isa, &recipe, &samples, &()).unwrap();
        let mut images = vec![0.0; samples.len() * samples.shape().len()];
        let all: Vec<usize> = (0..samples.len()).collect();
        samples.write_all(&Preprocessor::new(isa, &learnt), &all, &mut images).unwrap();
        (learnt, images)
    };
    let patches =
        r#"{ step = "standardise", per = "channel" }, { step = "zca", regulariser = 1e-3, patch = 7 }"#;
    let (_, before) = made(Isa::Scalar, r#"{ step = "standardise", per = "channel" }"#, 1);
    let (learnt, after) = made(Isa::Scalar, patches, 1);
    // Of the other colour, and of the next pixel.
    for apart in [1, 2] {
        let (before, after) = (correlation(&before, side, apart), correlation(&after, side, apart));
        assert!(before > 0.5 && after.abs() < 0.1, "{apart}: {before} became {after}");
    }
    let variance = after.iter().map(|v| f64::from(v * v)).sum::<f64>() / after.len() as f64;
    assert!((variance - 1.0).abs() < 0.15, "{variance}");
    assert_eq!(made(Isa::Scalar, patches, 1).0, learnt);
    assert_ne!(made(Isa::Scalar, patches, 2).0, learnt, "the seed draws the patches");
    for isa in Isa::all_available() {
        expect_close(&made(isa, patches, 1).1, &after, 1e-4, &format!("{isa}"));
    }
}

#[test]
fn patches_that_cannot_be_are_told() {
    let network = r#"{ kind = "convolutional", encoder = [{ maps = 4, kernel = 3 }], decoder_kernel = 3, initial = "he" }"#;
    for (patch, problem) in [("0", "at least 1"), ("[3, 2000]", "1 to 1023"), ("\"x\"", "patch")] {
        let steps = format!(r#"{{ step = "zca", regulariser = 0.1, patch = {patch} }}"#);
        let sentence = parse(network, &steps).unwrap_err().to_string();
        assert!(sentence.contains(problem), "{patch}: {sentence}");
    }
    let recipe = parse(network, r#"{ step = "zca", regulariser = 0.1, patch = [4, 9] }"#).unwrap();
    let samples = Samples::new(&recipe, smooth(3, 8)).unwrap();
    let sentence = fit(Isa::Scalar, &recipe, &samples, &()).unwrap_err().to_string();
    assert!(sentence.contains("patch is larger than the images of 8 x 8"), "{sentence}");
}
