//! A network that learnt from patches, applied to larger images (section 3.4 of the paper): a recipe's table `[large]`.
//!
//! A convolution has no size: its filters look everywhere, at every position or at every fourth. What is changed is the
//! recipe ([`Recipe::applied`]): the last layer's stride and the pooling, from which everything else follows.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::{Architecture, Extent, PoolRecipe, Recipe};

/// How a network is applied to images larger than those it learnt from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Large {
    /// The last convolution's stride [default: as it was trained]. Its code has the same numbers as with a stride of 1, of
    /// every so many rows and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride: Option<Extent>,
    /// The pooling [default: as trained].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolRecipe>,
}

impl Large {
    /// `Ok` when the layers below `recipe` can be applied so.
    pub(super) fn check(&self, recipe: &Recipe) -> Result<()> {
        let invalid = |what: &str| Err(Error::Invalid(what.to_owned()));
        let Some(below) = &recipe.below else {
            return invalid("large says how the layers below are applied, but there is no below");
        };
        if below.layers().iter().any(|layer| layer.is_fully_connected()) {
            return invalid("large: only convolutional layers can be applied to larger images");
        }
        if below.layers().iter().any(|layer| layer.large.is_some()) {
            return invalid("large: below has a table [large] of its own; a stack has one");
        }
        if below.data.divide_by != recipe.data.divide_by {
            return invalid("large: below has another data.divide_by than this recipe");
        }
        Ok(())
    }
}

impl Recipe {
    /// This recipe with another stride of its last convolution, or another pooling. Parameters fit both.
    ///
    /// # Errors
    ///
    /// One sentence when the network is not convolutional.
    pub fn applied(&self, large: &Large) -> Result<Self> {
        let mut recipe = self.clone();
        if let Some(stride) = large.stride {
            let Architecture::Convolutional { encoder, .. } = &mut recipe.network else {
                return Err(Error::Invalid(format!(
                    "recipe {}: only a convolutional network has a stride",
                    self.name
                )));
            };
            if let Some(last) = encoder.last_mut() {
                last.stride = stride;
            }
        }
        if large.pool.is_some() {
            recipe.features.pool = large.pool;
        }
        Ok(recipe)
    }

    /// The recipe below, as it is applied to this one's images.
    pub fn below_applied(&self) -> Option<Self> {
        let below = self.below.as_deref()?;
        // Of checked recipes only convolutional ones are applied otherwise than they were trained.
        Some(self.large.and_then(|large| below.applied(&large).ok()).unwrap_or_else(|| below.clone()))
    }
}

#[cfg(test)]
mod tests {
    use wta_core::Shape;

    use crate::recipe::parse;

    const RECIPE: &str = "
        name = 'upper'
        about = 'large'
        below = 'cifar10-conv64'
        data = { set = 'images', folder = 'x', size = 224 }
        preprocess = [{ step = 'contrast' }, { step = 'zca', regulariser = 0.1 }]
        network = { kind = 'convolutional', encoder = [{ maps = 8, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
        sparsity = { lifetime = 0.1 }
        training = { epochs = 1, batch = 10, optimizer = 'adam', rate = 1e-3 }
        [large]
        stride = 4
        pool = { kernel = 3, stride = 2, whole = true }
    ";

    #[test]
    fn stride_and_pooling_are_all_that_changes() {
        let recipe = parse(RECIPE, "r").unwrap();
        let below = recipe.below_applied().unwrap();
        let image = Shape::new(3, 224, 224);
        assert_eq!(below.network(image).unwrap().code(), Shape::new(64, 56, 56));
        assert_eq!(below.features_shape(image).unwrap(), Shape::new(64, 27, 27));
        let network = recipe.network(image).unwrap();
        assert_eq!(network.input(), Shape::new(64, 27, 27));
        let trained = recipe.below.as_ref().unwrap();
        let patches = trained.network(Shape::new(3, 32, 32)).unwrap();
        assert_eq!(patches.parameters_len(), below.network(image).unwrap().parameters_len());
        assert_eq!(parse(&recipe.to_toml().unwrap(), "again").unwrap(), recipe);
    }

    #[test]
    fn what_cannot_be_applied_is_told() {
        for (from, to, expected) in [
            ("below = 'cifar10-conv64'", "", "there is no below"),
            ("below = 'cifar10-conv64'", "below = 'mnist-fc1000'", "only convolutional"),
            ("size = 224", "size = 224, divide_by = 2", "divide_by"),
            ("stride = 4", "strides = 4", "strides"),
            ("[large]", "[larger]", "larger"),
        ] {
            assert!(RECIPE.contains(from));
            let sentence = parse(&RECIPE.replacen(from, to, 1), "r").unwrap_err().to_string();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{sentence}");
        }
        let whole = RECIPE.split("[large]").next().unwrap();
        let sentence = parse(whole, "r").unwrap_err().to_string();
        assert!(sentence.contains("another [data]") && sentence.contains("[large]"), "{sentence}");
    }
}
