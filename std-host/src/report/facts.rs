//! What the files of a run say, without any samples.

use std::collections::BTreeMap;

use crate::data::Form;
use crate::encode::Measures;
use crate::error::{Error, Result, RunProblem};
use crate::export::{self, Options, Source};
use crate::numbers::grouped;
use crate::observer::EpochMetrics;
use crate::recipe::settings;
use crate::run::{Run, Trained};

use super::charts::short;
use super::classifier::{Record, json};

/// The measures of a run without labels.
const MEASURES: &str = "reconstruction.json";

/// What the files of a run say.
pub(super) struct Facts {
    /// The trained network, with the layers below.
    pub(super) trained: Trained,
    pub(super) form: Form,
    /// Of each layer from the lowest up, its epochs so far.
    pub(super) epochs: Vec<Vec<EpochMetrics>>,
    pub(super) record: Option<Record>,
    pub(super) measures: Option<Measures>,
    /// What the files do not prove, and what does not belong together.
    pub(super) notes: Vec<String>,
    /// The sizes on a device, or why there are none.
    pub(super) device: String,
    /// Each setting of the recipe.
    pub(super) settings: BTreeMap<String, String>,
    /// The recipe as it was trained.
    pub(super) toml: String,
}

impl Facts {
    /// Reads a run. `shape` is that of its samples, if it is known from elsewhere.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] if there is no trained run; [`Error::UnknownShape`] if no file says the shape of a
    /// sample; one sentence if a file is damaged.
    pub(super) fn read(run: &Run, shape: Option<wta_core::Shape>) -> Result<Self> {
        let recipe = run.recipe()?;
        let known = match shape {
            Some(shape) => Some(shape),
            None => run.sample_shape()?,
        };
        let Some(shape) = known else {
            return Err(Error::UnknownShape { folder: run.folder().to_path_buf() });
        };
        if !run.is_trained() {
            return Err(Error::run(run.folder(), RunProblem::Untrained));
        }
        let trained = Trained::open(run, shape)?;
        let form = run.sample()?.map_or_else(|| Form::of(shape), |kind| kind.form);
        let mut runs = vec![run.clone()];
        for _ in 1..trained.layers().len() {
            runs.extend(runs.last().map(Run::below));
        }
        let epochs = runs.iter().rev().map(|run| run.metrics(u64::MAX)).collect::<Result<_>>()?;
        let record = Record::read(run)?;
        let mut notes = run.unproven();
        let weights = format!("{:08x}", trained.checksum());
        if record.as_ref().and_then(|record| record.weights.as_ref()).is_some_and(|of| *of != weights) {
            notes.push(
                "the evaluation is of other weights than the run has now; evaluate it again".to_owned(),
            );
        }
        let device = device(run, shape).unwrap_or_else(|error| format!("devices cannot run it: {error}\n"));
        let (settings, toml) = (settings(&recipe), recipe.to_toml()?);
        let measures = json(&run.file(MEASURES))?;
        Ok(Self { trained, form, epochs, record, measures, notes, device, settings, toml })
    }

    /// The figures of the run, the most telling first.
    pub(super) fn figures(&self) -> Vec<(String, String)> {
        let mut figures: Vec<(String, String)> = Vec::new();
        let mut tell =
            |name: &str, value: Option<String>| figures.extend(value.map(|value| (name.to_owned(), value)));
        let record = self.record.as_ref();
        tell(
            "test error",
            record.and_then(|record| Some(spread(record.mean.or(record.test_error)?, record))),
        );
        tell("training error", record.and_then(|record| record.training_error).map(percent));
        tell("C", record.and_then(|record| record.c).map(|c| c.to_string()));
        tell("labels", record.and_then(|record| record.labels).map(|count| grouped(count as u64)));
        if let Some(measures) = &self.measures {
            tell("FVU, variance unexplained", measures.fvu.map(percent));
            tell("L0, active in a sample", Some(short(measures.active)));
            tell("L1, their sum", Some(short(measures.l1)));
            tell("cosine to the sample", Some(short(measures.cosine)));
            tell("dead, active in no sample", Some(percent(measures.dead_share)));
            tell("dense, active in over 10%", Some(percent(measures.dense_share)));
        }
        let last = self.epochs.last().and_then(|epochs| epochs.last());
        tell("loss", last.map(|epoch| short(epoch.loss)));
        tell("held-out loss", last.and_then(|epoch| epoch.held_out_loss).map(short));
        tell("unexplained in training", last.and_then(|epoch| epoch.unexplained).map(percent));
        tell("dead atoms", last.map(|epoch| percent(epoch.dead_share)));
        let seconds: f64 = self.epochs.iter().flatten().map(|epoch| epoch.seconds).sum();
        tell("time of the epochs", last.map(|_| duration(seconds)));
        tell("encoded in", record.and_then(|record| record.encode_seconds).map(duration));
        tell("SVM in", record.and_then(|record| record.svm_seconds).map(duration));
        let code = self.trained.network().code();
        tell("feature maps", Some(grouped(code.channels as u64)));
        tell("features", Some(grouped(self.trained.features().len() as u64)));
        tell("non-zero features", record.and_then(|record| record.density).map(percent));
        let parameters: usize = self.trained.layers().iter().map(|layer| layer.parameters.len()).sum();
        tell("parameters", Some(grouped(parameters as u64)));
        tell("memory of the weights", Some(format!("{} bytes", grouped(4 * parameters as u64))));
        tell("seed", Some(self.trained.recipe().training.seed.to_string()));
        tell("weights checksum", Some(format!("{:08x}", self.trained.checksum())));
        figures
    }

    /// What was trained so far, for people, if it is not all.
    pub(super) fn unfinished(&self) -> Option<String> {
        let layers = self.trained.layers();
        let unfinished = |(number, (layer, epochs)): (usize, (&&Trained, &Vec<EpochMetrics>))| {
            let (done, all) = (epochs.len(), layer.recipe().training.epochs);
            (done < all).then(|| format!("layer {number} has {done} of its {all} epochs"))
        };
        let told: Vec<String> = (1..).zip(layers.iter().zip(&self.epochs)).filter_map(unfinished).collect();
        (!told.is_empty()).then(|| format!("the training is not at its end: {}", told.join(", ")))
    }
}

/// The bytes of flash and RAM on a device.
fn device(run: &Run, shape: wta_core::Shape) -> Result<String> {
    let source = Source::load(run, Some(shape))?;
    let file = export::model(&source, Options { decoder: true })?;
    Ok(export::costs(&file, &source.trained.resolved)?.to_string())
}

fn spread(error: f64, record: &Record) -> String {
    match (record.sd, record.draws.len()) {
        (Some(sd), 2..) => format!("{} ± {} over {} draws", percent(error), percent(sd), record.draws.len()),
        _ => percent(error),
    }
}

/// A share in hundredths.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// A time for people.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_for_people() {
        assert_eq!([0.04, 59.4, 61.0, 3_725.0].map(duration), ["0.0 s", "59.4 s", "1 min 1 s", "1 h 2 min"]);
        assert_eq!(percent(0.0123), "1.23%");
    }
}
