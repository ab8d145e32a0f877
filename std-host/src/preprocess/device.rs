//! The steps in the form that devices apply: the words of [`wta_core::preprocess`].

use wta_core::Shape;
use wta_core::preprocess::{
    CHANNELS, CONTRAST, FILTER, LOCAL_CONTRAST, MAX_STEPS, MAX_WHITENED, NUMBERS, UNIFORM, WHITENING,
};
use wta_simd::Isa;

use super::learnt::{Preprocess, Step};
use super::zca_filter::ZcaFilter;
use crate::recipe::Per;

impl Preprocess {
    /// The steps for devices, for samples of the shape `image`; `None` without steps.
    ///
    /// # Errors
    ///
    /// A sentence, to come behind a name, for steps that devices do not apply.
    pub fn for_devices(&self, image: Shape) -> Result<Option<Vec<u32>>, String> {
        if self.is_none() {
            return Ok(None);
        }
        if self.steps.len() > MAX_STEPS {
            return Err(format!("has more than {MAX_STEPS} preprocessing steps, which devices do not apply"));
        }
        let word = |number: usize| u32::try_from(number).map_err(|_| "has samples too large for devices");
        let mut words = Vec::new();
        for number in [self.steps.len(), image.channels, image.height, image.width] {
            words.push(word(number)?);
        }
        for step in &self.steps {
            let (kind, numbers) = match step {
                Step::Contrast(step) => (CONTRAST, vec![step.regulariser]),
                Step::LocalContrast(step) => (LOCAL_CONTRAST, step.weights().to_vec()),
                Step::Standardise(step) => {
                    let kind = match step.per {
                        Per::Number => NUMBERS,
                        Per::Channel => CHANNELS,
                        Per::All => UNIFORM,
                    };
                    (kind, [&step.mean[..], &step.factor].concat())
                }
                Step::Zca(_) if image != self.shape => {
                    return Err(
                        "whitens images of another size than it learnt from, which devices cannot; export \
                                the layer below, which takes images of that size"
                            .to_owned(),
                    );
                }
                Step::Zca(step) if step.mean.len() > MAX_WHITENED => {
                    return Err(format!(
                        "whitens samples of {} numbers, and devices at most {MAX_WHITENED}, a matrix of 4 MiB; use \
                         smaller samples or another step",
                        step.mean.len()
                    ));
                }
                Step::Zca(step) => (WHITENING, [&step.mean[..], &step.matrix].concat()),
                Step::PatchZca(patch, step) => {
                    let filter = ZcaFilter::new(Isa::Scalar, step, *patch, image);
                    let (kernel, mean, filters) = filter.into_parts();
                    let sides = [kernel.height as f32, kernel.width as f32];
                    (FILTER, [&sides[..], &mean, &filters].concat())
                }
            };
            words.extend([kind, word(numbers.len())?]);
            words.extend(numbers.iter().map(|number| number.to_bits()));
        }
        Ok(Some(words))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use wta_core::{Preprocessed, Preprocessing, Rows};
    use wta_simd::Isa;

    use super::super::apply::Preprocessor;
    use super::super::contrast::Contrast;
    use super::super::local_contrast::LocalContrast;
    use super::super::standardise::Standardise;
    use super::super::zca::Zca;
    use super::*;
    use crate::layout::{interleaved, planar};

    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| (((i * 31 + seed * 17) as f32) * 0.7).sin() * 3.0 + 0.3).collect()
    }

    fn step(kind: usize, shape: Shape, seed: usize) -> Step {
        let learnt = |per: Per| {
            let len = per.dimensions(shape).iter().product();
            Step::Standardise(Standardise { per, mean: numbers(len, seed), factor: numbers(len, seed + 1) })
        };
        match kind {
            0 => Step::Contrast(Contrast { regulariser: 0.1 * seed as f32 }),
            1 => learnt(Per::Number),
            2 => learnt(Per::Channel),
            3 => learnt(Per::All),
            4 => Step::LocalContrast(LocalContrast::new(shape, 2 * (seed % 4) + 1, None)),
            5 => {
                let (mean, matrix) = (numbers(shape.len(), seed), numbers(shape.len().pow(2), seed + 5));
                Step::Zca(Arc::new(Zca { mean, matrix }))
            }
            _ => {
                let patch = Shape::new(shape.channels, seed % 5 + 1, seed % 4 + 1);
                let (mean, matrix) = (numbers(patch.len(), seed), numbers(patch.len().pow(2), seed + 5));
                Step::PatchZca(patch, Arc::new(Zca { mean, matrix }))
            }
        }
    }

    proptest! {
        #[test]
        fn devices_compute_the_bits_of_the_host(
            channels in 1usize..4,
            height in 1usize..6,
            width in 1usize..7,
            kinds in prop::collection::vec((0usize..7, 0usize..9), 1..5),
            as_planar in any::<bool>(),
        ) {
            let shape = Shape::new(channels, height, width);
            let steps = kinds.iter().map(|(kind, seed)| step(*kind, shape, *seed)).collect();
            let preprocess = Preprocess { shape, steps };
            let sample = numbers(shape.len(), 3);
            let mut expected = sample.clone();
            Preprocessor::new(Isa::Scalar, &preprocess).apply(&mut expected);

            let words = preprocess.for_devices(shape).unwrap().unwrap();
            let device = Preprocessing::new(&words, as_planar).unwrap();
            let mut memory = vec![0.0; device.memory_len()];
            let given: Vec<f32> = if as_planar { planar(shape, &sample).collect() } else { sample };
            let row_len = if as_planar { shape.len() } else { width * channels };
            let mut rows = Preprocessed::new(device, &given[..], &mut memory).unwrap();
            // Twice, as training and novelty go through a sample more than once.
            for _ in 0..2 {
                let mut found = vec![0.0; shape.len()];
                found.chunks_exact_mut(row_len).enumerate().for_each(|(y, row)| rows.row(y, row));
                if as_planar {
                    found = interleaved(shape, &found).collect();
                }
                let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&found), bits(&expected));
            }
        }
    }

    #[test]
    fn what_devices_do_not_apply_is_told() {
        let shape = Shape::new(1, 1, 1025);
        let zca = |len: usize| Step::Zca(Arc::new(Zca { mean: vec![0.0; len], matrix: Vec::new() }));
        let large = Preprocess { shape, steps: vec![zca(1025)] };
        assert!(large.for_devices(shape).unwrap_err().contains("at most 1024"));
        let other = Preprocess { shape: Shape::new(1, 2, 2), steps: vec![zca(4)] };
        assert!(other.for_devices(Shape::new(1, 4, 4)).unwrap_err().contains("another size"));
        assert_eq!(Preprocess::none(shape).for_devices(shape), Ok(None));
    }
}
