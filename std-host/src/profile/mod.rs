//! How long the phases of a training step take, compared with the machine's peak.
//!
//! [`profile`] measures a [`Subject`] and returns a [`Report`]. First it measures the [`peak`] of the
//! arithmetic, then steps and encodings of the network. Copying memory comes last, because its large blocks
//! would otherwise show in the process's peak memory. [`work`] says how much work each phase has;
//! [`stopwatch`](crate::train::stopwatch) measures how long it takes.

pub mod cases;
pub mod encode;
mod int8;
pub mod memory;
pub mod notation;
pub mod peak;
mod repeat;
pub mod report;
mod subject;
pub mod text;
pub mod together;
pub mod work;

use std::time::Instant;

use wta_core::{Encoder, Parameters};
use wta_simd::int8::Int8Isa;

use crate::error::{Error, Result, Setting};
use crate::memory::aligned::Aligned;
use crate::observer::Observer;
use crate::train::BatchTrainer;
use crate::train::stopwatch::{Phase, Stopwatch, Times};

use encode::Codes;
use repeat::{REPEATS, WARM_UP, fastest, median, repeat};
use report::{PhaseReport, Report};
use work::{Nominal, Work};

pub use repeat::Settings;
pub use subject::Subject;

/// Measures on the threads of the current pool.
///
/// # Errors
///
/// One sentence for 0 steps or a step that the core refuses; [`Error::Interrupted`] if the observer stops it.
pub fn profile(subject: &Subject, settings: Settings, observer: &dyn Observer) -> Result<Report> {
    if settings.steps == Some(0) {
        return Err(Error::setting(Setting::Steps, "must be at least 1"));
    }
    let (isa, threads) = (settings.isa, rayon::current_num_threads());
    let total = settings.steps.unwrap_or(REPEATS) as u64;
    let peaks = peak::peaks();

    observer.begin("training steps", total);
    let (steps, parameters) = steps(subject, settings, observer)?;
    let peak_memory_bytes = memory::peak();
    observer.begin("encodings", total);
    let encodings = encodings(subject, &parameters, settings, observer)?;
    observer.begin("encodings in 8 bits", total);
    let in_int8 = int8::encodings(subject, &parameters, settings, observer)?;
    observer.end();
    let copy_gb_s = peak::copy_gb_s();

    let peak = peaks.iter().find(|peak| peak.isa == isa.name() && peak.threads == threads);
    let peak_gflops = peak.map_or(f64::NAN, |peak| peak.gflops);
    let prepared = Encoder::prepared_len(isa, &subject.network);
    let nominal = Nominal::new(subject.network, subject.training, prepared);
    let depth = subject.network.depth();
    let phases: Vec<PhaseReport> =
        rows(depth, &steps.times).iter().map(|row| row.report(&nominal, &steps.times, peak_gflops)).collect();
    let step_ms = median(steps.ms.clone());
    let encode_ms = median(encodings.clone());
    let step_work: Work = Phase::all(depth).map(|phase| nominal.of(phase)).sum();
    Ok(Report {
        case: subject.case.clone(),
        recipe: subject.recipe.clone(),
        network: text::network_and_sparsity(&subject.network, &subject.training.sparsity),
        isa: isa.name(),
        threads,
        batch: subject.training.batch,
        steps: steps.ms.len(),
        step_ms,
        step_ms_min: fastest(&steps.ms),
        step_gflops: step_work.operations / step_ms / 1e6,
        encodings: encodings.len(),
        encode_ms,
        encode_ms_min: fastest(&encodings),
        encode_gflops: nominal.encode().operations / encode_ms / 1e6,
        int8: Int8Isa::of(isa).name(),
        encode_int8_ms: median(in_int8.clone()),
        encode_int8_ms_min: fastest(&in_int8),
        peak_gflops,
        copy_gb_s,
        rest_ms: (step_ms - phases.iter().map(|phase| phase.ms).sum::<f64>()).max(0.0),
        phases,
        peaks,
        peak_memory_bytes,
    })
}

/// The times of the steps.
struct Steps {
    /// The time of each step, in milliseconds.
    ms: Vec<f64>,
    /// The times of each step's phases.
    times: Vec<Times>,
}

/// Measures steps, and also returns the parameters after the last one.
fn steps(subject: &Subject, settings: Settings, observer: &dyn Observer) -> Result<(Steps, Vec<f32>)> {
    let mut trainer = BatchTrainer::new(settings.isa, subject.network, subject.training);
    subject.network.initialise(subject.initial, subject.seed, &mut trainer.parameters)?;
    let stopwatch = Stopwatch::new(rayon::current_num_threads());
    trainer.stopwatch = stopwatch.clone();
    let mut batch = vec![0.0; subject.training.batch * subject.network.input().len()];
    let (mut times, mut number) = (Vec::new(), 0);
    let ms = repeat(settings, observer, || {
        subject.fill(number, &mut batch)?;
        number += 1;
        let start = Instant::now();
        let loss = trainer.step(&batch);
        let elapsed = start.elapsed();
        times.push(stopwatch.take());
        loss.map(|_| elapsed)
    })?;
    Ok((Steps { ms, times: times.split_off(WARM_UP) }, trainer.parameters.to_vec()))
}

