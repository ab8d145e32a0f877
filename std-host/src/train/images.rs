//! Preprocessed samples for training, computed once and kept if they fit into memory.

use rayon::prelude::*;
use wta_simd::Isa;

use super::set::TrainingSet;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::Observer;
use crate::preprocess::{Preprocess, Preprocessor, Samples};

/// The number of images that are preprocessed together, when all of them are.
const GROUP: usize = 512;

/// The samples of a recipe, as the network sees them.
pub struct ImageSet<'a> {
    samples: &'a Samples<'a>,
    preprocessor: Preprocessor,
    /// All samples, if they fit.
    kept: Option<Vec<f32>>,
}

impl<'a> ImageSet<'a> {
    /// The samples, preprocessed. They are kept in memory if there is any preprocessing, they take at most
    /// `memory` bytes, and the data set itself is in memory. Otherwise every batch is preprocessed anew, to
    /// the same bits.
    ///
    /// # Errors
    ///
    /// As for [`Samples::write_all`]; [`Error::Interrupted`] if the observer stops it.
    pub fn new(
        isa: Isa,
        preprocess: &Preprocess,
        samples: &'a Samples<'a>,
        memory: usize,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let preprocessor = Preprocessor::new(isa, preprocess);
        let len = samples.shape().len();
        let bytes = samples.len().saturating_mul(len).saturating_mul(size_of::<f32>());
        let mut kept = None;
        if !preprocessor.is_none() && bytes <= memory && samples.are_in_memory() {
            observer.begin("preprocess", samples.len() as u64);
            let mut all = reserve::zeros(samples.len() * len, || "keeping preprocessed samples".to_owned())?;
            let indices: Vec<usize> = (0..samples.len()).collect();
            for (indices, to) in indices.chunks(GROUP).zip(all.chunks_mut(GROUP * len)) {
                if observer.should_stop() {
                    return Err(Error::Interrupted(Interrupted::InMemory));
                }
                samples.write_all(&preprocessor, indices, to)?;
                observer.advance(indices.len() as u64);
            }
            observer.end();
            kept = Some(all);
        }
        Ok(Self { samples, preprocessor, kept })
    }

    /// The bytes of the samples that are kept; 0 if none are.
    pub fn kept_bytes(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| size_of_val(&**kept) as u64)
    }
}

impl TrainingSet for ImageSet<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn write(&self, indices: &[usize], to: &mut [f32]) -> Result<()> {
        let Some(kept) = &self.kept else {
            return self.samples.write_all(&self.preprocessor, indices, to);
        };
        let len = self.samples.shape().len();
        to.par_chunks_exact_mut(len).zip(indices).for_each(|(to, index)| {
            let image = kept.get(index * len..(index + 1) * len).unwrap_or_default();
            to.iter_mut().zip(image).for_each(|(to, v)| *to = *v);
        });
        Ok(())
    }
}
