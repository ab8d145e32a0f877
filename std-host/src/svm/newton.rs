//! Newton's method on the primal objective, for rows of few features.
//!
//! The objective `|w|^2 / 2 + C sum_i max(0, 1 - y_i w . x_i)^2` is quadratic as long as the same rows have a
//! hinge. So a step solves `(1 + 2 C X^T X) p = -g` over those rows, and goes along `p` to the minimum
//! (Keerthi and DeCoste, JMLR 2005). It ends after some ten steps, whatever the scale of the features, where
//! coordinate descent takes a thousand passes; but each step costs a product of all rows with themselves, of
//! the square of the number of features.
//!
//! Everything is in double precision. Sums over rows are made of at most `SEGMENTS` parts in a fixed order,
//! so the number of threads does not change a bit.
//!
//! Products and factorisations of large matrices cannot be asked whether to stop, and are done [`Aside`].

use std::sync::atomic::{AtomicUsize, Ordering};

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::{factor, solve};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::costs::{ClassCosts, Costs};
use super::group::{Summary, relative_gap};
use super::model::Model;
use super::rows::Rows;
use super::stop::Stop;
use crate::aside::Aside;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve::zeros;
use crate::observer::{Observer, SvmProgress};

/// The most parts of a sum over rows; few rows are not worth as many.
const SEGMENTS: usize = 16;

/// Rows of a product.
const BLOCK: usize = 256;

/// Numbers of a solution from which a block's product takes so long that somebody may not want to wait for
/// it.
const LARGE: usize = 1_024;

/// The gap at which a class counts as solved if no step leads closer. A larger one shows that numbers of very
/// different sizes have eaten the digits of each other.
const NEAR: f64 = 1e-3;

/// Steps of the search along a line; some three suffice.
const LINE_STEPS: usize = 40;

/// What is to be solved.
pub(super) struct Problem<'a> {
    pub(super) rows: &'a Rows,
    /// `[row]`.
    pub(super) labels: &'a [u16],
    pub(super) classes: usize,
    /// The rows that take part.
    pub(super) members: &'a [u32],
    pub(super) c: f64,
    pub(super) costs: Costs<'a>,
    /// The bias's constant; 0 for none.
    pub(super) intercept: f32,
    pub(super) stop: Stop,
    /// The most steps.
    pub(super) max_steps: usize,
    /// The problem's number and the number of problems, for the observer.
    pub(super) place: (usize, usize),
}

/// The solution of every class, and how it was found.
pub(super) fn solve(problem: &Problem<'_>, observer: &dyn Observer) -> Result<(Model, Vec<Summary>)> {
    let (classes, features) = (problem.classes, problem.rows.features());
    // Of two classes, both problems are the same one.
    let solved: Vec<usize> = if classes == 2 { vec![1] } else { (0..classes).collect() };
    let watch = Watch { observer, c: problem.c, classes, place: problem.place, done: AtomicUsize::new(0) };
    let aside = if features >= LARGE { Some(Aside::new()?) } else { None };
    let mut found = solved
        .into_par_iter()
        .map(|class| Class::new(problem, class, aside.as_ref())?.solve(&watch))
        .collect::<Result<Vec<(Vec<f64>, Summary)>>>()?;
    if classes == 2
        && let Some((weights, summary)) = found.first().cloned()
    {
        found.insert(0, (weights.iter().map(|w| -w).collect(), summary));
    }
    let mut model = Model { classes, features, weights: Vec::new(), bias: Vec::new() };
    for (weights, _) in &found {
        model.weights.extend(weights.iter().take(features).map(|w| *w as f32));
        let bias = weights.last().copied().unwrap_or(0.0) * f64::from(problem.intercept);
        model.bias.push(bias as f32);
    }
    Ok((model, found.into_iter().map(|(_, summary)| summary).collect()))
}

/// Who watches the classes, and may stop them.
struct Watch<'a> {
    observer: &'a dyn Observer,
    c: f64,
    classes: usize,
    place: (usize, usize),
    /// Classes solved.
    done: AtomicUsize,
}

