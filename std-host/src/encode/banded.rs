//! The features of a large image, band by band, through all layers of a stack and their pooling. They have
//! the bits that the whole image gives; [`band`](super::band) says why.

use std::ops::Range;

use rayon::prelude::*;
use wta_core::{Encoder, Parameters, Pool, Shape};
use wta_simd::Isa;

use super::band::{Band, Layers};
use super::stage::{Scratch, Stage};
use super::windows::Windows;
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::memory::reserve::zeros;

/// The least numbers that a thread has for a stage's band, 16 MiB: smaller bands compute many rows twice.
const LEAST: usize = 1 << 22;

/// The stages of a stack, ready for images that are encoded in bands.
pub(super) struct Banded<'a> {
    isa: Isa,
    stages: Vec<BandedStage<'a>>,
    /// The most numbers of features that are handed over at a time.
    most: usize,
}

/// A stage. A network over a single row has rows and columns in each other's place, so that its bands are
/// short.
struct BandedStage<'a> {
    stage: &'a Stage,
    pool: Pool,
    /// The shape of the features.
    shape: Shape,
    /// What is cut into bands; `None` for a fully-connected network, and for an RBM.
    layers: Option<Layers>,
    /// The encoder's parameters, and a decoder of one pixel that nobody uses.
    parameters: Vec<f32>,
    /// The rows of the code that are computed at a time.
    rows: usize,
}

/// The memory of a thread for one stage.
#[derive(Default)]
struct Memory {
    /// The features of the stage below, then the input made of them.
    pixels: Vec<f32>,
    inputs: Aligned,
    codes: Aligned,
    scratch: Aligned,
}

/// The memory that a thread needs for all stages.
pub(super) struct Memories(Vec<Memory>);

impl<'a> Banded<'a> {
    /// The stages, with bands of at most `most` numbers of memory for all threads and stages together, but
    /// not less than [`LEAST`] or a row; tests set `least` lower.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if the core refuses a network.
    pub(super) fn new(isa: Isa, stages: &'a [Stage], most: usize, least: Option<usize>) -> Result<Self> {
        let share = most / (rayon::current_num_threads().max(1) * stages.len().max(1));
        let share = share.max(least.unwrap_or(LEAST));
        let mut ready: Vec<BandedStage<'a>> = Vec::new();
        for stage in stages {
            let is_turned =
                stage.network.input().height == 1 && ready.last().is_none_or(|below| below.shape.width == 1);
            ready.push(BandedStage::new(isa, stage, is_turned, share)?);
        }
        Ok(Self { isa, stages: ready, most })
    }

    /// The rows of the features of stage `index`, as bands count them.
    pub(super) fn height(&self, index: usize) -> usize {
        self.stages.get(index).map_or(0, |stage| stage.shape.height)
    }

    /// Writes the features of stage `index` in rows of its own; `wanted` are those to be written. All threads
    /// work at them.
    ///
    /// # Errors
    ///
    /// As for [`Stage::run`].
    pub(super) fn write(
        &self,
        index: usize,
        image: &[f32],
        wanted: Range<usize>,
        features: &mut [f32],
    ) -> Result<()> {
        let Some(stage) = self.stages.get(index) else { return Ok(()) };
        let chunk = stage.chunk().min(wanted.len().div_ceil(rayon::current_num_threads().max(1))).max(1);
        let row = (stage.shape.width * stage.shape.channels).max(1);
        features.par_chunks_mut(chunk * row).enumerate().try_for_each_init(
            || self.memories(),
            |memories, (part, features)| {
                let start = wanted.start + part * chunk;
                self.rows(index, image, start..start + features.len() / row, &mut memories.0, features)
            },
        )
    }

    /// Computes the features of stage `index` some rows at a time, in order. `consume` gets the first
    /// position and the features from there on.
    ///
    /// # Errors
    ///
    /// As for [`Banded::write`]; also what `consume` returns.
    pub(super) fn each(
        &self,
        index: usize,
        image: &[f32],
        mut consume: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(stage) = self.stages.get(index) else { return Ok(()) };
        let Shape { channels, height, width } = stage.shape;
        let within = (self.most / (width * channels).max(1)).max(1);
        let rows = (stage.chunk() * rayon::current_num_threads().max(1)).min(within).min(height);
        let mut features = zeros(rows * width * channels, || "the features of a band".to_owned())?;
        for start in (0..height).step_by(rows.max(1)) {
            let end = (start + rows).min(height);
            let features = features.get_mut(..(end - start) * width * channels).unwrap_or_default();
            self.write(index, image, start..end, features)?;
            consume(start * width, features)?;
        }
        Ok(())
    }

    fn memories(&self) -> Memories {
        Memories(self.stages.iter().map(|_| Memory::default()).collect())
    }

