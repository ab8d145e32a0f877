//! The few functions that need a mathematics library.
//!
//! Training always uses libm: exact square roots, and the same bits on every machine. With the `micromath`
//! feature the functions in [`inference`] are micromath's: smaller, and much faster without an FPU. The
//! square root is then too large by up to 6.07%, `e^x` off by up to 0.25% and the sigmoid by up to 0.001 (see
//! the tests). A feature vector's scale tolerates that, a gradient does not.

pub(crate) fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

pub(crate) fn ln(x: f32) -> f32 {
    libm::logf(x)
}

pub(crate) fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// `x` within bounds; what is not a number stays. `f32::clamp` asserts that its bounds are in order: a panic,
/// where the compiler does not look into it.
pub(crate) const fn clamp(x: f32, least: f32, most: f32) -> f32 {
    let x = if x < least { least } else { x };
    if x > most { most } else { x }
}

/// `1 / (1 + e^-x)`.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// `1 - base^exponent` for a base just below 1, without cancellation.
pub(crate) fn one_minus_power(base: f32, exponent: f32) -> f32 {
    -libm::expm1f(exponent * libm::log1pf(base - 1.0))
}

/// Functions that inference uses; approximate with the `micromath` feature.
pub mod inference {
    /// The square root; 0 for negative numbers.
    pub fn sqrt(x: f32) -> f32 {
        if x <= 0.0 {
            return 0.0;
        }
        #[cfg(feature = "micromath")]
        return micromath::F32Ext::sqrt(x);
        #[cfg(not(feature = "micromath"))]
        return crate::math::sqrt(x);
    }

    /// `e^x`.
    pub fn exp(x: f32) -> f32 {
        #[cfg(feature = "micromath")]
        return micromath::F32Ext::exp(x);
        #[cfg(not(feature = "micromath"))]
        return libm::expf(x);
    }

    /// `1 / (1 + e^-x)`.
    pub fn sigmoid(x: f32) -> f32 {
        // Beyond these bounds, the result is 0 or 1 to within 1e-34; the approximation is only good inside.
        1.0 / (1.0 + exp(crate::math::clamp(-x, -80.0, 80.0)))
    }
}

/// Scales a feature vector to norm 1, or leaves it when it is 0 throughout. It uses the inference square
/// root, which the `micromath` feature makes approximate.
pub fn unit_norm(features: &mut [f32]) {
    let square: f32 = features.iter().map(|v| v * v).sum();
    if square > 0.0 {
        let scale = 1.0 / inference::sqrt(square);
        features.iter_mut().for_each(|v| *v *= scale);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn unit_norm_is_within_the_stated_error() {
        let bound = if cfg!(feature = "micromath") { 0.07 } else { 1e-6 };
        let mut features = [3.0, 0.0, 4.0, 12.0];
        super::unit_norm(&mut features);
        let norm: f32 = features.iter().map(|v| v * v).sum();
        assert!((norm.sqrt() - 1.0).abs() <= bound && (features[3] / features[0] - 4.0).abs() < 1e-5);
        let mut nothing = [0.0; 3];
        super::unit_norm(&mut nothing);
        assert_eq!(nothing, [0.0; 3]);
    }

    #[test]
    fn inference_functions_are_within_their_stated_error() {
        // micromath's root takes the mantissa 1 + m for 1 + m / 2: at worst 1.5 / sqrt(2) of what it should
        // be, 6.066% too much.
        let [root, exponential, sigmoid] =
            if cfg!(feature = "micromath") { [0.0607, 0.0025, 0.001] } else { [1e-6; 3] };
        let (mut worst_root, mut worst_exponential) = (0.0f32, 0.0f32);
        for i in 1..20_000 {
            let x = i as f32 * 0.01;
            worst_root = worst_root.max((super::inference::sqrt(x) / libm::sqrtf(x) - 1.0).abs());
            let y = i as f32 * 0.001 - 10.0;
            worst_exponential = worst_exponential.max((super::inference::exp(y) / libm::expf(y) - 1.0).abs());
        }
        assert!(worst_root <= root, "square root: relative error {worst_root}");
        assert!(worst_exponential <= exponential, "exponential: relative error {worst_exponential}");
        for i in -2_000..2_000 {
            let x = i as f32 * 0.1;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            let found = f64::from(super::inference::sigmoid(x));
            assert!((found - exact).abs() <= f64::from(sigmoid), "sigmoid({x}) = {found}");
        }
        assert_eq!(super::inference::sqrt(-1.0), 0.0);
    }

    #[test]
    fn one_minus_power_does_not_cancel() {
        for (base, exponent) in [(0.999f32, 1.0f32), (0.999, 2.0), (0.9, 10.0), (0.999, 50_000.0)] {
            let exact = 1.0 - f64::from(base).powf(f64::from(exponent));
            let ours = f64::from(super::one_minus_power(base, exponent));
            assert!((ours / exact - 1.0).abs() < 1e-6, "{base}^{exponent}: {ours} {exact}");
        }
    }
}
