//! A classifier with the names of its classes, and its files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::liblinear;
use super::predictor::Predictor;
use crate::data::Classes;
use crate::error::{Error, Result};
use crate::svm::Model;
use crate::svm::file::{Loaded, load_alone, save_alone};

/// A linear classifier with names of its classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    model: Model,
    classes: Classes,
    columns: Option<Vec<String>>,
}

impl Linear {
    /// A classifier whose classes have these names.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is not a name, a bias and a row of weights for each class.
    pub fn new(model: Model, classes: Classes) -> Result<Self> {
        let Model { classes: count, features, weights, bias } = &model;
        if classes.len() != *count
            || bias.len() != *count
            || count.checked_mul(*features) != Some(weights.len())
        {
            return Err(Error::Invalid(format!(
                "a classifier of {count} classes and {features} features has {} names, {} biases and {} weights",
                classes.len(),
                bias.len(),
                weights.len()
            )));
        }
        Ok(Self { model, classes, columns: None })
    }

    /// The same with the names of its features, if they are columns that have some: those of
    /// [`Examples::columns`](super::Examples::columns).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is not a name for each feature.
    pub fn with_columns(self, columns: Option<Vec<String>>) -> Result<Self> {
        let (features, names) = (self.model.features, columns.as_ref().map(Vec::len));
        if names.is_some_and(|names| names != features) {
            let names = names.unwrap_or_default();
            return Err(Error::Invalid(format!(
                "a classifier of {features} features has {names} names of them; give one for each"
            )));
        }
        Ok(Self { columns, ..self })
    }

    /// Reads a classifier: a file of [`Linear::save`], the `svm.safetensors` of a run, or LIBLINEAR's text.
    /// It is known by its first bytes.
    ///
    /// # Errors
    ///
    /// One sentence if the file cannot be read, is damaged, or is another kind of file.
    pub fn load(path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        let failed = |error| Error::io("read", path, error);
        File::open(path).map_err(failed)?.take(16).read_to_end(&mut start).map_err(failed)?;
        if liblinear::is_model(&start) {
            let (model, classes) = liblinear::read(path)?;
            return Self::new(model, classes);
        }
        if start.get(8) != Some(&b'{') {
            return Err(Error::file(
                path,
                "is no classifier: neither safetensors nor a model of LIBLINEAR; train one",
            ));
        }
        let Loaded { mut svm, columns, origin, classes, names } = load_alone(path)?;
        let has_layers = columns.as_ref().is_some_and(|columns| columns.layers.len() > 1);
        if has_layers || origin.is_some_and(|origin| origin.power != 1.0) {
            return Err(Error::file(
                path,
                "is the classifier of a run for features that are in no file; use it with the run",
            ));
        }
        // A run's features lie map after map in files, and otherwise in memory.
        if let Some(columns) =
            columns.filter(|columns| columns.layers.iter().any(|shape| shape.positions() > 1))
        {
            svm.weights = columns.in_file_order(&svm.weights);
        }
        let classes = match classes {
            Some(names) => Classes::new(names)?,
            None => Classes::numbered(svm.classes),
        };
        let linear = Self::new(svm, classes).and_then(|linear| linear.with_columns(names));
        linear.map_err(|error| Error::file(path, error.to_string()))
    }

    /// Writes the classifier as safetensors, with the names of its classes and features and a checksum.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written; an earlier one is untouched then.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_alone(path, &self.model, self.classes.names(), self.columns())
    }

    /// Writes the classifier as LIBLINEAR's text, for `liblinear-predict` and others. It has no names of
    /// features.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a class is not called by a whole number of 32 bits: LIBLINEAR has no other
    /// labels. [`Error::Io`] if the file cannot be written; an earlier one is untouched then.
    pub fn save_liblinear(&self, path: &Path) -> Result<()> {
        liblinear::write(path, &self.model, &self.classes)
    }

    /// `Ok` if LIBLINEAR's text can hold classes with these names.
    ///
    /// # Errors
    ///
    /// As for [`Linear::save_liblinear`].
    pub fn expect_labels_of_liblinear(classes: &Classes) -> Result<()> {
        liblinear::labels(classes).map(drop)
    }

    /// The weights.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The names of the classes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The names of the features, if they were columns of a table that names them. They are for
    /// [`ExampleFile::named`](crate::data::ExampleFile::named).
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// What classifies examples with it.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is no room for the weights in another order.
    pub fn predictor(&self) -> Result<Predictor> {
        Predictor::new(&self.model, &self.classes)
    }
}
