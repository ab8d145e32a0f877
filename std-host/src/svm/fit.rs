//! Training: groups of classes run side by side on rayon's threads, and in several processes.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use wta_simd::Isa;

use super::costs::Costs;
use super::gathered::{gather_model, gather_summaries};
use super::group::{Group, Summary, Task, relative_gap};
use super::lanes::LANES;
use super::model::{MOST_CLASSES, Model, check_labels};
use super::newton::{self, Problem};
use super::rows::Rows;
use super::solver::Solver;
use super::stop::Stop;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve::zeros;
use crate::observer::{Observer, SvmProgress};
use crate::ranks::{Ranks, Team, part};

/// How often progress is reported and the observer may stop the training.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// When a class counts as solved.
    pub stop: Stop,
    /// The most passes over the active rows, or steps of Newton's method. A class that is not solved by then
    /// is reported as such.
    pub max_epochs: usize,
    /// The method of [`fit`]. A search for C ([`choose`](super::choose)) goes by [`Solver::Dual`], which
    /// begins each value of C with the solution for the one before.
    pub solver: Solver,
    /// Determines the order of the rows, and so the last bits of the result.
    pub seed: u64,
    /// What rows and classes weigh in the loss; the same by default.
    pub costs: Costs<'a>,
    /// The constant that each row has besides its features, whose weight is the bias; 0 for no bias. It is 1
    /// by default, and the larger it is, the less the bias is held down.
    pub intercept: f32,
    /// The processes that train together; this one alone by default. All of them call with the same rows,
    /// labels and options, and get the same model, whose bits are those of one process. Each trains some
    /// groups of up to eight classes; processes beyond the number of groups wait.
    pub ranks: Option<&'a Arc<dyn Ranks>>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            stop: Stop::Gap(1e-3),
            max_epochs: 1000,
            solver: Solver::default(),
            seed: 1,
            costs: Costs::default(),
            intercept: 1.0,
            ranks: None,
        }
    }
}

impl Options<'_> {
    /// `Ok` if training can end.
    fn check(&self) -> Result<()> {
        let tolerance = self.stop.value();
        if !(tolerance > 0.0 && tolerance < f64::INFINITY) {
            return Err(Error::Invalid(format!("the SVM's tolerance must be positive, got {tolerance}")));
        }
        if self.max_epochs == 0 {
            return Err(Error::Invalid("the SVM needs at least one epoch, got max_epochs = 0".into()));
        }
        Ok(())
    }
}

/// How training ended for one class against the rest, measured on all training rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassReport {
    /// The primal objective (see [`Model::objective`]).
    pub primal: f64,
    /// The dual objective, a lower bound of the smallest primal objective.
    pub dual: f64,
    /// The largest projected gradient of the dual minus the smallest, with 0 among them.
    pub violation: f64,
    /// The number of rows that contribute to the weights.
    pub support_vectors: usize,
    /// Passes over the active rows.
    pub epochs: usize,
    /// Whether the stopping measure was met, or the rounding of numbers lets nothing come closer to it;
    /// otherwise [`Options::max_epochs`] ended training.
    pub converged: bool,
    /// The number of rows with this label; if there are none, the class only learns to say no.
    pub examples: usize,
}

impl ClassReport {
    /// Whether a stopping measure is met. A class may be solved, as far as the rounding of numbers goes, and
    /// not meet a small one.
    pub fn meets(&self, stop: Stop) -> bool {
        self.measure(stop) <= stop.value()
    }

    /// What a stopping measure is at the end, whatever its value.
    pub fn measure(&self, stop: Stop) -> f64 {
        match stop {
            Stop::Gradient(_) => self.violation,
            Stop::Gap(_) => relative_gap(self.primal, self.dual),
        }
    }
}

/// How training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `[class]`.
    pub classes: Vec<ClassReport>,
}

