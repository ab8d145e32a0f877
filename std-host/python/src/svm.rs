//! The linear SVM.

use numpy::{PyReadonlyArray1, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use wta::Error;
use wta::svm::{Costs, Options, Rows, Solver, Stop, fit};

use crate::arrays::array;
use crate::work;

/// Rows that are compressed between two looks at Ctrl-C.
const BLOCK: usize = 512;

/// Examples, compressed.
#[pyclass(frozen, module = "wta_learn._engine")]
pub(crate) struct SvmRows {
    rows: Rows,
}

#[pymethods]
impl SvmRows {
    /// The rows of a dense matrix of `float32` without gaps.
    #[staticmethod]
    fn dense(py: Python<'_>, matrix: PyReadonlyArrayDyn<'_, f32>, threads: usize) -> PyResult<Self> {
        let features = matrix.shape().last().copied().unwrap_or(0);
        let numbers = matrix.as_slice().map_err(|_| PyValueError::new_err("the matrix has gaps"))?;
        let rows = work::run(py, threads, None, |observer| {
            let mut rows = Rows::new(features)?;
            let all: Vec<&[f32]> = numbers.chunks_exact(features).collect();
            for block in all.chunks(BLOCK) {
                work::ask(observer)?;
                rows.extend_dense(block)?;
            }
            Ok(rows)
        })?;
        Ok(Self { rows })
    }

    /// The rows of a CSR matrix: where each begins, and the columns, which increase, and values.
    #[staticmethod]
    fn sparse(
        py: Python<'_>,
        starts: PyReadonlyArray1<'_, i64>,
        columns: PyReadonlyArray1<'_, u32>,
        values: PyReadonlyArray1<'_, f32>,
        features: usize,
    ) -> PyResult<Self> {
        let damaged = || Error::Invalid("the sparse matrix is damaged".to_owned());
        let gaps = |_| PyValueError::new_err("the sparse matrix has gaps");
        let (starts, columns, values) = (
            starts.as_slice().map_err(gaps)?,
            columns.as_slice().map_err(gaps)?,
            values.as_slice().map_err(gaps)?,
        );
        let rows = work::run(py, 1, None, |observer| {
            let mut rows = Rows::new(features)?;
            for (row, pair) in starts.windows(2).enumerate() {
                if row % BLOCK == 0 {
                    work::ask(observer)?;
                }
                let [from, to] = [pair[0], pair[1]].map(usize::try_from);
                let range = from.map_err(|_| damaged())?..to.map_err(|_| damaged())?;
                let of_row = (columns.get(range.clone()), values.get(range));
                let (Some(columns), Some(values)) = of_row else { return Err(damaged()) };
                rows.push_sparse(columns, values)?;
            }
            Ok(rows)
        })?;
        Ok(Self { rows })
    }
}

/// Trains one SVM per class against the rest. Returns weights (classes x features), biases, and of each class
/// the primal and the dual objective, the passes and whether it is solved.
#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::type_complexity, reason = "named where it is called")]
#[pyo3(signature = (rows, labels, classes, *, solver, c, by_gap, tolerance, max_epochs, seed, intercept, row_weights, class_weights, threads, watcher))]
pub(crate) fn svc_fit(
    py: Python<'_>,
    rows: &Bound<'_, SvmRows>,
    labels: PyReadonlyArray1<'_, u16>,
    classes: usize,
    solver: &str,
    c: f64,
    by_gap: bool,
    tolerance: f64,
    max_epochs: usize,
    seed: u64,
    intercept: f32,
    row_weights: Option<PyReadonlyArray1<'_, f32>>,
    class_weights: Vec<f64>,
    threads: usize,
    watcher: Option<Bound<'_, PyAny>>,
) -> PyResult<(Py<PyAny>, Py<PyAny>, Vec<(f64, f64, usize, bool)>)> {
    let rows = &rows.get().rows;
    let labels = labels.as_array().to_vec();
    let row_weights = row_weights.map_or_else(Vec::new, |weights| weights.as_array().to_vec());
    let stop = if by_gap { Stop::Gap(tolerance) } else { Stop::Gradient(tolerance) };
    let costs = Costs { rows: &row_weights, classes: &class_weights };
    let solver = match solver {
        "auto" => Solver::Auto,
        "dual" => Solver::Dual,
        "newton" => Solver::Newton,
        other => {
            let problem = format!("solver must be \"auto\", \"dual\" or \"newton\", got \"{other}\"");
            return Err(PyValueError::new_err(problem));
        }
    };
    let options = Options { stop, max_epochs, solver, seed, costs, intercept, ranks: None };
    let (model, report) = work::run(py, threads, watcher.as_ref(), |observer| {
        fit(rows, &labels, classes, c, &options, observer)
    })?;
    let of_class = |class: &wta::svm::ClassReport| (class.primal, class.dual, class.epochs, class.converged);
    let report = report.classes.iter().map(of_class).collect();
    let weights = array(py, model.weights, &[model.classes, model.features])?;
    Ok((weights, array(py, model.bias, &[model.classes])?, report))
}
