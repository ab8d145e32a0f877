//! A detector that learns what is normal: anomaly detection in a stream of samples, in memory whose size is a
//! constant.
//!
//! ```text
//! samples -> conditioning: mean and deviation of each channel, then frozen; saturation
//!         -> windows with overlap, standardised each
//!         -> learning: a fully-connected or convolutional winner-take-all autoencoder
//!         -> calibrating: scores of windows not trained on; the threshold is one of them
//!         -> watching: score, k of n votes, hysteresis -> events
//! ```
//!
//! [`Detector::push`] is all that an application calls. A window's score is what the network cannot
//! reconstruct of it: the mean square of the residual. The threshold is an exact order statistic: of n scores
//! of normal windows and a share p of false alarms, it is the k-th largest, k = floor(p (n + 1)). Were
//! windows independent, a normal one would be above it with a probability of at most p, whatever the scores'
//! distribution.
//!
//! ```
//! use wta_core::detect::{Event, Phase};
//!
//! wta_core::detector! {
//!     /// One axis of an accelerometer, in windows of 64 samples.
//!     pub struct Machine = wta_core::detect::Settings::fully_connected(64, 1, 8)
//!         .learning(100, 8)
//!         .calibration(200, 0.01);
//! }
//!
//! let mut machine = Machine::new();
//! let mut detector = machine.detector()?;
//! let mut random = wta_core::Random::new(1);
//! let mut sample = |t: i32| [90, 70, 0, -70, -90, -70, 0, 70][t as usize % 8] + (random.below(9) as i16 - 4);
//! let mut t = 0;
//! while detector.phase() != Phase::Watching {
//!     detector.push(sample(t)).unwrap();
//!     t += 1;
//! }
//! // A fault rings twice as fast.
//! let alarm = (0..256).find_map(|late| match detector.push(sample(2 * (t + late))) {
//!     Ok(Some(Event::Alarm { .. })) => Some(late),
//!     _ => None,
//! });
//! assert!(alarm.is_some_and(|late| late < 4 * 64));
//! # Ok::<(), wta_core::Error>(())
//! ```
//!
//! The scalar kernels do the work, so a device and a host find the same bits. A state can be saved to two
//! slots of flash in turn ([`Slots`]) and survives a loss of power at any moment.

mod condition;
mod detector;
mod event;
mod layout;
mod learner;
mod order;
mod sample;
mod save;
mod settings;
mod slots;
mod tail;
mod votes;
mod window;

pub use detector::{Detector, Status};
pub use event::{Event, Phase};
pub use layout::{DetectorLen, Memory, detector_len};
pub use sample::Sample;
pub use save::state_bytes;
pub use settings::{Scaling, Settings, Votes};
pub use slots::{BLOCK, MemorySlots, Slots};
