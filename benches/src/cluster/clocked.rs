//! A transport by threads with a clock: messages arrive at once, but say when they would have arrived.
//!
//! Every process has a clock of its own. It advances by what the process computes, by the overhead of a
//! message that it sends, and to the arrival of a message that it waits for. Lines carry one message after
//! the other, each way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use wta::ranks::{Kind, Lost, LostProblem, Ranks};

use super::wire::Wire;

/// A process with a clock.
#[derive(Debug)]
pub struct Clocked {
    rank: usize,
    wire: Wire,
    boxes: Arc<[Letterbox]>,
    clock: Mutex<Clock>,
}

/// The times of a process, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    now: f64,
    /// When its line out is free,
    out: f64,
    /// and its line in.
    within: f64,
}

/// The messages to a process, by sender.
#[derive(Debug, Default)]
struct Letterbox {
    letters: Mutex<HashMap<usize, VecDeque<Letter>>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Letter {
    kind: Kind,
    /// When it is at the receiver's line.
    at: f64,
    bytes: Vec<u8>,
}

impl Clocked {
    /// Computes for so long.
    pub fn compute(&self, seconds: f64) {
        lock(&self.clock).now += seconds;
    }

    /// The time of this process's clock, in seconds.
    pub fn now(&self) -> f64 {
        lock(&self.clock).now
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ranks for Clocked {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.boxes.len()
    }

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        let Some(letterbox) = self.boxes.get(to) else {
            return Err(Lost { rank: to, problem: LostProblem::Ended });
        };
        let mut clock = lock(&self.clock);
        clock.now += self.wire.overhead;
        // The first bytes leave when the line is free; the last ones arrive as long after as they take.
        let start = clock.now.max(clock.out);
        clock.out = start + self.wire.time(message.len());
        let letter = Letter { kind, at: start + self.wire.latency, bytes: message.to_vec() };
        lock(&letterbox.letters).entry(self.rank).or_default().push_back(letter);
        letterbox.arrived.notify_all();
        Ok(())
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        let lost = |problem| Lost { rank: from, problem };
        let Some(letterbox) = self.boxes.get(self.rank) else { return Err(lost(LostProblem::Ended)) };
        let mut letters = lock(&letterbox.letters);
        let letter = loop {
            if let Some(letter) = letters.get_mut(&from).and_then(VecDeque::pop_front) {
                break letter;
            }
            letters = letterbox.arrived.wait(letters).unwrap_or_else(PoisonError::into_inner);
        };
        drop(letters);
        if letter.kind != kind {
            return Err(lost(LostProblem::Kind { expected: kind, found: letter.kind }));
        }
        if letter.bytes.len() != message.len() {
            let (expected, found) = (message.len(), letter.bytes.len());
            return Err(lost(LostProblem::Length { expected, found }));
        }
        message.copy_from_slice(&letter.bytes);
        let mut clock = lock(&self.clock);
        clock.within = letter.at.max(clock.within) + self.wire.time(message.len());
        clock.now = clock.now.max(clock.within);
        Ok(())
    }
}

/// The most that a thread's stack takes here.
const STACK: usize = 256 << 10;

/// Runs `work` by so many processes, and returns what they return, in their order.
///
/// # Panics
///
/// If a thread cannot be started, or panics.
pub fn run<T: Send>(size: usize, wire: Wire, work: impl Fn(&Clocked) -> T + Sync) -> Vec<T> {
    let boxes: Arc<[Letterbox]> = (0..size).map(|_| Letterbox::default()).collect();
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..size)
            .map(|rank| {
                let process = Clocked { rank, wire, boxes: Arc::clone(&boxes), clock: Mutex::default() };
                let thread = thread::Builder::new().stack_size(STACK);
                thread.spawn_scoped(scope, move || work(&process))
            })
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.map(|thread| thread.join()) {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => std::panic::resume_unwind(Box::new(error)),
        });
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: Wire = Wire { name: "test", latency: 1.0, bandwidth: 10.0, overhead: 0.25 };

    #[test]
    fn a_message_takes_its_latency_and_its_bytes() {
        let times = run(2, WIRE, |process| {
            if process.rank() == 0 {
                process.compute(3.0);
                process.send(1, Kind::Word, &[0; 20]).unwrap();
                process.send(1, Kind::Word, &[0; 20]).unwrap();
            } else {
                let mut message = [1; 20];
                process.receive(0, Kind::Word, &mut message).unwrap();
                assert_eq!((message, process.now()), ([0; 20], 3.25 + 1.0 + 2.0));
                process.compute(0.5);
                process.receive(0, Kind::Word, &mut message).unwrap();
            }
            process.now()
        });
        // The second one waits for the line.
        assert_eq!(times, [3.5, 3.25 + 2.0 + 1.0 + 2.0]);
    }

    #[test]
    fn who_is_late_does_not_wait() {
        let times = run(2, WIRE, |process| {
            match process.rank() {
                0 => process.send(1, Kind::Word, &[]).unwrap(),
                _ => {
                    process.compute(7.0);
                    process.receive(0, Kind::Word, &mut []).unwrap();
                }
            }
            process.now()
        });
        assert_eq!(times, [0.25, 7.0]);
    }
}
