//! The interpolation points of the algorithms, and the numbers of their transforms.
//!
//! With `n` points, `m` outputs of a filter of `r` taps (`n = m + r - 1`) are `A^T [(G g) * (B^T d)]` (Cook
//! and Toom; Winograd). The points are 0, some pairs `p` and `-p`, and infinity. For a finite point `p`,
//! where `q` are the other finite points:
//!
//! - row `p` of `B^T` has the coefficients of the polynomial `prod (x - q)`;
//! - row `p` of `G` has the powers `p^i` over `prod (p - q)`;
//! - column `p` of `A^T` has the powers `p^i`.
//!
//! Infinity's row of `B^T` has the coefficients of the product over all finite points, its row of `G` takes
//! the last tap, and its column of `A^T` adds to the last output.
//!
//! `B^T` belongs to the points alone: one transform of the inputs serves filters of any length. All is
//! computed here from the points. They are fractions whose denominators are powers of two, so that the
//! numbers of `B^T` are exact, and those of `A^T`, but for one power of ten points.

/// The most points of a set.
pub(super) const MAX_POINTS: usize = 10;

/// The most pairs of points.
const MAX_PAIRS: usize = (MAX_POINTS - 2) / 2;

/// A set of interpolation points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Points {
    /// Infinity alone: a filter of one tap, and nothing to transform.
    One,
    Six,
    Eight,
    Ten,
}

impl Points {
    const ALL: [Self; 4] = [Self::One, Self::Six, Self::Eight, Self::Ten];

    /// All sets with points to transform to.
    pub(super) const SETS: [Self; 3] = [Self::Six, Self::Eight, Self::Ten];

