//! `model.safetensors`: parameters with the names and layouts of `torch.nn`.
//!
//! `encoder.N.weight` and `.bias` are those of a `Conv2d` (`[maps, inputs, rows, columns]`) or a `Linear`
//! (`[units, inputs]`). `decoder.weight` and `.bias` are those of a `ConvTranspose2d` (`[maps, channels,
//! rows, columns]`) or a `Linear` (`[inputs, units]`). A tied decoder has no weight of its own. A stacked
//! layer also has an `input.scale`, the factor of the features of the layer below. A dictionary that was
//! trained with thresholds has `thresholds`, one for each unit: an activation above it is not 0.

use std::path::Path;

use wta_core::{Network, Role};

use super::links::Links;
use crate::error::{Error, Result};
use crate::files::seal::Sealed;
pub use crate::files::tensors::Tensor;
use crate::files::tensors::{Tensors, bytes_of, sealed};
use crate::files::whole;
use crate::layout::transposed;
use crate::memory::reserve;
pub use crate::numbers::shape_of;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedModel {
    /// The flat parameter vector.
    pub parameters: Vec<f32>,
    /// The factor of the features of the layer below; only a stacked layer has one.
    pub input_scale: Option<f32>,
    /// The threshold of each unit; only a dictionary that was trained with thresholds has them.
    pub thresholds: Option<Vec<f32>>,
}

/// The name of the tensor for [`SavedModel::input_scale`].
const INPUT_SCALE: &str = "input.scale";

/// The name of the tensor for [`SavedModel::thresholds`].
const THRESHOLDS: &str = "thresholds";

/// Writes the parameters, and a stacked layer's `input_scale`.
///
/// # Errors
///
/// [`Error::Io`] if the file cannot be written.
pub fn save(path: &Path, network: &Network, parameters: &[f32], input_scale: Option<f32>) -> Result<()> {
    save_linked(path, network, parameters, (input_scale, None), &Links::default())
}

/// [`save`], with the scale and the thresholds, and with what the parameters belong to.
pub(crate) fn save_linked(
    path: &Path,
    network: &Network,
    parameters: &[f32],
    more: (Option<f32>, Option<&[f32]>),
    links: &Links,
) -> Result<()> {
    sealed_linked(path, network, parameters, more, links)?.write(path)
}

/// The file of [`save_linked`], ready to be written.
pub(crate) fn sealed_linked(
    path: &Path,
    network: &Network,
    parameters: &[f32],
    (input_scale, thresholds): (Option<f32>, Option<&[f32]>),
    links: &Links,
) -> Result<Sealed> {
    let mut tensors = tensors_of(network, parameters);
    let more = [(INPUT_SCALE, input_scale.as_ref().map(std::slice::from_ref)), (THRESHOLDS, thresholds)];
    for (name, values) in more {
        let tensor = |values: &[f32]| Tensor {
            name: name.to_owned(),
            shape: vec![values.len()],
            values: values.to_vec(),
        };
        tensors.extend(values.map(tensor));
    }
    sealed(path, &tensors, &links.described())
}

/// The inputs of a fully-connected network's first layer, which has a weight for each; `None` for filters.
///
/// # Errors
///
/// One sentence if the file cannot be read or is not safetensors.
pub fn inputs_of_units(path: &Path) -> Result<Option<usize>> {
    let file = whole::read(path)?;
    Ok(match Tensors::of(path, &file)?.shape("encoder.0.weight").as_deref() {
        Some([_, inputs]) => Some(*inputs),
        _ => None,
    })
}

/// Reads the model of `network`.
///
/// # Errors
///
/// One sentence if the file is missing, is not safetensors, holds another architecture, or holds a number
/// that is not finite (named by its tensor and index), or its checksum is wrong.
pub fn load(path: &Path, network: &Network) -> Result<SavedModel> {
    load_linked(path, network).map(|(model, _)| model)
}

