//! The largest of many scores: an exact order statistic in memory that is known beforehand.

/// The largest numbers so far, in ascending order behind the places that are still free.
pub(super) struct Tail<'a> {
    pub(super) places: &'a mut [f32],
}

impl Tail<'_> {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.places.fill(f32::NEG_INFINITY);
    }

    /// Takes a number in, if it belongs to the largest.
    pub(super) fn insert(&mut self, value: f32) {
        let Some((lowest, others)) = self.places.split_first_mut() else { return };
        if value <= *lowest {
            return;
        }
        // Smaller ones move down by one place.
        let mut free = lowest;
        for place in others {
            if *place >= value {
                break;
            }
            *free = *place;
            free = place;
        }
        *free = value;
    }

    /// The lowest of the largest numbers: exactly `places.len()` numbers are not below it, or more when some
    /// are equal.
    pub(super) fn lowest(&self) -> f32 {
        self.places.first().copied().unwrap_or(f32::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::random::Random;
    use std::vec::Vec;

    #[test]
    fn it_is_what_sorting_gives() {
        let mut random = Random::new(5);
        for len in [1, 2, 7, 30] {
            for keep in 1..=len {
                let values: Vec<f32> = (0..len).map(|_| (random.below(9) as f32) - 4.0).collect();
                let mut places = std::vec![0.0; keep];
                let mut tail = Tail { places: &mut places };
                tail.clear();
                values.iter().for_each(|value| tail.insert(*value));
                let mut sorted = values.clone();
                sorted.sort_by(f32::total_cmp);
                assert_eq!(tail.places, &sorted[len - keep..], "{keep} of {values:?}");
                assert_eq!(tail.lowest(), sorted[len - keep]);
            }
        }
    }

    #[test]
    fn no_places_give_no_alarm() {
        let mut tail = Tail { places: &mut [] };
        tail.insert(1.0);
        assert_eq!(tail.lowest(), f32::INFINITY);
    }
}
