//! Who survives where units compete with one another: within each sample, or over the whole batch.
//!
//! ```text
//! units ──codes──▶ rows over the batch ──the largest of every few units──▶ a bound for each image
//!                        │                                                       │
//!                        └────────────── candidates at or above the bound ◀──────┘
//!                                                    │ the cut: exactly k
//!                                                    ▼
//!                                          survivors of each image
//! ```
//!
//! The k-th largest of the largest activations of groups of units is at most the k-th largest of all
//! activations. So it bounds what can survive, and of thousands of activations a few more than k are left
//! over, of which the exact cut is taken.
//!
//! Of several processes, each has the codes of its own units. They send each other the values of their
//! candidates, at most k of each image, so that all find the same cut.

use rayon::prelude::*;
use wta_core::{Cut, Error as CoreError, Kernels, Selection, Units, cut, of_batch};

use super::lists::{ByImage, UNITS_PER_TASK, units_per_product};
use crate::error::Result;
use crate::memory::aligned::Aligned;
use crate::ranks::{Kind, Ranks, gathered};
use crate::train::step::portion::Portion;
use crate::train::step::shared::{Common, State};

/// The units of which the largest activation is taken: so many, or all of [`UNITS_PER_TASK`].
const GROUP: usize = 8;

/// Groups for each survivor, or more: then hardly more activations than survive reach the bound.
const GROUPS: usize = 8;

/// Images that are compared with their bounds at a time.
const LANES: usize = 16;

/// The codes of a batch, and what bounds its survivors.
pub(super) struct Winners {
    /// The activations of each unit over the batch, in rows of whole panels.
    codes: Aligned,
    /// Of each group of units, the largest activation for each image; in rows of the same width.
    largest: Aligned,
    width: usize,
    /// The units of a group.
    group: usize,
    candidates: Vec<Vec<(u32, u32, f32)>>,
}

impl Winners {
    /// The memory for the codes of so many units.
    pub(super) fn new<K: Kernels>(common: &Common<K>) -> Self {
        let units = common.network.code().channels;
        let width = Units::width(common.kernels, common.training.batch);
        let wanted = match common.training.sparsity.selection {
            Selection::PerSample { count } | Selection::Batch { count } => count.saturating_mul(GROUPS),
            Selection::All | Selection::Lifetime { .. } => 0,
        };
        let group = if units / UNITS_PER_TASK > wanted { UNITS_PER_TASK } else { GROUP };
        Self {
            codes: Aligned::zeros(units * width),
            largest: Aligned::zeros(units.div_ceil(group) * width),
            width,
            group,
            candidates: Vec::new(),
        }
    }

    /// Computes the codes of all of this process's units.
    pub(super) fn encode<K: Kernels>(
        &mut self,
        units: &Units<'_, K>,
        state: &State<'_, K>,
        rows: &[f32],
        prepared: &[f32],
    ) -> Result<()> {
        let (width, group, batch) = (self.width, self.group, state.common.training.batch);
        let per_task = units_per_product(batch, state.common.network.input().len());
        let (all, first) = (state.portion.whole().code().channels, state.portion.units().start);
        let tasks = self.codes.par_chunks_mut(per_task * width);
        let tasks = tasks.zip(self.largest.par_chunks_mut(per_task / group * width));
        let broken = tasks
            .enumerate()
            .map(|(task, (codes, largest))| {
                units.activations(task * per_task, batch, rows, prepared, codes)?;
                for (codes, largest) in codes.chunks(group * width).zip(largest.chunks_mut(width)) {
                    largest.fill(0.0);
                    for row in codes.chunks_exact(width) {
                        let places = largest.iter_mut().zip(row);
                        places.for_each(|(to, code)| *to = if *code > *to { *code } else { *to });
                    }
                }
                let broken = codes.chunks_exact(width).enumerate().filter_map(|(unit, row)| {
                    let image = first_broken(row)?;
                    Some(image * all + first + task * per_task + unit)
                });
                wta_core::Result::Ok(broken.min())
            })
            .try_reduce(|| None, |a, b| Ok(a.into_iter().chain(b).min()))?;
        match broken {
            Some(index) => Err(CoreError::NotFinite { what: "candidates", index }.into()),
            None => Ok(()),
        }
    }

