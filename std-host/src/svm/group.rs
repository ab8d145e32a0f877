//! Dual coordinate descent for up to eight one-vs-rest problems in lockstep.
//!
//! The dual of class `k` is to minimise, over `alpha >= 0`, `|w|^2 / 2 + sum_i alpha_i^2 / (4 C) - sum_i
//! alpha_i` with `w = sum_i alpha_i y_i x_i`, where `x_i` ends with the bias's constant. A visit to row `i`
//! minimises it over `alpha_i` alone (Hsieh et al., ICML 2008). The problems share the rows and nothing else.
//! One pass over a row gives the dot products of all classes of the group; a second pass follows only if some
//! `alpha` moved.
//!
//! A row leaves the active list when no class of the group is likely to move it again. A class whose stopping
//! measure looks met *rests*: it moves nothing and keeps no row active, so the list shrinks to the rows of
//! the slow classes. When all classes rest, the weights are rebuilt in double precision and all rows are
//! checked. A class that meets the measure there is *done*; the others continue.
//!
//! A measure may ask for more than `f32` can give: the gradients of a row are known to some last digits of
//! its score. A class whose gradients are as small as that, and shrink no more, rests as well, and is done
//! when a check of all rows finds the same. Rebuilt weights may let it come closer, so it goes on as long as
//! that helps.

use wta_core::Random;
use wta_simd::{Isa, prefetch};

use super::costs::{ClassCosts, Costs};
use super::lanes::{LANES, Lanes, WideLanes, row_axpy_wide};
use super::rows::Rows;
use super::stop::Stop;
use crate::error::Result;
use crate::memory::reserve;

/// Each step is longer than the one to the coordinate's minimum by this factor (successive over-relaxation).
/// It saves about a tenth of the epochs; any factor below 2 converges.
const RELAXATION: f32 = 1.2;

/// If a class looked solved but was not, its target shrinks by this factor before the next check.
const TIGHTEN: f64 = 0.7;

/// What `f32` leaves of a gradient, in units of its last digit: products are rounded, and so are sums,
/// weights and dual variables.
const ROUNDING: f64 = 4.0;

/// Passes without a smaller violation after which a class may be as close as rounding lets it come.
const IDLE: usize = 10;

/// A violation is smaller, or a check has helped, if it is at most this share of the one before.
const SMALLER: f64 = 0.9;

/// The inputs that all groups share while one problem is solved.
pub(super) struct Task<'a> {
    /// For the hot loops; every instruction set gives the same bits.
    pub(super) isa: Isa,
    pub(super) rows: &'a Rows,
    /// `[row]`.
    pub(super) labels: &'a [u16],
    /// The number of all classes.
    pub(super) classes: usize,
    /// The squared norm of each row, with the bias's constant.
    pub(super) norms: &'a [f32],
    /// The bias's constant; 0 for none.
    pub(super) intercept: f32,
    pub(super) costs: Costs<'a>,
    /// The rows that take part.
    pub(super) members: &'a [u32],
    pub(super) c: f64,
    pub(super) stop: Stop,
    pub(super) max_epochs: usize,
    pub(super) seed: u64,
}

/// What a check of all rows found about one class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) primal: f64,
    pub(super) dual: f64,
    pub(super) violation: f64,
    pub(super) support_vectors: usize,
    pub(super) epochs: usize,
    pub(super) converged: bool,
}

/// The progress of one class.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Still moving.
    Busy,
    /// Looks solved; a check of all rows has to confirm it.
    Resting,
    /// Confirmed as solved, or given up.
    Done,
}

