//! Which method solves the SVM.

use super::rows::Rows;

/// Features beyond which Newton's method is not considered: its matrices are the square of their number.
const MOST_FEATURES: usize = 512;

/// What a visit of coordinate descent costs, in products of Newton's method: it waits for memory and for the
/// visit before, and there are hundreds of passes to some ten steps.
const VISIT: f64 = 40.0;

/// Which method solves the SVM. Both find the same minimum, but for what the stopping measure leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Solver {
    /// Dual coordinate descent in `f32`: for many features, and rows that are mostly 0.
    #[default]
    Dual,
    /// Newton's method on the primal objective in `f64`: for few features. It takes no other processes
    /// ([`Options::ranks`](super::Options::ranks)).
    Newton,
    /// The one that is likely to be faster for the rows.
    Auto,
}

impl Solver {
    /// The method for these rows: [`Solver::Dual`] or [`Solver::Newton`].
    pub(super) fn for_rows(self, rows: &Rows) -> Self {
        match self {
            Self::Auto if rows.features() <= MOST_FEATURES && is_dense_enough(rows) => Self::Newton,
            Self::Auto => Self::Dual,
            chosen => chosen,
        }
    }
}

/// Whether rows have so many numbers that are not 0 that products of whole rows waste little.
fn is_dense_enough(rows: &Rows) -> bool {
    let (count, features) = (rows.len() as f64, rows.features() as f64);
    let step = count * features * features + features * features * features / 3.0;
    step <= VISIT * rows.nonzeros() as f64 * 8.0
}