    /// The rows `wanted` of the features of stage `index`.
    fn rows(
        &self,
        index: usize,
        image: &[f32],
        wanted: Range<usize>,
        memories: &mut [Memory],
        features: &mut [f32],
    ) -> Result<()> {
        let Some(stage) = self.stages.get(index) else { return Ok(()) };
        let Some((mine, below)) = memories.get_mut(..=index).and_then(<[Memory]>::split_last_mut) else {
            return Ok(());
        };
        let Some(layers) = &stage.layers else {
            return self.whole(index, image, below, features);
        };
        let (pool, code) = (stage.pool, layers.code());
        let code_row = (code.width * code.channels).max(1);
        let mut windows = Windows::new(self.isa, pool, code, stage.shape, wanted.clone(), features);
        let first = wanted.start * pool.stride.height;
        let end = (wanted.end.saturating_sub(1) * pool.stride.height + pool.kernel.height).min(code.height);
        let mut at = first;
        while at < end {
            // From here on, parts begin where tiles begin, and no tile is computed twice.
            let to = at + stage.rows;
            let to = if to - to % layers.side() > at { to - to % layers.side() } else { to }.min(end);
            let band = layers.band(at..to)?;
            self.code(index, image, &band, mine, below)?;
            let codes = mine.codes.get_mut((at - band.first) * code_row..(to - band.first) * code_row);
            for (row, y) in codes.unwrap_or_default().chunks_exact_mut(code_row).zip(at..to) {
                stage.stage.before_pooling(code.channels, row);
                windows.add(y, row);
            }
            at = to;
        }
        windows.finish();
        stage.stage.after_pooling(features);
        Ok(())
    }

    /// The features of a stage that sees its whole input at once.
    fn whole(&self, index: usize, image: &[f32], below: &mut [Memory], features: &mut [f32]) -> Result<()> {
        let Some(stage) = self.stages.get(index) else { return Ok(()) };
        let mut scratch = Scratch::new(self.isa, stage.stage, 1);
        match (index.checked_sub(1), &stage.stage.link) {
            (Some(lower), Some(link)) => {
                let shape = self.stages.get(lower).map_or(Shape::vector(0), |stage| stage.shape);
                let mut made = zeros(shape.len(), || "the features of the layer below".to_owned())?;
                self.rows(lower, image, 0..shape.height, below, &mut made)?;
                link.write(&made, &mut scratch.pixels);
            }
            _ => scratch.pixels.iter_mut().zip(image).for_each(|(to, v)| *to = *v),
        }
        stage.stage.run(self.isa, 1, &mut scratch, features)
    }

    /// The code of a band of stage `index`, in `mine.codes`.
    fn code(
        &self,
        index: usize,
        image: &[f32],
        band: &Band,
        mine: &mut Memory,
        below: &mut [Memory],
    ) -> Result<()> {
        let Some(stage) = self.stages.get(index) else { return Ok(()) };
        let (network, images) = (band.network, 1);
        let row = network.input().width * network.input().channels;
        let start = band.rows.start * row;
        let pixels = match (index.checked_sub(1), &stage.stage.link) {
            (Some(lower), Some(link)) => {
                let pixels = at_least(&mut mine.pixels, network.input().len());
                self.rows(lower, image, band.rows.clone(), below, pixels)?;
                link.scale_all(pixels);
                &*pixels
            }
            _ => image.get(start..start + network.input().len()).unwrap_or_default(),
        };
        let parameters = Parameters::new(network, &stage.parameters)?;
        let encoder = Encoder::prepared(self.isa, parameters, &stage.stage.prepared)?;
        let inputs = aligned(&mut mine.inputs, network.inputs_len());
        let codes = aligned(&mut mine.codes, stage.stage.signs.code(network.code()).len());
        let scratch = aligned(&mut mine.scratch, Encoder::scratch_len(self.isa, &network));
        // The place in the whole image, also in errors.
        encoder.load(images, 0, pixels, inputs).map_err(|error| error.map_index(|index| start + index))?;
        encoder.hidden(images, inputs, scratch)?;
        stage.stage.top(&encoder, images, inputs, scratch, codes)
    }
}

impl<'a> BandedStage<'a> {
    fn new(isa: Isa, stage: &'a Stage, is_turned: bool, most: usize) -> Result<Self> {
        if stage.is_rbm || stage.network.is_fully_connected() {
            let parameters = Vec::new();
            return Ok(Self {
                stage,
                pool: stage.pool,
                shape: stage.shape,
                layers: None,
                parameters,
                rows: 1,
            });
        }
        let (network, pool, shape) = match is_turned {
            true => (stage.network.turned(), stage.pool.turned(), stage.shape.turned()),
            false => (stage.network, stage.pool, stage.shape),
        };
        let layers = Layers::new(isa, &network, stage.signs)?;
        let mut parameters = stage.parameters.get(..network.encoder_len()).unwrap_or_default().to_vec();
        parameters.resize(layers.whole().parameters_len(), 0.0);
        let rows = layers.rows_within(most)?;
        Ok(Self { stage, pool, shape, layers: Some(layers), parameters, rows })
    }

