//! Learning from recordings, and watching others.

use std::ops::Range;

use wta_core::Cut;
use wta_core::detect::{Detector, Event, Memory, MemorySlots, Phase, detector_len, state_bytes};

use super::options::Options;
use super::report::{Judged, Report, Told, Watched};
use super::roc::{area, roc};
use crate::data::Signal;
use crate::error::{Error, Interrupted, Result};
use crate::memory::reserve;
use crate::observer::Observer;

/// Samples between two looks at whether to stop.
const OFTEN: usize = 1 << 14;

/// What was found, and the detector that found it.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was found.
    pub report: Report,
    /// The state after calibrating, as a device saves it into a slot of its flash: one with the settings of
    /// the report goes on from there.
    pub state: Vec<u8>,
}

/// A part of a recording.
type Part<'a> = (&'a Signal, Range<usize>);

/// Learns from the beginning of `normal` recordings, finds the threshold with what comes next, and watches
/// the rest of them and then the recordings `watch`. Each is watched by the detector as it was after
/// calibrating.
///
/// What there is to learn from is gone through as often as the steps of the options take.
///
/// # Errors
///
/// One sentence: a recording has other channels than the first, they are too short for a window or for so
/// small a share of false alarms, all of them are quiet, an option makes no sense, or the observer asked to
/// stop.
pub fn detect(
    normal: &[Signal],
    watch: &[Signal],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Found> {
    options.check()?;
    let Some(first) = normal.first() else {
        return Err(Error::Invalid("there is no recording to learn from".to_owned()));
    };
    let channels = first.channels();
    if let Some(other) = normal.iter().chain(watch).find(|signal| signal.channels() != channels) {
        let problem = format!(
            "has {} channels, but {} has {channels}; recordings of one sensor are alike",
            other.channels(),
            first.path().display()
        );
        return Err(Error::file(other.path(), problem));
    }
    let part = |from: f64, to: f64| -> Vec<Part<'_>> {
        let at = |signal: &Signal, share: f64| (signal.len() as f64 * share).round() as usize;
        normal.iter().map(|signal| (signal, at(signal, from)..at(signal, to))).collect()
    };
    let calibrated = options.learn_share + options.calibrate_share;
    let learnt = part(0.0, options.learn_share);
    let calibrating = part(options.learn_share, calibrated);
    let windows = |parts: &[Part<'_>]| -> usize {
        parts.iter().map(|(_, range)| windows_in(range.len(), options.window, options.hop())).sum()
    };
    let settings = options.settings(channels, windows(&calibrating))?;
    if windows(&learnt) == 0 || windows(&calibrating) == 0 {
        return Err(Error::file(
            first.path(),
            format!("is too short to learn from in windows of {} samples; record more", options.window),
        ));
    }

    let len = detector_len(&settings);
    let what = || format!("a detector that learns from {} windows at a time", options.batch);
    reserve::expect(len.bytes() as u64, what)?;
    let mut memory = Owned {
        floats: reserve::zeros(len.floats, what)?,
        indices: reserve::zeros(len.indices, what)?,
        cuts: vec![Cut { threshold: 0.0, ties_below: 0 }; len.cuts],
    };
    let mut detector = Detector::new(&settings, memory.lend())?;
    let mut loss = 0.0;
    observer.begin("learn", settings.training.steps);
    let passes = pass(&mut detector, &learnt, Phase::Calibrating, observer, |event| {
        if let Event::Learnt { loss: last } = event {
            loss = last;
        }
    })?;
    observer.end();
    observer.begin("calibrate", u64::from(settings.calibration));
    pass(&mut detector, &calibrating, Phase::Watching, observer, |_| ())?;
    observer.end();
    let mut state = vec![0xff; state_bytes(&settings)];
    let mut other = vec![0xff; state.len()];
    let too_long = |_| Error::Invalid("the detector's state is longer than its slot".to_owned());
    detector.save(&mut MemorySlots { slots: [&mut state, &mut other] }).map_err(too_long)?;

    let threshold = detector.threshold().unwrap_or(f32::INFINITY);
    let rest = part(calibrated, 1.0).into_iter().filter(|(_, range)| range.len() >= options.window);
    let rest: Vec<(Part<'_>, bool)> = rest.map(|part| (part, true)).collect();
    let others = watch.iter().map(|signal| ((signal, 0..signal.len()), false));
    let all: Vec<(Part<'_>, bool)> = rest.into_iter().chain(others).collect();
    observer.begin("watch", all.iter().map(|((_, range), _)| range.len() as u64).sum());
    let mut recordings = Vec::new();
    for ((signal, range), is_normal) in all {
        detector.restore(&mut MemorySlots { slots: [&mut state, &mut other] }).map_err(too_long)?;
        recordings.push(watch_one(&mut detector, signal, range, is_normal, observer)?);
    }
    observer.end();
    compare(&mut recordings);
    let report = Report {
        settings: options.rust(&settings),
        ram_bytes: len.bytes(),
        state_bytes: state.len(),
        learnt_samples: learnt.iter().map(|(_, range)| range.len()).sum(),
        passes,
        loss,
        calibration: settings.calibration,
        rank: settings.tail_len(),
        threshold,
        recordings,
    };
    Ok(Found { report, state })
}

/// A detector's memory.
struct Owned {
    floats: Vec<f32>,
    indices: Vec<u32>,
    cuts: Vec<Cut>,
}

impl Owned {
    fn lend(&mut self) -> Memory<'_> {
        Memory { floats: &mut self.floats, indices: &mut self.indices, cuts: &mut self.cuts }
    }
}

/// Windows in so many samples.
fn windows_in(samples: usize, window: usize, hop: usize) -> usize {
    samples.checked_sub(window).map_or(0, |more| more / hop.max(1) + 1)
}

/// Goes through recordings until a phase begins; returns how often.
fn pass(
    detector: &mut Detector<'_>,
    parts: &[Part<'_>],
    until: Phase,
    observer: &dyn Observer,
    mut told: impl FnMut(Event),
) -> Result<usize> {
    let (window, hop) = (detector.settings().window(), detector.settings().hop);
    let windows: usize = parts.iter().map(|(_, range)| windows_in(range.len(), window, hop)).sum();
    for pass in 1.. {
        let (before, skipped) = ((detector.phase(), detector.progress()), detector.skipped());
        for (signal, range) in parts {
            let mut count = 0;
            signal.each(range.clone(), |sample| {
                let of = detector.progress().0;
                if let Some(event) = detector.push(sample)? {
                    told(event);
                }
                let (done, _) = detector.progress();
                if detector.phase() != Phase::Conditioning && done > of {
                    observer.advance(u64::from(done - of));
                }
                count += 1;
                if count % OFTEN == 0 && observer.should_stop() {
                    return Err(Error::Interrupted(Interrupted::Evaluation));
                }
                Ok(detector.phase() != until)
            })?;
            detector.gap();
            if detector.phase() == until {
                return Ok(pass);
            }
        }
        // A large batch may take several passes.
        let all_skipped = (detector.skipped() - skipped) as usize >= windows;
        if all_skipped && (detector.phase(), detector.progress()) == before {
            let name = parts.first().map(|(signal, _)| signal.path()).unwrap_or(std::path::Path::new(""));
            return Err(Error::file(name, "has no window that is not quiet; record the machine as it runs"));
        }
    }
    Ok(0)
}

/// Watches a part of a recording.
fn watch_one(
    detector: &mut Detector<'_>,
    signal: &Signal,
    range: Range<usize>,
    normal: bool,
    observer: &dyn Observer,
) -> Result<Watched> {
    let threshold = detector.threshold().unwrap_or(f32::INFINITY);
    let window = detector.settings().window();
    let (mut scores, mut events, mut windows_to_alarm) = (Vec::new(), Vec::new(), None);
    let (mut sample, mut judged) = (range.start, detector.progress().0);
    signal.each(range.clone(), |numbers| {
        let event = detector.push(numbers)?;
        let now = detector.progress().0;
        if now != judged {
            judged = now;
            if let Some(score) = detector.last_score() {
                scores.push(Judged { start: (sample + 1).saturating_sub(window), score });
            }
        }
        if let Some((event, score)) = event.and_then(named) {
            if event == "alarm" && windows_to_alarm.is_none() {
                windows_to_alarm = Some(scores.len());
            }
            let seconds = signal.rate().map(|rate| sample as f64 / f64::from(rate.max(1)));
            events.push(Told { event, sample, seconds, score });
        }
        sample += 1;
        if sample % OFTEN == 0 {
            observer.advance(OFTEN as u64);
            if observer.should_stop() {
                return Err(Error::Interrupted(Interrupted::Evaluation));
            }
        }
        Ok(true)
    })?;
    let above = scores.iter().filter(|judged| judged.score > threshold).count();
    Ok(Watched {
        file: signal.path().to_owned(),
        normal,
        rate: signal.rate(),
        windows: scores.len(),
        skipped: detector.skipped(),
        above,
        share: above as f64 / scores.len().max(1) as f64,
        windows_to_alarm,
        events,
        auc: None,
        roc: Vec::new(),
        scores,
    })
}

/// The name of an event of watching, and its score.
fn named(event: Event) -> Option<(&'static str, Option<f32>)> {
    match event {
        Event::Alarm { score } => Some(("alarm", Some(score))),
        Event::Cleared { score } => Some(("cleared", Some(score))),
        Event::Quiet => Some(("quiet", None)),
        Event::Resumed => Some(("resumed", None)),
        Event::Conditioned | Event::Learnt { .. } | Event::Calibrated { .. } => None,
    }
}

/// Compares each recording's scores with those of the normal windows that were not learnt.
fn compare(recordings: &mut [Watched]) {
    let scores =
        |watched: &Watched| -> Vec<f32> { watched.scores.iter().map(|judged| judged.score).collect() };
    let normal: Vec<f32> = recordings.iter().filter(|watched| watched.normal).flat_map(&scores).collect();
    for watched in recordings.iter_mut().filter(|watched| !watched.normal) {
        let scores = scores(watched);
        watched.auc = area(&normal, &scores);
        if watched.auc.is_some() {
            watched.roc = roc(&normal, &scores);
        }
    }
}

#[cfg(test)]
mod tests {
    use wta_core::Random;
    use wta_core::detect::Settings;

    use super::*;

    fn shaft(seed: u64, samples: usize, fault: f32) -> Vec<f32> {
        let mut random = Random::new(seed);
        let sample =
            |t: usize| (0.3 * t as f32).sin() + fault * (1.7 * t as f32).sin() + 0.1 * random.normal();
        (0..samples).map(sample).collect()
    }

    fn options() -> Options {
        Options { window: 32, steps: 150, batch: 8, false_alarms: 0.02, ..Options::default() }
    }

    #[test]
    fn it_is_what_a_device_finds_that_is_given_the_same_samples() {
        let options = options();
        let normal = Signal::from_floats("normal", 1, shaft(1, 8_000, 0.0));
        let today = Signal::from_floats("today", 1, shaft(2, 3_000, 0.5));
        let found = detect(&[normal], &[today], &options, &()).unwrap();
        // 4,000 samples to learn from; 2,000 have 124 windows of 32 by 16.
        let settings = Settings::fully_connected(32, 1, 16).unwrap();
        let settings = settings.learning(150, 8).calibration(124, 0.02);
        assert_eq!(
            found.report.settings,
            "Settings::fully_connected(32, 1, 16).hop(16).learning(150, 8).conditioning(256, 8.0)\
             .calibration(124, 0.02).votes(3, 4, 0).quiet(0.02)"
        );
        let len = detector_len(&settings);
        let mut memory = Owned {
            floats: vec![7.0; len.floats],
            indices: vec![7; len.indices],
            cuts: vec![Cut { threshold: 7.0, ties_below: 7 }; len.cuts],
        };
        let mut device = Detector::new(&settings, memory.lend()).unwrap();
        let normal = shaft(1, 8_000, 0.0);
        let mut passes = 0;
        while device.phase() != Phase::Calibrating {
            passes += 1;
            for sample in &normal[..4_000] {
                device.push(*sample).unwrap();
                if device.phase() == Phase::Calibrating {
                    break;
                }
            }
            device.gap();
        }
        normal[4_000..6_000].iter().for_each(|sample| assert!(device.push(*sample).is_ok()));
        device.gap();
        assert_eq!((found.report.passes, Some(found.report.threshold)), (passes, device.threshold()));
        for (watched, samples) in
            found.report.recordings.iter().zip([&normal[6_000..], &shaft(2, 3_000, 0.5)])
        {
            let mut scores = Vec::new();
            let mut judged = device.progress().0;
            for sample in samples {
                device.push(*sample).unwrap();
                if device.progress().0 != judged {
                    judged = device.progress().0;
                    scores.push(device.last_score().unwrap());
                }
            }
            device.gap();
            assert_eq!(watched.scores.iter().map(|judged| judged.score).collect::<Vec<_>>(), scores);
        }
        let [rest, today] = &found.report.recordings[..] else { panic!("{:?}", found.report) };
        assert!(rest.normal && rest.share < 0.06 && rest.events.is_empty(), "{:?}", rest.events);
        assert!(today.auc == Some(1.0) && today.windows_to_alarm == Some(3), "{:?}", today.auc);
        assert_eq!((today.events[0].event, today.events[0].sample), ("alarm", 32 + 2 * 16 - 1));
        // The state is the device's.
        let mut flash = vec![0xff; found.state.len()];
        let mut image = found.state.clone();
        device.restart().unwrap();
        assert!(device.restore(&mut MemorySlots { slots: [&mut image, &mut flash] }).unwrap());
        assert_eq!(device.threshold(), Some(found.report.threshold));
    }

    #[test]
    fn what_cannot_be_is_told_in_a_sentence() {
        let signal = |samples: usize| Signal::from_floats("r.npy", 1, shaft(1, samples, 0.0));
        let told = |normal: &[Signal], watch: &[Signal], options: Options| {
            detect(normal, watch, &options, &()).unwrap_err().to_string()
        };
        assert!(told(&[], &[], options()).contains("no recording to learn from"));
        assert!(told(&[signal(40)], &[], options()).contains("windows for the threshold"));
        let few = Options { calibration: Some(100), ..options() };
        assert!(told(&[signal(40)], &[], few).contains("r.npy: is too short to learn from"));
        let two = Signal::from_floats("two.npy", 2, shaft(1, 800, 0.0));
        assert!(told(&[signal(8_000)], &[two], options()).contains("two.npy: has 2 channels"));
        let quiet = Signal::from_floats("off.npy", 1, [shaft(1, 300, 0.0), vec![0.0; 20_000]].concat());
        assert!(told(&[quiet], &[], options()).contains("off.npy: has no window that is not quiet"));
        let shares = Options { learn_share: 0.9, calibrate_share: 0.2, ..options() };
        assert!(told(&[signal(8_000)], &[], shares).contains("the shares"));
        let votes = Options { needed: 5, of: 4, ..options() };
        assert!(told(&[signal(8_000)], &[], votes).contains("k of n windows"));
    }
}
