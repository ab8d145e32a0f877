//! The features of the training images, each in one or several views.

use crate::error::{Error, Result};
use crate::svm::Rows;

/// The features of the training images and their labels.
pub struct TrainPart {
    /// Scaled features: first all images as they are, then those that are there in all views, in the next
    /// view, and so on.
    pub rows: Rows,
    /// One for each row.
    pub labels: Vec<u16>,
    /// The number of views of an image, the image as it is among them.
    pub views: usize,
    /// The images that are there in all views: all of them, or those that are drawn. Ascending.
    viewed: Vec<usize>,
    images: usize,
}

impl TrainPart {
    /// `labels` are those of the images.
    pub(super) fn new(rows: Rows, mut labels: Vec<u16>, viewed: Vec<usize>, views: usize) -> Self {
        let images = labels.len();
        let further: Vec<u16> = viewed.iter().filter_map(|image| labels.get(*image).copied()).collect();
        (1..views).for_each(|_| labels.extend_from_slice(&further));
        Self { rows, labels, views, viewed, images }
    }

    /// The labels of the images, one for each.
    pub fn image_labels(&self) -> &[u16] {
        self.labels.get(..self.images).unwrap_or_default()
    }

    /// The rows and labels of all images in all views.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if some images are not there in all views.
    pub(super) fn whole(&self) -> Result<(&Rows, &[u16])> {
        if self.views > 1 && self.viewed.len() < self.images {
            return Err(not_drawn());
        }
        Ok((&self.rows, &self.labels))
    }

    /// The rows and labels of some images, in all views: all as they are, then all in the next view.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one of the images is not there in all views.
    pub(super) fn chosen(&self, images: &[usize]) -> Result<(Rows, Vec<u16>)> {
        let mut rows = images.to_vec();
        for view in 1..self.views {
            let first = self.images + (view - 1) * self.viewed.len();
            for image in images {
                let Ok(place) = self.viewed.binary_search(image) else {
                    return Err(not_drawn());
                };
                rows.push(first + place);
            }
        }
        let labels = rows.iter().filter_map(|row| self.labels.get(*row).copied()).collect();
        Ok((self.rows.select(&rows), labels))
    }
}

fn not_drawn() -> Error {
    Error::Invalid("other labels are drawn than those whose images were encoded in all views".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_images_come_with_their_views() {
        // Image `i` in view `v` is `10 v + i`.
        let viewed = vec![1, 3, 4];
        let numbers = [0.0, 1.0, 2.0, 3.0, 4.0, 11.0, 13.0, 14.0, 21.0, 23.0, 24.0];
        let rows = Rows::from_dense(1, &numbers).unwrap();
        let part = TrainPart::new(rows, vec![5, 6, 7, 8, 9], viewed, 3);
        assert!(part.whole().is_err());
        assert_eq!(part.image_labels(), [5, 6, 7, 8, 9]);
        assert_eq!(part.labels.len(), part.rows.len());
        let (rows, labels) = part.chosen(&[1, 4]).unwrap();
        let values: Vec<f32> = (0..rows.len()).map(|row| rows.row(row)[0].value).collect();
        assert_eq!((values, labels), (vec![1.0, 4.0, 11.0, 14.0, 21.0, 24.0], [6, 9].repeat(3)));
        assert!(part.chosen(&[1, 2]).unwrap_err().to_string().contains("other labels are drawn"));
    }
}
