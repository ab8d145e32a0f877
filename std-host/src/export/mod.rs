//! From a run to firmware: `model.wta`, the same as a Rust module or a C header, and the flash and RAM that
//! it takes; and to other programs: ONNX.
//!
//! [`wta_core::model`] describes the format. A [`Source`] is read from the run's files. [`model`] turns it
//! into bytes, which are the same for the same source. [`int8_model`] writes the quantised network. A
//! signal's network is turned, so that a device streams it sample by sample.

mod c;
mod class_names;
mod format;
mod memory;
mod name;
pub mod onnx;
pub mod quantize;
mod ram;
mod rust;
mod saelens;
mod source;
mod title;

use wta_core::model::{
    AVERAGE, BELOW, INT8_BIASES, INT8_FEATURE_SCALE, INT8_INPUT_STEP, INT8_MULTIPLIERS, INT8_SVM_BIASES,
    INT8_SVM_SCALES, INT8_SVM_WEIGHTS, INT8_WEIGHTS, PARAMETERS, PLANAR, PREPROCESSED, PREPROCESSING,
    SQRT_FEATURES, STACKED, STEPPED, SVM_BIASES, SVM_WEIGHTS, TIED, TRIANGLE, WHOLE_STACK,
};
use wta_core::{PoolKind, Threshold};

pub use c::header;
pub use format::{Description, ModelFile, Section};
pub use memory::{Cost, Costs, costs};
pub use name::Name;
pub use rust::module;
pub use saelens::SaeLens;
pub use source::Source;

use crate::error::{Error, Result};
use crate::evaluate::Classifier;
use crate::files::tensors::bytes_of;
use crate::run::Trained;
use quantize::{Quantized, QuantizedFilters};

/// The optional contents of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether to include the decoder's parameters: for training, reconstruction and novelty.
    pub decoder: bool,
}

/// The `model.wta` of a source; of a stack, with the layers below in it.
///
/// # Errors
///
/// One sentence if the file would be larger than the 4 GiB of the format, or the core refuses it.
pub fn model(source: &Source, options: Options) -> Result<ModelFile> {
    layer(source, Some(options), None)
}

/// The `model.wta` of a quantised source. With `floats`, the sections of [`model`] come first.
///
/// # Errors
///
/// As for [`model`].
pub fn int8_model(source: &Source, quantized: &Quantized, floats: Option<Options>) -> Result<ModelFile> {
    layer(source, floats, Some(quantized))
}

/// The file of a layer, with those below.
fn layer(source: &Source, floats: Option<Options>, quantized: Option<&Quantized>) -> Result<ModelFile> {
    let mut sections = floats.map_or(Vec::new(), |options| float_sections(source, options));
    let mut description = description(source);
    sections.extend(quantized.map_or(Vec::new(), int8_sections));
    if quantized.is_some_and(|quantized| quantized.input_step().is_some()) {
        description.flags |= STEPPED;
    }
    sections.extend(class_names::section(&source.classes, description.classes)?);
    let trained = &source.trained;
    match &trained.below {
        Some(below) => {
            let trained = below.trained.clone();
            let lower = Source { image: source.image, ..Source::of(trained) };
            // Only the lowest layer's input could be reconstructed, and nobody asks for that.
            let floats = floats.map(|_| Options { decoder: false });
            let file = layer(&lower, floats, quantized.and_then(Quantized::below))?;
            description.flags |= WHOLE_STACK;
            sections.push(Section { tag: BELOW, what: "layers below", bytes: file.bytes().to_vec() });
        }
        None => {
            let refused = |problem| Error::Invalid(format!("recipe {}: {problem}", trained.recipe().name));
            if let Some(words) = trained.preprocess.for_devices(source.image).map_err(refused)? {
                description.flags |= PREPROCESSED;
                let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
                sections.push(Section { tag: PREPROCESSING, what: "preprocessing", bytes });
            }
        }
    }
    ModelFile::new(&description, &sections)
}

