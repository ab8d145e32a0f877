//! What a training has learnt, as a network that can be used: the weights, and the thresholds of its units.

use std::borrow::Cow;

use wta_core::{Network, TrainingConfig, fold, unfold};

use super::step::Whole;
use crate::error::Result;

/// What a training has learnt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learnt<'a> {
    /// The flat parameter vector of a plain network: what is taken off the samples in training is in its
    /// biases.
    pub parameters: Cow<'a, [f32]>,
    /// The activation that each unit has to exceed, if the training noted it.
    pub thresholds: Option<Cow<'a, [f32]>>,
}

impl<'a> Learnt<'a> {
    /// What has been learnt so far, by the parameters and the notes of a trainer.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if they are of another network.
    pub fn of(network: &Network, training: &TrainingConfig, whole: &'a Whole<'_>) -> Result<Self> {
        let mut parameters = Cow::Borrowed(&*whole.parameters);
        if training.dictionary.centred {
            fold(network, parameters.to_mut())?;
        }
        let thresholds = &whole.notes.thresholds;
        Ok(Self { parameters, thresholds: (!thresholds.is_empty()).then(|| thresholds.into()) })
    }

    /// The same vectors, which nobody else has.
    pub fn into_owned(self) -> Learnt<'static> {
        let own = |numbers: Cow<'_, [f32]>| Cow::Owned(numbers.into_owned());
        Learnt { parameters: own(self.parameters), thresholds: self.thresholds.map(own) }
    }

    /// The parameters, and the thresholds if there are any.
    pub fn into_vectors(self) -> (Vec<f32>, Option<Vec<f32>>) {
        (self.parameters.into_owned(), self.thresholds.map(Cow::into_owned))
    }

    /// The parameters to go on training from.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if they are of another network.
    pub fn in_training(self, network: &Network, training: &TrainingConfig) -> Result<Vec<f32>> {
        let mut parameters = self.parameters.into_owned();
        if training.dictionary.centred {
            unfold(network, &mut parameters)?;
        }
        Ok(parameters)
    }
}
