//! How many predictions are right.

use crate::data::Label;

/// A count of predictions of labelled examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Examples.
    pub examples: u64,
    /// Examples with a label.
    pub labelled: u64,
    /// Of these, the ones that are classified rightly. A label that the classifier has no class for is not.
    pub right: u64,
}

impl Tally {
    /// Counts the prediction of an example.
    pub fn add(&mut self, class: &str, label: Option<&Label>) {
        self.examples += 1;
        let Some(label) = label else { return };
        self.labelled += 1;
        let is_right = match label {
            Label::Text(text) => text == class,
            Label::Whole(number) => class.parse() == Ok(*number) && class == number.to_string(),
        };
        self.right += u64::from(is_right);
    }

    /// The share of labelled examples that are classified rightly; `None` if none has a label.
    pub fn accuracy(&self) -> Option<f64> {
        (self.labelled > 0).then(|| self.right as f64 / self.labelled as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_label_counts() {
        let mut tally = Tally::default();
        assert_eq!(tally.accuracy(), None);
        tally.add("1", None);
        tally.add("1", Some(&Label::Whole(1)));
        tally.add("1", Some(&Label::of("1.0")));
        tally.add("01", Some(&Label::Whole(1)));
        tally.add("a", Some(&Label::Text("b".to_owned())));
        assert_eq!(tally, Tally { examples: 5, labelled: 4, right: 2 });
        assert_eq!(tally.accuracy(), Some(0.5));
    }
}
