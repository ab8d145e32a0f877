//! A layer of the plan: its shapes, its work, its time and its memory.

use serde::Serialize;
use wta_core::{Layer, Network, Size};

use crate::numbers::channels_rows_columns;
use crate::profile::text::network_and_sparsity;
use crate::profile::work::multiply_adds;
use crate::recipe::Resolved;
use crate::train::LayerRehearsal;

/// What a layer of a stack takes; a recipe without layers below has one.
#[derive(Clone, Debug, Serialize)]
pub struct LayerPlan {
    /// The recipe's name.
    pub recipe: String,
    /// The network and its sparsity in words.
    pub network: String,
    /// The encoder's layers, and the decoder last.
    pub stages: Vec<Stage>,
    /// All numbers that are learnt.
    pub parameters: usize,
    /// Multiplications, each with an addition, to encode a sample.
    pub multiply_adds: u64,
    /// Channels x rows x columns of the features, after pooling.
    pub features: String,
    /// Samples in a step.
    pub batch: usize,
    /// Steps of an epoch; `None` if the training does not fit.
    pub steps: Option<usize>,
    /// Epochs in all.
    pub epochs: usize,
    /// Epochs that the run to continue has done already.
    pub done: usize,
    /// The samples that are held out.
    pub held_out: usize,
    /// The bytes of weights and moments.
    pub state_bytes: u64,
    /// The bytes of a step: weights, moments, the buffers of all threads, and the files that are put together
    /// at the end of an epoch.
    pub step_bytes: Option<u64>,
    /// The bytes of preprocessed samples, or of features of the layer below, that are kept; 0 if they are
    /// computed for each batch.
    pub kept_bytes: u64,
    /// The most bytes that the process has in use while this layer is trained.
    pub peak_bytes: Option<u64>,
    /// The same while the preprocessing is learnt.
    pub learn_bytes: Option<u64>,
    /// How many steps were measured.
    pub measured_steps: usize,
    /// Milliseconds of a step.
    pub step_ms: Option<f64>,
    /// Seconds of an epoch.
    pub epoch_seconds: Option<f64>,
    /// Seconds before the first step.
    pub before_seconds: Option<f64>,
    /// Seconds of this layer's training, of the epochs that are left.
    pub seconds: Option<f64>,
}

/// A layer of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// `16 maps of 5x5`, `2000 units`, or the decoder.
    pub what: String,
    /// Channels x rows x columns.
    pub input: String,
    /// Channels x rows x columns.
    pub output: String,
    /// Weights and biases; of a tied decoder, the biases.
    pub parameters: usize,
    /// Multiplications, each with an addition, for a sample. The decoder adds up the survivors alone, and
    /// nothing when samples are encoded: 0.
    pub multiply_adds: u64,
}

impl LayerPlan {
    pub(super) fn new(resolved: &Resolved, found: Option<&LayerRehearsal>) -> Self {
        // A layer of patches is planned as it is trained, and not as it is applied.
        let resolved = found.map_or(resolved, |found| &found.resolved);
        let (recipe, network) = (resolved.recipe(), resolved.network());
        let epochs = recipe.training.epochs;
        let moments = match recipe.gibbs() {
            Some(gibbs) => gibbs.moments_len(&network, recipe.training.batch),
            None => network.parameters_len() * recipe.training.optimizer.method().moments(),
        };
        let state = network.parameters_len() + moments;
        let memory = found.and_then(|found| found.memory);
        let measured = found.filter(|found| found.measured > 0);
        let left = found.map_or(epochs, |found| epochs - found.done.min(epochs));
        Self {
            recipe: recipe.name.clone(),
            network: network_and_sparsity(&network, &recipe.sparsity.at_end(network.code())),
            stages: stages(&network),
            parameters: network.parameters_len(),
            multiply_adds: network.layers().map(|layer| multiply_adds(&layer)).sum(),
            features: channels_rows_columns(resolved.features()),
            batch: recipe.training.batch,
            steps: found.map(|found| found.samples / found.training.batch.max(1)),
            epochs,
            done: found.map_or(0, |found| found.done),
            held_out: found.map_or(0, |found| found.held_out),
            state_bytes: (state * size_of::<f32>()) as u64,
            step_bytes: memory.map(|memory| memory.step),
            kept_bytes: found.map_or(0, |found| found.kept),
            peak_bytes: memory.map(|memory| memory.peak()),
            learn_bytes: memory.map(|memory| memory.learn).filter(|bytes| *bytes > 0),
            measured_steps: found.map_or(0, |found| found.measured),
            step_ms: measured.map(|found| 1e3 * found.step_seconds),
            epoch_seconds: measured.map(|found| found.epoch_seconds),
            before_seconds: measured.map(|found| found.before_seconds),
            seconds: found.map(|found| found.before_seconds + left as f64 * found.epoch_seconds),
        }
    }
}

