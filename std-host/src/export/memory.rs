//! The flash and the RAM that a model takes on a device.

use std::fmt;

use serde::Serialize;
use wta_core::{Size, extractor_len, novelty_len, stream_training_len, training_len};

use super::format::ModelFile;
use super::ram::Ram;
use crate::error::Result;
use crate::numbers::grouped;
use crate::recipe::Resolved;

/// What something takes, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// What it is.
    pub what: String,
    /// Its bytes.
    pub bytes: u64,
}

/// What a model takes on a device; `Display` is a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// Of flash, by section; the last one is the whole file.
    pub flash: Vec<Cost>,
    /// Of RAM, by job, beside the stack.
    pub ram: Vec<Cost>,
}

impl fmt::Display for Costs {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, costs) in [("flash, bytes", &self.flash), ("RAM, bytes, beside the stack", &self.ram)] {
            writeln!(to, "{title}")?;
            for Cost { what, bytes } in costs {
                writeln!(to, "  {what:32} {:>14}", grouped(*bytes))?;
            }
        }
        Ok(())
    }
}

/// The bytes of flash by section and of RAM by job. If the file has the decoder, training is among the jobs,
/// with the recipe's sparsity, method and batch.
///
/// # Errors
///
/// One sentence if the recipe cannot be trained.
pub fn costs(file: &ModelFile, resolved: &Resolved) -> Result<Costs> {
    let model = file.model()?;
    let network = model.network();
    let (mut flash, mut jobs) = (Vec::new(), Vec::new());
    file.parts().iter().for_each(|(what, bytes)| add(&mut flash, what, *bytes));
    add(&mut flash, "in all", file.bytes().len());
    let ram = Ram::of(&model);
    if let Some(pipeline) = ram.pipeline.filter(|_| model.needs_pipeline()) {
        add(&mut jobs, "samples to features or a class", 4 * pipeline);
    } else if model.parameters().is_some() {
        let streamed = 4 * extractor_len(&network, &model.pool());
        add(&mut jobs, "features, row by row", streamed);
        add(&mut jobs, "classifying, row by row", streamed + 4 * model.classes());
        let encoding = 4 * (network.inputs_len() + network.code_len());
        add(&mut jobs, "encoding a whole image", encoding);
        add(&mut jobs, "pooling and classifying it", encoding + 4 * (model.features() + model.classes()));
    }
    if let (Some(portable), Some(dsp)) = (ram.portable, ram.dsp) {
        add(&mut jobs, "int8, row by row", portable.bytes);
        add(&mut jobs, "int8 with DSP instructions", dsp.bytes);
    }
    if model.parameters().is_some_and(|parameters| parameters.has_decoder()) && model.below().is_none() {
        let novelty = novelty_len(&network) + network.code().channels;
        add(&mut jobs, "novelty, row by row", 4 * novelty);
        let training = resolved.training(resolved.recipe().training.batch)?;
        if training.sparsity.grid == Size::ONE {
            let len = stream_training_len(&network, &training.optimizer.method, training.batch);
            add(&mut jobs, &format!("training row by row, {} a step", training.batch), len.bytes());
        }
        let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
        add(&mut jobs, &format!("training, {} images a step", training.batch), len.bytes());
    }
    Ok(Costs { flash, ram: jobs })
}

fn add(costs: &mut Vec<Cost>, what: &str, bytes: usize) {
    costs.push(Cost { what: what.to_owned(), bytes: bytes as u64 });
}
