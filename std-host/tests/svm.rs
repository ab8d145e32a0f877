//! The SVM trainer against what it promises, by computations that share no code with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use proptest::prelude::*;
use wta::Observer;
use wta::observer::SvmProgress;
use wta::svm::{
    Costs, HoldOut, Model, Options, Report, Rows, Scaling, Search, Solver, Stop, choose, choose_and_fit, fit,
};

/// Keeps the last report, and stops when it is told to.
#[derive(Default)]
struct Listener {
    last: Mutex<Option<SvmProgress>>,
    stops: bool,
}

impl Observer for Listener {
    fn svm(&self, progress: &SvmProgress) {
        *self.last.lock().unwrap() = Some(*progress);
    }

    fn should_stop(&self) -> bool {
        self.stops
    }
}

fn options(stop: Stop) -> Options<'static> {
    Options { stop, max_epochs: 20_000, seed: 7, ..Options::default() }
}

/// A small generator, so that examples do not depend on the trainer's.
struct Noise(u32);

impl Noise {
    /// Uniform in -1..1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}

/// Half-empty noisy examples with a centre for each class, and on purpose a constant feature, a feature that
/// is always zero, an all-zero row and duplicates with equal and with different labels.
fn example(rows: usize, features: usize, classes: usize, seed: u32) -> (Vec<f32>, Vec<u16>) {
    let mut noise = Noise(seed.wrapping_mul(2654435761) | 1);
    let centres: Vec<f32> = (0..classes * features).map(|_| noise.next()).collect();
    let mut matrix = Vec::new();
    let mut labels = Vec::new();
    for row in 0..rows {
        let class = row % classes;
        labels.push(class as u16);
        for feature in 0..features {
            let value = (centres[class * features + feature] + noise.next()).max(0.0);
            matrix.push(match (row, feature) {
                (3, _) => 0.0,
                (_, 0) => 1.0,
                (_, 1) => 0.0,
                _ => value,
            });
        }
    }
    for (from, to) in [(0, classes), (1, classes + 2)] {
        if to < rows {
            matrix.copy_within(from * features..(from + 1) * features, to * features);
        }
    }
    (matrix, labels)
}

/// Primal and dual objective of one class, straight from the definition. The dual is taken at `alpha = 2 C
/// hinge`, which is the optimum if the weights are, and a lower bound of the primal's minimum whatever they
/// are.
fn objectives(matrix: &[f32], labels: &[u16], model: &Model, class: usize, c: f64) -> (f64, f64) {
    let features = model.features;
    let weights = &model.weights[class * features..(class + 1) * features];
    let bias = f64::from(model.bias[class]);
    let mut sum = vec![0.0; features + 1];
    let (mut loss, mut linear) = (0.0, 0.0);
    for (x, &label) in matrix.chunks_exact(features).zip(labels) {
        let y = if usize::from(label) == class { 1.0 } else { -1.0 };
        let score: f64 =
            x.iter().zip(weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum::<f64>() + bias;
        let hinge = (1.0 - y * score).max(0.0);
        let alpha = 2.0 * c * hinge;
        loss += hinge * hinge;
        linear += alpha - alpha * alpha / (4.0 * c);
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum += alpha * y * f64::from(x);
        }
        sum[features] += alpha * y;
    }
    let norm: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() + bias * bias;
    (0.5 * norm + c * loss, linear - 0.5 * sum.iter().map(|s| s * s).sum::<f64>())
}

fn train(
    matrix: &[f32],
    features: usize,
    labels: &[u16],
    classes: usize,
    c: f64,
    stop: Stop,
) -> (Model, Report) {
    train_by(Solver::Dual, matrix, features, labels, classes, c, stop)
}

fn train_by(
    solver: Solver,
    matrix: &[f32],
    features: usize,
    labels: &[u16],
    classes: usize,
    c: f64,
    stop: Stop,
) -> (Model, Report) {
    let rows = Rows::from_dense(features, matrix).unwrap();
    fit(&rows, labels, classes, c, &Options { solver, ..options(stop) }, &()).unwrap()
}

/// Both methods.
const SOLVERS: [Solver; 2] = [Solver::Dual, Solver::Newton];

#[test]
fn two_points_have_the_solution_of_the_definition() {
    // By symmetry b = 0, and w minimises w^2 / 2 + 2 C (1 - w)^2.
    for c in [0.01, 1.0, 100.0] {
        let (model, report) = train(&[1.0, -1.0], 1, &[0, 1], 2, c, Stop::Gradient(1e-5));
        let expected = (4.0 * c / (1.0 + 4.0 * c)) as f32;
        assert!(report.converged());
        assert!((model.weights[0] - expected).abs() < 1e-4, "{:?} for C = {c}", model.weights);
        assert!((model.weights[1] + expected).abs() < 1e-4);
        assert!(model.bias.iter().all(|b| b.abs() < 1e-4));
    }
}

#[test]
fn zero_rows_train_the_bias_alone() {
    // Three against one: b^2 / 2 + C (3 (1 - b)^2 + (1 + b)^2) has its minimum at 4 C / (1 + 8 C).
    let (model, _) = train(&[0.0; 8], 2, &[0, 0, 1, 0], 2, 1.0, Stop::Gradient(1e-5));
    assert_eq!(model.weights, [0.0; 4]);
    assert!((model.bias[0] - 4.0 / 9.0).abs() < 1e-5 && (model.bias[1] + 4.0 / 9.0).abs() < 1e-5);
}

#[test]
fn a_class_without_examples_is_reported_and_never_wins_here() {
    let (matrix, labels) = example(40, 5, 2, 1);
    let (model, report) = train(&matrix, 5, &labels, 3, 1.0, Stop::Gap(1e-3));
    assert_eq!(report.warnings(), ["no training example has the label 2"]);
    assert_eq!(report.classes[2].examples, 0);
    let rows = Rows::from_dense(5, &matrix).unwrap();
    assert!(model.predict(&rows).unwrap().iter().all(|&label| label < 2));
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    SOLVERS.iter().for_each(|solver| threads_do_not_matter(*solver));
}

fn threads_do_not_matter(solver: Solver) {
    let (matrix, labels) = example(300, 23, 10, 3);
    let on_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train_by(solver, &matrix, 23, &labels, 10, 1.0, Stop::Gradient(1e-2)))
    };
    let bits = |model: &Model| -> Vec<u32> {
        model.weights.iter().chain(&model.bias).map(|w| w.to_bits()).collect()
    };
    let (one, two, four) = (on_threads(1), on_threads(2), on_threads(4));
    assert_eq!(bits(&one.0), bits(&two.0));
    assert_eq!(bits(&one.0), bits(&four.0));
    assert_eq!(one.1, two.1);
}

