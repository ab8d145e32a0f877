//! Two places in flash for the detector's state, by the traits that flash drivers implement.

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use wta_core::detect::{BLOCK, Slots};

use crate::machine::Machine;

/// Two slots, one behind the other, each of whole pages: one can be erased without the other.
#[derive(Debug)]
pub struct FlashSlots<F> {
    flash: F,
    start: u32,
}

impl<F: NorFlash> FlashSlots<F> {
    /// Bytes of a slot: the state, up to a whole page.
    pub const SLOT: u32 = {
        assert!(
            BLOCK.is_multiple_of(F::WRITE_SIZE) && BLOCK.is_multiple_of(F::READ_SIZE),
            "the flash must take blocks of 256 bytes"
        );
        (Machine::STATE_BYTES as u32).next_multiple_of(F::ERASE_SIZE as u32)
    };

    /// Bytes that both slots take.
    pub const BYTES: u32 = 2 * Self::SLOT;

    /// Slots from this offset of the flash on, which is the start of a page. Nothing else may lie in
    /// [`BYTES`](Self::BYTES) from there.
    pub const fn new(flash: F, start: u32) -> Self {
        Self { flash, start }
    }

    fn offset(&self, slot: usize, at: usize) -> u32 {
        let slot = if slot == 0 { 0 } else { Self::SLOT };
        self.start.saturating_add(slot).saturating_add(at as u32)
    }
}

impl<F: NorFlash> Slots for FlashSlots<F> {
    type Error = F::Error;

    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Result<(), F::Error> {
        let offset = self.offset(slot, at);
        ReadNorFlash::read(&mut self.flash, offset, to)
    }

    fn erase(&mut self, slot: usize) -> Result<(), F::Error> {
        let from = self.offset(slot, 0);
        NorFlash::erase(&mut self.flash, from, from.saturating_add(Self::SLOT))
    }

    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Result<(), F::Error> {
        let offset = self.offset(slot, at);
        NorFlash::write(&mut self.flash, offset, block)
    }
}
