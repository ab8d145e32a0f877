//! A process of a job, and what it can do.

use std::fmt;

use super::kind::Kind;
use super::lost::{Lost, LostProblem};

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
    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost>;

    /// Waits for the next message from another process. It is of this kind and has the length of `message`.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the other process is gone, or sent another message.
    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost>;
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

    fn send(&self, to: usize, _kind: Kind, _message: &[u8]) -> Result<(), Lost> {
        Err(Lost { rank: to, problem: LostProblem::Ended })
    }

    fn receive(&self, from: usize, _kind: Kind, _message: &mut [u8]) -> Result<(), Lost> {
        Err(Lost { rank: from, problem: LostProblem::Ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_alone_has_nobody_to_talk_to() {
        assert_eq!((Alone.rank(), Alone.size()), (0, 1));
        assert!(Alone.send(1, Kind::Word, &[]).is_err() && Alone.receive(1, Kind::Word, &mut []).is_err());
        assert_eq!(Alone.send(1, Kind::Word, &[]).unwrap_err().to_string(), "process 1 of the job has ended");
    }
}
