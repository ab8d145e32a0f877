//! A training loop of one's own: the batches, their order and the end are the program's, the step is the
//! library's.

use wta::preprocess::{Preprocessor, Samples};
use wta::train::BatchTrainer;
use wta::{Isa, Recipe, data};

fn main() -> wta::Result<()> {
    let digits = data::digits()?;
    let recipe = Recipe::builder("strokes")
        .fully_connected([256])
        .divide_by(255.0)
        .lifetime(0.05)
        .batch(100)
        .build()?;
    let samples = Samples::new(&recipe, &digits.train)?;
    let resolved = recipe.resolve(samples.image_shape())?;
    let (network, training) = (resolved.network(), resolved.training(samples.len())?);

    let mut trainer = BatchTrainer::new(Isa::detect(), network, training);
    network.initialise(resolved.initial(), recipe.training.seed, &mut trainer.parameters)?;
    let plain = Preprocessor::none(samples.image_shape());
    let mut batch = vec![0.0; training.batch * network.input().len()];
    let mut mean = f32::MAX;
    for pass in 1.. {
        let mut losses = Vec::new();
        for start in (0..samples.len()).step_by(training.batch) {
            let indices: Vec<usize> = (start..start + training.batch).collect();
            samples.write_all(&plain, &indices, &mut batch)?;
            losses.push(trainer.step(&batch)?);
        }
        let before = mean;
        mean = losses.iter().sum::<f32>() / losses.len() as f32;
        println!("pass {pass}: loss {mean:.3}");
        // Enough when a pass gains less than 2%.
        if mean > 0.98 * before {
            break;
        }
    }
    println!("{} steps, {} numbers learnt", trainer.step, trainer.parameters.len());
    Ok(())
}