#[test]
fn what_helps_is_told_when_the_epochs_run_out() {
    let (matrix, labels) = example(200, 9, 3, 4);
    let rows = Rows::from_dense(9, &matrix).unwrap();
    let options = Options { stop: Stop::Gradient(1e-5), max_epochs: 3, ..Options::default() };
    let (model, report) = fit(&rows, &labels, 3, 10.0, &options, &()).unwrap();
    assert!(!report.converged());
    assert_eq!(
        report.warnings(),
        ["the SVM of class 0, 1, 2 was not solved in 3 passes: choose a smaller C, or a larger svm.gap"]
    );
    // What is reported is nevertheless the truth about the model.
    for (class, report) in report.classes.iter().enumerate() {
        let (primal, _) = objectives(&matrix, &labels, &model, class, 10.0);
        assert!((report.primal - primal).abs() < 1e-4 * primal);
    }
}

#[test]
fn what_rounding_keeps_from_coming_closer_is_solved() {
    for (features, c) in [(15, 1.0), (40, 0.01), (300, 0.01)] {
        let (matrix, labels) = example(200, features, 3, 11);
        let rows = Rows::from_dense(features, &matrix).unwrap();
        for stop in [Stop::Gradient(1e-12), Stop::Gap(1e-14)] {
            let options = Options { stop, max_epochs: 1000, ..Options::default() };
            let (model, report) = fit(&rows, &labels, 3, c, &options, &()).unwrap();
            assert!(report.converged() && report.warnings().is_empty(), "{report:?}");
            for (class, of) in report.classes.iter().enumerate() {
                let (primal, _) = objectives(&matrix, &labels, &model, class, c);
                assert!((of.primal - primal).abs() < 1e-5 * primal, "{of:?} {primal}");
                assert!(of.epochs < 1000 && of.measure(Stop::Gap(1.0)) < 1e-4, "{of:?}");
                assert!(of.meets(Stop::Gradient(1e-2)), "{of:?}");
            }
        }
    }
}

