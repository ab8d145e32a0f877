//! Several processes, here threads, encode into a file together: its bytes are those of one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wta::encode::{FeatureEncoder, Reconstruction, Together, TrainedCode, Written, write_csr, write_npy};
use wta::error::Interrupted;
use wta::files::atomic::AtomicFile;
use wta::preprocess::Samples;
use wta::ranks::{Lost, LostProblem, Ranks, threads};
use wta::train::{Options, train};
use wta::{Dataset, Error, Isa, Observer, Recipe, Result, Shape, Trained, recipe};

const SIZES: [usize; 5] = [1, 2, 3, 5, 16];

/// Not whole batches of 10. Two processes need more than one round for them.
const SAMPLES: usize = 1_103;

const SHAPE: Shape = Shape::new(2, 4, 3);

const FC: &str =
    "network = { kind = 'fully-connected', units = [11], initial = 'he' }\nsparsity = { lifetime = 0.3 }";
const CONV: &str = "network = { kind = 'convolutional', encoder = [{ maps = 5, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
    sparsity = { lifetime = 0.2 }\nfeatures = { pool = { kernel = 2, stride = 2 } }";
const BELOW: &str = "[below]\nname = 'lower'\nabout = 'below'\ndata = { set = 'memory' }
    network = { kind = 'convolutional', encoder = [{ maps = 4, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
    sparsity = { lifetime = 0.2 }
    training = { epochs = 1, batch = 12, optimizer = 'adam', rate = 1e-3 }";

fn recipe_of(network: &str, below: &str) -> Recipe {
    let text = format!(
        "name = 'x'\nabout = 'x'\ndata = {{ set = 'memory' }}\n{network}
        [training]\nepochs = 1\nbatch = 10\noptimizer = 'adam'\nrate = 0.01\n{below}"
    );
    recipe::parse(&text, "test").unwrap()
}

fn data(shape: Shape, samples: usize) -> Dataset {
    let number = |index: usize| ((index * 7919 % 10007 * 613 % 1009) as f32 / 1009.0).powi(2);
    Dataset::from_floats(shape, (0..samples * shape.len()).map(number).collect::<Vec<f32>>()).unwrap()
}

fn trained(recipe: &Recipe, samples: &Samples<'_>) -> Trained {
    train(recipe, samples, Options::default(), &()).unwrap().0
}

/// Runs `work` as each of `size` processes, with a thread each.
fn together<T: Send>(size: usize, work: impl Fn(&Arc<dyn Ranks>, usize) -> T + Sync) -> Vec<T> {
    threads::run(size, |rank| {
        let (number, rank) = (rank.rank(), Arc::new(rank) as Arc<dyn Ranks>);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (work, ranks) = (&work, &rank);
        pool.install(|| work(ranks, number))
    })
}

/// Writes a file, sparse by its name.
fn write(written: &dyn Written, samples: &Samples<'_>, path: &Path) -> Result<()> {
    let file = AtomicFile::create(path)?;
    if path.extension().is_some_and(|ending| ending == "npz") {
        write_csr(written, samples, file).map(drop)
    } else {
        write_npy(written, samples, file).map(drop)
    }
}

/// What a process does: the first one writes the file, the others help.
fn part(together: &Together<'_>, samples: &Samples<'_>, path: &Path, rank: usize) -> Result<()> {
    if rank == 0 {
        return write(together, samples, path);
    }
    together.run(samples, &mut |_| panic!("process {rank} consumes nothing"))
}

/// Each way of writing: for this network and these samples.
fn ways<'a>(trained: &'a Trained, samples: &Samples<'_>) -> Vec<(&'static str, Box<dyn Written + 'a>)> {
    let isa = Isa::detect();
    vec![
        ("dense.npy", Box::new(FeatureEncoder::new(isa, trained).unwrap())),
        ("dense.npz", Box::new(FeatureEncoder::new(isa, trained).unwrap())),
        ("trained.npy", Box::new(TrainedCode::new(isa, trained).unwrap())),
        ("trained.npz", Box::new(TrainedCode::new(isa, trained).unwrap())),
        ("made.npy", Box::new(Reconstruction::new(isa, trained, samples).unwrap())),
    ]
}

#[test]
fn any_number_of_processes_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, network, below) in [("fc", FC, ""), ("conv", CONV, ""), ("stack", FC, BELOW)] {
        let recipe = recipe_of(network, below);
        // Also fewer than processes, and than a batch.
        for count in [SAMPLES, 37, 4] {
            let data = data(SHAPE, count.max(20));
            let all = Samples::new(&recipe, &data).unwrap();
            let trained = trained(&recipe, &all);
            let samples = all.copy_of(&(0..count).collect::<Vec<usize>>()).unwrap();
            for (file, written) in ways(&trained, &samples) {
                write(&*written, &samples, &folder.join(file)).unwrap();
            }
            for size in SIZES {
                let ours = folder.join("ours");
                std::fs::create_dir_all(&ours).unwrap();
                together(size, |ranks, rank| {
                    for (file, written) in ways(&trained, &samples) {
                        let together = Together::new(&*written, ranks, &());
                        part(&together, &samples, &ours.join(file), rank).unwrap();
                    }
                });
                for (file, _) in ways(&trained, &samples) {
                    let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
                    assert!(read(folder) == read(&ours), "{name}, {file}: {count} samples, {size} processes");
                }
            }
        }
    }
}

