//! The detector against its parts put together by hand, and against glitches, cuts of power and misuse.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests report by panicking")]

use wta_core::detect::{
    BLOCK, Detector, Event, Memory, MemorySlots, Phase, Settings, Slots, detector_len, state_bytes,
};
use wta_core::{
    Corruption, Cut, Error, Initial, Novelty, Parameters, Random, Scalar, Scratch, Selection, Size, Sparsity,
    StreamTrainer, TrainingConfig, UnitTrainer, novelty_len, stream_training_len, unit_training_len,
};

/// A detector's memory, filled with what must not matter.
#[derive(Clone)]
struct Owned {
    floats: Vec<f32>,
    indices: Vec<u32>,
    cuts: Vec<Cut>,
}

impl Owned {
    fn new(settings: &Settings) -> Self {
        let len = detector_len(settings);
        Self {
            floats: vec![f32::NAN; len.floats],
            indices: vec![u32::MAX; len.indices],
            cuts: vec![Cut { threshold: f32::NAN, ties_below: 7 }; len.cuts],
        }
    }

    fn detector<'a>(&'a mut self, settings: &'a Settings) -> Detector<'a> {
        Detector::new(settings, self.memory()).unwrap()
    }

    fn memory(&mut self) -> Memory<'_> {
        Memory { floats: &mut self.floats, indices: &mut self.indices, cuts: &mut self.cuts }
    }
}

/// A shaft's vibration: two sines of unlike channels, and noise.
struct Shaft {
    random: Random,
    time: f32,
}

impl Shaft {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), time: 0.0 }
    }

    fn next(&mut self) -> f32 {
        self.time += 1.0;
        (0.4 * self.time).sin() + 0.5 * (0.8 * self.time + 1.0).sin() + 0.1 * self.random.normal()
    }

    fn sample<const CHANNELS: usize>(&mut self) -> [f32; CHANNELS] {
        std::array::from_fn(|channel| (channel as f32 + 1.0) * self.next() + 10.0 * channel as f32)
    }
}

/// What settings a test goes through: both architectures, one and several channels, overlap and gaps.
fn all_settings() -> [Settings; 5] {
    let small = |settings: Settings| settings.learning(40, 4).calibration(60, 0.05);
    [
        small(Settings::fully_connected(32, 1, 6).unwrap()),
        small(Settings::fully_connected(16, 1, 4).unwrap()).hop(5).unscaled().adapting(1e-3),
        small(Settings::fully_connected(16, 1, 4).unwrap()).hop(21).quiet(0.0),
        small(Settings::convolutional(32, 1, 4, 7).unwrap()),
        small(Settings::convolutional(24, 1, 3, 5).unwrap()).hop(24).adapting(1e-3),
    ]
}

fn trained_by(mut settings: Settings, training: TrainingConfig) -> Settings {
    settings.training = training;
    settings
}

/// Pushes samples until the phase is over, and one that begins there. Returns the events.
fn run_until(detector: &mut Detector<'_>, phase: Phase, mut next: impl FnMut() -> f32) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..1_000_000 {
        if detector.phase() == phase {
            return events;
        }
        events.extend(detector.push(next()).unwrap());
    }
    panic!("the detector stays in {:?}", detector.phase());
}

/// The scores of so many windows.
fn scores(detector: &mut Detector<'_>, count: usize, mut next: impl FnMut() -> f32) -> Vec<f32> {
    let mut scores = Vec::new();
    let mut judged = detector.progress().0;
    while scores.len() < count {
        detector.push(next()).unwrap();
        if detector.progress().0 != judged {
            judged = detector.progress().0;
            scores.push(detector.last_score().unwrap());
        }
    }
    scores
}

