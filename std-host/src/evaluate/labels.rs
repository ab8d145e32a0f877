//! The choice of labelled images.

use wta_core::Random;

use crate::error::{Error, Result, Setting};

/// A class-balanced choice of `count` images, as indices in ascending order.
pub(super) fn balanced(labels: &[u8], classes: usize, count: usize, seed: u64) -> Result<Vec<usize>> {
    if count < classes || count > labels.len() {
        return Err(Error::setting_is(
            Setting::Labels,
            count,
            format!(
                "give at least one label for each of the {classes} classes, and at most {}",
                labels.len()
            ),
        ));
    }
    let mut chosen = Vec::with_capacity(count);
    for class in 0..classes {
        let mut members: Vec<usize> = (0..labels.len())
            .filter(|i| labels.get(*i).is_some_and(|label| usize::from(*label) == class))
            .collect();
        // The lowest classes get one more if the labels do not divide evenly.
        let share = count / classes + usize::from(class < count % classes);
        if members.len() < share {
            return Err(Error::setting_is(
                Setting::Labels,
                count,
                format!("this needs {share} images of class {class}, but there are only {}", members.len()),
            ));
        }
        Random::stream(seed, class as u64).shuffle(&mut members);
        chosen.extend(members.into_iter().take(share));
    }
    chosen.sort_unstable();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_labels_are_balanced_and_reproducible() {
        let labels: Vec<u8> = (0..1_000).map(|i| (i * 7 % 10) as u8).collect();
        let chosen = balanced(&labels, 10, 32, 3).unwrap();
        assert_eq!(chosen, balanced(&labels, 10, 32, 3).unwrap());
        assert_ne!(chosen, balanced(&labels, 10, 32, 4).unwrap());
        assert!(chosen.is_sorted() && chosen.len() == 32);
        for class in 0..10u8 {
            let count = chosen.iter().filter(|i| labels[**i] == class).count();
            assert_eq!(count, if class < 2 { 4 } else { 3 });
        }
        assert!(balanced(&labels, 10, 9, 1).is_err());
        assert!(balanced(&labels, 10, 1_001, 1).is_err());
    }
}
