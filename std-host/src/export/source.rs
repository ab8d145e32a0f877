//! The input of an export: a trained network, its pooling and its classifier.

use wta_core::{Network, Pool, Shape};

use crate::data::{Classes, Form};
use crate::error::{Error, Result};
use crate::evaluate::Classified;
use crate::numbers::channels_rows_columns;
use crate::recipe::Recipe;
use crate::run::{Run, Trained};
use crate::svm::{self, Columns};

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
    /// The features: of the last layer or, if the classifier is for them, of all.
    pub columns: Columns,
    /// The names of the classifier's classes.
    pub classes: Classes,
    /// Whether samples are images, signals or vectors.
    pub form: Form,
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
        let features = trained.resolved.pool().output(trained.resolved.encoding().code()).len();
        if svm.as_ref().is_some_and(|svm| svm.features != features) {
            return refused("the classifier has other features than the network");
        }
        let classes = Classes::numbered(svm.as_ref().map_or(0, |svm| svm.classes));
        Ok(Self { svm, classes, ..Self::of(trained) })
    }

    /// A trained network without a classifier, whether or not devices can compute it: for
    /// [`onnx`](super::onnx).
    pub fn of(trained: Trained) -> Self {
        let image = trained.resolved.image();
        let columns = Columns { layers: vec![trained.features()], factors: None };
        let (pool, classes) = (trained.resolved.pool(), Classes::default());
        Self { trained, image, pool, svm: None, columns, classes, form: Form::of(image) }
    }

    /// Reads the network and the classifier of a run that devices can compute. `shape` is that of a sample,
    /// if the run does not say it.
    ///
    /// # Errors
    ///
    /// One sentence if there is no trained network, devices cannot compute it, or the classifier cannot be
    /// read or is for other features; [`Error::UnknownShape`] if nobody says the shape of a sample.
    pub fn load(run: &Run, shape: Option<Shape>) -> Result<Self> {
        let refused = |problem: &str| Err(Error::file(run.folder(), problem));
        if let Some(problem) = unfit(&run.recipe()?) {
            return refused(problem);
        }
        let source = Self::open(run, shape)?;
        match unfit_layers(&source.trained) {
            Err(problem) => refused(&problem),
            Ok(()) => Ok(source),
        }
    }

    /// Reads the network and the classifier of a run. `shape` is that of a sample, if the run does not say
    /// it.
    ///
    /// # Errors
    ///
    /// One sentence if there is no trained network, or the classifier cannot be read or is for other
    /// features; [`Error::UnknownShape`] if nobody says the shape of a sample.
    pub fn open(run: &Run, shape: Option<Shape>) -> Result<Self> {
        let Some(image) = run.sample_shape()?.or(shape) else {
            return Err(Error::UnknownShape { folder: run.folder().to_path_buf() });
        };
        if let Some(given) = shape.filter(|given| *given != image) {
            let [image, given] = [image, given].map(channels_rows_columns);
            let problem = format!("learnt from samples of {image}, not of {given}");
            return Err(Error::file(run.folder(), problem));
        }
        let trained = Trained::open(run, image)?;
        let form = run.sample()?.map_or(Form::of(image), |sample| sample.form);
        let classified = Classified::load(run, &trained)?;
        let source = Self { form, image, ..Self::of(trained) };
        Ok(match classified {
            Some(Classified { pool, svm, columns, classes }) => {
                Self { pool, svm: Some(svm), columns, classes, ..source }
            }
            None => source,
        })
    }
}

/// Why devices cannot compute networks of this recipe; `None` if they can.
fn unfit(recipe: &Recipe) -> Option<&'static str> {
    if recipe.gibbs().is_some() {
        return Some("is the run of an RBM, whose units devices cannot compute; export an autoencoder");
    }
    if recipe.dictionary.thresholds {
        return Some(
            "cuts its code at learnt thresholds, which no device does; export it as ONNX or for SAELens, or \
             leave dictionary.thresholds out",
        );
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
