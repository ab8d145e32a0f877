//! The transforms in one dimension. In two dimensions they are applied to the columns and then to the rows.
//!
//! Points in pairs share their even and odd parts: `p` gets the sum of the two, `-p` the difference. The
//! order of operations determines the last bits of weights, which recipes promise.

use crate::generic::winograd::axis::Axis;
use crate::generic::winograd::points::{MAX_POINTS, Points};
use crate::vector::{MAX_LANES, Vector};

/// Lines of vectors, by pointers to f32.
#[derive(Clone, Copy)]
pub(super) struct Lines<P> {
    /// The first vector of the first line.
    pub(super) start: P,
    /// From a line to the next one.
    pub(super) stride: usize,
    /// From a vector of a line to the next one.
    pub(super) step: usize,
}

impl<P> Lines<P> {
    /// Columns for rows, or rows for columns.
    pub(super) fn turned(self) -> Self {
        Self { stride: self.step, step: self.stride, ..self }
    }
}

impl Lines<*mut f32> {
    /// The same lines, to be read.
    pub(super) fn read(self) -> Lines<*const f32> {
        Lines { start: self.start, stride: self.stride, step: self.step }
    }
}

/// `B^T d` of `count` lines.
///
/// # Safety
///
/// The lines exist, with a vector for each point, and `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn inputs<V: Vector>(
    points: Points,
    count: usize,
    from: Lines<*const f32>,
    to: Lines<*mut f32>,
) {
    // One loop for each set of points, so that a set is chosen once. (No closures: they would be compiled
    // without the instruction set.)
    macro_rules! each {
        ($input:ident, $n:literal) => {
            for line in 0..count {
                // SAFETY: the caller's promise.
                unsafe {
                    let d = load::<V, $n>(from.start.add(line * from.stride), from.step);
                    store($input(d), to.start.add(line * to.stride), to.step);
                }
            }
        };
    }
    match points {
        Points::One => {}
        Points::Six => each!(input_six, 6),
        Points::Eight => each!(input_eight, 8),
        Points::Ten => each!(input_ten, 10),
    }
}

/// `A^T m` of `count` lines, with `side` outputs.
///
/// # Safety
///
/// The lines exist, `from` with a vector for each point and `to` with `side` of them, there are more points
/// than outputs, and `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn outputs<V: Vector>(
    points: Points,
    side: usize,
    count: usize,
    from: Lines<*const f32>,
    to: Lines<*mut f32>,
) {
    macro_rules! each {
        ($points:ident, $n:literal, $pairs:literal) => {
            for line in 0..count {
                // SAFETY: the caller's promise.
                unsafe {
                    let m = load::<V, $n>(from.start.add(line * from.stride), from.step);
                    let start = to.start.add(line * to.stride);
                    output::<V, $n, $pairs>(const { &Points::$points.powers() }, side, m, start, to.step);
                }
            }
        };
    }
    match points {
        Points::One => {}
        Points::Six => each!(Six, 6, 2),
        Points::Eight => each!(Eight, 8, 3),
        Points::Ten => each!(Ten, 10, 4),
    }
}

/// `G g` of the filters of five taps, with eight points and constants that even and odd parts share. A number
/// passes [`FILTER_ROUNDINGS`] at most, those of the constants included.
///
/// # Safety
///
/// `V`'s instruction set is enabled.
#[inline(always)]
pub(super) unsafe fn filter_of_five<V: Vector>([g0, g1, g2, g3, g4]: [V; 5]) -> [V; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        let even1 = g0.add(g2).add(g4).mul(V::splat(-2.0 / 9.0));
        let odd1 = g1.add(g3).mul(V::splat(-2.0 / 9.0));
        let even2 = V::splat(4.0).mul_add(g2, V::splat(16.0).mul_add(g4, g0)).mul(V::splat(1.0 / 90.0));
        let odd2 = V::splat(4.0).mul_add(g3, g1).mul(V::splat(1.0 / 45.0));
        let even3 = V::splat(4.0).mul_add(g2, V::splat(16.0).mul_add(g0, g4)).mul(V::splat(2.0 / 45.0));
        let odd3 = V::splat(4.0).mul_add(g1, g3).mul(V::splat(4.0 / 45.0));
        points_of(V::splat(0.0).sub(g0), [(even1, odd1), (even2, odd2), (even3, odd3)], g4)
    }
}

