//! k of n votes, with hysteresis.

use crate::detect::settings::Votes;

/// The votes of the last windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ballot {
    /// A bit for each window, the last one lowest.
    pub(super) history: u32,
    pub(super) alarmed: bool,
}

impl Ballot {
    /// Counts a window. `Some(true)` when an alarm begins with it, `Some(false)` when one ends.
    pub(super) fn vote(&mut self, votes: &Votes, above: bool) -> Option<bool> {
        let of = votes.of.clamp(1, 32);
        self.history = (self.history << 1 | u32::from(above)) & (u32::MAX >> (32 - of));
        let count = self.history.count_ones();
        let alarmed = if self.alarmed { count > votes.release } else { count >= votes.needed };
        let changed = alarmed != self.alarmed;
        self.alarmed = alarmed;
        changed.then_some(alarmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_takes_k_of_n_and_ends_below_the_release() {
        let votes = Votes { needed: 3, of: 4, release: 1 };
        let mut ballot = Ballot::default();
        let above = [true, true, false, false, true, true, true, false, true, false, false, true, false];
        let expected =
            [None, None, None, None, None, None, Some(true), None, None, None, Some(false), None, None];
        for (window, (above, expected)) in above.into_iter().zip(expected).enumerate() {
            assert_eq!(ballot.vote(&votes, above), expected, "window {window}");
        }
    }

    #[test]
    fn thirty_two_windows_are_remembered() {
        let votes = Votes { needed: 32, of: 32, release: 0 };
        let mut ballot = Ballot::default();
        let found: [Option<bool>; 64] = core::array::from_fn(|window| ballot.vote(&votes, window < 32));
        let begin = found.iter().position(|found| *found == Some(true));
        let end = found.iter().position(|found| *found == Some(false));
        assert_eq!((begin, end), (Some(31), Some(63)));
    }
}