    /// Finds the survivors of each image.
    pub(super) fn select<K: Kernels>(&mut self, state: &State<'_, K>, survivors: &mut ByImage) -> Result<()> {
        let batch = state.common.training.batch;
        match state.common.training.sparsity.selection {
            Selection::Batch { count } => {
                let keep = of_batch(count, batch);
                let bound = self.bound_of_all(keep, batch);
                self.collect(&vec![bound; batch], |_| true, survivors);
                of_all(state.portion, keep, survivors)
            }
            Selection::PerSample { count } => {
                let bounds = self.bounds(state.common.kernels, count, batch)?;
                self.collect(&bounds, |_| true, survivors);
                of_each(state.portion, count, survivors)
            }
            // Units do not compete with one another.
            Selection::All | Selection::Lifetime { .. } => Ok(()),
        }
    }

    /// The activations of each unit over the batch, and zeros.
    pub(super) fn rows(&self) -> impl IndexedParallelIterator<Item = &[f32]> {
        self.codes.par_chunks_exact(self.width)
    }

    /// Finds the `count` largest activations of each image among some of the units.
    pub(super) fn select_among(
        &mut self,
        is_chosen: impl Fn(usize) -> bool + Sync,
        count: usize,
        batch: usize,
        survivors: &mut ByImage,
    ) -> Result<()> {
        self.collect(&vec![SMALLEST; batch], is_chosen, survivors);
        let cuts = cuts_of(count, survivors)?;
        survivors.retain(|image, place, _, value| keeps(&cuts, image, place, value));
        Ok(())
    }

    /// For each image, what its `count`-th largest activation is not below.
    fn bounds<K: Kernels>(&self, kernels: K, count: usize, batch: usize) -> Result<Vec<f32>> {
        let none = Cut { threshold: 0.0, ties_below: 0 };
        let mut cuts = vec![none; batch];
        if self.largest.len() / self.width > count {
            let pieces = cuts.par_chunks_mut(LANES).enumerate();
            pieces.try_for_each_init(Vec::new, |columns, (piece, cuts)| {
                // Packed, as the search reads them many times: in rows of a power of two all would fall
                // into a few places of the caches.
                let start = piece * LANES;
                let end = self.width.min(start + LANES);
                columns.clear();
                let rows = self.largest.chunks_exact(self.width);
                rows.for_each(|row| columns.extend_from_slice(row.get(start..end).unwrap_or_default()));
                // Those of the padding, too: by whole vectors.
                let mut found = [none; LANES];
                let found = found.get_mut(..end - start).unwrap_or_default();
                kernels.lifetime_cuts(columns, end - start, 0, count, found)?;
                cuts.iter_mut().zip(found).for_each(|(to, cut)| *to = *cut);
                wta_core::Result::Ok(())
            })?;
        }
        Ok(cuts.into_iter().map(|cut| cut.threshold.max(SMALLEST)).collect())
    }

    /// What the `keep`-th largest activation of the batch is not below.
    fn bound_of_all(&self, keep: usize, batch: usize) -> f32 {
        let rows = self.largest.chunks_exact(self.width);
        // The bits of positive numbers are ordered as they are.
        let mut largest: Vec<u32> =
            rows.flat_map(|row| row.iter().take(batch)).filter(|v| **v > 0.0).map(|v| v.to_bits()).collect();
        if largest.len() < keep || keep == 0 {
            return SMALLEST;
        }
        let place = largest.len() - keep;
        f32::from_bits(*largest.select_nth_unstable(place).1)
    }

    /// Collects the activations of chosen units that are not below their image's bound.
    fn collect(&mut self, bounds: &[f32], is_chosen: impl Fn(usize) -> bool + Sync, to: &mut ByImage) {
        let width = self.width;
        // Padding is 0, and so below.
        let mut padded = bounds.to_vec();
        padded.resize(width.next_multiple_of(LANES), f32::INFINITY);
        let tasks = self.codes.len().div_ceil(UNITS_PER_TASK * width);
        self.candidates.resize(tasks, Vec::new());
        let codes = self.codes.par_chunks(UNITS_PER_TASK * width);
        codes.zip(&mut self.candidates).enumerate().for_each(|(task, (codes, found))| {
            found.clear();
            let units = (task * UNITS_PER_TASK..).zip(codes.chunks_exact(width));
            for (unit, row) in units.filter(|(unit, _)| is_chosen(*unit)) {
                for (piece, (codes, bounds)) in row.chunks(LANES).zip(padded.chunks_exact(LANES)).enumerate()
                {
                    // Without a branch for each, so that the compiler can use vector instructions.
                    let any =
                        codes.iter().zip(bounds).fold(false, |any, (code, bound)| any | (code >= bound));
                    if !any {
                        continue;
                    }
                    let above = (piece * LANES..).zip(codes.iter().zip(bounds)).filter(|(_, (c, b))| c >= b);
                    found.extend(above.map(|(image, (code, _))| (image as u32, unit as u32, *code)));
                }
            }
        });
        to.sort(bounds.len(), || self.candidates.iter().flatten().copied());
    }
}