#[test]
fn it_is_the_trainer_and_the_novelty_score_put_together_by_hand() {
    for settings in all_settings() {
        let (window, network, training) = (settings.window(), settings.network, settings.training);
        let mut shaft = Shaft::new(1);
        let stream: Vec<f32> = (0..20_000).map(|_| shaft.next()).collect();
        let mut owned = Owned::new(&settings);
        let mut detector = owned.detector(&settings);
        let mut place = 0;
        let mut next = || {
            place += 1;
            stream[place - 1]
        };
        let events = run_until(&mut detector, Phase::Watching, &mut next);
        let found = scores(&mut detector, 30, &mut next);

        // By hand. No sample is so far out that it would be saturated while the moments are learnt.
        let conditioning = settings.conditioning as usize;
        let (mut mean, mut squares) = (0.0, 0.0);
        for (count, value) in stream[..conditioning].iter().enumerate() {
            let distance = value - mean;
            mean += distance / (count as f32 + 1.0);
            squares += distance * (value - mean);
        }
        let factor = 1.0 / (squares / conditioning as f32).sqrt();
        let conditioned: Vec<f32> = stream.iter().map(|value| (value - mean) * factor).collect();
        let mut start = conditioning;
        let mut windows = |count: usize| -> Vec<Vec<f32>> {
            let windows = (0..count).map(|index| {
                let from = start + index * settings.hop;
                standardised(&settings, &conditioned[from..from + window])
            });
            let windows = windows.collect();
            start += (count - 1) * settings.hop + window;
            windows
        };
        let mut parameters = vec![0.0; network.parameters_len()];
        network.initialise(Initial::He, settings.seed, &mut parameters).unwrap();
        let mut moments = vec![0.0; parameters.len() * training.optimizer.method.moments()];
        let learnt = windows(training.batch * training.steps as usize);
        let len = if network.is_fully_connected() {
            unit_training_len(&network, &training.sparsity, &training.optimizer.method, training.batch)
        } else {
            stream_training_len(&network, &training.optimizer.method, training.batch)
        };
        let (mut floats, mut indices) = (vec![0.0; len.floats], vec![0; len.indices]);
        let mut cuts = vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts];
        let scratch = Scratch { floats: &mut floats, indices: &mut indices, cuts: &mut cuts };
        let batches = learnt.chunks(training.batch);
        let images = |batch: &'static [Vec<f32>]| batch.iter().map(|window| &window[..]);
        let batches = batches.map(|batch| images(Box::leak(batch.to_vec().into_boxed_slice())));
        if network.is_fully_connected() {
            let mut trainer =
                UnitTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch)
                    .unwrap();
            batches.for_each(|batch| assert!(trainer.step(batch).is_ok()));
        } else {
            let mut trainer =
                StreamTrainer::new(Scalar, network, training, 0, &mut parameters, &mut moments, scratch)
                    .unwrap();
            batches.for_each(|batch| assert!(trainer.step(batch).is_ok()));
        }
        let mut memory = vec![0.0; novelty_len(&network)];
        let mut positions = vec![0; network.code().channels];
        let weights = Parameters::new(network, &parameters).unwrap();
        let mut novelty = Novelty::new(Scalar, weights, 0, &mut memory, &mut positions).unwrap();
        let mut score =
            |window: Vec<f32>| 2.0 * novelty.score(&window[..]).unwrap() / network.input().len() as f32;
        let mut calibrated: Vec<f32> =
            windows(settings.calibration as usize).into_iter().map(&mut score).collect();
        calibrated.sort_by(|a, b| b.total_cmp(a));
        // 5% of 61 windows are 3.
        let threshold = calibrated[2];
        assert!(events.contains(&Event::Calibrated { threshold }), "{events:?} {threshold}");
        assert_eq!(detector.threshold(), Some(threshold));
        // A network that adapts may have changed after a batch of windows.
        let first = if settings.adapting > 0.0 { training.batch } else { 30 };
        let watched: Vec<f32> = windows(first).into_iter().map(&mut score).collect();
        assert_eq!(found[..first], watched);
    }
}

/// A window as its own mean and deviation leave it, by the same sums.
fn standardised(settings: &Settings, window: &[f32]) -> Vec<f32> {
    if settings.scaling == wta_core::detect::Scaling::None {
        return window.to_vec();
    }
    let count = window.len() as f32;
    let mean = window.iter().sum::<f32>() / count;
    let deviation = (window.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count).sqrt();
    let factor = 1.0 / deviation.max(settings.quiet.max(1e-6));
    window.iter().map(|value| (value - mean) * factor).collect()
}