impl Report {
    /// Whether every class is solved.
    pub fn converged(&self) -> bool {
        self.classes.iter().all(|class| class.converged)
    }

    /// Warnings for people, one sentence each: classes without examples, and classes that were not solved.
    pub fn warnings(&self) -> Vec<String> {
        let list = |chosen: fn(&ClassReport) -> bool| {
            let numbers = self.classes.iter().enumerate().filter(|(_, class)| chosen(class));
            numbers.map(|(number, _)| number.to_string()).collect::<Vec<_>>()
        };
        let mut warnings = Vec::new();
        let missing = list(|class| class.examples == 0);
        if !missing.is_empty() {
            warnings.push(format!("no training example has the label {}", missing.join(", ")));
        }
        let open = list(|class| !class.converged);
        if !open.is_empty() {
            let epochs = self.classes.iter().map(|class| class.epochs).max().unwrap_or(0);
            let open = open.join(", ");
            warnings.push(format!(
                "the SVM of class {open} was not solved in {epochs} passes: choose a smaller C, or a larger svm.gap"
            ));
        }
        warnings
    }
}

/// Trains one SVM per class against the rest, on the threads of rayon's current pool. The result does not
/// depend on their number.
///
/// `labels` holds one label below `classes` for each row.
///
/// # Errors
///
/// If the shapes do not match, a label is out of range, fewer than two classes occur, `c` or an option is out
/// of range, or the observer stops the training, of any of several processes;
/// [`Error::Lost`] if another process is gone.
pub fn fit(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    c: f64,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<(Model, Report)> {
    if options.solver.for_rows(rows) == Solver::Newton && Team::of(options.ranks).is_alone() {
        return by_newton(rows, labels, classes, c, options, observer);
    }
    if Team::of(options.ranks).is_alone() {
        return group_by_group(rows, labels, classes, c, options, observer);
    }
    let mut trainer = Trainer::new(rows, labels, classes, options)?;
    let all = trainer.all_rows();
    let report = trainer.solve(&all, c, options, (0, 1), observer)?;
    Ok((trainer.model()?, report))
}

/// The same by coordinate descent, with no more groups of classes in memory than there are threads. Groups
/// have nothing in common, so the bits are those of [`Trainer::solve`].
fn group_by_group(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    c: f64,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<(Model, Report)> {
    expect_problem(rows, labels, classes, options)?;
    check_penalty(c)?;
    options.check()?;
    let Options { stop, max_epochs, seed, costs, intercept, .. } = *options;
    let (members, norms) = (members(rows, &costs), norms(rows, intercept)?);
    let (isa, norms, members) = (Isa::detect(), &norms, &members);
    let task =
        Task { isa, rows, labels, classes, norms, intercept, costs, members, c, stop, max_epochs, seed };
    let features = rows.features();
    let mut weights = zeros(classes.saturating_mul(features), || format!("an SVM of {classes} classes"))?;
    let mut parts = Vec::new();
    let mut rest = &mut weights[..];
    for group in 0..group_count(classes) {
        let of_group = first_class(classes, group)..first_class(classes, group + 1);
        let (part, others) = rest.split_at_mut(of_group.len() * features);
        rest = others;
        parts.push((of_group, part));
    }
    let watch = Watch { observer, c, classes, done: AtomicUsize::new(0), told: Mutex::new(Instant::now()) };
    let solved: Vec<Result<(Vec<f32>, Vec<Summary>)>> = parts
        .into_par_iter()
        .with_max_len(1)
        .map(|(of_group, to)| {
            let mut group = Group::new(of_group.start, of_group.len(), rows)?;
            group.begin(&task);
            let mut done = 0;
            while !group.is_done() {
                group.step(&task);
                let more = group.classes_done() - done;
                done += more;
                watch.tell(group.epochs(), more)?;
            }
            Ok((group.write_to(intercept, to), group.summaries().to_vec()))
        })
        .collect();
    let (mut bias, mut summaries) = (Vec::with_capacity(classes), Vec::with_capacity(classes));
    for group in solved {
        let (of_group, summary) = group?;
        bias.extend(of_group);
        summaries.extend(summary);
    }
    let report = report_of(labels, members, summaries)?;
    Ok((Model { classes, features, weights, bias }, report))
}

/// Who watches groups that are trained side by side, and may stop them.
struct Watch<'a> {
    observer: &'a dyn Observer,
    c: f64,
    classes: usize,
    /// Classes solved.
    done: AtomicUsize,
    /// When progress was last reported.
    told: Mutex<Instant>,
}

impl Watch<'_> {
    /// A group has had so many passes, and so many more classes are solved.
    fn tell(&self, epochs: usize, more: usize) -> Result<()> {
        let classes_done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        let classes = self.classes;
        // Who finds another one reporting goes on.
        if let Ok(mut told) = self.told.try_lock()
            && (told.elapsed() >= REPORT_EVERY || more > 0)
        {
            *told = Instant::now();
            let (c, problem, problems) = (self.c, 0, 1);
            self.observer.svm(&SvmProgress { c, problem, problems, epochs, classes_done, classes });
        }
        if self.observer.should_stop() {
            return Err(Error::Interrupted(Interrupted::Svm { epochs, classes_done, classes }));
        }
        Ok(())
    }
}

