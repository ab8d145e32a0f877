//! Tables of numbers in text files: CSV with commas, semicolons, tabs or spaces, with a header line or
//! without.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder, Trim};

use super::array::{ending, length};
use super::column::{Column, no_column};
use super::label::{Label, decoded};
use crate::error::{Error, Result, Setting};

/// What the columns of a table are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns<'a> {
    /// The column of labels.
    pub(super) label: Option<&'a Column>,
    /// The columns of numbers; all others if it is not given.
    pub(super) numbers: Option<&'a [Column]>,
    /// Whether settings choose the columns, and not a recipe: errors then name the setting.
    pub(super) by_settings: bool,
}

/// Whether a file is a table, by its name.
pub(super) fn is_table(path: &Path) -> bool {
    matches!(ending(path).as_str(), "csv" | "tsv" | "txt" | "dat")
}

/// The header of a table and the places of its columns.
pub(super) struct Plan {
    pub(super) numbers: Vec<usize>,
    pub(super) label: Option<usize>,
    /// The names of all columns; empty if there is no header line.
    pub(super) names: Vec<String>,
}

/// What a table's first lines say about its columns.
///
/// # Errors
///
/// One sentence if there are no rows, or a column is not there.
pub(super) fn plan(path: &Path, columns: Columns<'_>) -> Result<Plan> {
    let mut lines = Lines::open(path)?;
    let refuse = |problem: String| Error::file(path, problem);
    let (Some(first), second) = (lines.next()?, lines.next()?) else {
        return Err(refuse("holds no rows".to_owned()));
    };
    Plan::new(&first, second.as_ref(), columns).map_err(refuse)
}

/// A row of a table.
pub(super) struct Row<'a> {
    pub(super) numbers: &'a [f32],
    /// As it stands in the column of labels, if there is one.
    pub(super) label: Option<&'a str>,
    /// Where it begins, in bytes from the start of the file.
    pub(super) place: u64,
}

