//! The input of an export: a trained network, its pooling and its classifier.

use wta_core::{Network, Pool, Shape};

use crate::data::Classes;
use crate::error::{Error, Result};
use crate::evaluate::Classified;
use crate::recipe::Recipe;
use crate::run::{Run, Trained};
use crate::svm;

/// The input of an export.
#[derive(Clone, Debug)]
pub struct Source {
    /// The network; of a stack, with the layers below.
    pub trained: Trained,
    /// The shape of the data set's images.
    pub image: Shape,
    /// The pooling that the classifier was trained with; without a classifier, the recipe's.
    pub pool: Pool,
    /// The classifier, if the run has been evaluated.
    pub svm: Option<svm::Model>,
    /// The names of its classes; empty if they are numbers.
    pub classes: Classes,
}

impl Source {
    /// A trained network with a classifier of its features, if there is one, whose classes are numbers until
    /// `classes` names them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if devices cannot compute this network, or the classifier is for other features.
    pub fn new(trained: Trained, svm: Option<svm::Model>) -> Result<Self> {
        let refused = |problem: &str| {
            let name = &trained.recipe().name;
            Err(Error::Invalid(format!("recipe {name}: {problem}")))
        };
        if let Err(problem) = unfit_layers(&trained) {
            return refused(&problem);
        }
        let features = trained.resolved.pool().output(trained.network().code()).len();
        if svm.as_ref().is_some_and(|svm| svm.features != features) {
            return refused("the classifier has other features than the network");
        }
        let (image, pool) = (trained.resolved.image(), trained.resolved.pool());
        Ok(Self { image, pool, trained, svm, classes: Classes::default() })
    }

    /// Reads the network and the classifier of a run. `shape` is that of a sample, if the run does not say
    /// it.
    ///
    /// # Errors
    ///
    /// One sentence if there is no trained network, devices cannot compute it, or the classifier cannot be
    /// read or is for other features; [`Error::UnknownShape`] if nobody says the shape of a sample.
    pub fn load(run: &Run, shape: Option<Shape>) -> Result<Self> {
        let recipe = run.recipe()?;
        let refused = |problem: &str| Err(Error::file(run.folder(), problem));
        if let Some(problem) = unfit(&recipe) {
            return refused(problem);
        }
        let Some(image) = run.sample_shape()?.or(shape) else {
            return Err(Error::UnknownShape { folder: run.folder().to_path_buf() });
        };
        if let Some(given) = shape.filter(|given| *given != image) {
            let told = |shape: Shape| format!("{}x{}x{}", shape.channels, shape.height, shape.width);
            return refused(&format!("learnt from samples of {}, not of {}", told(image), told(given)));
        }
        let trained = Trained::open(run, image)?;
        if let Err(problem) = unfit_layers(&trained) {
            return refused(&problem);
        }
        Ok(match Classified::load(run, &trained)? {
            Some(Classified { pool, svm, classes }) => Self { trained, image, pool, svm: Some(svm), classes },
            None => {
                let pool = trained.resolved.pool();
                Self { pool, trained, image, svm: None, classes: Classes::default() }
            }
        })
    }
}

/// Why devices cannot compute networks of this recipe; `None` if they can.
fn unfit(recipe: &Recipe) -> Option<&'static str> {
    if recipe.gibbs().is_some() {
        return Some("is the run of an RBM, whose units devices cannot compute; export an autoencoder");
    }
    if recipe.features.pool.is_some_and(|pool| pool.whole) {
        return Some(
            "pools whole windows only, and devices also those that the border cuts; leave features.pool.whole out",
        );
    }
    None
}

/// Why devices cannot compute a layer's network or preprocess its samples.
fn unfit_layers(trained: &Trained) -> std::result::Result<(), String> {
    for layer in trained.layers() {
        if let Some(problem) = unfit(layer.recipe()) {
            return Err(problem.to_owned());
        }
    }
    if trained.recipe().svm.lower_layers > 0.0 {
        return Err(
            "classifies by the features of all layers, and devices by the last one's; leave svm.lower_layers out"
                .to_owned(),
        );
    }
    let image = trained.resolved.image();
    trained.preprocess.for_devices(image).map(drop)
}

/// A network and its pooling as devices compute them: a signal's rows and columns change places, so that it
/// streams sample by sample. The parameters and the order of features stay.
pub(super) fn turned(network: Network, pool: Pool) -> (Network, Pool) {
    let turned = network.turned();
    (turned, if turned == network { pool } else { pool.turned() })
}
