//! Windows of a stream, cut with overlap, and their scaling.

use core::cell::Cell;

use crate::detect::settings::Scaling;
use crate::math;
use crate::memory::copy;
use crate::runs::{column, column_mut};

/// Moves the numbers from `from` on to the front; what is behind them does not matter then.
pub(super) fn shift(values: &mut [f32], from: usize) {
    let cells = Cell::from_mut(values).as_slice_of_cells();
    let later = cells.get(from..).unwrap_or(&[]);
    cells.iter().zip(later).for_each(|(to, from)| to.set(from.get()));
}

/// Writes a window as the network sees it. Returns the deviation of its loudest channel, in learnt
/// deviations.
pub(super) fn scale(scaling: Scaling, window: &[f32], channels: usize, quiet: f32, to: &mut [f32]) -> f32 {
    copy(window, to);
    let mut loudest = 0.0;
    for channel in 0..channels {
        let values = || column(window, channel, channels);
        let (mut sum, mut count) = (0.0, 0.0);
        values().for_each(|value| {
            sum += *value;
            count += 1.0;
        });
        let mean = sum / f32::max(count, 1.0);
        let mut squares = 0.0;
        values().for_each(|value| squares += (*value - mean) * (*value - mean));
        let deviation = math::sqrt(squares / f32::max(count, 1.0));
        loudest = f32::max(loudest, deviation);
        if scaling == Scaling::Standardised {
            // A quiet channel beside a loud one is not blown up to noise.
            let factor = 1.0 / f32::max(deviation, f32::max(quiet, 1e-6));
            for value in column_mut(to, channel, channels) {
                *value = (*value - mean) * factor;
            }
        }
    }
    loudest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_keeps_what_comes_later() {
        for (from, expected) in [(0, [1, 2, 3, 4]), (1, [2, 3, 4, 4]), (3, [4, 2, 3, 4]), (9, [1, 2, 3, 4])] {
            let mut values = [1.0, 2.0, 3.0, 4.0];
            shift(&mut values, from);
            assert_eq!(values, expected.map(|v: i8| f32::from(v)), "from {from}");
        }
    }

    #[test]
    fn each_channel_is_standardised_for_itself() {
        // Channels of mean 2 and -3, deviation 1 and 2.
        let window = [1.0, -1.0, 3.0, -5.0, 1.0, -5.0, 3.0, -1.0];
        let mut to = [0.0; 8];
        assert_eq!(scale(Scaling::Standardised, &window, 2, 0.0, &mut to), 2.0);
        assert_eq!(to, [-1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0]);
        assert_eq!(scale(Scaling::None, &window, 2, 0.0, &mut to), 2.0);
        assert_eq!(to, window);
    }

    #[test]
    fn a_dead_channel_is_zero_and_not_noise() {
        let window = [4.0, 1.0, 4.0, -1.0];
        let mut to = [9.0; 4];
        assert_eq!(scale(Scaling::Standardised, &window, 2, 0.1, &mut to), 1.0);
        assert_eq!(to, [0.0, 1.0, 0.0, -1.0]);
    }
}
