//! Fewer processes than a job has.

use std::sync::Arc;

use super::kind::Kind;
use super::lost::Lost;
use super::process::Ranks;

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

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        self.all.send(to, kind, message)
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        self.all.receive(from, kind, message)
    }
}
