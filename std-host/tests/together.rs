//! Several processes, here threads, train together: the bits are those of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use wta::error::Interrupted;
use wta::preprocess::Samples;
use wta::ranks::{Ranks, threads};
use wta::run::Run;
use wta::train::{Options, Outcome, train, train_into};
use wta::{Dataset, Error, Isa, Observer, Recipe, Result, Shape, Trained, recipe};

/// Every kind of network, of sparsity and of what training does besides.
const RECIPES: [(&str, &str); 13] = [
    ("fully-connected", "network = { kind = 'fully-connected', units = [23] }\nsparsity = { lifetime = 0.1 }"),
    (
        "tied, clipped, with dropout",
        "network = { kind = 'fully-connected', units = [23], tied = true }\nsparsity = { lifetime = 0.3 }
        corruption = { hidden = 0.3, input = 0.1 }\n[training]\nclip_gradient = 0.01",
    ),
    (
        "two layers, the best of some epochs",
        "network = { kind = 'fully-connected', units = [13, 11] }\nsparsity = { lifetime = 0.2 }
        [training]\nheld_out = 0.2\npatience = 1",
    ),
    (
        "k-sparse, falling, with revival",
        "network = { kind = 'fully-connected', units = [40], initial = { normal = 0.01 } }
        sparsity = { per-sample = 2, start = 9, falling = 0.5 }\n[training]\nrevive = true",
    ),
    (
        "units by lifetime with revival, from patches",
        "network = { kind = 'fully-connected', units = [40], initial = 'patches', tied = true }
        sparsity = { lifetime = 0.05 }\n[training]\nrevive = true\nheld_out = 0.1",
    ),
    (
        "one convolution, whitened",
        "preprocess = [{ step = 'zca', regulariser = 0.1 }]
        network = { kind = 'convolutional', encoder = [{ maps = 9, kernel = 3 }], decoder_kernel = 3, initial = 'patches' }
        sparsity = { lifetime = 0.2 }",
    ),
    (
        "two convolutions with a stride, whitened by patches",
        "preprocess = [{ step = 'contrast' }, { step = 'zca', regulariser = 0.1, patch = 3 }]
        network = { kind = 'convolutional', encoder = [{ maps = 6, kernel = 3, stride = 2 }, { maps = 7, kernel = 3 }], decoder_kernel = 5 }
        sparsity = { lifetime = 0.2, grid = 2 }",
    ),
    (
        "three convolutions, falling",
        "network = { kind = 'convolutional', encoder = [{ maps = 5, kernel = 5 }, { maps = 6, kernel = 5 }, { maps = 8, kernel = 5 }], decoder_kernel = 7 }
        sparsity = { lifetime = 0.1, start = 0.9, falling = 0.5 }",
    ),
    (
        "spatial sparsity alone, dropout",
        "network = { kind = 'convolutional', encoder = [{ maps = 6, kernel = 3 }], decoder_kernel = 5 }
        sparsity = { }\ncorruption = { hidden = 0.5 }",
    ),
    ("RBM", "network = { kind = 'rbm', hidden = 21, gibbs_steps = 2 }\nsparsity = { }"),
    (
        "WTA-RBM, persistent",
        "network = { kind = 'rbm', hidden = 21, gibbs_steps = 1, persistent = true, mean_bias = true }\nsparsity = { lifetime = 0.3 }",
    ),
    (
        "a stack",
        "preprocess = [{ step = 'standardise' }]
        network = { kind = 'fully-connected', units = [17] }\nsparsity = { lifetime = 0.2 }
        [below]\nname = 'lower'\nabout = 'below'\ndata = { set = 'memory' }
        preprocess = [{ step = 'standardise' }]
        network = { kind = 'convolutional', encoder = [{ maps = 5, kernel = 3 }], decoder_kernel = 3 }
        sparsity = { lifetime = 0.2 }\nfeatures = { pool = { kernel = 2, stride = 2 } }
        training = { epochs = 1, batch = 12, optimizer = 'adam', rate = 1e-3 }",
    ),
    (
        "an RBM on features",
        "network = { kind = 'rbm', hidden = 9, gibbs_steps = 1 }\nsparsity = { }
        [below]\nname = 'lower'\nabout = 'below'\ndata = { set = 'memory' }
        network = { kind = 'rbm', hidden = 30, gibbs_steps = 1 }\nsparsity = { lifetime = 0.4 }
        training = { epochs = 1, batch = 12, optimizer = { sgd = { momentum = 0.5 } }, rate = 0.05 }",
    ),
];

const SHAPE: Shape = Shape::new(1, 8, 7);

fn data() -> Dataset {
    let number = |index: usize| ((index * 7919 % 1009) as f32 / 1009.0).powi(2);
    Dataset::from_floats(SHAPE, (0..110 * SHAPE.len()).map(number).collect::<Vec<f32>>()).unwrap()
}