/// Reads a table row by row. Returns how many numbers a row has.
///
/// # Errors
///
/// One sentence that names the line and the column of what is no number, or a column that is not there.
pub(super) fn read(
    path: &Path,
    columns: Columns<'_>,
    mut each: impl FnMut(Row<'_>) -> Result<()>,
) -> Result<usize> {
    let mut lines = Lines::open(path)?;
    let refuse = |problem: String| Error::file(path, problem);
    let (Some(first), second) = (lines.next()?, lines.next()?) else {
        return Err(refuse("holds no rows".to_owned()));
    };
    let plan = Plan::new(&first, second.as_ref(), columns).map_err(refuse)?;
    let start = if plan.names.is_empty() { Some(first) } else { None };
    let mut buffered = start.into_iter().chain(second).collect::<Vec<_>>().into_iter();
    let (mut row, mut width) = (Vec::new(), None);
    while let Some(line) = buffered.next().map_or_else(|| lines.next(), |line| Ok(Some(line)))? {
        let expected = *width.get_or_insert(line.fields.len());
        if line.fields.len() != expected {
            return Err(refuse(format!(
                "line {} has {} columns, but the first row has {expected}; write it again",
                line.number,
                line.fields.len()
            )));
        }
        row.clear();
        for column in &plan.numbers {
            let field = line.fields.get(*column).map_or("", String::as_str);
            match number(field) {
                Some(v) if v.is_finite() => row.push(v),
                None if columns.by_settings && !field.is_empty() => {
                    return Err(plan.no_number(path, &line, *column, field));
                }
                _ => return Err(refuse(plan.wrong(&line, *column, field))),
            }
        }
        let label = plan.label.and_then(|column| line.fields.get(column)).map(String::as_str);
        each(Row { numbers: &row, label, place: line.place })?;
    }
    if width.is_none() {
        return Err(refuse("has a header line and no rows".to_owned()));
    }
    Ok(plan.numbers.len())
}

/// The labels alone, one after the other: the column that is named, or the only one.
pub(super) struct LabelColumn {
    lines: Lines,
    /// Lines that have been read already.
    before: std::vec::IntoIter<Line>,
    place: usize,
}

impl LabelColumn {
    pub(super) fn open(path: &Path, column: Option<&Column>) -> Result<Self> {
        let mut lines = Lines::open(path)?;
        let refuse = |problem: String| Error::file(path, problem);
        let (Some(first), second) = (lines.next()?, lines.next()?) else {
            return Err(refuse("holds no rows".to_owned()));
        };
        let names = &first.fields;
        let (place, headed) = match column {
            Some(Column::Name(name)) => {
                let found = names.iter().position(|known| known == name);
                (found.ok_or_else(|| refuse(no_column(name, names)))?, true)
            }
            Some(column) => (column.place(names).map_err(refuse)?, is_header(&first, second.as_ref())),
            None if names.len() == 1 => (0, is_header(&first, second.as_ref())),
            None => {
                let count = names.len();
                return Err(refuse(format!("has {count} columns; say which are the labels by label_column")));
            }
        };
        let first = if headed { None } else { Some(first) };
        let before = first.into_iter().chain(second).collect::<Vec<_>>().into_iter();
        Ok(Self { lines, before, place })
    }

    pub(super) fn next(&mut self) -> Result<Option<Label>> {
        let Some(line) = self.before.next().map_or_else(|| self.lines.next(), |line| Ok(Some(line)))? else {
            return Ok(None);
        };
        let field = line.fields.get(self.place).ok_or_else(|| {
            Error::file(&self.lines.path, format!("line {} lacks the column of labels", line.number))
        })?;
        Ok(Some(Label::of(field)))
    }
}

/// The header and the first rows, for people.
pub(super) fn peek(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    const ROWS: usize = 50;
    let mut lines = Lines::open(path)?;
    let (Some(first), second) = (lines.next()?, lines.next()?) else {
        return Err(Error::file(path, "holds no rows"));
    };
    let headed = is_header(&first, second.as_ref());
    let (names, start) = if headed { (first.fields, None) } else { (Vec::new(), Some(first.fields)) };
    let mut rows: Vec<Vec<String>> = start.into_iter().chain(second.map(|line| line.fields)).collect();
    while rows.len() < ROWS
        && let Some(line) = lines.next()?
    {
        rows.push(line.fields);
    }
    Ok((names, rows))
}

impl Plan {
    fn new(first: &Line, second: Option<&Line>, columns: Columns<'_>) -> std::result::Result<Self, String> {
        let by_name = columns.label.into_iter().chain(columns.numbers.into_iter().flatten());
        let headed = by_name.into_iter().any(|column| matches!(column, Column::Name(_)));
        let names = if headed || is_header(first, second) { first.fields.clone() } else { Vec::new() };
        let place = |column: &Column| column.place(if names.is_empty() { &first.fields } else { &names });
        let label = columns.label.map(place).transpose()?;
        let numbers: Vec<usize> = match columns.numbers {
            Some(columns) => columns.iter().map(place).collect::<std::result::Result<_, _>>()?,
            None => (0..first.fields.len()).filter(|column| Some(*column) != label).collect(),
        };
        if numbers.is_empty() {
            return Err("has no column of numbers besides the labels".to_owned());
        }
        Ok(Self { numbers, label, names })
    }

    /// A column for people.
    pub(super) fn name(&self, column: usize) -> String {
        self.names.get(column).map_or(format!("column {column}"), |name| format!("column {name}"))
    }

    /// The same as [`Plan::wrong`] where settings say which columns are read.
    fn no_number(&self, path: &Path, line: &Line, column: usize, field: &str) -> Error {
        let (name, field) = (self.name(column), field.chars().take(20).collect::<String>());
        let labels =
            self.label.map_or(String::new(), |label| format!("; labels are in {}", self.name(label)));
        let (path, line) = (path.display(), line.number);
        Error::setting(
            Setting::Columns,
            format!(
                "must leave out {name} of {path}: line {line} has `{field}` there, which is no number{labels}"
            ),
        )
    }

    fn wrong(&self, line: &Line, column: usize, field: &str) -> String {
        let name = self.name(column);
        let what = match number(field) {
            Some(_) => format!("{field}, which is not a finite number of float32; clean the data"),
            None if field.is_empty() => "empty; fill it in or leave the row out".to_owned(),
            None => format!(
                "`{}`, which is no number; if these are the labels set label_column, or choose the numbers by columns",
                field.chars().take(20).collect::<String>()
            ),
        };
        format!("{name} in line {} is {what}", line.number)
    }
}

fn number(field: &str) -> Option<f32> {
    field.parse::<f64>().ok().map(|number| number as f32)
}

/// Whether the first line names the columns: it has something other than a number where the next line has a
/// number, or it has no number at all above a line that differs.
fn is_header(first: &Line, second: Option<&Line>) -> bool {
    let Some(second) = second else { return false };
    let pairs = || first.fields.iter().zip(&second.fields);
    let above = pairs().any(|(above, below)| number(above).is_none() && number(below).is_some());
    above && !pairs().any(|(above, below)| number(above).is_some() && number(below).is_none())
}

/// A line of a table.
struct Line {
    /// From 1.
    number: u64,
    /// In bytes from the start of the file.
    place: u64,
    fields: Vec<String>,
}

struct Lines {
    path: PathBuf,
    reader: csv::Reader<LimitedLines>,
    record: ByteRecord,
    /// Several spaces then stand between two columns.
    spaces: bool,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        length(path)?;
        let failed = |error| Error::io("read", path, error);
        let delimiter = delimiter(path)?;
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        // The mark that spreadsheets put at the beginning of UTF-8.
        let start = reader.fill_buf().map_err(failed)?;
        match start {
            [0xef, 0xbb, 0xbf, ..] => reader.consume(3),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err(Error::file(path, "is text in UTF-16; save it as UTF-8"));
            }
            _ => {}
        }
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .from_reader(LimitedLines { reader, since: 0 });
        let path = path.to_path_buf();
        Ok(Self { path, reader, record: ByteRecord::new(), spaces: delimiter == b' ' })
    }

    fn next(&mut self) -> Result<Option<Line>> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record);
            if !more.map_err(|error| Error::file(&self.path, format!("is no table ({error})")))? {
                return Ok(None);
            }
            let (number, place) = self.record.position().map_or((0, 0), |at| (at.line(), at.byte()));
            let fields = self.record.iter().filter(|field| !(self.spaces && field.is_empty()));
            let fields: Vec<String> = fields.map(decoded).collect();
            // A line of spaces.
            if fields.iter().any(|field| !field.is_empty()) {
                return Ok(Some(Line { number, place, fields }));
            }
        }
    }
}

