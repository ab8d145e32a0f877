//! What a training has learnt, as a network that can be used: the weights, and the thresholds of its units.

use std::borrow::Cow;

use wta_core::{Network, TrainingConfig, fold, unfold};

use super::step::Whole;
use crate::error::Result;

/// What a training has learnt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learnt {
    /// The flat parameter vector of a plain network: what is taken off the samples in training is in its
    /// biases.
    pub parameters: Vec<f32>,
    /// The activation that each unit has to exceed, if the training noted it.
    pub thresholds: Option<Vec<f32>>,
}

impl Learnt {
    /// What has been learnt so far, by the parameters and the notes of a trainer.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if they are of another network.
    pub fn of(network: &Network, training: &TrainingConfig, whole: &Whole<'_>) -> Result<Self> {
        let parameters = plain(network, training, &whole.parameters)?.into_owned();
        let thresholds = &whole.notes.thresholds;
        Ok(Self { parameters, thresholds: (!thresholds.is_empty()).then(|| thresholds.clone()) })
    }

    /// The parameters to go on training from.
    ///
    /// # Errors
    ///
    /// [`Error::Core`](crate::Error::Core) if they are of another network.
    pub fn in_training(mut self, network: &Network, training: &TrainingConfig) -> Result<Vec<f32>> {
        if training.dictionary.centred {
            unfold(network, &mut self.parameters)?;
        }
        Ok(self.parameters)
    }
}

/// The parameters of a plain network that gives the same codes as the one in training.
pub(super) fn plain<'a>(
    network: &Network,
    training: &TrainingConfig,
    parameters: &'a [f32],
) -> Result<Cow<'a, [f32]>> {
    if !training.dictionary.centred {
        return Ok(Cow::Borrowed(parameters));
    }
    let mut folded = parameters.to_vec();
    fold(network, &mut folded)?;
    Ok(Cow::Owned(folded))
}