#[test]
fn progress_is_heard_and_can_stop_training() {
    let (matrix, labels) = example(50, 6, 5, 5);
    let rows = Rows::from_dense(6, &matrix).unwrap();
    let listener = Listener::default();
    fit(&rows, &labels, 5, 1.0, &Options::default(), &listener).unwrap();
    let last = listener.last.into_inner().unwrap().unwrap();
    assert_eq!((last.classes_done, last.classes, last.problem, last.problems), (5, 5, 0, 1));
    // Too hard to be solved before the first report, so that the wish to stop is heard.
    let (matrix, labels) = example(3000, 60, 5, 5);
    let rows = Rows::from_dense(60, &matrix).unwrap();
    let options = Options { stop: Stop::Gradient(1e-12), max_epochs: usize::MAX, ..Options::default() };
    let stopping = Listener { stops: true, ..Listener::default() };
    let error = fit(&rows, &labels, 5, 1e6, &options, &stopping).unwrap_err();
    assert!(matches!(error, wta::error::Error::Interrupted(_)), "{error}");
}

#[test]
fn bad_requests_get_one_sentence() {
    let rows = Rows::from_dense(1, &[1.0, 2.0, 3.0]).unwrap();
    let message = |labels: &[u16], classes, c, options: Options<'_>| {
        fit(&rows, labels, classes, c, &options, &()).unwrap_err().to_string()
    };
    let good = Options::default();
    assert!(message(&[0, 1], 2, 1.0, good).contains("2 labels for 3 rows"));
    assert!(message(&[0, 1, 2], 2, 1.0, good).contains("label of row 2 is 2"));
    assert!(message(&[1, 1, 1], 2, 1.0, good).contains("only class 1"));
    assert!(message(&[0, 0, 0], 1, 1.0, good).contains("2 to 65536 classes"));
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(message(&[0, 1, 1], 2, c, good).contains("C must be"), "{c}");
    }
    assert!(message(&[0, 1, 1], 2, 1.0, options(Stop::Gap(0.0))).contains("tolerance"));
    assert!(message(&[0, 1, 1], 2, 1.0, Options { max_epochs: 0, ..good }).contains("max_epochs"));
    let large = Rows::from_dense(1, &[1.0, 1e30]).unwrap();
    for solver in SOLVERS {
        let error = fit(&large, &[0, 1], 2, 1.0, &Options { solver, ..good }, &()).unwrap_err().to_string();
        assert!(error.contains("row 1") && error.contains("scale"), "{error}");
    }
    let none = Rows::new(4).unwrap();
    let error = fit(&none, &[], 2, 1.0, &good, &()).unwrap_err().to_string();
    assert!(error.contains("name none"), "{error}");
}

