//! Messages counted, and the time that they take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::kind::Kind;
use super::lost::Lost;
use super::process::Ranks;

/// What a process sent of one kind, and how long it waited for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// The messages sent.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The time in calls of [`Ranks::send`].
    pub sending: Duration,
    /// The time in calls of [`Ranks::receive`].
    pub waiting: Duration,
}

/// What a process sent and waited for, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic([Messages; Kind::ALL.len()]);

impl Traffic {
    /// That of one kind.
    pub fn of(&self, kind: Kind) -> Messages {
        self.0.get(kind.number()).copied().unwrap_or_default()
    }

    /// The time in all calls.
    pub fn time(&self) -> Duration {
        self.0.iter().map(|messages| messages.sending + messages.waiting).sum()
    }

    /// The bytes of all messages sent.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|messages| messages.bytes).sum()
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        for (kind, more) in Kind::ALL.into_iter().zip(other.0) {
            self.change(kind, |messages| {
                messages.count += more.count;
                messages.bytes += more.bytes;
                messages.sending += more.sending;
                messages.waiting += more.waiting;
            });
        }
    }

    fn change(&mut self, kind: Kind, change: impl FnOnce(&mut Messages)) {
        if let Some(messages) = self.0.get_mut(kind.number()) {
            change(messages);
        }
    }
}

/// Processes whose messages are counted.
#[derive(Debug)]
pub struct Metered {
    ranks: Arc<dyn Ranks>,
    traffic: Mutex<Traffic>,
}

impl Metered {
    /// Counts the messages of this process.
    pub fn new(ranks: Arc<dyn Ranks>) -> Self {
        Self { ranks, traffic: Mutex::default() }
    }

    /// What was sent and waited for since the last call.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut self.traffic())
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ranks for Metered {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn send(&self, to: usize, kind: Kind, message: &[u8]) -> Result<(), Lost> {
        let start = Instant::now();
        let sent = self.ranks.send(to, kind, message);
        let taken = start.elapsed();
        self.traffic().change(kind, |messages| {
            messages.count += 1;
            messages.bytes += message.len() as u64;
            messages.sending += taken;
        });
        sent
    }

    fn receive(&self, from: usize, kind: Kind, message: &mut [u8]) -> Result<(), Lost> {
        let start = Instant::now();
        let received = self.ranks.receive(from, kind, message);
        let taken = start.elapsed();
        self.traffic().change(kind, |messages| messages.waiting += taken);
        received
    }
}

#[cfg(test)]
mod tests {
    use super::super::{gather, part, spread, threads};
    use super::*;

    #[test]
    fn what_is_sent_is_counted_by_kind() {
        let found = threads::run(4, |rank| {
            let metered = Metered::new(Arc::new(rank));
            let mut all = [0u32; 8];
            gather(&metered, Kind::Winners, |rank| part(8, rank, 4), &mut all).unwrap();
            spread(&metered, Kind::Totals, 3, &mut all).unwrap();
            let traffic = metered.take();
            assert_eq!(metered.take(), Traffic::default());
            traffic
        });
        for (rank, traffic) in found.iter().enumerate() {
            // The parts of the three others, in two messages.
            let Messages { count, bytes, .. } = traffic.of(Kind::Winners);
            assert_eq!((count, bytes), (2, 3 * 8), "rank {rank}");
            // The one before the root passes nothing on.
            let sends = u64::from(rank != 2);
            let Messages { count, bytes, .. } = traffic.of(Kind::Totals);
            assert_eq!((count, bytes), (sends, sends * 32), "rank {rank}");
            assert_eq!(traffic.bytes(), 24 + sends * 32);
            assert!(traffic.time() > Duration::ZERO);
        }
    }
}
