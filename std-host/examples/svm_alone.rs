//! The SVM trainer alone, on features of one's own: LIBLINEAR's L2-regularised squared hinge loss, one
//! against the rest.

use wta::svm::{HoldOut, Options, Rows, Scaling, Search, Stop, choose_and_fit};

/// Two features of the examples of three classes, which lie around a circle.
fn example(number: usize) -> ([f32; 2], u16) {
    let class = number % 3;
    let angle = class as f32 * 2.1 + ((number * 37 % 101) as f32 / 101.0 - 0.5);
    let radius = 1.0 + (number * 53 % 97) as f32 / 97.0;
    ([radius * angle.cos(), radius * angle.sin()], class as u16)
}

fn main() -> wta::Result<()> {
    let (features, labels): (Vec<[f32; 2]>, Vec<u16>) = (0..3_000).map(example).unzip();
    let mut rows = Rows::from_dense(2, features.as_flattened())?;
    let scaling = Scaling::unit_average_norm(&rows);
    scaling.apply(&mut rows)?;

    let search =
        Search { grid: vec![0.1, 1.0, 10.0], hold_out: HoldOut::Share(0.2), views: 1, stop: Stop::Gap(1e-2) };
    let (mut model, report, choice) = choose_and_fit(&rows, &labels, 3, &search, &Options::default(), &())?;
    println!("C = {}, {:.2}% of the held-out examples are wrong", choice.c, 100.0 * choice.held_out_error());
    println!("all classes solved: {}", report.converged());

    scaling.fold_into(&mut model)?; // from here on for features as they come
    let (features, class) = example(5);
    println!("class {class} is taken for {}", model.predict_dense(&features)?);
    Ok(())
}