/// Asks to stop when it is asked the so-manieth time.
struct StopAt(AtomicU64);

impl StopAt {
    fn never() -> Self {
        Self(u64::MAX.into())
    }

    fn after(times: u64) -> Self {
        Self(times.into())
    }
}

impl Observer for StopAt {
    fn should_stop(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }
}

/// Pictures that are encoded in bands, and written in parts.
fn large() -> (Recipe, Dataset, Trained) {
    let recipe = recipe_of(
        "network = { kind = 'convolutional', encoder = [{ maps = 66, kernel = 3 }], decoder_kernel = 3, initial = 'he' }
        sparsity = { lifetime = 0.2 }\nfeatures = { pool = { kernel = 16, stride = 16 } }",
        "",
    );
    let small = data(Shape::new(1, 20, 20), 10);
    let learnt = trained(&recipe, &Samples::new(&recipe, &small).unwrap());
    let large = data(Shape::new(1, 512, 512), 2);
    let resolved = Arc::new(recipe.resolve(large.shape()).unwrap());
    let preprocess = wta::preprocess::Preprocess::none(large.shape()).into();
    let trained =
        Trained { resolved, parameters: learnt.parameters, preprocess, below: None, thresholds: None };
    (recipe, large, trained)
}

#[test]
fn large_pictures_are_encoded_by_the_first_process_while_the_others_wait() {
    let (recipe, data, trained) = large();
    let samples = Samples::new(&recipe, &data).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let encoder = FeatureEncoder::new(Isa::detect(), &trained).unwrap();
    assert!(Written::has_parts(&encoder), "they are to be large");
    for name in ["ours.npy", "ours.npz"] {
        let (ours, alone) = (folder.path().join(name), folder.path().join(name.replace("ours", "alone")));
        write(&encoder, &samples, &alone).unwrap();
        together(3, |ranks, rank| {
            part(&Together::new(&encoder, ranks, &()), &samples, &ours, rank).unwrap();
        });
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&alone).unwrap(), "{name}");
    }
    // A stop of the last one, and a disk that is full.
    for (name, asked) in [("ours.npy", 0), ("ours.npz", 0), ("ours.npy", 1), ("ours.npz", 1)] {
        let path = folder.path().join(format!("stopped-{asked}-{name}"));
        let results = together(3, |ranks, rank| {
            let stop = if rank == 2 { StopAt::after(asked) } else { StopAt::never() };
            part(&Together::new(&encoder, ranks, &stop), &samples, &path, rank)
        });
        for result in results {
            assert!(matches!(result, Err(Error::Interrupted(Interrupted::Encoding))), "{result:?}");
        }
        assert!(!path.exists());
    }
    let results = together(3, |ranks, rank| {
        let together = Together::new(&encoder, ranks, &());
        if rank > 0 {
            return together.run(&samples, &mut |_| Ok(()));
        }
        let parts = Cell::new(0);
        together.run_in_parts(&samples, &mut |_| {
            parts.set(parts.get() + 1);
            if parts.get() == 2 { Err(Error::Invalid("the disk is full".to_owned())) } else { Ok(()) }
        })
    });
    expect_failed(&results, 0, |error| error.to_string() == "the disk is full");
}

