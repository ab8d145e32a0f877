//! The examples: sparse rows in compressed form (CSR), checked when they are added.

use rayon::prelude::*;

use super::lanes::Entry;
use crate::error::{Error, Result};
use crate::memory::reserve;

/// Rows that [`Rows::from_dense`] compresses at a time.
const BLOCK: usize = 512;

/// Examples as rows of `f32` features; only the non-zeros are stored.
///
/// Every value is finite and every index is below [`features`](Self::features), because the pushes refuse
/// anything else. Functions that take `&Rows` need not check again.
#[derive(Debug, Clone)]
pub struct Rows {
    features: usize,
    /// `starts[r]..starts[r + 1]` are the non-zeros of row `r`.
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

impl Rows {
    /// An empty set of rows with `features` features each.
    ///
    /// # Errors
    ///
    /// If `features` is 0, or too large for indices of 32 bits.
    pub fn new(features: usize) -> Result<Self> {
        if features == 0 {
            return Err(Error::Invalid("the SVM needs at least one feature per example, got 0".into()));
        }
        if u32::try_from(features).is_err() {
            return Err(Error::Invalid(format!("the SVM takes fewer than 2^32 features, got {features}")));
        }
        Ok(Self { features, starts: vec![0], entries: Vec::new() })
    }

    /// Rows from a dense matrix, row after row.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new) and [`push_dense`](Self::push_dense); also if the length of `matrix` is not a
    /// multiple of `features`.
    pub fn from_dense(features: usize, matrix: &[f32]) -> Result<Self> {
        let mut rows = Self::new(features)?;
        if !matrix.len().is_multiple_of(features) {
            let length = matrix.len();
            return Err(Error::Invalid(format!(
                "a matrix of {length} values cannot be cut into rows of {features} features"
            )));
        }
        // Block by block, so that few compressed rows wait to be appended.
        let matrix: Vec<&[f32]> = matrix.chunks_exact(features).collect();
        for block in matrix.chunks(BLOCK) {
            rows.extend_dense(block)?;
        }
        Ok(rows)
    }

    /// Appends a row given with its zeros; on an error nothing is appended.
    ///
    /// # Errors
    ///
    /// If `row` does not have [`features`](Self::features) values, or one of them is not finite.
    pub fn push_dense(&mut self, row: &[f32]) -> Result<()> {
        self.extend_dense(&[row])
    }

    /// Appends several rows given with their zeros. The threads of rayon's current pool compress them. On an
    /// error nothing is appended.
    ///
    /// # Errors
    ///
    /// As [`push_dense`](Self::push_dense); the error is that of the first faulty row.
    pub fn extend_dense(&mut self, rows: &[&[f32]]) -> Result<()> {
        let (first, features) = (self.len(), self.features);
        let share = rows.len().div_ceil(rayon::current_num_threads()).max(1);
        let compress = |(part, rows): (usize, &[&[f32]])| compress(features, first + part * share, rows);
        let parts: Vec<Result<_>> = rows.par_chunks(share).enumerate().map(compress).collect();
        // In order, so that the first error is returned whatever the number of threads.
        let parts: Vec<_> = parts.into_iter().collect::<Result<_>>()?;
        for (entries, ends) in parts {
            let start = self.entries.len();
            self.reserve(entries.len())?;
            self.entries.extend_from_slice(&entries);
            self.starts.extend(ends.iter().map(|end| start + end));
        }
        Ok(())
    }

    /// Appends a row given by its non-zeros, in increasing order of index; on an error nothing is appended.
    ///
    /// # Errors
    ///
    /// If the lengths differ, the indices do not increase, one is not below [`features`](Self::features), or
    /// a value is not finite.
    pub fn push_sparse(&mut self, indices: &[u32], values: &[f32]) -> Result<()> {
        if indices.len() != values.len() {
            return Err(Error::Invalid(format!(
                "row {} has {} indices for {} values",
                self.len(),
                indices.len(),
                values.len()
            )));
        }
        let entries = indices.iter().zip(values).map(|(&index, &value)| Entry { index, value });
        self.push_checked(entries)
    }

    /// The same for a row whose indices and values lie side by side.
    ///
    /// # Errors
    ///
    /// As [`push_sparse`](Self::push_sparse).
    pub fn push_entries(&mut self, row: &[Entry]) -> Result<()> {
        self.push_checked(row.iter().copied())
    }

