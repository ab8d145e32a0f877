//! The part of the work that is this process's, if several train together.
//!
//! Training image by image is spread by images: each process has some images of every batch, and all weights.
//! Training unit by unit is spread by units: each process has some units with their weights and moments, and
//! the decoder's biases, which all have; the images of a batch are gathered by all.

use std::ops::Range;
use std::sync::Arc;

use wta_core::{Guard, Network, Role};

use crate::error::{Error, Result};
use crate::ranks::{First, Kind, Lost, LostProblem, Ranks, each, gather, gathered, part, spread};

/// How a step went.
const DONE: u64 = 0;
const SKIPPED: u64 = 1;
const FAILED: u64 = 2;

/// What is spread over the processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spread {
    /// The images of a batch.
    Images,
    /// The units of a fully-connected layer.
    Units,
}

/// The part of the work that is this process's.
#[derive(Clone, Debug)]
pub(super) struct Portion {
    /// The processes that have a part.
    ranks: First,
    spread: Spread,
    /// The network, with all its units.
    whole: Network,
    batch: usize,
}

impl Portion {
    /// This process's part of training `whole` with so many images in a batch. More processes than images or
    /// units have no part.
    pub(super) fn new(ranks: Arc<dyn Ranks>, spread: Spread, whole: Network, batch: usize) -> Self {
        let things = match spread {
            Spread::Images => batch,
            Spread::Units => whole.code().channels,
        };
        Self { ranks: First::new(ranks, things), spread, whole, batch }
    }

    /// The processes that have a part.
    pub(super) fn ranks(&self) -> &First {
        &self.ranks
    }

    /// Whether one process does everything.
    pub(super) fn is_alone(&self) -> bool {
        self.ranks.size() == 1
    }

    /// Whether this process has a part.
    pub(super) fn has_part(&self) -> bool {
        self.ranks.is_one()
    }

    /// The network with all its units.
    pub(super) fn whole(&self) -> &Network {
        &self.whole
    }

    /// The network with this process's units; the whole one, if the images are spread.
    pub(super) fn network(&self) -> Result<Network> {
        let Spread::Units = self.spread else { return Ok(self.whole) };
        if self.is_alone() || !self.has_part() {
            return Ok(self.whole);
        }
        let network = Network::fully_connected(self.whole.input().len(), &[self.units().len()])?;
        Ok(if self.whole.is_tied() { network.tied()? } else { network })
    }

    /// Whether this process's parameters and moments are a part of all.
    pub(super) fn is_part(&self) -> bool {
        self.spread == Spread::Units && !self.is_alone()
    }

    /// The images of a batch that this process reads.
    pub(super) fn images(&self) -> Range<usize> {
        if self.has_part() { self.images_of(self.ranks.rank()) } else { 0..0 }
    }

    /// The images of a batch that this process's step works on.
    pub(super) fn images_in_step(&self) -> Range<usize> {
        match self.spread {
            Spread::Images => self.images(),
            Spread::Units => 0..self.batch,
        }
    }

    /// The number of images in a batch.
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Gives every process that has a part an image of a batch, which is the process's that reads it.
    pub(super) fn spread_image(&self, index: usize, image: &mut [f32]) -> Result<()> {
        if self.images_in_step().len() == self.batch {
            return Ok(());
        }
        let root = (0..self.ranks.size()).find(|rank| self.images_of(*rank).contains(&index));
        Ok(spread(&self.ranks, Kind::Images, root.unwrap_or(0), image)?)
    }

    /// The largest of the numbers that the processes with a part give.
    pub(super) fn largest_of_all(&self, mine: f32) -> Result<f32> {
        Ok(each(&self.ranks, mine)?.into_iter().fold(mine, f32::max))
    }

