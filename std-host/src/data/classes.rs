//! The names of the classes that labels stand for.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The most classes: a label is a `u16`.
pub(super) const MOST_CLASSES: usize = 1 << u16::BITS;

/// The names of a data set's classes. Label `i` is the class with name `i`.
///
/// ```
/// use wta::data::Classes;
///
/// let motions = Classes::new(["standing", "running"])?;
/// assert_eq!((motions.len(), motions.name(1)), (2, "running"));
/// assert_eq!(Classes::numbered(3).name(2), "2");
/// # Ok::<(), wta::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    names: Arc<[String]>,
}

impl Classes {
    /// Classes with these names.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if two have the same name, one has none or not a line of text (reports and
    /// terminals show names as they are), or there are more than 65,536.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        if names.len() > MOST_CLASSES {
            return Err(Error::Invalid(format!("there are {} classes, but at most 65536 work", names.len())));
        }
        if let Some(class) = names.iter().position(String::is_empty) {
            return Err(Error::Invalid(format!(
                "class {class} has an empty name; is there a sample with an empty label?"
            )));
        }
        if let Some(name) = names.iter().find(|name| name.chars().any(char::is_control)) {
            return Err(Error::Invalid(format!(
                "a class is called {name:?}, but names are text without line breaks and control characters"
            )));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(twice) => {
                let name = twice.first().map_or("", |name| name);
                Err(Error::Invalid(format!("two classes have the name {name}")))
            }
            None => Ok(Self { names }),
        }
    }

    /// So many classes, called 0, 1, 2 and so on.
    pub fn numbered(count: usize) -> Self {
        Self { names: (0..count).map(|class| class.to_string()).collect() }
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no classes: the data set has no labels.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the classes are called 0, 1, 2 and so on.
    pub fn are_numbers(&self) -> bool {
        *self == Self::numbered(self.len())
    }

    /// The name of a class, or `?` if there is no such class.
    pub fn name(&self, class: usize) -> &str {
        self.names.get(class).map_or("?", String::as_str)
    }

    /// All names, in the order of the labels.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lines_of_text_and_not_given_twice() {
        let twice = Classes::new(["a", "b", "a"]).unwrap_err().to_string();
        assert_eq!(twice, "two classes have the name a");
        let classes = Classes::new(["b", "a"]).unwrap();
        assert_eq!((classes.name(0), classes.name(1), classes.name(2)), ("b", "a", "?"));
        let sentence = |names: [&str; 2]| Classes::new(names).unwrap_err().to_string();
        assert_eq!(sentence(["a", ""]), "class 1 has an empty name; is there a sample with an empty label?");
        for name in ["\u{1b}[31mred", "two\nlines", "\u{85}", "\0"] {
            let sentence = sentence([name, "b"]);
            assert!(sentence.starts_with("a class is called \"") && !sentence.contains(name), "{sentence}");
        }
        assert!(Classes::new((0..=MOST_CLASSES).map(|i| i.to_string())).is_err());
    }
}