/// One process has its own error, and the others name it.
fn expect_failed(results: &[Result<()>], failed: usize, is_own: impl Fn(&Error) -> bool) {
    let expected = Lost { rank: failed, problem: LostProblem::Failed };
    for (rank, result) in results.iter().enumerate() {
        match result {
            Err(error) if rank == failed => assert!(is_own(error), "{error:?}"),
            Err(Error::Lost(lost)) if rank != failed => assert_eq!(*lost, expected, "{rank}"),
            other => panic!("process {rank} of {}: {other:?}", results.len()),
        }
    }
}

#[test]
fn a_disk_that_is_full_ends_all() {
    let (recipe, data) = (recipe_of(FC, ""), data(SHAPE, SAMPLES));
    let samples = Samples::new(&recipe, &data).unwrap();
    let trained = trained(&recipe, &samples);
    for size in SIZES {
        // At once, in the blocks of others, in a later round, and at the very end.
        for most in [0, 40, 500, 1_050, SAMPLES - 1] {
            let results = together(size, |ranks, rank| {
                let codes = TrainedCode::new(Isa::detect(), &trained).unwrap();
                let left = Cell::new(most);
                Together::new(&codes, ranks, &()).run(&samples, &mut |numbers| {
                    assert_eq!(rank, 0);
                    let left_then = left.get().checked_sub(numbers.len() / 11);
                    left.set(left_then.ok_or_else(|| Error::Invalid("the disk is full".to_owned()))?);
                    Ok(())
                })
            });
            expect_failed(&results, 0, |error| error.to_string() == "the disk is full");
        }
    }
}

/// Cannot encode the last sample.
struct Broken<'a>(&'a dyn Written);

impl Written for Broken<'_> {
    fn dimensions(&self) -> Vec<usize> {
        self.0.dimensions()
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        if range.contains(&(SAMPLES - 1)) {
            return Err(Error::Invalid("broken".to_owned()));
        }
        self.0.run_range(samples, range, consume)
    }
}

#[test]
fn who_cannot_encode_ends_all() {
    let (recipe, data) = (recipe_of(FC, ""), data(SHAPE, SAMPLES));
    let samples = Samples::new(&recipe, &data).unwrap();
    let trained = trained(&recipe, &samples);
    for size in SIZES {
        // Who encodes the last sample: in the second round of two processes, the first one.
        let last = if size == 2 { 0 } else { size - 1 };
        let results = together(size, |ranks, _| {
            let encoder = FeatureEncoder::new(Isa::detect(), &trained).unwrap();
            Together::new(&Broken(&encoder), ranks, &()).run(&samples, &mut |_| Ok(()))
        });
        expect_failed(&results, last, |error| error.to_string() == "broken");
    }
}

#[test]
fn who_is_asked_to_stop_stops_all() {
    let (recipe, data) = (recipe_of(FC, ""), data(SHAPE, SAMPLES));
    let samples = Samples::new(&recipe, &data).unwrap();
    let trained = trained(&recipe, &samples);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("codes.npy");
    for size in SIZES {
        // In the first round, and at the end.
        for asked in [0, 1] {
            let results = together(size, |ranks, rank| {
                let codes = TrainedCode::new(Isa::detect(), &trained).unwrap();
                let stop = if rank == size - 1 { StopAt::after(asked) } else { StopAt::never() };
                part(&Together::new(&codes, ranks, &stop), &samples, &path, rank)
            });
            for result in results {
                assert!(matches!(result, Err(Error::Interrupted(Interrupted::Encoding))), "{result:?}");
            }
            assert!(!path.exists(), "{size} processes");
        }
        // The first one's consumer may be who is asked, as in the program.
        let results = together(size, |ranks, _| {
            let codes = TrainedCode::new(Isa::detect(), &trained).unwrap();
            let stop = |_: &[f32]| Err(Error::Interrupted(Interrupted::Encoding));
            Together::new(&codes, ranks, &()).run(&samples, &mut { stop })
        });
        for result in results {
            assert!(matches!(result, Err(Error::Interrupted(Interrupted::Encoding))), "{result:?}");
        }
    }
}
