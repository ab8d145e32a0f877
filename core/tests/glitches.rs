//! Training that a glitch of a sensor cannot ruin: clipped inputs, clipped gradients, skipped images, in each
//! trainer and to the same bits.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use proptest::prelude::*;
use wta_core::{
    BadImages, ContrastiveDivergence, Conv, Corruption, Cut, Dictionary, Error, Guard, Initial, Method,
    Network, Optimizer, Random, RbmTrainer, Result, Scalar, Schedule, Scratch, Selection, Shape, Size,
    Sparsity, StreamTrainer, Trainer, TrainingConfig, TrainingLen, UnitTrainer, rbm_training_len,
    stream_training_len, training_len, unit_training_len,
};

const INPUTS: usize = 24;
const BATCH: usize = 10;
const STEPS: u64 = 150;
const SGD: Method = Method::Sgd { momentum: 0.9 };

/// A trainer of the core.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Images,
    Units,
    Stream,
    Rbm,
}

const WINNER_TAKE_ALL: [Kind; 3] = [Kind::Images, Kind::Units, Kind::Stream];

/// A network, how it is trained, and its memory.
struct Training {
    kind: Kind,
    network: Network,
    config: TrainingConfig,
    step: u64,
    parameters: Vec<f32>,
    moments: Vec<f32>,
    floats: Vec<f32>,
    indices: Vec<u32>,
    cuts: Vec<Cut>,
}

/// What a step says: its loss, and how many images were skipped.
type Said = Result<(f32, usize)>;

impl Training {
    fn new(kind: Kind, network: Network, config: TrainingConfig) -> Self {
        let (method, batch) = (&config.optimizer.method, config.batch);
        let TrainingLen { parameters, moments, floats, indices, cuts } = match kind {
            Kind::Images => training_len(&network, &config.sparsity, method, batch),
            Kind::Units => unit_training_len(&network, &config.sparsity, method, batch),
            Kind::Stream => stream_training_len(&network, method, batch),
            Kind::Rbm => rbm_training_len(&network, batch),
        };
        let mut training = Self {
            kind,
            network,
            config,
            step: 0,
            parameters: vec![0.0; parameters],
            moments: vec![0.0; moments],
            floats: vec![0.0; floats],
            indices: vec![0; indices],
            cuts: vec![Cut { threshold: 0.0, ties_below: 0 }; cuts],
        };
        let initial = if kind == Kind::Rbm { Initial::Normal(0.01) } else { Initial::He };
        network.initialise(initial, 3, &mut training.parameters).unwrap();
        training
    }

    fn step(&mut self, batch: &[f32]) -> Said {
        let Self { kind, network, config, parameters, moments, floats, indices, cuts, .. } = self;
        let scratch = Scratch { floats, indices, cuts };
        let images = batch.chunks_exact(network.input().len());
        macro_rules! step {
            ($trainer:expr) => {{
                let mut trainer = $trainer?;
                let loss = trainer.step(images)?;
                self.step = trainer.steps_done();
                Ok((loss, trainer.last_skipped()))
            }};
        }
        let (network, config, step) = (*network, *config, self.step);
        match kind {
            Kind::Images => step!(Trainer::new(Scalar, network, config, step, parameters, moments, scratch)),
            Kind::Units => {
                step!(UnitTrainer::new(Scalar, network, config, step, parameters, moments, scratch))
            }
            Kind::Stream => {
                step!(StreamTrainer::new(Scalar, network, config, step, parameters, moments, scratch))
            }
            Kind::Rbm => {
                let gibbs = ContrastiveDivergence { steps: 1, persistent: false, seed: 5 };
                step!(RbmTrainer::new(Scalar, network, config, gibbs, step, parameters, moments, scratch))
            }
        }
    }
}

fn config(method: Method, guard: Guard) -> TrainingConfig {
    let rate = if method == SGD { 5e-3 } else { 3e-3 };
    TrainingConfig {
        sparsity: Sparsity::lifetime(0.3),
        corruption: Corruption::NONE,
        guard,
        dictionary: Dictionary::FREE,
        optimizer: Optimizer { method, rate, schedule: Schedule::Constant, decay: 0.0 },
        batch: BATCH,
        steps: STEPS,
    }
}

fn fully_connected() -> Network {
    Network::fully_connected(INPUTS, &[16]).unwrap()
}