    /// The number of points.
    pub(super) const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Six => 6,
            Self::Eight => 8,
            Self::Ten => 10,
        }
    }

    /// The positive points. Their order is that of the rows: 0, then each point and its negative, then
    /// infinity. Those of ten round least of the fractions that were tried: with them, 4 x 4 outputs of 7 x 7
    /// kernels are off by 1.5e-5 of their size on average (with 1, 1/2, 3/4 and 5/2: 1.8e-5).
    pub(super) const fn pairs(self) -> &'static [f64] {
        match self {
            Self::One => &[],
            Self::Six => &[1.0, 2.0],
            Self::Eight => &[1.0, 2.0, 0.5],
            Self::Ten => &[1.0, 0.375, 1.25, 2.75],
        }
    }

    /// The coefficients of the product of `x^2 - q^2` over the pairs `q`, all but pair number `without`: that
    /// of `x^0`, of `x^2`, and so on.
    pub(super) const fn even(self, without: usize) -> [f32; MAX_PAIRS + 1] {
        let pairs = self.pairs();
        let mut product = [0.0; MAX_PAIRS + 1];
        product[0] = 1.0;
        let mut pair = 0;
        while pair < pairs.len() {
            if pair != without {
                let square = pairs[pair] * pairs[pair];
                let mut power = MAX_PAIRS;
                while power > 0 {
                    product[power] = product[power - 1] - square * product[power];
                    power -= 1;
                }
                product[0] *= -square;
            }
            pair += 1;
        }
        let mut rounded = [0.0; MAX_PAIRS + 1];
        let mut power = 0;
        while power <= MAX_PAIRS {
            rounded[power] = product[power] as f32;
            power += 1;
        }
        rounded
    }

    /// [`Points::even`] of all pairs.
    pub(super) const fn whole(self) -> [f32; MAX_PAIRS + 1] {
        self.even(MAX_PAIRS)
    }

    /// Point `row`, if it is finite.
    const fn finite(self, row: usize) -> Option<f64> {
        if row + 1 >= self.count() {
            return None;
        }
        if row == 0 {
            return Some(0.0);
        }
        let point = self.pairs()[(row - 1) / 2];
        Some(if row % 2 == 1 { point } else { -point })
    }

    /// Row `row` of `G` for filters of `taps` taps, at most as many as there are points.
    pub(super) const fn filter_row(self, row: usize, taps: usize) -> [f64; MAX_POINTS] {
        let mut weights = [0.0; MAX_POINTS];
        let Some(point) = self.finite(row) else {
            weights[taps - 1] = 1.0;
            return weights;
        };
        let mut scale = 1.0;
        let mut other = 0;
        while let Some(q) = self.finite(other) {
            if other != row {
                scale *= point - q;
            }
            other += 1;
        }
        let mut power = 1.0;
        let mut tap = 0;
        while tap < taps {
            weights[tap] = power / scale;
            power *= point;
            tap += 1;
        }
        weights
    }

    /// `[i][pair]`: power `i` of each positive point.
    pub(super) const fn powers(self) -> [[f32; MAX_PAIRS]; MAX_POINTS] {
        let pairs = self.pairs();
        let mut powers = [[0.0; MAX_PAIRS]; MAX_POINTS];
        let mut pair = 0;
        while pair < pairs.len() {
            let mut power = 1.0;
            let mut i = 0;
            while i < MAX_POINTS {
                powers[i][pair] = power as f32;
                power *= pairs[pair];
                i += 1;
            }
            pair += 1;
        }
        powers
    }

    /// The sum of the magnitudes in row `row` of `B^T`: what a transform makes of numbers of at most 1.
    const fn input_gain(self, row: usize) -> f32 {
        if let Self::One = self {
            return 1.0;
        }
        let infinite = row + 1 == self.count();
        let (coefficients, scale) = if row == 0 || infinite {
            (self.whole(), 1.0)
        } else {
            // Times `x (x + p)`.
            let pair = (row - 1) / 2;
            (self.even(pair), 1.0 + self.pairs()[pair] as f32)
        };
        let mut sum = 0.0;
        let mut i = 0;
        while i < coefficients.len() {
            sum += coefficients[i].abs();
            i += 1;
        }
        sum * scale
    }

    /// The same of row `row` of `G`, rounded up.
    const fn filter_gain(self, row: usize, taps: usize) -> f32 {
        if let Self::One = self {
            return 1.0;
        }
        let weights = self.filter_row(row, taps);
        let mut sum = 0.0;
        let mut i = 0;
        while i < weights.len() {
            sum += weights[i].abs();
            i += 1;
        }
        sum as f32 * 1.000_01
    }

    /// The largest magnitude in column `row` of `A^T`, with `side` outputs.
    const fn output_gain(self, row: usize, side: usize) -> f32 {
        match self.finite(row) {
            Some(point) if point.abs() > 1.0 => {
                let mut power = 1.0;
                let mut i = 1;
                while i < side {
                    power *= point.abs();
                    i += 1;
                }
                power as f32
            }
            _ => 1.0,
        }
    }

    /// The most roundings that a number passes in a transform of inputs: see `transform`.
    pub(super) const fn input_roundings(self) -> usize {
        match self {
            Self::One => 0,
            Self::Six => 3,
            Self::Eight => 3,
            Self::Ten => 5,
        }
    }

    /// The same in a transform of sums, a constant's included.
    pub(super) const fn output_roundings(self) -> usize {
        match self {
            Self::One => 0,
            Self::Six => 3,
            Self::Eight => 4,
            Self::Ten => 6,
        }
    }
}

/// By how much the transforms may enlarge numbers and errors, for each point.
#[derive(Clone, Copy)]
pub(super) struct Gains {
    pub(super) input: [f32; MAX_POINTS],
    pub(super) filter: [f32; MAX_POINTS],
    pub(super) output: [f32; MAX_POINTS],
}

impl Gains {
    const NONE: Self =
        Self { input: [0.0; MAX_POINTS], filter: [0.0; MAX_POINTS], output: [0.0; MAX_POINTS] };

    /// Those of filters of so many taps, fewer than there are points (but for a single point).
    pub(super) fn of(points: Points, taps: usize) -> &'static Self {
        &GAINS[points as usize][taps % MAX_POINTS]
    }

    const fn new(points: Points, taps: usize) -> Self {
        let mut gains = Self::NONE;
        let mut row = 0;
        while row < points.count() {
            gains.input[row] = points.input_gain(row);
            gains.filter[row] = points.filter_gain(row, taps);
            gains.output[row] = points.output_gain(row, points.count() + 1 - taps);
            row += 1;
        }
        gains
    }
}

