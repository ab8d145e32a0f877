//! What differs between runs, in tables.

use std::collections::BTreeMap;

/// A row of a table: its name, and a cell for each run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
}

/// What a run without a setting, or without a figure, has in its cell.
const NONE: &str = "–";

/// The settings that are not the same in all runs, by name.
pub(super) fn differences(runs: &[BTreeMap<String, String>]) -> Vec<Row> {
    let mut names: Vec<&String> = runs.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let rows =
        names.into_iter().map(|name| Row { name: name.clone(), cells: cells(runs, |run| run.get(name)) });
    rows.filter(|row| row.cells.windows(2).any(|pair| pair.first() != pair.last())).collect()
}

/// The figures of all runs, in the order in which they come first.
pub(super) fn figures(runs: &[Vec<(String, String)>]) -> Vec<Row> {
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in runs.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |name: &String| {
        cells(runs, |run| run.iter().find(|(other, _)| other == name).map(|(_, value)| value))
    };
    names.into_iter().map(|name| Row { name: name.clone(), cells: of(name) }).collect()
}

fn cells<T>(runs: &[T], of: impl Fn(&T) -> Option<&String>) -> Vec<String> {
    runs.iter().map(|run| of(run).cloned().unwrap_or_else(|| NONE.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cells: &[&str]) -> Row {
        Row { name: name.to_owned(), cells: cells.iter().map(|cell| (*cell).to_owned()).collect() }
    }

    #[test]
    fn settings_that_differ_or_are_missing_have_a_row() {
        let settings = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let runs = [
            settings(&[("rate", "1"), ("seed", "1"), ("tied", "true")]),
            settings(&[("rate", "1"), ("seed", "2")]),
            settings(&[("rate", "1"), ("seed", "1")]),
        ];
        assert_eq!(differences(&runs), [row("seed", &["1", "2", "1"]), row("tied", &["true", NONE, NONE])]);
        assert!(differences(&runs[..1]).is_empty());
    }

    #[test]
    fn figures_keep_their_order() {
        let figures_of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let runs =
            [figures_of(&[("loss", "2"), ("error", "3%")]), figures_of(&[("time", "5 s"), ("loss", "1")])];
        let rows = figures(&runs);
        assert_eq!(
            rows,
            [row("loss", &["2", "1"]), row("error", &["3%", NONE]), row("time", &[NONE, "5 s"])]
        );
    }
}
