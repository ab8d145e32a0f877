//! The nominal work of each phase of a training step: the floating-point operations of the direct algorithm,
//! and the bytes that it must move if it moves each number once.
//!
//! A batch has `B` images of `I` numbers. A layer has `P` positions, `M` maps and filters of `F` numbers; an
//! atom has `A` numbers. `S` is the number of survivors in the batch (see [`Nominal::survivors`]):
//!
//! | phase | operations | bytes / 4 |
//! | --- | --- | --- |
//! | prepare | 0 | filters of all layers read, what the kernels make of them written; 0 if they make nothing |
//! | compete, per layer | `B P M (2F + 1)`: multiply-adds and the bias | input, filters, biases, output (of the last layer only the winners and their positions) |
//! | select | 0: comparisons do not count | winners read and written |
//! | refine | 0: not part of the direct algorithm | 0 |
//! | reconstruct | `2 A S + 3 B I`: atoms, difference, square, sum | atoms, images, residuals |
//! | learn, last layer | `S (4A + 2F + 1) + 2 B I`: delta, gradients of atom, filter and bias; scaling and the decoder's bias | residuals, atoms, the survivors' receptive fields, gradients |
//! | learn, layer below | from the last layer `2 F' S`, from others `2 F' M' T'` to bring the deltas down through the filters of the layer above (`'`); `T M (2F + 1)` for the gradients | those filters, deltas written and read, activations, receptive fields, gradients |
//! | update | a parameter: SGD 4, Adam 13, weight decay 2 more | gradient, moments and parameters read, the latter two written |
//!
//! `T` is the number of a layer's positions at which a delta arrives ([`Nominal::touched`]). An
//! implementation may do less than the nominal work, by Winograd's algorithm or by screening candidates. Its
//! share of the peak may then exceed 100%. Data that stay in caches may exceed the memory's speed.

use wta_core::{Layer, Method, Network, Selection, Size, TrainingConfig, survivors};

use crate::train::stopwatch::Phase;

/// The bytes of a number.
const F32: f64 = 4.0;

/// An amount of work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Floating-point additions, multiplications, divisions and roots.
    pub operations: f64,
    /// Bytes read and written.
    pub bytes: f64,
}

impl std::ops::Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { operations: self.operations + other.operations, bytes: self.bytes + other.bytes }
    }
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, work| sum + work)
    }
}

/// The nominal work of a training step.
#[derive(Clone, Copy, Debug)]
pub struct Nominal {
    network: Network,
    training: TrainingConfig,
    prepared: usize,
}

impl Nominal {
    /// The nominal work of a step with kernels that prepare this many numbers
    /// ([`Encoder::prepared_len`](wta_core::Encoder::prepared_len)).
    pub fn new(network: Network, training: TrainingConfig, prepared: usize) -> Self {
        Self { network, training, prepared }
    }

    /// The work of a phase.
    pub fn of(&self, phase: Phase) -> Work {
        let (operations, numbers) = match phase {
            Phase::Prepare if self.prepared == 0 => (0.0, 0.0),
            Phase::Prepare => {
                let filters: usize = self.network.layers().map(|layer| layer.filters_len()).sum();
                (0.0, (filters + self.prepared) as f64)
            }
            Phase::Compete { layer } => self.network.layer(layer).map_or((0.0, 0.0), |l| self.compete(&l)),
            Phase::Select => (0.0, 2.0 * self.batch() * self.winners()),
            Phase::Refine => (0.0, 0.0),
            Phase::Reconstruct => self.reconstruct(),
            Phase::Learn { layer } if layer + 1 == self.network.depth() => self.learn_top(),
            Phase::Learn { layer } => self.learn_hidden(layer),
            Phase::Update => self.update(),
        };
        Work { operations, bytes: F32 * numbers }
    }

    /// The work to encode a batch to dense codes.
    pub fn encode(&self) -> Work {
        let layers = self.network.layers();
        let work = |layer: Layer| {
            let output = self.batch() * layer.output().len() as f64;
            let numbers = self.batch() * layer.input.len() as f64 + weights(&layer) + output;
            Work { operations: self.compete(&layer).0, bytes: F32 * numbers }
        };
        layers.map(work).sum()
    }

