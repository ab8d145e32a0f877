//! How long a training step takes by several processes, and where that time goes.
//!
//! The first process measures alone, then with one other, then with three, and so on, up to all of them; the
//! rest waits. Every process has as many threads as it was started with.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use wta_simd::Isa;

use super::repeat::{FEWEST, LONG_ENOUGH, REPEATS, Settings, WARM_UP, median};
use super::subject::Subject;
use super::text;
use crate::error::{Error, Interrupted, Result, Setting};
use crate::observer::Observer;
use crate::ranks::{Fact, First, Kind, Metered, Ranks, Traffic, agree, any, each};
use crate::train::BatchTrainer;

/// The measurements of a network.
#[derive(Clone, Debug, Serialize)]
pub struct TogetherReport {
    /// The network and its sparsity.
    pub network: String,
    /// The instruction set.
    pub isa: &'static str,
    /// The threads of the first process.
    pub threads: usize,
    /// The images of a batch.
    pub batch: usize,
    /// By one process, then by more.
    pub sizes: Vec<OfSize>,
}

/// Steps by so many processes.
#[derive(Clone, Debug, Serialize)]
pub struct OfSize {
    /// Their number.
    pub processes: usize,
    /// The steps measured.
    pub steps: usize,
    /// The median time of a step, in milliseconds.
    pub step_ms: f64,
    /// Each of them.
    pub of: Vec<OfProcess>,
}

/// The part of one process, as means over the steps.
#[derive(Clone, Debug, Serialize)]
pub struct OfProcess {
    /// The time of a step without that for messages, in milliseconds.
    pub computing_ms: f64,
    /// The time to hand over messages, in milliseconds.
    pub sending_ms: f64,
    /// What it sent and waited for, by kind.
    pub kinds: Vec<OfKind>,
}

/// Messages of one kind, as means over the steps.
#[derive(Clone, Debug, Serialize)]
pub struct OfKind {
    /// What they are about.
    pub kind: String,
    /// How many it sent.
    pub messages: f64,
    /// Their bytes.
    pub bytes: f64,
    /// The time that it waited for such messages, in milliseconds.
    pub waiting_ms: f64,
}

/// Of each kind, the messages that a process sent, their bytes, and the nanoseconds of sending and waiting.
type OfKinds = [[u64; 4]; Kind::ALL.len()];

/// What a process measured.
struct Measured {
    /// The time of each step, in milliseconds.
    ms: Vec<f64>,
    /// The time of all steps, in nanoseconds.
    taken: u64,
    kinds: OfKinds,
}

/// Measures on the threads of the current pool. All processes call it alike; the first one gets the report.
///
/// # Errors
///
/// One sentence for 0 steps or a step that the core refuses; [`Error::Interrupted`] if the observer of one of
/// them stops it; [`Error::Lost`] if one of them is gone, or measures something else.
pub fn profile_together(
    subject: &Subject,
    settings: Settings,
    ranks: &Arc<dyn Ranks>,
    observer: &dyn Observer,
) -> Result<Option<TogetherReport>> {
    if settings.steps == Some(0) {
        return Err(Error::setting(Setting::Steps, "must be at least 1"));
    }
    let doubled = std::iter::successors(Some(1), |size| Some(2 * size));
    let sizes = doubled.take_while(|size| *size < ranks.size()).chain([ranks.size()]);
    let mut report = TogetherReport {
        network: text::network_and_sparsity(&subject.network, &subject.training.sparsity),
        isa: settings.isa.name(),
        threads: rayon::current_num_threads(),
        batch: subject.training.batch,
        sizes: Vec::new(),
    };
    let wanted = settings.steps.map_or("as time allows".to_owned(), |steps| steps.to_string());
    let facts = [
        Fact::new("network", &report.network),
        Fact::new("batch", report.batch),
        Fact::new("number of steps", wanted),
        Fact::new("instruction set", report.isa),
    ];
    agree(&**ranks, &facts)?;
    for size in sizes {
        observer.begin(&format!("steps by {size}"), settings.steps.unwrap_or(REPEATS) as u64);
        let Measured { ms, taken, kinds } = steps(subject, settings, ranks, size, observer)?;
        observer.end();
        let all = each(&**ranks, taken)?.into_iter().zip(each(&**ranks, kinds)?);
        let of = all.take(size).map(|(taken, kinds)| OfProcess::new(taken, &kinds, ms.len())).collect();
        report.sizes.push(OfSize { processes: size, steps: ms.len(), step_ms: median(ms), of });
    }
    Ok((ranks.rank() == 0).then_some(report))
}

