//! A data set in memory or in files: samples of one shape, and their labels.

use std::borrow::Cow;
use std::path::Path;

use wta_core::Shape;

use crate::error::{Error, Result};

use super::classes::Classes;
use super::form::Form;
use super::held::{Held, Holder};
use super::values::Values;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training; validation sets are split off it.
    Train,
    /// For measuring the final error, and nothing else.
    Test,
}

/// Both parts of a data set.
#[derive(Clone, Debug)]
pub struct Splits {
    /// For training.
    pub train: Dataset,
    /// For measuring the final error.
    pub test: Dataset,
}

/// Samples of one shape, and their labels if they have any. The names are those of images; a signal is an
/// image of one row, whose columns are the time steps.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Values per position: 1 for grey, 3 for red, green and blue, or the channels of a signal.
    pub channels: usize,
    /// Rows of an image; 1 for signals and vectors.
    pub height: usize,
    /// Columns of an image, time steps of a signal, or values of a vector.
    pub width: usize,
    /// What the samples are.
    pub form: Form,
    /// Sample by sample, each `height x width x channels`, channels last.
    pub values: Values,
    /// One per sample, each below the number of `classes`.
    pub labels: Option<Vec<u16>>,
    /// The names of the classes that the labels tell apart.
    pub classes: Classes,
}

impl From<Dataset> for Cow<'_, Dataset> {
    fn from(dataset: Dataset) -> Self {
        Self::Owned(dataset)
    }
}

impl<'a> From<&'a Dataset> for Cow<'a, Dataset> {
    fn from(dataset: &'a Dataset) -> Self {
        Self::Borrowed(dataset)
    }
}

impl Dataset {
    /// The shape of an image.
    pub fn shape(&self) -> Shape {
        Shape::new(self.channels, self.height, self.width)
    }

    /// A data set from numbers in memory: images of `shape`, image by image, row by row, with the channels of
    /// a pixel side by side. For vectors, `shape` is [`Shape::vector`].
    ///
    /// ```
    /// use wta::{Dataset, Shape};
    ///
    /// let windows: Vec<f32> = (0..300).map(|v| (v as f32 * 0.1).sin()).collect();
    /// let data = Dataset::from_floats(Shape::vector(30), windows)?.with_labels(vec![0; 10])?;
    /// assert_eq!((data.len(), data.classes.len()), (10, 1));
    /// # Ok::<(), wta::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the numbers do not make whole images, or one is not finite.
    pub fn from_floats(shape: Shape, numbers: impl Into<Vec<f32>>) -> Result<Self> {
        let numbers = numbers.into();
        expect_finite(shape, &numbers)?;
        Self::from_values(shape, numbers.into())
    }

    /// The same from numbers that stay where they are, in somebody else's memory.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use wta::{Dataset, Shape};
    ///
    /// let data = Dataset::from_held(Shape::vector(3), Arc::new([0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0]))?;
    /// assert_eq!(data.len(), 2);
    /// # Ok::<(), wta::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Dataset::from_floats`].
    pub fn from_held(shape: Shape, holder: Holder) -> Result<Self> {
        expect_finite(shape, (*holder).as_ref())?;
        Self::from_values(shape, Values::Held(Held::new(holder)))
    }

    /// The same from bytes, 0 to 255. With `data.divide_by = 255` in the recipe they lie between 0 and 1.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the bytes do not make whole images.
    pub fn from_bytes(shape: Shape, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::from_values(shape, bytes.into().into())
    }

    fn from_values(shape: Shape, values: Values) -> Result<Self> {
        let Shape { channels, height, width } = shape;
        if shape.len() == 0 || !values.len().is_multiple_of(shape.len()) {
            return Err(Error::Invalid(format!(
                "{} numbers are not a whole number of samples of {height} x {width} x {channels}",
                values.len()
            )));
        }
        let form = Form::of(shape);
        Ok(Self { channels, height, width, form, values, labels: None, classes: Classes::default() })
    }

    /// Adds a label for each sample; the number of classes is the largest label plus 1.
    /// [`Dataset::with_classes`] gives them names.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there are not as many labels as samples.
    pub fn with_labels(mut self, labels: impl Into<Vec<u16>>) -> Result<Self> {
        let labels = labels.into();
        if labels.len() != self.len() {
            return Err(Error::Invalid(format!(
                "{} labels are not one for each of {} images",
                labels.len(),
                self.len()
            )));
        }
        self.classes = Classes::numbered(labels.iter().max().map_or(0, |label| usize::from(*label) + 1));
        self.labels = Some(labels);
        Ok(self)
    }

    /// The same labels with these names for the classes, of which there may be more than labels use.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there are fewer names than classes.
    pub fn with_classes(mut self, classes: Classes) -> Result<Self> {
        if classes.len() < self.classes.len() {
            let (names, most) = (classes.len(), self.classes.len().saturating_sub(1));
            return Err(Error::Invalid(format!(
                "there are {names} names of classes, but labels up to {most}"
            )));
        }
        self.classes = classes;
        Ok(self)
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.image_len()).unwrap_or(0)
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of an image: `height * width * channels`.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Writes image `index`, `height x width x channels`, each pixel times `scale`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such image, [`Error::Io`] if its file cannot be read.
    pub fn write(&self, index: usize, scale: f32, to: &mut [f32]) -> Result<()> {
        let start = index.checked_mul(to.len()).filter(|_| to.len() == self.image_len());
        match start.map_or(Ok(false), |start| self.values.write(start, scale, to))? {
            true => Ok(()),
            false => {
                Err(Error::Invalid(format!("there is no image {index} in the data set of {}", self.len())))
            }
        }
    }

