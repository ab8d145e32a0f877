//! `search.csv`: the result of each finished combination.

use std::path::{Path, PathBuf};

use super::halving::Part;
use crate::error::{Error, Result, RunProblem};
use crate::files::{atomic, whole};

/// The columns that follow those of the keys.
const COLUMNS: [&str; 8] =
    ["held_out_error", "c", "loss", "dead_share", "seconds", "note", "held_out_loss", "one_in"];

/// Earlier versions wrote so many of them: before there were held-out losses, and before there were rungs.
const OLD_COLUMNS: [usize; 2] = [6, 7];

/// A finished combination.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The values as TOML, in the order of the keys.
    pub values: Vec<String>,
    /// The part of the work: the rung.
    pub part: Part,
    /// The share of held-out training samples that are classified wrongly; `None` if the training diverged or
    /// there are no labels.
    pub error: Option<f64>,
    /// The best value of C.
    pub c: Option<f64>,
    /// The loss in the last epoch.
    pub loss: Option<f64>,
    /// The share of maps that never survived in the last epoch.
    pub dead_share: Option<f64>,
    /// The time to train and validate, without work that was done before an interruption or reused.
    pub seconds: f64,
    /// Why there is no result; empty if there is one.
    pub note: String,
    /// The loss on the samples that are not trained on, if there are any.
    pub held_out_loss: Option<f64>,
}

impl Row {
    /// The error or, without labels, the held-out loss, for sorting; rows without either come last.
    pub fn rank(&self) -> f64 {
        self.error.or(self.held_out_loss).unwrap_or(f64::INFINITY)
    }
}

/// The file and its rows.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    keys: Vec<String>,
    /// The rows, in the order in which they were finished.
    pub rows: Vec<Row>,
}

impl Results {
    /// Loads the results in this file; there are none if it does not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be read, [`Error::Run`] if it has other keys.
    pub fn load(path: PathBuf, keys: Vec<String>) -> Result<Self> {
        let mut rows = Vec::new();
        if path.exists() {
            let broken =
                |problem: String| Error::file(&path, format!("cannot be read ({problem}); remove it"));
            let text = whole::read_text(&path)?;
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let header = reader.headers().map_err(|error| broken(error.to_string()))?;
            let expected =
                |columns: usize| keys.iter().map(String::as_str).chain(COLUMNS).take(keys.len() + columns);
            let written = OLD_COLUMNS.into_iter().chain([COLUMNS.len()]);
            if !written.into_iter().any(|columns| header.iter().eq(expected(columns))) {
                let folder = path.parent().unwrap_or(Path::new(""));
                return Err(Error::run(folder, RunProblem::OtherAxes));
            }
            for record in reader.records() {
                let record = record.map_err(|error| broken(error.to_string()))?;
                let row =
                    row(&record, keys.len()).ok_or_else(|| broken(format!("row {}", rows.len() + 1)))?;
                rows.push(row);
            }
        }
        Ok(Self { path, keys, rows })
    }

    /// The row of a combination in a rung, if it is finished.
    pub fn of(&self, values: &[String], part: Part) -> Option<&Row> {
        self.rows.iter().find(|row| row.values == values && row.part == part)
    }

    /// The row of a combination with the most work.
    pub fn last_of(&self, values: &[String]) -> Option<&Row> {
        self.rows.iter().filter(|row| row.values == values).min_by_key(|row| row.part.one_in)
    }

    /// Adds a row and writes the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn push(&mut self, row: Row) -> Result<()> {
        self.rows.push(row);
        atomic::replace(&self.path, |to| {
            let mut writer = csv::Writer::from_writer(to);
            writer.write_record(self.keys.iter().map(String::as_str).chain(COLUMNS))?;
            let text = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
            for row in &self.rows {
                let numbers = [row.error, row.c, row.loss, row.dead_share, Some(row.seconds)].map(text);
                let last = [row.note.clone(), text(row.held_out_loss), row.part.one_in.to_string()];
                writer.write_record(row.values.iter().chain(&numbers).chain(&last))?;
            }
            writer.flush()
        })
    }
}

fn row(record: &csv::StringRecord, keys: usize) -> Option<Row> {
    // The last columns are not in the files of earlier versions.
    let number =
        |column: usize| match record.get(keys + column).or((column >= OLD_COLUMNS[0]).then_some(""))? {
            "" => Some(None),
            text => text.parse::<f64>().ok().map(Some),
        };
    Some(Row {
        values: record.iter().take(keys).map(str::to_owned).collect(),
        error: number(0)?,
        c: number(1)?,
        loss: number(2)?,
        dead_share: number(3)?,
        seconds: number(4)??,
        note: record.get(keys + 5)?.to_owned(),
        held_out_loss: number(6)?,
        part: match record.get(keys + 7) {
            None => Part::ALL,
            Some(one_in) => Part { one_in: one_in.parse().ok().filter(|one_in| *one_in > 0)? },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_a_round_trip_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("search.csv");
        let keys = vec!["network.initial".to_owned(), "training.rate".to_owned()];
        let load = |keys: &[String]| Results::load(path.clone(), keys.to_vec());
        let good = Row {
            values: vec!["{ normal = 0.1, \"odd\" = \"a,b\" }".to_owned(), "0.001".to_owned()],
            part: Part::ALL,
            error: Some(0.0123),
            c: Some(3.0),
            loss: Some(1.0 / 3.0),
            dead_share: Some(0.0),
            seconds: 1.25,
            note: String::new(),
            held_out_loss: Some(2.5),
        };
        let none = (None, None, None, None);
        let (error, c, loss, dead_share) = none;
        let values = vec!["\"he\"".to_owned(), "9.0".to_owned()];
        let failed = Row {
            values,
            part: Part { one_in: 9 },
            error,
            c,
            loss,
            dead_share,
            seconds: 0.5,
            note: "it diverged".to_owned(),
            held_out_loss: None,
        };
        let mut results = load(&keys).unwrap();
        assert!(results.rows.is_empty());
        results.push(good.clone()).unwrap();
        results.push(failed.clone()).unwrap();
        let read = load(&keys).unwrap();
        assert_eq!(read.rows, [good.clone(), failed.clone()]);
        assert_eq!(read.of(&failed.values, failed.part), Some(&failed));
        assert_eq!(read.last_of(&failed.values), Some(&failed));
        assert!(read.of(&failed.values, Part::ALL).is_none() && read.last_of(&keys).is_none());
        assert!(good.rank() < failed.rank());
        let unlabelled = Row { error: None, c: None, ..good.clone() };
        assert_eq!((unlabelled.rank(), good.rank()), (2.5, 0.0123));
        // As versions before 0.2 wrote it.
        let text = std::fs::read_to_string(&path).unwrap();
        let without_last = |text: String| -> String {
            text.lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect()
        };
        let failed = Row { part: Part::ALL, ..failed };
        let old = without_last(text);
        std::fs::write(&path, &old).unwrap();
        assert_eq!(load(&keys).unwrap().rows, [good.clone(), failed.clone()]);
        std::fs::write(&path, without_last(old)).unwrap();
        let before = Row { held_out_loss: None, ..good };
        assert_eq!(load(&keys).unwrap().rows, [before, failed]);
        assert!(load(&keys[..1]).unwrap_err().to_string().contains("over other keys"));
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace("0.0123", "x")).unwrap();
        assert!(load(&keys).unwrap_err().to_string().contains("row 1"));
    }
}
