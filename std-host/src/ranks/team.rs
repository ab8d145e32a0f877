//! What the processes of a job ask each other. The first of them decides, reads and writes; the others learn
//! what it decided, and do their part of the work.

use std::sync::Arc;

use bytemuck::Pod;

use super::collective::{any, each, gathered, spread};
use super::kind::Kind;
use super::lost::{Lost, LostProblem};
use super::process::{Alone, Ranks};

/// What a process says of its part of the work: it can go on,
const GOES_ON: u8 = 0;
/// it was asked to stop,
const STOPS: u8 = 1;
/// or it could not do it.
const FAILED: u8 = 2;

/// The processes that do something together.
#[derive(Clone, Debug)]
pub(crate) struct Team {
    ranks: Arc<dyn Ranks>,
}

impl Team {
    /// These processes; this one alone if there are none.
    pub(crate) fn of(ranks: Option<&Arc<dyn Ranks>>) -> Self {
        Self { ranks: ranks.map_or_else(|| Arc::new(Alone) as Arc<dyn Ranks>, Arc::clone) }
    }

    pub(crate) fn ranks(&self) -> Arc<dyn Ranks> {
        Arc::clone(&self.ranks)
    }

    /// The number of this process.
    pub(crate) fn rank(&self) -> usize {
        self.ranks.rank()
    }

    /// How many processes there are.
    pub(crate) fn size(&self) -> usize {
        self.ranks.size()
    }

    /// Whether this is the process that decides.
    pub(crate) fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether it is the only one.
    pub(crate) fn is_alone(&self) -> bool {
        self.size() == 1
    }

    /// The first process's value.
    pub(crate) fn firsts<T: Pod>(&self, mine: T) -> Result<T, Lost> {
        let mut values = [mine];
        spread(&*self.ranks, Kind::Word, 0, &mut values)?;
        let [value] = values;
        Ok(value)
    }

    /// Whether the first process says yes.
    pub(crate) fn first_says(&self, mine: bool) -> Result<bool, Lost> {
        Ok(self.firsts(u8::from(mine))? == 1)
    }

    /// Whether any process says yes.
    pub(crate) fn any_says(&self, mine: bool) -> Result<bool, Lost> {
        any(&*self.ranks, mine)
    }

    /// What each process says, in their order.
    pub(crate) fn each<T: Pod>(&self, mine: T) -> Result<Vec<T>, Lost> {
        each(&*self.ranks, mine)
    }

    /// Whether any process was asked to stop. `mine` is whether this one was, or why it could not do its part
    /// of the work: then all end with an error, and none waits for the work of another.
    ///
    /// # Errors
    ///
    /// This process's own error; [`Lost`] if another one has an error, or is gone.
    pub(crate) fn stops<E: From<Lost>>(&self, mine: Result<bool, E>) -> Result<bool, E> {
        let said = self.each(match mine {
            Ok(false) => GOES_ON,
            Ok(true) => STOPS,
            Err(_) => FAILED,
        });
        mine?;
        let said = said?;
        match said.iter().position(|said| *said == FAILED) {
            Some(rank) => Err(Lost { rank, problem: LostProblem::Failed }.into()),
            None => Ok(said.contains(&STOPS)),
        }
    }

    /// The first process's numbers; the others give anything.
    pub(crate) fn firsts_numbers<T: Pod>(&self, mine: Vec<T>) -> Result<Vec<T>, Lost> {
        let len = self.firsts(mine.len() as u64)? as usize;
        let mut numbers = mine;
        if !self.is_first() {
            numbers.clear();
            numbers.resize(len, T::zeroed());
        }
        spread(&*self.ranks, Kind::Weights, 0, &mut numbers)?;
        Ok(numbers)
    }

    /// The sums of the processes' counts.
    pub(crate) fn sums(&self, mine: &[u64]) -> Result<Vec<u64>, Lost> {
        let len = mine.len();
        let all = gathered(&*self.ranks, Kind::Word, |rank| rank * len..(rank + 1) * len, mine)?;
        let mut sums = vec![0; len];
        for counts in all.chunks_exact(len.max(1)) {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::super::threads;
    use super::*;

    fn teams<T: Send>(size: usize, work: impl Fn(Team) -> T + Sync) -> Vec<T> {
        threads::run(size, |rank| work(Team::of(Some(&(Arc::new(rank) as Arc<dyn Ranks>)))))
    }

    #[test]
    fn who_is_asked_to_stop_stops_all() {
        for size in [1, 2, 5, 16] {
            for asked in [None, Some(0), Some(size - 1)] {
                let stops = teams(size, |team| team.stops::<Lost>(Ok(asked == Some(team.rank()))).unwrap());
                assert_eq!(stops, vec![asked.is_some(); size]);
            }
        }
    }

    #[test]
    fn who_fails_has_its_own_error_and_the_others_name_it() {
        let own = Lost { rank: 77, problem: LostProblem::Ended };
        for (size, failed) in [(1, 0), (2, 1), (5, 2), (16, 15)] {
            let mine = |team: &Team| if team.rank() == failed { Err(own.clone()) } else { Ok(true) };
            for (rank, found) in teams(size, |team| team.stops(mine(&team))).into_iter().enumerate() {
                let problem = LostProblem::Failed;
                let expected = if rank == failed { own.clone() } else { Lost { rank: failed, problem } };
                assert_eq!(found, Err(expected));
            }
        }
    }

    #[test]
    fn counts_are_added_and_the_firsts_numbers_are_everybodys() {
        for size in [1, 3, 16] {
            let found = teams(size, |team| {
                let mine = [team.rank() as u64, 1];
                let numbers = if team.is_first() { vec![1.0f32, 2.0, 3.0] } else { Vec::new() };
                (team.sums(&mine).unwrap(), team.firsts_numbers(numbers).unwrap())
            });
            let sums = vec![(size * (size - 1) / 2) as u64, size as u64];
            assert_eq!(found, vec![(sums, vec![1.0, 2.0, 3.0]); size]);
        }
    }
}