/// Measures encodings, in milliseconds each. Preparing the filters is not included, because it is done once
/// per network.
fn encodings(
    subject: &Subject,
    parameters: &[f32],
    settings: Settings,
    observer: &dyn Observer,
) -> Result<Vec<f64>> {
    let (network, images) = (subject.network, subject.training.batch);
    let mut prepared = Aligned::zeros(Encoder::prepared_len(settings.isa, &network));
    let parameters = Parameters::from_outside(network, parameters)?;
    let encoder = Encoder::new(settings.isa, parameters, &mut prepared)?;
    let mut batch = vec![0.0; images * network.input().len()];
    subject.fill(0, &mut batch)?;
    let mut codes = Codes::new(settings.isa, network, images);
    repeat(settings, observer, || {
        let start = Instant::now();
        codes.encode(&encoder, &batch)?;
        Ok(start.elapsed())
    })
}

/// A line of the report: a phase that was timed, and all phases whose work was done in that time.
#[derive(Debug, PartialEq)]
struct Row {
    timed: Phase,
    covers: Vec<Phase>,
}

/// The phases that took any time. Training may time several layers as one. An encoder layer without a time of
/// its own is counted with the nearest layer that has one; so is a layer in learning.
fn rows(depth: usize, times: &[Times]) -> Vec<Row> {
    let taken = |phase: Phase| times.iter().any(|times| !times.of(phase).is_zero());
    let mut rows: Vec<Row> = Phase::all(depth)
        .filter(|phase| taken(*phase))
        .map(|phase| Row { timed: phase, covers: vec![phase] })
        .collect();
    for phase in Phase::all(depth).filter(|phase| !taken(*phase)) {
        let Some((learns, layer)) = place(phase) else { continue };
        let nearest = rows
            .iter_mut()
            .filter_map(|row| match place(row.timed) {
                Some((kind, of)) if kind == learns => Some((of.abs_diff(layer), row)),
                _ => None,
            })
            .min_by_key(|(distance, _)| *distance);
        if let Some((_, row)) = nearest {
            row.covers.push(phase);
        }
    }
    rows
}

/// Whether this is a phase of learning (otherwise of the encoder), and its layer; `None` for other phases.
fn place(phase: Phase) -> Option<(bool, usize)> {
    match phase {
        Phase::Compete { layer } => Some((false, layer)),
        Phase::Learn { layer } => Some((true, layer)),
        _ => None,
    }
}

impl Row {
    fn report(&self, nominal: &Nominal, times: &[Times], peak_gflops: f64) -> PhaseReport {
        let ms = median(times.iter().map(|times| times.of(self.timed).as_secs_f64() * 1e3).collect());
        let work: Work = self.covers.iter().map(|phase| nominal.of(*phase)).sum();
        // A phase may be too short for the clock in most steps.
        let per_second = |amount: f64| if ms > 0.0 { amount / ms / 1e6 } else { 0.0 };
        let gflops = per_second(work.operations);
        PhaseReport {
            name: self.name(),
            ms,
            gflops,
            gb_s: per_second(work.bytes),
            share_of_peak: gflops / peak_gflops,
        }
    }