/// Up to [`LANES`] consecutive classes with their weights and dual variables. Both are kept from one problem
/// to the next, as its warm start.
#[derive(Clone)]
pub(super) struct Group {
    first_class: usize,
    count: usize,
    /// `[feature][lane]`, the bias last.
    weights: Vec<Lanes>,
    costs: ClassCosts,
    /// `[row][lane]`, of all rows, including those that do not take part.
    alpha: Vec<Lanes>,
    /// The rows that an epoch visits.
    active: Vec<u32>,
    random: Random,
    state: [State; LANES],
    /// If a row has `alpha = 0` and a gradient above this, it is not worth another visit.
    shrink_above: Lanes,
    /// The class rests when its measure is at most this.
    target: WideLanes,
    /// The smallest violation of the passes since the last check, and how many have not made it smaller.
    smallest: WideLanes,
    idle: [usize; LANES],
    /// Whether the class rests because of rounding, and the violation at the last check that it came to so.
    rounded: [bool; LANES],
    checked: WideLanes,
    epochs: usize,
    summaries: [Summary; LANES],
}

impl Group {
    /// The classes `first_class..first_class + count`, at `alpha = 0`; `count` is at most [`LANES`].
    pub(super) fn new(first_class: usize, count: usize, rows: &Rows) -> Result<Self> {
        let what = || format!("the SVM of {} features and {} rows", rows.features(), rows.len());
        // With what rebuilding the weights takes besides.
        let len = rows.features() + 1;
        let lanes = (3 * len + 2 * rows.len()) as u64;
        reserve::expect(lanes.saturating_mul(size_of::<Lanes>() as u64), what)?;
        Ok(Self {
            first_class,
            count,
            weights: reserve::zeros(len, what)?,
            costs: ClassCosts::new(&Costs::default(), first_class, 0),
            alpha: reserve::zeros(rows.len(), what)?,
            active: Vec::new(),
            random: Random::new(0),
            state: [State::Done; LANES],
            shrink_above: [f32::INFINITY; LANES],
            target: [0.0; LANES],
            smallest: [f64::INFINITY; LANES],
            idle: [0; LANES],
            rounded: [false; LANES],
            checked: [f64::INFINITY; LANES],
            epochs: 0,
            summaries: [Summary::default(); LANES],
        })
    }

    /// Prepares for `task`, keeping weights and dual variables as the start.
    pub(super) fn begin(&mut self, task: &Task) {
        self.random = Random::stream(task.seed, self.first_class as u64);
        self.costs = ClassCosts::new(&task.costs, self.first_class, task.classes);
        self.active.clear();
        self.active.extend_from_slice(task.members);
        self.shrink_above = [f32::INFINITY; LANES];
        self.target = [task.stop.value(); LANES];
        self.smallest = [f64::INFINITY; LANES];
        self.idle = [0; LANES];
        self.rounded = [false; LANES];
        self.checked = [f64::INFINITY; LANES];
        self.state = std::array::from_fn(|lane| if lane < self.count { State::Busy } else { State::Done });
        self.epochs = 0;
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.state.iter().all(|state| *state == State::Done)
    }

    /// One step: an epoch over the active rows or, if every class rests or the epochs are used up, a check of
    /// all rows.
    pub(super) fn step(&mut self, task: &Task) {
        let out_of_epochs = self.epochs >= task.max_epochs;
        if self.state.contains(&State::Busy) && !out_of_epochs {
            self.epoch(task);
        } else {
            self.confirm(task);
            if out_of_epochs {
                self.state = [State::Done; LANES];
            }
        }
    }