/// Steps by the first `size` processes.
fn steps(
    subject: &Subject,
    settings: Settings,
    ranks: &Arc<dyn Ranks>,
    size: usize,
    observer: &dyn Observer,
) -> Result<Measured> {
    let few = Arc::new(First::new(Arc::clone(ranks), size));
    let metered = Arc::new(Metered::new(few.clone()));
    let mut trainer = match few.is_one() {
        true => Some(trainer(subject, settings.isa, metered.clone())?),
        false => None,
    };
    let own = trainer.as_ref().map_or(0..0, BatchTrainer::images);
    let (len, mut batch) =
        (subject.network.input().len(), vec![0.0; subject.training.batch * subject.network.input().len()]);
    let (mut ms, mut traffic, mut taken) = (Vec::new(), Traffic::default(), 0);
    let start = Instant::now();
    for number in 0usize.. {
        let measured = number.saturating_sub(WARM_UP);
        let enough = match settings.steps {
            Some(steps) => measured >= steps,
            None => measured >= REPEATS || (measured >= FEWEST && start.elapsed() >= LONG_ENOUGH),
        };
        // The clocks of two processes may differ.
        if any(&**ranks, enough)? {
            break;
        }
        if any(&**ranks, observer.should_stop())? {
            observer.end();
            return Err(Error::Interrupted(Interrupted::Profile));
        }
        let Some(trainer) = &mut trainer else { continue };
        subject.fill(number, &mut batch)?;
        metered.take();
        let start = Instant::now();
        trainer.step(batch.get(own.start * len..own.end * len).unwrap_or_default())?;
        let elapsed = start.elapsed();
        if number >= WARM_UP {
            traffic.add(&metered.take());
            taken += elapsed.as_nanos() as u64;
            ms.push(elapsed.as_secs_f64() * 1e3);
            observer.advance(1);
        }
    }
    let kinds = Kind::ALL.map(|kind| {
        let messages = traffic.of(kind);
        [
            messages.count,
            messages.bytes,
            messages.sending.as_nanos() as u64,
            messages.waiting.as_nanos() as u64,
        ]
    });
    Ok(Measured { ms, taken, kinds })
}

/// A process's trainer with its part of the initial weights.
fn trainer(subject: &Subject, isa: Isa, ranks: Arc<dyn Ranks>) -> Result<BatchTrainer<Isa>> {
    let is_first = ranks.rank() == 0;
    let mut trainer = BatchTrainer::among(ranks, isa, subject.network, subject.training, None)?;
    let mut initial = None;
    if is_first {
        let mut parameters = vec![0.0; subject.network.parameters_len()];
        subject.network.initialise(subject.initial, subject.seed, &mut parameters)?;
        initial = Some(parameters);
    }
    trainer.begin_with(initial)?;
    Ok(trainer)
}

impl OfProcess {
    fn new(taken: u64, kinds: &OfKinds, steps: usize) -> Self {
        let per_step = |amount: u64| amount as f64 / steps.max(1) as f64;
        let ms = |nanoseconds: u64| per_step(nanoseconds) / 1e6;
        let sending: u64 = kinds.iter().map(|[_, _, sending, _]| sending).sum();
        let waiting: u64 = kinds.iter().map(|[_, _, _, waiting]| waiting).sum();
        let kinds = Kind::ALL.iter().zip(kinds).map(|(kind, [count, bytes, _, waiting])| OfKind {
            kind: kind.to_string(),
            messages: per_step(*count),
            bytes: per_step(*bytes),
            waiting_ms: ms(*waiting),
        });
        Self {
            computing_ms: ms(taken.saturating_sub(sending + waiting)),
            sending_ms: ms(sending),
            kinds: kinds.filter(|kind| kind.messages > 0.0 || kind.waiting_ms > 0.0).collect(),
        }
    }

    fn bytes(&self) -> f64 {
        self.kinds.iter().map(|kind| kind.bytes).sum()
    }

    fn of(&self, kind: &str) -> Option<&OfKind> {
        self.kinds.iter().find(|of| of.kind == kind)
    }
}