fn stages(network: &Network) -> Vec<Stage> {
    let stage = |layer: Layer| Stage {
        what: in_words(&layer, network.is_fully_connected()),
        input: channels_rows_columns(layer.input),
        output: channels_rows_columns(layer.output()),
        parameters: layer.filters_len() + layer.conv.maps,
        multiply_adds: multiply_adds(&layer),
    };
    let mut stages: Vec<Stage> = network.layers().map(stage).collect();
    let decoder = network.decoder();
    let tied = if network.is_tied() { ", tied" } else { "" };
    let kernel = decoder.conv.kernel;
    let what = if network.is_fully_connected() {
        format!("decoder{tied}")
    } else {
        format!("decoder of {}x{}{tied}", kernel.height, kernel.width)
    };
    let encoder = network.encoder_len();
    stages.push(Stage {
        what,
        input: channels_rows_columns(network.code()),
        output: channels_rows_columns(network.input()),
        parameters: network.parameters_len() - encoder,
        multiply_adds: 0,
    });
    stages
}

fn in_words(layer: &Layer, is_fully_connected: bool) -> String {
    let (maps, kernel, stride) = (layer.conv.maps, layer.conv.kernel, layer.conv.stride);
    if is_fully_connected {
        return format!("{maps} units");
    }
    let every = match stride {
        Size::ONE => String::new(),
        Size { height, width } => format!(", every {height}x{width}"),
    };
    format!("{maps} maps of {}x{}{every}", kernel.height, kernel.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wta_core::{Conv, Shape};

    /// Counted by hand.
    #[test]
    fn the_work_of_a_small_network() {
        let layers = [Conv::new(4, Size::square(3)), Conv::with_stride(5, Size::new(3, 5), Size::square(2))];
        let network = Network::convolutional(Shape::new(2, 6, 8), &layers, Size::square(3)).unwrap();
        let [first, second, decoder] = &stages(&network)[..] else { panic!() };
        // 6 x 8 positions of 4 maps, each 3 x 3 x 2 weights; filters and biases.
        assert_eq!((first.parameters, first.multiply_adds), (4 * 18 + 4, 6 * 8 * 4 * 18));
        assert_eq!((first.output.as_str(), first.what.as_str()), ("4x6x8", "4 maps of 3x3"));
        // 3 x 4 positions of 5 maps, each 3 x 5 x 4 weights.
        assert_eq!((second.parameters, second.multiply_adds), (5 * 60 + 5, 3 * 4 * 5 * 60));
        assert_eq!(second.what, "5 maps of 3x5, every 2x2");
        assert_eq!((decoder.parameters, decoder.output.as_str()), (5 * 9 * 2 + 2, "2x6x8"));
        let parameters: usize = stages(&network).iter().map(|stage| stage.parameters).sum();
        assert_eq!(parameters, network.parameters_len());
        let tied = Network::fully_connected(10, &[7]).unwrap().tied().unwrap();
        let [units, decoder] = &stages(&tied)[..] else { panic!() };
        assert_eq!((units.parameters, units.multiply_adds, decoder.parameters), (77, 70, 10));
        assert_eq!((units.what.as_str(), decoder.what.as_str()), ("7 units", "decoder, tied"));
    }
}
