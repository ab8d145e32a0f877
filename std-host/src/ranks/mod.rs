//! The processes of one job, and the messages between them.
//!
//! A job is one training, encoding or evaluation that several processes do together. Each of them is a *rank*,
//! as MPI calls it, and has a number. Everything that ranks do together is written against the trait
//! [`Ranks`], which can do no more than send and receive. So it runs over MPI (the package `wta-mpi`), and is
//! tested by threads of one process ([`threads`]).
//!
//! Messages only move numbers: which rank adds which terms, and in which order, is decided above. That is how
//! the results of several processes are those of one, bit for bit.

mod collective;
pub mod threads;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use collective::{any, each, gather, spread};

/// The processes of a job, seen by one of them.
///
/// All ranks make the same calls in the same order. Between two ranks, messages arrive in the order in which
/// they were sent.
pub trait Ranks: fmt::Debug + Send + Sync {
    /// The number of this process, less than [`size`](Self::size).
    fn rank(&self) -> usize;

    /// How many processes there are, at least 1.
    fn size(&self) -> usize;

    /// Sends a message to another process. Does not wait until it is received.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the other process is gone.
    fn send(&self, to: usize, message: &[u8]) -> Result<(), Lost>;

    /// Waits for the next message from another process. It has the length of `message`.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the other process is gone, or sent a message of another length.
    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), Lost>;
}

/// Another process of the job is gone, or does not do what this one does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("process {rank} of the job {problem}")]
pub struct Lost {
    /// Its number.
    pub rank: usize,
    /// What is wrong with it.
    pub problem: LostProblem,
}

/// What is wrong with another process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LostProblem {
    /// It has ended.
    #[error("has ended")]
    Ended,
    /// It reports that it could not do its part.
    #[error("has failed")]
    Failed,
    /// It sent a message of another length.
    #[error("sent {found} bytes and not {expected}: it runs another version or other settings")]
    Length {
        /// The bytes of the message that was awaited.
        expected: usize,
        /// The bytes of its message.
        found: usize,
    },
    /// The transport says so.
    #[error("cannot be reached: {0}")]
    Transport(String),
}

/// A job of one process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Ranks for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn send(&self, to: usize, _message: &[u8]) -> Result<(), Lost> {
        Err(Lost { rank: to, problem: LostProblem::Ended })
    }

    fn receive(&self, from: usize, _message: &mut [u8]) -> Result<(), Lost> {
        Err(Lost { rank: from, problem: LostProblem::Ended })
    }
}

/// The first processes of a job, if there are more than there is work for. Only they may use it.
#[derive(Clone, Debug)]
pub struct First {
    all: Arc<dyn Ranks>,
    size: usize,
}

impl First {
    /// The first `size` processes of `all`; all, if there are no more.
    pub fn new(all: Arc<dyn Ranks>, size: usize) -> Self {
        let size = size.min(all.size());
        Self { all, size }
    }

    /// Whether this process is one of them.
    pub fn is_one(&self) -> bool {
        self.all.rank() < self.size
    }

    /// All processes of the job.
    pub fn all(&self) -> &dyn Ranks {
        &*self.all
    }
}

impl Ranks for First {
    fn rank(&self) -> usize {
        self.all.rank()
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, message: &[u8]) -> Result<(), Lost> {
        self.all.send(to, message)
    }

    fn receive(&self, from: usize, message: &mut [u8]) -> Result<(), Lost> {
        self.all.receive(from, message)
    }
}

/// The part of `count` things that is rank `rank`'s: parts are as equal as they can be, and in the order of
/// the ranks.
pub fn part(count: usize, rank: usize, size: usize) -> Range<usize> {
    let (each, more) = (count / size, count % size);
    let start = |rank: usize| rank * each + rank.min(more);
    start(rank)..start(rank + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another_and_differ_by_at_most_one() {
        for (count, size) in [(0, 1), (0, 5), (1, 4), (7, 3), (100, 7), (3, 64), (128, 64)] {
            let parts: Vec<_> = (0..size).map(|rank| part(count, rank, size)).collect();
            assert_eq!((parts[0].start, parts[size - 1].end), (0, count));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(parts.iter().all(|p| p.len() == count / size || p.len() == count / size + 1));
        }
    }

    #[test]
    fn a_process_alone_has_nobody_to_talk_to() {
        assert_eq!((Alone.rank(), Alone.size()), (0, 1));
        assert!(Alone.send(1, &[]).is_err() && Alone.receive(1, &mut []).is_err());
        assert_eq!(Alone.send(1, &[]).unwrap_err().to_string(), "process 1 of the job has ended");
    }
}
