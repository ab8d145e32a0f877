//! Memory that each thread has for itself, allocated once.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// One value for each thread of the current rayon pool, and one for a caller outside the pool.
pub(crate) struct PerThread<T> {
    values: Vec<Mutex<T>>,
}

impl<T> PerThread<T> {
    /// Makes as many values as the pool needs.
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self { values: (0..rayon::current_num_threads() + 1).map(|_| Mutex::new(make())).collect() }
    }

    /// Runs `work` with this thread's value.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let index = rayon::current_thread_index().map_or(0, |index| index + 1) % self.values.len();
        // Never contended: each thread of the pool has a value of its own, and the caller outside has the
        // first.
        let mut value = self.values[index].lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut value)
    }
}

impl<T> PerThread<Option<T>> {
    /// Values that are made when a thread first needs one.
    pub(crate) fn empty() -> Self {
        Self::new(|| None)
    }

    /// Runs `work` with this thread's value.
    ///
    /// # Errors
    ///
    /// Those of `make` and of `work`.
    pub(crate) fn with_made<R>(
        &self,
        make: impl FnOnce() -> Result<T>,
        work: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        self.with(|value| match value {
            Some(value) => work(value),
            None => work(value.insert(make()?)),
        })
    }
}
