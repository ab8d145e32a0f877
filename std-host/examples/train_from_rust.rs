//! The whole way in memory: data, training, features, a classifier, and the file for firmware.

use wta::{Recipe, data};

fn main() -> wta::Result<()> {
    let digits = data::digits()?; // or data::read("mine.npy")?, or Dataset::from_floats(shape, numbers)?
    let recipe = Recipe::builder("strokes")
        .convolutional([(16, 5), (16, 5)], 11) // 16conv5-16conv5-16deconv11
        .divide_by(255.0)
        .lifetime(0.2)
        .pool("5/3".parse()?)
        .epochs(2)
        .build()?; // or recipe::load("mnist-conv16")?, or the path of a TOML file
    let trained = recipe.train(&digits.train, &())?;
    println!("{} features of each digit", trained.encode(&digits.test)?.shape.len());
    let classifier = trained.classifier(&digits.train, &())?;
    println!("{:.2}% of the test digits are wrong", 100.0 * classifier.error_rate(&digits.test)?);
    println!("the first ten: {:?}", &classifier.predict(&digits.test)?[..10]);
    classifier.export()?.save(std::env::temp_dir().join("strokes.wta")) // for wta_core::Model::parse
}
