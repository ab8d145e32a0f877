//! A detector that learns what is normal in a stream of samples.

use core::ffi::c_void;

use wta_core::detect::{
    BLOCK, Detector, Event, Memory, Phase, Sample, Settings, Slots, Status, detector_len, state_bytes,
};
use wta_core::{Cut, Optimizer, TrainingConfig};

use crate::memory::{Arena, Number, Storage, bytes_of, numbers, reference, store, stored, write};
use crate::status::wta_status::*;
use crate::status::{Checked, status, wta_status};

/// event: nothing happened.
pub const WTA_EVENT_NONE: u32 = 0;
/// event: each channel's mean and deviation are known; learning begins.
pub const WTA_EVENT_CONDITIONED: u32 = 1;
/// event: the network is trained; calibrating begins. value: the mean square of what it leaves of a window.
pub const WTA_EVENT_LEARNT: u32 = 2;
/// event: watching begins. value: the threshold.
pub const WTA_EVENT_CALIBRATED: u32 = 3;
/// event: enough of the last windows are above the threshold. value: the last one's score.
pub const WTA_EVENT_ALARM: u32 = 4;
/// event: the alarm has ended. value: the last window's score.
pub const WTA_EVENT_CLEARED: u32 = 5;
/// event: windows are quiet, and nothing is judged: the machine stands still, or the sensor is dead.
pub const WTA_EVENT_QUIET: u32 = 6;
/// event: windows are not quiet any more.
pub const WTA_EVENT_RESUMED: u32 = 7;

/// phase: finding each channel's mean and deviation.
pub const WTA_PHASE_CONDITIONING: u32 = 0;
/// phase: training the network.
pub const WTA_PHASE_LEARNING: u32 = 1;
/// phase: finding the threshold.
pub const WTA_PHASE_CALIBRATING: u32 = 2;
/// phase: comparing windows with it.
pub const WTA_PHASE_WATCHING: u32 = 3;

// They are the core's numbers.
const _: () = assert!(
    WTA_PHASE_CONDITIONING == Phase::Conditioning.number()
        && WTA_PHASE_LEARNING == Phase::Learning.number()
        && WTA_PHASE_CALIBRATING == Phase::Calibrating.number()
        && WTA_PHASE_WATCHING == Phase::Watching.number()
);

/// Bytes that are written to flash at a time, at multiples of as many.
pub const WTA_FLASH_BLOCK: usize = 256;

// A number, or the header would have the name that it has in Rust.
const _: () = assert!(WTA_FLASH_BLOCK == BLOCK);

/// 64-bit words of a struct wta_detector.
pub const WTA_DETECTOR_WORDS: usize = 64;

/// What a detector is told. wta_detector_defaults sets all of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_detector_settings {
    /// Samples in a window.
    pub window: usize,
    /// Numbers in a sample.
    pub channels: usize,
    /// Units of a fully-connected network, or maps of a convolutional one.
    pub units: usize,
    /// For wta_detector_init_convolutional: samples that a filter spans. 0 for a fully-connected network.
    pub kernel: usize,
    /// Samples from the start of one window to that of the next.
    pub hop: usize,
    /// Of the network's initial weights.
    pub seed: u64,
    /// Training steps.
    pub steps: u32,
    /// Windows in a step.
    pub batch: usize,
    /// The learning rate; 0 for one that suits the window.
    pub rate: f32,
    /// Samples at the start from which each channel's mean and deviation are learnt.
    pub conditioning: u32,
    /// Samples are kept within so many deviations.
    pub saturation: f32,
    /// Windows that are not louder than this share of the learnt deviation are passed over.
    pub quiet: f32,
    /// Whether loudness counts: each window's mean and deviation are left in.
    pub loudness: bool,
    /// Windows that give the threshold.
    pub calibration: u32,
    /// The share of normal windows that may be above it.
    pub false_alarms: f32,
    /// So many of the last windows above it raise an alarm.
    pub needed: u32,
    /// How many the last windows are, at most 32.
    pub of: u32,
    /// The alarm ends when at most so many of them are above it.
    pub release: u32,
    /// The learning rate while watching; 0 for a network that stays.
    pub adapting: f32,
}

