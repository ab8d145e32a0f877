//! A network that was trained in memory as a run.

use super::checkpoint::save_checkpoint;
use crate::error::Result;
use crate::run::{Run, SampleKind, Trained};

impl Trained {
    /// Writes the network as a run, in a folder that is new or empty: it can be evaluated, encoded with,
    /// exported and begun from like any other. `kind` says what the samples were.
    ///
    /// Its training counts as finished if `kind` knows the number of samples, otherwise as not begun, with
    /// these weights to begin with. The optimiser's moments are not known: what trains on begins with none.
    ///
    /// ```
    /// use wta::run::{Run, SampleKind, Trained};
    /// use wta::{Dataset, Recipe, Shape, preprocess::Samples};
    ///
    /// let recipe = Recipe::builder("small").fully_connected([4]).batch(10).epochs(1).build()?;
    /// let numbers: Vec<f32> = (0..400).map(|v| (v as f32 * 0.1).sin()).collect();
    /// let data = Dataset::from_floats(Shape::vector(20), numbers)?;
    /// let trained = recipe.train(&data, &())?;
    ///
    /// # let folder = std::env::temp_dir().join(format!("wta-save-{}", std::process::id()));
    /// let run = Run::new(&folder);
    /// trained.save(&run, &SampleKind::of(&Samples::new(&recipe, &data)?)?)?;
    /// assert_eq!(Trained::open(&run, data.shape())?.checksum(), trained.checksum());
    /// # run.remove_folder()?;
    /// # Ok::<(), wta::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Run`](crate::Error::Run) if the folder holds a run, one sentence if it holds anything else or
    /// cannot be written. What was there stays.
    pub fn save(&self, run: &Run, kind: &SampleKind) -> Result<()> {
        let staged = run.staged()?;
        self.write(staged.run(), kind)?;
        let mut folder = staged.run().clone();
        for layer in self.layers().into_iter().rev() {
            layer.save_as_trained(&folder, kind.count)?;
            folder = folder.below();
        }
        staged.commit()
    }

    /// The checkpoint of a training on so many samples; without their number, of one that has not begun.
    pub(crate) fn save_as_trained(&self, run: &Run, samples: Option<usize>) -> Result<()> {
        let batch = self.recipe().training.batch;
        let training = self.resolved.training(samples.unwrap_or(batch))?;
        let moments = vec![0.0; training.optimizer.method.moments() * self.parameters.len()];
        let step = if samples.is_some() { training.steps } else { 0 };
        save_checkpoint(run, &self.parameters, &moments, step, self.network().code().channels)
    }
}
