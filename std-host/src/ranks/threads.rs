//! Ranks that are threads of one process, for tests and for the simulation of networks.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::kind::Kind;
use super::lost::{Lost, LostProblem};
use super::process::Ranks;

/// What a message is about, and its bytes.
type Message = (Kind, Vec<u8>);

/// A rank that is a thread.
#[derive(Debug)]
pub struct ThreadRank {
    rank: usize,
    to: Vec<Sender<Message>>,
    from: Vec<Mutex<Receiver<Message>>>,
}

impl Ranks for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        let ended = Lost { rank: to, problem: LostProblem::Ended };
        let Some(sender) = self.to.get(to) else { return Err(ended) };
        sender.send((kind, message.to_vec())).map_err(|_| ended)
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        let lost = |problem| Lost { rank: from, problem };
        let ended = || lost(LostProblem::Ended);
        let receiver = self.from.get(from).ok_or_else(ended)?.lock().map_err(|_| ended())?;
        let (found, received) = receiver.recv().map_err(|_| ended())?;
        if found != kind {
            return Err(lost(LostProblem::Kind { expected: kind, found }));
        }
        if received.len() != message.len() {
            let (expected, found) = (message.len(), received.len());
            return Err(lost(LostProblem::Length { expected, found }));
        }
        message.copy_from_slice(&received);
        Ok(())
    }
}

/// The ranks of a job of `size` threads, in their order.
pub fn ranks(size: usize) -> Vec<ThreadRank> {
    let mut all: Vec<_> =
        (0..size).map(|rank| ThreadRank { rank, to: Vec::new(), from: Vec::new() }).collect();
    for from in 0..size {
        for to in 0..size {
            let (sender, receiver) = channel();
            // The order of the loops puts each of them at the other rank's number.
            if let Some(rank) = all.get_mut(from) {
                rank.to.push(sender);
            }
            if let Some(rank) = all.get_mut(to) {
                rank.from.push(Mutex::new(receiver));
            }
        }
    }
    all
}

/// Runs `work` on `size` threads, each of them a rank, and returns what they return, in their order.
///
/// # Panics
///
/// If one of the threads does.
pub fn run<T: Send>(size: usize, work: impl Fn(ThreadRank) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = ranks(size).into_iter().map(|rank| scope.spawn(move || work(rank))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