impl wta_detector_settings {
    /// As the core has them; `made` are those of the architecture.
    fn complete(&self, made: wta_core::Result<Settings>) -> Checked<Settings> {
        let made = made?;
        let rate = if self.rate == 0.0 { made.training.optimizer.rate } else { self.rate };
        let optimizer = Optimizer { rate, ..made.training.optimizer };
        let training = TrainingConfig { optimizer, ..made.training };
        let mut settings = made;
        settings.training = training;
        let settings = settings
            .hop(self.hop)
            .seed(self.seed)
            .learning(u64::from(self.steps), self.batch)
            .conditioning(self.conditioning, self.saturation)
            .quiet(self.quiet)
            .calibration(self.calibration, self.false_alarms)
            .votes(self.needed, self.of, self.release)
            .adapting(self.adapting);
        let settings = if self.loudness { settings.unscaled() } else { settings };
        settings.check()?;
        Ok(settings)
    }

    fn fully_connected(&self) -> Checked<Settings> {
        if self.kernel != 0 {
            return Err(WTA_ERROR_INVALID);
        }
        self.complete(Settings::fully_connected(self.window, self.channels, self.units))
    }

    fn convolutional(&self) -> Checked<Settings> {
        self.complete(Settings::convolutional(self.window, self.channels, self.units, self.kernel))
    }

    /// Either of the two.
    fn any(&self) -> Checked<Settings> {
        if self.kernel == 0 { self.fully_connected() } else { self.convolutional() }
    }
}

/// A detector: where it is, and which memory it works in. wta_detector_init fills it; its words are for the
/// library.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wta_detector {
    /// For the library.
    pub words: [u64; WTA_DETECTOR_WORDS],
}

// SAFETY: `repr(C)`, made of integers of 64 bits alone.
unsafe impl Storage for wta_detector {
    type Content = Content;
    const MARK: usize = u32::from_le_bytes(*b"WTAD") as usize;
}

#[derive(Clone, Copy)]
pub(crate) struct Content {
    settings: Settings,
    status: Status,
    memory: *mut c_void,
    bytes: usize,
}

/// What happened.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_event {
    /// WTA_EVENT_NONE, WTA_EVENT_ALARM, ...
    pub event: u32,
    /// What goes with it; 0 where nothing does.
    pub value: f32,
}

impl From<Option<Event>> for wta_event {
    fn from(event: Option<Event>) -> Self {
        let (event, value) = match event {
            None => (WTA_EVENT_NONE, 0.0),
            Some(Event::Conditioned) => (WTA_EVENT_CONDITIONED, 0.0),
            Some(Event::Learnt { loss }) => (WTA_EVENT_LEARNT, loss),
            Some(Event::Calibrated { threshold }) => (WTA_EVENT_CALIBRATED, threshold),
            Some(Event::Alarm { score }) => (WTA_EVENT_ALARM, score),
            Some(Event::Cleared { score }) => (WTA_EVENT_CLEARED, score),
            Some(Event::Quiet) => (WTA_EVENT_QUIET, 0.0),
            Some(Event::Resumed) => (WTA_EVENT_RESUMED, 0.0),
        };
        Self { event, value }
    }
}

/// Where a detector is.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct wta_detector_info {
    /// WTA_PHASE_CONDITIONING, WTA_PHASE_LEARNING, ...
    pub phase: u32,
    /// How far it is in its phase: samples of conditioning, steps of learning, windows otherwise.
    pub done: u32,
    /// How far that goes; 0 for watching, which has no end.
    pub end: u32,
    /// Windows that were passed over: quiet ones, and those with a NaN.
    pub skipped: u32,
    /// The score of the last window that was judged; 0 before the first.
    pub score: f32,
    /// The threshold; infinite before it is known.
    pub threshold: f32,
    /// Whether there is an alarm.
    pub alarmed: bool,
    /// Whether the last windows were quiet.
    pub quiet: bool,
}

