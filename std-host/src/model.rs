//! `model.safetensors`: parameters under the names and in the layouts of `torch.nn`.
//!
//! `encoder.N.weight` and `.bias` are those of a `Conv2d` (`[maps, inputs, rows, columns]`) or a `Linear`
//! (`[units, inputs]`); `decoder.weight` and `.bias` those of a `ConvTranspose2d` (`[maps, channels, rows,
//! columns]`) or a `Linear` (`[inputs, units]`). A tied decoder has no weight of its own. A stacked layer has an
//! `input.scale` besides, by which the features of the layer below are multiplied.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use wta_core::{Network, Role};

use crate::atomic;
use crate::error::{Error, Result};
use crate::svm;

/// A tensor to be written.
pub(crate) struct Tensor {
    /// Its name.
    pub(crate) name: String,
    /// Its dimensions.
    pub(crate) shape: Vec<usize>,
    /// Its numbers, row by row.
    pub(crate) values: Vec<f32>,
}

/// The tensors of a file in memory.
pub(crate) struct Tensors<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl<'a> Tensors<'a> {
    /// Of the file at `path`, whose content is `file`.
    pub(crate) fn of(path: &'a Path, file: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(file)
            .map_err(|e| Error::file(path, format!("is not a whole safetensors file ({e}); train again")))?;
        Ok(Self { path, tensors })
    }

    /// The dimensions of a tensor, if the file has it.
    pub(crate) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.tensors.tensor(name).ok()?.shape().to_vec())
    }

    /// The numbers of a tensor, which are finite; `shape` is what the recipe needs.
    pub(crate) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let refused = |problem: String| Err(Error::file(self.path, problem));
        let Ok(tensor) = self.tensors.tensor(name) else {
            return refused(format!("has no tensor {name}, which the recipe needs"));
        };
        if tensor.dtype() != Dtype::F32 {
            return refused(format!("tensor {name} is of type {:?}, not F32", tensor.dtype()));
        }
        if tensor.shape() != shape {
            let found = tensor.shape();
            return refused(format!("tensor {name} has shape {found:?}, but the recipe needs {shape:?}"));
        }
        let values = floats_of(tensor.data());
        match values.iter().position(|v| !v.is_finite()) {
            Some(index) => refused(format!("element {index} of tensor {name} is not a finite number")),
            None => Ok(values),
        }
    }
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// Of a stacked layer: what the features of the layer below are multiplied by.
    pub input_scale: Option<f32>,
}

/// The name of [`Model::input_scale`].
const INPUT_SCALE: &str = "input.scale";

/// Writes the parameters, and a stacked layer's `input_scale`.
///
/// # Errors
///
/// One sentence when the file cannot be written.
pub fn save(path: &Path, network: &Network, parameters: &[f32], input_scale: Option<f32>) -> Result<()> {
    let mut tensors = tensors_of(network, parameters);
    let scale = input_scale.map(|s| Tensor { name: INPUT_SCALE.to_owned(), shape: vec![1], values: vec![s] });
    tensors.extend(scale);
    write(path, &tensors)
}

/// Writes a file of tensors.
pub(crate) fn write(path: &Path, tensors: &[Tensor]) -> Result<()> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| bytes_of(&t.values)).collect();
    let mut views = Vec::new();
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        views.push((tensor.name.as_str(), view.map_err(|e| Error::file(path, e.to_string()))?));
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| Error::file(path, e.to_string()))?;
    atomic::write(path, |to| to.write_all(&file))
}

