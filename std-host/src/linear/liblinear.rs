//! LIBLINEAR's text format of models, in and out.
//!
//! ```text
//! solver_type L2R_L2LOSS_SVC_DUAL
//! nr_class 3
//! label 1 2 7
//! nr_feature 4
//! bias 1
//! w
//! 0.25 -0.5 0
//! ...
//! ```
//!
//! Below `w` stands a line for each feature, with a weight for each class; with a bias of 0 or more one line
//! more, of the weights of that constant. A model of two classes has one column: the score of the first
//! label, whose negative is that of the second.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use crate::data::Classes;
use crate::error::{Error, Result};
use crate::files::atomic;
use crate::memory::reserve;
use crate::svm::Model;

/// What every model begins with.
const BEGINNING: &[u8] = b"solver_type ";

/// The solver whose problem ours is.
const OURS: &str = "L2R_L2LOSS_SVC_DUAL";

/// Solvers whose models classify by the highest score.
const CLASSIFIERS: [&str; 8] = [
    "L2R_LR",
    OURS,
    "L2R_L2LOSS_SVC",
    "L2R_L1LOSS_SVC_DUAL",
    ONE_FOR_EACH,
    "L1R_L2LOSS_SVC",
    "L1R_LR",
    "L2R_LR_DUAL",
];

/// The solver that has a column for each of two classes, too.
const ONE_FOR_EACH: &str = "MCSVM_CS";

/// The longest line of the head, which has all labels, and the longest number.
const LONGEST: u64 = 1 << 21;

/// Whether a file that begins so is such a model.
pub(super) fn is_model(start: &[u8]) -> bool {
    start.starts_with(BEGINNING)
}

/// The labels that classes are called by.
pub(super) fn labels(classes: &Classes) -> Result<Vec<i32>> {
    let label = |name: &String| {
        let label = name.parse().ok().filter(|label: &i32| label.to_string() == *name);
        label.ok_or_else(|| {
            Error::Invalid(format!(
                "LIBLINEAR's models call classes by whole numbers of 32 bits, but one is called {name}; write \
                 safetensors"
            ))
        })
    };
    classes.names().iter().map(label).collect()
}

/// Writes a model. Of two classes, the higher one comes first, so that a score above 0 is for it.
pub(super) fn write(path: &Path, model: &Model, classes: &Classes) -> Result<()> {
    let mut labels = labels(classes)?;
    let Model { features, weights, bias, .. } = model;
    let two = classes.len() == 2;
    if two {
        labels.reverse();
    }
    let has_bias = bias.iter().any(|bias| *bias != 0.0);
    // Of two classes, half the difference of the scores is the second one's, which is the first one's
    // negative in every model that was trained here.
    let half = |a: f32, b: f32| ((f64::from(b) - f64::from(a)) / 2.0) as f32;
    let columns: Vec<&[f32]> = weights.chunks_exact((*features).max(1)).collect();
    let row = |to: &mut dyn Write, value: &dyn Fn(usize) -> f32| -> io::Result<()> {
        if two {
            number(to, half(value(0), value(1)))?;
        } else {
            (0..classes.len()).try_for_each(|class| number(to, value(class)))?;
        }
        to.write_all(b"\n")
    };
    atomic::write(path, |to| {
        writeln!(to, "solver_type {OURS}")?;
        writeln!(to, "nr_class {}", classes.len())?;
        write!(to, "label")?;
        labels.iter().try_for_each(|label| write!(to, " {label}"))?;
        writeln!(to, "\nnr_feature {features}\nbias {}\nw", if has_bias { 1 } else { -1 })?;
        for feature in 0..*features {
            let value = |class: usize| columns.get(class).and_then(|of| of.get(feature)).copied();
            row(to, &|class| value(class).unwrap_or(0.0))?;
        }
        if has_bias {
            row(to, &|class| bias.get(class).copied().unwrap_or(0.0))?;
        }
        Ok(())
    })
}

/// Writes a number and a space; it is read back as the same `f32`.
fn number(to: &mut dyn Write, value: f32) -> io::Result<()> {
    // Few characters for small numbers.
    if value != 0.0 && value.abs() < 1e-4 { write!(to, "{value:e} ") } else { write!(to, "{value} ") }
}

/// What stands above the weights.
#[derive(Default)]
struct Head {
    solver: Option<String>,
    classes: Option<usize>,
    labels: Vec<String>,
    features: Option<usize>,
    bias: Option<f64>,
}

