//! Rows and classifiers that several processes have in parts.

use std::ops::Range;

use super::group::Summary;
use super::lanes::Entry;
use super::model::Model;
use super::rows::Rows;
use crate::error::Result;
use crate::ranks::{Form, Kind, Parts, Team, circulate, gather, gathered};

/// A non-zero on its way: its index, and the bits of its value.
const ENTRY: Form<Entry, [u32; 2]> = Form {
    to: |entry| [entry.index, entry.value.to_bits()],
    from: |[index, value]| Entry { index, value: f32::from_bits(value) },
};

/// A summary on its way.
type Words = [u64; 6];

/// Appends the rows of all processes to `rows`, in the order of the processes; `mine` are this one's. Others
/// receive them in place, so that no second copy of all rows is made.
///
/// # Errors
///
/// [`Error::Memory`](crate::Error::Memory) if there is no room, [`Error::Lost`](crate::Error::Lost) if
/// another process has none, or is gone. `rows` are as before then.
pub(crate) fn append_all(team: &Team, mine: Rows, rows: &mut Rows) -> Result<()> {
    let ranks = team.ranks();
    let counts = team.each(mine.len() as u64)?;
    let of_rows = Parts::of(counts.into_iter().map(|count| count as usize));
    let own: Vec<u32> = (0..mine.len()).map(|row| mine.row(row).len() as u32).collect();
    let lengths = gathered(&*ranks, Kind::Features, |rank| of_rows.range(rank), &own)?;
    let of_rank = |rank| lengths.get(of_rows.range(rank)).unwrap_or_default();
    let nonzeros =
        Parts::of((0..team.size()).map(|rank| of_rank(rank).iter().map(|len| *len as usize).sum()));
    let part = |rank: usize| nonzeros.range(rank);
    team.stops(rows.reserve(nonzeros.len()).map(|()| false))?;
    rows.extend_in_place(&lengths, |to| {
        to.get_mut(part(team.rank())).unwrap_or_default().copy_from_slice(mine.entries());
        drop(mine);
        circulate(&*ranks, Kind::Features, part, to, &ENTRY)
    })?;
    Ok(())
}

/// Gives all processes the classifiers of all. Before, each has those of its classes in `model`; `classes`
/// says which they are.
pub(super) fn gather_model(
    team: &Team,
    classes: impl Fn(usize) -> Range<usize>,
    model: &mut Model,
) -> Result<()> {
    let (ranks, features) = (team.ranks(), model.features);
    let weights = |rank| {
        let Range { start, end } = classes(rank);
        start * features..end * features
    };
    gather(&*ranks, Kind::Classifiers, weights, &mut model.weights)?;
    Ok(gather(&*ranks, Kind::Classifiers, classes, &mut model.bias)?)
}

/// The summaries of all classes; `mine` are those of this process's.
pub(super) fn gather_summaries(
    team: &Team,
    classes: impl Fn(usize) -> Range<usize>,
    mine: impl Iterator<Item = Summary>,
) -> Result<Vec<Summary>> {
    let own: Vec<Words> = mine.map(words).collect();
    let all = gathered(&*team.ranks(), Kind::Classifiers, classes, &own)?;
    Ok(all.into_iter().map(summary).collect())
}

fn words(summary: Summary) -> Words {
    let Summary { primal, dual, violation, support_vectors, epochs, converged } = summary;
    let [primal, dual, violation] = [primal, dual, violation].map(f64::to_bits);
    [primal, dual, violation, support_vectors as u64, epochs as u64, u64::from(converged)]
}

fn summary([primal, dual, violation, support_vectors, epochs, converged]: Words) -> Summary {
    let [primal, dual, violation] = [primal, dual, violation].map(f64::from_bits);
    let (support_vectors, epochs) = (support_vectors as usize, epochs as usize);
    Summary { primal, dual, violation, support_vectors, epochs, converged: converged == 1 }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ranks::{Ranks, part, threads};

    /// Some rows of 7 features, among them rows of zeros.
    fn rows(numbers: Range<usize>) -> Rows {
        let value = |number: usize| ((number * number) % 5) as f32 * if number % 7 < 2 { 0.0 } else { -1.5 };
        let row = |row: usize| (0..7).map(move |k| if row % 4 == 2 { 0.0 } else { value(row * 9 + k) });
        Rows::from_dense(7, &numbers.flat_map(row).collect::<Vec<f32>>()).unwrap()
    }

    fn all(rows: &Rows) -> Vec<Vec<Entry>> {
        (0..rows.len()).map(|row| rows.row(row).to_vec()).collect()
    }

    #[test]
    fn rows_of_all_processes_follow_those_that_are_there() {
        for size in [1, 2, 5, 16] {
            for count in [0, 3, 40] {
                let expected = all(&rows(0..count + 2));
                let found = threads::run(size, |rank| {
                    let own = part(count, rank.rank(), size);
                    let team = Team::of(Some(&(Arc::new(rank) as Arc<dyn Ranks>)));
                    let mut found = rows(0..2);
                    append_all(&team, rows(own.start + 2..own.end + 2), &mut found).unwrap();
                    assert_eq!(found.nonzeros(), found.entries().len());
                    all(&found)
                });
                assert!(found.iter().all(|found| *found == expected), "{size} processes, {count} rows");
            }
        }
    }

    #[test]
    fn rows_that_do_not_arrive_leave_no_trace() {
        let found = threads::run(2, |rank| {
            let number = rank.rank();
            let team = Team::of(Some(&(Arc::new(rank) as Arc<dyn Ranks>)));
            let mut found = rows(0..3);
            if number == 1 {
                // It tells how many rows it has, and is gone.
                team.each(5u64).unwrap();
                return true;
            }
            let failed = append_all(&team, rows(0..2), &mut found).is_err();
            failed && all(&found) == all(&rows(0..3)) && found.entries().len() == found.nonzeros()
        });
        assert_eq!(found, [true, true]);
    }
}
