//! The state machine.

use crate::cut::Cut;
use crate::detect::condition::{Conditioner, bounded};
use crate::detect::event::{Event, Phase};
use crate::detect::layout::{Floats, Memory, detector_len};
use crate::detect::learner::{Lent, learning_len};
use crate::detect::sample::Sample;
use crate::detect::settings::Settings;
use crate::detect::tail::Tail;
use crate::detect::votes::Ballot;
use crate::detect::window::{scale, shift};
use crate::error::{Result, expect_len};
use crate::logging::logged;
use crate::math::clamp;
use crate::memory::{part, part_mut};
use crate::novelty::{Novelty, novelty_len};
use crate::parameters::{Initial, Parameters};
use crate::scalar::Scalar;
use crate::train::{Scratch, TrainingConfig};

/// Where a detector is: everything about it but its settings and what its memory holds.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    pub(super) phase: Phase,
    /// Samples or windows of this phase so far.
    pub(super) done: u32,
    /// Training steps so far.
    pub(super) step: u64,
    pub(super) ballot: Ballot,
    pub(super) threshold: f32,
    /// Samples in the window that is being filled.
    filled: usize,
    /// Samples to be passed over before the next window: a hop that is longer than a window.
    ahead: usize,
    /// Samples since the last one that was not a number.
    clean: usize,
    /// Windows of the batch so far.
    waiting: usize,
    /// Quiet windows in a row.
    quiet: u32,
    skipped: u32,
    score: Option<f32>,
    /// The slot of the newest saved state, and its number.
    pub(super) saved: Option<(usize, u32)>,
}

impl Status {
    /// Before the first sample.
    pub const fn new() -> Self {
        Self {
            phase: Phase::Conditioning,
            done: 0,
            step: 0,
            ballot: Ballot { history: 0, alarmed: false },
            threshold: f32::INFINITY,
            filled: 0,
            ahead: 0,
            clean: 0,
            waiting: 0,
            quiet: 0,
            skipped: 0,
            score: None,
            saved: None,
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Self::new()
    }
}

/// A detector that learns what is normal in a stream of samples, and tells what is not.
#[derive(Debug)]
pub struct Detector<'m> {
    pub(super) settings: &'m Settings,
    pub(super) status: Status,
    pub(super) floats: Floats<'m>,
    /// What training and scores need; see [`Floats`].
    scratch: &'m mut [f32],
    indices: &'m mut [u32],
    cuts: &'m mut [Cut],
}

impl<'m> Detector<'m> {
    /// A detector that has seen nothing yet. [`detector!`](crate::detector) makes the memory and calls this.
    ///
    /// # Errors
    ///
    /// As for [`Settings::check`], and [`Error::Length`](crate::Error::Length) for memory of other lengths
    /// than [`detector_len`](crate::detect::detector_len) says.
    pub fn new(settings: &'m Settings, memory: Memory<'m>) -> Result<Self> {
        let mut detector = Self::resume(settings, memory, Status::new())?;
        detector.restart()?;
        Ok(detector)
    }

    /// Goes on with a detector whose memory has been left as it was, and whose [`status`](Self::status) was
    /// kept: for callers that cannot keep the detector itself.
    ///
    /// # Errors
    ///
    /// As for [`Detector::new`].
    pub fn resume(settings: &'m Settings, memory: Memory<'m>, status: Status) -> Result<Self> {
        logged!(settings.check())?;
        let len = detector_len(settings);
        logged!(expect_len("floats of the detector", len.floats, memory.floats.len()))?;
        logged!(expect_len("indices of the detector", len.indices, memory.indices.len()))?;
        logged!(expect_len("cuts of the detector", len.cuts, memory.cuts.len()))?;
        let Memory { floats, indices, cuts } = memory;
        let (floats, scratch) = Floats::split(floats, settings);
        Ok(Self { settings, status, floats, scratch, indices, cuts })
    }

    /// Forgets everything and begins anew, as after a repair of the machine. A saved state stays.
    ///
    /// # Errors
    ///
    /// None for settings that [`Settings::check`] has passed.
    pub fn restart(&mut self) -> Result<()> {
        let saved = self.status.saved;
        self.status = Status { saved, ..Status::new() };
        self.floats.moments.fill(0.0);
        self.tail().clear();
        self.settings.network.initialise(Initial::He, self.settings.seed, self.floats.parameters)
    }

