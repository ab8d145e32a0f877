//! The formula for the time of a step.

use super::step::Step;
use super::wire::Wire;

/// The bytes of a piece of what is spread to all, as in [`wta::ranks::spread`].
const PIECE: usize = 1 << 16;

/// The parts of a step's time, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    /// What each process computes, the sums not counted.
    pub computing: f64,
    /// To gather winners or images, and a few numbers.
    pub gathering: f64,
    /// The sums on their way from the first process to the last.
    pub chain: f64,
    /// The sums on their way from the last process to all.
    pub spreading: f64,
}

impl Parts {
    /// The time of the step.
    pub fn seconds(&self) -> f64 {
        self.computing + self.gathering + self.chain + self.spreading
    }
}

/// The time of a step by so many processes of one thread.
///
/// With P processes, L the latency and o the overhead of a message, w(b) the time of b bytes on a line:
///
/// - gathering b bytes: `rounds(P) (o + L) + w(b (P - 1) / P)`, with as many rounds as P - 1 has binary
///   digits;
/// - a chain of pieces, each of which takes c to compute in a process: the largest goes through all
///   processes, `P c + (P - 1) (o + L + w(largest))`, and the others come before and after it at the pace
///   of the slower of computing and sending, the sum of `max(c + o, w(piece))`;
/// - spreading b bytes: `(P - 1) (o + L + w(64 KiB))` until the first piece is everywhere, and `w(b)` for the
///   others.
pub fn parts(step: &Step, wire: Wire, processes: usize) -> Parts {
    let share = 1.0 / processes as f64;
    let computing = step.shared + step.divided * share;
    let all: usize = step.pieces.iter().sum();
    if processes == 1 {
        return Parts { computing, gathering: 0.0, chain: step.chained, spreading: 0.0 };
    }
    let others = (processes - 1) as f64;
    let rounds = f64::from(usize::BITS - (processes - 1).leading_zeros());
    let message = wire.overhead + wire.latency;
    let gathering = |bytes: usize| rounds * message + wire.time(bytes) * others * share;
    let words = step.words as f64 * gathering(8 * processes);
    let gathering = words + step.gathered.iter().map(|bytes| gathering(*bytes)).sum::<f64>();
    let compute = |bytes: usize| step.chained * share * bytes as f64 / all as f64;
    let pace = |bytes: usize| (compute(bytes) + wire.overhead).max(wire.time(bytes));
    let largest = step.pieces.iter().copied().max().unwrap_or(0);
    let through_all = processes as f64 * compute(largest) + others * (message + wire.time(largest));
    let paces: f64 = step.pieces.iter().map(|bytes| pace(*bytes)).sum();
    let chain = through_all + paces - pace(largest);
    let first = all.min(PIECE);
    let spreading = others * (message + wire.time(first)) + wire.time(all - first);
    Parts { computing, gathering, chain, spreading }
}

#[cfg(test)]
mod tests {
    use super::super::replay;
    use super::*;

    /// A step like that of a convolutional network, and one like that of units.
    fn steps() -> [Step; 2] {
        let conv = Step {
            name: "conv".to_owned(),
            by_images: true,
            shared: 2e-3,
            divided: 150e-3,
            chained: 80e-3,
            pieces: [vec![60_000; 8], vec![200_000; 8]].concat(),
            gathered: vec![51_200; 3],
            words: 2,
        };
        let units = Step {
            name: "units".to_owned(),
            by_images: false,
            shared: 1e-3,
            divided: 30e-3,
            chained: 2e-3,
            pieces: vec![51_200; 6],
            gathered: vec![313_600],
            words: 2,
        };
        [conv, units]
    }

    #[test]
    fn the_formula_is_what_the_replay_finds() {
        for step in steps() {
            for wire in Wire::ALL {
                for processes in [1, 2, 3, 4, 8, 13, 32, 64] {
                    let (formula, found) = (
                        parts(&step, wire, processes).seconds(),
                        replay::seconds(&step, wire, processes).unwrap(),
                    );
                    let ratio = formula / found;
                    let what =
                        format!("{} by {processes} over {}: {formula} for {found}", step.name, wire.name);
                    assert!((0.8..1.25).contains(&ratio), "{what}");
                }
            }
        }
    }

    #[test]
    fn a_process_alone_sends_nothing() {
        let [step, _] = steps();
        let alone = parts(&step, Wire::ALL[0], 1);
        assert_eq!((alone.gathering, alone.spreading), (0.0, 0.0));
        assert!((alone.seconds() - step.alone()).abs() < 1e-12);
    }
}
