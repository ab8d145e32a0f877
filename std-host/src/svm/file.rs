//! `svm.safetensors`: a classifier as tensors.

use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors};

use super::model::Model;
use crate::error::{Error, Result};
use crate::files::tensors::{Tensor, floats_of, write};

/// Writes a classifier as the tensors `weight` (classes x features) and `bias`. The features are in the order
/// of [`FeatureEncoder`](crate::encode::FeatureEncoder): maps side by side at each position.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be written.
pub fn save(path: &Path, svm: &Model) -> Result<()> {
    let tensors = [
        Tensor {
            name: "weight".to_owned(),
            shape: vec![svm.classes, svm.features],
            values: svm.weights.clone(),
        },
        Tensor { name: "bias".to_owned(), shape: vec![svm.classes], values: svm.bias.clone() },
    ];
    write(path, &tensors)
}

/// Reads a classifier that [`save`] wrote.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be read, [`Error::Classifier`] if it is not such a file or holds a number
/// that is not finite.
pub fn load(path: &Path) -> Result<Model> {
    let file = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let broken = |problem: &str| Error::classifier(path, problem);
    let tensors = SafeTensors::deserialize(&file).map_err(|_| broken("is not a whole safetensors file"))?;
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
    Ok(Model { classes, features, weights, bias })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifiers_survive_the_file_and_broken_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svm.safetensors");
        let mut svm = Model { classes: 2, features: 3, weights: vec![0.5; 6], bias: vec![-1.0, 2.0] };
        save(&path, &svm).unwrap();
        assert_eq!(load(&path).unwrap(), svm);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("not a whole safetensors file"));
        write(&path, &[Tensor { name: "other".to_owned(), shape: vec![1], values: vec![1.0] }]).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("has no tensor weight"));
        svm.bias[1] = f32::INFINITY;
        save(&path, &svm).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("not finite"));
    }
}