/// Reads a model.
pub(super) fn read(path: &Path) -> Result<(Model, Classes)> {
    let refuse = |problem: String| Error::file(path, problem);
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    let stored = file.metadata().map_err(|error| Error::io("read", path, error))?.len();
    let mut words =
        Words { path, reader: BufReader::with_capacity(1 << 18, file), line: 1, word: Vec::new() };
    let head = head(&mut words)?;
    let (Some(solver), Some(count), Some(features)) = (head.solver, head.classes, head.features) else {
        return Err(refuse("is a model of LIBLINEAR without solver_type, nr_class or nr_feature".to_owned()));
    };
    if !CLASSIFIERS.contains(&solver.as_str()) {
        return Err(refuse(format!("is a model of LIBLINEAR's solver {solver}, which is no classifier")));
    }
    if head.labels.len() != count || count < 2 {
        let labels = head.labels.len();
        return Err(refuse(format!("has {labels} labels for {count} classes; a classifier has two or more")));
    }
    let one_column = count == 2 && solver != ONE_FOR_EACH;
    let columns = if one_column { 1 } else { count };
    let bias = head.bias.filter(|bias| *bias >= 0.0);
    let lines = features.saturating_add(usize::from(bias.is_some()));
    // A number and what separates it are two bytes at least.
    if lines.saturating_mul(columns) as u64 > stored / 2 || features == 0 {
        return Err(refuse(format!(
            "says that it has {features} features and {count} classes, which its {stored} bytes cannot hold"
        )));
    }
    let what = || format!("{}: its weights", path.display());
    let mut weights = reserve::zeros(features * count, what)?;
    let mut biases = vec![0.0; count];
    let mut classes = Vec::with_capacity(count);
    // Of one column, the second label comes first: LIBLINEAR gives it what scores 0.
    let place = |column: usize| if one_column { 1 } else { column };
    for line in 0..lines {
        for column in 0..columns {
            let Some(value) = words.next()? else {
                return Err(refuse(format!(
                    "is cut off: it ends at weight {} of {}",
                    line * columns + column,
                    lines * columns
                )));
            };
            let factor = if line < features { 1.0 } else { bias.unwrap_or(0.0) };
            let parsed: Option<f64> = value.parse().ok();
            let value = (parsed.unwrap_or(f64::NAN) * factor) as f32;
            if !value.is_finite() {
                let word = String::from_utf8_lossy(&words.word).into_owned();
                return Err(refuse(format!(
                    "line {}: the weight `{word}` is no finite number of float32",
                    words.line
                )));
            }
            let class = place(column);
            let to = if line < features {
                weights.get_mut(class * features + line)
            } else {
                biases.get_mut(class)
            };
            if let Some(to) = to {
                *to = value;
            }
        }
    }
    if let Some(word) = words.next()? {
        let word: String = word.chars().take(20).collect();
        return Err(refuse(format!("line {}: `{word}` stands after the last weight", words.line)));
    }
    if one_column {
        let (first, second) = weights.split_at_mut(features);
        first.iter_mut().zip(second).for_each(|(first, second)| *first = -*second);
        if let [first, second] = &mut biases[..] {
            *first = -*second;
        }
        classes.extend(head.labels.into_iter().rev());
    } else {
        classes.extend(head.labels);
    }
    let classes = Classes::new(classes).map_err(|error| refuse(error.to_string()))?;
    Ok((Model { classes: count, features, weights, bias: biases }, classes))
}

/// Reads the head, up to the line `w`.
fn head(words: &mut Words<'_>) -> Result<Head> {
    let mut head = Head::default();
    loop {
        let Some(line) = words.line()? else {
            return Err(Error::file(words.path, "is a model of LIBLINEAR without weights; it is cut off"));
        };
        let mut parts = line.split_ascii_whitespace();
        let wrong = |what: &str| {
            let line: String = line.trim().chars().take(60).collect();
            Error::file(words.path, format!("line {}: `{line}` {what}", words.line - 1))
        };
        let key = parts.next().unwrap_or_default();
        let values: Vec<&str> = parts.collect();
        match (key, &values[..]) {
            ("w", []) => return Ok(head),
            ("solver_type", [solver]) => head.solver = Some((*solver).to_owned()),
            ("nr_class", [count]) => {
                head.classes = Some(count.parse().map_err(|_| wrong("names no number of classes"))?);
            }
            ("nr_feature", [count]) => {
                head.features = Some(count.parse().map_err(|_| wrong("names no number of features"))?);
            }
            ("bias", [bias]) => {
                let bias: Option<f64> = bias.parse().ok().filter(|bias: &f64| bias.is_finite());
                head.bias = Some(bias.ok_or_else(|| wrong("names no bias"))?);
            }
            ("label", labels) => {
                for label in labels {
                    let number: i64 =
                        label.parse().map_err(|_| wrong("has a label that is no whole number"))?;
                    head.labels.push(number.to_string());
                }
            }
            ("rho", [_]) => {}
            _ => return Err(wrong("is no line of a model of LIBLINEAR")),
        }
    }
}

/// The words of a file, one after the other.
struct Words<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    /// The line of what comes next, from 1.
    line: u64,
    word: Vec<u8>,
}