#[test]
fn choosing_c_finds_the_fewest_errors_and_ends_where_training_from_zero_does() {
    let (matrix, labels) = example(600, 12, 3, 8);
    let mut rows = Rows::from_dense(12, &matrix).unwrap();
    Scaling::unit_average_norm(&rows).apply(&mut rows).unwrap();
    let options = options(Stop::Gap(1e-5));
    for (hold_out, held_out, problems) in [(HoldOut::Share(0.25), 150, 5), (HoldOut::Folds(5), 600, 21)] {
        let search = Search { grid: vec![0.001, 0.1, 1.0, 30.0], hold_out, views: 1, stop: Stop::Gap(1e-2) };
        let listener = Listener::default();
        let (model, report, choice) =
            choose_and_fit(&rows, &labels, 3, &search, &options, &listener).unwrap();
        assert_eq!(choice.held_out, held_out);
        let last = listener.last.into_inner().unwrap().unwrap();
        assert_eq!((last.problem, last.problems), (problems - 1, problems));
        let fewest = choice.trials.iter().map(|trial| trial.errors).min().unwrap();
        let first = choice.trials.iter().find(|trial| trial.errors == fewest).unwrap();
        assert_eq!(choice.c, first.c);
        assert_eq!(choice.held_out_error(), fewest as f64 / held_out as f64);
        assert_eq!(report.classes.iter().map(|class| class.examples).sum::<usize>(), 600);
        let (cold, _) = fit(&rows, &labels, 3, choice.c, &options, &()).unwrap();
        let warm = model.objective(&rows, &labels, choice.c).unwrap();
        for (warm, cold) in warm.iter().zip(cold.objective(&rows, &labels, choice.c).unwrap()) {
            assert!((warm - cold).abs() < 2e-5 * cold, "{warm} against {cold}");
        }
        assert_eq!(choose(&rows, &labels, 3, &search, &options, &()).unwrap(), choice);
        let again = choose_and_fit(&rows, &labels, 3, &search, &options, &()).unwrap();
        assert_eq!((again.0, again.2), (model, choice));
    }
}

#[test]
fn an_example_is_held_out_with_all_its_views_and_counted_once() {
    // A feature of its own for each example: what is held out is classified by chance,
    // unless the training knows another view of it.
    let (examples, views) = (200, 3);
    let labels: Vec<u16> = (0..examples).map(|example| (example % 2) as u16).collect();
    let mut rows = Rows::new(examples).unwrap();
    for row in 0..views * examples {
        rows.push_sparse(&[(row % examples) as u32], &[1.0]).unwrap();
    }
    let labels = labels.repeat(views);
    let options = Options::default();
    for (hold_out, held_out) in [(HoldOut::Share(0.25), 50), (HoldOut::Folds(4), 200)] {
        let errors = |views| {
            let search = Search { grid: vec![1.0, 10.0], hold_out, views, ..Search::default() };
            let (model, _, choice) = choose_and_fit(&rows, &labels, 2, &search, &options, &()).unwrap();
            // The final training has all rows.
            assert_eq!(model.error_rate(&rows, &labels).unwrap(), 0.0);
            (choice.held_out, choice.held_out_error())
        };
        let (count, error) = errors(views);
        assert!(count == held_out && error > 0.3, "{count}, {error}");
        let (count, error) = errors(1);
        assert!(count == views * held_out && error < 0.2, "{count}, {error}");
    }
    for views in [0, 7] {
        let search = Search { views, ..Search::default() };
        let error = choose(&rows, &labels, 2, &search, &options, &()).unwrap_err().to_string();
        assert!(error.contains(&format!("600 rows are not {views} views")), "{error}");
    }
}

#[test]
fn a_grid_of_one_is_plain_training_and_bad_grids_are_refused() {
    let (matrix, labels) = example(60, 5, 3, 9);
    let rows = Rows::from_dense(5, &matrix).unwrap();
    let with = |grid: &[f64]| {
        let search = Search { grid: grid.to_vec(), ..Search::default() };
        choose_and_fit(&rows, &labels, 3, &search, &Options::default(), &())
    };
    let (model, _, choice) = with(&[1.0]).unwrap();
    assert_eq!(model, fit(&rows, &labels, 3, 1.0, &Options::default(), &()).unwrap().0);
    assert!(choice.trials.is_empty() && !choice.at_edge);
    assert!(with(&[]).unwrap_err().to_string().contains("at least one value"));
    assert!(with(&[1.0, 1.0]).unwrap_err().to_string().contains("must increase"));
    assert!(with(&[-1.0, 1.0]).unwrap_err().to_string().contains("C must be"));
}

