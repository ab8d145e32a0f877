//! Several processes, here threads, evaluate together: the bits are those of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wta::error::Interrupted;
use wta::evaluate::{Encoded, Encoding, Evaluation, Plan, Validation, evaluate, validate};
use wta::preprocess::Samples;
use wta::ranks::{Kind, Lost, LostProblem, Ranks, threads};
use wta::svm::{self, Rows, Scaling};
use wta::{Dataset, Error, Observer, Recipe, Result, Shape, Trained, recipe};

const SIZES: [usize; 4] = [2, 3, 5, 16];

const SHAPE: Shape = Shape::new(1, 8, 7);

/// More than two groups of eight.
const CLASSES: usize = 19;

const FC: &str = "network = { kind = 'fully-connected', units = [23] }\nsparsity = { lifetime = 0.2 }";
const CONV: &str =
    "network = { kind = 'convolutional', encoder = [{ maps = 9, kernel = 3 }], decoder_kernel = 3 }
    sparsity = { lifetime = 0.2 }\nfeatures = { pool = { kernel = 2, stride = 2 } }";
const BELOW: &str = "[below]\nname = 'lower'\nabout = 'below'\ndata = { set = 'memory' }
    network = { kind = 'convolutional', encoder = [{ maps = 5, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
    sparsity = { lifetime = 0.2 }\nfeatures = { pool = { kernel = 2, stride = 2 } }
    training = { epochs = 1, batch = 12, optimizer = 'adam', rate = 1e-3 }";

/// A name, the network, the classifier, the labels and draws, the power.
type Case = (&'static str, &'static str, &'static str, Option<(usize, usize)>, f32);

/// Kinds of network and of classifier.
const CASES: [Case; 7] = [
    ("fully-connected", FC, "c = [0.1, 1.0, 10.0]", None, 1.0),
    ("one C", FC, "c = [1.0]", None, 1.0),
    (
        "mirrored, each feature for itself",
        CONV,
        "c = [0.1, 1.0]\nmirror = true\nscale = 'feature'",
        None,
        1.0,
    ),
    ("moved", CONV, "c = [0.1, 1.0]\nshift = 1", None, 1.0),
    ("of all layers", "stack", "c = [0.1, 1.0]\nlower_layers = 0.5", None, 1.0),
    ("few labels, drawn twice, in views", CONV, "c = [0.1, 1.0]\nmirror = true", Some((57, 2)), 1.0),
    ("few labels, raised", FC, "c = [0.1, 1.0]", Some((76, 3)), 2.0),
];

fn recipe_of(network: &str, svm: &str) -> Recipe {
    let (network, below) = if network == "stack" { (FC, BELOW) } else { (network, "") };
    let network = network.replace("network = { kind", "network = { initial = 'he', kind");
    let text = format!(
        "name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}\n{network}
        [training]\nepochs = 2\nbatch = 10\noptimizer = 'adam'\nrate = 0.01\n[svm]\n{svm}\n{below}"
    );
    recipe::parse(&text, "test").unwrap()
}

/// Samples of each class in turn: a pattern of the class, and noise.
fn data(samples: usize, classes: usize, seed: usize) -> Dataset {
    let noise = |index: usize| (((index + seed) * 7919 % 10007 * 613) % 1009) as f32 / 1009.0;
    let number = |index: usize| {
        let (class, place) = (index / SHAPE.len() % classes, index % SHAPE.len());
        let pattern = ((class * 31 + place * 17) % 23) as f32 / 23.0;
        (0.4 * pattern + 0.6 * noise(index)).powi(2)
    };
    let numbers: Vec<f32> = (0..samples * SHAPE.len()).map(number).collect();
    let labels: Vec<u16> = (0..samples).map(|sample| (sample % classes) as u16).collect();
    Dataset::from_floats(SHAPE, numbers).unwrap().with_labels(labels).unwrap()
}

/// A process that counts the bytes that it sends of each kind.
#[derive(Debug)]
struct Counting {
    rank: threads::ThreadRank,
    sent: Arc<[AtomicU64; Kind::ALL.len()]>,
}

impl Ranks for Counting {
    fn rank(&self) -> usize {
        self.rank.rank()
    }

    fn size(&self) -> usize {
        self.rank.size()
    }

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> std::result::Result<(), Lost> {
        self.sent[kind.number()].fetch_add(message.len() as u64, Ordering::Relaxed);
        self.rank.send(to, kind, message)
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> std::result::Result<(), Lost> {
        self.rank.receive(from, kind, message)
    }
}

/// Runs `work` as each of `size` processes with a thread each, and returns what it returns with the bytes
/// that the process sent of each kind.
fn together<T: Send>(
    size: usize,
    work: impl Fn(&Arc<dyn Ranks>, usize) -> T + Sync,
) -> Vec<(T, [u64; Kind::ALL.len()])> {
    threads::run(size, |rank| {
        let sent: Arc<[AtomicU64; Kind::ALL.len()]> = Arc::default();
        let number = rank.rank();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let rank = Arc::new(Counting { rank, sent: Arc::clone(&sent) }) as Arc<dyn Ranks>;
        let (work, ranks) = (&work, &rank);
        let found = pool.install(|| work(ranks, number));
        (found, std::array::from_fn(|kind| sent[kind].load(Ordering::Relaxed)))
    })
}

fn bits(rows: &Rows) -> Vec<Vec<(u32, u32)>> {
    let row = |row| rows.row(row).iter().map(|entry| (entry.index, entry.value.to_bits())).collect();
    (0..rows.len()).map(row).collect()
}

/// All that an evaluation finds, but for the time it took.
fn found(mut evaluation: Evaluation) -> (String, svm::Model) {
    (evaluation.encode_seconds, evaluation.svm_seconds) = (0.0, 0.0);
    (format!("{evaluation:?}"), evaluation.model)
}

/// The features, the evaluation and the validation.
type Found = (Vec<Vec<(u32, u32)>>, Vec<Vec<(u32, u32)>>, Scaling, (String, svm::Model), String);

fn all_of(
    trained: &Trained,
    samples: (&Samples<'_>, &Samples<'_>),
    plan: Plan<'_>,
    power: f32,
    ranks: Option<&Arc<dyn Ranks>>,
) -> (Found, f64) {
    let how = Encoding { power, drawn: plan.drawn(), ranks, ..Encoding::default() };
    let encoded = Encoded::new(trained, samples.0, Some(samples.1), how, &()).unwrap();
    let evaluation = evaluate(&encoded, plan, &()).unwrap();
    let validation: Validation = validate(&encoded, plan, &()).unwrap();
    let error = evaluation.mean;
    let test = bits(&encoded.test.as_ref().unwrap().rows);
    let (train, scaling) = (bits(&encoded.train.rows), encoded.scaling.clone());
    ((train, test, scaling, found(evaluation), format!("{validation:?}")), error)
}

#[test]
fn any_number_of_processes_evaluates_to_the_same_bits() {
    let (train, test) = (data(230, CLASSES, 0), data(77, CLASSES, 1_000));
    for (name, network, svm, few, power) in CASES {
        let recipe = recipe_of(network, svm);
        let trained = recipe.train(&train, &()).unwrap();
        let samples = (Samples::new(&recipe, &train).unwrap(), Samples::new(&recipe, &test).unwrap());
        let (labels, draws) = (few.map(|(labels, _)| labels), few.map_or(1, |(_, draws)| draws));
        let plan = Plan { labels, draws, seed: 3, svm: &recipe.svm };
        let by =
            |ranks: Option<&Arc<dyn Ranks>>| all_of(&trained, (&samples.0, &samples.1), plan, power, ranks);
        let (alone, error) = by(None);
        assert!(error > 0.0 && error < 0.9, "{name}: {error} of the test samples");
        for size in SIZES {
            for (rank, ((theirs, _), sent)) in
                together(size, |ranks, _| by(Some(ranks))).into_iter().enumerate()
            {
                assert!(theirs.0 == alone.0 && theirs.1 == alone.1, "{name}: features, {size} processes");
                assert_eq!(theirs.2, alone.2, "{name}: scaling, {size} processes");
                assert!(theirs.3 == alone.3, "{name}: evaluation, {size} processes");
                assert_eq!(theirs.4, alone.4, "{name}: validation, {size} processes");
                // All have had something to encode. Of 19 classes, there are three groups.
                assert!(sent[Kind::Features.number()] > 0, "{name}: {rank} of {size} shares no features");
                assert!(rank > 2 || sent[Kind::Classifiers.number()] > 0, "{name}: {rank} of {size}");
            }
        }
    }
}

#[test]
fn there_may_be_fewer_samples_and_classes_than_processes() {
    let (train, test) = (data(9, 2, 0), data(3, 2, 1_000));
    let mut recipe = recipe_of(FC, "c = [0.1, 1.0]");
    recipe.training.batch = 3;
    let trained = recipe.train(&train, &()).unwrap();
    let samples = (Samples::new(&recipe, &train).unwrap(), Samples::new(&recipe, &test).unwrap());
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm };
    let by = |ranks: Option<&Arc<dyn Ranks>>| all_of(&trained, (&samples.0, &samples.1), plan, 1.0, ranks).0;
    let alone = by(None);
    for size in SIZES {
        for (theirs, _) in together(size, |ranks, _| by(Some(ranks))) {
            assert!(theirs == alone, "{size} processes");
        }
    }
}

/// Asks to stop.
struct Stop(AtomicBool);

impl Observer for Stop {
    fn should_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn who_is_asked_to_stop_while_encoding_stops_all() {
    let train = data(60, 3, 0);
    let recipe = recipe_of(FC, "c = [1.0]");
    let trained = recipe.train(&train, &()).unwrap();
    let samples = Samples::new(&recipe, &train).unwrap();
    for size in SIZES {
        let results = together(size, |ranks, rank| {
            let stop = Stop(AtomicBool::new(rank == size - 1));
            let how = Encoding { ranks: Some(ranks), ..Encoding::default() };
            Encoded::new(&trained, &samples, None, how, &stop).map(drop)
        });
        for (result, _) in results {
            assert!(matches!(result, Err(Error::Interrupted(Interrupted::Evaluation))), "{result:?}");
        }
    }
}

#[test]
fn who_cannot_encode_ends_all() {
    let recipe = recipe_of(FC, "c = [1.0]");
    let good = data(60, 3, 0);
    let trained = recipe.train(&good, &()).unwrap();
    for size in SIZES {
        // Of the last sample, which the last process encodes, the features are beyond all numbers there.
        let mut numbers = vec![0.5; 60 * SHAPE.len()];
        numbers[59 * SHAPE.len()..].fill(f32::MAX);
        let bad =
            Dataset::from_floats(SHAPE, numbers).unwrap().with_labels(good.labels.clone().unwrap()).unwrap();
        let results = together(size, |ranks, _| {
            let samples = Samples::new(&recipe, &bad).unwrap();
            let how = Encoding { ranks: Some(ranks), ..Encoding::default() };
            Encoded::new(&trained, &samples, None, how, &()).map(drop)
        });
        let expected = Lost { rank: size - 1, problem: LostProblem::Failed };
        for (rank, (result, _)) in results.into_iter().enumerate() {
            match result {
                Err(Error::Core(_) | Error::Invalid(_)) if rank == size - 1 => {}
                Err(Error::Lost(lost)) if rank < size - 1 => assert_eq!(lost, expected),
                other => panic!("{rank} of {size}: {other:?}"),
            }
        }
    }
}

#[test]
fn who_is_asked_to_stop_while_classifiers_are_trained_stops_all() {
    // Too hard to be solved before it is asked.
    let (rows, features) = (3_000, 60);
    let number = |index: usize| (((index * 7919 % 10007) * 613) % 1009) as f32 / 1009.0;
    let matrix: Vec<f32> = (0..rows * features).map(number).collect();
    let labels: Vec<u16> = (0..rows).map(|row| (row % CLASSES) as u16).collect();
    let rows = Rows::from_dense(features, &matrix).unwrap();
    for size in [2, 5] {
        let results: Vec<(Result<()>, _)> = together(size, |ranks, rank| {
            let stop = Stop(AtomicBool::new(rank == size - 1));
            let hard = svm::Stop::Gradient(1e-12);
            let options =
                svm::Options { stop: hard, max_epochs: usize::MAX, ranks: Some(ranks), ..Default::default() };
            svm::fit(&rows, &labels, CLASSES, 1e6, &options, &stop).map(drop)
        });
        let said: Vec<String> = results.iter().map(|(result, _)| format!("{result:?}")).collect();
        assert!(said[0].contains("Interrupted(Svm"), "{said:?}");
        assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    }
}

#[test]
fn a_process_that_ends_is_noticed() {
    let train = data(60, 3, 0);
    let recipe = recipe_of(FC, "c = [1.0]");
    let trained = recipe.train(&train, &()).unwrap();
    let samples = Samples::new(&recipe, &train).unwrap();
    let plan = Plan { labels: None, draws: 1, seed: 1, svm: &recipe.svm };
    let results = together(3, |ranks, rank| {
        let how = Encoding { ranks: Some(ranks), ..Encoding::default() };
        let encoded = Encoded::new(&trained, &samples, None, how, &()).unwrap();
        if rank == 1 { None } else { Some(validate(&encoded, plan, &()).map(drop)) }
    });
    for (rank, (result, _)) in results.into_iter().enumerate() {
        assert!(matches!((rank, &result), (1, None) | (_, Some(Err(Error::Lost(_))))), "{rank}: {result:?}");
    }
}