/// The same by Newton's method.
fn by_newton(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    c: f64,
    options: &Options<'_>,
    observer: &dyn Observer,
) -> Result<(Model, Report)> {
    expect_problem(rows, labels, classes, options)?;
    let members = members(rows, &options.costs);
    newton_on(rows, labels, classes, &members, c, options, (0, 1), observer)
}

/// The same on the rows `members`. `place` is the problem's number and the number of problems, for the
/// observer.
#[allow(clippy::too_many_arguments, reason = "those of fit, and two more")]
pub(super) fn newton_on(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    members: &[u32],
    c: f64,
    options: &Options<'_>,
    place: (usize, usize),
    observer: &dyn Observer,
) -> Result<(Model, Report)> {
    check_penalty(c)?;
    options.check()?;
    // Numbers that one method refuses, the other one does not take either.
    norms(rows, options.intercept)?;
    let Options { stop, max_epochs: max_steps, costs, intercept, .. } = *options;
    let problem = Problem { rows, labels, classes, members, c, costs, intercept, stop, max_steps, place };
    let (model, summaries) = newton::solve(&problem, observer)?;
    Ok((model, report_of(labels, members, summaries)?))
}

/// `Ok` if there is a label for each row, of at least two classes, and weights, if any, that make sense.
pub(super) fn expect_problem(
    rows: &Rows,
    labels: &[u16],
    classes: usize,
    options: &Options<'_>,
) -> Result<()> {
    check_labels(rows, labels)?;
    options.costs.check(rows.len(), classes)?;
    let intercept = options.intercept;
    if !(0.0..=1e6).contains(&intercept) {
        return Err(Error::Invalid(format!(
            "the constant of the SVM's bias must be between 0 and 1e6, got {intercept}"
        )));
    }
    if !(2..=MOST_CLASSES).contains(&classes) {
        return Err(Error::Invalid(format!("the SVM takes 2 to {MOST_CLASSES} classes, got {classes}")));
    }
    if u32::try_from(rows.len()).is_err() {
        return Err(Error::Invalid(format!("the SVM takes fewer than 2^32 rows, got {}", rows.len())));
    }
    if let Some(row) = labels.iter().position(|&label| usize::from(label) >= classes) {
        let label = labels[row];
        return Err(Error::Invalid(format!(
            "the label of row {row} is {label}, but there are only {classes} classes"
        )));
    }
    if labels.windows(2).all(|pair| pair[0] == pair[1]) {
        let found = labels.first().map_or("none".to_string(), |label| format!("only class {label}"));
        return Err(Error::Invalid(format!(
            "the SVM needs examples of at least two classes, but the labels name {found}"
        )));
    }
    Ok(())
}

