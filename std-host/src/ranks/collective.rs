//! What all ranks do together: gather parts, spread what one has, agree.

use std::ops::Range;

use bytemuck::Pod;

use super::kind::Kind;
use super::lost::Lost;
use super::process::Ranks;

/// The bytes of one piece of what [`spread`] passes on. A piece is on its way to the next rank while the one
/// after it comes in.
const PIECE: usize = 1 << 16;

/// Gives all ranks the parts of all. Part `r` of `all` is rank `r`'s: before, each rank has its own part in
/// its place, and afterwards everybody's. `range` says where the part of a rank is; parts follow one another.
///
/// Each rank sends as much as the parts of the others take, in as many messages as the number of ranks has
/// binary digits: in round k it passes on the parts that it has to the rank 2^k places on.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub fn gather<T: Pod>(
    ranks: &dyn Ranks,
    kind: Kind,
    range: impl Fn(usize) -> Range<usize>,
    all: &mut [T],
) -> Result<(), Lost> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let mut message: Vec<T> = Vec::new();
    let mut have = 1;
    while have < size {
        let count = have.min(size - have);
        let (to, from) = ((rank + have) % size, (rank + size - have) % size);
        // The last `count` parts that a rank has are its own and those before it.
        let parts = |of: usize| (0..count).map(move |back| (of + size - back) % size);
        message.clear();
        for other in parts(rank) {
            message.extend_from_slice(all.get(range(other)).unwrap_or_default());
        }
        if !message.is_empty() {
            ranks.send(to, kind, bytemuck::cast_slice(&message))?;
        }
        message.clear();
        message.resize(parts(from).map(|other| range(other).len()).sum(), T::zeroed());
        if !message.is_empty() {
            ranks.receive(from, kind, bytemuck::cast_slice_mut(&mut message))?;
        }
        let mut rest = &message[..];
        for other in parts(from) {
            let to = all.get_mut(range(other)).unwrap_or_default();
            let Some(values) = rest.split_off(..to.len()) else { break };
            to.copy_from_slice(values);
        }
        have += count;
    }
    Ok(())
}

/// The parts of all ranks, one after the other, of which this one gives its own: [`gather`] for those who
/// have no place for the others' yet.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub fn gathered<T: Pod>(
    ranks: &dyn Ranks,
    kind: Kind,
    range: impl Fn(usize) -> Range<usize>,
    own: &[T],
) -> Result<Vec<T>, Lost> {
    let mut all = vec![T::zeroed(); range(ranks.size() - 1).end];
    let place = all.get_mut(range(ranks.rank())).unwrap_or_default();
    place.iter_mut().zip(own).for_each(|(to, value)| *to = *value);
    gather(ranks, kind, range, &mut all)?;
    Ok(all)
}

/// Gives all ranks what rank `root` has.
///
/// It goes from rank to rank in pieces, so that each rank sends it once at most, however many there are.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub fn spread<T: Pod>(ranks: &dyn Ranks, kind: Kind, root: usize, values: &mut [T]) -> Result<(), Lost> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let (next, before) = ((rank + 1) % size, (rank + size - 1) % size);
    for piece in bytemuck::cast_slice_mut::<T, u8>(values).chunks_mut(PIECE) {
        if rank != root {
            ranks.receive(before, kind, piece)?;
        }
        if next != root {
            ranks.send(next, kind, piece)?;
        }
    }
    Ok(())
}

/// Whether any of the ranks says yes.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub fn any(ranks: &dyn Ranks, mine: bool) -> Result<bool, Lost> {
    Ok(each(ranks, u8::from(mine))?.contains(&1))
}

/// What each rank says, in their order.
///
/// # Errors
///
/// [`Lost`] if another process is gone.
pub fn each<T: Pod>(ranks: &dyn Ranks, mine: T) -> Result<Vec<T>, Lost> {
    gathered(ranks, Kind::Word, |rank| rank..rank + 1, &[mine])
}

#[cfg(test)]
mod tests {
    use super::super::lost::LostProblem;
    use super::super::part::part;
    use super::super::threads;
    use super::*;

    const SIZES: [usize; 7] = [1, 2, 3, 4, 7, 13, 64];

    #[test]
    fn everybody_gets_the_parts_of_all() {
        for size in SIZES {
            for count in [0, 1, 5, 64, 100] {
                let expected: Vec<u32> = (0..count as u32).map(|number| number * 7 + 3).collect();
                let found = threads::run(size, |ranks| {
                    let mut all = vec![0; count];
                    let mine = part(count, ranks.rank(), size);
                    all[mine.clone()].copy_from_slice(&expected[mine]);
                    let own = all[part(count, ranks.rank(), size)].to_vec();
                    gather(&ranks, Kind::Winners, |rank| part(count, rank, size), &mut all).unwrap();
                    let again = gathered(&ranks, Kind::Winners, |rank| part(count, rank, size), &own);
                    assert_eq!(again.unwrap(), all);
                    all
                });
                assert!(found.iter().all(|all| *all == expected), "{size} ranks, {count} numbers");
            }
        }
    }

    #[test]
    fn everybody_gets_what_one_has_whole_pieces_and_the_rest() {
        for size in SIZES {
            for (root, count) in [(0, 0), (size - 1, 3), (size / 2, PIECE / 4), (0, PIECE / 2 + 17)] {
                let expected: Vec<f32> = (0..count).map(|number| number as f32).collect();
                let found = threads::run(size, |ranks| {
                    let mut values = if ranks.rank() == root { expected.clone() } else { vec![-1.0; count] };
                    spread(&ranks, Kind::Weights, root, &mut values).unwrap();
                    values
                });
                assert!(found.iter().all(|values| *values == expected), "{size} ranks, from {root}");
            }
        }
    }

    #[test]
    fn one_that_says_yes_is_heard_by_all() {
        for size in SIZES {
            for yes in [None, Some(0), Some(size - 1)] {
                let heard = threads::run(size, |ranks| any(&ranks, Some(ranks.rank()) == yes).unwrap());
                assert_eq!(heard, vec![yes.is_some(); size]);
            }
            let said = threads::run(size, |ranks| each(&ranks, ranks.rank() as u64 + 5).unwrap());
            assert_eq!(said[size - 1], (5..size as u64 + 5).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_rank_that_ends_is_noticed_by_those_who_wait_for_it() {
        let results = threads::run(3, |ranks| if ranks.rank() == 1 { Ok(false) } else { any(&ranks, true) });
        assert!(results[1].is_ok());
        assert!(results.iter().filter(|result| result.is_err()).count() >= 1, "{results:?}");
    }

    #[test]
    fn a_message_of_another_length_is_refused() {
        let results = threads::run(2, |ranks| {
            let mut all = vec![0u8; 4 + ranks.rank()];
            gather(&ranks, Kind::Sums, |rank| if rank == 0 { 0..2 } else { 2..4 + ranks.rank() }, &mut all)
        });
        let problem = LostProblem::Length { expected: 2, found: 3 };
        assert_eq!(results[0], Err(Lost { rank: 1, problem }));
    }
}
