//! The command lines that make a run again, beside the old one: its training, and its evaluation if it had
//! one, with the flags that `eval.json` shows.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use wta::Recipe;
use wta::recipe::PoolRecipe;
use wta::run::Run;

use super::reconstruct;
use crate::print::shell_word;

/// A run that is to be made again.
pub(super) struct Again<'a> {
    pub(super) run: &'a Run,
    pub(super) recipe: &'a Recipe,
    /// The folder of its data, if it is known.
    pub(super) data: Option<&'a Path>,
    /// The new run's folder.
    pub(super) name: &'a str,
}

/// What an evaluation says of its flags.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Evaluated {
    labels: usize,
    /// Not in records of earlier versions.
    all_labels: Option<bool>,
    draws: Vec<serde::de::IgnoredAny>,
    seed: Option<u64>,
    pool: Option<String>,
    power: Option<f32>,
    c: Option<f64>,
    held_out: Vec<(f64, f64)>,
}

/// Folders for runs that are made again, each with a name of its own: `again`, or `again-NAME` of several.
pub(super) fn names(runs: &[Run]) -> Vec<String> {
    if runs.len() == 1 {
        return vec!["again".to_owned()];
    }
    let mut taken = BTreeSet::new();
    let name = |run: &Run| {
        let folder = run.folder().file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
        let wanted = format!("again-{folder}");
        let others = (2..).map(|number| format!("{wanted}-{number}"));
        let free = std::iter::once(wanted.clone()).chain(others).find(|name| taken.insert(name.clone()));
        free.unwrap_or(wanted)
    };
    runs.iter().map(name).collect()
}

impl Again<'_> {
    /// The command lines, in their order.
    pub(super) fn commands(&self) -> Vec<String> {
        let Self { run, recipe, name, .. } = self;
        let data = match self.data {
            _ if !recipe.data.set.needs_folder() => String::new(),
            Some(folder) => format!(" --data {}", shell_word(folder)),
            None => " --data DIR".to_owned(),
        };
        let (toml, name) = (shell_word(&run.file("recipe.toml")), shell_word(Path::new(name)));
        let mut commands = vec![format!("wta train {toml}{data} --run {name}")];
        if let Some(flags) = self.flags_of_eval() {
            commands.push(format!("wta eval --run {name}{data}{flags}"));
        }
        commands.push(format!("wta report {name}{data}"));
        commands
    }

    /// The flags of the evaluation that are not the recipe's; `None` if there was none. A damaged record is
    /// told elsewhere.
    fn flags_of_eval(&self) -> Option<String> {
        if self.run.file(reconstruct::RECORD).exists() {
            return Some(String::new());
        }
        let text = std::fs::read_to_string(self.run.file("eval.json")).ok()?;
        let Evaluated { labels, all_labels, draws, seed, pool, power, c, held_out } =
            serde_json::from_str(&text).ok()?;
        let mut flags = String::new();
        let mut add = |flag: &str, value: String| flags += &format!(" {flag} {value}");
        if all_labels == Some(false) {
            add("--labels", labels.to_string());
        }
        if draws.len() > 1 {
            add("--draws", draws.len().to_string());
        }
        if let Some(seed) = seed.filter(|seed| *seed != 1) {
            add("--seed", seed.to_string());
        }
        // Windows that the border cuts are left out by the recipe alone, and the record does not tell.
        let own = self.recipe.features.pool.unwrap_or(PoolRecipe::NONE);
        if let Some(pool) = pool.filter(|pool| !own.whole && *pool != own.to_string()) {
            add("--pool", pool);
        }
        if let Some(power) = power.filter(|power| *power != 1.0) {
            add("--power", power.to_string());
        }
        let tried: Vec<f64> = if held_out.is_empty() {
            c.into_iter().collect()
        } else {
            held_out.iter().map(|(c, _)| *c).collect()
        };
        if !tried.is_empty() && tried != self.recipe.svm.c {
            add("--c", tried.iter().map(f64::to_string).collect::<Vec<_>>().join(","));
        }
        Some(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(record: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path());
        if let Some(record) = record {
            std::fs::write(run.file("eval.json"), record).unwrap();
        }
        let recipe = wta::recipe::load("digits-demo").unwrap();
        let again = Again { run: &run, recipe: &recipe, data: None, name: "again" };
        let commands = again.commands();
        commands.into_iter().map(|line| line.replace(&folder.path().display().to_string(), "RUN")).collect()
    }

    #[test]
    fn an_evaluation_is_made_again_with_its_flags() {
        let train = "wta train RUN/recipe.toml --run again";
        assert_eq!(commands(None), [train, "wta report again"]);
        let as_the_recipe = r#"{"labels": 96, "all_labels": true, "seed": 1, "draws": [{}], "power": 1.0}"#;
        assert_eq!(commands(Some(as_the_recipe)), [train, "wta eval --run again", "wta report again"]);
        let asked = r#"{"labels": 20, "all_labels": false, "seed": 7, "draws": [{}, {}], "power": 1.5, "c": 3.0,
            "pool": "4/3,average", "held_out": [[3.0, 0.5], [10.5, 0.25]]}"#;
        assert_eq!(
            commands(Some(asked))[1],
            "wta eval --run again --labels 20 --draws 2 --seed 7 --pool 4/3,average --power 1.5 --c 3,10.5"
        );
    }

    #[test]
    fn runs_that_are_made_again_do_not_share_a_folder() {
        let runs = ["a/x", "b/x", "y"].map(Run::new);
        assert_eq!(names(&runs), ["again-x", "again-x-2", "again-y"]);
        assert_eq!(names(&runs[..1]), ["again"]);
    }
}