    /// Tells the processes that have no part how a step went: its loss, and how many images were skipped.
    /// Returns that; to those, what they were told.
    pub(super) fn tell_idle(&self, result: Result<f32>, skipped: usize) -> Result<(Result<f32>, usize)> {
        let (all, size) = (self.ranks.all(), self.ranks.size());
        let mut told = [0u64; 3];
        if self.has_part() {
            let state = match &result {
                Ok(_) => DONE,
                Err(Error::Core(_)) if skipped == self.batch => SKIPPED,
                Err(_) => FAILED,
            };
            let loss = result.as_ref().map_or(0, |loss| loss.to_bits());
            told = [state, loss.into(), skipped as u64];
            for idle in (size + all.rank()..all.size()).step_by(size) {
                let sent = all.send(idle, Kind::Word, bytemuck::bytes_of(&told));
                // What went wrong before says more.
                if result.is_ok() {
                    sent?;
                }
            }
            return Ok((result, skipped));
        }
        let teller = all.rank() % size;
        all.receive(teller, Kind::Word, bytemuck::bytes_of_mut(&mut told))?;
        let [state, loss, skipped] = told;
        let result = match state {
            DONE => Ok(f32::from_bits(loss as u32)),
            SKIPPED => Guard::NONE.expect_good(self.batch, 0).map(|_| 0.0).map_err(Error::from),
            _ => Err(Lost { rank: teller, problem: LostProblem::Failed }.into()),
        };
        Ok((result, skipped as usize))
    }

    /// The images that one of the processes reads.
    pub(super) fn images_of(&self, rank: usize) -> Range<usize> {
        part(self.batch, rank, self.ranks.size())
    }

    /// The units whose weights this process has.
    pub(super) fn units(&self) -> Range<usize> {
        self.units_of(self.ranks.rank())
    }

    /// The units whose weights one of the processes has.
    pub(super) fn units_of(&self, rank: usize) -> Range<usize> {
        let units = self.whole.code().channels;
        match self.spread {
            Spread::Images => 0..units,
            Spread::Units => part(units, rank, self.ranks.size()),
        }
    }

    /// Gives every process that has a part the rows of all images. Each has its own images' in `all`.
    pub(super) fn gather_images<T: bytemuck::Pod>(&self, kind: Kind, all: &mut [T]) -> Result<()> {
        let row = all.len() / self.batch;
        let range = |rank| {
            let images = self.images_of(rank);
            images.start * row..images.end * row
        };
        Ok(gather(&self.ranks, kind, range, all)?)
    }

    /// The rows of all units, in their order; `own` are those of this process's.
    pub(super) fn gather_units<T: bytemuck::Pod>(&self, own: &[T]) -> Result<Vec<T>> {
        let row = own.len() / self.units().len();
        let range = |rank| {
            let units = self.units_of(rank);
            units.start * row..units.end * row
        };
        Ok(gathered(&self.ranks, Kind::Word, range, own)?)
    }

    /// The runs of a vector of parameters that belong to one of the processes: for each, where it begins in
    /// the whole vector and its length. They follow one another in the process's own vector.
    pub(super) fn runs_of(&self, rank: usize) -> Vec<Range<usize>> {
        let units = self.units_of(rank);
        let all = self.whole.code().channels.max(1);
        let runs = self.whole.regions().into_iter().map(|region| {
            if region.role == Role::DecoderBias || self.spread == Spread::Images {
                return region.range;
            }
            let row = region.range.len() / all;
            region.range.start + units.start * row..region.range.start + units.end * row
        });
        runs.collect()
    }

    /// Where a number of this process's vector of parameters is in the whole vector.
    pub(super) fn place_in_whole(&self, index: usize) -> usize {
        let mut rest = index;
        for run in self.runs_of(self.ranks.rank()) {
            if rest < run.len() {
                return run.start + rest;
            }
            rest -= run.len();
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads;

    #[test]
    fn the_parts_of_all_processes_are_the_whole_vector() {
        let untied = Network::fully_connected(5, &[7]).unwrap();
        for network in [untied, untied.tied().unwrap()] {
            for size in [1, 2, 3, 7, 9] {
                let portions: Vec<_> = threads::ranks(size)
                    .into_iter()
                    .map(|rank| Portion::new(Arc::new(rank), Spread::Units, network, 4))
                    .collect();
                let mut seen = vec![0; network.parameters_len()];
                for portion in portions.iter().filter(|portion| portion.has_part()) {
                    let runs = portion.runs_of(portion.ranks().rank());
                    let places: Vec<usize> = runs.into_iter().flatten().collect();
                    assert_eq!(places.len(), portion.network().unwrap().parameters_len());
                    for (index, place) in places.into_iter().enumerate() {
                        assert_eq!(portion.place_in_whole(index), place);
                        seen[place] += 1;
                    }
                }
                let (units, biases) = seen.split_at(network.decoder_bias_start());
                assert!(units.iter().all(|count| *count == 1));
                assert!(biases.iter().all(|count| *count == size.min(7)));
            }
        }
    }
}