/// A recipe with a batch that most numbers of processes do not divide.
fn recipe_of(text: &str) -> Recipe {
    let optimizer = if text.contains("'rbm'") { "{ sgd = { momentum = 0.5 } }" } else { "'adam'" };
    let training = format!("[training]\nepochs = 3\nbatch = 10\noptimizer = {optimizer}\nrate = 0.01");
    let with_weights = |line: &str| match line.contains("initial") {
        true => line.to_owned(),
        false => line.replace("network = { kind", "network = { initial = 'he', kind"),
    };
    let text = &text.lines().map(with_weights).collect::<Vec<_>>().join("\n");
    let (before, after) = text.split_once("[training]").unwrap_or((text, ""));
    let (before, below) = before.split_once("[below]").unwrap_or((before, ""));
    let below = if below.is_empty() { String::new() } else { format!("\n[below]{below}") };
    let text =
        format!("name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}\n{before}\n{training}{after}{below}");
    recipe::parse(&text, "test").unwrap()
}

/// All numbers of a network, with those of the layers below and of the preprocessing.
fn numbers(trained: &Trained) -> (Vec<Vec<f32>>, Option<f32>, String) {
    let layers = trained.layers().into_iter().map(|layer| layer.parameters.clone()).collect();
    (layers, trained.below.as_ref().map(|below| below.scale), format!("{:?}", trained.preprocess))
}

