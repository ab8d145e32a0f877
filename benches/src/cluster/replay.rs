//! A step's messages, replayed: the functions of training move zeros, and computing takes no time but that of
//! the clock.

use wta::ranks::{Kind, Lost, Ranks, gather, part, spread};

use super::clocked::{Clocked, run};
use super::step::Step;
use super::wire::Wire;

/// The time of a step by so many processes of one thread, in seconds: from the start of all to the end of the
/// last.
///
/// # Errors
///
/// None: no process is lost here.
pub fn seconds(step: &Step, wire: Wire, processes: usize) -> Result<f64, Lost> {
    let ends = run(processes, wire, |process| of_one(step, process).map(|()| process.now()));
    ends.into_iter().try_fold(0.0, |latest: f64, end| Ok(latest.max(end?)))
}

fn of_one(step: &Step, process: &Clocked) -> Result<(), Lost> {
    let (rank, size) = (process.rank(), process.size());
    let share = 1.0 / size as f64;
    for _ in 0..step.words {
        let mut words = vec![0u64; size];
        gather(process, Kind::Word, |rank| part(size, rank, size), &mut words)?;
    }
    process.compute(step.shared + step.divided * share);
    for bytes in &step.gathered {
        let mut all = vec![0u8; *bytes];
        gather(process, Kind::Winners, |rank| part(*bytes, rank, size), &mut all)?;
    }
    let all: usize = step.pieces.iter().sum();
    for bytes in &step.pieces {
        let mut piece = vec![0u8; *bytes];
        if rank > 0 {
            process.receive(rank - 1, Kind::Sums, &mut piece)?;
        }
        process.compute(step.chained * share * *bytes as f64 / all as f64);
        if rank + 1 < size {
            process.send(rank + 1, Kind::Sums, &piece)?;
        }
    }
    spread(process, Kind::Totals, size - 1, &mut vec![0u8; all])
}
