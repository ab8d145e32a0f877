//! Bringing features to a common scale: factors but no offsets, so zeros stay zeros.

use super::lanes::Entry;
use super::model::Model;
use super::rows::Rows;
use crate::error::{Error, Result};

/// The least deviation of a feature that [`Scaling::per_feature`] lifts to the others', as a share of theirs.
const LEAST_DEVIATION: f64 = 0.1;

/// Positive factors for the features, computed from the training rows and applied to all sets.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// One factor for all features.
    Global(f32),
    /// One factor for each feature.
    PerFeature(Vec<f32>),
}

impl Scaling {
    /// The factor that brings the average Euclidean norm of `rows` to 1; 1 if all rows are zero.
    ///
    /// With it, `C` means about the same for any features.
    pub fn unit_average_norm(rows: &Rows) -> Self {
        Self::Global(reciprocal(average_norm(rows, |_| 1.0)))
    }

    /// Factors that bring each feature's standard deviation over `rows` to the same, and the average norm of
    /// the rows to 1. Nothing is shifted.
    ///
    /// A feature that is hardly ever more than 0 would be blown up with its noise. So a deviation counts as
    /// at least a tenth of the features' average one (their root mean square). A feature that never changes
    /// gets the factor of that least deviation.
    pub fn per_feature(rows: &Rows) -> Self {
        let count = rows.len().max(1) as f64;
        // Of the numbers, and of their squares.
        let mut sums = vec![[0.0f64; 2]; rows.features()];
        for entry in rows.entries() {
            let value = f64::from(entry.value);
            let [sum, squares] = &mut sums[entry.index as usize];
            *sum += value;
            *squares += value * value;
        }
        let variances: Vec<f64> = sums
            .iter()
            .map(|[sum, squares]| (squares / count - (sum / count) * (sum / count)).max(0.0))
            .collect();
        let least =
            LEAST_DEVIATION * LEAST_DEVIATION * variances.iter().sum::<f64>() / variances.len() as f64;
        let factors: Vec<f64> =
            variances.iter().map(|v| f64::from(reciprocal(v.max(least).sqrt()))).collect();
        let common = f64::from(reciprocal(average_norm(rows, |feature| factors[feature])));
        Self::PerFeature(factors.iter().map(|factor| (factor * common) as f32).collect())
    }

    /// Multiplies `rows` by the factors.
    ///
    /// # Errors
    ///
    /// If the number of features differs, or a product is not finite; `rows` are unchanged then.
    pub fn apply(&self, rows: &mut Rows) -> Result<()> {
        self.check(rows.features())?;
        if rows.entries().iter().any(|entry| !(entry.value * self.factor(entry.index as usize)).is_finite()) {
            return Err(Error::Invalid(
                "scaling the features makes some of them infinite: they are too large for the factors".into(),
            ));
        }
        for entry in rows.entries_mut() {
            entry.value *= self.factor(entry.index as usize);
        }
        Ok(())
    }

    /// Folds the factors into a model that was trained on scaled rows, so that it takes unscaled rows.
    ///
    /// # Errors
    ///
    /// If the number of features differs.
    pub fn fold_into(&self, model: &mut Model) -> Result<()> {
        self.check(model.features)?;
        for weights in model.weights.chunks_exact_mut(model.features) {
            for (feature, weight) in weights.iter_mut().enumerate() {
                *weight *= self.factor(feature);
            }
        }
        Ok(())
    }

    fn factor(&self, feature: usize) -> f32 {
        match self {
            Self::Global(factor) => *factor,
            Self::PerFeature(factors) => factors[feature],
        }
    }

    fn check(&self, features: usize) -> Result<()> {
        match self {
            Self::PerFeature(factors) if factors.len() != features => Err(Error::Invalid(format!(
                "the scaling has {} factors, but there are {features} features",
                factors.len()
            ))),
            _ => Ok(()),
        }
    }
}

/// Raises features, which must not be negative, to a power; zeros stay zeros.
///
/// # Errors
///
/// If a raised feature is not finite; some of `rows` have been raised then.
pub fn raise(rows: &mut Rows, power: f32) -> Result<()> {
    for entry in rows.entries_mut() {
        let raised = entry.value.powf(power);
        if !raised.is_finite() {
            return Err(Error::Invalid(format!(
                "feature {} to the power of {power} is no number",
                entry.value
            )));
        }
        entry.value = raised;
    }
    Ok(())
}