impl Watch<'_> {
    /// A class has done so many steps, and so many more classes are solved.
    fn tell(&self, epochs: usize, more: usize) -> Result<()> {
        let classes_done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        let (c, (problem, problems), classes) = (self.c, self.place, self.classes);
        self.observer.svm(&SvmProgress { c, problem, problems, epochs, classes_done, classes });
        self.ask(epochs)
    }

    /// An error if the class, which has done so many steps, is to stop.
    fn ask(&self, epochs: usize) -> Result<()> {
        if !self.observer.should_stop() {
            return Ok(());
        }
        let (classes_done, classes) = (self.done.load(Ordering::Relaxed), self.classes);
        Err(Error::Interrupted(Interrupted::Svm { epochs, classes_done, classes }))
    }
}

/// A row that takes part in the problem of a class.
#[derive(Clone, Copy)]
struct Member {
    row: u32,
    /// 1 if it is of the class, -1 if not.
    sign: f64,
    /// `2 C`, times what the row weighs.
    weight: f64,
}

/// The problem of one class.
struct Class<'a> {
    rows: &'a Rows,
    /// In segments of `segment` rows.
    members: Vec<Member>,
    segment: usize,
    intercept: f64,
    stop: Stop,
    max_steps: usize,
    /// For matrices that are [`LARGE`].
    aside: Option<&'a Aside>,
}

impl<'a> Class<'a> {
    fn new(problem: &Problem<'a>, class: usize, aside: Option<&'a Aside>) -> Result<Self> {
        let Problem { rows, labels, c, costs, members, .. } = *problem;
        let of_class = ClassCosts::new(&costs, class, problem.classes);
        let member = |row: &u32| {
            let is_own = usize::from(labels[*row as usize]) == class;
            let (weights, _) = of_class.of(&costs, c, *row as usize, if is_own { 0 } else { usize::MAX });
            Member { row: *row, sign: if is_own { 1.0 } else { -1.0 }, weight: 2.0 * c * weights[0] }
        };
        // What weighs nothing has no part in the sums, and must have none in the measure either.
        let members: Vec<Member> = members.iter().map(member).filter(|member| member.weight > 0.0).collect();
        let segment = members.len().div_ceil(SEGMENTS).max(BLOCK);
        let intercept = f64::from(problem.intercept);
        let Problem { stop, max_steps, .. } = *problem;
        Ok(Self { rows, members, segment, intercept, stop, max_steps, aside })
    }

    /// Numbers of a solution: a weight for each feature, and for the bias.
    fn len(&self) -> usize {
        self.rows.features() + 1
    }

    fn solve(&self, watch: &Watch<'_>) -> Result<(Vec<f64>, Summary)> {
        let mut weights = vec![0.0; self.len()];
        let mut outputs = vec![0.0; self.members.len()];
        let mut steps = 0;
        loop {
            let gradient = self.gradient(&weights, &outputs);
            watch.ask(steps)?;
            let summary = self.measure(&weights, &outputs, &gradient, steps);
            if !summary.primal.is_finite() {
                return Ok((weights, summary));
            }
            if summary.converged || steps >= self.max_steps {
                watch.tell(steps, 1)?;
                return Ok((weights, summary));
            }
            watch.tell(steps, 0)?;
            let step = self.newton(&outputs, &gradient, &|| watch.ask(steps))?;
            let changes = self.outputs(&step);
            watch.ask(steps)?;
            let length = self.along(&weights, &outputs, &step, &changes, dot(&gradient, &step));
            if length == 0.0 {
                // Nothing is left to gain in double precision.
                watch.tell(steps, 1)?;
                let converged = relative_gap(summary.primal, summary.dual) <= NEAR;
                return Ok((weights, Summary { converged, ..summary }));
            }
            weights.iter_mut().zip(&step).for_each(|(w, p)| *w += length * p);
            outputs = self.outputs(&weights);
            watch.ask(steps)?;
            steps += 1;
        }
    }

    /// `x . w` of each member.
    fn outputs(&self, weights: &[f64]) -> Vec<f64> {
        let bias = weights.last().copied().unwrap_or(0.0) * self.intercept;
        let output = |member: &Member| {
            let terms = self
                .rows
                .row(member.row as usize)
                .iter()
                .map(|e| weights[e.index as usize] * f64::from(e.value));
            terms.sum::<f64>() + bias
        };
        self.members.par_iter().with_min_len(BLOCK).map(output).collect()
    }

