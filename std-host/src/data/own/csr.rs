//! A sparse matrix in a `.npz` archive, as `scipy.sparse.save_npz` and `wta encode` write it (CSR), read some
//! rows at a time.

use std::path::Path;

use super::array::Array;
use super::batch::Batch;
use super::header::Content;
use crate::data::element::Element;
use crate::error::{Error, Result};

/// Values that are read at a time, and more if a row has more.
const BLOCK: usize = 1 << 17;

/// Rows that are read at a time.
const ROWS: usize = 1 << 14;

/// Whether an archive with arrays of these names is a sparse matrix, of whatever format.
pub(super) fn is_sparse(names: &[String]) -> bool {
    let has = |all: &[&str]| all.iter().all(|wanted| names.iter().any(|name| name == wanted));
    // SciPy's COO and DIA have other arrays, and say their format.
    let is_other = has(&["format"]) && (has(&["row", "col"]) || has(&["offsets"]));
    has(&["data", "shape"]) && (has(&["indptr", "indices"]) || is_other)
}

/// A matrix whose numbers have not been read yet.
pub(super) struct Csr {
    starts: Array,
    columns: Array,
    values: Array,
    pub(super) rows: usize,
    pub(super) features: usize,
    /// The values that it stores.
    pub(super) stored: usize,
    /// The next row.
    next: usize,
}

impl Csr {
    pub(super) fn open(path: &Path, names: &[String]) -> Result<Self> {
        let refuse = |problem: String| Error::file(path, problem);
        let open = |name| Array::open(path, Some(name));
        if names.iter().any(|name| name == "format") {
            let format = open("format")?;
            let bytes = format.bytes_of(0, 1)?;
            // NumPy's strings of four bytes a character have zeros between the letters.
            let format: Vec<u8> = bytes.into_iter().filter(|byte| *byte != 0).collect();
            if format != b"csr" {
                return Err(refuse(format!(
                    "is a sparse matrix of format {}, but csr is read; save FILE.tocsr()",
                    String::from_utf8_lossy(&format)
                )));
            }
        }
        let (starts, columns, values) = (open("indptr")?, open("indices")?, open("data")?);
        let shape = open("shape")?;
        let [rows, features] = whole(&shape, 0, shape.header.len().min(3))?[..] else {
            return Err(refuse("is no sparse matrix: its shape is not rows x columns".to_owned()));
        };
        values.element()?;
        let stored = values.header.len();
        let flat = [&starts, &columns, &values].iter().all(|array| array.header.shape.len() == 1);
        if !flat || columns.header.len() != stored || rows.checked_add(1) != Some(starts.header.len()) {
            return Err(damaged(path));
        }
        if u32::try_from(features).is_err() {
            return Err(refuse(format!("has {features} columns, but fewer than 2^32 are read")));
        }
        Ok(Self { starts, columns, values, rows, features, stored, next: 0 })
    }

    /// The next rows, without labels; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        if self.next >= self.rows {
            return Ok(None);
        }
        let bounds = whole(&self.starts, self.next, ROWS.min(self.rows - self.next) + 1)?;
        let ascend = bounds.windows(2).all(|pair| pair[0] <= pair[1]);
        let (Some(&first), Some(&last)) = (bounds.first(), bounds.last()) else { return Err(self.damaged()) };
        let is_start = self.next > 0 || first == 0;
        if !ascend || last > self.stored || !is_start {
            return Err(self.damaged());
        }
        // As many rows as a block holds, and one at least.
        let count = bounds.partition_point(|end| end - first <= BLOCK).saturating_sub(1).max(1);
        let end = bounds.get(count).copied().unwrap_or(last);
        let columns = whole(&self.columns, first, end - first)?;
        let values = self.floats(first, end - first)?;
        let mut batch = Batch::default();
        batch.reserve(values.len())?;
        let mut row: Vec<(usize, f32)> = Vec::new();
        for (number, pair) in (self.next..).zip(bounds.windows(2).take(count)) {
            let range = pair[0] - first..pair[1] - first;
            let (columns, values) = (columns.get(range.clone()), values.get(range));
            let (Some(columns), Some(values)) = (columns, values) else { return Err(self.damaged()) };
            row.clear();
            row.extend(columns.iter().copied().zip(values.iter().copied()));
            self.check(number, &row)?;
            if !row.is_sorted_by(|a, b| a.0 < b.0) {
                // SciPy takes columns in any order, and adds up what stands for the same one.
                row.sort_by_key(|(column, _)| *column);
                row.dedup_by(|next, kept| {
                    let same = next.0 == kept.0;
                    kept.1 += if same { next.1 } else { 0.0 };
                    same
                });
                self.check(number, &row)?;
            }
            // The check has found that columns fit.
            row.iter().for_each(|(column, value)| batch.push(*column as u32, *value));
            batch.end(None);
        }
        self.next += count;
        Ok(Some(batch))
    }

    fn check(&self, number: usize, row: &[(usize, f32)]) -> Result<()> {
        let refuse = |problem: String| Err(Error::file(&self.values.name, problem));
        if let Some((column, _)) = row.iter().find(|(column, _)| *column >= self.features) {
            let features = self.features;
            return refuse(format!(
                "row {number} of the matrix has a column {column}, but there are {features}; write it again"
            ));
        }
        if let Some((column, value)) = row.iter().find(|(_, value)| !value.is_finite()) {
            return refuse(format!(
                "row {number}, column {column} of the matrix is {value}: features must be finite numbers of float32"
            ));
        }
        Ok(())
    }

    fn floats(&self, start: usize, count: usize) -> Result<Vec<f32>> {
        let mut values = vec![0.0; count];
        let bytes = self.values.bytes_of(start, count)?;
        self.values.element()?.decode(&bytes, self.values.header.big_endian, &mut values);
        Ok(values)
    }

    fn damaged(&self) -> Error {
        damaged(&self.values.name)
    }
}

fn damaged(name: &Path) -> Error {
    Error::file(name, "is a damaged sparse matrix: its indptr, indices and data do not fit; write it again")
}

/// Whole numbers from 0 on.
fn whole(array: &Array, start: usize, count: usize) -> Result<Vec<usize>> {
    let Content::Numbers(element) = array.header.content else { return Err(damaged(&array.name)) };
    let bytes = array.bytes_of(start, count)?;
    let number = |bytes: &[u8]| match (element, array.header.big_endian) {
        // What SciPy writes.
        (Element::I32, false) => {
            bytes.first_chunk().and_then(|bytes| usize::try_from(i32::from_le_bytes(*bytes)).ok())
        }
        (_, big_endian) => element.whole(bytes, big_endian).and_then(|number| usize::try_from(number).ok()),
    };
    let numbers: Option<Vec<usize>> = bytes.chunks_exact(element.bytes()).map(number).collect();
    numbers.ok_or_else(|| damaged(&array.name))
}
