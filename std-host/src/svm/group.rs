//! Dual coordinate descent for up to eight one-vs-rest problems in lockstep.
//!
//! The dual of class `k` is to minimise, over `alpha >= 0`,
//! `|w|^2 / 2 + sum_i alpha_i^2 / (4 C) - sum_i alpha_i` with `w = sum_i alpha_i y_i x_i`, where `x_i` ends with the
//! bias's constant 1. A visit to row `i` minimises it over `alpha_i` alone (Hsieh et al., ICML 2008). The problems
//! share the rows and nothing else, so that a visit does it for every class of the group with one pass over the
//! row for the dot products, and a second one if some `alpha` moved.
//!
//! A row leaves the active list when no class of the group is likely to move it any more. A class whose stopping
//! measure looks met *rests*: it moves nothing and keeps no row active, so that the list shrinks to what the slow
//! classes need. When all rest, the weights are rebuilt in double precision and every row is looked at again: a class
//! that meets the measure there is *done*, the others go on.

use super::Rows;
use super::lanes::{LANES, Lanes, WideLanes, row_axpy, row_axpy_wide, row_dot};
use super::random::Random;

/// What all groups have in common while one problem is solved.
pub(super) struct Task<'a> {
    pub(super) rows: &'a Rows,
    pub(super) labels: &'a [u8],
    /// The squared norm of each row, with the bias's 1.
    pub(super) norms: &'a [f32],
    /// The rows that take part.
    pub(super) members: &'a [u32],
    pub(super) c: f64,
    pub(super) stop: super::Stop,
    pub(super) max_epochs: usize,
    pub(super) seed: u64,
}

/// The state of one class while it is solved.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Moving.
    Busy,
    /// Looks solved, to be confirmed by a look at all rows.
    Resting,
    /// Confirmed as solved.
    Done,
}

/// What a look at all rows found out about one class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Summary {
    pub(super) primal: f64,
    pub(super) dual: f64,
    pub(super) violation: f64,
    pub(super) support: usize,
    pub(super) epochs: usize,
    pub(super) converged: bool,
}

/// Up to [`LANES`] consecutive classes, their weights and dual variables. Both survive from one problem to the
/// next, which is the warm start.
pub(super) struct Group {
    first_class: usize,
    count: usize,
    /// `[feature][lane]`, the bias last.
    weights: Vec<Lanes>,
    /// `[row][lane]`, of all rows, whether they take part or not.
    alpha: Vec<Lanes>,
    active: Vec<u32>,
    random: Random,
    state: [State; LANES],
    /// A row at `alpha = 0` with a gradient above this is not worth another visit.
    shrink_above: Lanes,
    /// What a lane must reach to rest; tightened whenever the look at all rows does not confirm it.
    target: WideLanes,
    epochs: usize,
    gap: f64,
    summaries: [Summary; LANES],
}

/// Sums over one pass of the rows.
struct Sums {
    /// The largest and smallest projected gradient.
    highest: Lanes,
    lowest: Lanes,
    /// Sum of the squared hinges.
    loss: WideLanes,
    /// Sum of `alpha^2 / (4 C) - alpha`.
    dual: WideLanes,
}

impl Sums {
    fn new() -> Self {
        Self {
            highest: [f32::NEG_INFINITY; LANES],
            lowest: [f32::INFINITY; LANES],
            loss: [0.0; LANES],
            dual: [0.0; LANES],
        }
    }

    fn violation(&self, lane: usize) -> f64 {
        f64::from(self.highest[lane] - self.lowest[lane]).max(0.0)
    }
}

impl Group {
    /// The classes `first_class..first_class + count`, at `alpha = 0`.
    pub(super) fn new(first_class: usize, count: usize, rows: &Rows) -> Self {
        Self {
            first_class,
            count,
            weights: vec![[0.0; LANES]; rows.features() + 1],
            alpha: vec![[0.0; LANES]; rows.len()],
            active: Vec::new(),
            random: Random::new(0, 0),
            state: [State::Done; LANES],
            shrink_above: [f32::INFINITY; LANES],
            target: [0.0; LANES],
            epochs: 0,
            gap: 1.0,
            summaries: [Summary::default(); LANES],
        }
    }

    /// Prepares for `task`, keeping weights and dual variables as the start.
    pub(super) fn begin(&mut self, task: &Task) {
        self.random = Random::new(task.seed, self.first_class as u64);
        self.active.clear();
        self.active.extend_from_slice(task.members);
        self.shrink_above = [f32::INFINITY; LANES];
        self.target = [task.stop.value(); LANES];
        self.state = std::array::from_fn(|lane| if lane < self.count { State::Busy } else { State::Done });
        self.epochs = 0;
        self.gap = 1.0;
    }

