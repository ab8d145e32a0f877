//! The flash and the RAM that a model takes on a device, as a table.

use wta_core::{Size, extractor_len, novelty_len, stream_training_len, training_len};

use super::format::ModelFile;
use super::ram::Ram;
use crate::error::Result;
use crate::numbers::grouped;
use crate::recipe::Resolved;

/// Bytes of flash by section and of RAM by use. If the file has the decoder, the table includes training with
/// the recipe's sparsity, method and batch.
///
/// # Errors
///
/// One sentence if the recipe cannot be trained.
pub fn table(file: &ModelFile, resolved: &Resolved) -> Result<String> {
    let model = file.model()?;
    let network = model.network();
    let mut text = String::from("flash, bytes\n");
    file.parts().iter().for_each(|(what, bytes)| line(&mut text, what, *bytes));
    line(&mut text, "in all", file.bytes().len());
    text.push_str("RAM, bytes, beside the stack\n");
    let ram = Ram::of(&model);
    if let Some(pipeline) = ram.pipeline.filter(|_| model.needs_pipeline()) {
        line(&mut text, "samples to features or a class", 4 * pipeline);
    } else if model.parameters().is_some() {
        let streamed = 4 * extractor_len(&network, &model.pool());
        line(&mut text, "features, row by row", streamed);
        line(&mut text, "classifying, row by row", streamed + 4 * model.classes());
        let encoding = 4 * (network.inputs_len() + network.code_len());
        line(&mut text, "encoding a whole image", encoding);
        line(&mut text, "pooling and classifying it", encoding + 4 * (model.features() + model.classes()));
    }
    if let (Some(portable), Some(dsp)) = (ram.portable, ram.dsp) {
        line(&mut text, "int8, row by row", portable.bytes);
        line(&mut text, "int8 with DSP instructions", dsp.bytes);
    }
    if model.parameters().is_some_and(|parameters| parameters.has_decoder()) && model.below().is_none() {
        let novelty = novelty_len(&network) + network.code().channels;
        line(&mut text, "novelty, row by row", 4 * novelty);
        let training = resolved.training(resolved.recipe().training.batch)?;
        if training.sparsity.grid == Size::ONE {
            let len = stream_training_len(&network, &training.optimizer.method, training.batch);
            line(&mut text, &format!("training row by row, {} a step", training.batch), len.bytes());
        }
        let len = training_len(&network, &training.sparsity, &training.optimizer.method, training.batch);
        line(&mut text, &format!("training, {} images a step", training.batch), len.bytes());
    }
    Ok(text)
}

fn line(text: &mut String, what: &str, bytes: usize) {
    *text += &format!("  {what:32} {:>14}\n", grouped(bytes as u64));
}