/// The most roundings in a transform of [`filter_of_five`].
pub(super) const FILTER_ROUNDINGS: usize = 5;

/// Numbers of the lanes of a vector, with twice the digits.
pub(super) type Wide = [f64; MAX_LANES];

/// `G`, for filters in f64.
pub(super) struct FilterRows {
    /// Its rows: the points.
    pub(super) points: usize,
    rows: [[f64; MAX_POINTS]; MAX_POINTS],
}

impl FilterRows {
    pub(super) fn new(axis: &Axis) -> Self {
        let mut rows = [[0.0; MAX_POINTS]; MAX_POINTS];
        for (row, weights) in rows.iter_mut().enumerate().take(axis.points.count()) {
            *weights = axis.points.filter_row(row, axis.taps);
        }
        Self { points: axis.points.count(), rows }
    }

    /// A point's sum over the first taps of a line.
    #[inline(always)]
    pub(super) fn sum<V: Vector>(&self, point: usize, line: &[Wide; MAX_POINTS], taps: usize) -> Wide {
        let mut sums = [0.0; MAX_LANES];
        for (weight, numbers) in self.rows[point].iter().zip(line).take(taps) {
            for (sum, number) in sums.iter_mut().zip(numbers).take(V::LANES) {
                *sum += weight * number;
            }
        }
        sums
    }
}

/// # Safety
///
/// The vectors exist; `V`'s instruction set is enabled. So for all functions below.
#[inline(always)]
unsafe fn load<V: Vector, const N: usize>(from: *const f32, step: usize) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut line = [V::splat(0.0); N];
        for (i, vector) in line.iter_mut().enumerate() {
            *vector = V::load(from.add(i * step));
        }
        line
    }
}

#[inline(always)]
unsafe fn store<V: Vector, const N: usize>(line: [V; N], to: *mut f32, step: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        for (i, vector) in line.iter().enumerate() {
            vector.store(to.add(i * step));
        }
    }
}

/// What the points 0, each `p` and `-p`, and infinity get, from the even and odd parts of the pairs.
#[inline(always)]
unsafe fn points_of<V: Vector, const N: usize, const PAIRS: usize>(
    first: V,
    pairs: [(V, V); PAIRS],
    last: V,
) -> [V; N] {
    let mut points = [first; N];
    points[N - 1] = last;
    for (pair, (even, odd)) in pairs.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { (points[2 * pair + 1], points[2 * pair + 2]) = (even.add(odd), even.sub(odd)) };
    }
    points
}

