//! What a message is about.

use std::fmt;

/// What a message is about. Sender and receiver have to agree; a profile counts each kind for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A few numbers, as whether to stop.
    Word,
    /// The images of a batch.
    Images,
    /// Winners: the values that lifetime sparsity selects from.
    Winners,
    /// Sums on their way from process to process, each of which adds its terms.
    Sums,
    /// Sums at their end.
    Totals,
    /// Weights, moments, and what preprocessing has learnt.
    Weights,
    /// Features of encoded samples.
    Features,
    /// Classifiers on their way between the processes that train them.
    Classifiers,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Word,
        Self::Images,
        Self::Winners,
        Self::Sums,
        Self::Totals,
        Self::Weights,
        Self::Features,
        Self::Classifiers,
    ];

    /// The number of the kind: its place in [`ALL`](Self::ALL).
    pub const fn number(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.pad(match self {
            Self::Word => "words",
            Self::Images => "images",
            Self::Winners => "winners",
            Self::Sums => "sums",
            Self::Totals => "totals",
            Self::Weights => "weights",
            Self::Features => "features",
            Self::Classifiers => "classifiers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_at_the_place_of_their_number() {
        assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| kind.number() == place));
    }
}
