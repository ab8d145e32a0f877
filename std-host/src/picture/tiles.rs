//! Small pictures one by one, for pages that arrange them: an atom or a sample each, images with a pixel for
//! each of their own, signals and vectors as curves.

use wta_core::Shape;

use super::atoms::first_atoms_of;
use super::image;
use super::lines;
use crate::data::Form;
use crate::error::Result;
use crate::preprocess::{Preprocessor, Samples};
use crate::run::Trained;

/// Larger images are made smaller, to as many pixels in width and height.
const MOST_PIXELS: u32 = 96;

/// A small picture, as the content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// An image.
    Png(Vec<u8>),
    /// Curves.
    Svg(String),
}

/// Atoms or samples that are drawn one by one.
pub struct Tiles {
    form: Form,
    shape: Shape,
    values: Vec<f32>,
    /// What is black and what is white; of atoms, `None`: each has a scale of its own, with 0 as mid grey.
    range: Option<(f32, f32)>,
}

impl Tiles {
    /// The first atoms of a layer, at most `most`, as in the [`dictionary`](super::dictionary).
    ///
    /// # Errors
    ///
    /// As for [`dictionary`](super::dictionary).
    pub fn of_atoms(trained: &Trained, image: Shape, most: usize) -> Result<Self> {
        let (shape, values) = first_atoms_of(trained, image, most)?;
        Ok(Self { form: Form::of(image), shape, values, range: None })
    }

    /// The samples with these indices as they are in the data set: black is the smallest number of all,
    /// white the largest; a curve has a scale of its own.
    ///
    /// # Errors
    ///
    /// Any error while a sample is read.
    pub fn of_samples(samples: &Samples<'_>, indices: &[usize]) -> Result<Self> {
        let shape = samples.image_shape();
        let mut values = vec![0.0; indices.len() * shape.len()];
        samples.write_images(&Preprocessor::none(shape), indices, &mut values)?;
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Ok(Self { form: samples.form(), shape, values, range: Some((low, high)) })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.shape.len().max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Draws one.
    ///
    /// # Errors
    ///
    /// One sentence if there is none of this number, or a value is not finite.
    pub fn draw(&self, index: usize) -> Result<Drawn> {
        let values = self.values.chunks_exact(self.shape.len().max(1)).nth(index).unwrap_or_default();
        if self.form != Form::Image {
            return lines::single(values, self.shape, self.range.is_none()).map(Drawn::Svg);
        }
        let range = self.range.unwrap_or_else(|| {
            let largest = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            (-largest, largest)
        });
        image::single(values, self.shape, range)?.within(MOST_PIXELS).png().map(Drawn::Png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::recipe;

    fn samples(shape: Shape, values: Vec<f32>) -> Samples<'static> {
        let recipe = recipe::load("digits-demo").unwrap();
        Samples::new(&recipe, Dataset::from_floats(shape, values).unwrap()).unwrap()
    }

    fn png(drawn: &Drawn) -> ::image::DynamicImage {
        let Drawn::Png(bytes) = drawn else { panic!("not an image") };
        ::image::load_from_memory(bytes).unwrap()
    }

    #[test]
    fn images_share_a_scale_and_keep_their_pixels() {
        let shape = Shape::new(1, 2, 3);
        let values = (0..12u8).map(f32::from).collect();
        let tiles = Tiles::of_samples(&samples(shape, values), &[1, 0]).unwrap();
        assert_eq!(tiles.len(), 2);
        let (first, second) = (png(&tiles.draw(0).unwrap()), png(&tiles.draw(1).unwrap()));
        assert_eq!((first.width(), first.height()), (3, 2));
        let greys = |image: &::image::DynamicImage| image.to_luma8().into_raw();
        assert_eq!((greys(&second)[0], greys(&first)[5]), (0, 255));
        assert!(greys(&first)[0] > greys(&second)[5]);
        assert!(tiles.draw(2).is_err());
    }

    #[test]
    fn large_images_become_small_ones_of_the_same_proportions() {
        let shape = Shape::new(3, 400, 200);
        let values = (0..shape.len()).map(|i| (i % 7) as f32).collect();
        let tiles = Tiles::of_samples(&samples(shape, values), &[0]).unwrap();
        let image = png(&tiles.draw(0).unwrap());
        assert_eq!((image.width(), image.height()), (48, 96));
    }

    #[test]
    fn signals_are_curves_with_a_lane_for_each_channel() {
        let shape = Shape::new(2, 1, 500);
        let values = (0..shape.len()).map(|i| (0.1 * i as f32).sin()).collect();
        let tiles = Tiles::of_samples(&samples(shape, values), &[0]).unwrap();
        let Drawn::Svg(text) = tiles.draw(0).unwrap() else { panic!("no curve") };
        for colour in ["#0072B2", "#D55E00"] {
            assert_eq!(text.matches(colour).count(), 1, "{colour} in {text}");
        }
        assert!(text.contains("height=\"96\"") && text.len() < 6_000, "{}", text.len());
    }
}
