//! What a run makes of samples: the samples that excite each atom, feature maps, reconstructions.

use wta_simd::Isa;

use super::budget::Budget;
use super::uri;
use crate::encode::Exciting;
use crate::error::Result;
use crate::observer::Observer;
use crate::picture::{Drawn, Picture, Reconstructions};
use crate::preprocess::Samples;
use crate::run::Trained;

/// Samples that each atom is shown with.
const EXCITING: usize = 6;

/// The samples among which they are looked for; of more, as many are taken, evenly spaced.
const MOST_SAMPLES: usize = 10_000;

/// The samples that are reconstructed.
const RECONSTRUCTED: usize = 12;

/// The widest picture, in pixels.
const WIDEST: u32 = 1200;

/// The samples that a run is shown with.
pub struct Shown<'a> {
    /// What they are, for people: `test samples`.
    pub what: &'static str,
    /// The set that they are in.
    pub samples: Samples<'a>,
    /// Their indices in it.
    pub indices: Vec<usize>,
    /// Whether these are the samples that an evaluation judges, by the same indices.
    pub are_test: bool,
}

/// What a layer makes of samples.
pub(super) struct Seen {
    pub(super) exciting: Exciting,
    /// The `data:` addresses of the pictures.
    pub(super) feature_maps: Option<String>,
    pub(super) reconstructions: Option<String>,
}

impl Shown<'_> {
    /// Some of the indices, evenly spaced.
    fn some(&self) -> Vec<usize> {
        let step = self.indices.len().div_ceil(MOST_SAMPLES).max(1);
        self.indices.iter().copied().step_by(step).collect()
    }
}

impl Seen {
    /// Shows a layer the samples.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`](crate::Error::Interrupted) if the observer stops it; any error while a sample
    /// is read or a picture is made.
    pub(super) fn new(
        isa: Isa,
        layer: &Trained,
        shown: &Shown<'_>,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let some = shown.some();
        let exciting = Exciting::among(isa, layer, (&shown.samples, &some), EXCITING, observer)?;
        let made = Reconstructions::among(isa, layer, (&shown.samples, &some), RECONSTRUCTED)?;
        Ok(Self {
            exciting,
            feature_maps: fitted(made.feature_maps()?, budget.part(50))?,
            reconstructions: fitted(made.side_by_side()?, budget.part(50))?,
        })
    }
}

/// A picture that is made smaller until it fits.
fn fitted(picture: Option<Picture>, mut budget: Budget) -> Result<Option<String>> {
    let Some(mut picture) = picture.map(|picture| picture.within(WIDEST)) else { return Ok(None) };
    loop {
        let (width, height) = picture.size();
        let address = uri::of(&Drawn::Png(picture.png()?));
        if budget.take(address.len()) {
            return Ok(Some(address));
        }
        let smaller = width.max(height) / 2;
        if smaller < 100 {
            return Ok(None);
        }
        picture = picture.within(smaller);
    }
}
