//! A sample as it might as well have been taken: mirrored, or moved by a few pixels.
//!
//! A classifier may learn from several views of each labelled sample. Its features are the network's as ever,
//! and new samples are classified as they are.

use wta_core::Shape;

use crate::data::Form;
use crate::error::{Error, Result};
use crate::recipe::SvmRecipe;

/// One way to see a sample. The default one changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// Left and right change places.
    mirrored: bool,
    /// By how many rows and columns it is moved, downwards and to the right.
    moved: (isize, isize),
}

impl View {
    /// The views that a classifier learns from: the sample as it is, then moved up, down, left and right by
    /// `svm.shift`; with `svm.mirror`, the mirror image of each after these. A sample of one row is not moved
    /// up or down, one of one column not sideways.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if samples of this form and shape have no such views.
    pub(crate) fn all(svm: &SvmRecipe, form: Form, image: Shape) -> Result<Vec<Self>> {
        let asked = [("svm.mirror", svm.mirror), ("svm.shift", svm.shift > 0)];
        if let (Form::Vector, Some((key, _))) = (form, asked.iter().find(|(_, asked)| *asked)) {
            return Err(Error::Invalid(format!(
                "{key} is for images and signals, but the samples are values without an order; remove it"
            )));
        }
        let mut moves = vec![(0, 0)];
        if svm.shift > 0 {
            let least = [image.height, image.width].into_iter().filter(|side| *side > 1).min();
            let shift =
                usize::try_from(svm.shift).ok().filter(|shift| least.is_some_and(|side| *shift < side));
            let Some(shift) = shift.and_then(|shift| isize::try_from(shift).ok()) else {
                return Err(Error::Invalid(format!(
                    "svm.shift = {} moves samples of {} x {} out of sight; make it less than their sides",
                    svm.shift, image.height, image.width
                )));
            };
            if image.height > 1 {
                moves.extend([(-shift, 0), (shift, 0)]);
            }
            if image.width > 1 {
                moves.extend([(0, -shift), (0, shift)]);
            }
        }
        let mirrored: &[bool] = if svm.mirror { &[false, true] } else { &[false] };
        Ok(mirrored
            .iter()
            .flat_map(|&mirrored| moves.iter().map(move |&moved| Self { mirrored, moved }))
            .collect())
    }

    /// Shows a sample like this, in place; channels last. What comes in from outside repeats the border.
    /// `copy` is memory to work in.
    pub(super) fn show(self, image: Shape, pixels: &mut [f32], copy: &mut Vec<f32>) {
        if self == Self::default() || image.len() == 0 || pixels.len() != image.len() {
            return;
        }
        copy.clear();
        copy.extend_from_slice(pixels);
        let Shape { channels, height, width } = image;
        let from = |to: usize, by: isize, side: usize| to.saturating_add_signed(-by).min(side - 1);
        for (row, line) in pixels.chunks_exact_mut(width * channels).enumerate() {
            let source = from(row, self.moved.0, height) * width;
            for (column, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let column = from(column, self.moved.1, width);
                let column = if self.mirrored { width - 1 - column } else { column };
                let at = (source + column) * channels;
                pixel.copy_from_slice(&copy[at..at + channels]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(mirror: bool, shift: u32) -> SvmRecipe {
        SvmRecipe { mirror, shift, ..SvmRecipe::default() }
    }

    fn views(mirror: bool, shift: u32, image: Shape) -> Vec<Vec<f32>> {
        let sample: Vec<f32> = (0..image.len()).map(|v| v as f32).collect();
        let views = View::all(&recipe(mirror, shift), Form::of(image), image).unwrap();
        let shown = views.into_iter().map(|view| {
            let mut pixels = sample.clone();
            view.show(image, &mut pixels, &mut Vec::new());
            pixels
        });
        shown.collect()
    }

    #[test]
    fn an_image_moves_four_ways_and_its_mirror_image_too() {
        let image = Shape::new(1, 2, 3);
        let moved = [
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            [3.0, 4.0, 5.0, 3.0, 4.0, 5.0],
            [0.0, 1.0, 2.0, 0.0, 1.0, 2.0],
            [1.0, 2.0, 2.0, 4.0, 5.0, 5.0],
            [0.0, 0.0, 1.0, 3.0, 3.0, 4.0],
        ];
        assert_eq!(views(false, 1, image), moved);
        let both = views(true, 1, image);
        assert_eq!((both.len(), &both[..5]), (10, &moved.map(Vec::from)[..]));
        // Mirrored, then moved: to the left, as seen.
        assert_eq!(both[5], [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
        assert_eq!(both[8], [1.0, 0.0, 0.0, 4.0, 3.0, 3.0]);
        assert_eq!(views(false, 0, image), moved[..1]);
    }

    #[test]
    fn the_channels_of_a_pixel_stay_together() {
        let image = Shape::new(2, 1, 3);
        assert_eq!(views(true, 0, image)[1], [4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
        // Of one row, and of one column.
        let signal = views(false, 2, image);
        assert_eq!(
            signal,
            [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [4.0, 5.0, 4.0, 5.0, 4.0, 5.0], [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]]
        );
        assert_eq!(views(false, 1, Shape::new(1, 3, 1)), [[0.0, 1.0, 2.0], [1.0, 2.0, 2.0], [0.0, 0.0, 1.0]]);
    }

    #[test]
    fn views_that_make_no_sense_are_refused() {
        let refused = |mirror, shift, form, image| {
            View::all(&recipe(mirror, shift), form, image).unwrap_err().to_string()
        };
        let image = Shape::new(1, 4, 6);
        assert!(refused(false, 4, Form::Image, image).contains("svm.shift = 4 moves samples of 4 x 6"));
        assert!(refused(false, u32::MAX, Form::Image, image).contains("out of sight"));
        assert!(refused(false, 1, Form::Image, Shape::new(1, 1, 1)).contains("out of sight"));
        assert!(refused(true, 0, Form::Vector, Shape::vector(9)).starts_with("svm.mirror is for images"));
        assert!(refused(false, 1, Form::Vector, Shape::vector(9)).starts_with("svm.shift is for images"));
        assert_eq!(View::all(&recipe(false, 0), Form::Vector, Shape::vector(9)).unwrap(), [View::default()]);
    }
}
