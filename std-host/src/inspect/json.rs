//! JSON: the records of a run, known by their keys.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::IgnoredAny;

use super::finding::Finding;
use crate::encode::Measures;
use crate::error::{Error, Result};
use crate::report::{self, Record};
use crate::run::{SampleKind, TrainingProgress};

/// Names and values.
type Facts = Vec<(&'static str, String)>;

/// A kind of record: what it is, who reads it, keys that all of them have, and its reader.
struct Kind {
    what: &'static str,
    readers: &'static str,
    keys: &'static [&'static str],
    read: fn(&Path) -> Result<Facts>,
}

const KINDS: [Kind; 6] = [
    Kind {
        what: "the record of an evaluation (eval.json)",
        readers: "`wta report` and `wta export`; people",
        keys: &["test_error"],
        read: evaluation,
    },
    // Of an imported run: nothing was evaluated.
    Kind {
        what: "what a device's classifier is for (eval.json)",
        readers: "`wta export`; people",
        keys: &["classes", "classifier", "pool"],
        read: evaluation,
    },
    Kind {
        what: "what the samples of a run are (sample.json)",
        readers: "each command that reads the run",
        keys: &["form", "channels", "rows", "columns"],
        read: samples,
    },
    Kind {
        what: "how far a training is (progress.json)",
        readers: "`wta watch`",
        keys: &["activity", "phase"],
        read: progress,
    },
    Kind {
        what: "how well samples are reconstructed (reconstruction.json)",
        readers: "`wta report`; people",
        keys: &["fvu", "cosine"],
        read: measures,
    },
    Kind {
        what: "the settings of a dictionary (cfg.json)",
        readers: "SAELens, with sae_weights.safetensors beside it",
        keys: &["architecture", "d_in", "d_sae"],
        read: |_| Ok(Facts::new()),
    },
];

/// Whether a text is JSON, or the beginning of some: an object with a key, or with none.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    let is_object = text.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('"'));
    is_object || (text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Looks at JSON.
pub(super) fn inspect(finding: Finding, path: &Path, text: &str) -> Finding {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let finding = finding.of("a damaged JSON file", "nobody");
        return finding.wrong(format!("is no whole JSON ({error}); write it again"));
    }
    // Lists have no keys.
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.keys.iter().all(|key| keys.contains_key(*key)));
    let Some(kind) = kind else { return finding.of("a JSON file", "people and programs") };
    let finding = finding.of(kind.what, kind.readers);
    match (kind.read)(path) {
        Ok(facts) => facts.into_iter().fold(finding, |finding, (name, value)| finding.with(name, value)),
        Err(error) => finding.refused(&error),
    }
}

/// The content of a file that is there.
fn read<T: for<'a> serde::Deserialize<'a>>(path: &Path) -> Result<T> {
    report::json(path)?.ok_or_else(|| Error::file(path, "is not there any more"))
}

fn evaluation(path: &Path) -> Result<Facts> {
    let record: Record = read(path)?;
    let share = |share: f64| format!("{:.2}%", 100.0 * share);
    let facts = [
        ("test error", record.mean.or(record.test_error).map(share)),
        ("deviation", record.sd.map(share)),
        ("draws", Some(record.draws.len()).filter(|draws| *draws > 0).map(|draws| draws.to_string())),
        ("training error", record.training_error.map(share)),
        ("C", record.c.map(|c| c.to_string())),
        ("labels", record.labels.map(|labels| labels.to_string())),
        ("features", record.features.map(|features| features.to_string())),
        ("weights", record.weights),
    ];
    Ok(facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn samples(path: &Path) -> Result<Facts> {
    let kind = SampleKind::read(path)?;
    let mut facts = vec![
        ("form", kind.form.samples().to_owned()),
        ("shape", crate::numbers::channels_rows_columns(kind.shape)),
        ("classes", kind.classes.names().join(", ")),
    ];
    facts.extend(kind.count.map(|count| ("samples", count.to_string())));
    Ok(facts)
}

fn progress(path: &Path) -> Result<Facts> {
    let progress = TrainingProgress::read(path)?;
    Ok(vec![("phase", progress.phase), ("steps", format!("{} of {}", progress.done, progress.total))])
}

fn measures(path: &Path) -> Result<Facts> {
    let measures: Measures = read(path)?;
    Ok(vec![
        ("samples", measures.samples.to_string()),
        ("unexplained", measures.fvu.map_or("-".to_owned(), |fvu| format!("{:.2}%", 100.0 * fvu))),
        ("active", measures.active.to_string()),
    ])
}