/// [`load`], with what the parameters belong to, as far as the file says.
pub(crate) fn load_linked(path: &Path, network: &Network) -> Result<(SavedModel, Links)> {
    let file = whole::read(path)?;
    let tensors = Tensors::of(path, &file)?;
    // A convolutional network is stored as one, also when it is applied to a single position.
    let linear =
        tensors.shape("encoder.0.weight").map_or(network.is_fully_connected(), |shape| shape.len() == 2);
    if let Some(shape) = tensors.shape("encoder.0.weight") {
        expect_input(path, network, &shape)?;
    }
    // Before there is memory for them: the recipe beside the file may be damaged, and say any number of maps.
    for region in &network.regions() {
        let (name, shape) = form(network, region.role, linear);
        if tensors.shape(&name).as_ref() != Some(&shape) {
            tensors.get(&name, &shape)?;
        }
    }
    let what = || format!("{}: the network", path.display());
    let mut parameters: Vec<f32> = reserve::zeros(network.parameters_len(), what)?;
    let mut expected: Vec<String> = vec![INPUT_SCALE.to_owned(), THRESHOLDS.to_owned()];
    for region in &network.regions() {
        let (name, shape) = form(network, region.role, linear);
        let values = tensors.get(&name, &shape)?;
        let values = from_torch(network, region.role, linear, &values);
        let places = parameters.iter_mut().skip(region.range.start);
        places.zip(values).for_each(|(place, value)| *place = value);
        expected.push(name);
    }
    if let Some(extra) = tensors.names().into_iter().find(|name| !expected.iter().any(|e| e == name)) {
        return Err(Error::file(
            path,
            format!("has an unknown tensor {extra}: it is a model of another architecture than the recipe's"),
        ));
    }
    let input_scale = match tensors.shape(INPUT_SCALE) {
        None => None,
        Some(_) => match tensors.get(INPUT_SCALE, &[1]).as_deref() {
            Ok([scale]) if *scale > 0.0 => Some(*scale),
            _ => return Err(Error::file(path, "tensor input.scale is not one number above 0")),
        },
    };
    let units = network.code().channels;
    let thresholds = match tensors.shape(THRESHOLDS) {
        None => None,
        Some(_) => Some(tensors.get(THRESHOLDS, &[units])?),
    };
    Ok((SavedModel { parameters, input_scale, thresholds }, Links::said(|key| tensors.said(key))))
}

/// `Ok` if the stored network takes samples like those that `network` is for. `shape` is that of the first
/// layer's weights in the file.
fn expect_input(path: &Path, network: &Network, shape: &[usize]) -> Result<()> {
    let input = network.input();
    let (what, found, takes) = match *shape {
        [_, takes] if network.is_fully_connected() => ("numbers", input.channels, takes),
        [_, takes, ..] => ("channels", input.channels, takes),
        _ => return Ok(()),
    };
    if found == takes {
        return Ok(());
    }
    let run = path.parent().unwrap_or(path).display();
    Err(Error::Invalid(format!("the samples have {found} {what}, but the network of {run} takes {takes}")))
}

/// The parameters as the file has them, in its order.
pub fn tensors_of(network: &Network, parameters: &[f32]) -> Vec<Tensor> {
    let linear = network.is_fully_connected();
    let regions = network.regions();
    let tensors = regions.iter().map(|region| {
        let (name, shape) = form(network, region.role, linear);
        let values = parameters.get(region.range.clone()).unwrap_or_default();
        Tensor { name, shape, values: to_torch(network, region.role, linear, values) }
    });
    tensors.collect()
}

/// The name and the shape of a region in PyTorch; `linear` for layers that are a `Linear`.
fn form(network: &Network, role: Role, linear: bool) -> (String, Vec<usize>) {
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
        Role::Atoms if linear => vec![channels, maps],
        _ if linear => vec![maps, channels],
        _ => vec![maps, channels, kernel.height, kernel.width],
    };
    (name, shape)
}

/// Converts our layout of filters (positions x channels) to PyTorch's (channels x positions).
fn to_torch(network: &Network, role: Role, linear: bool, values: &[f32]) -> Vec<f32> {
    match layout(network, role, linear) {
        Some((rows, filter)) => values.chunks_exact(filter).flat_map(|f| transposed(f, rows)).collect(),
        None => values.to_vec(),
    }
}

fn from_torch(network: &Network, role: Role, linear: bool, values: &[f32]) -> Vec<f32> {
    match layout(network, role, linear) {
        Some((rows, filter)) => {
            values.chunks_exact(filter).flat_map(|f| transposed(f, filter / rows)).collect()
        }
        None => values.to_vec(),
    }
}

