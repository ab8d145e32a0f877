//! How far samples lie from their mean.

/// The squared deviation of samples from their mean. Differences from the first sample lose no digits to a
/// large mean.
pub(crate) struct Spread {
    origin: Vec<f32>,
    sums: Vec<f64>,
    squares: f64,
    count: usize,
}

impl Spread {
    /// Of samples of so many numbers.
    pub(crate) fn new(len: usize) -> Self {
        Self { origin: Vec::new(), sums: vec![0.0; len], squares: 0.0, count: 0 }
    }

    pub(crate) fn add(&mut self, sample: &[f32]) {
        if self.origin.is_empty() {
            self.origin = sample.to_vec();
        }
        self.count += 1;
        for ((sum, v), origin) in self.sums.iter_mut().zip(sample).zip(&self.origin) {
            let difference = f64::from(*v) - f64::from(*origin);
            *sum += difference;
            self.squares += difference * difference;
        }
    }

    /// The mean over the samples, summed over the numbers of a sample.
    pub(crate) fn variance(&self) -> f64 {
        let count = self.count.max(1) as f64;
        let means: f64 = self.sums.iter().map(|sum| (sum / count).powi(2)).sum();
        (self.squares / count - means).max(0.0)
    }
}