/// The smallest number above 0.
const SMALLEST: f32 = f32::from_bits(1);

/// The place of the first number that is not finite.
fn first_broken(row: &[f32]) -> Option<usize> {
    // Without a branch for each, as it is looked for in every step.
    let worst = row.iter().fold(0, |worst: u32, v| worst.max(v.to_bits() & 0x7FFF_FFFF));
    if worst < f32::INFINITY.to_bits() {
        return None;
    }
    row.iter().position(|v| !v.is_finite())
}

fn keeps(cuts: &[Cut], image: usize, place: usize, value: f32) -> bool {
    cuts.get(image).is_some_and(|cut| cut.keeps(place, value))
}

/// The cut of each image.
fn cuts_of(count: usize, survivors: &ByImage) -> Result<Vec<Cut>> {
    let images: Vec<usize> = (0..survivors.len()).collect();
    let cuts = images.into_par_iter().map(|image| cut(survivors.of(image).0.iter().copied(), count));
    Ok(cuts.collect::<wta_core::Result<_>>()?)
}

/// Leaves of each image the `count` largest over all processes.
fn of_each(portion: &Portion, count: usize, survivors: &mut ByImage) -> Result<()> {
    let images = survivors.len();
    let cuts = cuts_of(count, survivors)?;
    survivors.retain(|image, place, _, value| keeps(&cuts, image, place, value));
    if !portion.is_alone() {
        // Each process's values of each image, then zeros.
        let (ranks, row) = (portion.ranks(), count.min(portion.whole().code().channels));
        let mut own = vec![0.0f32; images * row];
        for (image, to) in own.chunks_exact_mut(row).enumerate() {
            to.iter_mut().zip(survivors.of(image).0).for_each(|(to, value)| *to = *value);
        }
        let range = |rank| rank * images * row..(rank + 1) * images * row;
        let all: Vec<f32> = gathered(ranks, Kind::Winners, range, &own)?;
        let values = |image: usize| {
            let of_ranks = all.chunks_exact(images * row);
            of_ranks.flat_map(move |of_rank| of_rank.iter().skip(image * row).take(row).copied())
        };
        let cuts: Vec<Cut> =
            (0..images).map(|image| cut(values(image), count)).collect::<wta_core::Result<_>>()?;
        let before = ranks.rank() * row;
        survivors.retain(|image, place, _, value| keeps(&cuts, image, before + place, value));
    }
    Ok(())
}

/// Leaves the `keep` largest of all images and processes.
fn of_all(portion: &Portion, keep: usize, survivors: &mut ByImage) -> Result<()> {
    let mut the_cut = cut(survivors.values().iter().copied(), keep)?;
    survivors.retain(|_, _, index, value| the_cut.keeps(index, value));
    if !portion.is_alone() {
        let (ranks, images) = (portion.ranks(), survivors.len());
        let row = keep.min(images * portion.whole().code().channels);
        // Each process's image (from 1) and value, then zeros.
        let mut own = vec![[0u32; 2]; row];
        let places =
            (0..images).flat_map(|image| survivors.of(image).0.iter().map(move |value| (image, *value)));
        own.iter_mut().zip(places).for_each(|(to, (image, value))| *to = [image as u32 + 1, value.to_bits()]);
        let range = |rank| rank * row..(rank + 1) * row;
        let all: Vec<[u32; 2]> = gathered(ranks, Kind::Winners, range, &own)?;
        // As one process has them: image by image, and of an image in the order of the units.
        let mut ordered: Vec<(u32, usize, f32)> = Vec::new();
        for (rank, of_rank) in all.chunks_exact(row).enumerate() {
            let used = of_rank.iter().filter(|[image, _]| *image > 0);
            ordered.extend(used.map(|[image, bits]| (*image, rank, f32::from_bits(*bits))));
        }
        ordered.sort_by_key(|(image, rank, _)| (*image, *rank));
        the_cut = cut(ordered.iter().map(|(_, _, value)| *value), keep)?;
        let own: Vec<usize> = ordered
            .iter()
            .enumerate()
            .filter(|(_, (_, rank, _))| *rank == ranks.rank())
            .map(|(place, _)| place)
            .collect();
        survivors
            .retain(|_, _, index, value| own.get(index).is_some_and(|place| the_cut.keeps(*place, value)));
    }
    Ok(())
}