// A number passes two roundings in the first and the last row, and in the others two in an odd part and one
// where the parts are added.
#[inline(always)]
unsafe fn input_six<V: Vector>([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
    const WHOLE: [f32; 5] = Points::Six.whole();
    const ONE: f32 = Points::Six.even(0)[0];
    const TWO: f32 = Points::Six.even(1)[0];
    // SAFETY: the caller's promise.
    unsafe {
        let first = V::splat(WHOLE[0]).mul_add(d0, V::splat(WHOLE[1]).mul_add(d2, d4));
        let last = V::splat(WHOLE[0]).mul_add(d1, V::splat(WHOLE[1]).mul_add(d3, d5));
        let even1 = V::splat(ONE).mul_add(d2, d4);
        let odd1 = V::splat(ONE).mul_add(d1, d3);
        let even2 = V::splat(TWO).mul_add(d2, d4);
        let odd2 = V::splat(TWO).mul_add(d1, d3);
        let odd2 = odd2.add(odd2);
        points_of(first, [(even1, odd1), (even2, odd2)], last)
    }
}

// Three roundings at most: two in `odd2` and `odd3` (a doubled number is exact), and one where it is added.
#[inline(always)]
unsafe fn input_eight<V: Vector>([d0, d1, d2, d3, d4, d5, d6, d7]: [V; 8]) -> [V; 8] {
    const WHOLE: f32 = Points::Eight.whole()[1];
    const ONE: f32 = Points::Eight.even(0)[1];
    const TWO: [f32; 5] = Points::Eight.even(1);
    const HALF: [f32; 5] = Points::Eight.even(2);
    // SAFETY: the caller's promise.
    unsafe {
        let first = V::splat(WHOLE).mul_add(d2.sub(d4), d6.sub(d0));
        let last = V::splat(WHOLE).mul_add(d3.sub(d5), d7.sub(d1));
        let even1 = V::splat(ONE).mul_add(d4, d2.add(d6));
        let odd1 = V::splat(ONE).mul_add(d3, d1.add(d5));
        let even2 = V::splat(TWO[0]).mul_add(d2, V::splat(TWO[1]).mul_add(d4, d6));
        let odd2 = V::splat(2.0 * TWO[0]).mul_add(d1, V::splat(2.0 * TWO[1]).mul_add(d3, d5.add(d5)));
        let even3 = V::splat(HALF[0]).mul_add(d2, V::splat(HALF[1]).mul_add(d4, d6));
        let odd3 = V::splat(0.5).mul_add(d5, V::splat(0.5 * HALF[1]).mul_add(d3, d1.add(d1)));
        points_of(first, [(even1, odd1), (even2, odd2), (even3, odd3)], last)
    }
}

// Five roundings at most: four in an odd part, one where it is added.
#[inline(always)]
unsafe fn input_ten<V: Vector>(d: [V; 10]) -> [V; 10] {
    const WHOLE: [f32; 5] = Points::Ten.whole();
    const EVEN: [[f32; 5]; 4] =
        [Points::Ten.even(0), Points::Ten.even(1), Points::Ten.even(2), Points::Ten.even(3)];
    // SAFETY: the caller's promise.
    unsafe {
        let mut ends = [d[8], d[9]];
        for (i, sum) in ends.iter_mut().enumerate() {
            for power in [3, 2, 1, 0] {
                *sum = V::splat(WHOLE[power]).mul_add(d[i + 2 * power], *sum);
            }
        }
        let mut pairs = [(d[8], d[7]); 4];
        for ((even, odd), (weights, point)) in pairs.iter_mut().zip(EVEN.iter().zip(Points::Ten.pairs())) {
            for power in [2, 1, 0] {
                *even = V::splat(weights[power]).mul_add(d[2 * power + 2], *even);
                *odd = V::splat(weights[power]).mul_add(d[2 * power + 1], *odd);
            }
            *odd = V::splat(*point as f32).mul(*odd);
        }
        points_of(ends[0], pairs, ends[1])
    }
}

// A number passes a rounding in the sum or the difference of a pair, one for each other pair, and one where
// the last point is added.
#[inline(always)]
unsafe fn output<V: Vector, const N: usize, const PAIRS: usize>(
    powers: &[[f32; 4]; MAX_POINTS],
    side: usize,
    m: [V; N],
    to: *mut f32,
    step: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut sums, mut differences) = ([m[0]; PAIRS], [m[0]; PAIRS]);
        for pair in 0..PAIRS {
            sums[pair] = m[2 * pair + 1].add(m[2 * pair + 2]);
            differences[pair] = m[2 * pair + 1].sub(m[2 * pair + 2]);
        }
        let mut others = sums[PAIRS - 1];
        for pair in (1..PAIRS - 1).rev() {
            others = sums[pair].add(others);
        }
        m[0].add(sums[0]).add(others).store(to);
        for (i, powers) in powers.iter().enumerate().take(side).skip(1) {
            let parts = if i % 2 == 0 { &sums } else { &differences };
            let mut output = parts[0];
            for pair in 1..PAIRS {
                output = V::splat(powers[pair]).mul_add(parts[pair], output);
            }
            if i + 1 == side {
                output = output.add(m[N - 1]);
            }
            output.store(to.add(i * step));
        }
    }
}
