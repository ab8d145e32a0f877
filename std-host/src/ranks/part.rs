//! How things are shared out.

use std::ops::Range;

/// The part of `count` things that is rank `rank`'s: parts are as equal as they can be, and in the order of
/// the ranks.
pub fn part(count: usize, rank: usize, size: usize) -> Range<usize> {
    let (each, more) = (count / size, count % size);
    let start = |rank: usize| rank * each + rank.min(more);
    start(rank)..start(rank + 1)
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
}