    /// Splits off the images from `at` on and returns them, as [`Vec::split_off`] does: a validation set, or
    /// the rest beyond a smaller training set. If `at` lies beyond the last image, nothing is split off.
    #[must_use = "to drop the images, write `let _ =`"]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.len());
        Self {
            values: self.values.split_off(at * self.image_len()),
            labels: self.labels.as_mut().map(|labels| labels.split_off(at.min(labels.len()))),
            classes: self.classes.clone(),
            ..*self
        }
    }

    /// The samples with these indices, in this order; others are passed over.
    #[must_use]
    pub(crate) fn chosen(self, indices: &[usize]) -> Self {
        let sample = self.image_len();
        let label = |labels: &Vec<u16>| indices.iter().filter_map(|i| labels.get(*i).copied()).collect();
        let labels = self.labels.as_ref().map(label);
        Self { values: self.values.chosen(sample, indices.to_vec()), labels, ..self }
    }

    /// The data set, if every label is below `classes`; an error names `labels_file`, the file of the labels.
    pub(super) fn checked(self, labels_file: &Path) -> Result<Self> {
        let mut labels = self.labels.iter().flatten().enumerate();
        match labels.find(|(_, label)| usize::from(**label) >= self.classes.len()) {
            None => Ok(self),
            Some((index, label)) => Err(Error::file(
                labels_file,
                format!(
                    "the label at index {index} is {label}, but labels go from 0 to {}; get the file again",
                    self.classes.len().saturating_sub(1)
                ),
            )),
        }
    }
}

/// `Ok` if all numbers are finite.
fn expect_finite(shape: Shape, numbers: &[f32]) -> Result<()> {
    let Some(index) = numbers.iter().position(|number| !number.is_finite()) else { return Ok(()) };
    let len = shape.len().max(1);
    let (image, element) = (index / len, index % len);
    Err(Error::Invalid(format!("element {element} of image {image} is not a finite number; clean the data")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Dataset {
        Dataset {
            channels: 3,
            height: 1,
            width: 2,
            form: Form::Image,
            values: Values::Bytes((0..24).collect()),
            labels: Some(vec![3, 1, 4, 1]),
            classes: Classes::numbered(5),
        }
    }

    #[test]
    fn images_lie_one_after_the_other() {
        let set = set();
        assert_eq!((set.len(), set.image_len(), set.is_empty()), (4, 6, false));
        let mut image = [0.0; 6];
        set.write(1, 0.5, &mut image).unwrap();
        assert_eq!(image, [3.0, 3.5, 4.0, 4.5, 5.0, 5.5]);
        for index in [4, usize::MAX, usize::MAX / 6] {
            let sentence = set.write(index, 1.0, &mut image).unwrap_err().to_string();
            assert_eq!(sentence, format!("there is no image {index} in the data set of 4"));
        }
        let none = Dataset { width: 0, values: Values::Bytes(vec![]), labels: None, ..set };
        assert_eq!((none.len(), none.is_empty(), none.write(0, 1.0, &mut image).is_err()), (0, true, true));
    }

    #[test]
    fn the_end_is_cut_off() {
        let mut start = set();
        let end = start.split_off(3);
        assert_eq!((start.len(), start.labels.as_deref()), (3, Some(&[3, 1, 4][..])));
        assert_eq!((end.len(), end.labels.as_deref()), (1, Some(&[1][..])));
        assert_eq!(end.values.bytes(), Some(&[18, 19, 20, 21, 22, 23][..]));
        assert_eq!((start.split_off(9).len(), start.len()), (0, 3));
        assert_eq!((start.split_off(0).len(), start.len()), (3, 0));
    }

    #[test]
    fn labels_stay_below_the_classes() {
        assert!(set().checked(Path::new("labels")).is_ok());
        let sentence = Dataset { classes: Classes::numbered(4), ..set() }
            .checked(Path::new("labels"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            sentence,
            "labels: the label at index 2 is 4, but labels go from 0 to 3; get the file again"
        );
    }

    #[test]
    fn ones_own_numbers_are_a_data_set() {
        let shape = Shape::new(2, 1, 2);
        let set = Dataset::from_floats(shape, [0.5; 12]).unwrap().with_labels([2, 0, 1]).unwrap();
        assert_eq!((set.len(), set.shape(), set.classes.len()), (3, shape, 3));
        let refused = |result: Result<Dataset>| result.unwrap_err().to_string();
        assert!(refused(Dataset::from_floats(shape, [0.0; 6])).contains("6 numbers are not a whole number"));
        let mut numbers = [0.0; 8];
        numbers[5] = f32::NAN;
        assert!(refused(Dataset::from_floats(shape, numbers)).contains("element 1 of image 1"));
        assert!(refused(Dataset::from_bytes(Shape::vector(0), [0])).contains("1 numbers"));
        let named = set.clone().with_classes(Classes::new(["a", "b", "c"]).unwrap()).unwrap();
        assert_eq!(named.classes.name(2), "c");
        assert!(
            refused(set.clone().with_classes(Classes::numbered(2)))
                .contains("2 names of classes, but labels up to 2")
        );
        assert!(refused(set.with_labels([1])).contains("1 labels are not one for each of 3 images"));
    }
}
