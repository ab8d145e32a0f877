//! What a stacked layer learns from: the features of the layer below.
//!
//! They are computed once and kept, compressed, when they fit into the memory allowed; otherwise they are computed
//! anew for every batch. Both give the same numbers.

use std::ops::ControlFlow;

use rayon::prelude::*;
use wta_simd::Isa;

use crate::error::{Error, Result};
use crate::features::FeatureEncoder;
use crate::junction::Junction;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::run::{Below, Trained};
use crate::samples::Samples;
use crate::svm::Rows;
use crate::trainer::TrainingSet;

/// The scale is found from so many samples.
const SCALE_SAMPLES: usize = 1_000;

/// The features of the layer below, as the next layer's input.
pub struct LayerInput<'a> {
    samples: &'a Samples,
    encoder: FeatureEncoder,
    junction: Junction,
    /// All features, when they fit.
    kept: Option<Rows>,
}

impl<'a> LayerInput<'a> {
    /// The features of `below` for all samples, kept in memory if that takes at most `memory` bytes. `above` is the
    /// recipe of the layer that learns from them; `go_on` is asked now and then.
    ///
    /// # Errors
    ///
    /// What the core refuses, and [`Error::Interrupted`] when `go_on` breaks off.
    pub fn new(
        isa: Isa,
        below: &Trained,
        above: &Recipe,
        samples: &'a Samples,
        memory: usize,
        progress: &Progress,
        go_on: impl Fn() -> ControlFlow<()>,
    ) -> Result<Self> {
        let encoder = FeatureEncoder::new(isa, below)?;
        let shape = encoder.shape();
        let some = samples.spaced(SCALE_SAMPLES);
        let mut features = vec![0.0; some.len() * shape.len()];
        encoder.encode(samples, &some, &mut features)?;
        // The hidden probabilities of one RBM are the visible ones of the next.
        let scale =
            if above.gibbs().is_some() { 1.0 } else { Junction::unit_scale(features.iter().copied()) };
        let mut rows = Rows::new(shape.len())?;
        rows.extend_dense(&features.chunks_exact(shape.len()).collect::<Vec<_>>())?;
        let expected = rows.bytes() / some.len().max(1) * samples.len();
        let kept = if expected <= memory {
            progress.phase(&format!("encode by {}", below.recipe.name), samples.len() as u64);
            let mut rows = Rows::new(shape.len())?;
            encoder.run(samples, |features| {
                if go_on().is_break() {
                    return Err(Error::Interrupted(
                        "the layers below are trained and saved; continue with --resume".to_owned(),
                    ));
                }
                let group: Vec<&[f32]> = features.chunks_exact(shape.len()).collect();
                rows.extend_dense(&group)?;
                progress.inc(group.len() as u64);
                Ok(())
            })?;
            progress.finish();
            Some(rows)
        } else {
            None
        };
        progress.line(&format!(
            "features of {}: {} MiB compressed, {}",
            below.recipe.name,
            expected >> 20,
            if kept.is_some() { "kept in memory" } else { "too many to keep: computed for every batch" }
        ));
        let junction = Junction::new(shape, &above.network(samples.image_shape())?, scale);
        Ok(Self { samples, encoder, junction, kept })
    }

    /// What the features are multiplied by.
    pub fn scale(&self) -> f32 {
        self.junction.scale()
    }
}

impl TrainingSet for LayerInput<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let len = self.encoder.shape().len();
        let rows = to.par_chunks_mut(len).zip(indices);
        let Some(kept) = &self.kept else {
            let mut features = vec![0.0; indices.len() * len];
            self.encoder.encode(self.samples, indices, &mut features)?;
            rows.zip(features.par_chunks(len)).for_each(|((row, _), image)| self.junction.write(image, row));
            return Ok(());
        };
        let (junction, scale) = (self.junction, self.junction.scale());
        rows.for_each(|(row, index)| {
            row.fill(0.0);
            for entry in kept.row(*index) {
                if let Some(place) = row.get_mut(junction.place(entry.index as usize)) {
                    *place = entry.value * scale;
                }
            }
        });
        Ok(())
    }
}

/// The inputs of a trained network for some samples: the samples themselves or, in a stack, the features below.
///
/// # Errors
///
/// What the core refuses.
pub fn inputs_of(isa: Isa, trained: &Trained, samples: &Samples, indices: &[usize]) -> Result<Vec<f32>> {
    let len = trained.network.input().len();
    let mut inputs = vec![0.0; indices.len() * len];
    match &trained.below {
        None => samples.write_all(&trained.preprocessor(isa)?, indices, &mut inputs)?,
        Some(below) => {
            let Below { trained: below, scale } = &**below;
            let encoder = FeatureEncoder::new(isa, below)?;
            let junction = Junction::new(encoder.shape(), &trained.network, *scale);
            let mut features = vec![0.0; inputs.len()];
            encoder.encode(samples, indices, &mut features)?;
            for (to, image) in inputs.chunks_exact_mut(len).zip(features.chunks_exact(len)) {
                junction.write(image, to);
            }
        }
    }
    Ok(inputs)
}