/// Two slots of flash, 0 and 1, each of at least wta_detector_state_bytes, that can be erased without the
/// other. The functions return 0 when they have done it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wta_slots {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// Reads `len` bytes from byte `at` of a slot on.
    pub read: Option<
        unsafe extern "C" fn(context: *mut c_void, slot: usize, at: usize, to: *mut u8, len: usize) -> i32,
    >,
    /// Erases a slot.
    pub erase: Option<unsafe extern "C" fn(context: *mut c_void, slot: usize) -> i32>,
    /// Writes WTA_FLASH_BLOCK bytes from byte `at` of an erased slot on.
    pub write:
        Option<unsafe extern "C" fn(context: *mut c_void, slot: usize, at: usize, block: *const u8) -> i32>,
}

/// The functions of C as the core wants them.
struct FlashOfC<'a> {
    slots: &'a wta_slots,
}

/// What a function that C must have given says.
fn answer(returned: Option<i32>) -> Checked<()> {
    match returned {
        None => Err(WTA_ERROR_NULL),
        Some(0) => Ok(()),
        Some(_) => Err(WTA_ERROR_FLASH),
    }
}

impl Slots for FlashOfC<'_> {
    type Error = wta_status;

    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Checked<()> {
        let (context, len, to) = (self.slots.context, to.len(), to.as_mut_ptr());
        // SAFETY: the header's contract: this is how the function wants to be called, and `to` has so many
        // bytes.
        answer(self.slots.read.map(|read| unsafe { read(context, slot, at, to, len) }))
    }

    fn erase(&mut self, slot: usize) -> Checked<()> {
        // SAFETY: the header's contract.
        answer(self.slots.erase.map(|erase| unsafe { erase(self.slots.context, slot) }))
    }

    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Checked<()> {
        let (context, block) = (self.slots.context, block.as_ptr());
        // SAFETY: the header's contract; `block` has as many bytes as it says.
        answer(self.slots.write.map(|write| unsafe { write(context, slot, at, block) }))
    }
}

fn bytes_needed(settings: &Settings) -> Checked<usize> {
    let len = detector_len(settings);
    let parts = [bytes_of::<f32>(len.floats), bytes_of::<u32>(len.indices), bytes_of::<Cut>(len.cuts)];
    parts.into_iter().try_fold(0usize, |sum, part| sum.checked_add(part?)).ok_or(WTA_ERROR_LENGTH)
}

impl Content {
    /// The memory, with what it holds.
    ///
    /// # Safety
    ///
    /// The caller's contract; `begin` has been called with this memory before, or is being called.
    unsafe fn lent<'a>(&self, begin: bool) -> Checked<Memory<'a>> {
        let needed = bytes_needed(&self.settings)?;
        // SAFETY: the function's contract.
        let mut arena = unsafe {
            if begin {
                Arena::new(self.memory, self.bytes, needed)
            } else {
                Arena::kept(self.memory, self.bytes, needed)
            }
        }?;
        let len = detector_len(&self.settings);
        let floats = arena.take(len.floats)?;
        let indices = arena.take(len.indices)?;
        Ok(Memory { floats, indices, cuts: arena.take(len.cuts)? })
    }

    /// The detector as it goes on.
    ///
    /// # Safety
    ///
    /// As for [`Content::lent`].
    unsafe fn detector(&self) -> Checked<Detector<'_>> {
        // SAFETY: the function's contract.
        let memory = unsafe { self.lent(false) }?;
        Ok(Detector::resume(&self.settings, memory, self.status)?)
    }
}