    /// `w - sum_i weight_i y_i hinge_i x_i`.
    fn gradient(&self, weights: &[f64], outputs: &[f64]) -> Vec<f64> {
        let part = |(members, outputs): (&[Member], &[f64])| {
            let mut sum = vec![0.0; self.len()];
            for (member, output) in members.iter().zip(outputs) {
                let hinge = 1.0 - member.sign * output;
                if hinge > 0.0 {
                    self.add(&mut sum, member, -member.weight * member.sign * hinge);
                }
            }
            sum
        };
        let parts: Vec<Vec<f64>> = self.segments(outputs).map(part).collect();
        let mut gradient = weights.to_vec();
        for part in parts {
            gradient.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        gradient
    }

    /// Adds a row, times a factor.
    fn add(&self, sum: &mut [f64], member: &Member, factor: f64) {
        for entry in self.rows.row(member.row as usize) {
            sum[entry.index as usize] += factor * f64::from(entry.value);
        }
        if let Some(bias) = sum.last_mut() {
            *bias += factor * self.intercept;
        }
    }

    /// Members and outputs, segment by segment.
    fn segments<'b>(
        &'b self,
        outputs: &'b [f64],
    ) -> impl IndexedParallelIterator<Item = (&'b [Member], &'b [f64])> {
        self.members.par_chunks(self.segment).zip(outputs.par_chunks(self.segment))
    }

    /// Objectives and violation. The dual is taken at `alpha = weight hinge`, which is the optimum if the
    /// weights are; its own weights are then `w - g`.
    fn measure(&self, weights: &[f64], outputs: &[f64], gradient: &[f64], epochs: usize) -> Summary {
        let slopes = self.outputs(gradient);
        let (mut loss, mut linear, mut support_vectors) = (0.0, 0.0, 0);
        let (mut highest, mut lowest) = (0.0f64, 0.0f64);
        for ((member, output), slope) in self.members.iter().zip(outputs).zip(&slopes) {
            let hinge = 1.0 - member.sign * output;
            let projected = if hinge > 0.0 {
                loss += member.weight * hinge * hinge;
                linear += member.weight * hinge;
                support_vectors += 1;
                -member.sign * slope
            } else {
                (-hinge - member.sign * slope).min(0.0)
            };
            (highest, lowest) = (highest.max(projected), lowest.min(projected));
        }
        let dual_weights: f64 = weights.iter().zip(gradient).map(|(w, g)| (w - g) * (w - g)).sum();
        let primal = 0.5 * (dot(weights, weights) + loss);
        let dual = linear - 0.5 * loss - 0.5 * dual_weights;
        let violation = highest - lowest;
        let measure = match self.stop {
            Stop::Gradient(_) => violation,
            Stop::Gap(_) => relative_gap(primal, dual),
        };
        let converged = measure <= self.stop.value();
        Summary { primal, dual, violation, support_vectors, epochs, converged }
    }

