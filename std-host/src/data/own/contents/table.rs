//! Tables of numbers in text.

use std::path::Path;

use super::labels::Labels;
use crate::data::contents::Contents;
use crate::data::own::column::Column;
use crate::data::own::look::label_column;
use crate::data::own::table::{self, Columns};
use crate::data::range::Range;
use crate::decoders::caught;
use crate::error::{Error, Result};

fn is_number(field: &str) -> bool {
    field.parse::<f64>().is_ok()
}

/// Whether a text is a table by what is in it: rows of as many fields, with a column of numbers. The last row
/// may be cut.
pub(crate) fn is_table(path: &Path) -> bool {
    let Ok((_, rows)) = caught(path, || table::peek(path)) else { return false };
    let [first, .., last] = &rows[..] else { return false };
    let width = first.len();
    let before = rows.get(..rows.len() - 1).unwrap_or_default();
    before.iter().all(|row| row.len() == width)
        && last.len() <= width
        && (0..width)
            .any(|place| before.iter().all(|row| row.get(place).is_some_and(|field| is_number(field))))
}

/// What a table holds.
pub(crate) fn table(path: &Path) -> Contents {
    match caught(path, || read(path)) {
        Ok(contents) => contents,
        Err(error) => Contents::new("a table of numbers (text)", "people").wrong(error),
    }
}

fn read(path: &Path) -> Result<Contents> {
    let (names, rows) = table::peek(path)?;
    let width = rows.first().map_or(0, Vec::len);
    let of_words = |place: usize| rows.iter().all(|row| row.get(place).is_none_or(|field| !is_number(field)));
    let words: Vec<usize> = (0..width).filter(|place| of_words(*place)).collect();
    let label = label_column(path)?.map(|(column, _)| column);
    let label_place = label.as_ref().and_then(|label| match label {
        Column::Name(name) => names.iter().position(|known| known == name),
        Column::Place(place) => usize::try_from(*place).ok(),
    });
    // One column of words is the labels. With more, a recipe has to choose the numbers.
    let chosen: Vec<usize> =
        (0..width).filter(|place| !words.contains(place) && Some(*place) != label_place).collect();
    let several = words.len() > 1;
    if several && chosen.is_empty() {
        let contents = Contents::new("a table of words (text)", "people");
        return Ok(contents.with("columns", width));
    }
    let places: Vec<Column> = chosen.iter().map(|place| Column::Place(*place as i64)).collect();
    let columns = Columns { label: label.as_ref(), numbers: several.then_some(&places), by_settings: false };
    let readers = if several {
        "data = { set = \"array\", columns = [...] }, which chooses columns of numbers; people"
    } else if width == 1 {
        "data = { set = \"array\", train_labels = FILE }, as labels; `wta init`; people"
    } else {
        "`wta init`, which makes a recipe for it; `wta svm`; people"
    };
    let mut contents = Contents::new("a table of numbers (text)", readers);
    let (mut range, mut count, mut labels) = (Range::default(), 0, Labels::new());
    let read = table::read(path, columns, |row| {
        count += 1;
        row.numbers.iter().for_each(|number| range.add(f64::from(*number)));
        if let Some(label) = row.label {
            labels.note(label);
        }
        Ok::<(), Error>(())
    });
    if !names.is_empty() {
        contents = contents.with("columns", names.join(", "));
    }
    if let Some(label) = label {
        let label = match label {
            Column::Name(name) => name,
            Column::Place(place) => format!("column {place}"),
        };
        contents = contents.with("labels", format!("{label}: {} different ones", labels.count()));
    }
    Ok(match read {
        Ok(numbers) => contents.array("numbers", "float32", &[count, numbers], Some(range)),
        Err(error) => contents.wrong(error),
    })
}
