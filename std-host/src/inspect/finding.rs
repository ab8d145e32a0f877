//! What was found in a file, and how people read it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::numbers::TensorFinding;
use crate::data::Contents;
use crate::error::{Error, in_one_line};
use crate::numbers::grouped;

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// Its value, for people.
    pub value: String,
}

/// What was found in a file or a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The file or folder.
    pub path: PathBuf,
    /// What it is, such as `a classifier`.
    pub kind: &'static str,
    /// Who reads it.
    pub readers: &'static str,
    /// Its length.
    pub bytes: u64,
    /// What it says of itself.
    pub facts: Vec<Fact>,
    /// Its tensors, in the order of their names.
    pub tensors: Vec<TensorFinding>,
    /// Sentences about what is wrong with it; none for a file that can be used.
    pub problems: Vec<String>,
}

/// What a file is that is no other, and who reads it.
pub(super) const UNKNOWN: (&str, &str) = ("a file that `wta` does not know", "nobody here");

impl Finding {
    /// Nothing yet, of a file of so many bytes.
    pub(super) fn new(path: &Path, bytes: u64) -> Self {
        let (kind, readers) = UNKNOWN;
        Self {
            path: path.to_path_buf(),
            kind,
            readers,
            bytes,
            facts: Vec::new(),
            tensors: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The same of a known kind.
    pub(super) fn of(self, kind: &'static str, readers: &'static str) -> Self {
        Self { kind, readers, ..self }
    }

    /// The same with one thing more that is wrong.
    pub(super) fn wrong(mut self, problem: String) -> Self {
        self.problems.push(in_one_line(problem));
        self
    }

    /// The same with what an error says of it.
    pub(super) fn refused(self, error: &Error) -> Self {
        let sentence = error.to_string();
        let name = self.path.display().to_string();
        // Of an array in an archive, its name stays.
        let rest = sentence.strip_prefix(&name).and_then(|rest| rest.strip_prefix([':', '/']));
        let problem = rest.map_or(sentence.as_str(), str::trim_start).to_owned();
        self.wrong(problem)
    }

    /// The same with one fact more. It may quote the file, and so is made one line.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: in_one_line(name.to_owned()), value: in_one_line(value.into()) });
        self
    }

    /// The same with what a reader of data has found.
    pub(super) fn holding(self, contents: Contents) -> Self {
        let mut finding = self.of(contents.kind, contents.readers);
        for (name, value) in contents.facts {
            finding = finding.with(name, value);
        }
        finding = contents.problems.iter().fold(finding, |finding, error| finding.refused(error));
        for numbers in contents.arrays {
            let found = TensorFinding::of(numbers);
            if let Some(problem) = found.problem("array") {
                finding = finding.wrong(problem);
            }
            finding.tensors.push(found);
        }
        finding
    }
}

/// The columns of names.
const NAMES: usize = 12;

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}: {}, {} bytes", self.path.display(), self.kind, grouped(self.bytes))?;
        let mut line = |name: &str, value: &str| writeln!(to, "  {name:NAMES$} {value}");
        line("read by", self.readers)?;
        self.facts.iter().try_for_each(|fact| line(&fact.name, &fact.value))?;
        let width =
            self.tensors.iter().map(|tensor| tensor.name.len()).max().unwrap_or(0).max("tensor".len());
        let types = self.tensors.iter().map(|tensor| tensor.dtype.len()).max().unwrap_or(0).max(5);
        if !self.tensors.is_empty() {
            let heads = ["least", "largest", "mean", "zeros"];
            write!(to, "  {:width$} {:types$} {:>20}", "tensor", "type", "shape")?;
            heads.iter().try_for_each(|head| write!(to, " {head:>11}"))?;
            writeln!(to)?;
        }
        for tensor in &self.tensors {
            let shape = tensor.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ");
            write!(to, "  {:width$} {:types$} {shape:>20}", tensor.name, tensor.dtype)?;
            for number in [tensor.least, tensor.largest, tensor.mean] {
                write!(to, " {:>11}", number.map_or("-".to_owned(), short))?;
            }
            writeln!(
                to,
                " {:>11}",
                tensor.zeros.map_or("-".to_owned(), |share| format!("{:.1}%", 100.0 * share))
            )?;
        }
        self.problems.iter().try_for_each(|problem| writeln!(to, "  {:NAMES$} {problem}", "wrong"))
    }
}

/// A number in at most 11 characters.
fn short(number: f64) -> String {
    if number == 0.0 || (1e-3..1e6).contains(&number.abs()) {
        format!("{number:.4}")
    } else {
        format!("{number:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_columns() {
        let mut finding = Finding::new(Path::new("a/b"), 12_345).of("a test", "nobody").with("version", "1");
        finding = finding.wrong("is broken".to_owned());
        finding.tensors.push(TensorFinding {
            name: "weight".to_owned(),
            dtype: "F32".to_owned(),
            shape: vec![2, 3],
            least: Some(-1.5),
            largest: Some(1e-9),
            mean: Some(0.0),
            zeros: Some(0.25),
            not_finite: 0,
        });
        let text = finding.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "a/b: a test, 12,345 bytes");
        assert_eq!(lines[1], "  read by      nobody");
        assert_eq!(lines[3].len(), lines[4].len());
        assert_eq!(
            lines[4].split_whitespace().collect::<Vec<_>>(),
            ["weight", "F32", "2", "x", "3", "-1.5000", "1.000e-9", "0.0000", "25.0%"]
        );
        assert_eq!(lines[5], "  wrong        is broken");
    }
}