/// Reads the model of `network`.
///
/// # Errors
///
/// One sentence when the file is missing, is not safetensors, holds another architecture, or a number that is not
/// finite (named by its tensor and index).
pub fn load(path: &Path, network: &Network) -> Result<Model> {
    let file = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let tensors = Tensors::of(path, &file)?;
    let mut parameters = vec![0.0; network.parameters_len()];
    let mut expected: Vec<String> = vec![INPUT_SCALE.to_owned()];
    for region in &network.regions() {
        let (name, shape) = form(network, region.role);
        let values = tensors.get(&name, &shape)?;
        let values = from_torch(network, region.role, &values);
        let places = parameters.iter_mut().skip(region.range.start);
        places.zip(values).for_each(|(place, value)| *place = value);
        expected.push(name);
    }
    if let Some(extra) = tensors.tensors.names().into_iter().find(|name| !expected.iter().any(|e| e == name))
    {
        return Err(Error::file(
            path,
            format!("has an unknown tensor {extra}: it is a model of another architecture than the recipe's"),
        ));
    }
    let input_scale = match tensors.tensors.tensor(INPUT_SCALE) {
        Err(_) => None,
        Ok(tensor) => match floats_of(tensor.data())[..] {
            [scale] if scale.is_finite() && scale > 0.0 => Some(scale),
            _ => return Err(Error::file(path, "tensor input.scale is not one number above 0")),
        },
    };
    Ok(Model { parameters, input_scale })
}

fn tensors_of(network: &Network, parameters: &[f32]) -> Vec<Tensor> {
    let regions = network.regions();
    let tensors = regions.iter().map(|region| {
        let (name, shape) = form(network, region.role);
        let values = parameters.get(region.range.clone()).unwrap_or_default();
        Tensor { name, shape, values: to_torch(network, region.role, values) }
    });
    tensors.collect()
}

/// A region's name and shape in PyTorch.
fn form(network: &Network, role: Role) -> (String, Vec<usize>) {
    let (name, layer) = match role {
        Role::Filters { layer } => (format!("encoder.{layer}.weight"), network.layer(layer)),
        Role::Bias { layer } => (format!("encoder.{layer}.bias"), network.layer(layer)),
        Role::Atoms => ("decoder.weight".to_owned(), Some(network.decoder())),
        Role::DecoderBias => return ("decoder.bias".to_owned(), vec![network.input().channels]),
    };
    let Some(layer) = layer else { return (name, Vec::new()) };
    let (maps, channels, kernel) = (layer.conv.maps, layer.input.channels, layer.conv.kernel);
    let shape = match role {
        Role::Bias { .. } => vec![maps],
        Role::Atoms if network.is_fully_connected() => vec![channels, maps],
        _ if network.is_fully_connected() => vec![maps, channels],
        _ => vec![maps, channels, kernel.height, kernel.width],
    };
    (name, shape)
}

/// Our filters (positions x channels, channels last) as PyTorch's (channels x positions).
fn to_torch(network: &Network, role: Role, values: &[f32]) -> Vec<f32> {
    match layout(network, role) {
        Some((rows, filter)) => values.chunks_exact(filter).flat_map(|f| transposed(f, rows)).collect(),
        None => values.to_vec(),
    }
}

fn from_torch(network: &Network, role: Role, values: &[f32]) -> Vec<f32> {
    match layout(network, role) {
        Some((rows, filter)) => {
            values.chunks_exact(filter).flat_map(|f| transposed(f, filter / rows)).collect()
        }
        None => values.to_vec(),
    }
}

/// Which blocks of a region are transposed between our layout and PyTorch's: rows of ours, and numbers in a block.
fn layout(network: &Network, role: Role) -> Option<(usize, usize)> {
    match role {
        Role::Filters { layer } => network.layer(layer).map(|l| (l.conv.kernel.area(), l.filter_len())),
        // A Linear decoder is stored [inputs, units], and ours unit by unit: one large matrix.
        Role::Atoms if network.is_fully_connected() => {
            let decoder = network.decoder();
            Some((decoder.conv.maps, decoder.filters_len()))
        }
        Role::Atoms => Some((network.decoder().conv.kernel.area(), network.decoder().filter_len())),
        Role::Bias { .. } | Role::DecoderBias => None,
    }
}

/// A matrix of `rows` rows, transposed.
fn transposed(matrix: &[f32], rows: usize) -> impl Iterator<Item = f32> + '_ {
    let columns = matrix.len() / rows.max(1);
    (0..columns).flat_map(move |column| matrix.iter().skip(column).step_by(columns.max(1)).copied())
}

/// Numbers as little-endian bytes.
pub(crate) fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Little-endian bytes as numbers.
pub(crate) fn floats_of(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|w| f32::from_le_bytes(*w)).collect()
}

