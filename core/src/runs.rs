//! Rows, pieces and columns of a slice, without a division and without a panic.
//!
//! The standard library's `chunks` and `chunks_exact` assert that their width is not 0, and divide by it
//! where they are zipped, counted or taken from. `step_by` asserts too. At `opt-level` 3 the compiler sees
//! that none of it fails; at `s` and `z` it does not, and links a panic into firmware. These iterators have
//! nothing that can fail, so that no level matters. A width or a step of 0 is taken as 1.

/// The runs of `width` elements of a slice, one after the other; what is left at the end is not met. Taking
/// the `nth` takes no time.
#[derive(Clone, Debug)]
pub struct Runs<'a, T> {
    rest: &'a [T],
    width: usize,
}

/// [`chunks_exact`](slice::chunks_exact) that no optimisation level links a panic for: images of a batch,
/// say.
///
/// ```
/// let rows: Vec<&[i32]> = wta_core::runs(&[1, 2, 3, 4, 5], 2).collect();
/// assert_eq!(rows, [[1, 2], [3, 4]]);
/// ```
#[inline(always)]
pub const fn runs<T>(values: &[T], width: usize) -> Runs<'_, T> {
    Runs { rest: values, width: at_least_one(width) }
}

impl<'a, T> Iterator for Runs<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [T]> {
        let (run, rest) = self.rest.split_at_checked(self.width)?;
        self.rest = rest;
        Some(run)
    }

    #[inline(always)]
    fn nth(&mut self, n: usize) -> Option<&'a [T]> {
        self.rest = beyond(self.rest, self.width, n);
        self.next()
    }
}

/// What comes after `n` runs.
#[inline(always)]
fn beyond<T>(values: &[T], width: usize, n: usize) -> &[T] {
    n.checked_mul(width).and_then(|start| values.get(start..)).unwrap_or_default()
}

/// [`Runs`], to write to.
#[derive(Debug)]
pub struct RunsMut<'a, T> {
    rest: &'a mut [T],
    width: usize,
}

/// [`runs`], to write to.
#[inline(always)]
pub const fn runs_mut<T>(values: &mut [T], width: usize) -> RunsMut<'_, T> {
    RunsMut { rest: values, width: at_least_one(width) }
}

impl<'a, T> Iterator for RunsMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [T]> {
        let (run, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(self.width)?;
        self.rest = rest;
        Some(run)
    }

    #[inline(always)]
    fn nth(&mut self, n: usize) -> Option<&'a mut [T]> {
        let start = n.checked_mul(self.width);
        let rest = core::mem::take(&mut self.rest);
        self.rest = start.and_then(|start| rest.get_mut(start..)).unwrap_or_default();
        self.next()
    }
}

/// Pieces of at most so many elements: [`Runs`], and then what is left.
#[derive(Clone, Debug)]
pub struct Pieces<'a, T> {
    rest: &'a [T],
    width: usize,
}

/// [`chunks`](slice::chunks) that no optimisation level links a panic for.
#[inline(always)]
pub const fn pieces<T>(values: &[T], width: usize) -> Pieces<'_, T> {
    Pieces { rest: values, width: at_least_one(width) }
}

impl<'a, T> Iterator for Pieces<'a, T> {
    type Item = &'a [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [T]> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, rest) = self.rest.split_at_checked(self.width.min(self.rest.len()))?;
        self.rest = rest;
        Some(piece)
    }

    #[inline(always)]
    fn nth(&mut self, n: usize) -> Option<&'a [T]> {
        self.rest = beyond(self.rest, self.width, n);
        self.next()
    }
}

/// [`Pieces`], to write to.
#[derive(Debug)]
pub struct PiecesMut<'a, T> {
    rest: &'a mut [T],
    width: usize,
}

/// [`pieces`], to write to.
#[inline(always)]
pub const fn pieces_mut<T>(values: &mut [T], width: usize) -> PiecesMut<'_, T> {
    PiecesMut { rest: values, width: at_least_one(width) }
}

