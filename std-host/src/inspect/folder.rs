//! A run folder: its files, and whether they belong together.

use std::path::Path;

use super::file;
use super::finding::Finding;
use crate::error::Result;
use crate::evaluate::Classified;
use crate::numbers::channels_rows_columns;
use crate::run::{CLASSIFIER, Run, Trained};

/// The files of a run that hold numbers or settings.
const FILES: [&str; 5] =
    ["recipe.toml", "model.safetensors", "checkpoint.safetensors", "preprocess.safetensors", CLASSIFIER];

/// Looks at a folder and at the files of a run in it; of a stack, at the layers below, too.
pub(super) fn inspect(path: &Path) -> Result<Vec<Finding>> {
    let run = Run::new(path);
    let mut findings = Vec::new();
    for name in FILES {
        let path = run.file(name);
        if path.is_file() {
            findings.push(file::inspect(&path)?);
        }
    }
    let bytes = findings.iter().map(|finding| finding.bytes).sum();
    findings.insert(0, together(Finding::new(path, bytes), &run));
    if run.below().folder().is_dir() {
        findings.extend(inspect(run.below().folder())?);
    }
    Ok(findings)
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
