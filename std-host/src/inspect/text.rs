//! Text files: by what is in them or, where a text says little, by their name.

use std::io::BufRead;
use std::path::Path;

use super::finding::Finding;
use super::{json, recipe};
use crate::data::{Head, own_contents as own};
use crate::error::{Error, Result};
use crate::files::whole;
use crate::linear::Linear;
use crate::numbers::grouped;
use crate::run::metrics;

/// A recipe, a page and a record are smaller; what is larger is looked at in its beginning only.
const MOST: u64 = 64 << 20;

/// Looks at a text that begins so.
pub(super) fn inspect(finding: Finding, path: &Path, head: &Head) -> Result<Finding> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let start = &head.content[..];
    if start.starts_with(b"solver_type ") {
        return Ok(liblinear(finding, path));
    }
    let first = start.lines().next().and_then(std::result::Result::ok).unwrap_or_default();
    if first.starts_with("epoch,loss") {
        return Ok(of_metrics(finding, path));
    }
    if first.starts_with("map,active,mean") {
        return Ok(of_atoms(finding, path));
    }
    if own::is_examples(start, head.is_all()) {
        return Ok(finding.holding(own::examples(path)));
    }
    if head.len <= MOST
        && let Ok(text) = whole::read_text(path)
    {
        if ending == "json" || json::is_json(&text) {
            return Ok(json::inspect(finding, path, &text));
        }
        if ending == "toml" || recipe::is_recipe(&text) {
            return Ok(recipe::inspect(finding, &text));
        }
        if text.trim_start().to_lowercase().starts_with("<!doctype html") {
            return Ok(page(finding, &text));
        }
    }
    if matches!(ending.as_str(), "csv" | "tsv") || own::is_table(path) {
        return Ok(finding.holding(own::table(path)));
    }
    let finding = finding.of("a text file", "people");
    // The end of what was looked at may be the middle of a character.
    let cut_there = |error: std::str::Utf8Error| error.error_len().is_none() && !head.is_all();
    Ok(match std::str::from_utf8(start) {
        Err(error) if !cut_there(error) => {
            Finding { kind: super::finding::UNKNOWN.0, readers: super::finding::UNKNOWN.1, ..finding }
                .wrong("is no file of `wta`: neither numbers, nor text in UTF-8".to_owned())
        }
        _ => finding,
    })
}

fn liblinear(finding: Finding, path: &Path) -> Finding {
    let finding = finding.of("a classifier of LIBLINEAR", "`wta svm predict`; liblinear-predict");
    match Linear::load(path) {
        Ok(linear) => finding
            .with("classes", linear.classes().names().join(", "))
            .with("features", linear.model().features.to_string()),
        Err(error) => finding.refused(&error),
    }
}

/// `metrics.csv`, by the reader that `wta report` has.
pub(super) fn of_metrics(finding: Finding, path: &Path) -> Finding {
    let finding =
        finding.of("the course of a training (metrics.csv)", "`wta report` and `wta watch`; people");
    match metrics(path) {
        Err(error) => finding.refused(&error),
        Ok(rows) => {
            let finding = finding.with("epochs", rows.len().to_string());
            match (rows.first(), rows.last()) {
                (Some(first), Some(last)) => finding.with(
                    "loss",
                    format!("{} in epoch {}, {} in epoch {}", first.loss, first.epoch, last.loss, last.epoch),
                ),
                _ => finding,
            }
        }
    }
}

/// `atoms.csv`, whose rows may end early: a map may excite fewer samples than were asked for.
fn of_atoms(finding: Finding, path: &Path) -> Finding {
    let finding = finding.of("the samples that excite each map (atoms.csv)", "people and spreadsheets");
    let read = || {
        let bytes = whole::read(path)?;
        let mut rows = 0u64;
        let damaged = |problem: String| Error::file(path, format!("is damaged ({problem}); write it again"));
        for row in csv::Reader::from_reader(&bytes[..]).records() {
            let row = row.map_err(|error| damaged(error.to_string()))?;
            rows += 1;
            if let Some(field) = row.iter().find(|field| !field.is_empty() && field.parse::<f64>().is_err()) {
                return Err(damaged(format!("row {rows} has `{field}`, which is no number")));
            }
        }
        Ok(rows)
    };
    match read() {
        Ok(rows) => finding.with("maps", grouped(rows)),
        Err(error) => finding.refused(&error),
    }
}

/// A page, such as `report.html`.
fn page(finding: Finding, text: &str) -> Finding {
    let finding = finding.of("a page (HTML)", "any browser");
    if text.trim_end().to_lowercase().ends_with("</html>") {
        return finding;
    }
    finding.wrong("is cut off: its end is missing; write it again".to_owned())
}
