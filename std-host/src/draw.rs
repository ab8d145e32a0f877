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

/// What is wrong with so few samples that a share of them, kept for testing, is none or all.
pub(crate) fn too_few(share: f64, samples: usize) -> Option<String> {
    match count_of(share, samples) {
        _ if share <= 0.0 => None,
        0 => {
            // So many that their share is rounded to one.
            let enough = (0.5 / share).ceil();
            Some(format!(
                "too few to keep some for testing: with data.test_share = {share}, {enough} are needed"
            ))
        }
        all if all == samples => {
            Some(format!("all of which data.test_share = {share} keeps for testing; make it smaller"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_samples_are_just_enough() {
        for share in [0.1, 0.2, 0.25, 0.3, 0.01] {
            let sentence = too_few(share, 1).unwrap();
            let enough: usize = sentence.rsplit(' ').nth(2).unwrap().parse().unwrap();
            assert!(count_of(share, enough) == 1 && count_of(share, enough - 1) == 0, "{sentence}");
        }
        assert!(too_few(0.9, 2).unwrap().starts_with("all of which"));
        assert_eq!((too_few(0.5, 2), too_few(0.0, 2)), (None, None));
    }

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
