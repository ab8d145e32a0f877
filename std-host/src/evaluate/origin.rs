//! What a classifier of a network's features belongs to.

use wta_core::Pool;

use crate::recipe::PoolRecipe;
use crate::run::Trained;
use crate::svm::file::Origin;

/// What a classifier belongs to whose features this network gave, pooled and raised like this.
pub(crate) fn origin_of(trained: &Trained, pool: Pool, power: f32, classes: &[String]) -> Origin {
    Origin {
        weights: format!("{:08x}", trained.checksum()),
        pool: PoolRecipe::from(pool).to_string(),
        power,
        features: trained.recipe().features_identity(),
        classes: classes.to_vec(),
    }
}
