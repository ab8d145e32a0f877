//! What differs between two recipes, setting by setting.

use std::collections::BTreeMap;

use super::settings::settings;
use super::tables::Recipe;

impl Recipe {
    /// Each setting that differs, as `training.rate: 0.001 there, 0.002 here`; this recipe is there.
    pub fn differences(&self, here: &Self) -> Vec<String> {
        let (there, here) = (settings(self), settings(here));
        let keys = there.keys().chain(here.keys().filter(|key| !there.contains_key(*key)));
        let mut lines: Vec<String> = keys
            .filter(|key| there.get(*key) != here.get(*key))
            .map(|key| {
                let told = |settings: &BTreeMap<String, String>| {
                    settings.get(key).cloned().unwrap_or_else(|| "not set".to_owned())
                };
                format!("{key}: {} there, {} here", told(&there), told(&here))
            })
            .collect();
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::{parse, text};

    #[test]
    fn every_setting_that_differs_has_a_line() {
        let demo = text("digits-demo").unwrap();
        let recipe = parse(demo, "demo").unwrap();
        assert!(recipe.differences(&recipe).is_empty());
        let mut other = recipe.clone();
        other.training.rate = 0.5;
        other.training.seed = 9;
        other.sparsity.lifetime = Some(0.25);
        let lines = recipe.differences(&other);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(
            lines,
            [
                "sparsity.lifetime: not set there, 0.25 here",
                "training.rate: 0.002 there, 0.5 here",
                "training.seed: 1 there, 9 here"
            ]
        );
    }
}
