//! How many bytes the pictures of a page may take, so that it opens at once on a phone and can be mailed.

/// The most bytes of all pictures of a page.
const PAGE: usize = 2_400_000;

/// The bytes that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget(usize);

impl Budget {
    /// Of one of so many layers, of all runs together, that are shown on a page.
    pub(super) fn of_layers(layers: usize) -> Self {
        Self(PAGE / layers.max(1))
    }

    /// A part of what is left, in hundredths.
    pub(super) fn part(self, hundredths: usize) -> Self {
        Self(self.0 / 100 * hundredths.min(100))
    }

    /// Takes bytes for a picture; `false`, and nothing is taken, if they are more than what is left.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_beyond_the_end() {
        let mut budget = Budget::of_layers(2).part(50);
        assert_eq!(budget, Budget(PAGE / 4));
        assert!(budget.take(PAGE / 4 - 1) && !budget.take(2) && budget.take(1) && !budget.take(1));
    }
}