    fn push_checked(&mut self, entries: impl Iterator<Item = Entry>) -> Result<()> {
        let (row, features, start) = (self.len(), self.features, self.entries.len());
        let mut before = None;
        for entry in entries {
            let Entry { index, value } = entry;
            let problem = match before {
                Some(before) if index <= before => {
                    format!("the indices of row {row} must increase, but {index} comes after {before}")
                }
                _ if index as usize >= features => {
                    format!("row {row} has an index {index}, but there are only {features} features")
                }
                _ if !value.is_finite() => {
                    self.entries.truncate(start);
                    return Err(not_finite(row, index as usize, value));
                }
                _ => {
                    before = Some(index);
                    if value != 0.0 {
                        self.entries.push(entry);
                    }
                    continue;
                }
            };
            self.entries.truncate(start);
            return Err(Error::Invalid(problem));
        }
        self.starts.push(self.entries.len());
        Ok(())
    }

    /// Raises the number of features to `features`, if it is less: the new ones are 0 in all rows. So rows
    /// can be collected before it is known how many features there are.
    ///
    /// # Errors
    ///
    /// If `features` is too large for indices of 32 bits.
    pub fn widen(&mut self, features: usize) -> Result<()> {
        self.features = Self::new(features.max(self.features))?.features;
        Ok(())
    }

    /// Makes room for so many further rows.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn reserve_rows(&mut self, rows: usize) -> Result<()> {
        reserve::grow(&mut self.starts, rows, || "the rows of all samples".to_owned())
    }

    /// Makes room for so many further non-zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] if there is none.
    pub fn reserve(&mut self, nonzeros: usize) -> Result<()> {
        reserve::grow(&mut self.entries, nonzeros, || "the features of all samples".to_owned())
    }

    /// Appends rows with so many non-zeros each, which `fill` writes one row after the other; on an error
    /// nothing is appended. What is written must be as the pushes want it.
    pub(super) fn extend_in_place<E>(
        &mut self,
        lengths: &[u32],
        fill: impl FnOnce(&mut [Entry]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (start, rows) = (self.entries.len(), self.starts.len());
        let mut end = start;
        for len in lengths {
            end += *len as usize;
            self.starts.push(end);
        }
        self.entries.resize(end, Entry { index: 0, value: 0.0 });
        let filled = fill(self.entries.get_mut(start..).unwrap_or_default());
        if filled.is_err() {
            self.entries.truncate(start);
            self.starts.truncate(rows);
        }
        filled
    }

    /// The rows with the indices `chosen`, in that order; indices beyond the last row are skipped.
    pub fn select(&self, chosen: &[usize]) -> Self {
        let mut rows = Self { features: self.features, starts: vec![0], entries: Vec::new() };
        for &row in chosen.iter().filter(|&&row| row < self.len()) {
            rows.entries.extend_from_slice(self.row(row));
            rows.starts.push(rows.entries.len());
        }
        rows
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of features of every row, zeros included.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The number of non-zeros in all rows.
    pub fn nonzeros(&self) -> usize {
        self.entries.len()
    }

    /// The memory of the rows in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.entries[..]) + size_of_val(&self.starts[..])
    }

    /// The non-zeros of row `row`, in increasing order of feature.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Self::len), as with a slice.
    pub fn row(&self, row: usize) -> &[Entry] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// The squared Euclidean norm of row `row`.
    pub(super) fn squared_norm(&self, row: usize) -> f64 {
        self.row(row).iter().map(|entry| f64::from(entry.value) * f64::from(entry.value)).sum()
    }

    /// All non-zeros, row after row.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All non-zeros. The caller may change the values, but they must stay finite.
    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }
}

/// Compresses rows given with their zeros: returns their non-zeros, and where each row ends among them.
/// `first` is the number of the first row, for errors.
fn compress(features: usize, first: usize, rows: &[&[f32]]) -> Result<(Vec<Entry>, Vec<usize>)> {
    let (mut entries, mut ends) = (Vec::new(), Vec::with_capacity(rows.len()));
    let mut nonzeros = vec![Entry { index: 0, value: 0.0 }; features];
    for (number, row) in (first..).zip(rows) {
        if row.len() != features {
            let found = row.len();
            return Err(Error::Invalid(format!(
                "row {number} has {found} features where {features} are expected"
            )));
        }
        // No early exit, so that the compiler can vectorise the loop.
        let finite = row.iter().fold(true, |finite, v| finite & v.is_finite());
        if !finite && let Some(column) = row.iter().position(|v| !v.is_finite()) {
            return Err(not_finite(number, column, row[column]));
        }
        // Every value is written, and overwritten by the next one if it was 0: a branch on zeros could not be
        // predicted.
        let mut count = 0;
        for (index, &value) in (0u32..).zip(*row) {
            nonzeros[count] = Entry { index, value };
            count += usize::from(value != 0.0);
        }
        entries.extend_from_slice(&nonzeros[..count]);
        ends.push(entries.len());
    }
    Ok((entries, ends))
}