/// Does something with a detector, and keeps where it is then.
///
/// # Safety
///
/// The caller's contract.
unsafe fn with<T>(
    detector: *mut wta_detector,
    work: impl FnOnce(&mut Detector<'_>) -> Checked<T>,
) -> Checked<T> {
    // SAFETY: the function's contract.
    let content = *unsafe { stored(detector) }?;
    // SAFETY: as above.
    let mut running = unsafe { content.detector() }?;
    let result = work(&mut running);
    let after = Content { status: running.status(), ..content };
    // SAFETY: as above.
    unsafe { store(detector, Ok(after)) }?;
    result
}

/// # Safety
///
/// The caller's contract.
unsafe fn begin(
    detector: *mut wta_detector,
    settings: Checked<Settings>,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    let content = settings.and_then(|settings| {
        let content = Content { settings, status: Status::new(), memory, bytes };
        // SAFETY: the function's contract.
        let lent = unsafe { content.lent(true) }?;
        let status = Detector::new(&content.settings, lent)?.status();
        Ok(Content { status, ..content })
    });
    // SAFETY: the function's contract.
    status(unsafe { store(detector, content) })
}

/// Sets what a detector does for which nothing else is said: a fully-connected network of `units` for windows
/// of `window` samples of `channels` numbers, half a window from one to the next, 1,000 steps of 16 windows,
/// 400 windows for the threshold at 1% false alarms, an alarm at 3 windows of 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_defaults(
    settings: *mut wta_detector_settings,
    window: usize,
    channels: usize,
    units: usize,
) -> wta_status {
    let made = Settings::fully_connected(window, channels, units).map_err(wta_status::from);
    let defaults = made.map(|made| wta_detector_settings {
        window,
        channels,
        units,
        kernel: 0,
        hop: made.hop,
        seed: made.seed,
        steps: made.training.steps as u32,
        batch: made.training.batch,
        rate: 0.0,
        conditioning: made.conditioning,
        saturation: made.saturation,
        quiet: made.quiet,
        loudness: false,
        calibration: made.calibration,
        false_alarms: made.false_alarms,
        needed: made.votes.needed,
        of: made.votes.of,
        release: made.votes.release,
        adapting: made.adapting,
    });
    // SAFETY: the header's contract.
    status(defaults.and_then(|defaults| unsafe { write(settings, defaults) }))
}

/// Bytes of memory that a detector needs; 0 for settings that cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_bytes(settings: *const wta_detector_settings) -> usize {
    // SAFETY: the header's contract.
    let settings = unsafe { reference(settings) }.and_then(wta_detector_settings::any);
    settings.and_then(|settings| bytes_needed(&settings)).unwrap_or(0)
}

/// Bytes of flash that a saved state takes in each slot, a multiple of WTA_FLASH_BLOCK; 0 for settings that
/// cannot be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_state_bytes(settings: *const wta_detector_settings) -> usize {
    // SAFETY: the header's contract.
    let settings = unsafe { reference(settings) }.and_then(wta_detector_settings::any);
    settings.map_or(0, |settings| state_bytes(&settings))
}

/// Begins to learn, with a fully-connected network. The memory is the detector's from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_init(
    detector: *mut wta_detector,
    settings: *const wta_detector_settings,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let settings = unsafe { reference(settings) }.and_then(wta_detector_settings::fully_connected);
    // SAFETY: the header's contract.
    unsafe { begin(detector, settings, memory, bytes) }
}

/// Begins to learn, with a convolutional network: settings with a kernel.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_init_convolutional(
    detector: *mut wta_detector,
    settings: *const wta_detector_settings,
    memory: *mut c_void,
    bytes: usize,
) -> wta_status {
    // SAFETY: the header's contract.
    let settings = unsafe { reference(settings) }.and_then(wta_detector_settings::convolutional);
    // SAFETY: the header's contract.
    unsafe { begin(detector, settings, memory, bytes) }
}

/// Takes in samples up to the first event or an error: `count` of them, `count * channels` numbers. *taken is
/// how many were; go on with the others. Each call costs some 2,000 instructions beside those of its samples:
/// hand over what a queue or a DMA buffer has, not single samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_push_i16(
    detector: *mut wta_detector,
    samples: *const i16,
    count: usize,
    taken: *mut usize,
    event: *mut wta_event,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { push(detector, samples, count, taken, event) })
}