    /// Whether there is nothing left to do for `task`.
    pub(super) fn is_done(&self) -> bool {
        self.state.iter().all(|state| *state == State::Done)
    }

    /// One step: an epoch over the active rows or, if all classes rest or time is up, a look at all rows.
    pub(super) fn step(&mut self, task: &Task) {
        if self.epochs >= task.max_epochs {
            self.confirm(task);
            self.state = [State::Done; LANES];
        } else if !self.state.contains(&State::Busy) {
            self.confirm(task);
        } else {
            self.epoch(task);
        }
    }

    /// Visits the active rows once, in random order.
    fn epoch(&mut self, task: &Task) {
        self.epochs += 1;
        let ev = |n: &str, d: f32| std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
        let early = self.gap > ev("EG", 0.1) as f64;
        let chunk = if early { ev("CE", 128.0) as usize } else { ev("CH", 2.0) as usize };
        let chunk = (self.active.len() / 64).clamp(1, chunk);
        let omega = ev("OM", 1.0);
        let shf = ev("SH", 1.0);
        let offset = self.random.below(chunk);
        let chunks = (self.active.len() + offset).div_ceil(chunk);
        let mut order: Vec<u32> = (0..chunks as u32).collect();
        self.random.shuffle(&mut order);
        let quarter = (0.25 / task.c) as f32;
        let bias = task.rows.features();
        let busy: [bool; LANES] = self.state.map(|state| state == State::Busy);
        let mut sums = Sums::new();
        let touch = ev("TO", 1.0) > 0.0;
        for &chunk_i in &order {
            let begin = (chunk_i as usize * chunk).saturating_sub(offset);
            let end = ((chunk_i as usize + 1) * chunk - offset).min(self.active.len());
            let mut local: Vec<u32> = (begin as u32..end as u32).collect();
            if chunk > 4 {
                self.random.shuffle(&mut local);
            }
            if touch && early {
                for &r in &self.active[begin..end] {
                    super::lanes::touch(task.rows.row(r as usize));
                }
            }
            for &position in &local {
                let position = position as usize;
                let row = self.active[position] as usize;
                let entries = task.rows.row(row);
                let dots = row_dot(&self.weights, entries);
                let signs = self.signs(task.labels[row]);
                let alpha = &mut self.alpha[row];
                let step = omega / (task.norms[row] + 2.0 * quarter);
                let mut factors = [0.0; LANES];
                let mut keep = [false; LANES];
                for l in 0..LANES {
                    let before = alpha[l];
                    let margin = signs[l] * (dots[l] + self.weights[bias][l]);
                    let gradient = margin - 1.0 + 2.0 * quarter * before;
                    let projected = if before > 0.0 { gradient } else { gradient.min(0.0) };
                    sums.highest[l] = sums.highest[l].max(projected);
                    sums.lowest[l] = sums.lowest[l].min(projected);
                    let after = if busy[l] { (before - gradient * step).max(0.0) } else { before };
                    alpha[l] = after;
                    factors[l] = (after - before) * signs[l];
                    keep[l] = busy[l] & ((after > 0.0) | (gradient <= shf * self.shrink_above[l]));
                    let hinge = (1.0 - margin).max(0.0);
                    sums.loss[l] += f64::from(hinge * hinge);
                    sums.dual[l] += f64::from(after * (after * quarter - 1.0));
                }
                if factors != [0.0; LANES] {
                    row_axpy(&mut self.weights, entries, &factors);
                    add(&mut self.weights[bias], &factors);
                }
                if !keep.contains(&true) {
                    self.active[position] = u32::MAX;
                }
            }
        }
        self.active.retain(|r| *r != u32::MAX);
        self.after_epoch(task, &sums);
    }

    /// Puts to rest the classes that look solved; sets the threshold of shrinking for the others.
    fn after_epoch(&mut self, task: &Task, sums: &Sums) {
        let squares = squares(&self.weights);
        let mut gap = 0.0f64;
        for l in 0..LANES {
            if self.state[l] != State::Busy {
                continue;
            }
            let primal = 0.5 * squares[l] + task.c * sums.loss[l];
            gap = gap.max(relative_gap(primal, -0.5 * squares[l] - sums.dual[l]));
            let measure = match task.stop {
                super::Stop::Gradient(_) => sums.violation(l),
                super::Stop::Gap(_) => {
                    let primal = 0.5 * squares[l] + task.c * sums.loss[l];
                    relative_gap(primal, -0.5 * squares[l] - sums.dual[l])
                }
            };
            if measure <= self.target[l] || self.active.is_empty() {
                self.state[l] = State::Resting;
            }
            self.shrink_above[l] = if sums.highest[l] > 0.0 { sums.highest[l] } else { f32::INFINITY };
        }
        self.gap = gap;
    }

