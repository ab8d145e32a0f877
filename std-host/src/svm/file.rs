//! `svm.safetensors`: a classifier as tensors, with all that it takes to use it: the weights, the pooling and
//! the power that its features come from, and the names of its classes. So one file, which is replaced as a
//! whole, says what belongs together.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};
use wta_core::Shape;

use super::columns::Columns;
use super::model::Model;
use crate::error::{Error, Result};
use crate::files::seal::{self, Described, Sealed};
use crate::files::tensors::{self, Tensor, floats_of};
use crate::files::whole;
use crate::numbers::{channels_rows_columns, shape_of};

/// The metadata that names the order of the features, and the order.
const ORDER: (&str, &str) = ("feature_order", "map, row, column");

/// The metadata with the maps x rows x columns of each layer.
const SHAPES: &str = "features";

/// Between the shapes of two layers.
const AND: &str = " + ";

/// What a classifier belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// [`Trained::checksum`](crate::run::Trained::checksum) of the network that gave the features, in
    /// hexadecimal.
    pub weights: String,
    /// The pooling, as a recipe writes it.
    pub pool: String,
    /// The power that the features were raised to.
    pub power: f32,
    /// A checksum of the recipe's other settings of the features.
    pub features: String,
    /// The names of the classes.
    pub classes: Vec<String>,
}

const WEIGHTS: &str = "weights";
const POOL: &str = "pool";
const POWER: &str = "power";
const FEATURES: &str = "features_identity";
const CLASSES: &str = "classes";
const NAMES: &str = "columns";

/// A classifier that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The classifier.
    pub svm: Model,
    /// The features that its weights are for; `None` in a file of a version before 0.2.
    pub columns: Option<Columns>,
    /// What it belongs to; `None` if the file does not prove it, as those of versions before 0.2, or if it
    /// belongs to no network ([`save_alone`]).
    pub origin: Option<Origin>,
    /// The names of the classes, if the file has them.
    pub classes: Option<Vec<String>>,
    /// The names of the features, one for each, if they were columns of a table that names them.
    pub names: Option<Vec<String>>,
}

/// The file: the tensors `weight` (classes x features) and `bias`, with the features in the
/// order of files: map after map. If they are those of all layers, `layer_factor` has what a layer's features
/// are multiplied by.
///
/// # Errors
///
/// [`Error::Invalid`] if the classifier has other features.
pub(crate) fn sealed(svm: &Model, columns: &Columns, origin: &Origin) -> Result<Sealed> {
    let described = [
        (WEIGHTS, origin.weights.clone()),
        (POOL, origin.pool.clone()),
        (POWER, origin.power.to_string()),
        (FEATURES, origin.features.clone()),
    ];
    sealed_with(svm, columns, &origin.classes, &described)
}

/// The same for a classifier that belongs to whatever `origin` says, or to nothing.
fn sealed_with(
    svm: &Model,
    columns: &Columns,
    classes: &[String],
    origin: &[(&str, String)],
) -> Result<Sealed> {
    if svm.features != columns.len() {
        let (found, expected) = (svm.features, columns.len());
        return Err(Error::Invalid(format!("a classifier of {found} features is not for {expected}")));
    }
    let values = columns.in_file_order(&svm.weights);
    let mut tensors = vec![
        Tensor { name: "weight".to_owned(), shape: vec![svm.classes, svm.features], values },
        Tensor { name: "bias".to_owned(), shape: vec![svm.classes], values: svm.bias.clone() },
    ];
    if let Some(values) = columns.factors.clone() {
        tensors.push(Tensor { name: "layer_factor".to_owned(), shape: vec![values.len()], values });
    }
    let shapes: Vec<String> = columns.layers.iter().copied().map(channels_rows_columns).collect();
    let classes = serde_json::to_string(classes)
        .map_err(|error| Error::Invalid(format!("the classes' names cannot be written ({error})")))?;
    let mut described = vec![(ORDER.0, ORDER.1.to_owned()), (SHAPES, shapes.join(AND)), (CLASSES, classes)];
    described.extend_from_slice(origin);
    tensors::sealed(Path::new("svm.safetensors"), &tensors, &described)
}