/// The blocks of a region that are transposed between our layout and PyTorch's: the rows of a block in ours,
/// and its numbers. `None` if both layouts are the same.
fn layout(network: &Network, role: Role, linear: bool) -> Option<(usize, usize)> {
    match role {
        Role::Filters { layer } => network.layer(layer).map(|l| (l.conv.kernel.area(), l.filter_len())),
        // A Linear decoder is stored as [inputs, units], ours unit by unit: one large matrix to transpose.
        Role::Atoms if linear => {
            let decoder = network.decoder();
            Some((decoder.conv.maps, decoder.filters_len()))
        }
        Role::Atoms => Some((network.decoder().conv.kernel.area(), network.decoder().filter_len())),
        Role::Bias { .. } | Role::DecoderBias => None,
    }
}

/// CRC-32 of the parameters' bytes. `train` prints it, so that two trainings can be compared at a glance.
pub fn checksum(parameters: &[f32]) -> u32 {
    crc32fast::hash(&bytes_of(parameters))
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;
    use wta_core::{Conv, Shape, Size};

    use super::*;
    use crate::files::tensors::floats_of;
    use crate::files::tensors::write;

    fn conv() -> Network {
        let layers = [Conv::new(3, Size::new(2, 3)), Conv::new(4, Size::square(3))];
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
                let model = SavedModel { parameters: parameters.clone(), input_scale, thresholds: None };
                assert_eq!(load(&path, &network).unwrap(), model);
                let thresholds = vec![0.25; network.code().channels];
                let more = (input_scale, Some(&thresholds[..]));
                save_linked(&path, &network, &parameters, more, &Links::default()).unwrap();
                let model = SavedModel { thresholds: Some(thresholds), ..model };
                assert_eq!(load(&path, &network).unwrap(), model);
            }
        }
        let pixel = |side| {
            let layers = [Conv::new(3, Size::ONE)];
            Network::convolutional(Shape::new(2, side, side), &layers, Size::ONE).unwrap()
        };
        save(&path, &pixel(4), &counting(&pixel(4)), None).unwrap();
        let single = load(&path, &pixel(1)).unwrap();
        assert_eq!(single.parameters, counting(&pixel(4)), "applied to a single pixel");
        let network = conv();
        save(&path, &network, &counting(&network), None).unwrap();
        let file = std::fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        let filters = tensors.tensor("encoder.0.weight").unwrap();
        assert_eq!(filters.shape(), [3, 2, 2, 3]);
        // Filter 0, channel 1, row 1, column 2 is number ((1 * 3) + 2) * 2 + 1 in our layout.
        let values = floats_of(filters.data());
        assert_eq!(values[6 + 3 + 2], 11.0);
        assert_eq!(tensors.tensor("decoder.weight").unwrap().shape(), [4, 2, 3, 5]);
    }

    #[test]
    fn the_shape_of_the_samples_is_found_where_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let units = Network::fully_connected(5, &[3, 4]).unwrap();
        write(&path, &tensors_of(&units, &counting(&units)), &[]).unwrap();
        assert_eq!(inputs_of_units(&path).unwrap(), Some(5));
        write(&path, &tensors_of(&conv(), &counting(&conv())), &[]).unwrap();
        assert_eq!(inputs_of_units(&path).unwrap(), None);
    }

    #[test]
    fn other_architectures_and_broken_files_are_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let network = conv();
        let mut parameters = counting(&network);
        save(&path, &network, &parameters, None).unwrap();
        let layers = [Conv::new(3, Size::square(2)), Conv::new(4, Size::square(3))];
        let other = Network::convolutional(Shape::new(2, 6, 5), &layers, Size::new(3, 5)).unwrap();
        let error = load(&path, &other).unwrap_err().to_string();
        assert!(error.contains("encoder.0.weight has shape [3, 2, 2, 3]"), "{error}");
        let layers = [Conv::new(u32::MAX as usize, Size::new(2, 3))];
        let large = Network::convolutional(Shape::new(2, 6, 5), &layers, Size::new(3, 5)).unwrap();
        let error = load(&path, &large).unwrap_err().to_string();
        assert!(error.contains("the recipe needs [4294967295, 2, 2, 3]"), "{error}");
        let layers = [Conv::new(3, Size::new(2, 3)), Conv::new(4, Size::square(3))];
        let grey = Network::convolutional(Shape::new(1, 6, 5), &layers, Size::new(3, 5)).unwrap();
        let error = load(&path, &grey).unwrap_err().to_string();
        assert!(
            error.contains("the samples have 1 channels, but the network of"),
            "the file is right: {error}"
        );
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
