//! Prints what clusters make of a training step: `cargo run --release -p wta-benches --example cluster`.
//!
//! It measures the cases on one thread here, and computes the rest ([`wta_benches::cluster`]).

use std::error::Error;

use wta_benches::cases;
use wta_benches::cluster::model::parts;
use wta_benches::cluster::replay;
use wta_benches::cluster::step::Step;
use wta_benches::cluster::wire::Wire;

/// The cases, and whether they are spread by images.
const CASES: [(&str, bool); 2] = [("conv128", true), ("fc2000", false)];

const PROCESSES: [usize; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// The largest number of processes that are replayed: more threads than that take long.
const REPLAYED: usize = 256;

/// The most bytes of all processes' messages in a replay, which may all be on their way at once.
const MESSAGES: usize = 1 << 31;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for case in cases()? {
        let Some((_, by_images)) = CASES.into_iter().find(|(name, _)| *name == case.name) else { continue };
        let step = pool.install(|| Step::measured(&case, by_images))?;
        println!(
            "\n{}: {:.1} ms alone; {:.1} ms of it computed by all, {:.1} ms divided, {:.1} ms in sums of {} pieces",
            step.name,
            1e3 * step.alone(),
            1e3 * step.shared,
            1e3 * step.divided,
            1e3 * step.chained,
            step.pieces.len()
        );
        for grows in [false, true] {
            println!("{}", if grows { "\nbatch of 100 for each process" } else { "\nbatch of 100" });
            println!(
                "network      processes   ms a step   replayed   computing   gathering   chain   spreading   efficiency"
            );
            for wire in Wire::ALL {
                for processes in PROCESSES {
                    let factor = if grows { processes } else { 1 };
                    let step = step.of_batch(factor);
                    let of = parts(&step, wire, processes);
                    let messages = processes
                        * 2
                        * (step.pieces.iter().sum::<usize>() + step.gathered.iter().sum::<usize>());
                    let replayed = match processes <= REPLAYED && messages <= MESSAGES {
                        true => format!("{:10.2}", 1e3 * replay::seconds(&step, wire, processes)?),
                        false => "         -".to_owned(),
                    };
                    println!(
                        "{:12} {processes:9} {:11.2} {replayed} {:11.2} {:11.2} {:7.2} {:11.2} {:12.2}",
                        wire.name,
                        1e3 * of.seconds(),
                        1e3 * of.computing,
                        1e3 * of.gathering,
                        1e3 * of.chain,
                        1e3 * of.spreading,
                        step.alone() / of.seconds() / processes as f64
                    );
                }
            }
        }
    }
    Ok(())
}