    /// Visits the active rows once, in random order.
    fn epoch(&mut self, task: &Task) {
        self.epochs += 1;
        self.random.shuffle(&mut self.active);
        let busy = self.state.map(|state| state == State::Busy);
        let mut sums = Sums::new(task.c);
        let mut kept = 0;
        for position in 0..self.active.len() {
            let row = self.active[position];
            if let Some(&next) = self.active.get(position + 1) {
                prefetch(task.rows.row(next as usize));
            }
            let look = self.look(task, row);
            let row = row as usize;
            let step: Lanes = std::array::from_fn(|l| RELAXATION / (task.norms[row] + look.curvature[l]));
            let alpha = &mut self.alpha[row];
            let mut change = [0.0; LANES];
            let mut keep = [false; LANES];
            for l in 0..LANES {
                let before = alpha[l];
                let after = if busy[l] { (before - look.gradient[l] * step[l]).max(0.0) } else { before };
                alpha[l] = after;
                change[l] = (after - before) * look.signs[l];
                keep[l] = busy[l] & ((after > 0.0) | (look.gradient[l] <= self.shrink_above[l]));
            }
            sums.add(&look, alpha);
            if change != [0.0; LANES] {
                task.isa.row_axpy(&mut self.weights, task.rows.row(row), &change);
                let bias = &mut self.weights[task.rows.features()];
                *bias = std::array::from_fn(|l| bias[l] + change[l] * task.intercept);
            }
            if keep.contains(&true) {
                self.active[kept] = self.active[position];
                kept += 1;
            }
        }
        self.active.truncate(kept);
        self.rest(task, &sums);
    }

    /// Lets the classes rest that look solved, and sets the shrinking threshold of the others.
    fn rest(&mut self, task: &Task, sums: &Sums) {
        let squares = match task.stop {
            Stop::Gradient(_) => [0.0; LANES],
            Stop::Gap(_) => squares(&self.weights),
        };
        for (l, &square) in squares.iter().enumerate() {
            if self.state[l] != State::Busy {
                continue;
            }
            // The sums lack the rows that left the list, but these have no alpha and almost no hinge.
            let measure = match task.stop {
                Stop::Gradient(_) => sums.violation(l),
                Stop::Gap(_) => relative_gap(sums.primal(square, l), sums.dual(square, l)),
            };
            if measure <= self.target[l] || self.active.is_empty() {
                self.state[l] = State::Resting;
            }
            self.shrink_above[l] = if sums.highest[l] > 0.0 { sums.highest[l] } else { f32::INFINITY };
        }
        self.rest_at_rounding(task, sums);
    }

    /// Lets the classes rest whose gradients are nothing but rounding, and have not shrunk for some passes.
    fn rest_at_rounding(&mut self, task: &Task, sums: &Sums) {
        let mut is_idle = false;
        for l in 0..LANES {
            let violation = sums.violation(l);
            if self.state[l] != State::Busy {
                continue;
            }
            if violation <= SMALLER * self.smallest[l] {
                (self.smallest[l], self.idle[l]) = (violation, 0);
            } else {
                self.idle[l] += 1;
            }
            is_idle |= self.idle[l] > 0 && self.idle[l].is_multiple_of(IDLE);
        }
        // The norm of the weights is not asked for in vain: it takes as long as some rows.
        if !is_idle {
            return;
        }
        let roundings = self.roundings(task, &self.active);
        for (l, rounding) in roundings.into_iter().enumerate() {
            if self.state[l] == State::Busy && self.idle[l] >= IDLE && self.smallest[l] <= rounding {
                self.state[l] = State::Resting;
                self.rounded[l] = true;
            }
        }
    }

    /// The violation that rounding may leave in each class: the last digits of the largest score that the
    /// weights can give one of the rows, and of 1, from which it is taken.
    fn roundings(&self, task: &Task, rows: &[u32]) -> WideLanes {
        let largest = rows.iter().map(|row| task.norms[*row as usize]).fold(0.0, f32::max);
        let digit = ROUNDING * f64::from(f32::EPSILON);
        squares(&self.weights).map(|square| digit * (1.0 + (square * f64::from(largest)).sqrt()))
    }

