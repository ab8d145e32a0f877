//! Windows of one's own signal: unlabelled ones teach the network, a few labelled ones the classifier.

use wta::{Dataset, Recipe, Shape};

/// Numbers in a window.
const WINDOW: usize = 64;

/// A sensor's signal in one of three states, with noise: a hum, a knock, or a drift.
fn window(number: usize) -> (Vec<f32>, u16) {
    // Neighbours begin far from each other.
    let mut state = (number as u32).wrapping_mul(2_654_435_769);
    let mut noise = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    let (class, phase) = (number % 3, 6.0 * noise());
    let at = |t: f32| match class {
        0 => (0.5 * t + phase).sin(),
        1 => {
            if (t + 10.0 * phase).rem_euclid(16.0) < 2.0 {
                2.0
            } else {
                0.0
            }
        }
        _ => t / WINDOW as f32 + phase / 6.0,
    };
    ((0..WINDOW).map(|t| at(t as f32) + 0.2 * noise()).collect(), class as u16)
}

fn windows(numbers: std::ops::Range<usize>) -> wta::Result<Dataset> {
    let (signals, classes): (Vec<Vec<f32>>, Vec<u16>) = numbers.map(window).unzip();
    Dataset::from_floats(Shape::new(1, 1, WINDOW), signals.concat())?.with_labels(classes)
}

fn main() -> wta::Result<()> {
    // 16 filters of 9 numbers each; the largest of every 16 positions are the features.
    let recipe = Recipe::builder("sensor")
        .convolutional([(16, [1, 9])], [1, 9])
        .lifetime(0.2)
        .pool("1x16/1x16".parse()?)
        .epochs(5)
        .build()?;
    // The labels of these 6,000 are not looked at.
    let trained = recipe.train(&windows(0..6_000)?, &())?;
    let classifier = trained.classifier(&windows(6_000..6_300)?, &())?;
    let wrong = classifier.error_rate(&windows(7_000..8_000)?)?;
    println!("300 labels, {:.1}% of 1,000 new windows are wrong", 100.0 * wrong);
    if wrong > 0.1 { Err(wta::Error::Invalid("it should learn more than that".to_owned())) } else { Ok(()) }
}
