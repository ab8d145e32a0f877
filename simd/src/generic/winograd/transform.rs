//! The transforms of Winograd's minimal filtering F(4 x 4, 5 x 5): 8 x 8 points for 4 x 4 outputs.
//!
//! With the interpolation points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, four outputs of a filter of five
//! weights are `A^T [(G g) * (B^T d)]`, where
//!
//! ```text
//!       | -1  0    21/4  0    -21/4  0    1  0 |         | -1     0      0      0      0    |
//!       |  0  1    1    -17/4 -17/4  1    1  0 |         | -2/9  -2/9   -2/9   -2/9   -2/9  |
//!       |  0 -1    1     17/4 -17/4 -1    1  0 |         | -2/9   2/9   -2/9    2/9   -2/9  |
//! B^T = |  0  1/2  1/4  -5/2  -5/4   2    1  0 |     G = |  1/90  1/45   2/45   4/45   8/45 |
//!       |  0 -1/2  1/4   5/2  -5/4  -2    1  0 |         |  1/90 -1/45   2/45  -4/45   8/45 |
//!       |  0  2    4    -5/2  -5     1/2  1  0 |         |  32/45 16/45  8/45   4/45   2/45 |
//!       |  0 -2    4     5/2  -5    -1/2  1  0 |         |  32/45 -16/45 8/45  -4/45   2/45 |
//!       |  0 -1    0     21/4  0    -21/4 0  1 |         |  0      0      0      0      1    |
//!
//!       | 1  1  1  1  1  1    1    0 |
//! A^T = | 0  1 -1  2 -2  1/2 -1/2  0 |
//!       | 0  1  1  4  4  1/4  1/4  0 |
//!       | 0  1 -1  8 -8  1/8 -1/8  1 |
//! ```
//!
//! Rows in pairs share their even and odd parts. In two dimensions a transform is applied to the columns and
//! then to the rows.

use crate::vector::Vector;

/// Points in a row of a transformed tile.
pub(super) const POINTS: usize = 8;

/// Outputs in a row of a tile.
pub(super) const SIDE: usize = 4;

/// Weights in a row of a filter.
pub(super) const KERNEL: usize = 5;

/// `B^T d`.
///
/// # Safety
///
/// `V`'s instruction set is enabled; so for all functions here.
#[inline(always)]
pub(super) unsafe fn input<V: Vector>(d: [V; POINTS]) -> [V; POINTS] {
    let [d0, d1, d2, d3, d4, d5, d6, d7] = d;
    // SAFETY: the caller's promise.
    unsafe {
        let first = V::splat(5.25).mul_add(d2.sub(d4), d6.sub(d0));
        let last = V::splat(5.25).mul_add(d3.sub(d5), d7.sub(d1));
        let even1 = V::splat(-4.25).mul_add(d4, d2.add(d6));
        let odd1 = V::splat(-4.25).mul_add(d3, d1.add(d5));
        let even2 = V::splat(0.25).mul_add(d2, V::splat(-1.25).mul_add(d4, d6));
        let odd2 = V::splat(0.5).mul_add(d1, V::splat(-2.5).mul_add(d3, d5.add(d5)));
        let even3 = V::splat(4.0).mul_add(d2, V::splat(-5.0).mul_add(d4, d6));
        let odd3 = V::splat(0.5).mul_add(d5, V::splat(-2.5).mul_add(d3, d1.add(d1)));
        [
            first,
            even1.add(odd1),
            even1.sub(odd1),
            even2.add(odd2),
            even2.sub(odd2),
            even3.add(odd3),
            even3.sub(odd3),
            last,
        ]
    }
}

/// `G g`.
///
/// # Safety
///
/// See [`input`].
#[inline(always)]
pub(super) unsafe fn filter<V: Vector>(g: [V; KERNEL]) -> [V; POINTS] {
    let [g0, g1, g2, g3, g4] = g;
    // SAFETY: the caller's promise.
    unsafe {
        let even1 = g0.add(g2).add(g4).mul(V::splat(-2.0 / 9.0));
        let odd1 = g1.add(g3).mul(V::splat(-2.0 / 9.0));
        let even2 = V::splat(4.0).mul_add(g2, V::splat(16.0).mul_add(g4, g0)).mul(V::splat(1.0 / 90.0));
        let odd2 = V::splat(4.0).mul_add(g3, g1).mul(V::splat(1.0 / 45.0));
        let even3 = V::splat(4.0).mul_add(g2, V::splat(16.0).mul_add(g0, g4)).mul(V::splat(2.0 / 45.0));
        let odd3 = V::splat(4.0).mul_add(g1, g3).mul(V::splat(4.0 / 45.0));
        [
            V::splat(0.0).sub(g0),
            even1.add(odd1),
            even1.sub(odd1),
            even2.add(odd2),
            even2.sub(odd2),
            even3.add(odd3),
            even3.sub(odd3),
            g4,
        ]
    }
}

/// `A^T m`.
///
/// # Safety
///
/// See [`input`].
#[inline(always)]
pub(super) unsafe fn output<V: Vector>(m: [V; POINTS]) -> [V; SIDE] {
    let [m0, m1, m2, m3, m4, m5, m6, m7] = m;
    // SAFETY: the caller's promise.
    unsafe {
        let (sum1, difference1) = (m1.add(m2), m1.sub(m2));
        let (sum2, difference2) = (m3.add(m4), m3.sub(m4));
        let (sum3, difference3) = (m5.add(m6), m5.sub(m6));
        [
            m0.add(sum1).add(sum2.add(sum3)),
            V::splat(0.5).mul_add(difference3, V::splat(2.0).mul_add(difference2, difference1)),
            V::splat(0.25).mul_add(sum3, V::splat(4.0).mul_add(sum2, sum1)),
            V::splat(0.125).mul_add(difference3, V::splat(8.0).mul_add(difference2, difference1)).add(m7),
        ]
    }
}

/// Row `y` of what lies by columns.
#[inline(always)]
pub(super) fn row<V: Vector, const ROWS: usize, const COLUMNS: usize>(
    columns: &[[V; ROWS]; COLUMNS],
    y: usize,
) -> [V; COLUMNS] {
    let mut row = [columns[0][y]; COLUMNS];
    for (to, column) in row.iter_mut().zip(columns) {
        *to = column[y];
    }
    row
}

/// The largest magnitude in each column of `A^T`.
pub(super) const OUTPUT_GAIN: [f32; POINTS] = [1.0, 1.0, 1.0, 8.0, 8.0, 1.0, 1.0, 1.0];

/// The sum of the magnitudes in each row of `B^T`.
pub(super) const INPUT_GAIN: [f32; POINTS] = [12.5, 12.5, 12.5, 7.5, 7.5, 15.0, 15.0, 12.5];

/// The sum of the magnitudes in each row of `G`, rounded up.
pub(super) const FILTER_GAIN: [f32; POINTS] = [1.0, 1.1112, 1.1112, 0.3445, 0.3445, 1.3778, 1.3778, 1.0];