    /// Rebuilds the weights from the dual variables, checks all rows with them, and decides for each class
    /// that is not done whether it is. Rows that the other classes need become active.
    fn confirm(&mut self, task: &Task) {
        self.rebuild(task);
        let mut sums = Sums::new(task.c);
        let mut support_vectors = [0; LANES];
        // For each member, the gradients of the classes whose alpha is zero; minus infinity, below every
        // threshold, for the others.
        let mut at_zero = Vec::with_capacity(task.members.len());
        for (position, &row) in task.members.iter().enumerate() {
            if let Some(&next) = task.members.get(position + 1) {
                prefetch(task.rows.row(next as usize));
            }
            let look = self.look(task, row);
            let alpha = &self.alpha[row as usize];
            sums.add(&look, alpha);
            let mut gradients = look.gradient;
            for l in 0..LANES {
                if alpha[l] > 0.0 {
                    gradients[l] = f32::NEG_INFINITY;
                    support_vectors[l] += 1;
                }
            }
            at_zero.push(gradients);
        }
        let squares = squares(&self.weights);
        let roundings = self.roundings(task, task.members);
        for (l, &square) in squares.iter().enumerate() {
            if self.state[l] == State::Done {
                continue;
            }
            let (primal, dual) = (sums.primal(square, l), sums.dual(square, l));
            let violation = sums.violation(l);
            let measure = match task.stop {
                Stop::Gradient(_) => violation,
                Stop::Gap(_) => relative_gap(primal, dual),
            };
            // What rounding keeps from coming closer is solved, too.
            let is_rounding = violation <= roundings[l] || violation > SMALLER * self.checked[l];
            let converged = measure <= task.stop.value() || (self.rounded[l] && is_rounding);
            if self.rounded[l] {
                self.checked[l] = violation;
            }
            (self.rounded[l], self.smallest[l], self.idle[l]) = (false, f64::INFINITY, 0);
            let support_vectors = support_vectors[l];
            let epochs = self.epochs;
            self.summaries[l] = Summary { primal, dual, violation, support_vectors, epochs, converged };
            self.state[l] = if converged { State::Done } else { State::Busy };
            self.target[l] *= TIGHTEN;
            self.shrink_above[l] = sums.highest[l];
        }
        self.active.clear();
        for (&row, gradients) in task.members.iter().zip(&at_zero) {
            let needed = |l: usize| self.state[l] == State::Busy && gradients[l] <= self.shrink_above[l];
            if (0..LANES).any(needed) {
                self.active.push(row);
            }
        }
    }

    /// `w = sum_i alpha_i y_i x_i` in double precision, rounded once.
    fn rebuild(&mut self, task: &Task) {
        let bias = task.rows.features();
        let mut wide: Vec<WideLanes> = vec![[0.0; LANES]; self.weights.len()];
        for &row in task.members {
            let row = row as usize;
            let alpha = &self.alpha[row];
            if *alpha != [0.0; LANES] {
                let signs = self.signs(task.labels[row]);
                let factors: WideLanes = std::array::from_fn(|l| f64::from(alpha[l] * signs[l]));
                row_axpy_wide(&mut wide, task.rows.row(row), &factors);
                let intercept = f64::from(task.intercept);
                wide[bias] = std::array::from_fn(|l| wide[bias][l] + factors[l] * intercept);
            }
        }
        for (weights, wide) in self.weights.iter_mut().zip(&wide) {
            *weights = wide.map(|w| w as f32);
        }
    }

    /// The state of all classes on one row.
    #[inline(always)]
    fn look(&self, task: &Task, row: u32) -> Look {
        let row = row as usize;
        let dots = task.isa.row_dot(&self.weights, task.rows.row(row));
        let bias = &self.weights[task.rows.features()];
        let alpha = &self.alpha[row];
        let label = task.labels[row];
        let signs = self.signs(label);
        let (weight, curvature) = self.costs.of(&task.costs, task.c, row, self.lane(label));
        let excess: Lanes = std::array::from_fn(|l| signs[l] * (dots[l] + bias[l] * task.intercept) - 1.0);
        let gradient: Lanes = std::array::from_fn(|l| excess[l] + curvature[l] * alpha[l]);
        let projected =
            std::array::from_fn(|l| if alpha[l] > 0.0 { gradient[l] } else { gradient[l].min(0.0) });
        let hinge = excess.map(|excess| (-excess).max(0.0));
        Look { signs, weight, curvature, hinge, gradient, projected }
    }

