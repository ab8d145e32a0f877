//! Encoding into a file by several processes: all encode, the first one writes.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::written::{Part, Written};
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve::grow;
use crate::observer::Observer;
use crate::preprocess::Samples;
use crate::ranks::{Fact, Kind, Ranks, Team, agree};
use crate::run::common::facts_of_samples;

/// The most samples that a process encodes in a round, unless a batch has more.
const SAMPLES: usize = 512;

/// The most numbers that it encodes in a round (16 MiB), unless those of a batch are more. The
/// first process may have to hold as much from each of the others.
const NUMBERS: usize = 1 << 22;

/// The most numbers in a message (1 MiB), unless a sample has more.
const PIECE: usize = 1 << 18;

/// What several processes write together. All of them call [`Written::run`] with the same samples; the first
/// one, which may also call [`Written::run_in_parts`], gets the numbers of all of them, in the order and with
/// the bits of one process. The `consume` of the others is never called.
///
/// Samples are encoded in rounds, a block of them by each process. Those so large that they are written in
/// parts ([`Written::has_parts`]) are encoded by the first process alone, while the others wait.
///
/// If the observer of any process asks to stop, all end with [`Error::Interrupted`]. If a process has an
/// error, as a full disk, the others end with [`Error::Lost`].
pub struct Together<'a> {
    written: &'a dyn Written,
    team: Team,
    observer: &'a dyn Observer,
}

impl<'a> Together<'a> {
    /// What these processes write together.
    pub fn new(written: &'a dyn Written, ranks: &Arc<dyn Ranks>, observer: &'a dyn Observer) -> Self {
        Self { written, team: Team::of(Some(ranks)), observer }
    }

    /// `Ok` if all processes encode the same samples.
    fn expect_common(&self, samples: &Samples<'_>) -> Result<()> {
        if self.team.is_alone() {
            return Ok(());
        }
        let mut facts = facts_of_samples("samples", samples)?;
        facts.push(Fact::new("shape of what is written", format!("{:?}", self.dimensions())));
        facts.push(Fact::new("batch", self.batch()));
        Ok(agree(&*self.team.ranks(), &facts)?)
    }

    /// The numbers of a sample.
    fn len(&self) -> usize {
        self.dimensions().iter().product::<usize>().max(1)
    }

    /// How many samples a process encodes in a round: whole batches.
    fn block(&self, samples: usize) -> usize {
        let batch = self.written.batch().max(1);
        let fair = samples.div_ceil(self.team.size());
        let most = SAMPLES.min(NUMBERS / self.len()).min(fair);
        (most / batch).max(1) * batch
    }

    /// Whether any process was asked to stop; `mine` is how this one's work went.
    fn stops(&self, mine: Result<()>) -> Result<bool> {
        self.team.stops(match mine {
            Ok(()) => Ok(self.observer.should_stop()),
            Err(Error::Interrupted(_)) => Ok(true),
            Err(error) => Err(error),
        })
    }

    /// What this process does of a round: its block's numbers. The first process hands them over at once.
    fn encode(
        &self,
        samples: &Samples<'_>,
        block: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let mut numbers = Vec::new();
        if block.is_empty() {
            return Ok(numbers);
        }
        if self.team.is_first() {
            self.written.run_range(samples, block, consume)?;
            return Ok(numbers);
        }
        let len = block.len() * self.len();
        grow(&mut numbers, len, || "the numbers of a block".to_owned())?;
        self.written.run_range(samples, block, &mut |values| {
            numbers.extend_from_slice(values);
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Hands over the block of another process. What is on its way is received after an error, too, so that
    /// the processes can agree what to do.
    fn receive(
        &self,
        from: usize,
        samples: usize,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let ranks = self.team.ranks();
        let (most, len) = (self.piece(), samples * self.len());
        let mut message = vec![0.0f32; most.min(len)];
        let mut done = Ok(());
        for first in (0..len).step_by(most) {
            let message = message.get_mut(..most.min(len - first)).unwrap_or_default();
            ranks.receive(from, Kind::Features, bytemuck::cast_slice_mut(message))?;
            if done.is_ok() {
                done = consume(message);
            }
        }
        done
    }

    /// The numbers in a message: of whole samples.
    fn piece(&self) -> usize {
        (PIECE / self.len()).max(1) * self.len()
    }

    /// The first process works alone; `work` gets what to call before it hands anything over. The others wait
    /// for its end.
    fn first_alone(&self, work: impl FnOnce(&dyn Fn() -> Result<()>) -> Result<()>) -> Result<()> {
        let interrupted = || Error::Interrupted(Interrupted::Encoding);
        if !self.team.is_first() {
            while !self.stops(Ok(()))? {
                if self.team.first_says(false)? {
                    return Ok(());
                }
            }
            return Err(interrupted());
        }
        // Whether the others have gone already.
        let apart = Cell::new(false);
        let done = work(&|| {
            apart.set(true);
            if self.stops(Ok(()))? {
                return Err(interrupted());
            }
            self.team.first_says(false)?;
            apart.set(false);
            Ok(())
        });
        if apart.get() {
            return done;
        }
        if self.stops(done)? {
            return Err(interrupted());
        }
        self.team.first_says(true)?;
        Ok(())
    }
}

impl Written for Together<'_> {
    fn dimensions(&self) -> Vec<usize> {
        self.written.dimensions()
    }

    fn run_range(
        &self,
        samples: &Samples<'_>,
        range: Range<usize>,
        consume: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        self.expect_common(samples)?;
        if self.has_parts() {
            return self.first_alone(|go_on| {
                self.written.run_range(samples, range, &mut |values| {
                    go_on()?;
                    consume(values)
                })
            });
        }
        let (rank, size, each) = (self.team.rank(), self.team.size(), self.block(range.len()));
        let mut done = Ok(());
        let mut first = range.start;
        while first < range.end {
            let block = |rank: usize| {
                let start = (first + rank * each).min(range.end);
                start..(start + each).min(range.end)
            };
            let (numbers, mine) = match done.and_then(|()| self.encode(samples, block(rank), consume)) {
                Ok(numbers) => (numbers, Ok(())),
                Err(error) => (Vec::new(), Err(error)),
            };
            if self.stops(mine)? {
                return Err(Error::Interrupted(Interrupted::Encoding));
            }
            done = Ok(());
            if self.team.is_first() {
                for other in 1..size {
                    let goes_on = done.is_ok();
                    let mut consume = |values: &[f32]| if goes_on { consume(values) } else { Ok(()) };
                    done = done.and(self.receive(other, block(other).len(), &mut consume));
                }
            } else {
                let ranks = self.team.ranks();
                for message in numbers.chunks(self.piece()) {
                    ranks.send(0, Kind::Features, bytemuck::cast_slice(message))?;
                }
            }
            first += size * each;
        }
        // All hear whether the last numbers could be handed over.
        if self.stops(done)? {
            return Err(Error::Interrupted(Interrupted::Encoding));
        }
        Ok(())
    }

    fn run_in_parts(
        &self,
        samples: &Samples<'_>,
        consume: &mut dyn FnMut(Part<'_>) -> Result<()>,
    ) -> Result<()> {
        self.expect_common(samples)?;
        self.first_alone(|go_on| {
            self.written.run_in_parts(samples, &mut |part| {
                go_on()?;
                consume(part)
            })
        })
    }

    fn has_parts(&self) -> bool {
        self.written.has_parts()
    }

    fn batch(&self) -> usize {
        self.written.batch()
    }
}