/// wta_detector_push_i16 for floats. Infinite numbers count as large ones; windows with a NaN are passed
/// over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_push_f32(
    detector: *mut wta_detector,
    samples: *const f32,
    count: usize,
    taken: *mut usize,
    event: *mut wta_event,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { push(detector, samples, count, taken, event) })
}

/// # Safety
///
/// The caller's contract.
unsafe fn push<T: Number>(
    detector: *mut wta_detector,
    samples: *const T,
    count: usize,
    taken: *mut usize,
    event: *mut wta_event,
) -> Checked<()>
where
    [T]: Sample,
{
    // SAFETY: the function's contract, for both.
    unsafe { write(taken, 0) }?;
    // SAFETY: as above.
    unsafe { write(event, wta_event::default()) }?;
    if count == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    let channels = unsafe { stored(detector) }?.settings.channels;
    let len = count.checked_mul(channels).ok_or(WTA_ERROR_LENGTH)?;
    // SAFETY: as above.
    let samples = unsafe { numbers(samples, len) }?;
    let mut done = 0;
    // SAFETY: as above.
    let found = unsafe {
        with(detector, |detector| {
            for sample in wta_core::runs(samples, channels) {
                done += 1;
                if let Some(event) = detector.push(sample)? {
                    return Ok(Some(event));
                }
            }
            Ok(None)
        })
    };
    // SAFETY: as above.
    unsafe { write(taken, done) }?;
    // SAFETY: as above.
    unsafe { write(event, found?.into()) }
}

/// The stream was interrupted: the window that is being filled is dropped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_gap(detector: *mut wta_detector) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe {
        with(detector, |detector| {
            detector.gap();
            Ok(())
        })
    })
}

/// Forgets everything and begins anew, as after a repair of the machine. A saved state stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_restart(detector: *mut wta_detector) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { with(detector, |detector| Ok(detector.restart()?)) })
}

/// Says where a detector is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_get_info(
    detector: *const wta_detector,
    info: *mut wta_detector_info,
) -> wta_status {
    let told = |detector: &Detector<'_>| {
        let (done, end) = detector.progress();
        wta_detector_info {
            phase: detector.phase().number(),
            done,
            end,
            skipped: detector.skipped(),
            score: detector.last_score().unwrap_or(0.0),
            threshold: detector.threshold().unwrap_or(f32::INFINITY),
            alarmed: detector.is_alarmed(),
            quiet: detector.is_quiet(),
        }
    };
    // SAFETY: the header's contract.
    let content = unsafe { stored(detector) };
    // SAFETY: the header's contract.
    let found = content.and_then(|content| Ok(told(&unsafe { content.detector() }?)));
    // SAFETY: the header's contract.
    status(found.and_then(|found| unsafe { write(info, found) }))
}

/// Writes the state to the slot that does not hold the newest one, so that a loss of power at any moment
/// leaves a whole state. WTA_ERROR_FLASH when a function of the slots fails; the newest state is still there
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_save(
    detector: *mut wta_detector,
    slots: *const wta_slots,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { reference(slots) }.and_then(|slots| {
        // SAFETY: the header's contract.
        unsafe { with(detector, |detector| detector.save(&mut FlashOfC { slots })) }
    }))
}

/// Takes the newest whole state of these settings, if there is one, and goes on from there; *found says
/// whether.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wta_detector_restore(
    detector: *mut wta_detector,
    slots: *const wta_slots,
    found: *mut bool,
) -> wta_status {
    // SAFETY: the header's contract.
    status(unsafe { write(found, false) }.and_then(|()| {
        // SAFETY: the header's contract.
        let slots = unsafe { reference(slots) }?;
        // SAFETY: the header's contract.
        let restored = unsafe { with(detector, |detector| detector.restore(&mut FlashOfC { slots })) }?;
        // SAFETY: the header's contract.
        unsafe { write(found, restored) }
    }))
}