#[test]
fn phases_last_as_long_as_the_settings_say() {
    let settings = Settings::fully_connected(16, 1, 4)
        .unwrap()
        .hop(4)
        .conditioning(100, 8.0)
        .learning(5, 3)
        .calibration(50, 0.1);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(2));
    let mut detector = owned.detector(&settings);
    let mut ended = Vec::new();
    for sample in 1.. {
        if detector.push(shaft.next()).unwrap().is_some() {
            ended.push(sample);
        }
        if ended.len() == 3 {
            break;
        }
    }
    // A first window takes 16 samples, each further one 4; no window is shared by two phases.
    let (learning, calibrating) = (16 + 4 * (5 * 3 - 1), 16 + 4 * (50 - 1));
    assert_eq!(ended, [100, 100 + learning, 100 + learning + calibrating]);
}

#[test]
fn a_fault_is_told_by_votes_and_its_end_too() {
    let settings =
        Settings::fully_connected(32, 1, 8).unwrap().learning(200, 8).calibration(200, 0.01).votes(3, 4, 1);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(3));
    let mut detector = owned.detector(&settings);
    run_until(&mut detector, Phase::Watching, || shaft.next());
    let threshold = detector.threshold().unwrap();
    let mut watch = |detector: &mut Detector<'_>, windows: usize, fault: bool| {
        let mut events = Vec::new();
        for sample in 0..windows * settings.hop {
            let ringing = if fault { (2.3 * sample as f32).sin() } else { 0.0 };
            events.extend(detector.push(shaft.next() + ringing).unwrap().map(|event| (sample, event)));
        }
        events
    };
    assert!(watch(&mut detector, 200, false).is_empty());
    let told = watch(&mut detector, 20, true);
    let [(sample, Event::Alarm { score })] = told[..] else { panic!("{told:?}") };
    assert!(score > threshold && sample <= 5 * settings.hop, "{score} {threshold} {sample}");
    assert!(detector.is_alarmed());
    let told = watch(&mut detector, 20, false);
    assert!(matches!(told[..], [(_, Event::Cleared { .. })]), "{told:?}");
    assert!(!detector.is_alarmed());
}

#[test]
fn loudness_counts_where_windows_are_not_scaled() {
    let basic = Settings::fully_connected(32, 1, 8).unwrap().learning(200, 8).calibration(200, 0.01);
    for (settings, expected) in [(basic, false), (basic.unscaled(), true)] {
        let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(4));
        let mut detector = owned.detector(&settings);
        run_until(&mut detector, Phase::Watching, || shaft.next());
        for _ in 0..32 * 20 {
            detector.push(1.8 * shaft.next()).unwrap();
        }
        assert_eq!(detector.is_alarmed(), expected);
    }
}

#[test]
fn false_alarms_are_as_rare_as_promised_whatever_the_scores_are_like() {
    // Windows of white noise without overlap are independent: the promise then holds on the average.
    let settings = Settings::fully_connected(8, 1, 2)
        .unwrap()
        .hop(8)
        .learning(20, 4)
        .calibration(99, 0.05)
        .votes(1, 1, 0);
    let (mut above, mut all) = (0, 0);
    for seed in 0..60 {
        let (mut owned, mut random) = (Owned::new(&settings), Random::new(seed));
        let mut detector = owned.detector(&settings);
        run_until(&mut detector, Phase::Watching, || random.normal());
        let threshold = detector.threshold().unwrap();
        let scores = scores(&mut detector, 200, || random.normal());
        above += scores.iter().filter(|score| **score > threshold).count();
        all += scores.len();
    }
    // 5 of 100 scores are above the fifth largest of the other 99.
    let share = above as f64 / all as f64;
    assert!((0.042..0.058).contains(&share), "{share}");
}