/// The longest line of a table, in bytes: some million numbers. A file without line breaks would be read into
/// memory as a whole.
const LONGEST_LINE: usize = 1 << 26;

/// A file whose lines are not longer than that.
struct LimitedLines {
    reader: BufReader<File>,
    /// Bytes since the last line break.
    since: usize,
}

impl Read for LimitedLines {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(bytes)?;
        let new = bytes.get(..read).unwrap_or_default();
        self.since = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => read - last,
            None => self.since + read,
        };
        if self.since > LONGEST_LINE {
            return Err(io::Error::other("a line is longer than 64 MiB"));
        }
        Ok(read)
    }
}

/// What separates the columns: what the first line that is no comment has, of tabs, semicolons, commas and
/// spaces.
fn delimiter(path: &Path) -> Result<u8> {
    /// The longest first line that is looked at.
    const MOST: u64 = 1 << 22;
    let file = File::open(path).map_err(|error| Error::io("read", path, error))?;
    let mut reader = BufReader::new(std::io::Read::take(file, MOST));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| Error::io("read", path, error))?;
        if read == 0 || !(line.starts_with(b"#") || line.trim_ascii().is_empty()) {
            let has = |delimiter: &u8| line.trim_ascii().contains(delimiter);
            return Ok([b'\t', b';', b',', b' '].into_iter().find(has).unwrap_or(b','));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, columns: Columns<'_>) -> Result<(Vec<Vec<f32>>, Vec<Label>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        let mut labels = Vec::new();
        read(&path, columns, |row| {
            rows.push(row.numbers.to_vec());
            labels.extend(row.label.map(Label::of));
            Ok(())
        })?;
        Ok((rows, labels))
    }

    #[test]
    fn separators_headers_and_comments_do_not_matter() {
        for text in [
            "1,2.5\n-3,4e1\n",
            "a,b\n1,2.5\n-3,4e1",
            "\u{feff}a;b\r\n1;2.5\r\n\r\n-3;4e1\r\n",
            "# by numpy.savetxt\n1 2.5\n  -3   4e1 \n",
            "a\tb\n1\t2.5\n-3\t 4e1\n",
            "\"a, first\",b\n\"1\",2.5\n-3,4e1\n",
        ] {
            let (rows, labels) = table(text, Columns::default()).unwrap();
            assert_eq!((rows, labels.len()), (vec![vec![1.0, 2.5], vec![-3.0, 40.0]], 0), "{text:?}");
        }
    }

    #[test]
    fn labels_and_numbers_are_chosen_by_name_or_place() {
        let text = "id,x,kind,y\n7,1,cat,2\n8,3,dog,4\n";
        let names = ["x", "y"].map(|name| Column::Name(name.to_owned()));
        let kind = Column::Name("kind".to_owned());
        let chosen = Columns { label: Some(&kind), numbers: Some(&names), ..Columns::default() };
        let (rows, labels) = table(text, chosen).unwrap();
        assert_eq!(rows, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(labels, [Label::of("cat"), Label::of("dog")]);
        for place in [Column::Place(2), Column::Place(-2)] {
            let (rows, labels) = table(text, Columns { label: Some(&place), ..Columns::default() }).unwrap();
            assert_eq!((rows[1].clone(), labels[1].clone()), (vec![8.0, 3.0, 4.0], Label::of("dog")));
        }
        let (rows, labels) =
            table("1,2,a\n3,4,b\n", Columns { label: Some(&Column::Place(-1)), ..Columns::default() })
                .unwrap();
        assert_eq!((rows.len(), labels.len()), (2, 2), "no header line");
    }

    #[test]
    fn what_is_wrong_has_its_line_and_column() {
        for (text, label, expected) in [
            ("a,b\n1,2\n3,x\n", None, "column b in line 3 is `x`, which is no number"),
            ("1,2\n3,\n", None, "column 1 in line 2 is empty"),
            ("1,2\nnan,4\n", None, "column 0 in line 2 is nan, which is not a finite number"),
            ("1,2\n3,1e300\n", None, "column 1 in line 2 is 1e300"),
            ("1,2\n3\n", None, "line 2 has 1 columns, but the first row has 2"),
            ("a,b\n1,2\n", Some("c"), "has no column c, only a, b"),
            ("a,b\n", Some("a"), "has a header line and no rows"),
            ("# nothing\n", None, "holds no rows"),
        ] {
            let label = label.map(|name| Column::Name(name.to_owned()));
            let columns = Columns { label: label.as_ref(), ..Columns::default() };
            let sentence = table(text, columns).unwrap_err().to_string();
            assert!(sentence.contains(expected) && !sentence.contains('\n'), "{sentence}");
        }
    }
}
