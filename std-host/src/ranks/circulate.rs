//! Gathering what is too large to be held twice.

use std::ops::Range;

use bytemuck::Pod;

use super::kind::Kind;
use super::lost::Lost;
use super::process::Ranks;

/// The bytes of a message.
const PIECE: usize = 1 << 20;

/// How values travel: as which numbers, and what becomes of these.
pub(crate) struct Form<T, W> {
    pub(crate) to: fn(&T) -> W,
    pub(crate) from: fn(W) -> T,
}

/// As [`gather`](super::gather): gives all ranks the parts of all. Here, parts go round from rank to rank in
/// pieces, each straight to its place, so that the memory for two pieces is all it takes. Small parts would
/// go round as slowly as there are ranks.
///
/// A rank sends its next piece once it has the pieces of the others, so that no more than these wait to be
/// received.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub(crate) fn circulate<T, W: Pod>(
    ranks: &dyn Ranks,
    kind: Kind,
    range: impl Fn(usize) -> Range<usize>,
    all: &mut [T],
    form: &Form<T, W>,
) -> Result<(), Lost> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let (next, before) = ((rank + 1) % size, (rank + size - 1) % size);
    let most = (PIECE / size_of::<W>().max(1)).max(1);
    let longest = (0..size).map(|rank| range(rank).len()).max().unwrap_or(0);
    let mut message: Vec<W> = Vec::new();
    for first in (0..longest).step_by(most) {
        let piece = |of: usize| {
            let Range { start, end } = range(of);
            (start + first).min(end)..(start + first + most).min(end)
        };
        for back in 0..size - 1 {
            let passed = piece((rank + size - back) % size);
            if !passed.is_empty() {
                message.clear();
                message.extend(all.get(passed).unwrap_or_default().iter().map(form.to));
                ranks.send(next, kind, bytemuck::cast_slice(&message))?;
            }
            let awaited = piece((before + size - back) % size);
            if !awaited.is_empty() {
                message.resize(awaited.len(), W::zeroed());
                ranks.receive(before, kind, bytemuck::cast_slice_mut(&mut message))?;
                let to = all.get_mut(awaited).unwrap_or_default();
                to.iter_mut().zip(&message).for_each(|(to, value)| *to = (form.from)(*value));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::threads;
    use super::*;

    #[test]
    fn everybody_gets_the_parts_of_all_whole_pieces_and_the_rest() {
        let piece = PIECE / size_of::<[u32; 2]>();
        let form = Form::<(u32, bool), [u32; 2]> {
            to: |value| [value.0, u32::from(value.1)],
            from: |[number, yes]| (number, yes == 1),
        };
        for size in [1, 2, 3, 7, 16] {
            // Parts of very different lengths, of which some are empty.
            for lengths in [[0, 0, 0], [1, 0, 5], [0, piece + 3, 2 * piece], [piece, 17, 0]] {
                let length = |rank: usize| lengths[rank % 3];
                let start = |rank: usize| (0..rank).map(length).sum::<usize>();
                let range = |rank: usize| start(rank)..start(rank + 1);
                let expected: Vec<(u32, bool)> =
                    (0..start(size) as u32).map(|number| (number * 7 + 3, number % 3 == 0)).collect();
                let found = threads::run(size, |ranks| {
                    let mut all = vec![(0, false); expected.len()];
                    let mine = range(ranks.rank());
                    all[mine.clone()].copy_from_slice(&expected[mine]);
                    circulate(&ranks, Kind::Features, range, &mut all, &form).unwrap();
                    all
                });
                assert!(found.iter().all(|all| *all == expected), "{size} ranks, {lengths:?}");
            }
        }
    }
}
