//! Watching a training with an `Observer`, stopping it, and going on in another run of the program.

use std::sync::atomic::{AtomicBool, Ordering};

use wta::preprocess::Samples;
use wta::run::Run;
use wta::train::{Options, train_into};
use wta::{EpochMetrics, Error, Observer, data, recipe};

/// Prints a line for each epoch, and stops after the first.
#[derive(Default)]
struct Watcher {
    stop: AtomicBool,
}

impl Observer for Watcher {
    fn begin(&self, phase: &str, total: u64) {
        println!("{phase}: {total} steps");
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        println!("epoch {} of {epochs}: loss {:.3}, {:.1} s", epoch.epoch, epoch.loss, epoch.seconds);
        self.stop.store(true, Ordering::Relaxed);
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn main() -> wta::Result<()> {
    let folder = std::env::temp_dir().join(format!("wta-watch-{}", std::process::id()));
    let (run, digits) = (Run::new(&folder), data::digits()?);
    let mut recipe = recipe::load("digits-demo")?;
    recipe.set_epochs(2);
    let samples = Samples::new(&recipe, &digits.train)?;
    let train = |resume, observer: &dyn Observer| {
        train_into(&run, resume, &recipe, &samples, Options::default(), observer)
    };
    match train(false, &Watcher::default()) {
        Err(Error::Interrupted(what)) => println!("interrupted: {what}"),
        other => return other.map(|_| ()),
    }
    let (_, outcome) = train(true, &())?;
    println!("resumed to the end: loss {:.3}, weights {:08x}", outcome.loss, outcome.checksum);
    run.remove_folder()
}
