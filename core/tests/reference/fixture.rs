//! A fixture file: its settings, its tensors, and the comparison with what the core computed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use wta_core::{Shape, Size};

use super::TOLERANCE;

/// A tensor as it is in the file.
#[derive(Clone)]
pub(crate) struct Tensor {
    /// Lengths of its axes, at least one.
    pub(crate) shape: Vec<usize>,
    /// Its elements, row by row; positions and masks are small integers.
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    /// Its elements in f32, in torch's layout.
    pub(crate) fn plain(&self) -> Vec<f32> {
        self.values.iter().map(|v| *v as f32).collect()
    }

    /// Its elements in f32, in the core's layout: `[n, channels, ...]` becomes `[n, ..., channels]`, which
    /// serves images, convolution filters and atoms alike. Tensors of one or two axes stay as they are.
    pub(crate) fn channels_last(&self) -> Vec<f32> {
        let (outer, channels, inner) = self.axes();
        swap_axes(&self.plain(), outer, channels, inner)
    }

    /// A matrix transposed: a decoder's `[inputs, units]` as atoms, unit by unit.
    pub(crate) fn transposed(&self) -> Vec<f32> {
        assert_eq!(self.shape.len(), 2);
        swap_axes(&self.plain(), 1, self.shape[0], self.shape[1])
    }

    fn axes(&self) -> (usize, usize, usize) {
        let channels = self.shape.get(1).copied().unwrap_or(1);
        (self.shape[0], channels, self.shape.iter().skip(2).product())
    }
}

/// `[outer, a, b]` as `[outer, b, a]`.
pub(crate) fn swap_axes<T: Copy>(values: &[T], outer: usize, a: usize, b: usize) -> Vec<T> {
    assert_eq!(values.len(), outer * a * b);
    let mut swapped = Vec::with_capacity(values.len());
    for block in values.chunks_exact((a * b).max(1)) {
        for j in 0..b {
            swapped.extend((0..a).map(|i| block[i * b + j]));
        }
    }
    swapped
}

/// One file.
pub(crate) struct Fixture {
    name: String,
    config: Value,
    tensors: BTreeMap<String, Tensor>,
    used: RefCell<BTreeSet<String>>,
}

impl fmt::Display for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Fixture {
    pub(crate) fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (_, header) =
            SafeTensors::read_metadata(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let config = header.metadata().as_ref().and_then(|map| map.get("config"));
        let config = config.unwrap_or_else(|| panic!("{name}: no config in the metadata"));
        let config = serde_json::from_str(config).unwrap_or_else(|error| panic!("{name}: {error}"));

        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tensors = file.iter().map(|(tensor, view)| {
            let numbers = view.data().chunks_exact(8).map(|bytes| {
                let bytes = bytes.try_into().unwrap();
                match view.dtype() {
                    Dtype::F64 => f64::from_le_bytes(bytes),
                    Dtype::I64 => i64::from_le_bytes(bytes) as f64,
                    other => panic!("{name}: {tensor} is of type {other:?}"),
                }
            });
            (tensor.to_owned(), Tensor { shape: view.shape().to_vec(), values: numbers.collect() })
        });
        let tensors = tensors.collect();
        Self { config, tensors, used: RefCell::default(), name }
    }

    /// A tensor, which counts as used from now on.
    pub(crate) fn tensor(&self, name: &str) -> &Tensor {
        self.used.borrow_mut().insert(name.to_owned());
        self.tensors.get(name).unwrap_or_else(|| panic!("{self}: no tensor {name}"))
    }

    /// Fails when there is a tensor that nobody asked for: something of the file is not tested.
    pub(crate) fn expect_all_used(&self) {
        let used = self.used.borrow();
        let unused: Vec<&String> = self.tensors.keys().filter(|name| !used.contains(*name)).collect();
        assert!(unused.is_empty(), "{self}: not tested: {unused:?}");
    }

    /// Fails unless the core's numbers, in torch's layout, are those of the tensor within [`TOLERANCE`].
    pub(crate) fn expect_close(&self, name: &str, found: &[f32]) {
        let expected = &self.tensor(name).values;
        assert_eq!(found.len(), expected.len(), "{self}: elements of {name}");
        let largest = expected.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
        for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
            let close = (f64::from(*found) - expected).abs() <= TOLERANCE * largest;
            assert!(
                close,
                "{self}: {name}[{index}] must be {expected:e} but is {found:e}; \
                 the largest element is {largest:e}, the tolerance {TOLERANCE:e} of it"
            );
        }
    }

    /// [`expect_close`](Self::expect_close) for numbers in the core's layout, see [`Tensor::channels_last`].
    pub(crate) fn expect_close_channels_last(&self, name: &str, found: &[f32]) {
        let (outer, channels, inner) = self.tensor(name).axes();
        assert_eq!(found.len(), outer * channels * inner, "{self}: elements of {name}");
        self.expect_close(name, &swap_axes(found, outer, inner, channels));
    }

    /// Fails unless the numbers, in torch's layout, are exactly those of the tensor, which are exact in f32.
    pub(crate) fn expect_exact(&self, name: &str, found: &[f32]) {
        let expected = &self.tensor(name).values;
        assert_eq!(found.len(), expected.len(), "{self}: elements of {name}");
        for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
            assert_eq!(f64::from(*found), *expected, "{self}: {name}[{index}] (left: the core's)");
        }
    }

    fn setting(&self, key: &str) -> &Value {
        self.config.get(key).unwrap_or_else(|| panic!("{self}: no {key} in the config"))
    }

    /// Whether there is such a setting.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.config.get(key).is_some()
    }

    /// A setting that is a word.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.setting(key).as_str().unwrap_or_else(|| panic!("{self}: {key} is not a text"))
    }

    /// A setting that is yes or no.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.setting(key).as_bool().unwrap_or_else(|| panic!("{self}: {key} is not a boolean"))
    }

    /// A setting that is a number.
    pub(crate) fn number(&self, key: &str) -> f32 {
        self.setting(key).as_f64().unwrap_or_else(|| panic!("{self}: {key} is not a number")) as f32
    }

    /// A setting that is a count.
    pub(crate) fn count(&self, key: &str) -> usize {
        self.as_count(self.setting(key))
    }

    /// A setting that is a list of counts.
    pub(crate) fn counts(&self, key: &str) -> Vec<usize> {
        self.list(key).iter().map(|value| self.as_count(value)).collect()
    }

    /// A setting that is `[rows, columns]`.
    pub(crate) fn size(&self, key: &str) -> Size {
        self.as_size(self.setting(key))
    }

    /// A setting that is a list of `[rows, columns]`.
    pub(crate) fn sizes(&self, key: &str) -> Vec<Size> {
        self.list(key).iter().map(|value| self.as_size(value)).collect()
    }

    /// Maps of the size that is setting `key`.
    pub(crate) fn maps(&self, channels: usize, key: &str) -> Shape {
        let Size { height, width } = self.size(key);
        Shape::new(channels, height, width)
    }

    fn list(&self, key: &str) -> &[Value] {
        self.setting(key).as_array().unwrap_or_else(|| panic!("{self}: {key} is not a list"))
    }

    fn as_count(&self, value: &Value) -> usize {
        value.as_u64().unwrap_or_else(|| panic!("{self}: {value} is not a count")) as usize
    }

    fn as_size(&self, value: &Value) -> Size {
        match value.as_array().map(Vec::as_slice) {
            Some([height, width]) => Size::new(self.as_count(height), self.as_count(width)),
            _ => panic!("{self}: {value} is not [rows, columns]"),
        }
    }
}
