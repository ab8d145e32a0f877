//! The examples of a file in memory, to train on.

use std::collections::BTreeMap;

use crate::data::{Batch, Classes, ExampleFile, Label, Naming};
use crate::error::{Error, Result};
use crate::memory::reserve;
use crate::observer::Observer;
use crate::svm::Rows;

/// Labelled examples. What is not 0 takes 8 bytes, and an example 10.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The features.
    pub rows: Rows,
    /// A class for each row.
    pub labels: Vec<u16>,
    /// The classes: whole numbers in ascending order or, with any other word among the labels, all in the
    /// order of the alphabet.
    pub classes: Classes,
    /// The names of the features, if they are columns of a table that names them.
    pub columns: Option<Vec<String>>,
}

impl Examples {
    /// Reads a file. Of LIBSVM's text, the highest index is the number of features.
    ///
    /// # Errors
    ///
    /// One sentence: what [`ExampleFile::read`] says, or that the file has no examples, none with a feature,
    /// or examples of one class only; [`Error::Memory`] if there is not so much.
    pub fn read(file: &ExampleFile, observer: &dyn Observer) -> Result<Self> {
        let mut found = Collector::new(file)?;
        observer.begin("read", file.steps());
        let features = file.read(observer, &mut |batch| found.add(&batch));
        observer.end();
        let features = features?;
        let columns = file.column_names()?;
        let refuse = |problem: String| Err(Error::file(file.name(), problem));
        if let Some(features) = features {
            found.rows.widen(features)?;
        }
        let Collector { rows, mut labels, places, .. } = found;
        if rows.is_empty() {
            return refuse("holds no examples".to_owned());
        }
        if rows.nonzeros() == 0 {
            return refuse("has no example with a feature that is not 0".to_owned());
        }
        let naming = Naming::new(places.keys(), None)?;
        if naming.classes.len() < 2 {
            let only = naming.classes.name(0);
            return refuse(format!("has examples of one class only, {only}; a classifier needs two"));
        }
        let mut class_of = vec![0; places.len()];
        for (label, place) in &places {
            if let Some(class) = class_of.get_mut(usize::from(*place)) {
                *class = naming.class(label);
            }
        }
        for label in &mut labels {
            *label = class_of.get(usize::from(*label)).copied().unwrap_or(0);
        }
        Ok(Self { rows, labels, classes: naming.classes, columns })
    }
}

/// Examples that are being collected.
struct Collector {
    rows: Rows,
    /// For each row, the place of its label among those found.
    labels: Vec<u16>,
    places: BTreeMap<Label, u16>,
    /// The label of the last row, which is often that of the next one.
    last: Option<(Label, u16)>,
}

impl Collector {
    fn new(file: &ExampleFile) -> Result<Self> {
        let room = file.room()?;
        let mut rows = Rows::new(1)?;
        rows.reserve(room.nonzeros)?;
        rows.reserve_rows(room.rows)?;
        let labels = reserve::with_capacity(room.rows, || "the labels of all examples".to_owned())?;
        Ok(Self { rows, labels, places: BTreeMap::new(), last: None })
    }

    fn add(&mut self, batch: &Batch) -> Result<()> {
        self.rows.reserve(batch.nonzeros())?;
        self.rows.reserve_rows(batch.len())?;
        reserve::grow(&mut self.labels, batch.len(), || "the labels of all examples".to_owned())?;
        for (entries, label) in batch.examples() {
            if let Some(last) = entries.last() {
                self.rows.widen(last.index as usize + 1)?;
            }
            self.rows.push_entries(entries)?;
            let place = label.map_or(Ok(0), |label| self.place(label))?;
            self.labels.push(place);
        }
        Ok(())
    }

    fn place(&mut self, label: &Label) -> Result<u16> {
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| last == label) {
            return Ok(*place);
        }
        let place = match self.places.get(label) {
            Some(place) => *place,
            None => {
                let next = u16::try_from(self.places.len()).map_err(|_| {
                    Error::Invalid(
                        "there are more than 65536 different labels; are these the labels?".to_owned(),
                    )
                })?;
                self.places.insert(label.clone(), next);
                next
            }
        };
        self.last = Some((label.clone(), place));
        Ok(place)
    }
}
