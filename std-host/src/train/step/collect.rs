//! Parameters and moments of all processes at one of them, to be saved, and from one to all.

use std::borrow::Cow;

use super::notes::Notes;
use super::portion::Portion;
use crate::error::Result;
use crate::ranks::{Kind, Ranks, spread};

/// The parameters and the moments of the whole network.
#[derive(Clone, Debug)]
pub struct Whole<'a> {
    /// The flat parameter vector.
    pub parameters: Cow<'a, [f32]>,
    /// The optimiser's moments.
    pub moments: Cow<'a, [f32]>,
    /// What was noted of each unit. As nothing noted (the default), what is noted begins anew.
    pub notes: Notes,
}

impl Whole<'_> {
    /// The same vectors, which nobody else has.
    pub(crate) fn into_owned(self) -> Whole<'static> {
        let Self { parameters, moments, notes } = self;
        let own = |numbers: Cow<'_, [f32]>| Cow::Owned(numbers.into_owned());
        Whole { parameters: own(parameters), moments: own(moments), notes }
    }
}

/// A process's own vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    pub(super) parameters: &'a [f32],
    pub(super) moments: &'a [f32],
    /// How many vectors like the parameters the moments begin with. What follows, the chains of an RBM, all
    /// processes have.
    pub(super) vectors: usize,
}

impl Own<'_> {
    /// How many of the moments all processes have.
    pub(super) fn common_len(&self) -> usize {
        self.moments.len().saturating_sub(self.vectors * self.parameters.len())
    }
}

/// The vectors of the whole network, at the first process; `None` at the others.
pub(super) fn collect<'a>(portion: &Portion, own: Own<'a>, notes: &Notes) -> Result<Option<Whole<'a>>> {
    let ranks = portion.ranks();
    let notes = if notes.is_empty() || !portion.is_part() || !portion.has_part() {
        notes.clone()
    } else {
        Notes {
            thresholds: gather_noted(portion, &notes.thresholds)?,
            silent: gather_noted(portion, &notes.silent)?,
        }
    };
    if !portion.is_part() {
        let whole = Whole { parameters: own.parameters.into(), moments: own.moments.into(), notes };
        return Ok((ranks.rank() == 0).then_some(whole));
    }
    if ranks.rank() > 0 {
        if portion.has_part() {
            ranks.send(0, Kind::Weights, bytemuck::cast_slice(own.parameters))?;
            ranks.send(0, Kind::Weights, bytemuck::cast_slice(own.moments))?;
        }
        return Ok(None);
    }
    let whole_len = portion.whole().parameters_len();
    let mut parameters = vec![0.0; whole_len];
    let mut moments = vec![0.0; own.vectors * whole_len];
    put(portion, 0, own.parameters, &mut parameters);
    put(portion, 0, own.moments, &mut moments);
    let (mut others, mut others_moments) = (Vec::new(), Vec::new());
    for rank in 1..ranks.size() {
        others.resize(part_len(portion, rank), 0.0);
        others_moments.resize(own.vectors * others.len() + own.common_len(), 0.0);
        ranks.receive(rank, Kind::Weights, bytemuck::cast_slice_mut(&mut others))?;
        ranks.receive(rank, Kind::Weights, bytemuck::cast_slice_mut(&mut others_moments))?;
        put(portion, rank, &others, &mut parameters);
        put(portion, rank, &others_moments, &mut moments);
    }
    let (_, common) = own.moments.split_at(own.moments.len() - own.common_len());
    moments.extend_from_slice(common);
    Ok(Some(Whole { parameters: parameters.into(), moments: moments.into(), notes }))
}

/// What all processes have noted of their units.
fn gather_noted<T: bytemuck::Pod>(portion: &Portion, own: &[T]) -> Result<Vec<T>> {
    if own.is_empty() { Ok(Vec::new()) } else { portion.gather_units(own) }
}

/// Gives each process what the first one has noted of its units; of what the first one has not, 0.
fn spread_noted<T: bytemuck::Pod>(portion: &Portion, whole: Option<Vec<T>>, own: &mut [T]) -> Result<()> {
    if own.is_empty() {
        return Ok(());
    }
    let mut all = whole.unwrap_or_default();
    all.resize(portion.whole().code().channels, T::zeroed());
    spread(portion.ranks(), Kind::Weights, 0, &mut all)?;
    let of_own = all.get(portion.units()).unwrap_or_default();
    own.iter_mut().zip(of_own).for_each(|(to, value)| *to = *value);
    Ok(())
}

/// Gives each process its part of the vectors that the first one has in `whole`.
pub(super) fn distribute(
    portion: &Portion,
    whole: Option<Whole<'_>>,
    vectors: usize,
    parameters: &mut [f32],
    moments: &mut [f32],
    notes: &mut Notes,
) -> Result<()> {
    let ranks = portion.ranks();
    if !portion.has_part() {
        return Ok(());
    }
    let noted = whole.as_ref().map(|whole| whole.notes.clone());
    let (thresholds, silent) = noted.map(|noted| (noted.thresholds, noted.silent)).unzip();
    spread_noted(portion, thresholds, &mut notes.thresholds)?;
    spread_noted(portion, silent, &mut notes.silent)?;
    if !portion.is_part() {
        if let Some(whole) = whole {
            parameters.copy_from_slice(&whole.parameters);
            moments.copy_from_slice(&whole.moments);
        }
        spread(ranks, Kind::Weights, 0, parameters)?;
        spread(ranks, Kind::Weights, 0, moments)?;
        return Ok(());
    }
    let Some(whole) = whole else {
        ranks.receive(0, Kind::Weights, bytemuck::cast_slice_mut(parameters))?;
        ranks.receive(0, Kind::Weights, bytemuck::cast_slice_mut(moments))?;
        return Ok(());
    };
    let (of_weights, common) = whole.moments.split_at(vectors * whole.parameters.len());
    for rank in (0..ranks.size()).rev() {
        let own = take(portion, rank, 1, &whole.parameters);
        let mut own_moments = take(portion, rank, vectors, of_weights);
        own_moments.extend_from_slice(common);
        if rank == 0 {
            parameters.copy_from_slice(&own);
            moments.copy_from_slice(&own_moments);
        } else {
            ranks.send(rank, Kind::Weights, bytemuck::cast_slice(&own))?;
            ranks.send(rank, Kind::Weights, bytemuck::cast_slice(&own_moments))?;
        }
    }
    Ok(())
}

/// The length of a process's vector of parameters.
fn part_len(portion: &Portion, rank: usize) -> usize {
    portion.runs_of(rank).iter().map(ExactSizeIterator::len).sum()
}

/// Puts a process's vectors into their place in the whole ones.
fn put(portion: &Portion, rank: usize, own: &[f32], whole: &mut [f32]) {
    let mut own = own;
    for whole in whole.chunks_exact_mut(portion.whole().parameters_len()) {
        for run in portion.runs_of(rank) {
            let Some(numbers) = own.split_off(..run.len()) else { return };
            if let Some(to) = whole.get_mut(run) {
                to.copy_from_slice(numbers);
            }
        }
    }
}

/// A process's part of some whole vectors.
fn take(portion: &Portion, rank: usize, vectors: usize, whole: &[f32]) -> Vec<f32> {
    let mut own = Vec::with_capacity(vectors * part_len(portion, rank));
    for whole in whole.chunks_exact(portion.whole().parameters_len()).take(vectors) {
        for run in portion.runs_of(rank) {
            own.extend_from_slice(whole.get(run).unwrap_or_default());
        }
    }
    own
}