/// By set and by taps.
static GAINS: [[Gains; MAX_POINTS]; 4] = {
    let mut all = [[Gains::NONE; MAX_POINTS]; 4];
    let mut set = 0;
    while set < Points::ALL.len() {
        let points = Points::ALL[set];
        let mut taps = 1;
        while taps < MAX_POINTS && taps <= points.count() {
            all[points as usize][taps] = Gains::new(points, taps);
            taps += 1;
        }
        set += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// `B^T`, written out from the parts that the transforms use.
    fn input_rows(points: Points) -> Vec<Vec<f64>> {
        let n = points.count();
        let mut rows = vec![vec![0.0; n]; n];
        for (power, value) in points.whole().into_iter().enumerate().take(n / 2) {
            rows[0][2 * power] = f64::from(value);
            rows[n - 1][2 * power + 1] = f64::from(value);
        }
        for (pair, point) in points.pairs().iter().enumerate() {
            for (power, value) in points.even(pair).into_iter().enumerate().take(n / 2 - 1) {
                for (row, sign) in [(2 * pair + 1, 1.0), (2 * pair + 2, -1.0)] {
                    rows[row][2 * power + 2] = f64::from(value);
                    rows[row][2 * power + 1] = sign * point * f64::from(value);
                }
            }
        }
        rows
    }

    /// `A^T`.
    fn output_rows(points: Points, side: usize) -> Vec<Vec<f64>> {
        let n = points.count();
        let powers = points.powers();
        let mut rows = vec![vec![0.0; n]; side];
        for (i, row) in rows.iter_mut().enumerate() {
            row[0] = if i == 0 { 1.0 } else { 0.0 };
            for pair in 0..points.pairs().len() {
                let power = f64::from(powers[i][pair]);
                row[2 * pair + 1] = power;
                row[2 * pair + 2] = if i % 2 == 0 { power } else { -power };
            }
            row[n - 1] = if i + 1 == side { 1.0 } else { 0.0 };
        }
        rows
    }

    /// The algorithm is right for all inputs and filters if it is for each pair of their basis vectors.
    #[test]
    fn they_make_convolutions() {
        for points in Points::SETS {
            let n = points.count();
            let inputs = input_rows(points);
            for taps in 1..n {
                let side = n + 1 - taps;
                let outputs = output_rows(points, side);
                let filters: Vec<_> = (0..n).map(|row| points.filter_row(row, taps)).collect();
                let cases = (0..side).flat_map(|i| (0..taps).map(move |tap| (i, tap)));
                for (i, tap, input) in cases.flat_map(|(i, tap)| (0..n).map(move |input| (i, tap, input))) {
                    let terms = (0..n).map(|p| outputs[i][p] * filters[p][tap] * inputs[p][input]);
                    let (sum, size) = terms.fold((0.0, 1.0), |(s, a), t| (s + t, a + t.abs()));
                    let expected = if input == i + tap { 1.0 } else { 0.0 };
                    // One power of ten points is rounded to an f32.
                    let rounding = if points == Points::Ten && side >= 8 { 1e-7 } else { 1e-14 };
                    assert!((sum - expected).abs() < rounding * size, "{points:?}, {taps} taps: {sum}");
                }
            }
        }
    }

    #[test]
    fn gains_are_sums_and_maxima_of_the_rows() {
        for points in Points::SETS {
            for (row, weights) in input_rows(points).iter().enumerate() {
                let sum: f64 = weights.iter().map(|weight| weight.abs()).sum();
                assert_eq!(f64::from(points.input_gain(row)), sum, "{points:?}, row {row}");
            }
            for taps in 1..points.count() {
                let side = points.count() + 1 - taps;
                let rows = output_rows(points, side);
                for row in 0..points.count() {
                    let sum: f64 = points.filter_row(row, taps).iter().map(|weight| weight.abs()).sum();
                    let gain = f64::from(points.filter_gain(row, taps));
                    assert!(gain >= sum && gain < sum * 1.0001, "{points:?}, row {row}: {gain}, {sum}");
                    let largest = rows.iter().map(|weights| weights[row].abs()).fold(0.0, f64::max);
                    assert_eq!(f64::from(points.output_gain(row, side)), largest, "{points:?}, row {row}");
                }
            }
        }
    }
}