    /// How many rows of features a thread computes at a time: those of a band, but so many that few rows of
    /// the code are computed for two of them.
    fn chunk(&self) -> usize {
        let (kernel, stride) = (self.pool.kernel.height.max(1), self.pool.stride.height.max(1));
        let of_band = self.rows.checked_sub(kernel).map_or(1, |more| more / stride + 1);
        of_band.max(4 * kernel.saturating_sub(stride).div_ceil(stride)).max(1)
    }
}

/// The first `len` numbers of a buffer, which grows if it is shorter.
fn aligned(buffer: &mut Aligned, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        *buffer = Aligned::default();
        *buffer = Aligned::zeros(len);
    }
    buffer.get_mut(..len).unwrap_or_default()
}

/// The same of a plain buffer.
fn at_least(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        *buffer = Vec::new();
        buffer.resize(len, 0.0);
    }
    buffer.get_mut(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::encoder::FeatureEncoder;
    use super::*;
    use crate::data::Dataset;
    use crate::preprocess::{Preprocess, Samples};
    use crate::recipe::{self, Recipe};
    use crate::run::{Below, Trained};
    use wta_core::{Initial, Random};

    /// A number from `least` to `most`.
    fn between(random: &mut Random, least: u32, most: u32) -> u32 {
        least + random.below(most + 1 - least)
    }

    /// A layer's network and pooling for maps of this shape, as text of a recipe, and how many features it
    /// has.
    fn layer(random: &mut Random, prefix: &str, shape: Shape, depth: u32) -> (String, Recipe) {
        let (height, width) = (shape.height as u32, shape.width as u32);
        let mut encoder = Vec::new();
        let mut rest = (height, width);
        for _ in 0..depth {
            // Layers of many maps are computed by tiles, those of 5 x 5 by an algorithm of their own.
            let wide = random.below(2) == 0;
            let kernel = match wide && rest.0 >= 5 && rest.1 >= 5 && random.below(2) == 0 {
                true => (5, 5),
                false => (between(random, 1, rest.0.min(9)), between(random, 1, rest.1.min(9))),
            };
            let stride = match random.below(if wide { 4 } else { 2 }) > 0 {
                true => (1, 1),
                false => (between(random, 1, 3), between(random, 1, 3)),
            };
            let maps = if wide { between(random, 8, 40) } else { between(random, 1, 9) };
            encoder.push(format!(
                "{{ maps = {maps}, kernel = [{}, {}], stride = [{}, {}] }}",
                kernel.0, kernel.1, stride.0, stride.1
            ));
            rest = (rest.0.div_ceil(stride.0), rest.1.div_ceil(stride.1));
        }
        let window = match random.below(6) {
            0 => (1, 1),
            1 => rest,
            _ => (between(random, 1, rest.0.min(9)), between(random, 1, rest.1.min(9))),
        };
        let step = if window == (1, 1) { (1, 1) } else { (between(random, 1, 5), between(random, 1, 5)) };
        let (average, whole, root) = (random.below(2) == 0, random.below(3) == 0, random.below(2) == 0);
        let signs = if random.below(2) == 0 { "both" } else { "positive" };
        let threshold = if random.below(2) == 0 { "triangle" } else { "none" };
        let text = format!(
            "{prefix}name = 'x'\n{prefix}about = 'x'\n{prefix}data = {{ set = 'mnist' }}\n{prefix}sparsity = {{}}\n\
             {prefix}network = {{ kind = 'convolutional', encoder = [{}], decoder_kernel = 1, initial = 'he' }}\n\
             {prefix}training = {{ epochs = 1, batch = 2, optimizer = 'adam', rate = 1e-3 }}\n\
             {prefix}features = {{ pool = {{ kernel = [{}, {}], stride = [{}, {}], average = {average}, whole = \
             {whole} }}, root = {root}, signs = '{signs}', threshold = '{threshold}' }}\n",
            encoder.join(", "),
            window.0,
            window.1,
            step.0,
            step.1
        );
        let alone = text.replace(prefix, "");
        let recipe = recipe::parse(if prefix.is_empty() { &text } else { &alone }, "test");
        (text.clone(), recipe.unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    fn trained(recipe: &Recipe, image: Shape, below: Option<Box<Below>>, random: &mut Random) -> Trained {
        let resolved = Arc::new(recipe.resolve(image).unwrap());
        let network = resolved.network();
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, u64::from(random.below(1000)), &mut parameters).unwrap();
        // Biases that are not 0 show a border that is not there.
        parameters.iter_mut().for_each(|v| *v += 0.02 * random.uniform());
        Trained {
            resolved,
            parameters,
            preprocess: Arc::new(Preprocess::none(image)),
            below,
            thresholds: None,
        }
    }

    /// The features as bits: encoded whole, and in bands of at most so many numbers.
    fn same(isa: Isa, trained: &Trained, samples: &Samples<'_>, most: usize, all: bool, what: &str) {
        let encoder = FeatureEncoder::new(isa, trained).unwrap();
        let encoder = if all { encoder.all_layers(samples, 0.5).unwrap() } else { encoder };
        let mut whole = vec![0.0; samples.len() * encoder.shape().len()];
        let indices: Vec<usize> = (0..samples.len()).collect();
        encoder.encode(samples, &indices, &mut whole).unwrap();
        let encoder = encoder.in_bands(most);
        let mut banded = vec![f32::NAN; whole.len()];
        encoder.encode(samples, &indices, &mut banded).unwrap();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
        let differing = bits(&whole).iter().zip(bits(&banded)).position(|(a, b)| *a != b);
        assert_eq!(differing, None, "{isa}, bands of {most}, all layers {all}: {what}");
        if !all {
            let mut parts = vec![f32::NAN; whole.len()];
            encoder
                .each_part(samples, 0..samples.len(), |index, position, values| {
                    let start = index * encoder.shape().len() + position * encoder.shape().channels;
                    parts[start..start + values.len()].copy_from_slice(values);
                    Ok(())
                })
                .unwrap();
            assert!(bits(&parts) == bits(&whole), "parts: {isa}, bands of {most}: {what}");
        }
    }

    #[test]
    fn bands_have_the_bits_of_the_whole_image() {
        let mut random = Random::new(5);
        let (mut stacks, mut tiled) = (0, 0);
        for case in 0..48 {
            let channels = between(&mut random, 1, 3) as usize;
            let shape = match case % 6 {
                0 => Shape::new(channels, 1, between(&mut random, 20, 200) as usize),
                1 => Shape::new(channels, between(&mut random, 20, 120) as usize, 1),
                _ => Shape::new(
                    channels,
                    between(&mut random, 6, 70) as usize,
                    between(&mut random, 6, 40) as usize,
                ),
            };
            let depth = between(&mut random, 1, 3);
            let (lower_text, lower) = layer(&mut random, "", shape, depth);
            let pixels: Vec<f32> = (0..shape.len()).map(|_| random.uniform()).collect();
            let dataset = Dataset::from_floats(shape, pixels).unwrap();
            let mut samples = Samples::new(&lower, &dataset).unwrap();
            let mut network = trained(&lower, shape, None, &mut random);
            let mut text = lower_text;
            let features = network.features();
            let (upper_text, upper);
            if case % 3 == 0 && features.positions() > 1 {
                let below = layer_below(&text);
                let (mine, _) = layer(&mut random, "", features, 1);
                // The shape of its features does not tell that they are pooled once more.
                let side = |len: usize| len.min(3);
                let (rows, columns) = (side(features.height), side(features.width));
                let svm = "svm.lower_layers = 1.0\nsvm.lower_pool";
                let mine = format!("{mine}{svm} = {{ kernel = [{rows}, {columns}], stride = 1 }}\n");
                upper_text = format!("{mine}{below}");
                upper = recipe::parse(&upper_text, "test").unwrap();
                samples = Samples::new(&upper, &dataset).unwrap();
                let below = Below { trained: network, scale: 1.7 };
                network = trained(&upper, shape, Some(Box::new(below)), &mut random);
                text = upper_text;
                stacks += 1;
            }
            // A row at a time computes each row below many times.
            let most = [if case % 8 == 0 { 1 } else { 20_000 }, 60_000];
            let by_tiles = |isa: Isa, layer: wta_core::Layer| Encoder::tiling(isa, &layer).is_some();
            tiled += usize::from(network.network().layers().any(|layer| by_tiles(Isa::detect(), layer)));
            // The definition takes most of the time.
            for isa in Isa::all_available().filter(|isa| *isa != Isa::Scalar || case % 4 < 2) {
                for (most, all) in [(most[0], false), (most[1], case % 2 == 0)] {
                    same(isa, &network, &samples, most, all, &text);
                }
            }
        }
        assert!(stacks > 8, "{stacks}");
        assert!(tiled > 4 || Isa::detect() == Isa::Scalar, "{tiled} networks with tiles");
    }

    /// The lines of a recipe as those of the layer below.
    fn layer_below(text: &str) -> String {
        text.lines().map(|line| format!("below.{line}\n")).collect()
    }
}