#[test]
fn glitches_of_any_size_at_any_time_change_little() {
    let settings = Settings::fully_connected(32, 1, 8).unwrap().learning(150, 8).calibration(200, 0.05);
    let run = |glitches: &[(usize, f32)]| {
        let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(5));
        let mut detector = owned.detector(&settings);
        let mut place = 0;
        while detector.phase() != Phase::Watching {
            let glitch = glitches.iter().find(|(at, _)| *at == place).map(|(_, value)| *value);
            let value = shaft.next();
            detector.push(glitch.unwrap_or(value)).unwrap();
            place += 1;
        }
        let threshold = detector.threshold().unwrap();
        (threshold, scores(&mut detector, 100, || shaft.next()).iter().sum::<f32>() / 100.0)
    };
    let (clean_threshold, clean_score) = run(&[]);
    for size in [10.0, -100.0, 1e4, -1e8, 1e10, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for places in [&[0][..], &[100], &[256], &[5_000, 5_001, 5_002], &[9_000, 12_000, 15_000, 19_000]] {
            let glitches: Vec<(usize, f32)> = places.iter().map(|place| (*place, size)).collect();
            let (threshold, score) = run(&glitches);
            assert!((score / clean_score - 1.0).abs() < 0.1, "{size} at {places:?}: {score}");
            assert!(threshold / clean_threshold < 1.5, "{size} at {places:?}: {threshold}");
        }
    }
}

#[test]
fn windows_with_a_nan_and_quiet_ones_are_passed_over() {
    let settings = Settings::fully_connected(16, 1, 4).unwrap().learning(40, 4).calibration(40, 0.05);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(6));
    let mut detector = owned.detector(&settings);
    run_until(&mut detector, Phase::Watching, || shaft.next());
    let judged = detector.progress().0;
    // A NaN is in two windows that overlap by half.
    for sample in 0..16 * 4 {
        let value = if sample == 20 { f32::NAN } else { shaft.next() };
        detector.push(value).unwrap();
    }
    assert_eq!((detector.skipped(), detector.progress().0 - judged), (2, 7 - 2));
    let mut events = Vec::new();
    for sample in 0..16 * 10 {
        let value = if sample < 16 * 6 { 0.3 } else { shaft.next() };
        events.extend(detector.push(value).unwrap());
    }
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Quiet => "quiet",
            Event::Resumed => "resumed",
            _ => "other",
        })
        .filter(|kind| *kind != "other")
        .collect();
    assert_eq!(kinds, ["quiet", "resumed"]);
    assert!(!detector.is_quiet());
}

#[test]
fn channels_are_conditioned_apart_and_all_of_them_are_asked_for() {
    let settings = Settings::fully_connected(16, 3, 12).unwrap().learning(500, 8).calibration(200, 0.02);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(7));
    let mut detector = owned.detector(&settings);
    while detector.phase() != Phase::Watching {
        detector.push(shaft.sample::<3>()).unwrap();
    }
    assert_eq!(detector.push([1_i16, 2]), Err(Error::Length { what: "sample", expected: 3, found: 2 }),);
    assert!(detector.push(&[1.0_f32, 2.0, 3.0][..]).is_ok());
    // The second channel alone fails.
    detector.gap();
    for time in 0..16 * 6 {
        let mut sample = shaft.sample::<3>();
        sample[1] = 10.0 + 2.0 * (2.5 * time as f32).sin();
        detector.push(sample).unwrap();
    }
    assert!(detector.is_alarmed());
}

#[test]
fn integers_are_what_their_numbers_are() {
    let settings = Settings::fully_connected(16, 1, 4).unwrap().learning(20, 4).calibration(20, 0.1);
    let (mut first, mut second) = (Owned::new(&settings), Owned::new(&settings));
    let (mut first, mut second) = (first.detector(&settings), second.detector(&settings));
    let mut shaft = Shaft::new(8);
    while first.phase() != Phase::Watching {
        let count = (1000.0 * shaft.next()) as i16;
        assert_eq!(first.push(count), second.push([f32::from(count)]));
    }
    assert_eq!(first.parameters(), second.parameters());
}

