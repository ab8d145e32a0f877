//! The choice of labelled samples.

use wta_core::Random;

use crate::data::Classes;
use crate::error::{Error, Result, Setting};

/// A class-balanced choice of `count` samples, as indices in ascending order. Classes without a sample do not
/// count.
pub(super) fn balanced(labels: &[u16], classes: &Classes, count: usize, seed: u64) -> Result<Vec<usize>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); classes.len()];
    for (index, label) in labels.iter().enumerate() {
        if let Some(members) = members.get_mut(usize::from(*label)) {
            members.push(index);
        }
    }
    let there = members.iter().filter(|members| !members.is_empty()).count();
    let refused = |problem| Err(Error::setting_is(Setting::Labels, count, problem));
    if count < there || count > labels.len() {
        return refused(format!(
            "give at least one label for each of the {there} classes, and at most {}",
            labels.len()
        ));
    }
    let mut chosen = Vec::with_capacity(count);
    let members = members.into_iter().enumerate().filter(|(_, members)| !members.is_empty());
    for (place, (class, mut members)) in members.enumerate() {
        // The first classes get one more if the labels do not divide evenly.
        let share = count / there + usize::from(place < count % there);
        if members.len() < share {
            let (name, members) = (classes.name(class), members.len());
            return refused(format!(
                "this needs {share} samples of class {name}, but there are only {members}"
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
        let labels: Vec<u16> = (0..1_000).map(|i| i * 7 % 10).collect();
        let classes = Classes::numbered(10);
        let chosen = balanced(&labels, &classes, 32, 3).unwrap();
        assert_eq!(chosen, balanced(&labels, &classes, 32, 3).unwrap());
        assert_ne!(chosen, balanced(&labels, &classes, 32, 4).unwrap());
        assert!(chosen.is_sorted() && chosen.len() == 32);
        for class in 0..10u16 {
            let count = chosen.iter().filter(|i| labels[**i] == class).count();
            assert_eq!(count, if class < 2 { 4 } else { 3 });
        }
        assert!(balanced(&labels, &classes, 9, 1).is_err());
        assert!(balanced(&labels, &classes, 1_001, 1).is_err());
    }

    #[test]
    fn classes_without_samples_do_not_count() {
        let labels: Vec<u16> = (0..80).map(|i| [1, 3, 4, 7][i % 4]).collect();
        let chosen = balanced(&labels, &Classes::numbered(9), 22, 1).unwrap();
        let counts = [1, 3, 4, 7].map(|class| chosen.iter().filter(|i| labels[**i] == class).count());
        assert_eq!(counts, [6, 6, 5, 5]);
        let sentence = balanced(&labels, &Classes::numbered(9), 3, 1).unwrap_err().to_string();
        assert!(sentence.contains("each of the 4 classes"), "{sentence}");
        let rare = [1, 1, 1, 1, 1, 1, 3, 3];
        let sentence = balanced(&rare, &Classes::numbered(9), 6, 1).unwrap_err().to_string();
        assert!(sentence.contains("this needs 3 samples of class 3, but there are only 2"), "{sentence}");
    }
}
