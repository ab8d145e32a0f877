//! `wta svm predict`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use wta::Observer;
use wta::data::{Batch, ExampleFile};
use wta::files::atomic::AtomicFile;
use wta::linear::{Linear, Predictor, Tally};

use super::source::Source;
use crate::context::Context;
use crate::error::Result;
use crate::output::{create, expect_apart, report};
use crate::print::json;

/// Arguments of `wta svm predict`.
#[derive(Args)]
#[command(
    after_help = "Prints a class for each example, line by line. The file is read some examples at a time, so it may
be of any length; from a pipe, classes come as examples do. Where examples have labels, the accuracy
is told at the end, on standard error unless classes go to a file. In LIBSVM's text and in sparse
matrices, features beyond the classifier's count for nothing. A table with a header line gives the
columns that the classifier was trained on, by their names.

Examples:
  wta svm predict test.svm --model m.safetensors --out classes
  wta svm predict new.npy --model m.safetensors --scores > scores.csv
  tail -f sensor.svm | wta svm predict - --model train.model"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// The classifier: of `wta svm fit`, a run's svm.safetensors, or a model of LIBLINEAR.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Write the classes here instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write CSV: the class, and the score for each class.
    #[arg(long)]
    scores: bool,
    /// Print JSON with the accuracy.
    #[arg(long)]
    json: bool,
}

/// What is told at the end.
#[derive(Serialize)]
struct Outcome {
    examples: u64,
    /// Examples with a label.
    labelled: u64,
    right: u64,
    accuracy: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let standard = Path::new("-");
    let path = arguments.out.as_deref().unwrap_or(standard);
    let mut inputs = arguments.source.inputs();
    inputs.push(arguments.model.clone());
    expect_apart(&[path], &inputs, None)?;
    let linear = Linear::load(&arguments.model)?;
    let predictor = linear.predictor()?;
    let named = linear.columns().map(<[String]>::to_vec);
    let file = ExampleFile { named, ..arguments.source.any(Some(linear.model().features)) };
    // Its weights are in the predictor.
    drop(linear);
    let mut out = Output { file: create(path)?, scores: arguments.scores };
    let done = predict(&file, &predictor, &mut out, context).and_then(|tally| {
        out.file.commit()?;
        Ok(tally)
    });
    match done {
        Err(wta::Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
        Ok(tally) => {
            let Tally { examples, labelled, right } = tally;
            let outcome = Outcome { examples, labelled, right, accuracy: tally.accuracy() };
            let text = match (arguments.json, outcome.accuracy) {
                (true, _) => json("the accuracy", serde_json::to_string(&outcome))?,
                (false, None) => return Ok(()),
                (false, Some(accuracy)) => {
                    format!("accuracy: {:.4}% ({right} of {labelled})\n", 100.0 * accuracy)
                }
            };
            report(&[path], &text)
        }
    }
}

fn predict(
    file: &ExampleFile,
    predictor: &Predictor,
    out: &mut Output,
    context: &Context,
) -> wta::Result<Tally> {
    let bar = context.bar();
    let mut tally = Tally::default();
    out.head(predictor)?;
    // A bar would stand between the lines of a conversation.
    let is_file = file.steps() > 0;
    if is_file {
        bar.begin("predict", file.steps());
    }
    file.read(&bar, &mut |batch| {
        out.classes(&batch, predictor, &mut tally)?;
        if is_file { Ok(()) } else { out.flush() }
    })?;
    bar.end();
    Ok(tally)
}

/// Where classes go.
struct Output {
    file: AtomicFile,
    scores: bool,
}

impl Output {
    /// The line above all others.
    fn head(&mut self, predictor: &Predictor) -> wta::Result<()> {
        if !self.scores {
            return Ok(());
        }
        let scores = predictor.classes().names().iter().map(|class| format!("score {class}"));
        let fields: Vec<String> = std::iter::once("class".to_owned()).chain(scores).collect();
        let written = record(&mut self.file, &fields);
        written.map_err(|error| self.failed(error))
    }

    fn classes(&mut self, batch: &Batch, predictor: &Predictor, tally: &mut Tally) -> wta::Result<()> {
        let mut labels = batch.labels();
        let file = &mut self.file;
        let written = if self.scores {
            predictor.scores_of(batch, |class, scores| {
                let class = predictor.name(class);
                tally.add(class, labels.next().flatten());
                let scores = scores.iter().map(f64::to_string);
                let fields: Vec<String> = std::iter::once(class.to_owned()).chain(scores).collect();
                record(file, &fields)
            })
        } else {
            predictor.classes_of(batch).into_iter().zip(labels).try_for_each(|(class, label)| {
                let class = predictor.name(class);
                tally.add(class, label);
                file.write_all(class.as_bytes())?;
                file.write_all(b"\n")
            })
        };
        written.map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> wta::Result<()> {
        let flushed = self.file.flush();
        flushed.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> wta::Error {
        wta::Error::io("write to", self.file.name(), error)
    }
}

/// Writes a line of CSV.
fn record(to: &mut AtomicFile, fields: &[String]) -> io::Result<()> {
    let mut line = csv::Writer::from_writer(Vec::new());
    line.write_record(fields)?;
    to.write_all(&line.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
