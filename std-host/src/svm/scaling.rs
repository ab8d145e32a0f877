//! Bringing features to a common scale: factors but no offsets, so zeros stay zeros.

use super::model::Model;
use super::rows::Rows;
use crate::error::{Error, Result};

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
        let sum: f64 = (0..rows.len()).map(|row| rows.squared_norm(row).sqrt()).sum();
        Self::Global(reciprocal(sum / rows.len() as f64))
    }

    /// Factors that bring each feature's root mean square over `rows` to `1 / sqrt(features)`, so that rows
    /// have a norm of about 1. A feature that is always zero gets the factor 1.
    pub fn per_feature(rows: &Rows) -> Self {
        let mut sums = vec![0.0f64; rows.features()];
        for entry in rows.entries() {
            sums[entry.index as usize] += f64::from(entry.value) * f64::from(entry.value);
        }
        let target = rows.features() as f64 / rows.len() as f64;
        Self::PerFeature(sums.iter().map(|sum| reciprocal((sum * target).sqrt())).collect())
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
    fn per_feature_scaling_equalises_and_keeps_empty_features() {
        let mut rows = Rows::from_dense(3, &[3.0, 0.0, 100.0, 4.0, 0.0, 0.0]).unwrap();
        let scaling = Scaling::per_feature(&rows);
        scaling.apply(&mut rows).unwrap();
        let square = |row: usize, k: usize| values(&rows, row)[k].powi(2);
        assert!((square(0, 0) + square(1, 0) - 2.0 / 3.0).abs() < 1e-6);
        assert!((square(0, 1) - 2.0 / 3.0).abs() < 1e-6);
        let Scaling::PerFeature(factors) = scaling else { panic!("per feature") };
        assert_eq!(factors[1], 1.0);
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