    /// The number of survivors in a batch, if every winner is positive after its ReLU.
    pub fn survivors(&self) -> f64 {
        let (sparsity, batch) = (self.training.sparsity, self.training.batch);
        match sparsity.selection {
            Selection::All => self.batch() * self.winners(),
            Selection::PerSample { count } | Selection::Batch { count } => {
                self.batch() * self.winners().min(count as f64)
            }
            Selection::Lifetime { rate } => {
                let candidates = batch * sparsity.grid.area();
                (survivors(rate, candidates).min(candidates) * self.network.code().channels) as f64
            }
        }
    }

    /// The number of positions of hidden layer `layer`, over the whole batch, at which a delta arrives, if
    /// the survivors' receptive fields do not overlap until the maps are full.
    pub fn touched(&self, layer: usize) -> f64 {
        let mut field = Size::ONE;
        for above in (layer + 1..self.network.depth()).rev().filter_map(|index| self.network.layer(index)) {
            let Size { height, width } = above.conv.kernel;
            field = Size::new(
                ((field.height - 1) * above.conv.stride.height + height).min(above.input.height),
                ((field.width - 1) * above.conv.stride.width + width).min(above.input.width),
            );
        }
        let positions = self.network.layer(layer).map_or(0, |layer| layer.output().positions());
        (self.survivors() * field.area() as f64).min(self.batch() * positions as f64)
    }

    fn batch(&self) -> f64 {
        self.training.batch as f64
    }

    /// The number of winners of an image.
    fn winners(&self) -> f64 {
        self.training.sparsity.winners_len(&self.network) as f64
    }

    /// The numbers in the images of a batch.
    fn pixels(&self) -> f64 {
        self.batch() * self.network.input().len() as f64
    }

    fn compete(&self, layer: &Layer) -> (f64, f64) {
        let output = self.batch() * layer.output().len() as f64;
        let written = if *layer == self.network.top() { 2.0 * self.batch() * self.winners() } else { output };
        let read = self.batch() * layer.input.len() as f64 + weights(layer);
        (output * multiply_adds_and_bias(layer), read + written)
    }

    fn reconstruct(&self) -> (f64, f64) {
        let decoder = self.network.decoder();
        let atoms = 2.0 * decoder.filter_len() as f64 * self.survivors();
        (atoms + 3.0 * self.pixels(), decoder.filters_len() as f64 + 2.0 * self.pixels())
    }

    fn learn_top(&self) -> (f64, f64) {
        let (top, decoder) = (self.network.top(), self.network.decoder());
        let (filter, atom) = (top.filter_len() as f64, decoder.filter_len() as f64);
        let operations = self.survivors() * (4.0 * atom + multiply_adds_and_bias(&top)) + 2.0 * self.pixels();
        let fields = self.fields(&top, self.survivors() * filter);
        let atoms = decoder.filters_len() as f64;
        let atom_gradients = if self.network.is_tied() { 0.0 } else { atoms };
        (operations, self.pixels() + atoms + fields + weights(&top) + atom_gradients)
    }

    fn learn_hidden(&self, index: usize) -> (f64, f64) {
        let (Some(layer), Some(above)) = (self.network.layer(index), self.network.layer(index + 1)) else {
            return (0.0, 0.0);
        };
        let senders = if index + 2 == self.network.depth() {
            self.survivors()
        } else {
            self.touched(index + 1) * above.conv.maps as f64
        };
        let deltas = self.touched(index) * layer.conv.maps as f64;
        let operations = 2.0 * senders * above.filter_len() as f64 + deltas * multiply_adds_and_bias(&layer);
        let fields = self.fields(&layer, self.touched(index) * layer.filter_len() as f64);
        (operations, above.filters_len() as f64 + 3.0 * deltas + fields + weights(&layer))
    }

    /// The numbers of a layer's input in the given receptive fields, but at most those in the batch.
    fn fields(&self, layer: &Layer, numbers: f64) -> f64 {
        numbers.min(self.batch() * layer.input.len() as f64)
    }

    fn update(&self) -> (f64, f64) {
        let optimizer = self.training.optimizer;
        let operations = match optimizer.method {
            Method::Sgd { .. } => 4.0,
            Method::Adam { .. } => 13.0,
        };
        let all = self.network.parameters_len() as f64;
        let regions = self.network.regions();
        let decaying = regions.iter().filter(|region| optimizer.decay > 0.0 && region.role.decays());
        let decaying: usize = decaying.map(|region| region.range.len()).sum();
        let moments = optimizer.method.moments() as f64;
        (operations * all + 2.0 * decaying as f64, (3.0 + 2.0 * moments) * all)
    }
}

