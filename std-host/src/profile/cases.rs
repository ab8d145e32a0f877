//! Networks of the paper for measurements, by name. `wta profile --case` and the benchmarks use them.

use wta_core::{
    Conv, Corruption, Dictionary, Guard, Initial, Method, Network, Optimizer, Random, Schedule, Shape, Size,
    Sparsity, TrainingConfig,
};

use super::notation;
use crate::error::{Error, Result};

/// A network in the notation that [`Case::named`] reads.
const EXAMPLE: &str = "3x32x32,64conv3-64conv3-64deconv7";

/// The size of a mini-batch, as in the paper.
pub const BATCH: usize = 100;

/// The initial weights of all cases.
pub const INITIAL: Initial = Initial::He;

/// The seed of weights and images.
pub const SEED: u64 = 1;

/// The sparsity of networks that no case names, as in the paper.
const LIFETIME: Sparsity = Sparsity::lifetime(0.05);

/// A network to measure, with its sparsity in the paper.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name on the command line and in records.
    pub name: String,
    /// The network.
    pub network: Network,
    /// The sparsity.
    pub sparsity: Sparsity,
}

/// All cases.
///
/// # Errors
///
/// None: all of them are valid networks.
pub fn cases() -> Result<Vec<Case>> {
    let mnist = Shape::new(1, 28, 28);
    let conv = |image, maps, layers, atom| {
        let layers = vec![Conv::new(maps, Size::square(5)); layers];
        Network::convolutional(image, &layers, Size::square(atom))
    };
    let case = |name: &str, network, sparsity| Case { name: name.to_owned(), network, sparsity };
    Ok(vec![
        case("fc1000", Network::fully_connected(784, &[1000])?, LIFETIME),
        case("fc2000", Network::fully_connected(784, &[2000])?, LIFETIME),
        case("conv16", conv(mnist, 16, 2, 11)?, Sparsity::SPATIAL),
        case("conv64x3", conv(mnist, 64, 3, 11)?, LIFETIME),
        case("conv128", conv(mnist, 128, 2, 11)?, LIFETIME),
        case("cifar64x3", conv(Shape::new(3, 32, 32), 64, 3, 7)?, LIFETIME),
    ])
}

impl Case {
    /// The case of this name, or the network of this [notation](notation::network) with a lifetime sparsity
    /// of 5%.
    ///
    /// # Errors
    ///
    /// One sentence that lists the names of all cases, or says what is wrong with the notation.
    pub fn named(name: &str) -> Result<Self> {
        let cases = cases()?;
        if let Some(case) = cases.iter().find(|case| case.name == name) {
            return Ok(case.clone());
        }
        if name.contains(['-', ',', ':']) {
            return Ok(Self { name: name.to_owned(), network: notation::network(name)?, sparsity: LIFETIME });
        }
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        Err(Error::Invalid(format!(
            "there is no case {name}; the cases are {}, or a network like {EXAMPLE}",
            names.join(", ")
        )))
    }

    /// The training: SGD with momentum, at a rate so small that the weights hardly change and all steps have
    /// the same work.
    pub fn training(&self, batch: usize) -> TrainingConfig {
        let method = Method::Sgd { momentum: 0.9 };
        let optimizer = Optimizer { method, rate: 1e-4, schedule: Schedule::Constant, decay: 0.0 };
        let corruption = Corruption::NONE;
        TrainingConfig {
            sparsity: self.sparsity,
            corruption,
            guard: Guard::NONE,
            dictionary: Dictionary::FREE,
            optimizer,
            batch,
            steps: u64::MAX,
        }
    }
}

/// `count` images of this shape, one after the other: reproducible noise between 0 and 1.
pub fn noise(image: Shape, count: usize) -> Vec<f32> {
    let mut random = Random::new(SEED);
    (0..count * image.len()).map(|_| random.uniform()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_case_and_others_are_told_what_there_is() {
        for case in cases().unwrap() {
            assert_eq!(Case::named(&case.name).unwrap().network, case.network);
            case.training(BATCH).sparsity.check(&case.network).unwrap();
        }
        let error = Case::named("conv127").unwrap_err().to_string();
        assert!(error.contains("conv127") && error.contains("fc1000, fc2000, conv16, "), "{error}");
        let case = Case::named(EXAMPLE).unwrap();
        assert_eq!((case.name.as_str(), case.network.depth()), (EXAMPLE, 2));
        assert!(Case::named("3x32x32,64conv3-64conv3").unwrap_err().to_string().contains("deconvolution"));
    }

    #[test]
    fn noise_is_reproducible_and_in_range() {
        let pixels = noise(Shape::new(3, 4, 5), 7);
        assert_eq!(pixels.len(), 420);
        assert!(pixels.iter().all(|pixel| (0.0..1.0).contains(pixel)));
        assert_eq!(pixels, noise(Shape::new(3, 4, 5), 7));
    }
}