    /// The step to the minimum of the quadratic that the objective is here.
    fn newton(
        &self,
        outputs: &[f64],
        gradient: &[f64],
        ask: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<Vec<f64>> {
        let n = self.len();
        let part = |(members, outputs): (&[Member], &[f64])| -> Result<Vec<f64>> {
            let what = || format!("the SVM's products of {n} features");
            let mut products = zeros(n * n, what)?;
            let mut block = zeros(BLOCK * n, what)?;
            let active = members.iter().zip(outputs).filter(|(member, output)| member.sign * *output < 1.0);
            let mut count = 0;
            for (member, _) in active {
                let row = &mut block[count * n..(count + 1) * n];
                row.fill(0.0);
                self.add(row, member, member.weight.sqrt());
                count += 1;
                if count == BLOCK {
                    self.multiply(&mut block, count, &mut products, ask)?;
                    count = 0;
                }
            }
            self.multiply(&mut block, count, &mut products, ask)?;
            Ok(products)
        };
        let parts: Vec<Vec<f64>> = self.segments(outputs).map(part).collect::<Result<_>>()?;
        let mut matrix = zeros(n * n, || format!("the SVM's products of {n} features"))?;
        matrix.iter_mut().step_by(n + 1).for_each(|diagonal| *diagonal = 1.0);
        for part in parts {
            matrix.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
        }
        let step: Vec<f64> = gradient.iter().map(|g| -g).collect();
        match self.aside {
            Some(aside) => aside.run(ask, move || divide(matrix, step))?,
            None => divide(matrix, step),
        }
    }

    /// Adds the products of the rows of a block to the lower triangle.
    fn multiply(
        &self,
        block: &mut Vec<f64>,
        count: usize,
        products: &mut Vec<f64>,
        ask: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        ask()?;
        let n = self.len();
        let Some(aside) = self.aside else {
            multiply(block, count, n, products);
            return Ok(());
        };
        let (rows, mut sums) = (std::mem::take(block), std::mem::take(products));
        let work = move || {
            multiply(&rows, count, n, &mut sums);
            (rows, sums)
        };
        (*block, *products) = aside.run(ask, work)?;
        Ok(())
    }

    /// How far to go along a step: to where the objective's derivative is 0. That is a sum of ramps, which
    /// Newton's method finds within an interval that holds it. 0 if the step leads nowhere.
    fn along(&self, weights: &[f64], outputs: &[f64], step: &[f64], changes: &[f64], slope: f64) -> f64 {
        if slope >= 0.0 {
            return 0.0;
        }
        let (linear, square) = (dot(weights, step), dot(step, step));
        let derivatives = |length: f64| {
            let part = |(members, pairs): (&[Member], (&[f64], &[f64]))| {
                let (mut first, mut second) = (0.0, 0.0);
                for ((member, output), change) in members.iter().zip(pairs.0).zip(pairs.1) {
                    let hinge = 1.0 - member.sign * (output + length * change);
                    if hinge > 0.0 {
                        first -= member.weight * member.sign * change * hinge;
                        second += member.weight * change * change;
                    }
                }
                (first, second)
            };
            let pairs = outputs.par_chunks(self.segment).zip(changes.par_chunks(self.segment));
            let parts: Vec<(f64, f64)> = self.members.par_chunks(self.segment).zip(pairs).map(part).collect();
            let sum = parts.into_iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            (linear + length * square + sum.0, square + sum.1)
        };
        let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..LINE_STEPS {
            let (first, second) = derivatives(length);
            if first.abs() <= 1e-9 * -slope {
                break;
            }
            if first > 0.0 {
                high = length
            } else {
                low = length
            }
            let next = length - first / second;
            length = match (next > low && next < high, high.is_finite()) {
                (true, _) => next,
                (false, true) => 0.5 * (low + high),
                (false, false) => 2.0 * length,
            };
        }
        // What does not change a weight by a digit is no step.
        let is_felt = weights.iter().zip(step).any(|(w, p)| w + length * p != *w);
        if is_felt { length } else { 0.0 }
    }
}

/// The solution of `matrix x = step`, of a matrix that is positive definite.
fn divide(mut matrix: Vec<f64>, mut step: Vec<f64>) -> Result<Vec<f64>> {
    let n = step.len();
    let needed = factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(needed);
    let factored = factor::cholesky_in_place(
        MatMut::from_column_major_slice_mut(&mut matrix, n, n),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    if factored.is_err() {
        // The identity is among the summands: only rounding of enormous numbers gets here.
        return Err(Error::Invalid(
            "the SVM has grown beyond the numbers of f64: scale the features or lower C".to_owned(),
        ));
    }
    solve::solve_in_place(
        MatRef::from_column_major_slice(&matrix, n, n),
        MatMut::from_column_major_slice_mut(&mut step, n, 1),
        Par::Seq,
        MemStack::new(&mut memory),
    );
    Ok(step)
}

/// Adds the products of the rows of a block to the lower triangle.
fn multiply(block: &[f64], count: usize, n: usize, products: &mut [f64]) {
    if count == 0 {
        return;
    }
    let block = MatRef::from_row_major_slice(&block[..count * n], count, n);
    triangular::matmul(
        MatMut::from_column_major_slice_mut(products, n, n),
        BlockStructure::TriangularLower,
        Accum::Add,
        block.transpose(),
        BlockStructure::Rectangular,
        block,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