impl Words<'_> {
    /// The rest of the line.
    fn line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(LONGEST).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Error::io("read", self.path, error))?;
        if read as u64 == LONGEST {
            return Err(Error::file(self.path, format!("line {} of the model is too long", self.line)));
        }
        self.line += 1;
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).into_owned()))
    }

    /// The next word.
    fn next(&mut self) -> Result<Option<&str>> {
        self.word.clear();
        loop {
            let bytes = self.reader.fill_buf().map_err(|error| Error::io("read", self.path, error))?;
            if bytes.is_empty() {
                break;
            }
            // White space before the word, and then the word.
            let (mut used, mut ended) = (0, false);
            for byte in bytes {
                if !byte.is_ascii_whitespace() {
                    self.word.push(*byte);
                } else if !self.word.is_empty() {
                    ended = true;
                    break;
                } else if *byte == b'\n' {
                    self.line += 1;
                }
                used += 1;
            }
            self.reader.consume(used);
            if ended {
                break;
            }
            if self.word.len() as u64 > LONGEST {
                return Err(Error::file(self.path, format!("line {}: a weight is too long", self.line)));
            }
        }
        if self.word.is_empty() {
            return Ok(None);
        }
        Ok(Some(str::from_utf8(&self.word).unwrap_or("no text")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn models_survive_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let weights = vec![0.1, -2.5e-7, 0.0, 3e20, 1.0, -1.0];
        for bias in [vec![0.0; 3], vec![0.5, -0.25, 1e-9]] {
            let model = Model { classes: 3, features: 2, weights: weights.clone(), bias };
            let classes = Classes::new(["-3", "0", "7"]).unwrap();
            write(&path, &model, &classes).unwrap();
            assert_eq!(read(&path).unwrap(), (model, classes), "{}", text(&path));
        }
        let weights = vec![-0.1, 2.0, 0.1, -2.0];
        let model = Model { classes: 2, features: 2, weights, bias: vec![0.5, -0.5] };
        let classes = Classes::new(["-1", "1"]).unwrap();
        write(&path, &model, &classes).unwrap();
        let head = "solver_type L2R_L2LOSS_SVC_DUAL\nnr_class 2\nlabel 1 -1\nnr_feature 2\nbias 1\nw\n";
        assert_eq!(text(&path), format!("{head}0.1 \n-2 \n-0.5 \n"));
        assert_eq!(read(&path).unwrap(), (model, classes));
        // A constant of 2 counts twice, and a column for each of two classes is read as it is.
        std::fs::write(&path, text(&path).replace("bias 1", "bias 2")).unwrap();
        assert_eq!(read(&path).unwrap().0.bias, [1.0, -1.0]);
        let both = "solver_type MCSVM_CS\nnr_class 2\nlabel 4 5\nnr_feature 2\nbias -1\nw\n1 2\n3 4\n";
        std::fs::write(&path, both).unwrap();
        let (model, classes) = read(&path).unwrap();
        assert_eq!((&model.weights[..], classes.name(0)), (&[1.0, 3.0, 2.0, 4.0][..], "4"));
    }

    #[test]
    fn labels_that_liblinear_does_not_have_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        for name in ["cat", "007", "3000000000", "+1"] {
            let model = Model { classes: 2, features: 1, weights: vec![1.0, -1.0], bias: vec![0.0; 2] };
            let error = write(&path, &model, &Classes::new(["1", name]).unwrap()).unwrap_err().to_string();
            assert!(error.contains(&format!("one is called {name}")), "{error}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn each_mistake_in_a_model_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let good = "solver_type L2R_L2LOSS_SVC\nnr_class 3\nlabel 1 2 3\nnr_feature 2\nbias 1\nw\n1 2 3 \n4 5 6 \n7 8 9 \n";
        for (from, to, sentence) in [
            ("L2R_L2LOSS_SVC", "L2R_L2LOSS_SVR", "which is no classifier"),
            ("nr_class 3", "nr_class x", "line 2: `nr_class x` names no number of classes"),
            ("nr_class 3", "nr_class 4", "has 3 labels for 4 classes"),
            ("nr_class 3\nlabel 1 2 3", "nr_class 1\nlabel 1", "has 1 labels for 1 classes"),
            ("label 1 2 3", "label 1 2 b", "line 3: `label 1 2 b` has a label that is no whole number"),
            ("label 1 2 3", "label 1 2 2", "two classes have the name 2"),
            ("nr_feature 2", "nr_feature 2000000000000", "cannot hold"),
            ("nr_feature 2", "nr_feature 0", "cannot hold"),
            ("nr_feature 2\n", "", "without solver_type, nr_class or nr_feature"),
            ("bias 1", "bias nan", "names no bias"),
            ("bias 1", "bias -1", "line 9: `7` stands after the last weight"),
            ("w\n1 2 3 ", "x", "line 6: `x` is no line"),
            ("5", "nan", "line 8: the weight `nan` is no finite number"),
            ("5", "1e40", "line 8: the weight `1e40` is no finite number"),
            ("8 9 \n", "8 ", "is cut off: it ends at weight 8 of 9"),
            ("w\n1 2 3 \n4 5 6 \n7 8 9 \n", "", "without weights; it is cut off"),
        ] {
            std::fs::write(&path, good.replace(from, to)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error} should say {sentence}");
        }
        // Cut off at every byte: a sentence or, in the last number, another number.
        for end in 0..good.len() - 4 {
            std::fs::write(&path, &good[..end]).unwrap();
            assert!(read(&path).is_err(), "{end}");
        }
    }
}