#[test]
fn a_restored_state_goes_on_with_the_same_bits() {
    for settings in all_settings() {
        for phase in [Phase::Conditioning, Phase::Learning, Phase::Calibrating, Phase::Watching] {
            let mut shaft = Shaft::new(9);
            let mut owned = Owned::new(&settings);
            let mut detector = owned.detector(&settings);
            run_until(&mut detector, phase, || shaft.next());
            // Some way into it, where no batch is half full.
            let begun = detector.progress().0;
            let way = if phase == Phase::Conditioning { 90 } else { 8 };
            while detector.progress().0 < begun + way {
                detector.push(shaft.next()).unwrap();
            }
            if phase == Phase::Watching && settings.adapting > 0.0 {
                let before = detector.parameters().to_vec();
                while detector.parameters() == before {
                    detector.push(shaft.next()).unwrap();
                }
            }
            let mut flash = vec![0x5a; 2 * state_bytes(&settings)];
            let (first, second) = flash.split_at_mut(state_bytes(&settings));
            let mut slots = MemorySlots { slots: [first, second] };
            detector.save(&mut slots).unwrap();
            let mut other = Owned::new(&settings);
            let mut restored = other.detector(&settings);
            assert!(restored.restore(&mut slots).unwrap());
            assert_eq!((restored.phase(), restored.progress()), (detector.phase(), detector.progress()));
            detector.gap();
            let events = |detector: &mut Detector<'_>, mut shaft: Shaft| {
                let mut events = run_until(detector, Phase::Watching, || shaft.next());
                for time in 0..1500 {
                    let fault = if time > 700 { (2.0 * time as f32).sin() } else { 0.0 };
                    events.extend(detector.push(shaft.next() + fault).unwrap());
                }
                events
            };
            let (expected, found) =
                (events(&mut detector, Shaft::new(10)), events(&mut restored, Shaft::new(10)));
            assert_eq!(found, expected);
            assert_eq!(restored.parameters(), detector.parameters());
            assert_eq!(restored.last_score(), detector.last_score());
        }
    }
}

#[test]
fn a_detector_can_be_kept_as_its_memory_and_its_status() {
    let settings = all_settings()[1];
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(11));
    let mut other = Owned::new(&settings);
    let mut whole = other.detector(&settings);
    let mut status = owned.detector(&settings).status();
    for _ in 0..3_000 {
        let value = shaft.next();
        let mut detector = Detector::resume(&settings, owned.memory(), status).unwrap();
        assert_eq!(detector.push(value), whole.push(value));
        status = detector.status();
    }
    assert_eq!(whole.phase(), Phase::Watching);
}

/// Slots whose power fails after so many bytes, erasing and writing alike.
struct Failing<'m> {
    slots: MemorySlots<'m>,
    bytes_left: usize,
}

impl Slots for Failing<'_> {
    type Error = ();

    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Result<(), ()> {
        self.slots.read(slot, at, to).map_err(drop)
    }

    fn erase(&mut self, slot: usize) -> Result<(), ()> {
        let slot = &mut self.slots.slots[slot];
        let erased = slot.len().min(self.bytes_left);
        slot[..erased].fill(0xff);
        self.bytes_left -= erased;
        if erased < slot.len() { Err(()) } else { Ok(()) }
    }

    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Result<(), ()> {
        let written = BLOCK.min(self.bytes_left);
        self.slots.slots[slot][at..at + written].copy_from_slice(&block[..written]);
        self.bytes_left -= written;
        if written < BLOCK { Err(()) } else { Ok(()) }
    }
}

