//! `svm.safetensors`: a classifier as tensors.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};
use wta_core::Shape;

use super::columns::Columns;
use super::model::Model;
use crate::error::{Error, Result};
use crate::files::tensors::{Tensor, floats_of, write_described};
use crate::numbers::{channels_rows_columns, shape_of};

/// The metadata that names the order of the features, and the order.
const ORDER: (&str, &str) = ("feature_order", "map, row, column");

/// The metadata with the maps x rows x columns of each layer.
const SHAPES: &str = "features";

/// Between the shapes of two layers.
const AND: &str = " + ";

/// Writes a classifier as the tensors `weight` (classes x features) and `bias`, with the features in the
/// order of files: map after map. If they are those of all layers, `layer_factor` has what a layer's features
/// are multiplied by.
///
/// # Errors
///
/// [`Error::Invalid`] if the classifier has other features; [`Error::Io`] if the file cannot be written.
pub fn save(path: &Path, svm: &Model, columns: &Columns) -> Result<()> {
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
    write_described(path, &tensors, &[(ORDER.0, ORDER.1), (SHAPES, &shapes.join(AND))])
}

/// Reads a classifier that [`save`] wrote, or a version before 0.2, which kept the order of memory and did
/// not say which features they are.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be read, [`Error::Classifier`] if it is not such a file or holds a number
/// that is not finite.
pub fn load(path: &Path) -> Result<(Model, Option<Columns>)> {
    let file = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let broken = |problem: &str| Error::classifier(path, problem);
    let damaged = || broken("is not a whole safetensors file");
    let tensors = SafeTensors::deserialize(&file).map_err(|_| damaged())?;
    let (_, described) = SafeTensors::read_metadata(&file).map_err(|_| damaged())?;
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
    let Some(layers) = layers(described.metadata().as_ref()).map_err(broken)? else {
        return Ok((svm, None));
    };
    let factors = match tensors.names().contains(&"layer_factor") {
        true => Some(floats_of(tensor("layer_factor")?.data())),
        false => None,
    };
    let fits = factors.as_ref().is_none_or(|factors| factors.len() == layers.len());
    if !fits || factors.iter().flatten().any(|factor| !factor.is_finite()) {
        return Err(broken("has not one finite factor per layer"));
    }
    let sum = layers.iter().try_fold(0usize, |sum, shape| sum.checked_add(shape.len()));
    if sum != Some(features) {
        return Err(broken("has other features than its metadata says"));
    }
    let columns = Columns { layers, factors };
    svm.weights = columns.in_memory_order(&svm.weights);
    Ok((svm, Some(columns)))
}

/// The shapes of the layers' features; `None` if the file does not name an order.
fn layers(
    metadata: Option<&HashMap<String, String>>,
) -> std::result::Result<Option<Vec<Shape>>, &'static str> {
    let get = |key: &str| metadata.and_then(|metadata| metadata.get(key));
    match get(ORDER.0) {
        None => return Ok(None),
        Some(order) if order == ORDER.1 => {}
        Some(_) => return Err("has its features in an order that this version does not know"),
    }
    let shapes = get(SHAPES).map(|text| text.split(AND).map(shape_of).collect());
    shapes.flatten().map(Some).ok_or("does not say the shape of its features")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifiers_survive_the_file_and_broken_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svm.safetensors");
        let columns = Columns { layers: vec![Shape::vector(3)], factors: None };
        let mut svm = Model { classes: 2, features: 3, weights: vec![0.5; 6], bias: vec![-1.0, 2.0] };
        save(&path, &svm, &columns).unwrap();
        assert_eq!(load(&path).unwrap(), (svm.clone(), Some(columns.clone())));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let refused = || load(&path).unwrap_err().to_string();
        assert!(refused().contains("not a whole safetensors file"));
        let other = Tensor { name: "other".to_owned(), shape: vec![1], values: vec![1.0] };
        write_described(&path, &[other], &[]).unwrap();
        assert!(refused().contains("has no tensor weight"));
        for (from, to, sentence) in [
            ("map, row, column", "row, column, map", "order that this version does not know"),
            ("3x1x1", "3x1x2", "other features than its metadata says"),
            ("3x1x1", "3x1x?", "does not say the shape of its features"),
        ] {
            let text = String::from_utf8_lossy(&whole).replace(from, to);
            // The numbers are not text: only the header is taken from it.
            let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
            let start = text.find('{').unwrap();
            let changed =
                [&whole[..8], &text.as_bytes()[start..start + header - 8], &whole[header..]].concat();
            std::fs::write(&path, changed).unwrap();
            assert!(refused().contains(sentence), "{}", refused());
        }
        svm.bias[1] = f32::INFINITY;
        save(&path, &svm, &columns).unwrap();
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
        save(&path, &svm, &columns).unwrap();
        assert_eq!(load(&path).unwrap(), (svm.clone(), Some(columns.clone())));
        let file = std::fs::read(&path).unwrap();
        let stored = floats_of(SafeTensors::deserialize(&file).unwrap().tensor("weight").unwrap().data());
        assert_eq!(stored[..7], [0.0, 2.0, 1.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(save(&path, &svm, &Columns { layers: vec![Shape::vector(6)], factors: None }).is_err());
        // As versions before 0.2 wrote it.
        let tensors = [
            Tensor { name: "weight".to_owned(), shape: vec![2, 7], values: weights },
            Tensor { name: "bias".to_owned(), shape: vec![2], values: vec![0.0; 2] },
        ];
        write_described(&path, &tensors, &[]).unwrap();
        assert_eq!(load(&path).unwrap(), (svm, None));
    }
}