    /// Takes in the next sample. Returns what happened, if anything did.
    ///
    /// Infinite and enormous numbers count as large ones. A sample with a NaN spoils the windows that it is
    /// in: these are neither learnt nor judged.
    ///
    /// # Errors
    ///
    /// [`Error::Length`](crate::Error::Length) for a sample of another number of channels, which is not taken
    /// in. What a training step is refused with ([`Error::Diverged`](crate::Error::Diverged), or
    /// [`Error::BadImage`](crate::Error::BadImage) by a guard with a limit), and
    /// [`Error::NotFinite`](crate::Error::NotFinite) for a window whose score is not a number: these windows
    /// are dropped, and the next sample goes on. With the settings' own training and saturation that does not
    /// happen. Where an event comes at the same time, the event is returned.
    pub fn push(&mut self, sample: impl Sample) -> Result<Option<Event>> {
        let channels = self.settings.channels;
        logged!(expect_len("sample", channels, sample.channels()))?;
        if self.status.ahead > 0 {
            self.status.ahead -= 1;
            return Ok(None);
        }
        let conditioning = self.status.phase == Phase::Conditioning;
        let limit = self.settings.saturation;
        let to = part_mut(self.floats.window, self.status.filled * channels, channels);
        let learnt = self.floats.means.iter().zip(&*self.floats.spreads);
        let mut nan = false;
        for ((index, to), (mean, factor)) in to.iter_mut().enumerate().zip(learnt) {
            let value = bounded(sample.channel(index));
            nan |= value.is_nan();
            *to = if conditioning { value } else { clamp((value - mean) * factor, -limit, limit) };
        }
        if conditioning {
            return Ok(if nan { None } else { self.condition() });
        }
        self.status.clean = if nan { 0 } else { self.status.clean.saturating_add(1) };
        self.status.filled += 1;
        // In numbers: how many samples a window has would take a division for each of them.
        if self.status.filled * channels < self.floats.window.len() {
            return Ok(None);
        }
        self.window_is_full()
    }

    /// The stream was interrupted: the window that is being filled is dropped, so that none spans the gap.
    pub fn gap(&mut self) {
        (self.status.filled, self.status.ahead, self.status.clean) = (0, 0, 0);
        // The first samples of the conditioning lie in the window, too.
        if self.status.phase == Phase::Conditioning && (self.status.done as usize) < self.settings.window() {
            self.status.done = 0;
        }
    }

    /// What the detector was told.
    pub const fn settings(&self) -> &Settings {
        self.settings
    }

    /// What the detector is doing.
    pub const fn phase(&self) -> Phase {
        self.status.phase
    }

    /// How far it is in its phase, and how far that goes: samples of conditioning, steps of learning, windows
    /// of calibrating. Watching has no end: windows judged, and 0.
    pub fn progress(&self) -> (u32, u32) {
        let Status { phase, done, step, .. } = self.status;
        match phase {
            Phase::Conditioning => (done, self.settings.conditioning),
            Phase::Learning => (step as u32, self.settings.training.steps as u32),
            Phase::Calibrating => (done, self.settings.calibration),
            Phase::Watching => (done, 0),
        }
    }

    /// The score of the last window that was judged: the mean square of what the network could not
    /// reconstruct.
    pub const fn last_score(&self) -> Option<f32> {
        self.status.score
    }

    /// The score above which a window counts for an alarm, once it is known.
    pub fn threshold(&self) -> Option<f32> {
        (self.status.phase == Phase::Watching).then_some(self.status.threshold)
    }

    /// Whether there is an alarm.
    pub const fn is_alarmed(&self) -> bool {
        self.status.ballot.alarmed
    }

    /// Whether the last windows were quiet, so that nothing is judged.
    pub const fn is_quiet(&self) -> bool {
        self.status.quiet >= self.settings.votes.of
    }

    /// Windows that were passed over: quiet ones, and those with a NaN.
    pub const fn skipped(&self) -> u32 {
        self.status.skipped
    }

    /// The network's parameters as they are now, in the order of [`Regions`](crate::Regions).
    pub fn parameters(&self) -> &[f32] {
        self.floats.parameters
    }

    /// Where the detector is, for [`Detector::resume`].
    pub const fn status(&self) -> Status {
        self.status
    }