/// The multiply-adds of a layer for one sample, by the direct algorithm and without the biases.
pub fn multiply_adds(layer: &Layer) -> u64 {
    layer.output().len() as u64 * layer.filter_len() as u64
}

/// The number of weights of a layer: filters and biases.
fn weights(layer: &Layer) -> f64 {
    (layer.filters_len() + layer.conv.maps) as f64
}

/// The operations for one output, or for one delta's part of the gradient.
fn multiply_adds_and_bias(layer: &Layer) -> f64 {
    (2 * layer.filter_len() + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use wta_core::{Conv, Optimizer, Schedule, Shape, Sparsity};

    const BATCH: usize = 3;

    fn training(sparsity: Sparsity, method: Method, decay: f32) -> TrainingConfig {
        let optimizer = Optimizer { method, rate: 0.1, schedule: Schedule::Constant, decay };
        TrainingConfig::new(sparsity, optimizer, BATCH, 1)
    }

    /// Three layers, one with a stride; the survivors' receptive fields fit into the image.
    fn network() -> Network {
        let layers = [
            Conv::new(2, Size::new(3, 5)),
            Conv::with_stride(3, Size::square(3), Size::new(2, 1)),
            Conv::new(4, Size::new(3, 1)),
        ];
        Network::convolutional(Shape::new(2, 20, 17), &layers, Size::new(3, 5)).unwrap()
    }

    /// Lifetime sparsity that leaves one survivor of each map in the batch.
    fn nominal() -> Nominal {
        Nominal::new(network(), training(Sparsity::lifetime(0.3), Method::Sgd { momentum: 0.9 }, 0.0), 0)
    }

    /// Counts every operation of the forward pass, one by one.
    #[test]
    fn a_layer_is_all_its_products_and_sums() {
        for (index, layer) in network().layers().enumerate() {
            let mut count = 0u64;
            for _image in 0..BATCH {
                for _row in (0..layer.input.height).step_by(layer.conv.stride.height) {
                    for _column in (0..layer.input.width).step_by(layer.conv.stride.width) {
                        for _map in 0..layer.conv.maps {
                            count += 1; // the bias
                            for _tap in 0..layer.conv.kernel.height * layer.conv.kernel.width {
                                for _channel in 0..layer.input.channels {
                                    count += 2;
                                }
                            }
                        }
                    }
                }
            }
            assert_eq!(nominal().of(Phase::Compete { layer: index }).operations, count as f64, "{index}");
        }
        let all: f64 = (0..3).map(|layer| nominal().of(Phase::Compete { layer }).operations).sum();
        assert_eq!(nominal().encode().operations, all);
    }

    /// The positions of layer `index` that a survivor in the middle of the code reaches, followed one by one.
    fn reached(index: usize) -> usize {
        let network = network();
        let code = network.code();
        let mut positions = HashSet::from([(code.height / 2, code.width / 2)]);
        for layer in (index + 1..3).rev().map(|index| network.layer(index).unwrap()) {
            let Conv { kernel, stride, .. } = layer.conv;
            let field = |(y, x): (usize, usize)| {
                let taps = (0..kernel.height).flat_map(move |row| (0..kernel.width).map(move |c| (row, c)));
                let (top, left) = ((kernel.height - 1) / 2, (kernel.width - 1) / 2);
                taps.map(move |(row, c)| (y * stride.height + row - top, x * stride.width + c - left))
            };
            positions = positions.into_iter().flat_map(field).collect();
            assert!(positions.iter().all(|(y, x)| *y < layer.input.height && *x < layer.input.width));
        }
        positions.len()
    }

    #[test]
    fn survivors_touch_their_receptive_fields() {
        let nominal = nominal();
        assert_eq!(nominal.survivors(), 4.0);
        assert_eq!(nominal.touched(2), 4.0);
        assert_eq!(nominal.touched(1), 4.0 * reached(1) as f64);
        assert_eq!(nominal.touched(0), 4.0 * reached(0) as f64);
        assert_eq!((reached(1), reached(0)), (3, 7 * 3));
        // If all winners of 40 windows survive, the maps are full.
        let crowded = Sparsity { grid: Size::new(8, 5), selection: Selection::All };
        let full = Nominal::new(network(), training(crowded, Method::ADAM, 0.0), 0);
        assert_eq!(full.survivors(), (BATCH * 40 * 4) as f64);
        assert_eq!(full.touched(0), (BATCH * 20 * 17) as f64);
        let sparse = Sparsity { grid: Size::ONE, selection: Selection::PerSample { count: 2 } };
        assert_eq!(Nominal::new(network(), training(sparse, Method::ADAM, 0.0), 0).survivors(), 6.0);
    }

    /// Counts every operation of learning, survivor by survivor, for images in which no receptive fields
    /// overlap.
    #[test]
    fn learning_is_what_each_survivor_costs() {
        let (survivors, network) = (4, network());
        let (atom, pixels) = (3 * 5 * 2, BATCH * 20 * 17 * 2);
        let (mut reconstruct, mut top, mut middle, mut first) = (0, 0, 0, 0);
        for _survivor in 0..survivors {
            for _number in 0..atom {
                reconstruct += 2; // reconstruction += value * atom
                top += 2; // delta += residual * atom
                top += 2; // gradient of the atom += value * residual
            }
            top += 1; // gradient of the bias
            for _number in 0..3 * 3 {
                top += 2; // gradient of the filter += delta * input
                middle += 2; // deltas below += delta * filter
            }
            for _position in 0..reached(1) {
                for _map in 0..3 {
                    middle += 1; // bias
                    for _number in 0..3 * 3 * 2 {
                        middle += 2; // gradient of the filter
                        first += 2; // deltas below
                    }
                }
            }
            for _position in 0..reached(0) {
                for _map in 0..2 {
                    first += 1;
                    for _number in 0..3 * 5 * 2 {
                        first += 2;
                    }
                }
            }
        }
        for _pixel in 0..pixels {
            reconstruct += 3; // the difference, its square, their sum
            top += 2; // one over the batch; the decoder's bias
        }
        let phases = [
            (Phase::Reconstruct, reconstruct),
            (Phase::Learn { layer: 2 }, top),
            (Phase::Learn { layer: 1 }, middle),
            (Phase::Learn { layer: 0 }, first),
        ];
        for (phase, count) in phases {
            assert_eq!(nominal().of(phase).operations, f64::from(count), "{phase} of {network:?}");
        }
    }

    #[test]
    fn the_optimiser_touches_every_parameter() {
        let network = Network::fully_connected(5, &[7]).unwrap();
        let (filters, biases) = (5 * 7 + 7 * 5, 7 + 5);
        let of = |method, decay| {
            let work = Nominal::new(network, training(Sparsity::SPATIAL, method, decay), 0).of(Phase::Update);
            (work.operations, work.bytes)
        };
        let all = f64::from(filters + biases);
        assert_eq!(of(Method::Sgd { momentum: 0.9 }, 0.0), (4.0 * all, 20.0 * all));
        assert_eq!(of(Method::ADAM, 0.1), (13.0 * all + 2.0 * f64::from(filters), 28.0 * all));
    }

    #[test]
    fn bytes_are_each_number_once() {
        let network = Network::fully_connected(5, &[7]).unwrap();
        let nominal = Nominal::new(network, training(Sparsity::lifetime(0.3), Method::ADAM, 0.0), 48);
        let bytes = |phase| nominal.of(phase).bytes;
        assert_eq!(bytes(Phase::Prepare), 4.0 * (35.0 + 48.0));
        assert_eq!(Nominal { prepared: 0, ..nominal }.of(Phase::Prepare).bytes, 0.0);
        assert_eq!(bytes(Phase::Compete { layer: 0 }), 4.0 * (3.0 * 5.0 + 35.0 + 7.0 + 2.0 * 3.0 * 7.0));
        assert_eq!(nominal.encode().bytes, 4.0 * (3.0 * 5.0 + 35.0 + 7.0 + 3.0 * 7.0));
        assert_eq!(bytes(Phase::Select), 4.0 * 2.0 * 3.0 * 7.0);
        assert_eq!(bytes(Phase::Reconstruct), 4.0 * (35.0 + 2.0 * 15.0));
        // Residuals, atoms, all numbers of the three images (7 survivors), and both gradients.
        assert_eq!(bytes(Phase::Learn { layer: 0 }), 4.0 * (15.0 + 35.0 + 15.0 + 42.0 + 35.0));
        let tied = Nominal { network: network.tied().unwrap(), ..nominal };
        assert_eq!(tied.of(Phase::Learn { layer: 0 }).bytes, 4.0 * (15.0 + 35.0 + 15.0 + 42.0));
    }
}
