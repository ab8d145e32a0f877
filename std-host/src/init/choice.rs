//! A network and a training that fit a data set.
//!
//! The rules are those of thumb that the built-in recipes follow, made small enough for a microcontroller.
//! They are a beginning, and not the best for anybody's data.

use wta_core::Shape;

use super::measure::Measured;
use crate::data::Form;

/// Steps of training that are enough for a first look.
const STEPS: usize = 1_500;

/// What brings the values to a size that learns well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scaling {
    /// They lie between 0 and 1.
    None,
    /// A division.
    Divide(f32),
    /// Each channel, or each number, to zero mean and unit deviation.
    Standardise { channels: bool },
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Net {
    /// So many units.
    Units(usize),
    /// Convolutions of equal kernels; the last has the stride.
    Maps { layers: usize, maps: usize, kernel: usize, stride: usize, atom: usize, pool: usize },
}

/// All choices.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) scaling: Scaling,
    pub(super) net: Net,
    pub(super) batch: usize,
    pub(super) epochs: usize,
    pub(super) lifetime: f64,
}

impl Choice {
    pub(super) fn new(measured: &Measured) -> Self {
        let batch = (measured.samples / 4).clamp(1, 100);
        let steps = (measured.samples / batch).max(1);
        Self {
            scaling: scaling(measured),
            net: net(measured),
            batch,
            epochs: STEPS.div_ceil(steps).clamp(3, 300),
            // At least two winners of a batch live.
            lifetime: (200.0 / batch as f64).ceil().clamp(5.0, 100.0) / 100.0,
        }
    }
}

fn scaling(measured: &Measured) -> Scaling {
    let [low, high] = measured.range;
    match measured.form {
        _ if low >= 0.0 && high <= 1.0 => Scaling::None,
        Form::Image if measured.bytes => Scaling::Divide(255.0),
        Form::Image if low >= 0.0 => Scaling::Divide(high.ceil()),
        Form::Image => Scaling::Standardise { channels: true },
        Form::Signal => Scaling::Standardise { channels: true },
        Form::Vector => Scaling::Standardise { channels: false },
    }
}

fn net(measured: &Measured) -> Net {
    let Shape { channels, height, width } = measured.shape;
    let odd = |side: usize| if side.is_multiple_of(2) { side.saturating_sub(1).max(1) } else { side };
    match measured.form {
        Form::Vector => Net::Units((2 * measured.shape.len()).clamp(32, 400)),
        _ if height * width < 8 => Net::Units((2 * measured.shape.len()).clamp(32, 400)),
        Form::Signal => {
            let time = height * width;
            let kernel = odd(9.min(time));
            let stride = if time >= 32 { 2 } else { 1 };
            let code = time.div_ceil(stride);
            let maps = if channels > 16 { 64 } else { 32 };
            Net::Maps { layers: 1, maps, kernel, stride, atom: odd(33.min(time / 2)), pool: code.div_ceil(4) }
        }
        Form::Image => {
            let side = height.min(width);
            let kernel = if side >= 12 { 5 } else { odd(3.min(side)) };
            let layers = if side >= 12 { 2 } else { 1 };
            let maps = if channels > 1 { 32 } else { 16 };
            let pool = (side / 4).clamp(1, 8);
            Net::Maps { layers, maps, kernel, stride: 1, atom: odd(11.min(side)), pool }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(form: Form, shape: Shape, samples: usize, range: [f32; 2]) -> Measured {
        let (classes, bytes) = (Vec::new(), false);
        Measured { samples, shape, form, classes, range, mean: 0.0, deviation: 1.0, bytes }
    }

    #[test]
    fn few_samples_make_small_batches_with_at_least_two_winners() {
        for samples in [1, 3, 7, 40, 399, 60_000, 10_000_000] {
            let choice = Choice::new(&measured(Form::Vector, Shape::vector(64), samples, [-3.0, 3.0]));
            assert!(choice.batch >= 1 && choice.batch <= samples);
            assert!(choice.lifetime * choice.batch as f64 >= 2.0_f64.min(choice.batch as f64), "{samples}");
            assert!((3..=300).contains(&choice.epochs));
        }
    }

    #[test]
    fn kernels_fit_whatever_the_shape() {
        for form in [Form::Image, Form::Signal, Form::Vector] {
            for (height, width) in [(1, 1), (1, 7), (1, 8), (1, 100), (3, 3), (8, 8), (9, 200), (64, 64)] {
                if let Net::Maps { kernel, atom, pool, stride, .. } =
                    net(&measured(form, Shape::new(2, height, width), 10, [0.0, 9.0]))
                {
                    let side = if form == Form::Signal { height * width } else { height.min(width) };
                    assert!(kernel <= side && atom <= side && pool <= side.div_ceil(stride));
                    assert!(kernel % 2 == 1 && atom % 2 == 1 && pool > 0);
                }
            }
        }
    }

    #[test]
    fn values_are_brought_to_the_size_of_one() {
        let scaled = |form, range| scaling(&measured(form, Shape::new(1, 8, 8), 10, range));
        assert_eq!(scaled(Form::Image, [0.0, 16.0]), Scaling::Divide(16.0));
        assert_eq!(scaled(Form::Image, [0.0, 1.0]), Scaling::None);
        assert_eq!(scaled(Form::Signal, [-4.0, 9.0]), Scaling::Standardise { channels: true });
        assert_eq!(scaled(Form::Vector, [-4.0, 9.0]), Scaling::Standardise { channels: false });
    }
}
