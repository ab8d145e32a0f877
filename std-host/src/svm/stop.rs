//! When a class counts as solved.

/// When a class counts as solved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// When the largest and the smallest projected gradient of the dual, 0 included, differ by no more than
    /// this: LIBLINEAR's measure, and scikit-learn's `tol`, except that gradients all alike do not count as
    /// solved. Below about 1e-5 the rounding of `f32` is in the way.
    Gradient(f64),
    /// When the duality gap is no more than this share of the primal objective, which is then at most this
    /// share above its minimum. Below about 1e-6 the rounding of `f32` is in the way.
    Gap(f64),
}

impl Stop {
    pub(super) fn value(self) -> f64 {
        match self {
            Self::Gradient(value) | Self::Gap(value) => value,
        }
    }
}
