//! How things are shared out.

use std::ops::Range;

/// The part of `count` things that is rank `rank`'s: parts are as equal as they can be, and in the order of
/// the ranks.
pub fn part(count: usize, rank: usize, size: usize) -> Range<usize> {
    let (each, more) = (count / size, count % size);
    let start = |rank: usize| rank * each + rank.min(more);
    start(rank)..start(rank + 1)
}

/// Parts of any lengths that follow one another, one for each rank.
pub(crate) struct Parts(Vec<usize>);

impl Parts {
    /// Parts of these lengths.
    pub(crate) fn of(lengths: impl Iterator<Item = usize>) -> Self {
        let add = |end: &mut usize, len| {
            *end += len;
            Some(*end)
        };
        Self(lengths.scan(0, add).collect())
    }

    /// Where the part of a rank is.
    pub(crate) fn range(&self, rank: usize) -> Range<usize> {
        let end = |rank: Option<usize>| rank.and_then(|rank| self.0.get(rank)).copied().unwrap_or(0);
        end(rank.checked_sub(1))..end(Some(rank))
    }

    /// The length of all parts together.
    pub(crate) fn len(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_and_differ_by_at_most_one() {
        for (count, size) in [(0, 1), (0, 5), (1, 4), (7, 3), (100, 7), (3, 64), (128, 64)] {
            let parts: Vec<_> = (0..size).map(|rank| part(count, rank, size)).collect();
            assert_eq!((parts[0].start, parts[size - 1].end), (0, count));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(parts.iter().all(|p| p.len() == count / size || p.len() == count / size + 1));
        }
    }

    #[test]
    fn parts_of_any_lengths_follow_one_another() {
        let parts = Parts::of([3, 0, 4].into_iter());
        assert_eq!([0, 1, 2].map(|rank| parts.range(rank)), [0..3, 3..3, 3..7]);
        assert_eq!((parts.len(), Parts::of([].into_iter()).len()), (7, 0));
    }
}
