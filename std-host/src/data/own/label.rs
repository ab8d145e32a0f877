//! Labels as they stand in a file, and the classes that they stand for.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::classes::{Classes, MOST_CLASSES};
use crate::error::{Error, Result};

/// A label as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Any whole number.
    Whole(i64),
    /// Anything else.
    Text(String),
}

impl Label {
    /// The label of a field of a table. A number is one that is written as numbers are, with or without a
    /// decimal point: `007` and `1e1` are names, which are not taken for 7 and 10.
    pub fn of(field: &str) -> Self {
        let plain = field.parse().ok().filter(|number: &i64| number.to_string() == field);
        let number = || field.contains('.').then(|| field.parse().ok()).flatten().and_then(whole);
        plain.or_else(number).map_or_else(|| Self::Text(field.to_owned()), Self::Whole)
    }

    /// The same where numbers may have a sign: `+7` is 7.
    pub fn signed(field: &str) -> Self {
        let unsigned = field.strip_prefix('+').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        Self::of(unsigned.unwrap_or(field))
    }

    /// The name of its class.
    pub fn text(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Text as it stands in a file: UTF-8 or, if it is not, Latin-1, so that different names stay different.
pub(super) fn decoded(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// The whole number that this is.
pub(super) fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53, neighbours are the same float.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

/// The classes of some labels, and what their places are.
#[derive(Debug)]
pub(crate) struct Naming {
    pub(crate) classes: Classes,
    places: BTreeMap<Label, u16>,
    /// Whether numbers, too, are taken as text.
    text: bool,
}

impl Naming {
    /// The classes of all labels of a data set. Without `names`, whole numbers come in ascending order and
    /// are called by their number; with any text among them, all are text, in alphabetical order.
    ///
    /// With `names`, labels are these names, or the places 0, 1, 2, ... in their list, or as many other
    /// numbers as there are names, which then are named in ascending order.
    pub(crate) fn new<'a>(
        labels: impl Iterator<Item = &'a Label>,
        names: Option<Vec<String>>,
    ) -> Result<Self> {
        let mut found: BTreeSet<Label> = BTreeSet::new();
        for label in labels {
            if !found.contains(label) {
                found.insert(label.clone());
            }
            if found.len() > MOST_CLASSES {
                return Err(Error::Invalid(format!(
                    "there are more than {MOST_CLASSES} different labels; are these the labels?"
                )));
            }
        }
        let text = found.iter().any(|label| matches!(label, Label::Text(_)));
        let found: BTreeSet<Label> = match text {
            true => found.iter().map(|label| Label::Text(label.text())).collect(),
            false => found,
        };
        let found: Vec<Label> = found.into_iter().collect();
        let Some(names) = names else {
            return Self::of(found.iter().map(Label::text).collect(), found, text);
        };
        let count = names.len();
        let places: Vec<Label> = (0i64..).take(count).map(Label::Whole).collect();
        let named: Vec<Label> = names.iter().cloned().map(Label::Text).collect();
        let labels = if found.iter().all(|label| places.contains(label)) {
            places
        } else if found.iter().all(|label| named.contains(label)) {
            named
        } else if !text && found.len() == count {
            found
        } else {
            let strange = found.iter().find(|label| !named.contains(label) && !places.contains(label));
            let strange = strange.map_or_else(String::new, Label::text);
            return Err(Error::Invalid(format!(
                "data.class_names has {count} names, but there is a label {strange}, which is neither one of \
                 them nor the place of one, from 0 to {}",
                count.saturating_sub(1)
            )));
        };
        let text = labels.iter().any(|label| matches!(label, Label::Text(_)));
        Self::of(names, labels, text)
    }

    fn of(names: Vec<String>, labels: Vec<Label>, text: bool) -> Result<Self> {
        Ok(Self {
            classes: Classes::new(names)?,
            places: labels.into_iter().zip(0..=u16::MAX).collect(),
            text,
        })
    }

    /// The class of a label that [`Naming::new`] has seen.
    pub(crate) fn class(&self, label: &Label) -> u16 {
        let place = match self.text {
            true => self.places.get(&Label::Text(label.text())),
            false => self.places.get(label),
        };
        place.copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(fields: &[&str], names: Option<&[&str]>) -> Result<(Vec<String>, Vec<u16>)> {
        let labels: Vec<Label> = fields.iter().map(|field| Label::of(field)).collect();
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let naming = Naming::new(labels.iter(), names)?;
        let classes = labels.iter().map(|label| naming.class(label)).collect();
        Ok((naming.classes.names().to_vec(), classes))
    }

    #[test]
    fn numbers_are_written_as_numbers_are() {
        for (field, number) in
            [("7", 7), ("-7", -7), ("7.0", 7), ("7.000000000000000000e+00", 7), ("-0.0", 0)]
        {
            assert_eq!(Label::of(field), Label::Whole(number), "{field}");
        }
        for name in ["007", "1e1", "+7", "-0", "7.5", "", "inf", "1e400", "99999999999999999999"] {
            assert_eq!(Label::of(name), Label::Text(name.to_owned()));
        }
        assert_eq!((decoded("ä".as_bytes()), decoded(b"\xe4\xff")), ("ä".to_owned(), "äÿ".to_owned()));
    }

    #[test]
    fn numbers_are_in_ascending_order_and_text_in_alphabetical_order() {
        let (names, classes) = naming(&["200", "3", "-7", "3.0", "50"], None).unwrap();
        assert_eq!(
            (names, classes),
            (["-7", "3", "50", "200"].map(String::from).to_vec(), vec![3, 1, 0, 1, 2])
        );
        let (names, classes) = naming(&["owl", "10", "cat", "9"], None).unwrap();
        assert_eq!(
            (names, classes),
            (["10", "9", "cat", "owl"].map(String::from).to_vec(), vec![3, 0, 2, 1])
        );
    }

    #[test]
    fn names_belong_to_places_texts_or_as_many_numbers() {
        let names: Option<&[&str]> = Some(&["stand", "run", "walk"]);
        assert_eq!(naming(&["2", "0"], names).unwrap().1, [2, 0], "a class may be missing");
        assert_eq!(naming(&["walk", "stand"], names).unwrap().1, [2, 0]);
        assert_eq!(naming(&["5", "7", "9", "5"], names).unwrap().1, [0, 1, 2, 0]);
        for strange in [&["0", "3"][..], &["fly"], &["1", "run"]] {
            let sentence = naming(strange, names).unwrap_err().to_string();
            assert!(sentence.contains("neither one of them nor the place"), "{sentence}");
        }
    }
}