impl TogetherReport {
    /// The report as tables.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, {}, {} for each process, batches of {}\n\n",
            self.network,
            self.isa,
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) },
            self.batch
        );
        text += "processes    steps    ms a step   speed-up   efficiency   kB sent a step, the most\n";
        let alone = self.sizes.first().map_or(f64::NAN, |size| size.step_ms);
        for size in &self.sizes {
            let speed_up = alone / size.step_ms;
            let most = size.of.iter().map(OfProcess::bytes).fold(0.0, f64::max);
            let OfSize { processes, steps, step_ms, .. } = size;
            let _ = writeln!(
                text,
                "{processes:9} {steps:8} {step_ms:12.2} {speed_up:10.2} {:12.2} {:26.1}",
                speed_up / *processes as f64,
                most / 1e3
            );
        }
        for size in self.sizes.iter().filter(|size| size.processes > 1) {
            text += &size.table();
        }
        text
    }
}

impl OfSize {
    /// The processes, line by line.
    fn table(&self) -> String {
        let has = |kind: &&Kind| self.of.iter().any(|of| of.of(&kind.to_string()).is_some());
        let kinds: Vec<String> = Kind::ALL.iter().filter(has).map(Kind::to_string).collect();
        let mut text =
            format!("\nby {} processes, milliseconds waited for a kind and kB sent of it\n", self.processes);
        text += "process    computing    sending";
        kinds.iter().for_each(|kind| text += &format!(" {kind:>20}"));
        text.push('\n');
        for (number, of) in self.of.iter().enumerate() {
            let _ = write!(text, "{number:7} {:12.2} {:10.2}", of.computing_ms, of.sending_ms);
            for kind in &kinds {
                let (waiting, bytes) = of.of(kind).map_or((0.0, 0.0), |of| (of.waiting_ms, of.bytes));
                let _ = write!(text, " {waiting:9.2} {:10.1}", bytes / 1e3);
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::cases::cases;
    use crate::ranks::threads;

    fn found(case: &str, size: usize, batch: usize) -> Vec<Option<TogetherReport>> {
        let case = cases().unwrap().into_iter().find(|known| known.name == case).unwrap();
        threads::run(size, |rank| {
            let ranks = Arc::new(rank) as Arc<dyn Ranks>;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let subject = Subject::case(&case, Some(batch)).unwrap();
            let settings = Settings { isa: Isa::detect(), steps: Some(2) };
            pool.install(|| profile_together(&subject, settings, &ranks, &()).unwrap())
        })
    }

    #[test]
    fn convolutions_send_their_gradient_twice_and_the_winners() {
        let (size, batch) = (3, 6);
        let reports = found("conv128", size, batch);
        assert!(reports.iter().skip(1).all(Option::is_none));
        let report = reports[0].clone().unwrap();
        assert_eq!(report.sizes.iter().map(|size| size.processes).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(report.sizes[0].of[0].bytes(), 0.0);
        let case = cases().unwrap().into_iter().find(|known| known.name == "conv128").unwrap();
        let gradient = 4.0 * case.network.parameters_len() as f64;
        let bytes = |rank: usize, kind: Kind| {
            report.sizes[2].of[rank].of(&kind.to_string()).map_or(0.0, |of| of.bytes)
        };
        assert_eq!([0, 1, 2].map(|rank| bytes(rank, Kind::Sums)), [gradient, gradient, 0.0]);
        assert_eq!([0, 1, 2].map(|rank| bytes(rank, Kind::Totals)), [gradient, 0.0, gradient]);
        // The parts of the two others.
        let winners = (4 * batch * case.network.code().channels) as f64 * 2.0 / 3.0;
        assert!((0..3).all(|rank| bytes(rank, Kind::Winners) >= winners));
        let table = report.table();
        assert!(table.contains("sums") && table.contains("\nby 3 processes"), "{table}");
    }

    #[test]
    fn units_send_the_reconstruction_twice_and_gather_the_batch() {
        let (size, batch) = (2, 10);
        let report = found("fc2000", size, batch)[0].clone().unwrap();
        let pixels = 4.0 * (batch * 784) as f64;
        let of = &report.sizes[1].of;
        let bytes = |rank: usize, kind: Kind| of[rank].of(&kind.to_string()).map_or(0.0, |of| of.bytes);
        assert_eq!([bytes(0, Kind::Sums), bytes(1, Kind::Totals)], [pixels; 2]);
        assert_eq!([0, 1].map(|rank| bytes(rank, Kind::Images)), [pixels / 2.0; 2]);
    }
}