fn not_finite(row: usize, column: usize, value: f32) -> Error {
    Error::Invalid(format!("the feature at row {row}, column {column} is {value}: features must be finite"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn dense_and_sparse_pushes_store_the_same() {
        let mut rows = Rows::new(5).unwrap();
        rows.push_dense(&[0.0, 1.5, 0.0, -0.0, -2.0]).unwrap();
        rows.push_dense(&[0.0; 5]).unwrap();
        rows.push_sparse(&[1, 2, 4], &[1.5, 0.0, -2.0]).unwrap();
        assert_eq!((rows.len(), rows.features(), rows.nonzeros()), (3, 5, 4));
        assert_eq!(rows.row(0), [Entry { index: 1, value: 1.5 }, Entry { index: 4, value: -2.0 }]);
        assert_eq!(rows.row(1), []);
        assert_eq!(rows.row(2), rows.row(0));
        assert_eq!(rows.squared_norm(0), 6.25);
    }

    #[test]
    fn rows_are_collected_before_their_number_of_features_is_known() {
        let mut rows = Rows::new(1).unwrap();
        rows.reserve(2).unwrap();
        rows.reserve_rows(2).unwrap();
        rows.push_entries(&[Entry { index: 0, value: 1.0 }]).unwrap();
        let wide = [Entry { index: 0, value: 0.0 }, Entry { index: 6, value: 2.0 }];
        assert!(message(rows.push_entries(&wide)).contains("index 6"));
        rows.widen(7).unwrap();
        rows.widen(3).unwrap();
        rows.push_entries(&wide).unwrap();
        assert_eq!((rows.features(), rows.len(), rows.nonzeros(), rows.row(1)), (7, 2, 2, &wide[1..]));
        assert!(message(rows.widen(1 << 32)).contains("fewer than 2^32"));
    }

    #[test]
    fn rows_are_selected_in_the_order_asked_for() {
        let rows = Rows::from_dense(2, &[1.0, 0.0, 0.0, 0.0, 3.0, 4.0]).unwrap();
        let chosen = rows.select(&[2, 1, 2, 3]);
        assert_eq!((chosen.len(), chosen.nonzeros(), chosen.features()), (3, 4, 2));
        assert_eq!((chosen.row(0), chosen.row(1), chosen.row(2)), (rows.row(2), rows.row(1), rows.row(2)));
    }

    #[test]
    fn the_threads_do_not_change_the_rows_nor_which_error_is_told() {
        let matrix: Vec<f32> = (0..7 * 1_100).map(|i| ((i * i) % 5) as f32).collect();
        let mut one_by_one = Rows::new(7).unwrap();
        for row in matrix.chunks_exact(7) {
            one_by_one.push_dense(row).unwrap();
        }
        let mut bad: Vec<&[f32]> = matrix.chunks_exact(7).collect();
        let not_finite = [f32::NEG_INFINITY; 7];
        bad[300] = &not_finite;
        bad[900] = &[1.0];
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut rows = Rows::from_dense(7, &matrix).unwrap();
                assert_eq!((&rows.starts, &rows.entries), (&one_by_one.starts, &one_by_one.entries));
                let error = message(rows.extend_dense(&bad));
                assert!(error.contains("row 1400, column 0 is -inf"), "{error}");
                assert_eq!((rows.len(), rows.nonzeros()), (1_100, one_by_one.nonzeros()));
            });
        }
    }

    #[test]
    fn bad_values_are_refused_by_row_and_column_and_leave_no_trace() {
        let mut rows = Rows::new(3).unwrap();
        rows.push_dense(&[1.0, 2.0, 3.0]).unwrap();
        let error = message(rows.push_dense(&[1.0, 0.0, f32::NAN]));
        assert!(error.contains("row 1, column 2 is NaN"), "{error}");
        let error = message(rows.push_sparse(&[1], &[f32::INFINITY]));
        assert!(error.contains("row 1, column 1 is inf"), "{error}");
        assert_eq!((rows.len(), rows.nonzeros()), (1, 3));
    }

    #[test]
    fn bad_shapes_are_refused() {
        assert!(Rows::new(0).is_err());
        let mut rows = Rows::new(3).unwrap();
        assert!(message(rows.push_dense(&[1.0; 2])).contains("2 features where 3"));
        assert!(message(rows.push_sparse(&[0, 1], &[1.0])).contains("2 indices for 1"));
        assert!(message(rows.push_sparse(&[1, 1], &[1.0, 1.0])).contains("must increase"));
        assert!(message(rows.push_sparse(&[3], &[1.0])).contains("index 3"));
        assert!(rows.is_empty());
        assert!(Rows::from_dense(3, &[1.0; 7]).is_err());
        assert_eq!(Rows::from_dense(3, &[1.0; 6]).unwrap().len(), 2);
    }
}
