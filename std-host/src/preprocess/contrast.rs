//! Contrast normalisation: each image to zero mean and unit standard deviation.

/// The step `contrast`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contrast {
    /// Added to the variance.
    pub(super) regulariser: f32,
}

impl Contrast {
    /// Normalises an image; if all its numbers are equal, they become 0.
    pub(super) fn apply(self, image: &mut [f32]) {
        let count = image.len().max(1) as f64;
        let mean = image.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
        let squares: f64 = image.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
        let deviation = (squares / count + f64::from(self.regulariser)).sqrt();
        let factor = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        image.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * factor) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_gets_zero_mean_and_unit_deviation() {
        let mut image: Vec<f32> = (0..48).map(|i| 100.0 + (i * i % 31) as f32).collect();
        Contrast { regulariser: 0.0 }.apply(&mut image);
        let mean = image.iter().sum::<f32>() / 48.0;
        let variance = image.iter().map(|v| v * v).sum::<f32>() / 48.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-6, "{mean} {variance}");
    }

    #[test]
    fn uniform_images_become_zero_and_the_regulariser_dampens() {
        let mut image = [7.0; 6];
        Contrast { regulariser: 0.0 }.apply(&mut image);
        assert_eq!(image, [0.0; 6]);
        // A variance of 1, plus 3.
        let mut image = [1.0, -1.0];
        Contrast { regulariser: 3.0 }.apply(&mut image);
        assert_eq!(image, [0.5, -0.5]);
    }
}