/// Runs `work` as one of `size` processes.
fn together<T: Send>(size: usize, work: impl Fn(Options<'_>, usize) -> T + Sync) -> Vec<T> {
    threads::run(size, |rank| {
        let (number, rank) = (rank.rank(), Arc::new(rank) as Arc<dyn Ranks>);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (work, rank) = (&work, &rank);
        pool.install(|| work(Options { ranks: Some(rank), ..Options::default() }, number))
    })
}

fn key(outcome: &Outcome) -> (u32, u64, Option<f64>, f64) {
    (outcome.checksum, outcome.loss.to_bits(), outcome.held_out_loss, outcome.dead_share)
}

#[test]
fn any_number_of_processes_trains_to_the_same_bits() {
    let data = data();
    for (name, text) in RECIPES {
        let recipe = recipe_of(text);
        let samples = Samples::new(&recipe, &data).unwrap();
        let (alone, outcome) = train(&recipe, &samples, Options::default(), &()).unwrap();
        // More than there are images in a batch, and than units.
        for size in [2, 3, 4, 11, 64] {
            for (trained, found) in
                together(size, |options, _| train(&recipe, &samples, options, &()).unwrap())
            {
                assert!(numbers(&trained) == numbers(&alone), "{name}: {size} processes");
                assert_eq!(key(&found), key(&outcome), "{name}: {size} processes");
            }
        }
    }
}

/// Asks to stop after so many steps.
struct StopAfter(AtomicU64);

impl Observer for StopAfter {
    fn advance(&self, done: u64) {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(done.min(1)), Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The metrics without the times.
fn metrics(run: &Run) -> Vec<String> {
    let text = std::fs::read_to_string(run.file("metrics.csv")).unwrap();
    text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
}

#[test]
fn an_interrupted_training_goes_on_with_another_number_of_processes() {
    let data = data();
    for (index, (name, text)) in RECIPES.iter().enumerate() {
        let recipe = recipe_of(text);
        let samples = Samples::new(&recipe, &data).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let whole = Run::new(folder.path().join("whole"));
        let (alone, _) = train_into(&whole, false, &recipe, &samples, Options::default(), &()).unwrap();
        let run = Run::new(folder.path().join("run"));
        let mut finished = false;
        // One of the processes is asked to stop; all stop.
        for (resumes, size) in [4, 1, 3, 64, 2].into_iter().enumerate() {
            let steps = 5 + (index * 3 + resumes * 2) as u64 % 6;
            let results: Vec<Result<_>> = together(size, |options, rank| {
                let stop = StopAfter(AtomicU64::new(if rank == size - 1 { steps } else { u64::MAX }));
                train_into(&run, resumes > 0, &recipe, &samples, options, &stop)
            });
            finished = results.iter().all(Result::is_ok);
            for result in results {
                match result {
                    Ok((trained, _)) => assert!(finished && numbers(&trained) == numbers(&alone), "{name}"),
                    Err(Error::Interrupted(Interrupted::Training { .. } | Interrupted::InMemory)) => {}
                    // In a stack, while the features are encoded.
                    Err(Error::Interrupted(Interrupted::LayersBelow)) => {}
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        }
        if !finished {
            let results = together(3, |options, _| train_into(&run, true, &recipe, &samples, options, &()));
            assert!(
                results.into_iter().all(|result| numbers(&result.unwrap().0) == numbers(&alone)),
                "{name}"
            );
        }
        assert_eq!(metrics(&run), metrics(&whole), "{name}");
        let read = |run: &Run, file: &str| std::fs::read(run.file(file)).unwrap();
        for file in ["model.safetensors", "checkpoint.safetensors"] {
            assert!(read(&run, file) == read(&whole, file), "{name}: {file}");
        }
        // Whoever has nothing to do but ask gets the network, too.
        for result in together(3, |options, _| train_into(&run, true, &recipe, &samples, options, &())) {
            assert!(numbers(&result.unwrap().0) == numbers(&alone), "{name}");
        }
    }
}

#[test]
fn processes_that_differ_are_told_apart_at_the_start() {
    let data = data();
    let recipe = recipe_of(RECIPES[0].1);
    let other_data = Dataset::from_floats(SHAPE, vec![0.25; 110 * SHAPE.len()]).unwrap();
    let few = Dataset::from_floats(SHAPE, vec![0.25; 50 * SHAPE.len()]).unwrap();
    let other_recipe = recipe_of(&RECIPES[0].1.replace("0.1", "0.2"));
    // What the last of three processes has.
    type Case<'a> = (&'a Dataset, &'a Recipe, bool, &'a str);
    let cases: [Case<'_>; 5] = [
        (&other_data, &recipe, false, "another checksum of the samples"),
        (&few, &recipe, false, "another number of samples (50) than the first process (110)"),
        (&data, &other_recipe, false, "another sparsity.lifetime (0.2) than the first process (0.1)"),
        (&data, &recipe, true, "another instruction set (scalar)"),
        (&data, &recipe, false, ""),
    ];
    for (data_of_last, recipe_of_last, is_scalar, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::new(folder.path().join("run"));
        let results = together(3, |options, rank| {
            let last = rank == 2;
            let (data, recipe) = if last { (data_of_last, recipe_of_last) } else { (&data, &recipe) };
            let samples = Samples::new(recipe, data).unwrap();
            let isa = if last && is_scalar { Isa::Scalar } else { options.isa };
            let options = Options { isa, ..options };
            train_into(&run, false, recipe, &samples, options, &()).map_err(|error| error.to_string())
        });
        if expected.is_empty() || (is_scalar && Isa::detect() == Isa::Scalar) {
            assert!(results.iter().all(|result| result.is_ok()));
            continue;
        }
        for result in results {
            let sentence = result.map(|_| ()).unwrap_err();
            assert!(
                sentence.starts_with("process 2 of the job has ") && sentence.contains(expected),
                "{sentence}"
            );
        }
        assert!(!run.exists(), "nothing is written");
    }
}

#[test]
fn all_know_why_a_step_failed() {
    // In one image, which one of the processes reads.
    let mut numbers = vec![0.25; 110 * SHAPE.len()];
    numbers[77 * SHAPE.len() + 5] = 1e30;
    let data = Dataset::from_floats(SHAPE, numbers).unwrap();
    for (name, text) in RECIPES.iter().filter(|(_, text)| !text.contains("kind = 'rbm'")) {
        let text = text.lines().filter(|line| !line.contains("preprocess")).collect::<Vec<_>>().join("\n");
        let recipe = recipe_of(&text.replace("held_out", "#").replace("patience", "#"));
        let samples = Samples::new(&recipe, &data).unwrap();
        let failure = |options: Options<'_>| {
            train(&recipe, &samples, options, &()).map(|_| ()).unwrap_err().to_string()
        };
        let alone = failure(Options::default());
        assert!(alone.contains("1e30"), "{name}: {alone}");
        for size in [2, 3, 10] {
            assert_eq!(together(size, |options, _| failure(options)), vec![alone.clone(); size], "{name}");
        }
    }
}

/// Keeps the lines for people.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[test]
fn the_features_below_a_stack_are_kept_by_all_or_computed_for_every_batch() {
    let data = data();
    for (name, text) in RECIPES.into_iter().filter(|(_, text)| text.contains("[below]")) {
        let recipe = recipe_of(text);
        let samples = Samples::new(&recipe, &data).unwrap();
        let (alone, outcome) = train(&recipe, &samples, Options::default(), &()).unwrap();
        for size in [1, 2, 5, 16] {
            // The last one may be allowed nothing; then nobody keeps them.
            for (all, last) in [(true, true), (true, false), (false, false)] {
                let results = together(size, |options, rank| {
                    let keeps = if rank == size - 1 { last } else { all };
                    let options = Options { memory: if keeps { Options::MEMORY } else { 0 }, ..options };
                    let notes = Notes::default();
                    let (trained, found) = train(&recipe, &samples, options, &notes).unwrap();
                    (trained, found, notes.0.into_inner().unwrap().join("\n"))
                });
                for (trained, found, notes) in results {
                    assert!(numbers(&trained) == numbers(&alone), "{name}: {size} processes");
                    assert_eq!(key(&found), key(&outcome), "{name}: {size} processes");
                    assert_eq!(notes.contains("kept in memory"), all && last, "{name}: {notes}");
                    assert_eq!(notes.contains("too many to keep"), !(all && last), "{name}: {notes}");
                }
            }
        }
    }
}
