//! A trained network as the files of a run.

use super::folder::Run;
use super::links::Links;
use super::model;
use super::sample::SampleKind;
use super::trained::Trained;
use crate::error::Result;

impl Trained {
    /// Writes recipe, weights, preprocessing and the kind of the samples of all layers into a folder that
    /// holds no run.
    pub(crate) fn write(&self, run: &Run, kind: &SampleKind) -> Result<()> {
        run.begin(self.recipe())?;
        let mut links = Links { recipe: Some(self.recipe().identity()), ..Links::default() };
        let scale = match &self.below {
            None => {
                self.preprocess.save(run.folder())?;
                links.preprocess = self.preprocess.checksum();
                None
            }
            Some(below) => {
                below.trained.write(&run.below(), kind)?;
                links.below = Some(format!("{:08x}", below.trained.checksum()));
                Some(below.scale)
            }
        };
        let path = run.file("model.safetensors");
        let more = (scale, self.thresholds.as_deref());
        model::save_linked(&path, &self.network(), &self.parameters, more, &links)?;
        run.save_sample(kind)
    }
}