/// The sections in 8-bit integers.
fn int8_sections(quantized: &Quantized) -> Vec<Section> {
    let mut sections = Vec::new();
    let QuantizedFilters { weights, biases, multipliers } = quantized.filters();
    let weights = weights.iter().map(|weight| *weight as u8).collect();
    let biases = biases.iter().flat_map(|bias| bias.to_le_bytes()).collect();
    let multipliers = multipliers.iter().flat_map(|multiplier| multiplier.to_le_bytes()).collect();
    let mut add = |tag, what, bytes| sections.push(Section { tag, what, bytes });
    add(INT8_WEIGHTS, "encoder, int8", weights);
    add(INT8_BIASES, "encoder's biases, i32", biases);
    add(INT8_MULTIPLIERS, "encoder's multipliers, i32", multipliers);
    add(INT8_FEATURE_SCALE, "features' scale", bytes_of(&[quantized.feature_scale()]));
    if let Some(step) = quantized.input_step() {
        add(INT8_INPUT_STEP, "input's step", bytes_of(&[step]));
    }
    if let Some(svm) = quantized.classifier() {
        let biases = svm.biases.iter().flat_map(|bias| bias.to_le_bytes()).collect();
        add(INT8_SVM_WEIGHTS, "classifier's weights, int8", svm.weights.iter().map(|w| *w as u8).collect());
        add(INT8_SVM_BIASES, "classifier's biases, i32", biases);
        add(INT8_SVM_SCALES, "classifier's scales, f32", bytes_of(&svm.scales));
    }
    sections
}

impl Trained {
    /// The network for firmware: `model.wta` with encoder and decoder but without a classifier.
    ///
    /// # Errors
    ///
    /// As for [`Source::new`] and [`model`].
    pub fn export(&self) -> Result<ModelFile> {
        model(&Source::new(self.clone(), None)?, Options { decoder: true })
    }
}

impl Classifier<'_> {
    /// The network and the classifier for firmware: `model.wta` with encoder, decoder and SVM.
    ///
    /// # Errors
    ///
    /// As for [`Source::new`] and [`model`].
    pub fn export(&self) -> Result<ModelFile> {
        let source = Source::new(self.trained().clone(), Some(self.svm.clone()))?;
        model(&Source { classes: self.classes.clone(), ..source }, Options { decoder: true })
    }
}

fn description(source: &Source) -> Description {
    let (trained, network) = (&source.trained, source.trained.resolved.encoding());
    // A fully-connected network is trained on the maps, or the colours, one after the other.
    let (below, scale) = match &trained.below {
        Some(below) => (below.trained.features(), below.scale),
        None => (source.image, 1.0 / trained.recipe().data.divide_by),
    };
    let planar = network.is_fully_connected() && below.positions() > 1 && below.channels > 1;
    let flags = [
        (network.is_tied(), TIED),
        (trained.recipe().features.root, SQRT_FEATURES),
        (source.pool.kind == PoolKind::Average, AVERAGE),
        (source.pool.threshold == Threshold::Triangle, TRIANGLE),
        (trained.below.is_some(), STACKED),
        (planar, PLANAR),
    ];
    let (network, pool) = source::turned(network, source.pool);
    Description {
        network,
        pool,
        flags: flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag).sum(),
        scale,
        classes: source.svm.as_ref().map_or(0, |svm| svm.classes),
    }
}

