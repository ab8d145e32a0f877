//! What makes no sense in a recipe's dictionary.

use super::dictionary::{DeadUnitsRecipe, DictionaryRecipe};
use super::features::ThresholdRecipe;
use super::network::Architecture;
use super::signs::Signs;
use super::tables::Recipe;
use crate::problem::Problem;

/// `Ok` if a recipe's dictionary makes sense.
pub(super) fn check(recipe: &Recipe) -> Result<(), Problem> {
    let DictionaryRecipe { centred, thresholds, dead_units, .. } = recipe.dictionary;
    let refuse = |key: &str, sentence: String| Err(Problem::of(key, sentence));
    if recipe.gibbs().is_some() && !recipe.dictionary.is_none() {
        return refuse("dictionary", "an RBM has no dictionary: leave [dictionary] out".to_owned());
    }
    let is_one_layer =
        matches!(&recipe.network, Architecture::FullyConnected { units, .. } if units.len() == 1);
    for (key, is_set) in [
        ("dictionary.centred", centred),
        ("dictionary.thresholds", thresholds),
        ("dictionary.dead_units", dead_units.is_some()),
    ] {
        if is_set && !is_one_layer {
            return refuse(key, format!("{key} is for a fully-connected network of one layer"));
        }
    }
    if recipe.network.begins_transposed() && !is_one_layer {
        return refuse(
            "network.initial",
            "network.initial = \"transposed\" is for a fully-connected network of one layer".to_owned(),
        );
    }
    if centred && recipe.starts_from_patches() {
        return refuse(
            "network.initial",
            "network.initial = \"patches\" takes no mean off the samples, as dictionary.centred does: take \
             \"transposed\" or \"he\""
                .to_owned(),
        );
    }
    if centred && recipe.training.revive {
        return refuse(
            "training.revive",
            "training.revive takes no mean off the samples, as dictionary.centred does: take \
             dictionary.dead_units"
                .to_owned(),
        );
    }
    if thresholds && recipe.features.threshold != ThresholdRecipe::None {
        return refuse(
            "features.threshold",
            "features take dictionary.thresholds or features.threshold, not both".to_owned(),
        );
    }
    if thresholds && recipe.features.signs != Signs::Positive {
        return refuse(
            "features.signs",
            "dictionary.thresholds are those of positive responses: leave features.signs out".to_owned(),
        );
    }
    if thresholds && recipe.sparsity.is_dense() {
        return refuse(
            "dictionary.thresholds",
            "dictionary.thresholds needs winners: set sparsity.lifetime, per-sample or per-batch".to_owned(),
        );
    }
    let Some(DeadUnitsRecipe { units, after, weight }) = dead_units else { return Ok(()) };
    if !recipe.sparsity.competes() {
        return refuse(
            "dictionary.dead_units",
            "dictionary.dead_units needs sparsity.per-sample or per-batch; with lifetime sparsity each unit \
             that is active survives somewhere in each batch"
                .to_owned(),
        );
    }
    for (key, number) in [("units", units as u64), ("after", after)] {
        if number == 0 {
            let key = format!("dictionary.dead_units.{key}");
            return refuse(&key, format!("{key} must be at least 1"));
        }
    }
    if !(weight > 0.0 && weight <= 1e6) {
        return refuse(
            "dictionary.dead_units.weight",
            "dictionary.dead_units.weight must be more than 0 and at most 1000000".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::recipe::parse;

    const RECIPE: &str = "
        name = 'words'
        about = 'a dictionary'
        data = { set = 'array', train = 'x.npy' }
        network = { kind = 'fully-connected', units = [40], initial = 'transposed' }
        sparsity = { per-batch = 4 }
        dictionary = { centred = true, unit_atoms = true, thresholds = true, dead_units = { units = 9, after = 100 } }
        training = { epochs = 1, batch = 10, optimizer = 'adam', rate = 1e-3 }
    ";

    #[test]
    fn a_dictionary_is_read_and_written() {
        let recipe = parse(RECIPE, "r").unwrap();
        let dead = recipe.dictionary.dead_units.unwrap();
        assert_eq!((dead.units, dead.after, dead.weight), (9, 100, 0.03125));
        assert_eq!(parse(&recipe.to_toml().unwrap(), "again").unwrap(), recipe);
        let plain = parse(&RECIPE.replace("dictionary =", "corruption = { input = 0.1 } #"), "r").unwrap();
        assert!(!plain.to_toml().unwrap().contains("[dictionary]"), "recipes without it stay as they are");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (from, to, about) in [
            ("units = [40]", "units = [40, 9]", "dictionary.centred is for a fully-connected network of one"),
            ("centred = true, ", "", ""),
            ("'transposed'", "'patches'", "dictionary.centred does"),
            ("rate = 1e-3", "rate = 1e-3, revive = true", "training.revive"),
            ("per-batch = 4", "lifetime = 0.1", "dictionary.dead_units needs sparsity.per-sample"),
            ("per-batch = 4", "", "dictionary.thresholds needs winners"),
            ("per-batch = 4", "per-batch = 0", "sparsity.per-batch must be at least 1"),
            ("per-batch = 4", "per-batch = 4000", "sparsity.per-batch is 4000, but a code has"),
            ("per-batch = 4", "per-sample = 4000", "sparsity.per-sample is 4000, but a code has"),
            ("per-batch = 4", "per-batch = 4, per-sample = 4", "takes one of"),
            ("units = 9", "units = 0", "dictionary.dead_units.units must be at least 1"),
            ("after = 100", "after = 100, weight = -1.0", "dictionary.dead_units.weight must"),
            ("after = 100", "after = 100, weight = nan", "dictionary.dead_units.weight"),
            ("training =", "features = { threshold = 'triangle' }\n training =", "not both"),
            ("training =", "features = { signs = 'both' }\n training =", "leave features.signs out"),
            ("centred = true", "centered = true", "centered"),
        ] {
            assert!(RECIPE.contains(from), "{from}");
            match parse(&RECIPE.replacen(from, to, 1), "r") {
                Ok(_) => assert!(about.is_empty(), "{to} was accepted"),
                Err(error) => {
                    let sentence = error.to_string();
                    assert!(!about.is_empty() && sentence.contains(about), "{sentence}");
                }
            }
        }
    }
}
