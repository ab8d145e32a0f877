//! A dictionary as SAELens reads it: `cfg.json` and `sae_weights.safetensors`.
//!
//! What the decoder's bias takes off the samples is in the encoder's biases already, so
//! `apply_b_dec_to_input` is false. With thresholds the architecture is `jumprelu`; without them it is `topk`
//! where each sample has so many winners, and else `standard`: every positive activation.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wta_core::Parameters;

use crate::error::{Error, Result};
use crate::files::atomic;
use crate::files::tensors::{Tensor, write};
use crate::layout::transposed;
use crate::run::Trained;

/// The version whose loader has been tried: `benches/records`.
const VERSION: &str = "6.54.12";

/// A dictionary in SAELens's layout.
#[derive(Clone, Debug)]
pub struct SaeLens {
    config: Value,
    tensors: Vec<Tensor>,
}

impl SaeLens {
    /// The dictionary of a trained network.
    ///
    /// # Errors
    ///
    /// One sentence if it is no fully-connected layer on samples that are not preprocessed, or its features
    /// are not its activations.
    pub fn new(trained: &Trained) -> Result<Self> {
        let (network, recipe) = (trained.network(), trained.recipe());
        let refused =
            |problem: &str| Err(Error::Invalid(format!("recipe {}: SAELens knows {problem}", recipe.name)));
        if !network.is_fully_connected() || network.depth() != 1 || recipe.gibbs().is_some() {
            return refused("dictionaries of one fully-connected layer alone");
        }
        if trained.below.is_some() {
            return refused("no layers below: export the layer below alone");
        }
        if !recipe.preprocess.is_empty() {
            return refused("no preprocessing: leave [[preprocess]] out, and give samples as they are to be");
        }
        if recipe.features.root || trained.resolved.encoding() != network {
            return refused("activations alone: leave features.root and features.signs out");
        }
        if trained.resolved.pool().threshold != wta_core::Threshold::None {
            return refused("no threshold of the sample's own: leave features.threshold out");
        }
        let (inputs, units) = (network.input().channels, network.code().channels);
        let parameters = Parameters::new(network, &trained.parameters)?;
        // The samples are divided before the network sees them.
        let divisor = recipe.data.divide_by;
        let scaled = |values: &[f32], factor: f32| values.iter().map(|v| factor * v).collect::<Vec<f32>>();
        let filters = parameters.filters(0);
        let tensor =
            |name: &str, shape: Vec<usize>, values: Vec<f32>| Tensor { name: name.to_owned(), shape, values };
        let mut tensors = vec![
            tensor("W_dec", vec![units, inputs], scaled(parameters.atoms(), divisor)),
            tensor(
                "W_enc",
                vec![inputs, units],
                transposed(&scaled(filters.weights, 1.0 / divisor), units).collect(),
            ),
            tensor("b_dec", vec![inputs], scaled(parameters.decoder_bias(), divisor)),
            tensor("b_enc", vec![units], filters.bias.to_vec()),
        ];
        let mut config = json!({
            "architecture": "standard",
            "d_in": inputs,
            "d_sae": units,
            "dtype": "float32",
            "device": "cpu",
            "apply_b_dec_to_input": false,
            "normalize_activations": "none",
            "reshape_activations": "none",
            "metadata": { "sae_lens_version": VERSION, "sae_lens_training_version": null },
        });
        if let Some(thresholds) = &trained.thresholds {
            config["architecture"] = json!("jumprelu");
            tensors.push(tensor("threshold", vec![units], thresholds.clone()));
        } else if let Some(count) = recipe.sparsity.per_sample {
            config["architecture"] = json!("topk");
            config["k"] = json!(count.min(units));
            config["rescale_acts_by_decoder_norm"] = json!(false);
        }
        Ok(Self { config, tensors })
    }

    /// `jumprelu`, `topk` or `standard`.
    pub fn architecture(&self) -> &str {
        self.config["architecture"].as_str().unwrap_or_default()
    }

    /// What whoever uses a code of the architecture `standard` should know; `None` of the others.
    pub fn note(&self) -> Option<&'static str> {
        (self.architecture() == "standard").then_some(
            "the code has every positive activation, many more than win in training: train with \
             dictionary.thresholds = true for one that is as sparse",
        )
    }

    /// Writes both files into a folder, which is made if it is not there. Returns their paths.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a file cannot be written. Another dictionary's files there are replaced.
    pub fn save(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        atomic::create_dir(folder)?;
        let paths = [folder.join("sae_weights.safetensors"), folder.join("cfg.json")];
        let [weights, config] = &paths;
        let mut tensors = self.tensors.clone();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        write(weights, &tensors, &[])?;
        let text = serde_json::to_string_pretty(&self.config)
            .map_err(|error| Error::file(config, format!("cannot be made ({error})")))?;
        atomic::replace(config, |to| to.write_all(format!("{text}\n").as_bytes()))?;
        Ok(paths)
    }
}
