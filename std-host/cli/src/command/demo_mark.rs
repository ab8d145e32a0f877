//! By what the run of a demo, which the next demo may replace, is told from others.

use wta::Recipe;
use wta::run::Run;

/// What the recipe of a demo's run says besides.
pub(super) const MADE_BY: &str = " (made by wta demo, which may replace it)";

/// Whether a run with this recipe is a demo's.
pub(super) fn is_of_demo(recipe: &Recipe) -> bool {
    recipe.about.ends_with(MADE_BY)
}

/// For a run that is trained by hand: its recipe without what makes it a demo's. A run that is to be gone on
/// with keeps the recipe that it has.
pub(super) fn disowned(mut recipe: Recipe, resumed: Option<&Run>) -> Recipe {
    let is_demo = resumed.and_then(|run| run.recipe().ok()).is_some_and(|recipe| is_of_demo(&recipe));
    if !is_demo && let Some(about) = recipe.about.strip_suffix(MADE_BY) {
        recipe.about = about.to_owned();
    }
    recipe
}
