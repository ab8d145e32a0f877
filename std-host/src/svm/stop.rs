//! When a class counts as solved.

/// When a class counts as solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// The largest and the smallest projected gradient of the dual, with 0 among them, differ by no more than
    /// this. This is LIBLINEAR's measure and scikit-learn's `tol`, except that equal gradients other than 0
    /// do not count as solved. Below about 1e-5, the rounding of `f32` interferes: what it keeps from coming
    /// closer counts as solved ([`ClassReport::meets`](super::ClassReport::meets) tells).
    Gradient(f64),
    /// The duality gap is at most this share of the primal objective, which is then at most this share above
    /// its minimum. Below about 1e-6, the rounding of `f32` interferes, likewise.
    Gap(f64),
}

impl Stop {
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Gradient(value) | Self::Gap(value) => value,
        }
    }
}
