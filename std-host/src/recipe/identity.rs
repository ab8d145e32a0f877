//! By what a run's files know the recipe that they belong to.

use super::settings::settings;
use super::tables::Recipe;

/// The first part of an identity: another number means that identities cannot be compared.
const VERSION: &str = "1:";

impl Recipe {
    /// A checksum of all settings that the weights of this layer depend on: not of its name, of the number of
    /// epochs, of what is done with the trained network, of the data set's place and of the layers below, but
    /// for their features.
    pub(crate) fn identity(&self) -> String {
        self.checksum_of(counts)
    }

    /// A checksum of all settings that its features depend on besides the weights and the pooling.
    pub(crate) fn features_identity(&self) -> String {
        let own = ["features.root", "features.signs", "features.threshold", "dictionary.thresholds"];
        let counts =
            |key: &str| own.contains(&key) || key.starts_with("svm.lower_pool") || is_of_features_below(key);
        self.checksum_of(counts)
    }

    fn checksum_of(&self, counts: impl Fn(&str) -> bool) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for (key, value) in settings(self).into_iter().filter(|(key, _)| counts(key)) {
            hasher.update(format!("{key} = {value}\n").as_bytes());
        }
        format!("{VERSION}{:08x}", hasher.finalize())
    }

    /// Whether this is the recipe of this identity, as far as can be told.
    pub(crate) fn is_of(&self, identity: &str) -> bool {
        !identity.starts_with(VERSION) || identity == self.identity()
    }

    /// Whether this recipe has features of this identity, as far as can be told.
    pub(crate) fn has_features_of(&self, identity: &str) -> bool {
        !identity.starts_with(VERSION) || identity == self.features_identity()
    }
}

fn is_of_features_below(key: &str) -> bool {
    key.starts_with("below.") && key.trim_start_matches("below.").starts_with("features.")
}

fn counts(key: &str) -> bool {
    let table = key.split('.').next().unwrap_or_default();
    match table {
        "name" | "about" | "features" | "svm" => false,
        "below" => is_of_features_below(key),
        "data" => key == "data.divide_by",
        _ => key != "training.epochs",
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::{self, Recipe};

    #[test]
    fn what_the_weights_depend_on_counts_and_nothing_else() {
        let recipe = recipe::load("digits-demo").unwrap();
        let changed = |change: fn(&mut Recipe)| {
            let mut other = recipe.clone();
            change(&mut other);
            assert_ne!(other, recipe);
            recipe.is_of(&other.identity())
        };
        assert!(recipe.is_of(&recipe.identity()));
        assert!(changed(|recipe| recipe.name.push('x')));
        assert!(changed(|recipe| recipe.training.epochs += 1));
        assert!(changed(|recipe| recipe.svm.c.push(99.0)));
        assert!(changed(|recipe| recipe.features.root ^= true));
        assert!(!changed(|recipe| recipe.training.seed += 1));
        assert!(!changed(|recipe| recipe.training.rate *= 2.0));
        assert!(!changed(|recipe| recipe.data.divide_by = 7.0));
        assert!(!changed(|recipe| recipe.sparsity.lifetime = Some(0.3)));
        assert!(recipe.is_of("2:00000000"), "of a later version");
        let stacked = recipe::load("mnist-conv-stacked").unwrap();
        let mut other = stacked.clone();
        other.below.as_mut().unwrap().features.root ^= true;
        assert!(!stacked.is_of(&other.identity()) && !stacked.has_features_of(&other.features_identity()));
        other = stacked.clone();
        other.below.as_mut().unwrap().training.seed += 1;
        assert!(stacked.is_of(&other.identity()) && stacked.has_features_of(&other.features_identity()));
    }
}
