//! The steps of a `model.wta` as those of a run: the way back from `for_devices`.

use std::sync::Arc;

use wta_core::preprocess::{CHANNELS, CONTRAST, FILTER, LOCAL_CONTRAST, NUMBERS, UNIFORM, WHITENING};
use wta_core::{Shape, Size};

use super::contrast::Contrast;
use super::learnt::{Preprocess, Step};
use super::local_contrast::LocalContrast;
use super::standardise::Standardise;
use super::zca::Zca;
use crate::extent::Extent;
use crate::recipe::{Per, PreprocessRecipe};

/// What a recipe says of a step whose numbers have been learnt already: nothing reads it.
const REGULARISER: f64 = 0.1;

impl Preprocess {
    /// The steps in the words of a `model.wta`, which the core has checked, and the recipe's tables for them.
    /// What a step was told when it learnt is not in a `model.wta`; the numbers that it learnt are.
    ///
    /// # Errors
    ///
    /// A sentence, to come behind a name, for a step that no recipe describes.
    pub fn from_device(words: &[u32]) -> Result<(Self, Vec<PreprocessRecipe>), String> {
        let number = |index: usize| words.get(index).map_or(0, |word| *word as usize);
        let shape = Shape::new(number(1), number(2), number(3));
        let (mut steps, mut recipes) = (Vec::new(), Vec::new());
        let mut rest = words.get(4..).unwrap_or_default();
        while let Some(([kind, len], more)) = rest.split_first_chunk() {
            let (numbers, more) = more.split_at_checked(*len as usize).unwrap_or((more, &[]));
            let numbers: Vec<f32> = numbers.iter().map(|word| f32::from_bits(*word)).collect();
            let (step, recipe) = step(*kind, numbers, shape)?;
            steps.push(step);
            recipes.push(recipe);
            rest = more;
        }
        Ok((Self { shape, steps }, recipes))
    }
}

fn step(kind: u32, numbers: Vec<f32>, shape: Shape) -> Result<(Step, PreprocessRecipe), String> {
    let (regulariser, samples) = (REGULARISER, None);
    let standardised = |per: Per| {
        let (mean, factor) = numbers.split_at(numbers.len() / 2);
        let step = Standardise { per, mean: mean.to_vec(), factor: factor.to_vec() };
        (Step::Standardise(step), PreprocessRecipe::Standardise { per, regulariser, samples })
    };
    Ok(match kind {
        UNIFORM => standardised(Per::All),
        CHANNELS => standardised(Per::Channel),
        NUMBERS => standardised(Per::Number),
        CONTRAST => {
            let regulariser = numbers.first().copied().unwrap_or(0.0);
            (Step::Contrast(Contrast { regulariser }), PreprocessRecipe::Contrast { regulariser })
        }
        WHITENING => {
            let (mean, matrix) = numbers.split_at(shape.len().min(numbers.len()));
            let zca = Zca { mean: mean.to_vec(), matrix: matrix.to_vec() };
            (Step::Zca(Arc::new(zca)), PreprocessRecipe::Zca { regulariser, samples, patch: None })
        }
        FILTER => filter(&numbers, shape.channels),
        LOCAL_CONTRAST => {
            let (window, deviation) = gaussian(shape, &numbers)
                .ok_or("normalises local contrast by weights that are no Gaussian's, which no recipe says")?;
            let step = LocalContrast::new(shape, window, deviation);
            (Step::LocalContrast(step), PreprocessRecipe::LocalContrast { window, deviation })
        }
        _ => return Err("has a preprocessing step that this version does not know".to_owned()),
    })
}