impl<'a, T> Iterator for PiecesMut<'a, T> {
    type Item = &'a mut [T];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [T]> {
        let rest = core::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let width = self.width.min(rest.len());
        let (piece, rest) = rest.split_at_mut_checked(width)?;
        self.rest = rest;
        Some(piece)
    }
}

/// Every so manieth element of a slice: the column of a matrix.
#[derive(Clone, Debug)]
pub struct Column<'a, T> {
    rest: &'a [T],
    step: usize,
}

/// The elements `first`, `first + step`, `first + 2 * step` and so on.
#[inline(always)]
pub fn column<T>(values: &[T], first: usize, step: usize) -> Column<'_, T> {
    Column { rest: values.get(first..).unwrap_or_default(), step: at_least_one(step) }
}

impl<'a, T> Iterator for Column<'a, T> {
    type Item = &'a T;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a T> {
        let element = self.rest.first()?;
        self.rest = self.rest.get(self.step..).unwrap_or_default();
        Some(element)
    }
}

/// [`Column`], to write to.
#[derive(Debug)]
pub struct ColumnMut<'a, T> {
    rest: &'a mut [T],
    step: usize,
}

/// [`column()`], to write to.
#[inline(always)]
pub fn column_mut<T>(values: &mut [T], first: usize, step: usize) -> ColumnMut<'_, T> {
    ColumnMut { rest: values.get_mut(first..).unwrap_or_default(), step: at_least_one(step) }
}

impl<'a, T> Iterator for ColumnMut<'a, T> {
    type Item = &'a mut T;

    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut T> {
        let (element, behind) = core::mem::take(&mut self.rest).split_first_mut()?;
        // One element is gone already.
        self.rest = behind.get_mut(self.step - 1..).unwrap_or_default();
        Some(element)
    }
}

const fn at_least_one(width: usize) -> usize {
    if width == 0 { 1 } else { width }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// Against the standard library's, as a whole and from the `nth` on.
        #[test]
        fn they_are_the_standard_librarys(len in 0usize..50, width in 0usize..12, n in 0usize..12) {
            let values: Vec<usize> = (0..len).collect();
            let (mut ours, mut theirs) = (values.clone(), values.clone());
            let at_least_one = width.max(1);
            prop_assert!(runs(&values, width).eq(values.chunks_exact(at_least_one)));
            prop_assert!(runs_mut(&mut ours, width).eq(theirs.chunks_exact_mut(at_least_one)));
            prop_assert!(pieces(&values, width).eq(values.chunks(at_least_one)));
            prop_assert!(pieces_mut(&mut ours, width).eq(theirs.chunks_mut(at_least_one)));
            prop_assert!(column(&values, n, width).eq(values.iter().skip(n).step_by(at_least_one)));
            prop_assert!(column_mut(&mut ours, n, width).eq(theirs.iter_mut().skip(n).step_by(at_least_one)));

            prop_assert!(runs(&values, width).skip(n).eq(values.chunks_exact(at_least_one).skip(n)));
            prop_assert!(runs_mut(&mut ours, width).skip(n).eq(theirs.chunks_exact_mut(at_least_one).skip(n)));
            prop_assert!(pieces(&values, width).skip(n).eq(values.chunks(at_least_one).skip(n)));
        }
    }

    #[test]
    fn nothing_is_met_twice_or_beyond_the_end() {
        let mut runs = runs(&[1, 2, 3, 4, 5], 2);
        assert_eq!(runs.nth(1), Some(&[3, 4][..]));
        assert_eq!([runs.next(), runs.next()], [None, None]);
        assert_eq!(super::runs(&[1, 2, 3], usize::MAX).nth(usize::MAX), None);
        assert_eq!(column(&[1, 2, 3], 4, usize::MAX).next(), None);
    }
}
