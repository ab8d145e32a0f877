//! Recipes.

use super::finding::Finding;
use crate::recipe::{parse, read};

/// What makes a table of TOML a recipe: its network, or two of these keys.
const KEYS: [&str; 8] = ["about", "data", "sparsity", "training", "svm", "preprocess", "dictionary", "below"];

/// Whether a text is TOML with the keys of a recipe.
pub(super) fn is_recipe(text: &str) -> bool {
    let Ok(table) = text.parse::<toml::Table>() else { return false };
    table.contains_key("network") || KEYS.iter().filter(|key| table.contains_key(**key)).count() > 1
}

/// Looks at a text that is called TOML, or is a recipe.
pub(super) fn inspect(finding: Finding, text: &str) -> Finding {
    if let Err(error) = text.parse::<toml::Table>() {
        let finding = finding.of("a damaged recipe", "nobody");
        // The parser shows the line, too, over several of its own.
        return finding.wrong(format!("is no TOML ({}); correct it", error.message()));
    }
    if !is_recipe(text) {
        return finding.of("a TOML file", "people and programs");
    }
    let finding = finding.of("a recipe", "`wta train`, and each command that takes a recipe");
    match parse(text, "") {
        Ok(recipe) => finding.with("name", recipe.name).with("about", recipe.about),
        Err(error) => finding.refused(&error),
    }
}

/// Looks at text in UTF-16, of which recipes alone are read.
pub(super) fn wide(finding: Finding, bytes: &[u8]) -> Finding {
    match read(bytes, &finding.path) {
        Ok(recipe) => finding
            .of("a recipe", "`wta train`, and each command that takes a recipe")
            .with("name", recipe.name)
            .with("about", recipe.about),
        Err(_) => finding.of("a text file in UTF-16", "people").wrong(
            "is no file of `wta`: of text in UTF-16, recipes alone are read; save it as UTF-8".to_owned(),
        ),
    }
}
