//! Work of a dependency that cannot be asked whether to stop: products and factorisations of large matrices.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// How long a wish to stop may wait.
const PATIENCE: Duration = Duration::from_millis(20);

/// Threads of their own, as many as there are, for work that can only be left alone. Products of matrices
/// reserve memory for each thread, as large as the processor's last cache, which is given back with them.
pub(crate) struct Aside {
    threads: ThreadPool,
}

impl Aside {
    pub(crate) fn new() -> Result<Self> {
        let threads = ThreadPoolBuilder::new().num_threads(rayon::current_num_threads()).build();
        let failed = |error| Error::Invalid(format!("threads for matrices cannot be started: {error}"));
        Ok(Self { threads: threads.map_err(failed)? })
    }

    /// Does some work, and asks meanwhile whether to stop. When `ask` gives an error, that is the result; the
    /// work then goes on alone to its end, keeps what it owns until then, and nobody hears of it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        ask: &dyn Fn() -> Result<()>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = channel();
        self.threads.spawn(move || {
            // Nobody listens when the work was left alone.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(RecvTimeoutError::Timeout) => ask()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Invalid("a thread for matrices has ended early".to_owned()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::error::Interrupted;

    #[test]
    fn work_is_done_or_left_alone() {
        let aside = Aside::new().unwrap();
        assert_eq!(aside.run(&|| Ok(()), || 6 * 7).unwrap(), 42);
        let start = Instant::now();
        let stop = || Err(Error::Interrupted(Interrupted::InMemory));
        let found = aside.run(&stop, || std::thread::sleep(Duration::from_secs(5)));
        assert!(matches!(found, Err(Error::Interrupted(_))) && start.elapsed() < Duration::from_secs(2));
    }
}