    /// The lane of the class `label`; none of the group's if the class is not among them.
    #[inline(always)]
    fn lane(&self, label: u16) -> usize {
        usize::from(label).wrapping_sub(self.first_class)
    }

    /// 1 in the lane of the class `label`, -1 in the others.
    #[inline(always)]
    fn signs(&self, label: u16) -> Lanes {
        let own = self.lane(label);
        std::array::from_fn(|l| if l == own { 1.0 } else { -1.0 })
    }

    /// How training ended, for each class of the group.
    pub(super) fn summaries(&self) -> &[Summary] {
        &self.summaries[..self.count]
    }

    /// Epochs of the current problem.
    pub(super) fn epochs(&self) -> usize {
        self.epochs
    }

    /// How many classes are done.
    pub(super) fn classes_done(&self) -> usize {
        self.state[..self.count].iter().filter(|state| **state == State::Done).count()
    }

    /// Writes the weights (`[class][feature]`) of the group's classes, and returns their biases.
    pub(super) fn write_to(&self, intercept: f32, weights: &mut [f32]) -> Vec<f32> {
        let Some((last, features)) = self.weights.split_last() else { return Vec::new() };
        for (lane, to) in weights.chunks_exact_mut(features.len().max(1)).enumerate().take(self.count) {
            to.iter_mut().zip(features).for_each(|(to, w)| *to = w[lane]);
        }
        last.iter().take(self.count).map(|bias| bias * intercept).collect()
    }
}

/// The state of all classes on one row.
struct Look {
    signs: Lanes,
    /// What the row's hinge weighs.
    weight: WideLanes,
    /// The second derivative of `alpha^2 / (4 C)`, with the row's weight in `C`.
    curvature: Lanes,
    /// `max(0, 1 - margin)`.
    hinge: Lanes,
    /// The derivative of the dual by the row's alpha.
    gradient: Lanes,
    /// The gradient, or 0 where it would make `alpha` negative.
    projected: Lanes,
}

/// Sums over one pass of the rows.
struct Sums {
    c: f64,
    /// The largest and the smallest projected gradient, with 0 among them: equal gradients other than 0 are
    /// no optimum.
    highest: Lanes,
    lowest: Lanes,
    /// Sum of the squared hinges, by their weights.
    loss: WideLanes,
    /// Sum of `alpha^2 / (4 C) - alpha`.
    penalty: WideLanes,
}

impl Sums {
    fn new(c: f64) -> Self {
        let (zero, wide) = ([0.0; LANES], [0.0; LANES]);
        Self { c, highest: zero, lowest: zero, loss: wide, penalty: wide }
    }

    #[inline(always)]
    fn add(&mut self, look: &Look, alpha: &Lanes) {
        for (l, &alpha) in alpha.iter().enumerate() {
            self.highest[l] = self.highest[l].max(look.projected[l]);
            self.lowest[l] = self.lowest[l].min(look.projected[l]);
            self.loss[l] += f64::from(look.hinge[l] * look.hinge[l]) * look.weight[l];
            self.penalty[l] += f64::from(alpha * (alpha * (0.5 * look.curvature[l]) - 1.0));
        }
    }

    fn violation(&self, lane: usize) -> f64 {
        f64::from(self.highest[lane] - self.lowest[lane])
    }

    fn primal(&self, square: f64, lane: usize) -> f64 {
        0.5 * square + self.c * self.loss[lane]
    }

    fn dual(&self, square: f64, lane: usize) -> f64 {
        -0.5 * square - self.penalty[lane]
    }
}

/// The squared norm of each lane's weights, bias included.
fn squares(weights: &[Lanes]) -> WideLanes {
    let mut sums = [0.0; LANES];
    for weight in weights {
        for l in 0..LANES {
            sums[l] += f64::from(weight[l]) * f64::from(weight[l]);
        }
    }
    sums
}

pub(super) fn relative_gap(primal: f64, dual: f64) -> f64 {
    if primal > 0.0 { (primal - dual) / primal } else { 0.0 }
}
