//! A device that runs the trained network: flash, RAM by job, instructions.

use serde::Serialize;
use wta_core::Network;

use super::boards::{self, Code, Estimate};
use super::subject::Subject;
use crate::error::Result;
use crate::export::quantize::Quantized;
use crate::export::{self, Costs, ModelFile, Source};
use crate::numbers::grouped;
use crate::run::Trained;
use crate::svm;

/// How many samples 8 bits are calibrated with: the sizes do not depend on it.
const CALIBRATED: usize = 4;

/// A device that runs the trained network.
#[derive(Clone, Debug, Serialize)]
pub struct DevicePlan {
    /// The forms of the model for a device.
    pub forms: Vec<DeviceForm>,
    /// Why there is no such form, or not each of them.
    pub refused: Vec<String>,
    /// Multiplications, each with an addition, of a sample, with the classifier's.
    pub multiply_adds: u64,
    /// Instructions, estimated from those of measured programs.
    pub estimates: Vec<Estimate>,
    /// The code of measured programs.
    pub code: Vec<Code>,
}

/// A form of `model.wta`.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceForm {
    /// What is in it.
    pub what: &'static str,
    /// Its sizes, and the RAM by job.
    pub costs: Costs,
}

impl DevicePlan {
    pub(super) fn new(trained: &Trained, subject: &Subject) -> Result<Self> {
        let (mut forms, mut refused) = (Vec::new(), Vec::new());
        let (networks, mut features) = (networks(trained), trained.features().len());
        let classes = subject.classes();
        match source(trained, subject) {
            Err(error) => refused.push(error.to_string()),
            Ok(source) => {
                features = source.svm.as_ref().map_or(features, |svm| svm.features);
                let mut add = |what: &'static str, file: Result<ModelFile>| match file {
                    Ok(file) => {
                        let costs = export::costs(&file, &trained.resolved)?;
                        forms.push(DeviceForm { what, costs });
                        Ok(())
                    }
                    Err(error) => {
                        refused.push(format!("{what}: {error}"));
                        Ok::<(), crate::error::Error>(())
                    }
                };
                let float = |decoder| export::model(&source, export::Options { decoder });
                add("f32, with the decoder to train on", float(true))?;
                add("f32", float(false))?;
                let some = subject.samples().spaced(CALIBRATED);
                let few = subject.samples().copy_of(&some)?;
                let quantized = Quantized::new(&source, &few);
                add("int8", quantized.and_then(|quantized| export::int8_model(&source, &quantized, None)))?;
            }
        }
        let multiply_adds = boards::multiply_adds_of(&networks, features, classes);
        let (mut estimates, mut code) = (Vec::new(), Vec::new());
        if !forms.is_empty() {
            let has_int8 = forms.iter().any(|form| form.what == "int8");
            estimates = boards::of_a_sample(multiply_adds)?;
            estimates.retain(|estimate| has_int8 || !estimate.what.contains("int8"));
            let training = trained.resolved.training(subject.train())?;
            if trained.below.is_none() {
                estimates.extend(boards::of_a_step(&trained.network(), &training)?);
            }
            code = boards::code()?;
        }
        Ok(Self { forms, refused, multiply_adds, estimates, code })
    }

    /// A sentence for each form and each job that a device with so many bytes of RAM and flash has no room
    /// for.
    pub(super) fn too_large(&self, ram: Option<u64>, flash: Option<u64>) -> Vec<String> {
        let mut sentences = Vec::new();
        if ram.or(flash).is_some() {
            sentences.extend(self.refused.iter().map(|why| format!("on a device, {why}")));
        }
        for form in &self.forms {
            let file = form.costs.flash.last().map_or(0, |file| file.bytes);
            if let Some(flash) = flash.filter(|flash| file > *flash) {
                sentences.push(format!(
                    "the model in {} needs {} bytes of flash without any code, and the device has {}",
                    form.what,
                    grouped(file),
                    grouped(flash)
                ));
            }
            for job in form.costs.ram.iter().filter(|job| ram.is_some_and(|ram| job.bytes > ram)) {
                sentences.push(format!(
                    "{} needs {} bytes of RAM, and the device has {}",
                    job.what,
                    grouped(job.bytes),
                    grouped(ram.unwrap_or(0))
                ));
            }
        }
        let mut told: Vec<String> = Vec::new();
        for sentence in sentences {
            // Forms have jobs in common.
            if !told.contains(&sentence) {
                told.push(sentence);
            }
        }
        told
    }
}

/// The networks of all layers, as they compute features.
fn networks(trained: &Trained) -> Vec<Network> {
    trained.layers().into_iter().map(|layer| layer.resolved.encoding()).collect()
}

/// What would be exported, with a classifier of zeros if there are classes.
fn source(trained: &Trained, subject: &Subject) -> Result<Source> {
    let resolved = &trained.resolved;
    let features = resolved.pool().output(resolved.encoding().code()).len();
    let classes = subject.classes();
    let zeros = |classes: usize| svm::Model {
        classes,
        features,
        weights: vec![0.0; classes * features],
        bias: vec![0.0; classes],
    };
    let svm = (classes > 0).then(|| zeros(classes));
    let source = Source::new(trained.clone(), svm)?;
    Ok(Source { classes: subject.class_names().clone(), ..source })
}