#[test]
fn a_cut_of_power_at_any_byte_of_a_save_leaves_a_whole_state() {
    let settings = Settings::fully_connected(8, 1, 3).unwrap().learning(30, 2).calibration(30, 0.1);
    let bytes = state_bytes(&settings);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(12));
    let mut status = owned.detector(&settings).status();
    let mut flash = vec![0xff; 2 * bytes];
    let save = |detector: &mut Detector<'_>, flash: &mut [u8], bytes_left: usize| {
        let (first, second) = flash.split_at_mut(bytes);
        detector.save(&mut Failing { slots: MemorySlots { slots: [first, second] }, bytes_left })
    };
    let restore = |flash: &mut [u8]| {
        let mut owned = Owned::new(&settings);
        let mut detector = owned.detector(&settings);
        let (first, second) = flash.split_at_mut(bytes);
        let found = detector.restore(&mut MemorySlots { slots: [first, second] }).unwrap();
        found.then(|| (detector.phase(), detector.progress(), detector.parameters().to_vec()))
    };
    let state = |detector: &Detector<'_>| {
        Some((detector.phase(), detector.progress(), detector.parameters().to_vec()))
    };
    // Nothing is there before the first state is whole; then the old one until the new one is.
    let mut before = None;
    for phase in [Phase::Learning, Phase::Learning, Phase::Calibrating, Phase::Watching, Phase::Watching] {
        let mut detector = Detector::resume(&settings, owned.memory(), status).unwrap();
        run_until(&mut detector, phase, || shaft.next());
        (0..40).for_each(|_| assert!(detector.push(shaft.next()).is_ok()));
        let after = state(&detector);
        status = detector.status();
        assert_ne!(before, after);
        let mut complete = 0;
        // Erasing takes as many bytes as the slot has, and so does writing, up to the end of the last block.
        for cut in 0..=2 * bytes {
            let (mut flash, mut copy) = (flash.clone(), owned.clone());
            let mut detector = Detector::resume(&settings, copy.memory(), status).unwrap();
            let result = save(&mut detector, &mut flash, cut);
            let found = restore(&mut flash);
            assert!(found == before || found == after, "a cut at byte {cut} leaves neither state");
            assert!(result.is_err() || found == after, "a save that succeeds with {cut} bytes is not there");
            complete += usize::from(found == after);
            // Power comes back, and the next attempt succeeds.
            if result.is_err() && cut % 7 == 0 {
                save(&mut detector, &mut flash, usize::MAX).unwrap();
                assert_eq!(restore(&mut flash), after);
            }
            // A device that did not look at its flash before it saves finds the newest state, too.
            if before.is_some() && cut % 7 == 0 {
                let mut flash = flash.clone();
                let newest = restore(&mut flash);
                let mut fresh = Owned::new(&settings);
                assert!(save(&mut fresh.detector(&settings), &mut flash, cut.min(bytes)).is_err());
                assert_eq!(restore(&mut flash), newest, "a cut at byte {cut}");
            }
        }
        assert!((1..bytes).contains(&complete), "{complete} cuts leave the new state");
        let mut detector = Detector::resume(&settings, owned.memory(), status).unwrap();
        save(&mut detector, &mut flash, usize::MAX).unwrap();
        status = detector.status();
        before = after;
    }
}

#[test]
fn a_flipped_bit_makes_a_state_none() {
    let settings = Settings::fully_connected(8, 1, 3).unwrap().learning(30, 2).calibration(30, 0.1);
    let bytes = state_bytes(&settings);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(13));
    let mut detector = owned.detector(&settings);
    run_until(&mut detector, Phase::Watching, || shaft.next());
    let mut flash = vec![0xff; 2 * bytes];
    let (first, second) = flash.split_at_mut(bytes);
    let mut slots = MemorySlots { slots: [first, second] };
    detector.save(&mut slots).unwrap();
    // Behind the checksum, the last block is not read.
    let state = slots.slots[0].iter().rposition(|byte| *byte != 0xff).unwrap() + 1;
    for place in 0..state {
        slots.slots[0][place] ^= 1 << (place % 8);
        let mut other = Owned::new(&settings);
        let mut fresh = other.detector(&settings);
        assert!(!fresh.restore(&mut slots).unwrap(), "byte {place}");
        assert_eq!(fresh.phase(), Phase::Conditioning);
        slots.slots[0][place] ^= 1 << (place % 8);
    }
    // Settings that mean something else do not take it; a seed does.
    for (settings, taken) in [
        (settings.votes(2, 4, 0), false),
        (settings.hop(3), false),
        (settings.calibration(31, 0.1), false),
        (settings.unscaled(), false),
        (settings.seed(9), true),
    ] {
        let mut other = Owned::new(&settings);
        assert_eq!(other.detector(&settings).restore(&mut slots).unwrap(), taken);
    }
    let winners = |count| {
        let sparsity = Sparsity { selection: Selection::PerSample { count }, ..settings.training.sparsity };
        trained_by(settings, TrainingConfig { sparsity, ..settings.training })
    };
    let (mut other, others) = (Owned::new(&winners(1)), winners(1));
    assert!(!other.detector(&others).restore(&mut slots).unwrap(), "scores by other winners");
    let mut short = [0xff; 64];
    let mut slots = MemorySlots { slots: [&mut short, &mut []] };
    assert!(detector.save(&mut slots).is_err() && detector.restore(&mut slots).is_err());
}

