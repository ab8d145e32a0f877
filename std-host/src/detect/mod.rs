//! The device's detector on a host: it learns what is normal from recordings, and watches others. Scores,
//! threshold and events are those of [`wta_core::detect::Detector`], which it runs.
//!
//! ```
//! use wta::data::Signal;
//! use wta::detect::{Options, detect};
//!
//! # fn main() -> wta::Result<()> {
//! let mut random = wta_core::Random::new(1);
//! let mut turning = |fault: f32| -> Vec<f32> {
//!     let sample = |t: u16| (0.3 * f32::from(t)).sin() + fault * (1.7 * f32::from(t)).sin() + 0.1 * random.normal();
//!     (0..20_000).map(sample).collect()
//! };
//! let normal = [Signal::from_floats("normal", 1, turning(0.0))]; // or data::read_signals("normal.wav")?
//! let today = [Signal::from_floats("today", 1, turning(0.5))];
//! let options = Options { window: 64, steps: 200, ..Options::default() };
//! let found = detect(&normal, &today, &options, &())?.report;
//! assert_eq!(found.recordings[1].auc, Some(1.0));
//! println!("{} alarms", found.recordings[1].events.len());
//! # Ok(())
//! # }
//! ```

mod options;
mod report;
mod roc;
mod watch;

pub use options::{Architecture, Options};
pub use report::{Judged, Report, Told, Watched};
pub use roc::{RocPoint, area, roc};
pub use watch::{Found, detect};