/// Whitening by filters: that of patches of which only the middle pixel is whitened, which is all that is
/// ever used.
fn filter(numbers: &[f32], channels: usize) -> (Step, PreprocessRecipe) {
    let side = |index: usize| numbers.get(index).map_or(1, |side| *side as usize);
    let patch = Shape::new(channels, side(0), side(1));
    let (means, filters) =
        numbers.get(2..).unwrap_or_default().split_at_checked(channels).unwrap_or_default();
    let middle = (patch.height / 2 * patch.width + patch.width / 2) * channels;
    let mut matrix = vec![0.0; patch.len() * patch.len()];
    let rows = matrix.iter_mut().skip(middle * patch.len());
    rows.zip(filters).for_each(|(to, filter)| *to = *filter);
    let zca = Zca { mean: means.repeat(patch.positions()), matrix };
    let size = Extent::from(Size::new(patch.height, patch.width));
    let recipe = PreprocessRecipe::Zca { regulariser: REGULARISER, samples: None, patch: Some(size) };
    (Step::PatchZca(patch, Arc::new(zca)), recipe)
}

/// The window and the deviation of a Gaussian with exactly these weights from its centre outwards.
fn gaussian(shape: Shape, weights: &[f32]) -> Option<(usize, Option<f32>)> {
    let window = 2 * weights.len().checked_sub(1)? + 1;
    let is = |deviation: &Option<f32>| LocalContrast::new(shape, window, *deviation).weights() == weights;
    let ratio = f64::from(weights.iter().copied().rfind(|weight| *weight > 0.0)?);
    let distance = weights.iter().rposition(|weight| *weight > 0.0)?;
    let near = (distance as f64 / (-2.0 * ratio.ln()).sqrt()) as f32;
    // The logarithm of a rounded weight gives the deviation up to rounding, so its neighbours are tried.
    let below = std::iter::successors(Some(near), |deviation| Some(deviation.next_down())).take(64);
    let above = std::iter::successors(Some(near.next_up()), |deviation| Some(deviation.next_up())).take(64);
    let decimal = [1.0, 10.0, 100.0, 1000.0].map(|parts| (near * parts).round() / parts);
    let candidates = std::iter::once(None).chain(decimal.into_iter().chain(below).chain(above).map(Some));
    candidates
        .filter(|deviation| deviation.is_none_or(|d| d.is_finite() && d >= 0.1))
        .find(is)
        .map(|found| (window, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_back_from_their_words() {
        let shape = Shape::new(2, 3, 4);
        let numbers = |len: usize| (0..len).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<f32>>();
        let standardise =
            |per, len| Step::Standardise(Standardise { per, mean: numbers(len), factor: numbers(len) });
        let steps = vec![
            standardise(Per::All, 1),
            standardise(Per::Channel, 2),
            standardise(Per::Number, 24),
            Step::Contrast(Contrast { regulariser: 0.25 }),
            Step::LocalContrast(LocalContrast::new(shape, 9, None)),
            Step::LocalContrast(LocalContrast::new(shape, 7, Some(2.3))),
            Step::LocalContrast(LocalContrast::new(shape, 1, None)),
            Step::Zca(Arc::new(Zca { mean: numbers(24), matrix: numbers(24 * 24) })),
        ];
        let preprocess = Preprocess { shape, steps };
        let words = preprocess.for_devices(shape).unwrap().unwrap();
        let (found, recipes) = Preprocess::from_device(&words).unwrap();
        assert_eq!((found, recipes.len()), (preprocess, 8));
    }

    /// Of a patch's matrix, a device has the middle rows alone.
    #[test]
    fn filters_come_back_as_filters() {
        let shape = Shape::new(2, 5, 7);
        let patch = Shape::new(2, 3, 4);
        let numbers = |len: usize| (0..len).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<f32>>();
        let zca = Zca { mean: numbers(patch.len()), matrix: numbers(patch.len() * patch.len()) };
        let steps = vec![Step::PatchZca(patch, Arc::new(zca))];
        let words = Preprocess { shape, steps }.for_devices(shape).unwrap().unwrap();
        let (found, recipes) = Preprocess::from_device(&words).unwrap();
        assert_eq!(found.for_devices(shape).unwrap().unwrap(), words);
        let patch = Some(Extent::from(Size::square(3)));
        assert_eq!(recipes, [PreprocessRecipe::Zca { regulariser: REGULARISER, samples: None, patch }]);
    }
}