/// Flash of which a slot cannot be read, or which reads otherwise the second time.
struct Unsure<'m> {
    slots: MemorySlots<'m>,
    unreadable: Option<usize>,
    /// How often the start of a slot was read.
    reads: u32,
    /// A byte that flips when a state is read again.
    flips: Option<usize>,
}

impl Slots for Unsure<'_> {
    type Error = ();

    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Result<(), ()> {
        if self.unreadable == Some(slot) {
            return Err(());
        }
        self.reads += u32::from(at == 0);
        self.slots.read(slot, at, to).map_err(drop)?;
        if self.reads > 2
            && let Some(byte) = self.flips.and_then(|flips| to.get_mut(flips.checked_sub(at)?))
        {
            *byte ^= 0x81;
        }
        Ok(())
    }

    fn erase(&mut self, slot: usize) -> Result<(), ()> {
        self.slots.erase(slot).map_err(drop)
    }

    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Result<(), ()> {
        self.slots.write(slot, at, block).map_err(drop)
    }
}

/// A whole checksum does not prove that a detector wrote the state: its counters may be anything.
#[test]
fn counters_at_their_end_do_not_overflow() {
    for settings in all_settings() {
        let mut owned = Owned::new(&settings);
        let mut detector = owned.detector(&settings);
        let mut flash = vec![0xff; 2 * state_bytes(&settings)];
        let (first, second) = flash.split_at_mut(state_bytes(&settings));
        let mut slots = MemorySlots { slots: [first, second] };
        let mut shaft = Shaft::new(3);
        for phase in [Phase::Conditioning, Phase::Learning, Phase::Calibrating, Phase::Watching] {
            run_until(&mut detector, phase, || shaft.next());
            detector.save(&mut slots).unwrap();
            let slot = usize::from(phase.number() % 2 == 1);
            let state = &mut slots.slots[slot];
            let len = u32::from_le_bytes(state[16..20].try_into().unwrap()) as usize;
            // Samples or windows of the phase, and steps.
            state[24..36].fill(0xff);
            let crc = crc32(&state[..len - 4]);
            state[len - 4..len].copy_from_slice(&crc.to_le_bytes());
            let mut other = Owned::new(&settings);
            let mut restored = other.detector(&settings);
            assert!(restored.restore(&mut slots).unwrap());
            assert_eq!(restored.phase(), phase);
            // What has no sense may be refused.
            for _ in 0..2_000 {
                let _ = restored.push(shaft.next());
            }
        }
    }
}

/// The checksum, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut remainder = !0u32;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            remainder = (remainder >> 1) ^ (0xedb8_8320 & (remainder & 1).wrapping_neg());
        }
    }
    !remainder
}

