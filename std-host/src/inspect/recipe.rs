//! Text files: recipes.

use super::finding::Finding;
use crate::recipe::parse;

/// Looks at a text, which is a recipe if it has a recipe's tables.
pub(super) fn inspect(finding: Finding, text: &str) -> Finding {
    let has_line = |begin: &str| text.lines().any(|line| line.trim_start().starts_with(begin));
    if !has_line("name") || !(has_line("[network]") || has_line("network")) {
        return finding.of("a text file", "people");
    }
    let finding = finding.of("a recipe", "`wta train`, and each command that takes a recipe");
    match parse(text, "") {
        Ok(recipe) => finding.with("name", recipe.name).with("about", recipe.about),
        Err(error) => finding.refused(&error),
    }
}
