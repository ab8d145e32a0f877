//! The codes of a batch of images in 8 bits, on all threads: what encoding costs a quantised network.
//!
//! Weights are those of the network, rounded; images are bytes. A layer's activations fill their range, as
//! those of a calibrated network do. The time does not depend on such numbers.

use std::time::Instant;

use rayon::prelude::*;
use wta_core::int8::{Int8Network, Int8Weights, packed_len};
use wta_core::{Network, Parameters, Pool};
use wta_simd::int8::Int8Isa;

use super::repeat::{Settings, repeat};
use super::subject::Subject;
use crate::error::Result;
use crate::int8::{Given, Int8Stage, TOGETHER};
use crate::memory::per_thread::PerThread;
use crate::memory::reserve::zeros;
use crate::observer::Observer;

/// The largest weight.
const MOST: f32 = 127.0;

/// Sums deviate by so many activations.
const DEVIATION: f64 = 64.0;

/// Measures encodings, in milliseconds each.
pub(super) fn encodings(
    subject: &Subject,
    parameters: &[f32],
    settings: Settings,
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let (network, images) = (subject.network, subject.training.batch);
    let numbers = Numbers::new(network, parameters)?;
    let int8 = Int8Network::new(network, &numbers.weights, &numbers.biases, &numbers.multipliers)?;
    let stage = Int8Stage::of(Int8Isa::of(settings.isa), &int8, Pool::NONE, true)?;
    let (input, code) = (network.input().len(), network.code_len());
    let batch = bytes(subject, images * input)?;
    let mut codes: Vec<u8> = zeros(images * code, || "the codes in 8 bits".to_owned())?;
    let memory = PerThread::empty();
    let block = TOGETHER.min(images.div_ceil(rayon::current_num_threads())).max(1);
    repeat(settings, observer, || {
        let start = Instant::now();
        let blocks = codes.par_chunks_mut(block * code).zip(batch.par_chunks(block * input));
        blocks.try_for_each(|(codes, images)| {
            memory.with_made(
                || stage.memory(),
                |memory| {
                    stage.run(Given::Samples(images), memory, codes);
                    Ok(())
                },
            )
        })?;
        Ok(start.elapsed())
    })
}

/// The subject's images as bytes.
fn bytes(subject: &Subject, len: usize) -> Result<Vec<i16>> {
    let mut batch = vec![0.0; len];
    subject.fill(0, &mut batch)?;
    let largest = batch.iter().fold(f32::MIN_POSITIVE, |largest, v| largest.max(v.abs()));
    Ok(batch.iter().map(|v| (v.abs() / largest * 255.0) as i16).collect())
}

/// The numbers of all layers.
#[derive(Default)]
struct Numbers {
    weights: Vec<i8>,
    biases: Vec<i32>,
    multipliers: Vec<i32>,
}

impl Numbers {
    fn new(network: Network, parameters: &[f32]) -> Result<Self> {
        let parameters = Parameters::from_outside(network, parameters)?;
        let mut numbers = Self::default();
        for (index, layer) in network.layers().enumerate() {
            let (len, filters) = (layer.filter_len(), parameters.filters(index).weights);
            let mut plain = Vec::with_capacity(filters.len());
            for filter in filters.chunks_exact(len) {
                let largest = filter.iter().fold(f32::MIN_POSITIVE, |largest, w| largest.max(w.abs()));
                plain.extend(filter.iter().map(|weight| (weight / largest * MOST).round() as i8));
            }
            for filter in plain.chunks_exact(len) {
                let squares: f64 = filter.iter().map(|weight| f64::from(*weight).powi(2)).sum();
                let factor = (1.0 / squares.sqrt()).min(DEVIATION / 128.0);
                numbers.multipliers.push((factor * f64::from(i32::MAX)) as i32);
                numbers.biases.push(0);
            }
            let start = numbers.weights.len();
            numbers.weights.resize(start + packed_len(layer.conv.maps, len), 0);
            let packed = numbers.weights.get_mut(start..).unwrap_or_default();
            Int8Weights::pack(&plain, len, packed)?;
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::cases::Case;

    #[test]
    fn activations_are_as_large_as_those_of_a_calibrated_network() {
        for name in ["conv16", "784-50-30-784", "2x9x8,6conv3-7conv3-7deconv3"] {
            let subject = Subject::case(&Case::named(name).unwrap(), Some(10)).unwrap();
            let network = subject.network;
            let mut parameters = vec![0.0; network.parameters_len()];
            network.initialise(subject.initial, 1, &mut parameters).unwrap();
            let numbers = Numbers::new(network, &parameters).unwrap();
            let Numbers { weights, biases, multipliers } = &numbers;
            let int8 = Int8Network::new(network, weights, biases, multipliers).unwrap();
            let stage = Int8Stage::of(Int8Isa::Scalar, &int8, Pool::NONE, true).unwrap();
            let images = bytes(&subject, 10 * network.input().len()).unwrap();
            let mut codes = vec![0; 10 * network.code_len()];
            stage.run(Given::Samples(&images), &mut stage.memory().unwrap(), &mut codes);
            let share = |is: fn(&u8) -> bool| {
                codes.iter().filter(|code| is(code)).count() as f64 / codes.len() as f64
            };
            assert!(share(|code| *code > 10) > 0.1, "{name}: {}", share(|code| *code > 10));
            assert!(share(|code| *code == 255) < 0.5, "{name}: {}", share(|code| *code == 255));
        }
    }
}
