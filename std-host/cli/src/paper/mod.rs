//! Reproduces the paper: every network of its tables and figures on a data set, one after the other, in one
//! folder.
//!
//! [`rows`] lists the work for each set. Each network is trained and evaluated in a run folder of its own,
//! just as by `wta train` and `wta eval`. Finished work is not repeated, and an interrupted training
//! continues from its checkpoint. After each piece of work, `paper-SET.md` is written with all results so
//! far.

mod few_labels;
mod figures;
mod rehearsal;
mod report;
mod row;
mod rows;
mod runs;

use std::time::Instant;

pub(crate) use report::{file, page};
use row::{Task, main_rows, seed_rows};
use rows::Figure;
pub(crate) use rows::{CIFAR10, MNIST, PaperSet};
use runs::PaperRuns;
pub(crate) use runs::Settings;

use crate::error::{Error, Result};
use wta::Observer;
use wta::run::Run;

/// A piece of work.
enum Work {
    Row(Task),
    FewLabels,
    Figure(Figure),
}

impl Work {
    fn name(&self) -> &str {
        match self {
            Self::Row(task) => &task.name,
            Self::FewLabels => "few-labels",
            Self::Figure(figure) => figure.name(),
        }
    }
}

fn all_work(settings: &Settings<'_>) -> Vec<Work> {
    let rows = main_rows(settings).into_iter().chain(seed_rows(settings)).map(Work::Row);
    let few_labels = (!settings.set.few_labels.is_empty()).then_some(Work::FewLabels);
    rows.chain(few_labels).chain(settings.set.figures.iter().copied().map(Work::Figure)).collect()
}

/// Makes the rows and figures that are not finished yet: all, or those named in `only`. `each` gets a line
/// about every one of them.
///
/// # Errors
///
/// One sentence if `only` has an unknown name, the folder was used with other settings, or training or
/// evaluating fails; [`Error::Paused`] at Ctrl-C.
pub(crate) fn reproduce(
    settings: Settings<'_>,
    only: &[String],
    observer: &dyn Observer,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let work = all_work(&settings);
    if let Some(unknown) = only.iter().find(|name| !work.iter().any(|work| work.name() == **name)) {
        let names: Vec<&str> = work.iter().map(Work::name).collect();
        return Err(Error::Usage(format!(
            "--only {unknown}: there is no such row; the rows are {}",
            names.join(", ")
        )));
    }
    let _lock = Run::new(settings.folder).lock()?;
    let rehearsed = || rehearsal::write(settings.set, settings.folder);
    let data = settings.data.map_or_else(rehearsed, |data| Ok(data.to_path_buf()))?;
    let runs = PaperRuns { settings, data, observer };
    let data = report::data(&runs)?;
    let chosen: Vec<&Work> =
        work.iter().filter(|work| only.is_empty() || only.iter().any(|name| name == work.name())).collect();
    let start = Instant::now();
    for (index, work) in chosen.iter().enumerate() {
        let elapsed = report::duration(start.elapsed().as_secs_f64());
        let (number, count, name) = (index + 1, chosen.len(), work.name());
        observer.note(&format!("{number} of {count}: {name}, after {elapsed}"));
        let reported = one(&runs, work, || report::write(&runs, &data)).map_err(runs::explain)?;
        report::write(&runs, &data)?;
        each(&format!("{name}: {reported}"))?;
    }
    Ok(())
}

/// Does a piece of work unless it is finished, and returns a line about its result.
fn one(runs: &PaperRuns<'_>, work: &Work, saved: impl Fn() -> Result<()>) -> Result<String> {
    match work {
        Work::Row(task) => {
            let known = task.outcome(runs)?;
            let already = if known.is_some() { " (finished before)" } else { "" };
            let outcome = known.map_or_else(|| task.run(runs), Ok)?;
            Ok(format!("test error {:.2}%{already}", 100.0 * outcome.test_error))
        }
        Work::FewLabels => {
            if few_labels::is_finished(runs)? {
                return Ok("finished before".to_owned());
            }
            few_labels::run(runs, |entry| {
                let (labels, mean, sd) = (entry.labels, 100.0 * entry.mean, 100.0 * entry.sd);
                runs.observer.note(&format!("{labels} labels: test error {mean:.2}% +- {sd:.2}%"));
                saved()
            })?;
            Ok("written".to_owned())
        }
        Work::Figure(figure) => {
            if figure.panels(runs)?.is_some() {
                return Ok("finished before".to_owned());
            }
            let panels = figure.draw(runs)?;
            Ok(format!("{} pictures", panels.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wta::Isa;

    use super::*;

    fn settings(set: &'static PaperSet, seeds: Option<u64>) -> Settings<'static> {
        Settings { set, folder: Path::new("none"), data: None, seed: 1, seeds, isa: Isa::detect() }
    }

    #[test]
    fn the_work_has_names_of_its_own() {
        let counts = [
            (&MNIST, None, 9 + 4 + 1 + 5, "mnist-conv16-seed3"),
            (&MNIST, Some(2), 9 + 9 + 1 + 5, "mnist-rbm-seed2"),
            (&CIFAR10, None, 4 + 4 + 1, "cifar10-conv256-seed3"),
            (&CIFAR10, Some(3), 4 + 8 + 1, "cifar10-deep-seed3"),
            (&CIFAR10, Some(1), 4 + 1, "dictionary"),
        ];
        for (set, seeds, count, one) in counts {
            let work = all_work(&settings(set, seeds));
            let mut names: Vec<&str> = work.iter().map(Work::name).collect();
            assert_eq!(names.len(), count, "{names:?}");
            assert!(names.contains(&one), "{names:?}");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), work.len());
        }
    }

    #[test]
    fn every_row_has_a_recipe_and_every_source_a_row() {
        for set in [&MNIST, &CIFAR10] {
            for row in set.rows {
                let recipe = wta::recipe::load(row.recipe).unwrap();
                // Where the recipe quotes the paper, in shares that are right, it is the same figure.
                let quoted =
                    recipe.about.split_once("(paper: ").and_then(|(_, rest)| rest.split_once("% right"));
                if let Some((right, _)) = quoted {
                    let right: f64 = right.parse().unwrap();
                    assert!((right + row.paper - 100.0).abs() < 1e-9, "{}", row.recipe);
                }
            }
            let is_row = |name: &str| set.rows.iter().any(|row| row.recipe == name);
            assert!(set.seeded.iter().all(|name| is_row(name)));
            for few in set.few_labels {
                match few.source {
                    rows::Source::Row(recipe) => assert!(is_row(recipe)),
                    rows::Source::Pooled { recipe, pool } => {
                        assert!(is_row(recipe) && pool.parse::<wta::recipe::PoolRecipe>().is_ok());
                    }
                }
            }
        }
    }
}
