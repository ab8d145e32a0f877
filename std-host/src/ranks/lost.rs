//! What can be wrong with another process of a job.

use super::kind::Kind;

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
    /// It differs from the first process in what all must have in common.
    #[error("has another {what} ({theirs}) than the first process ({firsts})")]
    Other {
        /// What it is.
        what: String,
        /// The value that it has.
        theirs: String,
        /// The value of the first process.
        firsts: String,
    },
    /// It sent another message than the one that was awaited.
    #[error("sent {found} and not {expected}: it runs another version or other settings")]
    Kind {
        /// What was awaited.
        expected: Kind,
        /// What it sent.
        found: Kind,
    },
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