/// A few rows again, behind the others.
fn repeated(matrix: &[f32], features: usize, labels: &[u16], rows: &[usize]) -> (Vec<f32>, Vec<u16>) {
    let (mut matrix, mut labels) = (matrix.to_vec(), labels.to_vec());
    for row in rows {
        matrix.extend_from_within(row * features..(row + 1) * features);
        labels.push(labels[*row]);
    }
    (matrix, labels)
}

/// Asserts that two trainings have found the same minimum.
#[track_caller]
fn assert_same_minimum(a: &(Model, Report), b: &(Model, Report)) {
    for (a, b) in a.1.classes.iter().zip(&b.1.classes) {
        assert!(a.converged && b.converged && (a.primal - b.primal).abs() < 2e-5 * b.primal, "{a:?} {b:?}");
    }
    let differences = a.0.weights.iter().zip(&b.0.weights).map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 2e-3);
}

#[test]
fn a_row_of_weight_3_is_the_row_three_times_and_one_of_0_is_not_there() {
    SOLVERS.iter().for_each(|solver| rows_have_weights(*solver));
}

fn rows_have_weights(solver: Solver) {
    let (matrix, labels) = example(90, 6, 3, 5);
    let rows = Rows::from_dense(6, &matrix).unwrap();
    let solve = |rows: &Rows, labels: &[u16], costs: Costs<'_>| {
        let options = Options { costs, solver, ..options(Stop::Gap(1e-6)) };
        fit(rows, labels, 3, 2.0, &options, &()).unwrap()
    };
    let mut weights = vec![1.0; 90];
    (weights[4], weights[17], weights[30]) = (3.0, 2.0, 3.0);
    let (more, more_labels) = repeated(&matrix, 6, &labels, &[4, 4, 17, 30, 30]);
    let twice = solve(&Rows::from_dense(6, &more).unwrap(), &more_labels, Costs::default());
    let weighted = solve(&rows, &labels, Costs { rows: &weights, ..Costs::default() });
    assert_same_minimum(&weighted, &twice);
    let plain = solve(&rows, &labels, Costs::default());
    assert!(weighted.1.classes[0].primal > 1.01 * plain.1.classes[0].primal);

    // The first 80 rows alone.
    let mut weights = vec![1.0; 90];
    weights[80..].fill(0.0);
    let fewer = solve(&Rows::from_dense(6, &matrix[..80 * 6]).unwrap(), &labels[..80], Costs::default());
    assert_eq!(solve(&rows, &labels, Costs { rows: &weights, ..Costs::default() }), fewer);
    // Weights of 1 change nothing, to the bit.
    assert_eq!(solve(&rows, &labels, Costs { rows: &[1.0; 90], classes: &[1.0; 3] }), plain);
}

#[test]
fn a_classs_weight_is_its_rows_in_its_own_problem_and_of_two_classes_in_both() {
    SOLVERS.iter().for_each(|solver| classes_have_weights(*solver));
}

fn classes_have_weights(solver: Solver) {
    let (matrix, labels) = example(90, 6, 3, 8);
    let rows = Rows::from_dense(6, &matrix).unwrap();
    let of_class = |labels: &[u16], class| -> Vec<f32> {
        labels.iter().map(|label| if *label == class { 5.0 } else { 1.0 }).collect()
    };
    let solve = |labels: &[u16], classes, costs: Costs<'_>| {
        let options = Options { costs, solver, ..options(Stop::Gap(1e-6)) };
        fit(&rows, labels, classes, 0.5, &options, &()).unwrap()
    };
    let by_class = solve(&labels, 3, Costs { classes: &[1.0, 5.0, 1.0], ..Costs::default() });
    let plain = solve(&labels, 3, Costs::default());
    let by_rows = solve(&labels, 3, Costs { rows: &of_class(&labels, 1), ..Costs::default() });
    let problems = |solved: &(Model, Report)| -> Vec<f64> {
        solved.1.classes.iter().map(|class| class.primal).collect()
    };
    let (found, plain, rows_of) = (problems(&by_class), problems(&plain), problems(&by_rows));
    assert!((found[0] - plain[0]).abs() < 1e-5 * plain[0] && (found[2] - plain[2]).abs() < 1e-5 * plain[2]);
    assert!((found[1] - rows_of[1]).abs() < 1e-5 * found[1] && found[1] > 1.01 * plain[1]);

    let two: Vec<u16> = labels.iter().map(|label| u16::from(*label == 1)).collect();
    let by_class = solve(&two, 2, Costs { classes: &[1.0, 5.0], ..Costs::default() });
    assert_same_minimum(&by_class, &solve(&two, 2, Costs { rows: &of_class(&two, 1), ..Costs::default() }));
    let found = problems(&by_class);
    assert!((found[0] - found[1]).abs() < 1e-5 * found[0]);
}