/// Writes a classifier, and returns the file's checksum.
///
/// # Errors
///
/// [`Error::Invalid`] if the classifier has other features; [`Error::Io`] if the file cannot be written.
pub fn save(path: &Path, svm: &Model, columns: &Columns, origin: &Origin) -> Result<String> {
    let file = sealed(svm, columns, origin)?;
    file.write(path)?;
    Ok(file.checksum)
}

/// Writes a classifier that belongs to no network: the same file without an [`Origin`], and with the names of
/// its features, if there are some. A file that is replaced may be a link, which is followed.
///
/// # Errors
///
/// As for [`save`].
pub fn save_alone(path: &Path, svm: &Model, classes: &[String], names: Option<&[String]>) -> Result<()> {
    let columns = Columns { layers: vec![Shape::vector(svm.features)], factors: None };
    let mut described = Vec::new();
    if let Some(names) = names {
        let names = serde_json::to_string(names)
            .map_err(|error| Error::Invalid(format!("the features' names cannot be written ({error})")))?;
        described.push((NAMES, names));
    }
    sealed_with(svm, &columns, classes, &described)?.write_to(path)
}

/// Reads a classifier that [`save`] or [`save_alone`] wrote, or a version before 0.2, which kept the order of
/// memory and did not say which features they are.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be read, [`Error::Classifier`] if it is not such a file or holds a number
/// that is not finite, [`Error::File`] if its checksum is wrong.
pub fn load(path: &Path) -> Result<Loaded> {
    read(path, "evaluate the run again")
}

/// The same for a classifier that may belong to no network.
///
/// # Errors
///
/// As for [`load`], but each an [`Error::File`] that asks for the training, and not the evaluation, again.
pub fn load_alone(path: &Path) -> Result<Loaded> {
    const REMEDY: &str = "train the classifier again";
    read(path, REMEDY).map_err(|error| match error {
        Error::Classifier { path, problem } => Error::file(path, format!("{problem}; {REMEDY}")),
        error => error,
    })
}

fn read(path: &Path, remedy: &str) -> Result<Loaded> {
    let file = whole::read(path)?;
    let broken = |problem: &str| Error::classifier(path, problem);
    let damaged = || broken("is not a whole safetensors file");
    let tensors = SafeTensors::deserialize(&file).map_err(|_| damaged())?;
    let (_, metadata) = SafeTensors::read_metadata(&file).map_err(|_| damaged())?;
    let sealed = seal::opened(path, &tensors, &metadata, remedy)?;
    let tensor = |name| match tensors.tensor(name) {
        Ok(tensor) if tensor.dtype() == Dtype::F32 => Ok(tensor),
        _ => Err(broken(&format!("has no tensor {name} of type F32"))),
    };
    let (weight, bias) = (tensor("weight")?, tensor("bias")?);
    let [classes, features] = *weight.shape() else { return Err(broken("has no matrix of weights")) };
    if bias.shape() != [classes] {
        return Err(broken("has not one bias per class"));
    }
    let (weights, bias) = (floats_of(weight.data()), floats_of(bias.data()));
    if !weights.iter().chain(&bias).all(|v| v.is_finite()) {
        return Err(broken("holds a number that is not finite"));
    }
    let mut svm = Model { classes, features, weights, bias };
    let said =
        metadata.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let Some(layers) = layers(&said).map_err(broken)? else {
        return Ok(Loaded { svm, columns: None, origin: None, classes: None, names: None });
    };
    let factors = match tensors.names().contains(&"layer_factor") {
        true => Some(floats_of(tensor("layer_factor")?.data())),
        false => None,
    };
    let fits = factors.as_ref().is_none_or(|factors| factors.len() == layers.len());
    if !fits || factors.iter().flatten().any(|factor| !factor.is_finite()) {
        return Err(broken("has not one finite factor per layer"));
    }
    let sum = layers.iter().try_fold(0usize, |sum, shape| {
        let len = shape.channels.checked_mul(shape.height)?.checked_mul(shape.width)?;
        sum.checked_add(len)
    });
    if sum != Some(features) {
        return Err(broken("has other features than its metadata says"));
    }
    let columns = Columns { layers, factors };
    svm.weights = columns.in_memory_order(&svm.weights);
    let of_network = sealed.as_ref().filter(|said| said.contains_key(WEIGHTS));
    let origin = of_network.map(origin).transpose().map_err(broken)?;
    let all = |key| sealed.as_ref().and_then(|said| said.get(key)).map(|text| names(text)).transpose();
    let (classes, of_features) = (all(CLASSES).map_err(broken)?, all(NAMES).map_err(broken)?);
    if of_features.as_ref().is_some_and(|names| names.len() != features) {
        return Err(broken("has not one name per feature"));
    }
    Ok(Loaded { svm, columns: Some(columns), origin, classes, names: of_features })
}

