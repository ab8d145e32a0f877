//! How the features of the lower layers of a stack are given out beside those of the last one: as the layer
//! above sees them, or pooled once more, so that a classifier has fewer of them.

use wta_core::{Pool, Shape};
use wta_simd::Isa;

use super::windows::Windows;
use crate::error::Result;
use crate::recipe::PoolRecipe;

/// The features of the lower layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LowerFeatures {
    /// The second pooling.
    pool: Option<PoolRecipe>,
}

impl LowerFeatures {
    /// Not pooled once more.
    pub(super) const AS_THEY_ARE: Self = Self { pool: None };

    /// Features as they are, or pooled once more.
    pub(super) fn new(pool: Option<PoolRecipe>) -> Self {
        Self { pool: pool.filter(|pool| *pool != PoolRecipe::NONE) }
    }

    /// Whether features of this shape can be pooled like this.
    ///
    /// # Errors
    ///
    /// What the core says of a pooling that does not fit.
    pub(super) fn check(self, features: Shape) -> Result<()> {
        Ok(self.over(features).map_or(Ok(()), |pool| pool.check(features))?)
    }

    /// The shape of the features that are given out.
    pub(super) fn shape(self, features: Shape) -> Shape {
        self.pool.map_or(features, |pool| pool.output(features))
    }

    /// Writes the features of one image, of this shape, as they are given out.
    pub(super) fn write(self, isa: Isa, shape: Shape, features: &[f32], to: &mut [f32]) {
        let Some(pool) = self.over(shape) else {
            to.copy_from_slice(features);
            return;
        };
        let given = self.shape(shape);
        let mut windows = Windows::new(isa, pool, shape, given, 0..given.height, to);
        for (y, row) in features.chunks_exact((shape.width * shape.channels).max(1)).enumerate() {
            windows.add(y, row);
        }
        windows.finish();
    }

    fn over(self, features: Shape) -> Option<Pool> {
        self.pool.map(|pool| pool.over(features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_features_are_pooled_once_more_or_left_alone() {
        let shape = Shape::new(2, 3, 4);
        let features: Vec<f32> = (0..24).map(|i| (i * i % 11) as f32).collect();
        let alone = LowerFeatures::new(None);
        let mut same = [0.0; 24];
        alone.write(Isa::detect(), shape, &features, &mut same);
        assert_eq!((alone.shape(shape), &same[..]), (shape, &features[..]));
        assert_eq!(LowerFeatures::new(Some(PoolRecipe::NONE)).shape(shape), shape);
        for (text, rows) in [("2/2,average", 2), ("2/2,average,whole", 1)] {
            let lower = LowerFeatures::new(Some(text.parse().unwrap()));
            lower.check(shape).unwrap();
            assert_eq!(lower.shape(shape), Shape::new(2, rows, 2));
            let mut found = vec![0.0; lower.shape(shape).len()];
            lower.write(Isa::detect(), shape, &features, &mut found);
            // A window's mean, over the part of it that lies on the map.
            for (index, found) in found.iter().enumerate() {
                let (row, column, map) = (index / 4, index / 2 % 2, index % 2);
                let window: Vec<f32> = (2 * row..(2 * row + 2).min(3))
                    .flat_map(|y| (2 * column..2 * column + 2).map(move |x| (y * 4 + x) * 2 + map))
                    .map(|at| features[at])
                    .collect();
                let mean = window.iter().sum::<f32>() / window.len() as f32;
                assert!((found - mean).abs() < 1e-6, "{text}, {index}: {found} {mean}");
            }
        }
        assert!(LowerFeatures::new(Some(PoolRecipe::square(9, 1))).check(shape).is_err());
    }
}