    fn name(&self) -> String {
        let layers = || self.covers.iter().filter_map(|phase| place(*phase)).map(|(_, layer)| layer + 1);
        match (place(self.timed), layers().min(), layers().max()) {
            (Some((learns, _)), Some(first), Some(last)) if first < last => {
                format!("{}, layers {first} to {last}", if learns { "learn" } else { "compete" })
            }
            _ => self.timed.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wta_core::TrainingConfig;
    use wta_simd::Isa;

    use super::cases::Case;
    use super::subject::expect_available;
    use super::*;
    use crate::preprocess::Samples;
    use crate::recipe;

    fn settings(steps: usize) -> Settings {
        Settings { isa: Isa::detect(), steps: Some(steps) }
    }

    /// Stops at once.
    struct Stopped;

    impl Observer for Stopped {
        fn should_stop(&self) -> bool {
            true
        }
    }

    #[test]
    fn the_phases_are_the_step() {
        let subject = Subject::case(&Case::named("conv16").unwrap(), Some(20)).unwrap();
        let report = profile(&subject, settings(4), &()).unwrap();
        assert_eq!((report.steps, report.encodings, report.batch), (4, 4, 20));
        assert!(report.step_ms_min > 0.0 && report.step_ms_min <= report.step_ms, "{report:?}");
        assert!(report.encode_int8_ms_min > 0.0 && report.encode_int8_ms_min <= report.encode_int8_ms);
        assert!(report.encode_ms_min > 0.0 && report.encode_ms_min <= report.encode_ms, "{report:?}");
        let sum: f64 = report.phases.iter().map(|phase| phase.ms).sum();
        assert!(sum > 0.0 && report.rest_ms == (report.step_ms - sum).max(0.0), "{report:?}");
        assert!(report.network.contains("16conv5-16conv5-16deconv11"), "{report:?}");
        for start in ["compete", "select", "learn, layer 1", "update"] {
            assert!(report.phases.iter().any(|phase| phase.name.starts_with(start)), "{start}: {report:?}");
        }
    }

    /// On one thread, the phases follow each other within the step, whatever other programs do. These may
    /// interrupt a step between its phases, but hardly every step.
    #[test]
    fn the_phases_of_a_step_are_within_it_and_most_of_it() {
        let subject = Subject::case(&Case::named("conv16").unwrap(), Some(20)).unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (steps, _) = one.install(|| steps(&subject, settings(20), &())).unwrap();
        assert_eq!((steps.ms.len(), steps.times.len()), (20, 20));
        let shares: Vec<f64> = steps
            .ms
            .iter()
            .zip(&steps.times)
            .map(|(ms, times)| {
                let phases = Phase::all(subject.network.depth()).map(|phase| times.of(phase));
                phases.sum::<Duration>().as_secs_f64() * 1e3 / ms
            })
            .collect();
        assert!(shares.iter().all(|share| *share <= 1.0), "{shares:?}");
        assert!(shares.iter().any(|share| *share > 0.5), "{shares:?}");
    }

    #[test]
    fn a_recipe_is_measured_on_noise_or_on_its_data() {
        let recipe = recipe::load("digits-demo").unwrap();
        let noise = Subject::recipe(&recipe, Some(9), None).unwrap();
        let samples = crate::data::digits().map(|digits| digits.test);
        let samples = Samples::new(&recipe, samples.unwrap()).unwrap();
        let real = Subject::recipe(&recipe, Some(499), Some(samples)).unwrap();
        assert_eq!(noise.network, real.network);
        let mut batches = [vec![0.0; 499 * 784], vec![0.0; 499 * 784], vec![0.0; 499 * 784]];
        for (step, batch) in batches.iter_mut().enumerate() {
            real.fill(step, batch).unwrap();
        }
        assert!(batches[0] != batches[1], "1,000 digits are two batches");
        assert!(batches[0] == batches[2] && batches[0].contains(&0.0));
        let report = profile(&noise, settings(1), &()).unwrap();
        assert_eq!((report.recipe.as_deref(), report.case), (Some("digits-demo"), None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let case = Case::named("fc1000").unwrap();
        let error = |batch| Subject::case(&case, Some(batch)).unwrap_err().to_string();
        assert!(error(0).contains("batch must be at least 1"));
        assert!(error(usize::MAX).contains("GiB"), "{}", error(usize::MAX));
        let subject = Subject::case(&case, Some(2)).unwrap();
        let refused = profile(&subject, settings(0), &());
        assert!(refused.unwrap_err().to_string().contains("steps must be at least 1"));
        let stopped = profile(&subject, settings(3), &Stopped);
        assert!(matches!(stopped, Err(Error::Interrupted(_))));
        let far = TrainingConfig { batch: 1 << 36, ..subject.training };
        if memory::available().is_some() {
            assert!(expect_available(&subject.network, &far).unwrap_err().to_string().contains("MB"));
        }
    }

    /// The times of a step in which only these phases took any time.
    fn times(phases: &[Phase]) -> Times {
        let stopwatch = Stopwatch::new(1);
        for phase in phases {
            stopwatch.time(*phase, || std::thread::sleep(Duration::from_micros(50)));
        }
        stopwatch.take()
    }

    #[test]
    fn layers_without_a_time_belong_to_their_neighbours() {
        let (compete, learn) = (|layer| Phase::Compete { layer }, |layer| Phase::Learn { layer });
        let timed = [compete(2), Phase::Select, learn(3), learn(0), Phase::Update];
        let rows = rows(4, &[times(&[]), times(&timed)]);
        let names: Vec<String> = rows.iter().map(Row::name).collect();
        assert_eq!(
            names,
            ["compete, layers 1 to 4", "select", "learn, layers 3 to 4", "learn, layers 1 to 2", "update"]
        );
        assert_eq!(rows[0].covers, [compete(2), compete(0), compete(1), compete(3)]);
        assert_eq!(rows[2].covers, [learn(3), learn(2)]);

        let network = Case::named("conv64x3").unwrap();
        let nominal = Nominal::new(network.network, network.training(100), 0);
        let row = Row { timed: compete(1), covers: vec![compete(1), compete(0)] };
        let seconds = Duration::from_millis(250);
        let stopwatch = Stopwatch::new(1);
        stopwatch.time(compete(1), || std::thread::sleep(seconds));
        let report = row.report(&nominal, &[stopwatch.take()], 1000.0);
        let both = nominal.of(compete(0)).operations + nominal.of(compete(1)).operations;
        assert!(report.ms >= 250.0);
        assert!((report.gflops * report.ms * 1e6 / both - 1.0).abs() < 1e-9);
        assert!((report.share_of_peak * 1000.0 / report.gflops - 1.0).abs() < 1e-9);
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
        assert_eq!(fastest(&[3.0, 1.0, 2.0]), 1.0);
    }
}
