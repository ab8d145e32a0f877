//! What classes weigh in the loss, as somebody asks for it.

use crate::data::{Classes, Label};
use crate::error::{Error, Result};

/// Weights of classes, which multiply C.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// All weigh 1.
    #[default]
    Same,
    /// Each class weighs what makes all classes weigh the same together: rows / (classes x rows of it).
    Balanced,
    /// The named classes weigh so much, and the others 1.
    Named(Vec<(String, f64)>),
}

impl ClassWeights {
    /// The weight of each class, as [`Costs::classes`](crate::svm::Costs::classes) takes them; none if all
    /// weigh the same.
    ///
    /// # Errors
    ///
    /// One sentence if there is no class of a name, or one is named twice.
    pub fn of(&self, classes: &Classes, labels: &[u16]) -> Result<Vec<f64>> {
        match self {
            Self::Same => Ok(Vec::new()),
            Self::Balanced => {
                let mut counts = vec![0u64; classes.len()];
                for label in labels {
                    if let Some(count) = counts.get_mut(usize::from(*label)) {
                        *count += 1;
                    }
                }
                let share = labels.len() as f64 / classes.len().max(1) as f64;
                Ok(counts.iter().map(|count| share / (*count).max(1) as f64).collect())
            }
            Self::Named(named) => {
                let mut weights = vec![None; classes.len()];
                for (name, weight) in named {
                    let label = Label::signed(name).text();
                    let place = classes.names().iter().position(|class| *class == *name || *class == label);
                    let Some(to) = place.and_then(|place| weights.get_mut(place)) else {
                        return Err(Error::Invalid(format!(
                            "no class is called {name}: there are {}",
                            some_of(classes.names())
                        )));
                    };
                    if to.replace(*weight).is_some() {
                        return Err(Error::Invalid(format!("the class {name} is given two weights")));
                    }
                }
                Ok(weights.into_iter().map(|weight| weight.unwrap_or(1.0)).collect())
            }
        }
    }
}

/// The first names, for people.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 20;
    let first = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{first}, ...") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_found_by_name_or_by_how_often_a_class_occurs() {
        let classes = Classes::new(["-1", "1", "2"]).unwrap();
        let labels = [0, 0, 0, 1, 1, 2];
        assert!(ClassWeights::Same.of(&classes, &labels).unwrap().is_empty());
        let balanced = ClassWeights::Balanced.of(&classes, &labels).unwrap();
        assert_eq!(balanced, [2.0 / 3.0, 1.0, 2.0]);
        let named = |names: &[(&str, f64)]| {
            let named = names.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
            ClassWeights::Named(named).of(&classes, &labels).map_err(|error| error.to_string())
        };
        assert_eq!(named(&[("+2", 3.0), ("-1", 0.5)]).unwrap(), [0.5, 1.0, 3.0]);
        assert!(named(&[("3", 1.0)]).unwrap_err().contains("no class is called 3: there are -1, 1, 2"));
        assert!(named(&[("1", 1.0), ("1", 2.0)]).unwrap_err().contains("two weights"));
    }
}
