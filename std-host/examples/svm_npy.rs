//! Trains a linear SVM on features and labels from `.npy` files, for comparison with other solvers.
//!
//! `svm_npy FEATURES.npy LABELS.npy C TOL [--gap] [--out WEIGHTS.npy]`: features are `f32`, N x D, labels
//! `u8`, N. TOL is LIBLINEAR's tolerance, or the relative duality gap with `--gap`. WEIGHTS.npy receives
//! classes x (D + 1), the bias last. Times go to the standard output as JSON, the seconds of training without
//! reading. `RAYON_NUM_THREADS` sets the threads.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::time::Instant;

use npyz::{NpyFile, WriterBuilder};
use wta::svm::{Options, Rows, Stop, fit};

const USAGE: &str = "usage: svm_npy FEATURES.npy LABELS.npy C TOL [--gap] [--out WEIGHTS.npy]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [features, labels, c, tolerance, rest @ ..] = &arguments[..] else { return Err(USAGE.into()) };
    let (gap, out) = match rest {
        [] => (false, None),
        [flag] if flag == "--gap" => (true, None),
        [flag, out] if flag == "--out" => (false, Some(out)),
        [first, second, out] if first == "--gap" && second == "--out" => (true, Some(out)),
        _ => return Err(USAGE.into()),
    };

    let file = NpyFile::new(BufReader::new(File::open(features)?))?;
    let &[_, columns] = file.shape() else { return Err(format!("{features}: not a matrix").into()) };
    let columns = usize::try_from(columns)?;
    let matrix: Vec<f32> = file.into_vec()?;
    let labels: Vec<u8> = NpyFile::new(BufReader::new(File::open(labels)?))?.into_vec()?;
    let labels: Vec<u16> = labels.into_iter().map(u16::from).collect();
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let tolerance = tolerance.parse()?;
    let stop = if gap { Stop::Gap(tolerance) } else { Stop::Gradient(tolerance) };

    let start = Instant::now();
    let rows = Rows::from_dense(columns, &matrix)?;
    let compress = start.elapsed().as_secs_f64();
    drop(matrix);
    let start = Instant::now();
    let options = Options { stop, max_epochs: 20_000, ..Options::default() };
    let (model, report) = fit(&rows, &labels, classes, c.parse()?, &options, &())?;
    let seconds = start.elapsed().as_secs_f64();
    let epochs = report.classes.iter().map(|class| class.epochs).max().unwrap_or(0);
    println!(
        "{{\"fit_seconds\": {seconds:.4}, \"compress_seconds\": {compress:.4}, \"epochs\": {epochs}, \
         \"converged\": {}, \"threads\": {}}}",
        report.converged(),
        rayon::current_num_threads()
    );

    if let Some(out) = out {
        let shape = [classes as u64, columns as u64 + 1];
        let file = BufWriter::new(File::create(out)?);
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        for (weights, bias) in model.weights.chunks_exact(columns).zip(&model.bias) {
            writer.extend(weights.iter().chain([bias]).copied())?;
        }
        writer.finish()?;
    }
    Ok(())
}