    /// Rebuilds the weights from the dual variables, looks at all rows with them, and decides for each class that is
    /// not done whether it is; for the others, makes the rows active that they need.
    fn confirm(&mut self, task: &Task) {
        self.rebuild(task);
        let quarter = 0.25 / task.c;
        let bias = task.rows.features();
        let mut sums = Sums::new();
        let mut support = [0usize; LANES];
        // The least gradient among the rows at zero, negative: a row is needed if it is below the highest violation.
        let mut gradients = Vec::with_capacity(task.members.len());
        for &row in task.members {
            let row = row as usize;
            let entries = task.rows.row(row);
            let dots = row_dot(&self.weights, entries);
            let signs = self.signs(task.labels[row]);
            let alpha = &self.alpha[row];
            let mut at_zero = [f32::NEG_INFINITY; LANES];
            for l in 0..LANES {
                let margin = signs[l] * (dots[l] + self.weights[bias][l]);
                let gradient = margin - 1.0 + 2.0 * quarter as f32 * alpha[l];
                let projected = if alpha[l] > 0.0 { gradient } else { gradient.min(0.0) };
                sums.highest[l] = sums.highest[l].max(projected);
                sums.lowest[l] = sums.lowest[l].min(projected);
                let hinge = f64::from((1.0 - margin).max(0.0));
                sums.loss[l] += hinge * hinge;
                let a = f64::from(alpha[l]);
                sums.dual[l] += a * (a * quarter - 1.0);
                support[l] += usize::from(a > 0.0);
                if a == 0.0 {
                    at_zero[l] = gradient;
                }
            }
            gradients.push(at_zero);
        }
        let squares = squares(&self.weights);
        for l in 0..LANES {
            if self.state[l] == State::Done {
                continue;
            }
            let primal = 0.5 * squares[l] + task.c * sums.loss[l];
            let dual = -0.5 * squares[l] - sums.dual[l];
            let measure = match task.stop {
                super::Stop::Gradient(_) => sums.violation(l),
                super::Stop::Gap(_) => relative_gap(primal, dual),
            };
            let converged = measure <= task.stop.value();
            self.summaries[l] = Summary {
                primal,
                dual,
                violation: sums.violation(l),
                support: support[l],
                epochs: self.epochs,
                converged,
            };
            self.state[l] = if converged { State::Done } else { State::Busy };
            self.target[l] *= 0.7;
            self.shrink_above[l] = sums.highest[l].max(0.0);
        }
        self.active.clear();
        for (&row, gradients) in task.members.iter().zip(&gradients) {
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
            if *alpha == [0.0; LANES] {
                continue;
            }
            let signs = self.signs(task.labels[row]);
            let factors: WideLanes = std::array::from_fn(|l| f64::from(alpha[l] * signs[l]));
            let entries = task.rows.row(row);
            row_axpy_wide(&mut wide, entries, &factors);
            for l in 0..LANES {
                wide[bias][l] += factors[l];
            }
        }
        for (weights, wide) in self.weights.iter_mut().zip(&wide) {
            *weights = wide.map(|w| w as f32);
        }
    }

    /// 1 for the lane of the class `label`, -1 for the other classes.
    #[inline(always)]
    fn signs(&self, label: u8) -> Lanes {
        let own = usize::from(label).wrapping_sub(self.first_class);
        std::array::from_fn(|l| if l == own { 1.0 } else { -1.0 })
    }

    pub(super) fn summaries(&self) -> &[Summary] {
        &self.summaries[..self.count]
    }

    pub(super) fn epochs(&self) -> usize {
        self.epochs
    }

    pub(super) fn classes_done(&self) -> usize {
        self.state[..self.count].iter().filter(|state| **state == State::Done).count()
    }

    /// Appends the weights of the group's classes, `[class][feature]`, and their biases.
    pub(super) fn append_to(&self, weights: &mut Vec<f32>, bias: &mut Vec<f32>) {
        let Some((last, features)) = self.weights.split_last() else { return };
        for lane in 0..self.count {
            weights.extend(features.iter().map(|w| w[lane]));
            bias.push(last[lane]);
        }
    }
}

#[inline(always)]
fn add(sum: &mut Lanes, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += x[l];
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

fn relative_gap(primal: f64, dual: f64) -> f64 {
    if primal > 0.0 { (primal - dual) / primal } else { 0.0 }
}