#[test]
fn the_bias_is_the_weight_of_a_constant_or_is_not_there() {
    SOLVERS.iter().for_each(|solver| the_bias_has_a_constant(*solver));
}

fn the_bias_has_a_constant(solver: Solver) {
    let (matrix, labels) = example(60, 5, 2, 3);
    let solve = |features: usize, matrix: &[f32], intercept: f32| {
        let options = Options { intercept, solver, ..options(Stop::Gap(1e-6)) };
        fit(&Rows::from_dense(features, matrix).unwrap(), &labels, 2, 1.0, &options, &()).unwrap()
    };
    let with: Vec<f32> = matrix.chunks_exact(5).flat_map(|row| row.iter().copied().chain([10.0])).collect();
    let (found, constant) = (solve(5, &matrix, 10.0), solve(6, &with, 0.0));
    for class in 0..2 {
        assert_eq!(constant.0.bias[class], 0.0);
        let bias = 10.0 * constant.0.weights[class * 6 + 5];
        assert!(bias.abs() > 0.01 && (found.0.bias[class] - bias).abs() < 2e-3 * bias.abs().max(1.0));
        let (found, constant) = (&found.1.classes[class], &constant.1.classes[class]);
        assert!((found.primal - constant.primal).abs() < 1e-5 * found.primal);
    }
    let without = solve(5, &matrix, 0.0);
    assert!(without.0.bias == [0.0; 2] && without.1.classes[0].primal > found.1.classes[0].primal);
}

#[test]
fn newtons_method_finds_the_minimum_of_features_of_any_scale_in_few_steps() {
    let (mut matrix, labels) = example(300, 12, 4, 9);
    for row in matrix.chunks_exact_mut(12) {
        row.iter_mut()
            .enumerate()
            .for_each(|(feature, v)| *v = *v * 10f32.powi(feature as i32 % 7 - 2) + 3.0);
    }
    let (model, report) = train_by(Solver::Newton, &matrix, 12, &labels, 4, 1.0, Stop::Gap(1e-9));
    for (class, of) in report.classes.iter().enumerate() {
        assert!(of.converged && of.epochs <= 30 && of.primal - of.dual <= 1e-9 * of.primal, "{of:?}");
        let (primal, _) = objectives(&matrix, &labels, &model, class, 1.0);
        assert!((primal - of.primal).abs() < 1e-4 * primal, "{primal} {of:?}");
        assert!(of.support_vectors > 0 && of.support_vectors <= 300);
    }
    let few = Options { solver: Solver::Newton, max_epochs: 1, stop: Stop::Gap(1e-9), ..Options::default() };
    let rows = Rows::from_dense(12, &matrix).unwrap();
    let (_, report) = fit(&rows, &labels, 4, 1.0, &few, &()).unwrap();
    assert!(!report.converged() && report.classes.iter().all(|class| class.epochs == 1));
    let error = fit(&rows, &labels, 4, 1.0, &few, &Listener { stops: true, ..Listener::default() });
    assert!(error.unwrap_err().to_string().contains("the SVM was stopped after"));
}