/// The average Euclidean norm of rows whose features are multiplied by these factors.
fn average_norm(rows: &Rows, factor: impl Fn(usize) -> f64) -> f64 {
    let square = |entry: &Entry| {
        let scaled = f64::from(entry.value) * factor(entry.index as usize);
        scaled * scaled
    };
    let norm = |row| rows.row(row).iter().map(square).sum::<f64>().sqrt();
    (0..rows.len()).map(norm).sum::<f64>() / rows.len() as f64
}

/// `1 / size` as a factor, or 1 if that is not a positive finite number.
fn reciprocal(size: f64) -> f32 {
    let factor = (1.0 / size) as f32;
    if factor.is_finite() && factor > 0.0 { factor } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &Rows, row: usize) -> Vec<f32> {
        rows.row(row).iter().map(|entry| entry.value).collect()
    }

    #[test]
    fn global_scaling_gives_unit_average_norm() {
        let mut rows = Rows::from_dense(2, &[3.0, 4.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
        let scaling = Scaling::unit_average_norm(&rows);
        assert_eq!(scaling, Scaling::Global(0.5));
        scaling.apply(&mut rows).unwrap();
        assert_eq!(values(&rows, 0), [1.5, 2.0]);
    }

    #[test]
    fn per_feature_scaling_equalises_deviations_and_keeps_rare_features_small() {
        // Deviations of 1, 50, 0 and less than a hundredth of the average.
        let matrix = [3.0, 100.0, 7.0, 0.1, 5.0, 0.0, 7.0, 0.0];
        let mut rows = Rows::from_dense(4, &matrix).unwrap();
        let scaling = Scaling::per_feature(&rows);
        scaling.apply(&mut rows).unwrap();
        let norm = |row: usize| rows.squared_norm(row).sqrt();
        assert!((norm(0) + norm(1) - 2.0).abs() < 1e-6);
        let Scaling::PerFeature(factors) = scaling else { panic!("per feature") };
        let average = ((1.0f64 + 2500.0 + 0.05 * 0.05) / 4.0).sqrt();
        let deviations = [1.0, 50.0, 0.0, 0.05];
        for (factor, deviation) in factors.iter().zip(deviations) {
            let expected = f64::from(factors[1]) * 50.0 / f64::max(deviation, LEAST_DEVIATION * average);
            assert!((f64::from(*factor) / expected - 1.0).abs() < 1e-5, "{deviation}: {factor}");
        }
    }

    #[test]
    fn zero_rows_and_no_rows_keep_a_factor_of_one() {
        let zeros = Rows::from_dense(2, &[0.0; 4]).unwrap();
        assert_eq!(Scaling::unit_average_norm(&zeros), Scaling::Global(1.0));
        let none = Rows::new(2).unwrap();
        assert_eq!(Scaling::unit_average_norm(&none), Scaling::Global(1.0));
        assert_eq!(Scaling::per_feature(&none), Scaling::PerFeature(vec![1.0, 1.0]));
    }

    #[test]
    fn features_are_raised_and_what_leaves_the_numbers_is_refused() {
        let mut rows = Rows::from_dense(3, &[4.0, 0.0, 9.0]).unwrap();
        raise(&mut rows, 1.5).unwrap();
        assert_eq!(values(&rows, 0), [8.0, 27.0]);
        let mut large = Rows::from_dense(1, &[1e30]).unwrap();
        assert!(raise(&mut large, 2.0).unwrap_err().to_string().contains("power of 2"));
        let mut negative = Rows::from_dense(1, &[-1.0]).unwrap();
        assert!(raise(&mut negative, 1.5).is_err());
    }

    #[test]
    fn overflow_and_wrong_lengths_are_refused_without_a_trace() {
        let mut rows = Rows::from_dense(2, &[1.0, 1e30]).unwrap();
        assert!(Scaling::Global(1e30).apply(&mut rows).is_err());
        assert_eq!(values(&rows, 0), [1.0, 1e30]);
        assert!(
            Scaling::PerFeature(vec![1.0]).apply(&mut rows).unwrap_err().to_string().contains("1 factors")
        );
    }

    #[test]
    fn a_folded_model_scores_raw_rows_as_before() {
        let raw = Rows::from_dense(2, &[2.0, 3.0]).unwrap();
        let scaling = Scaling::PerFeature(vec![0.5, 0.25]);
        let mut scaled = raw.clone();
        scaling.apply(&mut scaled).unwrap();
        let mut model = Model { classes: 1, features: 2, weights: vec![8.0, 16.0], bias: vec![1.0] };
        let before = model.scores(scaled.row(0)).unwrap();
        scaling.fold_into(&mut model).unwrap();
        assert_eq!(model.scores(raw.row(0)).unwrap(), before);
        assert_eq!(before, [21.0]);
    }
}