/// Writes a classifier: `weight` (classes x features, the features as [`FeatureEncoder`](crate::features::FeatureEncoder)
/// gives them: positions with their maps side by side) and `bias`.
///
/// # Errors
///
/// One sentence when the file cannot be written.
pub fn save_svm(path: &Path, svm: &svm::Model) -> Result<()> {
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

/// Reads a classifier that [`save_svm`] wrote.
///
/// # Errors
///
/// One sentence when the file cannot be read, is not such a file, or holds a number that is not finite.
pub fn load_svm(path: &Path) -> Result<svm::Model> {
    let file = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let broken = |problem: &str| Error::file(path, format!("{problem}; run `wta eval` again"));
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
    Ok(svm::Model { classes, features, weights, bias })
}

/// CRC-32 of the parameters' bytes: what `train` prints, so that two trainings can be compared at a glance.
pub fn checksum(parameters: &[f32]) -> u32 {
    crc32fast::hash(&bytes_of(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wta_core::{Conv, Shape, Size};

    fn conv() -> Network {
        let layers = [Conv::same(3, Size::new(2, 3)), Conv::same(4, Size::square(3))];
        Network::convolutional(Shape::new(2, 6, 5), &layers, Size::new(3, 5)).unwrap()
    }

    fn counting(network: &Network) -> Vec<f32> {
        (0..network.parameters_len()).map(|i| i as f32).collect()
    }

    #[test]
    fn parameters_survive_the_file_and_lie_as_pytorch_expects() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        for network in [
            conv(),
            Network::fully_connected(5, &[3, 4]).unwrap(),
            Network::fully_connected(5, &[3]).unwrap().tied().unwrap(),
        ] {
            let parameters = counting(&network);
            for input_scale in [None, Some(0.5)] {
                save(&path, &network, &parameters, input_scale).unwrap();
                let model = Model { parameters: parameters.clone(), input_scale };
                assert_eq!(load(&path, &network).unwrap(), model);
            }
        }
        let network = conv();
        save(&path, &network, &counting(&network), None).unwrap();
        let file = std::fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let filters = tensors.tensor("encoder.0.weight").unwrap();
        assert_eq!(filters.shape(), [3, 2, 2, 3]);
        // Filter 0, channel 1, row 1, column 2 is number ((1 * 3) + 2) * 2 + 1 of ours.
        let values = floats_of(filters.data());
        assert_eq!(values[6 + 3 + 2], 11.0);
        assert_eq!(tensors.tensor("decoder.weight").unwrap().shape(), [4, 2, 3, 5]);
    }

    #[test]
    fn classifiers_survive_the_file_and_broken_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svm.safetensors");
        let mut svm = svm::Model { classes: 2, features: 3, weights: vec![0.5; 6], bias: vec![-1.0, 2.0] };
        save_svm(&path, &svm).unwrap();
        assert_eq!(load_svm(&path).unwrap(), svm);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(load_svm(&path).unwrap_err().to_string().contains("not a whole safetensors file"));
        save(&path, &conv(), &counting(&conv()), None).unwrap();
        assert!(load_svm(&path).unwrap_err().to_string().contains("has no tensor weight"));
        svm.bias[1] = f32::INFINITY;
        save_svm(&path, &svm).unwrap();
        assert!(load_svm(&path).unwrap_err().to_string().contains("not finite"));
    }

    #[test]
    fn other_architectures_and_broken_files_are_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let network = conv();
        let mut parameters = counting(&network);
        save(&path, &network, &parameters, None).unwrap();
        let other = Network::fully_connected(5, &[3]).unwrap();
        let error = load(&path, &other).unwrap_err().to_string();
        assert!(error.contains("encoder.0.weight has shape [3, 2, 2, 3]"), "{error}");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(load(&path, &network).unwrap_err().to_string().contains("not a whole safetensors file"));
        save(&path, &network, &parameters, Some(-1.0)).unwrap();
        assert!(load(&path, &network).unwrap_err().to_string().contains("input.scale"));
        parameters[7] = f32::NAN;
        save(&path, &network, &parameters, None).unwrap();
        let error = load(&path, &network).unwrap_err().to_string();
        assert!(error.contains("of tensor encoder.0.weight is not a finite number"), "{error}");
    }
}