/// The squared norm of each row, with the bias's constant.
fn norms(rows: &Rows, intercept: f32) -> Result<Vec<f32>> {
    let square = f64::from(intercept) * f64::from(intercept);
    let norm = |row| (rows.squared_norm(row) + square) as f32;
    let norms: Vec<f32> = (0..rows.len()).into_par_iter().map(norm).collect();
    match norms.iter().position(|norm| *norm > 1e12) {
        None => Ok(norms),
        Some(row) => Err(Error::Invalid(format!(
            "the features of row {row} have a norm above 1e6, too large to train on: scale them first"
        ))),
    }
}

/// The indices of the rows that take part.
fn members(rows: &Rows, costs: &Costs<'_>) -> Vec<u32> {
    (0..rows.len() as u32).filter(|row| costs.has(*row)).collect()
}

/// How training ended on the rows `members`.
fn report_of(labels: &[u16], members: &[u32], summaries: Vec<Summary>) -> Result<Report> {
    let mut examples = vec![0; summaries.len()];
    for &row in members {
        examples[usize::from(labels[row as usize])] += 1;
    }
    let classes = summaries.into_iter().zip(examples).map(|(summary, examples)| ClassReport {
        primal: summary.primal,
        dual: summary.dual,
        violation: summary.violation,
        support_vectors: summary.support_vectors,
        epochs: summary.epochs,
        converged: summary.converged,
        examples,
    });
    let report = Report { classes: classes.collect() };
    if let Some(class) = report.classes.iter().position(|class| !class.primal.is_finite()) {
        return Err(Error::Invalid(format!(
            "the SVM of class {class} has grown beyond the numbers of f32: scale the features or lower C"
        )));
    }
    Ok(report)
}

/// A series of problems on the same rows, each started from the solution of the one before.
pub(super) struct Trainer<'a> {
    rows: &'a Rows,
    labels: &'a [u16],
    classes: usize,
    norms: Vec<f32>,
    intercept: f32,
    costs: Costs<'a>,
    /// The processes that train together.
    team: Team,
    /// The groups that this process trains.
    groups: Vec<Group>,
}

impl<'a> Trainer<'a> {
    /// Checks the training set; all weights and dual variables start at zero.
    pub(super) fn new(
        rows: &'a Rows,
        labels: &'a [u16],
        classes: usize,
        options: &Options<'a>,
    ) -> Result<Self> {
        let (team, intercept, costs) = (&Team::of(options.ranks), options.intercept, options.costs);
        expect_problem(rows, labels, classes, options)?;
        let norms = norms(rows, intercept)?;
        let own = part(group_count(classes), team.rank(), team.size());
        let groups = own.map(|group| {
            let first = first_class(classes, group);
            Group::new(first, first_class(classes, group + 1) - first, rows)
        });
        let (groups, team) = (groups.collect::<Result<_>>()?, team.clone());
        Ok(Self { rows, labels, classes, norms, intercept, costs, groups, team })
    }

    /// The indices of all rows that take part, for [`solve`](Self::solve).
    pub(super) fn all_rows(&self) -> Vec<u32> {
        members(self.rows, &self.costs)
    }

