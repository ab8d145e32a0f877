//! Reproduces the paper: every network of its MNIST tables and figures, one after the other, in one folder.
//!
//! [`rows`] lists the work. Each network is trained and evaluated in a run folder of its own, just as by `wta
//! train` and `wta eval`. Finished work is not repeated, and an interrupted training continues from its
//! checkpoint. After each piece of work, `paper-mnist.md` is written with all results so far.

mod few_labels;
mod figures;
mod rehearsal;
mod report;
mod row;
mod rows;
mod runs;

use std::time::Instant;

use figures::Figure;
use row::{Task, main_rows, seed_rows};
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

fn all_work(seed: u64) -> Vec<Work> {
    let rows = main_rows(seed).chain(seed_rows(seed)).map(Work::Row);
    rows.chain([Work::FewLabels]).chain(Figure::ALL.map(Work::Figure)).collect()
}

/// Makes the rows and figures that are not finished yet: all, or those named in `only`. `each` gets a line
/// about every one of them.
///
/// # Errors
///
/// One sentence if `only` has an unknown name, the folder was used with other settings, or training or
/// evaluating fails; [`Error::Paused`] at Ctrl-C.
pub(crate) fn mnist(
    settings: Settings<'_>,
    only: &[String],
    observer: &dyn Observer,
    mut each: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let work = all_work(settings.seed);
    if let Some(unknown) = only.iter().find(|name| !work.iter().any(|work| work.name() == **name)) {
        let names: Vec<&str> = work.iter().map(Work::name).collect();
        return Err(Error::Usage(format!(
            "--only {unknown}: there is no such row; the rows are {}",
            names.join(", ")
        )));
    }
    let _lock = Run::new(settings.folder).lock()?;
    let data =
        settings.data.map_or_else(|| rehearsal::write(settings.folder), |data| Ok(data.to_path_buf()))?;
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
    use super::rows::{ROWS, SEEDED};
    use super::*;

    #[test]
    fn the_work_has_names_of_its_own_and_the_few_labels_have_their_networks() {
        let work = all_work(1);
        let mut names: Vec<&str> = work.iter().map(Work::name).collect();
        assert_eq!(names.len(), 9 + 4 + 1 + 5);
        assert!(names.contains(&"mnist-conv16-seed3"));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), work.len());
    }

    #[test]
    fn every_row_has_a_recipe_and_every_source_a_row() {
        for row in ROWS {
            assert!(wta::recipe::load(row.recipe).is_ok(), "{}", row.recipe);
        }
        let is_row = |name: &str| ROWS.iter().any(|row| row.recipe == name);
        assert!(SEEDED.iter().all(|name| is_row(name)));
        for few in rows::FEW_LABELS {
            match few.source {
                rows::Source::Row(recipe) => assert!(is_row(recipe)),
                rows::Source::Pooled { recipe, pool } => {
                    assert!(is_row(recipe) && pool.parse::<wta::recipe::PoolRecipe>().is_ok());
                }
            }
        }
    }
}
