//! Arrays in Fortran order, in which the samples lie across the file: element by element, each for all
//! samples. Data frames of pandas are such arrays.

use crate::data::stored::{Part, Stored};
use crate::error::Result;
use crate::memory::reserve;

/// The most bytes of samples that are gathered at a time.
const BLOCK: usize = 1 << 28;

/// Calls `each` with the numbers of each sample in C order. `shape` begins with the number of samples.
pub(super) fn samples(part: Part, shape: &[usize], mut each: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
    let (count, rest) = (shape.first().copied().unwrap_or(0), shape.get(1..).unwrap_or_default());
    let len: usize = rest.iter().product();
    let places: Vec<usize> = (0..len).map(|element| place(element, rest)).collect();
    // Errors name elements of the file: the sample's number is the place in a column.
    let stored = Stored::new(vec![part], 1, None);
    let block = (BLOCK / (len.max(1) * size_of::<f32>())).clamp(1, count.max(1));
    let what = || "samples in Fortran order".to_owned();
    let (mut column, mut gathered) = (reserve::zeros(block, what)?, reserve::zeros(block * len, what)?);
    for start in (0..count).step_by(block) {
        let here = block.min(count - start);
        let column = column.get_mut(..here).unwrap_or_default();
        for (element, place) in places.iter().enumerate() {
            stored.read(place * count + start, column)?;
            gathered.iter_mut().skip(element).step_by(len).zip(&*column).for_each(|(to, v)| *to = *v);
        }
        gathered.chunks_exact(len.max(1)).take(here).try_for_each(&mut each)?;
    }
    Ok(())
}

/// The column of the file that holds an element: the first dimension varies fastest there.
fn place(element: usize, dimensions: &[usize]) -> usize {
    let (mut left, mut place) = (element, 0);
    let mut stride: usize = dimensions.iter().product();
    for size in dimensions.iter().rev() {
        stride /= (*size).max(1);
        place += left % size.max(&1) * stride;
        left /= size.max(&1);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_dimension_varies_fastest() {
        // Of 2 x 3: elements (0, 0), (0, 1), (0, 2), (1, 0) and so on.
        let places: Vec<usize> = (0..6).map(|element| place(element, &[2, 3])).collect();
        assert_eq!(places, [0, 2, 4, 1, 3, 5]);
    }
}