/// The sections in `f32`.
fn float_sections(source: &Source, options: Options) -> Vec<Section> {
    let (network, parameters) = source.trained.encoding();
    let len = if options.decoder { network.parameters_len() } else { network.encoder_len() };
    let parameters = parameters.get(..len).unwrap_or(&parameters);
    let what = if options.decoder { "encoder and decoder, f32" } else { "encoder, f32" };
    let mut sections = vec![Section { tag: PARAMETERS, what, bytes: bytes_of(parameters) }];
    if let Some(svm) = &source.svm {
        let (weights, biases) = (bytes_of(&svm.weights), bytes_of(&svm.bias));
        sections.push(Section { tag: SVM_WEIGHTS, what: "classifier's weights, f32", bytes: weights });
        sections.push(Section { tag: SVM_BIASES, what: "classifier's biases, f32", bytes: biases });
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::Preprocess;
    use crate::recipe;
    use crate::run::Below;
    use crate::svm;
    use std::sync::Arc;
    use wta_core::{Initial, Model, Network, Shape};

    /// Two layers with a stride, pooling and square roots; with `stacked`, a fully-connected layer on top.
    fn source(stacked: bool) -> Source {
        let lower = r#"name = "lower"
            about = "test"
            data = { set = "mnist", divide_by = 127.5 }
            network = { kind = "convolutional", encoder = [{ maps = 5, kernel = 3 }, { maps = 6, kernel = [5, 3], stride = [1, 2] }], decoder_kernel = 7, initial = "he" }
            sparsity = { lifetime = 0.2 }
            training = { epochs = 1, batch = 20, optimizer = { sgd = { momentum = 0.9 } }, rate = 1e-3 }
            features = { pool = { kernel = 5, stride = 3 }, root = true }"#;
        let upper = r#"name = "upper"
            about = "test"
            data = { set = "mnist", divide_by = 127.5 }
            network = { kind = "fully-connected", units = [7], tied = true, initial = "he" }
            sparsity = { lifetime = 0.2 }
            training = { epochs = 1, batch = 20, optimizer = "adam", rate = 1e-3 }"#;
        let image = Shape::new(1, 28, 28);
        let trained = |text: &str, image: Shape| {
            let recipe = recipe::parse(text, "test").unwrap();
            let resolved = Arc::new(recipe.resolve(image).unwrap());
            let network = resolved.network();
            let mut parameters = vec![0.0; network.parameters_len()];
            network.initialise(Initial::He, 3, &mut parameters).unwrap();
            Trained {
                resolved,
                parameters,
                preprocess: Arc::new(Preprocess::none(image)),
                below: None,
                thresholds: None,
            }
        };
        let mut trained = match stacked {
            false => trained(lower, image),
            true => {
                let below = trained(lower, image);
                let above = trained(upper, below.features());
                let below = Below { trained: below, scale: 2.5 };
                Trained { below: Some(Box::new(below)), ..above }
            }
        };
        trained.parameters.iter_mut().enumerate().for_each(|(i, v)| *v += i as f32 * 1e-3);
        let pool = trained.resolved.pool();
        let features = pool.output(trained.network().code()).len();
        let weights = (0..3 * features).map(|i| (i as f32).sin()).collect();
        let svm = svm::Model { classes: 3, features, weights, bias: vec![0.5, -1.0, 0.0] };
        Source { image, pool, svm: Some(svm), ..Source::of(trained) }
    }

    #[test]
    fn the_core_reads_what_was_exported() {
        for (stacked, decoder) in [(false, true), (false, false), (true, true)] {
            let source = source(stacked);
            let file = model(&source, Options { decoder }).unwrap();
            assert_eq!(file.bytes(), model(&source, Options { decoder }).unwrap().bytes());
            let found = Model::parse(file.bytes()).unwrap();
            let network: Network = source.trained.network();
            assert_eq!((found.network(), found.pool()), (network, source.pool));
            assert_eq!(found.sqrt_features(), source.trained.recipe().features.root);
            assert_eq!((found.is_stacked(), found.is_planar()), (stacked, stacked));
            assert_eq!(found.scale(), if stacked { 2.5 } else { 1.0 / 127.5 });
            assert_eq!(found.parameters().unwrap().has_decoder(), decoder);
            let len = if decoder { network.parameters_len() } else { network.encoder_len() };
            assert_eq!(found.section(PARAMETERS), Some(&bytes_of(&source.trained.parameters[..len])[..]));
            let svm = source.svm.unwrap();
            assert_eq!(found.section(SVM_WEIGHTS), Some(&bytes_of(&svm.weights)[..]));
            assert_eq!(found.section(SVM_BIASES), Some(&bytes_of(&svm.bias)[..]));
            assert_eq!((found.classes(), found.features()), (3, svm.features));
        }
    }

    #[test]
    fn the_file_is_of_the_documented_form() {
        let source = Source { svm: None, ..source(false) };
        let file = model(&source, Options { decoder: true }).unwrap();
        let bytes = file.bytes();
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(&bytes[..8], b"WTAMODEL");
        assert_eq!((number(8), number(12)), (1, bytes.len()));
        assert_eq!(number(16), crc32fast::hash(&bytes[20..]) as usize);
        assert_eq!(number(20), 2, "the root");
        let fields: Vec<usize> = (28..80).step_by(4).map(number).collect();
        let pooled = 6 * 10 * 5;
        assert_eq!(fields, [1, 28, 28, 7, 7, 5, 5, 3, 3, pooled, 0, 2, 1]);
        let layers: Vec<usize> = (80..120).step_by(4).map(number).collect();
        assert_eq!(layers, [5, 3, 3, 1, 1, 6, 5, 3, 1, 2]);
        assert_eq!(&bytes[120..124], b"PARM");
        let parameters = bytes_of(&source.trained.parameters);
        assert_eq!((number(124), number(128)), (144, parameters.len()));
        assert_eq!(bytes[144..144 + parameters.len()], parameters[..]);
        assert!(bytes.len() - 144 - parameters.len() < 16);
    }

    #[test]
    fn a_file_that_the_core_would_refuse_is_not_made() {
        let mut source = source(false);
        source.trained.parameters[9] = f32::NAN;
        let error = model(&source, Options { decoder: true }).unwrap_err().to_string();
        assert!(error.contains("element 9 of the parameters is not a finite number"), "{error}");
    }
}
