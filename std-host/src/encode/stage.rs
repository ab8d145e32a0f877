//! One layer of a stack during encoding.

use wta_core::{Encoder, Kernels, Network, Parameters, Pool, PoolKind, Rbm, Shape};
use wta_simd::Isa;

use super::link::LayerLink;
use super::prepared::prepared;
use super::threshold::cut_at;
use super::windows::Windows;
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::recipe::{Features, Signs};
use crate::run::Trained;

/// One layer of a stack.
pub(super) struct Stage {
    /// The trained network; [`Stage::code`] may be of more maps.
    pub(super) network: Network,
    pub(super) signs: Signs,
    pub(super) parameters: Vec<f32>,
    pub(super) prepared: Aligned,
    pub(super) pool: Pool,
    /// The shape of the pooled features, without windows that are left out.
    pub(super) shape: Shape,
    /// Whether features are square roots.
    pub(super) root: bool,
    pub(super) is_rbm: bool,
    /// What each unit's activation has to exceed, of a dictionary.
    thresholds: Option<Vec<f32>>,
    /// The link to the features of the stage below; `None` if this stage sees the images.
    pub(super) link: Option<LayerLink>,
}

impl Stage {
    pub(super) fn new(isa: Isa, trained: &Trained) -> Result<Self> {
        let (network, parameters) = (trained.network(), trained.parameters.clone());
        let checked = Parameters::from_outside(network, &parameters)?;
        let is_rbm = trained.recipe().gibbs().is_some();
        let prepared = prepared(isa, checked, is_rbm)?;
        let link = trained
            .below
            .as_ref()
            .map(|below| LayerLink::new(below.trained.features(), &network, below.scale));
        let (pool, shape) = (trained.resolved.pool(), trained.features());
        let Features { root, signs, .. } = trained.recipe().features;
        let thresholds = trained.thresholds.clone();
        Ok(Self { network, signs, parameters, prepared, pool, shape, root, is_rbm, thresholds, link })
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The shape of the dense code.
    pub(super) fn code(&self) -> Shape {
        self.signs.code(self.network.code())
    }

    /// Runs the last layer over a block whose hidden maps are filled: the dense codes.
    pub(super) fn top<K: Kernels>(
        &self,
        encoder: &Encoder<'_, K>,
        images: usize,
        inputs: &[f32],
        scratch: &mut [f32],
        codes: &mut [f32],
    ) -> Result<()> {
        match self.signs {
            Signs::Positive => encoder.top(images, inputs, scratch, codes)?,
            Signs::Both => encoder.top_both_signs(images, inputs, scratch, codes)?,
        }
        Ok(())
    }

    /// The numbers of memory that encoding one whole image takes.
    pub(super) fn numbers(&self) -> usize {
        let network = &self.network;
        let all = [network.input().len(), network.inputs_len(), self.code().len(), self.shape.len()];
        all.into_iter().fold(0, usize::saturating_add)
    }

    /// Whether a part of the image is enough for a part of the features.
    pub(super) fn has_bands(&self) -> bool {
        !self.is_rbm && !self.network.is_fully_connected()
    }

    /// The features of the images in `scratch.pixels`.
    pub(super) fn run(
        &self,
        isa: Isa,
        images: usize,
        scratch: &mut Scratch,
        features: &mut [f32],
    ) -> Result<()> {
        self.encode(isa, images, scratch, features)?;
        self.after_pooling(features.get_mut(..images * self.shape().len()).unwrap_or_default());
        Ok(())
    }

    /// Whether square roots are taken before pooling. For average pooling the features are means of roots.
    /// For max-pooling the order does not matter, and after pooling there are fewer roots to take.
    pub(super) fn roots_first(&self) -> bool {
        self.pool.kind == PoolKind::Average && !self.is_rbm
    }

    /// What becomes of positions of the code before they are pooled.
    pub(super) fn before_pooling(&self, maps: usize, code: &mut [f32]) {
        self.pool.threshold.apply(maps, code);
        if let Some(thresholds) = &self.thresholds {
            cut_at(thresholds, code);
        }
        if self.root && self.roots_first() {
            roots(code);
        }
    }

    /// What becomes of features after they are pooled.
    pub(super) fn after_pooling(&self, features: &mut [f32]) {
        if self.root && !self.roots_first() {
            roots(features);
        }
    }

    /// Encodes the images in `scratch.pixels` and pools their codes.
    fn encode(&self, isa: Isa, images: usize, scratch: &mut Scratch, features: &mut [f32]) -> Result<()> {
        let (network, code) = (self.network, self.code());
        if self.is_rbm {
            let rbm = Rbm::new(isa, Parameters::new(network, &self.parameters)?)?;
            let pixels = scratch.pixels.get(..images * network.input().len()).unwrap_or_default();
            let features = features.get_mut(..images * network.code_len()).unwrap_or_default();
            return Ok(rbm.encode(&self.prepared, pixels, &mut scratch.encoding, features)?);
        }
        let encoder = Encoder::prepared(isa, Parameters::new(network, &self.parameters)?, &self.prepared)?;
        let inputs = scratch.inputs.get_mut(..images * network.inputs_len()).unwrap_or_default();
        let codes = scratch.codes.get_mut(..images * code.len()).unwrap_or_default();
        for (image, pixels) in scratch.pixels.chunks_exact(network.input().len()).take(images).enumerate() {
            encoder.load(images, image, pixels, inputs)?;
        }
        encoder.hidden(images, inputs, &mut scratch.encoding)?;
        self.top(&encoder, images, inputs, &mut scratch.encoding, codes)?;
        let (row, shape) = ((code.width * code.channels).max(1), self.shape);
        for (maps, features) in codes.chunks_exact_mut(code.len()).zip(features.chunks_exact_mut(shape.len()))
        {
            let mut windows = Windows::new(isa, self.pool, code, shape, 0..shape.height, features);
            for (y, row) in maps.chunks_exact_mut(row).enumerate() {
                self.before_pooling(code.channels, row);
                windows.add(y, row);
            }
            windows.finish();
        }
        Ok(())
    }
}

/// Square roots in place of the numbers.
fn roots(features: &mut [f32]) {
    features.iter_mut().for_each(|feature| *feature = feature.sqrt());
}

/// The memory that a thread needs for a block of images in one stage.
pub(super) struct Scratch {
    pub(super) pixels: Vec<f32>,
    inputs: Aligned,
    codes: Aligned,
    /// The encoder's scratch memory.
    encoding: Aligned,
    /// The features of the block.
    pub(super) features: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(isa: Isa, stage: &Stage, block: usize) -> Self {
        let network = &stage.network;
        if stage.is_rbm {
            return Self {
                pixels: vec![0.0; block * network.input().len()],
                inputs: Aligned::default(),
                codes: Aligned::default(),
                encoding: Aligned::zeros(block * Rbm::width(isa, network.code_len())),
                features: vec![0.0; block * stage.shape().len()],
            };
        }
        Self {
            pixels: vec![0.0; block * network.input().len()],
            inputs: Aligned::zeros(block * network.inputs_len()),
            codes: Aligned::zeros(block * stage.code().len()),
            encoding: Aligned::zeros(Encoder::scratch_len(isa, network)),
            features: vec![0.0; block * stage.shape().len()],
        }
    }
}