#[test]
fn flash_that_fails_or_changes_gives_a_whole_state_or_none() {
    let settings = Settings::fully_connected(8, 1, 3).unwrap().learning(30, 2).calibration(30, 0.1);
    let bytes = state_bytes(&settings);
    let (mut owned, mut shaft) = (Owned::new(&settings), Shaft::new(13));
    let mut detector = owned.detector(&settings);
    run_until(&mut detector, Phase::Watching, || shaft.next());
    for unreadable in 0..2 {
        let mut flash = vec![0xff; 2 * bytes];
        let (first, second) = flash.split_at_mut(bytes);
        let slots = MemorySlots { slots: [first, second] };
        let mut slots = Unsure { slots, unreadable: None, reads: 0, flips: None };
        detector.save(&mut slots).unwrap();
        detector.save(&mut slots).unwrap();
        slots.unreadable = Some(unreadable);
        let mut other = Owned::new(&settings);
        assert!(other.detector(&settings).restore(&mut slots).unwrap(), "the other slot has a state");
        slots.slots.erase(1 - unreadable).unwrap();
        let mut fresh = other.detector(&settings);
        assert!(fresh.restore(&mut slots).is_err() && fresh.phase() == Phase::Conditioning);
    }
    let mut flash = vec![0xff; 2 * bytes];
    let (first, second) = flash.split_at_mut(bytes);
    let mut slots =
        Unsure { slots: MemorySlots { slots: [first, second] }, unreadable: None, reads: 0, flips: None };
    let mut saving = Owned::new(&settings);
    let mut saved = saving.detector(&settings);
    run_until(&mut saved, Phase::Watching, || shaft.next());
    saved.save(&mut slots).unwrap();
    let state = slots.slots.slots[0].iter().rposition(|byte| *byte != 0xff).unwrap() + 1;
    for place in (0..state).step_by(3) {
        (slots.reads, slots.flips) = (0, Some(place));
        let mut other = Owned::new(&settings);
        let mut fresh = other.detector(&settings);
        assert!(!fresh.restore(&mut slots).unwrap(), "byte {place}");
        assert_eq!((fresh.phase(), fresh.progress().0), (Phase::Conditioning, 0));
        assert!(fresh.parameters().iter().all(|value| value.is_finite()));
    }
}

#[test]
fn settings_that_make_no_sense_are_refused_in_a_sentence() {
    let good = Settings::fully_connected(16, 2, 4).unwrap();
    let hiding = Corruption { input: 0.2, ..Corruption::NONE };
    let on_a_grid = Sparsity { grid: Size::new(2, 1), ..good.training.sparsity };
    let wrong = [
        good.hop(0),
        good.conditioning(8, 8.0),
        good.conditioning(100, 0.5),
        good.conditioning(100, f32::NAN),
        good.calibration(50, 0.01),
        good.calibration(50, 0.0),
        good.calibration(50, f32::NAN),
        good.votes(0, 4, 0),
        good.votes(5, 4, 0),
        good.votes(3, 4, 3),
        good.votes(3, 33, 0),
        good.quiet(-1.0),
        good.adapting(f32::INFINITY),
        // What every step would be refused for.
        good.adapting(2e6),
        trained_by(good, TrainingConfig { corruption: hiding, ..good.training }),
        trained_by(good, TrainingConfig { sparsity: on_a_grid, ..good.training }),
        good.conditioning(100, 1e30),
        good.learning(1 << 33, 1),
        good.learning(0, 4),
        good.learning(10, 0),
        good.learning(10, usize::MAX / 8),
    ];
    for settings in wrong {
        assert!(matches!(settings.check(), Err(Error::Invalid(_))), "{settings:?}");
    }
    assert!(Settings::fully_connected(0, 1, 4).is_err() && Settings::fully_connected(4, 0, 4).is_err());
    assert!(Settings::fully_connected(usize::MAX, 2, 4).is_err());
    assert!(Settings::convolutional(1, 1, 4, 1).is_err());
    assert!(Settings::convolutional(16, 1, 4, 17).is_err() && Settings::convolutional(16, 0, 4, 3).is_err());
    let deep = wta_core::Network::fully_connected(16, &[8, 4]).unwrap();
    assert!(Settings::new(deep, 1, good.training).is_err());
    let (mut owned, mut floats) = (Owned::new(&good), vec![0.0; 7]);
    let memory = Memory { floats: &mut floats, ..owned.memory() };
    assert!(matches!(Detector::new(&good, memory), Err(Error::Length { .. })));
}
