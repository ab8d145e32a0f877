//! Messages by MPI, as [`Ranks`](wta::ranks::Ranks) wants them: a send does not wait, and a receive says what
//! came if it is not what was awaited.
//!
//! The safe interface of `mpi` cannot send what the sender does not keep until it is received. So this file
//! calls MPI itself.

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use mpi::ffi;
use mpi::raw::AsRaw;
use mpi::topology::{Communicator, SimpleCommunicator};
use wta::ranks::{Kind, Lost, LostProblem};

/// The most bytes of one message of MPI, which counts in 32 bits. Longer messages are several.
const MOST: usize = 1 << 30;

/// The messages of this process.
pub(crate) struct Mail {
    // Of our own, so that nobody else's messages come in between.
    communicator: SimpleCommunicator,
    /// Messages on their way, oldest first.
    sending: VecDeque<Sending>,
}

// SAFETY: a communicator and requests are handles, or addresses of objects, of the MPI library. They belong
// to the process and not to a thread, and MPI was started so that any thread may call it, one at a time.
// `Mail` is moved or lent as a whole, so that only one thread has it.
unsafe impl Send for Mail {}

/// A message on its way.
struct Sending {
    request: ffi::MPI_Request,
    /// MPI reads it until the request is complete.
    _message: Vec<u8>,
}

impl Mail {
    /// Between the processes of `world`.
    pub(crate) fn new(world: &SimpleCommunicator) -> Result<Self, String> {
        let communicator = world.duplicate();
        // SAFETY: the communicator is valid as long as it is not dropped, and the handler is MPI's own.
        let code = unsafe { ffi::MPI_Comm_set_errhandler(communicator.as_raw(), ffi::RSMPI_ERRORS_RETURN) };
        check(code).map_err(|problem| format!("MPI: {problem}"))?;
        Ok(Self { communicator, sending: VecDeque::new() })
    }

    pub(crate) fn send(&mut self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        let lost = |problem| Lost { rank: to, problem: LostProblem::Transport(problem) };
        for part in parts(message) {
            let message = part.to_vec();
            let mut request = MaybeUninit::uninit();
            // SAFETY: the buffer has `len` bytes, which fit (`MOST`). It is not moved or freed before the
            // request is complete: `sending` keeps it, and `Drop` waits. The request is written if the call
            // succeeds.
            let code = unsafe {
                ffi::MPI_Isend(
                    message.as_ptr().cast::<c_void>(),
                    message.len() as c_int,
                    ffi::RSMPI_UINT8_T,
                    to as c_int,
                    kind.number() as c_int,
                    self.communicator.as_raw(),
                    request.as_mut_ptr(),
                )
            };
            check(code).map_err(lost)?;
            // SAFETY: the call has succeeded.
            let request = unsafe { request.assume_init() };
            self.sending.push_back(Sending { request, _message: message });
        }
        self.forget_sent().map_err(lost)
    }

    pub(crate) fn receive(&mut self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        let lost = |problem| Lost { rank: from, problem };
        let failed = |problem| lost(LostProblem::Transport(problem));
        for part in parts_mut(message) {
            let (mut arrived, mut status) = (MaybeUninit::uninit(), MaybeUninit::uninit());
            // SAFETY: the communicator is valid; message and status are written if the call succeeds.
            let code = unsafe {
                ffi::MPI_Mprobe(
                    from as c_int,
                    ffi::RSMPI_ANY_TAG,
                    self.communicator.as_raw(),
                    arrived.as_mut_ptr(),
                    status.as_mut_ptr(),
                )
            };
            check(code).map_err(failed)?;
            // SAFETY: the call has succeeded.
            let (mut arrived, status) = unsafe { (arrived.assume_init(), status.assume_init()) };
            let mut len: c_int = 0;
            // SAFETY: the status is of a message that has arrived.
            check(unsafe { ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut len) }).map_err(failed)?;
            if status.MPI_TAG != kind.number() as c_int {
                let found = usize::try_from(status.MPI_TAG).ok().and_then(|number| Kind::ALL.get(number));
                let found = *found.unwrap_or(&Kind::Word);
                return Err(lost(LostProblem::Kind { expected: kind, found }));
            }
            if len as usize != part.len() {
                return Err(lost(LostProblem::Length { expected: part.len(), found: len as usize }));
            }
            // SAFETY: the buffer has as many bytes as the message, which nobody else receives.
            let code = unsafe {
                ffi::MPI_Mrecv(
                    part.as_mut_ptr().cast::<c_void>(),
                    len,
                    ffi::RSMPI_UINT8_T,
                    &mut arrived,
                    ffi::RSMPI_STATUS_IGNORE,
                )
            };
            check(code).map_err(failed)?;
        }
        Ok(())
    }

    /// Frees the messages that have been sent. They mostly are in their order.
    fn forget_sent(&mut self) -> Result<(), String> {
        while let Some(oldest) = self.sending.front_mut() {
            let mut done: c_int = 0;
            // SAFETY: the request is of a send that is not complete yet, as far as is known.
            check(unsafe { ffi::MPI_Test(&mut oldest.request, &mut done, ffi::RSMPI_STATUS_IGNORE) })?;
            if done == 0 {
                break;
            }
            self.sending.pop_front();
        }
        Ok(())
    }
}

impl Drop for Mail {
    fn drop(&mut self) {
        for sending in &mut self.sending {
            // SAFETY: as above. What cannot be sent is of no use to anybody any more.
            unsafe { ffi::MPI_Wait(&mut sending.request, ffi::RSMPI_STATUS_IGNORE) };
        }
    }
}

/// The messages of MPI that a message is sent as: one, though it is empty.
fn parts(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = message.is_empty().then_some(message);
    empty.into_iter().chain(message.chunks(MOST))
}

fn parts_mut(message: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    let (empty, parts) = if message.is_empty() { (Some(message), None) } else { (None, Some(message)) };
    empty.into_iter().chain(parts.into_iter().flat_map(|message| message.chunks_mut(MOST)))
}

/// `Ok` if a call of MPI has succeeded, and otherwise what it says.
fn check(code: c_int) -> Result<(), String> {
    if code == ffi::MPI_SUCCESS as c_int {
        return Ok(());
    }
    let mut text = vec![0u8; ffi::MPI_MAX_ERROR_STRING as usize + 1];
    let mut len: c_int = 0;
    // SAFETY: the buffer is as long as the longest text.
    let told = unsafe { ffi::MPI_Error_string(code, text.as_mut_ptr().cast(), &mut len) };
    if told != ffi::MPI_SUCCESS as c_int {
        return Err(format!("error {code} of MPI"));
    }
    text.truncate(usize::try_from(len).unwrap_or(0));
    Err(String::from_utf8_lossy(&text).into_owned())
}