    /// Solves the problem on the rows `members` with penalty `c`, starting from the last solution. The rows
    /// of the last problem must be among the members. `place` is the problem's number and the number of
    /// problems, for the observer.
    pub(super) fn solve(
        &mut self,
        members: &[u32],
        c: f64,
        options: &Options<'_>,
        place: (usize, usize),
        observer: &dyn Observer,
    ) -> Result<Report> {
        check_penalty(c)?;
        options.check()?;
        let Options { stop, max_epochs, seed, .. } = *options;
        let Self { rows, labels, classes, ref norms, intercept, costs, .. } = *self;
        let isa = Isa::detect();
        let task =
            Task { isa, rows, labels, classes, norms, intercept, costs, members, c, stop, max_epochs, seed };
        self.groups.par_iter_mut().for_each(|group| group.begin(&task));
        loop {
            // The clock decides how many steps fit into a round, but not what the steps compute. So a process
            // that has less to do in a round waits for the others.
            self.groups.par_iter_mut().for_each(|group| {
                let start = Instant::now();
                while !group.is_done() && start.elapsed() < REPORT_EVERY {
                    group.step(&task);
                }
            });
            let done: usize = self.groups.iter().map(Group::classes_done).sum();
            let epochs = self.groups.iter().map(Group::epochs).max().unwrap_or(0);
            let all = self.team.each([done as u64, epochs as u64])?;
            let classes_done = all.iter().map(|[done, _]| *done as usize).sum();
            let epochs = all.iter().map(|[_, epochs]| *epochs as usize).max().unwrap_or(0);
            let (problem, problems) = place;
            let progress = SvmProgress { c, problem, problems, epochs, classes_done, classes: self.classes };
            observer.svm(&progress);
            if classes_done == self.classes {
                return self.report(members);
            }
            if self.team.any_says(observer.should_stop())? {
                let classes = self.classes;
                return Err(Error::Interrupted(Interrupted::Svm { epochs, classes_done, classes }));
            }
        }
    }

    /// The solution of the last problem. All processes have to ask for it.
    pub(super) fn model(&self) -> Result<Model> {
        let (classes, features) = (self.classes, self.rows.features());
        let mut weights = zeros(classes.saturating_mul(features), || format!("an SVM of {classes} classes"))?;
        // What other processes have trained comes to its place.
        let first = self.classes_of(self.team.rank()).start;
        let mut bias = vec![0.0; first];
        let mut rest = weights.get_mut(first * features..).unwrap_or_default();
        for group in &self.groups {
            let (part, others) = rest.split_at_mut(group.summaries().len() * features);
            bias.extend(group.write_to(self.intercept, part));
            rest = others;
        }
        bias.resize(classes, 0.0);
        let mut model = Model { classes, features, weights, bias };
        gather_model(&self.team, |rank| self.classes_of(rank), &mut model)?;
        Ok(model)
    }

    /// The classes that a process trains.
    fn classes_of(&self, rank: usize) -> Range<usize> {
        let groups = part(group_count(self.classes), rank, self.team.size());
        first_class(self.classes, groups.start)..first_class(self.classes, groups.end)
    }

    /// The solution of the last problem, for [`restore`](Self::restore).
    pub(super) fn state(&self) -> Vec<Group> {
        self.groups.clone()
    }

    /// Returns to an earlier solution.
    pub(super) fn restore(&mut self, state: Vec<Group>) {
        self.groups = state;
    }

    fn report(&self, members: &[u32]) -> Result<Report> {
        let mine = self.groups.iter().flat_map(Group::summaries).copied();
        let summaries = gather_summaries(&self.team, |rank| self.classes_of(rank), mine)?;
        report_of(self.labels, members, summaries)
    }
}

/// Refuses a penalty out of the range of `f32`.
pub(super) fn check_penalty(c: f64) -> Result<()> {
    if (1e-9..=1e9).contains(&c) {
        return Ok(());
    }
    Err(Error::Invalid(format!("the SVM's C must be between 1e-9 and 1e9, got {c}")))
}

/// The number of groups: at least two if a second thread helps. It depends on the number of classes alone, so
/// the result depends neither on the threads nor on the processes.
fn group_count(classes: usize) -> usize {
    classes.div_ceil(LANES).max(if classes > 3 { 2 } else { 1 })
}

/// The first class of a group; groups are as even as possible.
fn first_class(classes: usize, group: usize) -> usize {
    group * classes / group_count(classes)
}
