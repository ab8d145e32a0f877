//! The samples of a stacked layer: the features of the layer below.
//!
//! If they fit into the memory allowed, they are computed once and kept in compressed form. Otherwise they
//! are computed anew for every batch. Both give the same numbers.

use rayon::prelude::*;

use super::options::Options;
use super::set::TrainingSet;
use crate::encode::{FeatureEncoder, LayerLink, RowEncoder};
use crate::error::{Error, Interrupted, Result};
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::ranks::Team;
use crate::recipe::{Recipe, Resolved};
use crate::run::Trained;
use crate::svm::Rows;

/// The number of samples from which the scale is computed.
pub(super) const SCALE_SAMPLES: usize = 1_000;

/// What is wrong if a recipe with `[large]` comes without patches.
pub(super) fn no_patches(recipe: &Recipe) -> Error {
    Error::Invalid(format!("recipe {}: the patches of the layers below are not given", recipe.name))
}

/// The features of the layer below, as the next layer's input.
pub struct StackedSet<'a> {
    samples: &'a Samples<'a>,
    encoder: FeatureEncoder,
    link: LayerLink,
    /// All features, if they fit.
    kept: Option<Rows>,
}

impl<'a> StackedSet<'a> {
    /// The features of `below` for all samples, kept if they take at most [`Options::memory`] bytes. `above`
    /// is the layer that learns from them. Several processes ([`Options::ranks`]) encode a part each, and
    /// each keeps the features of all.
    ///
    /// # Errors
    ///
    /// As for [`FeatureEncoder::encode`]; [`Error::Interrupted`](crate::Error::Interrupted) if the observer
    /// of any process stops it, [`Error::Lost`](crate::Error::Lost) if another process has an error or is
    /// gone.
    pub fn new(
        below: &Trained,
        above: &Resolved,
        samples: &'a Samples<'a>,
        options: Options<'_>,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let (isa, memory) = (options.isa, options.memory);
        let encoder = FeatureEncoder::new(isa, below)?;
        let shape = encoder.shape();
        let some = samples.spaced(SCALE_SAMPLES);
        let mut features = vec![0.0; some.len() * shape.len()];
        if encoder.encode_watched(samples, &some, &mut features, observer)? {
            return Err(Error::Interrupted(Interrupted::LayersBelow));
        }
        // The next RBM needs probabilities as its visible units, so the hidden probabilities are not scaled.
        let scale = if above.recipe().gibbs().is_some() {
            1.0
        } else {
            LayerLink::unit_scale(features.iter().copied())
        };
        let mut rows = Rows::new(shape.len())?;
        rows.extend_dense(&features.chunks_exact(shape.len()).collect::<Vec<_>>())?;
        let expected = rows.bytes() / some.len().max(1) * samples.len();
        // A process may be allowed less than the others; all do the same.
        let team = &Team::of(options.ranks);
        let kept = if team.any_says(expected > memory)? {
            None
        } else {
            observer.begin(&format!("encode by {}", below.recipe().name), samples.len() as u64);
            let mut rows = Rows::new(shape.len())?;
            let by = RowEncoder { encoder: &encoder, team, observer, interrupted: Interrupted::LayersBelow };
            by.append(samples, &(0..samples.len()).collect::<Vec<usize>>(), &mut rows)?;
            observer.end();
            Some(rows)
        };
        observer.note(&format!(
            "features of {}: {} MiB compressed, {}",
            below.recipe().name,
            expected >> 20,
            if kept.is_some() { "kept in memory" } else { "too many to keep: computed for every batch" }
        ));
        let link = LayerLink::new(shape, &above.network(), scale);
        Ok(Self { samples, encoder, link, kept })
    }

    /// The bytes of the features that are kept; 0 if none are.
    pub fn kept_bytes(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.bytes() as u64)
    }

    /// The factor of the features.
    pub fn scale(&self) -> f32 {
        self.link.scale()
    }
}

impl TrainingSet for StackedSet<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let len = self.encoder.shape().len();
        let rows = to.par_chunks_mut(len).zip(indices);
        let Some(kept) = &self.kept else {
            let mut features = vec![0.0; indices.len() * len];
            self.encoder.encode(self.samples, indices, &mut features)?;
            rows.zip(features.par_chunks(len)).for_each(|((row, _), image)| self.link.write(image, row));
            return Ok(());
        };
        let (link, scale) = (self.link, self.link.scale());
        rows.for_each(|(row, index)| {
            row.fill(0.0);
            for entry in kept.row(*index) {
                if let Some(place) = row.get_mut(link.place(entry.index as usize)) {
                    *place = entry.value * scale;
                }
            }
        });
        Ok(())
    }
}