    pub(super) fn tail(&mut self) -> Tail<'_> {
        Tail { places: self.floats.tail }
    }

    /// A sample of the conditioning lies behind those before it in the window, or at its front once the
    /// window was full.
    fn condition(&mut self) -> Option<Event> {
        let Self { settings, status, floats, .. } = self;
        let window = settings.window();
        let mut conditioner = Conditioner { means: floats.means, spreads: floats.spreads };
        let before = status.done;
        status.done = status.done.saturating_add(1);
        if status.done as usize > window {
            let sample = part(floats.window, 0, settings.channels);
            conditioner.add(before, sample, settings.saturation);
        } else if status.done as usize == window {
            conditioner.begin(floats.window, settings.saturation);
            status.filled = 0;
        } else {
            status.filled += 1;
        }
        if status.done < settings.conditioning {
            return None;
        }
        conditioner.freeze(status.done);
        self.enter(Phase::Learning);
        Some(Event::Conditioned)
    }

    /// Begins a phase, with a window of its own.
    fn enter(&mut self, phase: Phase) {
        self.status.phase = phase;
        (self.status.done, self.status.waiting) = (0, 0);
        self.gap();
    }

    fn window_is_full(&mut self) -> Result<Option<Event>> {
        let Self { settings, status, floats, .. } = self;
        let (window, numbers) = (settings.window(), floats.window.len());
        let is_clean = status.clean >= window;
        let to = part_mut(floats.batch, status.waiting * numbers, numbers);
        let loudest = scale(settings.scaling, floats.window, settings.channels, settings.quiet, to);
        shift(floats.window, settings.hop.saturating_mul(settings.channels));
        status.filled = window.saturating_sub(settings.hop);
        status.ahead = settings.hop.saturating_sub(window);
        if !is_clean {
            status.skipped = status.skipped.saturating_add(1);
            return Ok(None);
        }
        if loudest < settings.quiet {
            status.skipped = status.skipped.saturating_add(1);
            status.quiet = status.quiet.saturating_add(1);
            return Ok((status.quiet == settings.votes.of).then_some(Event::Quiet));
        }
        let was_quiet = status.quiet >= settings.votes.of;
        status.quiet = 0;
        let event = match status.phase {
            Phase::Conditioning => Ok(None),
            Phase::Learning => self.learn(),
            Phase::Calibrating => self.calibrate(),
            Phase::Watching => self.watch(),
        };
        match event {
            Ok(None) | Err(_) if was_quiet => Ok(Some(Event::Resumed)),
            event => event,
        }
    }

    /// Keeps the window for a step, which is done when there are enough.
    fn learn(&mut self) -> Result<Option<Event>> {
        let training = self.settings.training;
        let Some(loss) = self.step_when_full(&training)? else { return Ok(None) };
        if self.status.step < training.steps {
            return Ok(None);
        }
        self.tail().clear();
        self.enter(Phase::Calibrating);
        Ok(Some(Event::Learnt { loss }))
    }

    /// Takes the window into the batch. When that is full, a step's loss, as a mean square.
    fn step_when_full(&mut self, training: &TrainingConfig) -> Result<Option<f32>> {
        let Self { settings, status, floats, scratch, indices, cuts } = self;
        status.waiting += 1;
        if status.waiting < training.batch {
            return Ok(None);
        }
        status.waiting = 0;
        let len = learning_len(&settings.network, training);
        let scratch = Scratch {
            floats: part_mut(scratch, 0, len.floats),
            indices: part_mut(indices, 0, len.indices),
            cuts: part_mut(cuts, 0, len.cuts),
        };
        let lent = Lent { parameters: floats.parameters, moments: floats.moments, scratch };
        let loss = (settings.learn)(&settings.network, training, status.step, lent, floats.batch)?;
        status.step = status.step.saturating_add(1);
        Ok(Some(mean_square(loss, floats.window.len())))
    }

    fn calibrate(&mut self) -> Result<Option<Event>> {
        let score = self.score()?;
        self.tail().insert(score);
        self.status.done = self.status.done.saturating_add(1);
        if self.status.done < self.settings.calibration {
            return Ok(None);
        }
        let threshold = self.tail().lowest();
        self.status.threshold = threshold;
        self.enter(Phase::Watching);
        Ok(Some(Event::Calibrated { threshold }))
    }

    fn watch(&mut self) -> Result<Option<Event>> {
        let score = self.score()?;
        let Self { settings, status, .. } = self;
        status.done = status.done.saturating_add(1);
        let above = score > status.threshold;
        let changed = status.ballot.vote(&settings.votes, above);
        let event =
            changed.map(|begins| if begins { Event::Alarm { score } } else { Event::Cleared { score } });
        if settings.adapting > 0.0 && status.ballot.history == 0 {
            let training = settings.adapting_training();
            let stepped = self.step_when_full(&training);
            // What happened to the machine matters more than a step that was refused.
            if event.is_none() {
                stepped?;
            }
        }
        Ok(event)
    }

    /// The score of the window that was scaled last.
    fn score(&mut self) -> Result<f32> {
        let Self { settings, status, floats, scratch, indices, .. } = self;
        let network = &settings.network;
        let numbers = floats.window.len();
        let window = part(floats.batch, status.waiting * numbers, numbers);
        let memory = part_mut(scratch, 0, novelty_len(network));
        let positions = part_mut(indices, 0, network.code().channels);
        let parameters = Parameters::new(*network, floats.parameters)?;
        let mut novelty = Novelty::new(Scalar, parameters, settings.keep(), memory, positions)?;
        let score = mean_square(novelty.score(window)?, numbers);
        status.score = Some(score);
        Ok(score)
    }
}

/// The mean of squares whose half sum is given.
fn mean_square(half_sum: f32, count: usize) -> f32 {
    2.0 * half_sum / (count as f32).max(1.0)
}
