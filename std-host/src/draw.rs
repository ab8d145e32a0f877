//! Drawing some of a data set's samples.

use wta_core::Random;

/// Draws `count` of the numbers below `samples`, at most all. Returns them and the others, both ascending.
pub(crate) fn draw(mut random: Random, samples: usize, count: usize) -> (Vec<usize>, Vec<usize>) {
    let mut drawn: Vec<usize> = (0..samples).collect();
    random.shuffle(&mut drawn);
    let mut others = drawn.split_off(count.min(samples));
    drawn.sort_unstable();
    others.sort_unstable();
    (drawn, others)
}

/// The nearest whole number to a share of the samples.
pub(crate) fn count_of(share: f64, samples: usize) -> usize {
    (share * samples as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_in_one_part() {
        let (drawn, others) = draw(Random::stream(1, 2), 20, 5);
        assert!(drawn.len() == 5 && drawn.is_sorted() && others.is_sorted());
        let mut all = [drawn.clone(), others].concat();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        assert_eq!(draw(Random::stream(1, 2), 20, 5).0, drawn);
        assert_ne!(draw(Random::stream(2, 2), 20, 5).0, drawn);
        assert_eq!(draw(Random::stream(1, 2), 2, 5), (vec![0, 1], vec![]));
        assert_eq!((count_of(0.25, 10), count_of(0.0, 10)), (3, 0));
    }
}