#[test]
fn few_dense_features_are_solved_by_newtons_method_and_others_by_passes() {
    let by = |solver, features, matrix: &[f32], labels: &[u16]| {
        let stop = Stop::Gradient(1e-3);
        train_by(solver, matrix, features, labels, 3, 1.0, stop)
    };
    let (matrix, labels) = example(200, 20, 3, 4);
    assert_eq!(by(Solver::Auto, 20, &matrix, &labels), by(Solver::Newton, 20, &matrix, &labels));
    assert_ne!(by(Solver::Auto, 20, &matrix, &labels), by(Solver::Dual, 20, &matrix, &labels));
    // A hundred words of a text.
    let mut sparse = vec![0.0; 60 * 600];
    for (row, values) in sparse.chunks_exact_mut(600).enumerate() {
        (0..10).for_each(|k| values[(row * 37 + k * 59) % 600] = 1.0 + (row % 3) as f32);
    }
    assert_eq!(by(Solver::Auto, 600, &sparse, &labels[..60]), by(Solver::Dual, 600, &sparse, &labels[..60]));
}

#[test]
fn bad_weights_get_one_sentence() {
    let rows = Rows::from_dense(1, &[1.0, 2.0, 3.0]).unwrap();
    let message = |costs: Costs<'_>| {
        let options = Options { costs, ..Options::default() };
        fit(&rows, &[0, 1, 1], 2, 1.0, &options, &()).unwrap_err().to_string()
    };
    let by_row = |rows: &[f32]| message(Costs { rows, ..Costs::default() });
    let by_class = |classes: &[f64]| message(Costs { classes, ..Costs::default() });
    assert_eq!(by_row(&[1.0]), "there are 1 weights for 3 rows");
    assert_eq!(by_class(&[1.0; 3]), "there are 3 weights for 2 classes");
    for weight in [-1.0, f32::NAN, f32::INFINITY, 1e-12] {
        assert!(by_row(&[1.0, weight, 1.0]).starts_with("the weight of row 1 is"), "{weight}");
    }
    for weight in [-1.0, f64::NAN, f64::INFINITY, 1e30] {
        assert!(by_class(&[weight, 1.0]).starts_with("the weight of class 0 is"), "{weight}");
    }
    assert!(by_row(&[0.0; 3]).contains("all rows have the weight 0"));
    assert!(by_class(&[0.0; 2]).contains("all classes have the weight 0"));
    let good = Options::default();
    for intercept in [-1.0, f32::NAN, f32::INFINITY] {
        let error = fit(&rows, &[0, 1, 1], 2, 1.0, &Options { intercept, ..good }, &()).unwrap_err();
        assert!(error.to_string().contains("constant of the SVM's bias"), "{intercept}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_class_is_solved_by_an_independent_measure(
        classes in prop::sample::select(vec![2usize, 3, 9, 10, 17]),
        features in 2usize..20,
        rows in 40usize..120,
        c in prop::sample::select(vec![0.03, 1.0, 5.0, 20.0]),
        by_gap in any::<bool>(),
        solver in prop::sample::select(SOLVERS.to_vec()),
        seed in any::<u32>(),
    ) {
        let (matrix, labels) = example(rows, features, classes, seed);
        let stop = if by_gap { Stop::Gap(1e-5) } else { Stop::Gradient(1e-4) };
        let (model, report) = train_by(solver, &matrix, features, &labels, classes, c, stop);
        prop_assert!(report.converged(), "{:?}", report);
        let rows = Rows::from_dense(features, &matrix).unwrap();
        let own = model.objective(&rows, &labels, c).unwrap();
        for (class, &own) in own.iter().enumerate() {
            let (primal, dual) = objectives(&matrix, &labels, &model, class, c);
            prop_assert!((own - primal).abs() < 1e-9 * primal);
            prop_assert!((report.classes[class].primal - primal).abs() < 1e-4 * primal);
            prop_assert!(report.classes[class].dual <= primal * (1.0 + 1e-4));
            // The dual at 2 C hinge is loose by the square of the distance to the optimum, times up to C^2
            // |x|^4: the same gap of the solver's shows as a larger one here, the larger C is.
            let loose = 2e-2 * (c / 5.0f64).max(1.0).powi(2);
            prop_assert!(primal - dual < loose * primal, "class {}: {} and {}", class, primal, dual);
        }
    }
}
