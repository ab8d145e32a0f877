//! The processes of an MPI job.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use mpi::Threading;
use mpi::environment::{Universe, initialize_with_threading, processor_name};
use mpi::topology::{Communicator, SimpleCommunicator};
use wta::ranks::{Kind, Lost, Ranks};
use wta_cli::Job;

use crate::mail::Mail;

/// The processes of the MPI job that this process was started in; only this one, if it was started alone.
pub struct MpiRanks {
    rank: usize,
    size: usize,
    here: usize,
    host: String,
    // Dropped in this order: MPI ends when nobody uses it any more.
    mail: Mutex<Mail>,
    _universe: Universe,
}

impl MpiRanks {
    /// Takes up the communication with the other processes. MPI can be started once in a process; it ends
    /// when this is dropped, in the thread that started it. That waits for all other processes to do the
    /// same.
    ///
    /// # Errors
    ///
    /// A sentence, if MPI has been started before, or does not allow threads.
    pub fn start() -> Result<Self, String> {
        let Some((universe, threading)) = initialize_with_threading(Threading::Serialized) else {
            return Err("MPI has been started in this process before".to_owned());
        };
        if threading < Threading::Serialized {
            return Err("this MPI does not allow calls from several threads of a process".to_owned());
        }
        let world = universe.world();
        let here = usize::try_from(world.split_shared(0).size()).unwrap_or(1);
        let (rank, size) = (number(world.rank())?, number(world.size())?);
        let host = processor_name().unwrap_or_else(|_| "a machine without a name".to_owned());
        let mail = Mutex::new(Mail::new(&world)?);
        Ok(Self { rank, size, here, host, mail, _universe: universe })
    }

    fn mail(&self) -> std::sync::MutexGuard<'_, Mail> {
        // A panic leaves nothing half done there.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(of_mpi: i32) -> Result<usize, String> {
    usize::try_from(of_mpi).map_err(|_| format!("MPI gives this process the number {of_mpi}"))
}

impl fmt::Debug for MpiRanks {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "MpiRanks({} of {} on {})", self.rank, self.size, self.host)
    }
}

impl Ranks for MpiRanks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        self.mail().send(to, kind, message)
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        self.mail().receive(from, kind, message)
    }
}

impl Job for MpiRanks {
    fn host(&self) -> &str {
        &self.host
    }

    fn here(&self) -> usize {
        self.here
    }

    fn abort(&self, code: u8) -> ! {
        SimpleCommunicator::world().abort(code.into())
    }
}
