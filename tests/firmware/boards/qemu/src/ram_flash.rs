//! RAM that behaves as flash does: pages are erased to ones, and writing makes zeros.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use wta_monitor::FlashSlots;

/// Where the slots are: not at the start, as on the boards.
pub(crate) const STATE: u32 = PAGE as u32;

const PAGE: usize = 4096;
const LEN: usize = STATE as usize + FlashSlots::<&mut RamFlash>::BYTES as usize;

/// Flash that has not been erased: it has been written before, by another program.
pub(crate) struct RamFlash {
    bytes: [u8; LEN],
}

impl RamFlash {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; LEN] }
    }

    fn run(&mut self, from: u32, len: usize) -> Result<&mut [u8], NorFlashErrorKind> {
        let from = from as usize;
        self.bytes.get_mut(from..from.saturating_add(len)).ok_or(NorFlashErrorKind::OutOfBounds)
    }
}

impl ErrorType for RamFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for RamFlash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let from = self.run(offset, bytes.len())?;
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn capacity(&self) -> usize {
        LEN
    }
}

impl NorFlash for RamFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.run(from, to.saturating_sub(from) as usize)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let to = self.run(offset, bytes.len())?;
        to.iter_mut().zip(bytes).for_each(|(to, from)| *to &= from);
        Ok(())
    }
}
