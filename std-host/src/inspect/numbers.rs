//! The range of a tensor's numbers.

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use crate::data::{Element, Numbers, Range};
use crate::error::in_one_line;

/// What was found of a tensor. Without numbers, and of types that hold none of this program's, there is no
/// range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorFinding {
    /// Its name.
    pub name: String,
    /// Its type, as in the file: `F32`, or `float32` where the file has no name for it.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// The smallest finite number.
    pub least: Option<f64>,
    /// The largest finite number.
    pub largest: Option<f64>,
    /// The mean of the finite numbers.
    pub mean: Option<f64>,
    /// The share of zeros.
    pub zeros: Option<f64>,
    /// How many numbers are NaN or infinite.
    pub not_finite: usize,
}

impl TensorFinding {
    /// Looks at all numbers of a tensor.
    pub(super) fn new(name: &str, view: &TensorView<'_>) -> Self {
        let range = element(view.dtype()).map(|element| {
            let mut range = Range::default();
            range.add_stored(element, view.data(), false);
            range
        });
        let (name, dtype, shape) = (name.to_owned(), view.dtype().to_string(), view.shape().to_vec());
        Self::of(Numbers { name, dtype, shape, range })
    }

    /// What a reader has found.
    pub(super) fn of(numbers: Numbers) -> Self {
        let range = numbers.range.filter(|range| range.count > 0);
        let finite = range.as_ref().filter(|range| range.count > range.not_finite);
        Self {
            // Names in archives are anybody's.
            name: in_one_line(numbers.name),
            dtype: numbers.dtype,
            shape: numbers.shape,
            least: finite.map(|range| range.least),
            largest: finite.map(|range| range.largest),
            mean: finite.map(|range| range.sum / (range.count - range.not_finite) as f64),
            zeros: range.as_ref().map(|range| range.zeros as f64 / range.count as f64),
            not_finite: range.as_ref().map_or(0, |range| range.not_finite as usize),
        }
    }

    /// What is wrong with it, if anything is. `what` it is: `tensor`, `array`.
    pub(super) fn problem(&self, what: &str) -> Option<String> {
        let (name, count) = (&self.name, self.not_finite);
        match count {
            0 => None,
            1 => Some(format!("{what} {name} has a number that is not finite")),
            _ => Some(format!("{what} {name} has {count} numbers that are not finite")),
        }
    }
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::BOOL => Element::Bool,
        Dtype::U8 => Element::U8,
        Dtype::I8 => Element::I8,
        Dtype::U16 => Element::U16,
        Dtype::I16 => Element::I16,
        Dtype::U32 => Element::U32,
        Dtype::I32 => Element::I32,
        Dtype::U64 => Element::U64,
        Dtype::I64 => Element::I64,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[f32]) -> TensorFinding {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        TensorFinding::new("x", &TensorView::new(Dtype::F32, vec![values.len()], &bytes).unwrap())
    }

    #[test]
    fn ranges_leave_out_what_is_not_finite() {
        let range = found(&[1.0, f32::NAN, -3.0, 0.0, f32::INFINITY, -0.0]);
        assert_eq!((range.least, range.largest, range.mean), (Some(-3.0), Some(1.0), Some(-0.5)));
        assert_eq!((range.zeros, range.not_finite), (Some(2.0 / 6.0), 2));
        assert_eq!((found(&[]).least, found(&[]).zeros), (None, None));
        assert_eq!((found(&[f32::NAN]).mean, found(&[f32::NAN]).not_finite), (None, 1));
    }
}
