//! The processes of one job, and the messages between them.
//!
//! A job is one training that several processes do together. Each of them is a *rank*, as MPI calls it, and
//! has a number. Everything that ranks do together is written against the trait [`Ranks`], which can do no
//! more than send and receive. So it can go over any network, and is tested by threads of one process
//! ([`threads`]).
//!
//! Messages only move numbers: which rank adds which terms, and in which order, is decided above. That is how
//! the results of several processes are those of one, bit for bit.

mod agree;
mod circulate;
mod collective;
mod first;
mod kind;
mod lost;
mod metered;
mod part;
mod process;
mod team;
pub mod threads;

pub use agree::{Fact, agree};
pub(crate) use circulate::{Form, circulate};
pub use collective::{any, each, gather, gathered, spread};
pub use first::First;
pub use kind::Kind;
pub use lost::{Lost, LostProblem};
pub use metered::{Messages, Metered, Traffic};
pub(crate) use part::Parts;
pub use part::part;
pub use process::{Alone, Ranks};
pub(crate) use team::Team;