/// The shapes of the layers' features; `None` if the file does not name an order.
fn layers(said: &Described) -> std::result::Result<Option<Vec<Shape>>, &'static str> {
    match said.get(ORDER.0) {
        None => return Ok(None),
        Some(order) if order == ORDER.1 => {}
        Some(_) => return Err("has its features in an order that this version does not know"),
    }
    let shapes = said.get(SHAPES).map(|text| text.split(AND).map(shape_of).collect());
    shapes.flatten().map(Some).ok_or("does not say the shape of its features")
}

fn origin(said: &Described) -> std::result::Result<Origin, &'static str> {
    let get = |key: &str| said.get(key).cloned().ok_or("does not say what it belongs to");
    Ok(Origin {
        weights: get(WEIGHTS)?,
        pool: get(POOL)?,
        power: get(POWER)?.parse().map_err(|_| "does not say the power of its features")?,
        features: get(FEATURES)?,
        classes: names(&get(CLASSES)?)?,
    })
}

fn names(text: &str) -> std::result::Result<Vec<String>, &'static str> {
    serde_json::from_str(text).map_err(|_| "does not say the names of its classes or features")
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn origin() -> Origin {
        Origin {
            weights: "0123abcd".to_owned(),
            pool: "5/3".to_owned(),
            power: 1.5,
            features: "1:00000000".to_owned(),
            classes: vec!["still".to_owned(), "\"moving\", fast".to_owned()],
        }
    }

    /// A file as an earlier version or another program writes it.
    fn write_plain(path: &Path, tensors: &[(&str, Vec<usize>, Vec<f32>)], metadata: &[(&str, &str)]) {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        std::fs::write(path, safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
    }

    /// What is read of a classifier that was saved with [`origin`].
    fn of_network(svm: &Model, columns: &Columns) -> Loaded {
        let (columns, classes) = (Some(columns.clone()), Some(origin().classes));
        Loaded { svm: svm.clone(), columns, origin: Some(origin()), classes, names: None }
    }

    #[test]
    fn a_classifier_of_no_network_has_names_and_no_origin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any.safetensors");
        let svm = Model { classes: 2, features: 3, weights: vec![0.5; 6], bias: vec![-1.0, 2.0] };
        let names = ["a".to_owned(), "b, c".to_owned()];
        save_alone(&path, &svm, &names, None).unwrap();
        let columns = Columns { layers: vec![Shape::vector(3)], factors: None };
        let found = load_alone(&path).unwrap();
        assert_eq!(
            found,
            Loaded {
                svm: svm.clone(),
                columns: Some(columns),
                origin: None,
                classes: Some(names.to_vec()),
                names: None
            }
        );
        let features = ["x", "y, z", ""].map(str::to_owned);
        save_alone(&path, &svm, &names, Some(&features)).unwrap();
        let again = load_alone(&path).unwrap();
        assert_eq!(again, Loaded { names: Some(features.to_vec()), ..found });
        save_alone(&path, &svm, &names, Some(&features[1..])).unwrap();
        let error = load_alone(&path).unwrap_err().to_string();
        assert!(error.contains("has not one name per feature; train the classifier again"), "{error}");
        let mut file = std::fs::read(&path).unwrap();
        *file.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &file).unwrap();
        assert!(load_alone(&path).unwrap_err().to_string().ends_with("train the classifier again"));
        std::fs::write(&path, &file[..file.len() - 1]).unwrap();
        assert!(load_alone(&path).unwrap_err().to_string().ends_with("train the classifier again"));
    }

    #[test]
    fn classifiers_survive_the_file_and_broken_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svm.safetensors");
        let columns = Columns { layers: vec![Shape::vector(3)], factors: None };
        let mut svm = Model { classes: 2, features: 3, weights: vec![0.5; 6], bias: vec![-1.0, 2.0] };
        let checksum = save(&path, &svm, &columns, &origin()).unwrap();
        assert_eq!(seal::stated(&path), Some(checksum));
        let loaded = of_network(&svm, &columns);
        assert_eq!(load(&path).unwrap(), loaded);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let refused = || load(&path).unwrap_err().to_string();
        assert!(refused().contains("not a whole safetensors file"));
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert!(refused().contains("is damaged: its checksum is"), "{}", refused());
        write_plain(&path, &[("other", vec![1], vec![1.0])], &[]);
        assert!(refused().contains("has no tensor weight"));
        let tensors = [("weight", vec![2, 3], vec![0.5; 6]), ("bias", vec![2], vec![-1.0, 2.0])];
        for (order, features, sentence) in [
            ("row, column, map", "3x1x1", "order that this version does not know"),
            ("map, row, column", "3x1x2", "other features than its metadata says"),
            ("map, row, column", "3x1x?", "does not say the shape of its features"),
            ("map, row, column", "9999999999x9999999999x3", "does not say the shape of its features"),
        ] {
            write_plain(&path, &tensors, &[(ORDER.0, order), (SHAPES, features)]);
            assert!(refused().contains(sentence), "{}", refused());
        }
        write_plain(&path, &tensors, &[(ORDER.0, ORDER.1), (SHAPES, "3x1x1")]);
        assert_eq!(load(&path).unwrap(), Loaded { origin: None, classes: None, ..loaded });
        svm.bias[1] = f32::INFINITY;
        save(&path, &svm, &columns, &origin()).unwrap();
        assert!(refused().contains("not finite"));
    }

    #[test]
    fn features_lie_map_after_map_and_old_files_are_read_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svm.safetensors");
        let layers = vec![Shape::new(2, 1, 2), Shape::vector(3)];
        let columns = Columns { layers, factors: Some(vec![0.5, 2.0]) };
        let weights: Vec<f32> = (0..14).map(|v| v as f32).collect();
        let svm = Model { classes: 2, features: 7, weights: weights.clone(), bias: vec![0.0; 2] };
        save(&path, &svm, &columns, &origin()).unwrap();
        let loaded = of_network(&svm, &columns);
        assert_eq!(load(&path).unwrap(), loaded);
        let file = std::fs::read(&path).unwrap();
        let stored = floats_of(SafeTensors::deserialize(&file).unwrap().tensor("weight").unwrap().data());
        assert_eq!(stored[..7], [0.0, 2.0, 1.0, 3.0, 4.0, 5.0, 6.0]);
        let other = Columns { layers: vec![Shape::vector(6)], factors: None };
        assert!(save(&path, &svm, &other, &origin()).is_err());
        // As versions before 0.2 wrote it.
        let tensors = [("weight", vec![2, 7], weights), ("bias", vec![2], vec![0.0; 2])];
        write_plain(&path, &tensors, &[]);
        assert_eq!(
            load(&path).unwrap(),
            Loaded { svm, columns: None, origin: None, classes: None, names: None }
        );
    }
}