/// Windows of a vibration between -1 and 1: two tones of random phases, and noise.
fn signal(step: u64) -> Vec<f32> {
    let mut random = Random::stream(7, step);
    let mut windows = Vec::new();
    for _ in 0..BATCH {
        let (a, b) = (random.uniform() * 6.3, random.uniform() * 6.3);
        windows.extend((0..INPUTS).map(|i| {
            let t = i as f32;
            0.55 * (0.5 * t + a).sin() + 0.35 * (1.3 * t + b).sin() + 0.1 * (2.0 * random.uniform() - 1.0)
        }));
    }
    windows
}

/// What goes wrong in a step: some of its samples change.
type Glitch<'a> = &'a dyn Fn(u64, &mut [f32]);

/// Trains to the end; returns the loss on the last steps' signal, before it is disturbed, and how many images
/// were skipped. A refused step changes nothing, and the training goes on with the next.
fn train(kind: Kind, network: Network, config: TrainingConfig, glitch: Glitch<'_>) -> (f32, usize) {
    let mut training = Training::new(kind, network, config);
    let mut skipped = 0;
    for step in 0..STEPS {
        let mut batch = signal(step);
        if kind == Kind::Rbm {
            batch.iter_mut().for_each(|v| *v = 0.5 + 0.5 * *v);
        }
        glitch(step, &mut batch);
        match training.step(&batch) {
            Ok((_, bad)) => skipped += bad,
            Err(Error::Invalid(what)) => {
                assert!(what.starts_with("every image of the batch is bad"), "{what}");
                skipped += BATCH;
            }
            Err(error) => panic!("step {step}: {error}"),
        }
    }
    // What was learnt is judged without learning any more.
    let mut loss = 0.0;
    for step in STEPS..STEPS + 5 {
        let mut judge = Training::new(kind, network, config);
        (judge.parameters, judge.step) = (training.parameters.clone(), training.step);
        let mut batch = signal(step);
        if kind == Kind::Rbm {
            batch.iter_mut().for_each(|v| *v = 0.5 + 0.5 * *v);
        }
        loss += judge.step(&batch).unwrap().0;
    }
    (loss, skipped)
}

#[track_caller]
fn assert_close(what: &str, loss: f32, undisturbed: f32) {
    assert!((loss / undisturbed - 1.0).abs() < 0.1, "{what}: {loss}, and {undisturbed} without");
}

const SPIKES: [f32; 10] =
    [10.0, 100.0, -100.0, 1e4, -1e4, 1e8, 1e10, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

fn all_kinds() -> impl Iterator<Item = (Kind, Network, Method)> {
    let winner_take_all = WINNER_TAKE_ALL
        .into_iter()
        .flat_map(|kind| [SGD, Method::ADAM].map(|method| (kind, fully_connected(), method)));
    winner_take_all.chain([(Kind::Rbm, fully_connected().tied().unwrap(), SGD)])
}

fn guard_of(kind: Kind) -> Guard {
    if kind == Kind::Rbm { Guard::within(0.0, 1.0) } else { Guard::within(-1.0, 1.0) }
}

#[test]
fn a_spike_of_any_size_at_any_step_is_survived() {
    for (kind, network, method) in all_kinds() {
        let config = config(method, guard_of(kind));
        let (undisturbed, none) = train(kind, network, config, &|_, _| {});
        assert_eq!(none, 0);
        for spike in SPIKES {
            for at in [0, 100, STEPS - 1] {
                let glitch = |step: u64, batch: &mut [f32]| {
                    if step == at {
                        batch[3 * INPUTS + 11] = spike;
                    }
                };
                let (loss, skipped) = train(kind, network, config, &glitch);
                let what = format!("{kind:?}, {method:?}, {spike} at step {at}");
                assert_close(&what, loss, undisturbed);
                assert_eq!(skipped, usize::from(spike.is_nan()), "{what}");
            }
        }
    }
}

#[test]
fn a_spike_is_survived_by_the_gradients_clipping_alone() {
    for (kind, network, method) in all_kinds().filter(|(kind, ..)| *kind != Kind::Rbm) {
        let guard = Guard { bad_images: BadImages::Skip, ..Guard::NONE.with_gradient_norm(1.0) };
        let config = config(method, guard);
        let (undisturbed, _) = train(kind, network, config, &|_, _| {});
        for spike in SPIKES {
            for at in [0, 75, STEPS - 1] {
                let glitch = |step: u64, batch: &mut [f32]| {
                    if step == at {
                        batch[3 * INPUTS + 11] = spike;
                    }
                };
                let (loss, _) = train(kind, network, config, &glitch);
                assert_close(&format!("{kind:?}, {method:?}, {spike} at step {at}"), loss, undisturbed);
            }
        }
    }
}

#[test]
fn the_loss_is_a_number_where_its_squares_are_none() {
    for kind in WINNER_TAKE_ALL {
        // The gradient is clipped, or just within its limit.
        for (guard, spike) in [(Guard::NONE.with_gradient_norm(1.0), 1e25), (Guard::NONE, 9e18)] {
            let mut training = Training::new(kind, fully_connected(), config(SGD, guard));
            // Without weights nothing wins, so that only the biases of the decoder learn from the spikes.
            training.parameters.fill(0.0);
            let mut batch = signal(0);
            batch[..INPUTS].fill(spike);
            assert_eq!(training.step(&batch), Ok((f32::MAX, 0)), "{kind:?} {spike}");
            assert!(training.parameters.iter().all(|number| number.is_finite()));
        }
    }
}

#[test]
fn without_a_guard_a_middle_sized_spike_ruins_a_training() {
    let config = config(SGD, Guard::NONE);
    let mut training = Training::new(Kind::Units, fully_connected(), config);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let mut batch = signal(step);
        if step == 100 {
            batch[11] = 1e4;
        }
        losses.push(training.step(&batch).map_or(f32::INFINITY, |(loss, _)| loss));
    }
    assert!(losses[99] < 10.0 && losses[149] > 1e3, "{losses:?}");
}

