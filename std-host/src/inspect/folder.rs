//! A run folder: its files, and whether they belong together.

use std::path::Path;

use super::finding::Finding;
use super::{file, text};
use crate::error::Result;
use crate::evaluate::Classified;
use crate::numbers::channels_rows_columns;
use crate::run::{Run, Trained};

/// Looks at a folder and at the files of a run in it; of a stack, at the layers below, too.
pub(super) fn inspect(path: &Path) -> Result<Vec<Finding>> {
    let run = Run::new(path);
    let mut findings: Vec<Finding> =
        run.files().into_iter().rev().map(|(name, _)| of_run(&run, name)).collect();
    let bytes = findings.iter().map(|finding| finding.bytes).sum();
    findings.insert(0, together(Finding::new(path, bytes), &run));
    if run.below().folder().is_dir() {
        findings.extend(inspect(run.below().folder())?);
    }
    Ok(findings)
}

/// A file of a run, which must be what its name says.
fn of_run(run: &Run, name: &str) -> Finding {
    let path = run.file(name);
    let finding = match file::inspect(&path) {
        Ok(finding) => finding,
        Err(error) => file::unreadable(&path, &error),
    };
    // The one file that may be empty: no epoch has ended.
    if name == "metrics.csv" && finding.bytes == 0 {
        return text::of_metrics(Finding::new(&path, 0), &path);
    }
    let (kind, what) = match name {
        "recipe.toml" => ("a recipe", "a recipe"),
        "report.html" => ("a page", "a page"),
        name if name.ends_with(".png") => ("a picture (PNG)", "a picture (PNG)"),
        name => (name, "the file of this name that a run has"),
    };
    let is_expected = finding.kind.contains(kind);
    if is_expected || !finding.problems.is_empty() {
        return finding;
    }
    let problem = format!("is {}, and not {what}; make it again", finding.kind);
    finding.wrong(problem)
}

/// Whether the files of a run can be used together, as the other commands would.
fn together(finding: Finding, run: &Run) -> Finding {
    let recipe = match run.recipe() {
        Ok(recipe) => recipe,
        Err(error) => return finding.of("a folder", "nobody").refused(&error),
    };
    let readers = "`wta` train, eval, encode, predict, show, export; wta_learn.load";
    let finding = finding.of("a run folder", readers).with("recipe", recipe.name);
    let shape = match run.sample_shape() {
        Ok(Some(shape)) => shape,
        Ok(None) => return finding.with("network", "of samples whose shape no file says"),
        Err(error) => return finding.refused(&error),
    };
    let trained = match Trained::open(run, shape) {
        Ok(trained) => trained,
        Err(error) => return finding.refused(&error),
    };
    let mut finding = finding
        .with("samples", channels_rows_columns(shape))
        .with("weights", format!("{:08x}, of all layers", trained.checksum()));
    finding = match Classified::load(run, &trained) {
        Ok(None) => finding.with("classifier", "none: `wta eval` makes one"),
        Ok(Some(found)) => finding.with("classifier", format!("of {} classes", found.svm.classes)),
        Err(error) => finding.refused(&error),
    };
    run.unproven().into_iter().fold(finding, |finding, note| finding.with("note", note))
}
