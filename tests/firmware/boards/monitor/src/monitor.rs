//! The detector, its log, and when its state is saved.

use embedded_storage::nor_flash::{NorFlash, NorFlashError as _};
use wta_core::Result;
use wta_core::detect::{Detector, Event, Phase};

use crate::machine::{CHANNELS, Machine};
use crate::slots::FlashSlots;

/// Watches a machine: learns what is normal, keeps it in flash, tells what is not.
pub struct Monitor<'m, F> {
    detector: Detector<'m>,
    slots: FlashSlots<F>,
}

impl<'m, F: NorFlash> Monitor<'m, F> {
    /// Goes on from the newest state in flash; or begins to learn where there is none, or `anew` is true: a
    /// button held at the start, after a repair or at another machine.
    ///
    /// # Errors
    ///
    /// None for the settings of this program: its constants have been checked.
    pub fn start(memory: &'m mut Machine, slots: FlashSlots<F>, anew: bool) -> Result<Self> {
        let mut monitor = Self { detector: memory.detector()?, slots };
        let restored = monitor.detector.restore(&mut monitor.slots);
        if let Err(error) = restored {
            defmt::error!("the flash cannot be read: {}", Kind(error.kind()));
        }
        if anew {
            monitor.detector.restart()?;
        }
        match monitor.detector.phase() {
            Phase::Conditioning => defmt::info!("nothing learnt yet: let the machine run as it should"),
            Phase::Watching => defmt::info!("watching, with the state from flash"),
            _ => defmt::info!("learning goes on where the state in flash ends"),
        }
        Ok(monitor)
    }

    /// Takes in the next sample. Returns what happened, if anything did; it has been logged, and what must
    /// not be lost has been saved.
    pub fn push(&mut self, sample: [i16; CHANNELS]) -> Option<Event> {
        // The core has logged the refusal of a step, and the next sample goes on.
        let event = self.detector.push(sample).ok()??;
        match event {
            Event::Alarm { .. } => defmt::error!("{}", event),
            Event::Quiet | Event::Cleared { .. } => defmt::warn!("{}", event),
            _ => defmt::info!("{}", event),
        }
        if matches!(event, Event::Conditioned | Event::Learnt { .. } | Event::Calibrated { .. }) {
            self.save();
        }
        Some(event)
    }

    /// Samples were lost: no window is made of what lies on both sides of the gap.
    pub fn gap(&mut self) {
        self.detector.gap();
    }

    /// Whether something is wrong with the machine: for a lamp, a relay, a message.
    pub fn is_alarmed(&self) -> bool {
        self.detector.is_alarmed()
    }

    /// What the detector is doing.
    pub fn phase(&self) -> Phase {
        self.detector.phase()
    }

    /// The processor may stand still while the flash is erased, a second on some, and samples be lost.
    fn save(&mut self) {
        match self.detector.save(&mut self.slots) {
            Ok(()) => defmt::info!("saved"),
            Err(error) => defmt::error!("not saved, the older state is kept: {}", Kind(error.kind())),
        }
        self.detector.gap();
    }
}

/// What drivers of flash say in common.
struct Kind(embedded_storage::nor_flash::NorFlashErrorKind);

impl defmt::Format for Kind {
    fn format(&self, f: defmt::Formatter<'_>) {
        use embedded_storage::nor_flash::NorFlashErrorKind::{NotAligned, OutOfBounds};
        match self.0 {
            NotAligned => defmt::write!(f, "an address is not that of a page or a word"),
            OutOfBounds => defmt::write!(f, "an address is beyond the end of the flash"),
            _ => defmt::write!(f, "the flash has failed"),
        }
    }
}