#[test]
fn glitches_that_go_on_are_survived() {
    let glitches: [(&str, Glitch<'_>); 6] = [
        ("several spikes", &|step, batch| {
            if step == 60 {
                for (place, spike) in [(0, 1e4), (5, -1e6), (INPUTS + 2, 300.0), (7 * INPUTS, f32::INFINITY)]
                {
                    batch[place] = spike;
                }
            }
        }),
        ("whole images of NaN", &|step, batch| {
            if (50..60).contains(&step) {
                batch[..4 * INPUTS].fill(f32::NAN);
            }
        }),
        ("whole batches of NaN", &|step, batch| {
            if (50..55).contains(&step) {
                batch.fill(f32::NAN);
            }
        }),
        ("a stuck sensor", &|step, batch| {
            if (50..53).contains(&step) {
                batch.fill(1e5);
            }
        }),
        ("an image stuck at full scale", &|step, batch| {
            if (50..60).contains(&step) {
                batch[2 * INPUTS..3 * INPUTS].fill(1.0);
            }
        }),
        ("spikes step after step", &|step, batch| {
            if (50..90).contains(&step) {
                batch[(step as usize * 37) % batch.len()] = if step % 2 == 0 { 1e4 } else { -1e7 };
            }
        }),
    ];
    for (kind, network, method) in all_kinds() {
        for guard in [guard_of(kind), guard_of(kind).with_gradient_norm(1.0)] {
            let config = config(method, guard);
            let (undisturbed, _) = train(kind, network, config, &|_, _| {});
            for (name, glitch) in glitches {
                let (loss, _) = train(kind, network, config, glitch);
                assert_close(&format!("{kind:?}, {method:?}, {name}"), loss, undisturbed);
            }
        }
    }
}

/// Numbers of all sizes, rarely.
fn disturb(batch: &mut [f32], spikes: &[(usize, f32)]) {
    let len = batch.len();
    spikes.iter().for_each(|(place, spike)| batch[place % len] = *spike);
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

fn guards() -> impl Strategy<Value = Guard> {
    let inputs = prop::option::of((-2.0f32..0.5, 0.6f32..3.0));
    let limit = prop::option::of(prop::sample::select(vec![1.5f32, 50.0, 1e6]));
    let bad_images = prop::sample::select(vec![BadImages::Skip, BadImages::Skip, BadImages::Refuse]);
    let gradient_norm = prop::option::of(prop::sample::select(vec![1e-3f32, 0.3, 1.0, 30.0]));
    (inputs, limit, bad_images, gradient_norm).prop_map(|(inputs, limit, bad_images, gradient_norm)| Guard {
        inputs,
        limit,
        bad_images,
        gradient_norm,
    })
}

fn spikes() -> impl Strategy<Value = Vec<(usize, f32)>> {
    let spike = prop::sample::select([&SPIKES[..], &[2.0, 1e20, 1e30, f32::MAX]].concat());
    prop::collection::vec((0..100_000usize, spike), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_trainers_clip_and_skip_to_the_same_bits(
        guard in guards(),
        spikes in prop::collection::vec(spikes(), 4),
        tied in any::<bool>(),
        rate in prop::sample::select(vec![0.1, 0.3, 1.0]),
        adam in any::<bool>(),
    ) {
        let network = if tied { fully_connected().tied().unwrap() } else { fully_connected() };
        let config = config(if adam { Method::ADAM } else { SGD }, guard);
        let config = TrainingConfig { sparsity: Sparsity::lifetime(rate), ..config };
        let mut trainings = WINNER_TAKE_ALL.map(|kind| Training::new(kind, network, config));
        for (step, spikes) in (0..).zip(&spikes) {
            let mut batch = signal(step);
            disturb(&mut batch, spikes);
            let [images, units, stream] = trainings.each_mut().map(|training| training.step(&batch));
            // An infinite loss has no other bits than itself.
            let said = |said: Said| said.map(|(loss, skipped)| (loss.to_bits(), skipped));
            prop_assert_eq!(said(images), said(stream));
            match (images, units) {
                // The order in which a loss is summed differs where the sum is infinite.
                (Ok((a, skipped)), Ok((b, others))) => {
                    prop_assert_eq!(skipped, others);
                    prop_assert!(a.to_bits() == b.to_bits() || !a.is_finite() && !b.is_finite());
                }
                (images, units) => prop_assert_eq!(said(images), said(units)),
            }
            let [images, others @ ..] = &trainings;
            for other in others {
                prop_assert_eq!(bits(&images.parameters), bits(&other.parameters), "{:?}", other.kind);
                prop_assert_eq!(bits(&images.moments), bits(&other.moments), "{:?}", other.kind);
            }
        }
    }

    #[test]
    fn rows_of_images_are_clipped_and_skipped_as_whole_ones(
        guard in guards(),
        spikes in prop::collection::vec(spikes(), 3),
        stride in 1..3usize,
        all in any::<bool>(),
    ) {
        let layers = [Conv::with_stride(4, Size::square(3), Size::square(stride)), Conv::new(3, Size::square(3))];
        // Of stride 2 and kernel 1, the last rows of an image are not read by the encoder.
        let layers = if stride == 2 { [Conv::with_stride(4, Size::square(1), Size::square(2)), layers[1]] } else { layers };
        let network = Network::convolutional(Shape::new(2, 6, 5), &layers, Size::square(3));
        let Ok(network) = network else { return Ok(()) };
        let selection = if all { Selection::All } else { Selection::Lifetime { rate: 0.3 } };
        let config = TrainingConfig {
            sparsity: Sparsity { grid: Size::ONE, selection },
            batch: 4,
            ..config(SGD, guard)
        };
        let mut trainings =
            [Kind::Images, Kind::Stream].map(|kind| Training::new(kind, network, config));
        for (step, spikes) in (0..).zip(&spikes) {
            let mut batch = signal(step);
            batch.truncate(4 * network.input().len());
            disturb(&mut batch, spikes);
            let [images, stream] = trainings.each_mut().map(|training| training.step(&batch));
            match (images, stream) {
                // A row that the encoder does not read is looked at later: after another one has made a
                // candidate infinite, too.
                (Err(Error::BadImage { .. }), Err(Error::BadImage { .. } | Error::NotFinite { .. })) => {}
                (images, stream) => {
                    let said = |said: Said| said.map(|(loss, skipped)| (loss.to_bits(), skipped));
                    prop_assert_eq!(said(images), said(stream));
                }
            }
            let [images, stream] = &trainings;
            prop_assert_eq!(bits(&images.parameters), bits(&stream.parameters));
        }
    }
}

#[test]
fn a_skipped_image_has_no_winners_no_loss_and_no_gradient() {
    // A code that every image takes part in alone: what is left of the batch is trained as without the
    // others.
    for kind in WINNER_TAKE_ALL {
        let sparsity = Sparsity { grid: Size::ONE, selection: Selection::All };
        let all = TrainingConfig { sparsity, ..config(SGD, guard_of(kind)) };
        let mut batch = signal(0);
        let mut few = batch.clone();
        few.drain(2 * INPUTS..3 * INPUTS);
        few.drain(5 * INPUTS..6 * INPUTS);
        batch[2 * INPUTS + 3] = f32::NAN;
        batch[6 * INPUTS] = f32::NAN;
        let mut skipping = Training::new(kind, fully_connected(), all);
        let (loss, skipped) = skipping.step(&batch).unwrap();
        assert_eq!(skipped, 2);
        // The divisor is the batch's size, 10: that of 8 images is made so by the learning rate.
        let optimizer = Optimizer { rate: all.optimizer.rate * 0.8, ..all.optimizer };
        let mut without =
            Training::new(kind, fully_connected(), TrainingConfig { batch: 8, optimizer, ..all });
        let (expected, _) = without.step(&few).unwrap();
        assert!((loss / (0.8 * expected) - 1.0).abs() < 1e-5, "{kind:?}: {loss} {expected}");
        for (a, b) in skipping.parameters.iter().zip(&without.parameters) {
            assert!((a - b).abs() < 1e-6, "{kind:?}: {a} {b}");
        }
    }
}

#[test]
fn a_batch_of_bad_images_changes_nothing_and_says_so() {
    for (kind, network, method) in all_kinds() {
        let mut training = Training::new(kind, network, config(method, guard_of(kind)));
        training.step(&vec![0.5; BATCH * INPUTS]).unwrap();
        let (parameters, moments) = (training.parameters.clone(), training.moments.clone());
        let error = training.step(&vec![f32::NAN; BATCH * INPUTS]).unwrap_err();
        assert!(error.to_string().starts_with("every image of the batch is bad"), "{error}");
        assert_eq!((training.step, training.parameters, training.moments), (1, parameters, moments));
    }
}

#[test]
fn a_bad_image_is_named_with_its_element_and_what_to_do() {
    for (kind, network, method) in all_kinds() {
        for (limit, spike) in
            [(None, f32::NAN), (None, f32::INFINITY), (Some(1e3), 1e4), (Some(1e3), f32::NAN)]
        {
            let guard = Guard { limit, ..Guard::NONE };
            let mut training = Training::new(kind, network, config(method, guard));
            let mut batch = vec![0.5; BATCH * INPUTS];
            batch[3 * INPUTS + 17] = spike;
            batch[7 * INPUTS] = spike;
            let error = training.step(&batch).unwrap_err();
            let what =
                if limit.is_some() { "is not a number within the limit" } else { "is not a finite number" };
            assert_eq!(error, Error::BadImage { image: 3, index: 17, what }, "{kind:?}");
            let sentence = format!(
                "element 17 of image 3 of the batch {what}; leave this image out, or let training skip bad images"
            );
            assert_eq!(error.to_string(), sentence);
        }
    }
}

#[test]
fn a_gradient_too_large_to_be_squared_is_clipped() {
    for kind in WINNER_TAKE_ALL {
        // Without atoms and filters the gradient is that of the decoder's bias: as large as the spike.
        let clipped = config(SGD, Guard::NONE.with_gradient_norm(2.0));
        let mut training = Training::new(kind, fully_connected(), clipped);
        training.parameters.fill(0.0);
        let mut batch = vec![0.0; BATCH * INPUTS];
        batch[11] = -1e20;
        training.step(&batch).unwrap();
        let last = training.parameters.len() - INPUTS + 11;
        let moved = training.parameters[last] / (-2.0 * clipped.optimizer.rate);
        assert!((moved - 1.0).abs() < 1e-6, "{kind:?}: {moved}");
        assert!(training.parameters[..last].iter().all(|v| *v == 0.0));

        let mut refusing = Training::new(kind, fully_connected(), config(SGD, Guard::NONE));
        refusing.parameters.fill(0.0);
        let error = refusing.step(&batch).unwrap_err();
        assert_eq!(error, Error::Diverged { index: last });
        assert!(error.to_string().ends_with("lower the learning rate, or clip the gradient"), "{error}");
    }
}
