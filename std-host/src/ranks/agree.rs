//! What all processes of a job must have in common, and how they find out.

use super::collective::{each, gathered};
use super::kind::Kind;
use super::lost::{Lost, LostProblem};
use super::part::Parts;
use super::process::Ranks;

/// Something that all processes must have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is, as in "instruction set".
    pub what: String,
    /// This process's.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(what: impl Into<String>, value: impl ToString) -> Self {
        Self { what: what.into(), value: value.to_string() }
    }
}

/// `Ok` if all processes have these facts in common. Otherwise all of them get the same error.
///
/// # Errors
///
/// [`Lost`] that says what one of the processes has and the first one has not, or that one is gone.
pub fn agree(ranks: &dyn Ranks, facts: &[Fact]) -> Result<(), Lost> {
    if ranks.size() == 1 {
        return Ok(());
    }
    let one_line = |text: &str| text.replace(['\n', '\t'], " ");
    let lines = facts.iter().map(|fact| format!("{}\t{}\n", one_line(&fact.what), one_line(&fact.value)));
    let texts = all_texts(ranks, &lines.collect::<String>())?;
    let mut lists =
        texts.iter().map(|text| text.lines().map(|line| line.split_once('\t').unwrap_or((line, ""))));
    let first: Vec<_> = lists.next().into_iter().flatten().collect();
    for (rank, list) in (1..).zip(lists) {
        let list: Vec<_> = list.collect();
        // One of them may know more than the other.
        let len = first.len().max(list.len());
        let places = (0..len).map(|place| (list.get(place), first.get(place)));
        if let Some((theirs, firsts)) = places.into_iter().find(|(theirs, firsts)| theirs != firsts) {
            let (what, value) = *theirs.or(firsts).unwrap_or(&("", ""));
            let of_first = firsts.filter(|(known, _)| *known == what);
            let value_of =
                |there: bool, value: &str| if there { value.to_owned() } else { "none".to_owned() };
            let problem = LostProblem::Other {
                what: what.to_owned(),
                theirs: value_of(theirs.is_some(), value),
                firsts: value_of(of_first.is_some(), of_first.map_or("", |(_, value)| value)),
            };
            return Err(Lost { rank, problem });
        }
    }
    Ok(())
}

/// The texts of all processes, in their order.
fn all_texts(ranks: &dyn Ranks, mine: &str) -> Result<Vec<String>, Lost> {
    let parts = Parts::of(each(ranks, mine.len() as u64)?.into_iter().map(|len| len as usize));
    let range = |rank| parts.range(rank);
    let all = gathered(ranks, Kind::Word, range, mine.as_bytes())?;
    let text = |rank| String::from_utf8_lossy(all.get(range(rank)).unwrap_or_default()).into_owned();
    Ok((0..ranks.size()).map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::super::threads;
    use super::*;

    /// What every process is told, if process `other` has `facts` and the rest has a version and a rate.
    fn told(size: usize, other: usize, facts: &[Fact]) -> Vec<Result<(), String>> {
        let common = [Fact::new("version", "0.1.0"), Fact::new("training.rate", 0.5)];
        threads::run(size, |ranks| {
            let mine = if ranks.rank() == other { facts } else { &common };
            agree(&ranks, mine).map_err(|lost| lost.to_string())
        })
    }

    #[test]
    fn all_are_told_the_first_difference() {
        let version = Fact::new("version", "0.1.0");
        let facts = [version.clone(), Fact::new("training.rate", 0.5)];
        assert!(told(3, 1, &facts).iter().all(Result::is_ok));
        let cases: [(&[Fact], &str); 4] = [
            (
                &[version.clone(), Fact::new("training.rate", "0.25\n")],
                "training.rate (0.25 ) than the first process (0.5)",
            ),
            (
                &[Fact::new("version", "0.2.0"), facts[1].clone()],
                "version (0.2.0) than the first process (0.1.0)",
            ),
            (std::slice::from_ref(&version), "training.rate (none) than the first process (0.5)"),
            (
                &[version.clone(), facts[1].clone(), Fact::new("labels", 3)],
                "labels (3) than the first process (none)",
            ),
        ];
        for (facts, expected) in cases {
            for (size, other) in [(2, 1), (5, 3)] {
                let expected = Err(format!("process {other} of the job has another {expected}"));
                assert_eq!(told(size, other, facts), vec![expected; size]);
            }
        }
        // The first process is the one that the others are compared with.
        let found = told(3, 0, &[Fact::new("version", "0.2.0")]);
        let expected =
            Err("process 1 of the job has another version (0.1.0) than the first process (0.2.0)".to_owned());
        assert_eq!(found, vec![expected; 3]);
    }

    #[test]
    fn a_process_alone_agrees() {
        assert_eq!(agree(&super::super::Alone, &[Fact::new("version", 1)]), Ok(()));
    }
}
