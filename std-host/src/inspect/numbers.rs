//! The range of a tensor's numbers.

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

/// What was found of a tensor. Without numbers, and of types that hold none of this program's, there is no
/// range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TensorFinding {
    /// Its name.
    pub name: String,
    /// Its type, as in the file: `F32`.
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
        let range = range(view).filter(|range| range.count > 0);
        let finite = range.as_ref().filter(|range| range.count > range.not_finite);
        Self {
            name: name.to_owned(),
            dtype: view.dtype().to_string(),
            shape: view.shape().to_vec(),
            least: finite.map(|range| range.least),
            largest: finite.map(|range| range.largest),
            mean: finite.map(|range| range.sum / (range.count - range.not_finite) as f64),
            zeros: range.as_ref().map(|range| range.zeros as f64 / range.count as f64),
            not_finite: range.as_ref().map_or(0, |range| range.not_finite),
        }
    }
}

struct Range {
    count: usize,
    zeros: usize,
    not_finite: usize,
    least: f64,
    largest: f64,
    sum: f64,
}

fn range(view: &TensorView<'_>) -> Option<Range> {
    let data = view.data();
    Some(match view.dtype() {
        Dtype::F32 => of(data.as_chunks().0.iter().map(|word| f64::from(f32::from_le_bytes(*word)))),
        Dtype::F64 => of(data.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word))),
        Dtype::U64 => of(data.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word) as f64)),
        _ => return None,
    })
}

fn of(values: impl Iterator<Item = f64>) -> Range {
    let none = Range {
        count: 0,
        zeros: 0,
        not_finite: 0,
        least: f64::INFINITY,
        largest: f64::NEG_INFINITY,
        sum: 0.0,
    };
    values.fold(none, |mut range, value| {
        range.count += 1;
        range.zeros += usize::from(value == 0.0);
        if value.is_finite() {
            (range.least, range.largest) = (range.least.min(value), range.largest.max(value));
            range.sum += value;
        } else {
            range.not_finite += 1;
        }
        range
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
