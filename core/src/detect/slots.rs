//! Two slots of memory that keeps its content without power.

/// Bytes of a block: states are written in whole blocks, at multiples of this.
pub const BLOCK: usize = 256;

/// Two slots of flash, each of at least [`state_bytes`](crate::detect::state_bytes), that can be erased
/// without the other: two pages or sectors, or two runs of them.
///
/// A state is written to the slot that does not hold the newest one. So a loss of power at any moment leaves
/// at least one whole state, which its checksum tells.
pub trait Slots {
    /// What the flash's driver says of a failure.
    type Error;

    /// Reads from a slot, 0 or 1.
    ///
    /// # Errors
    ///
    /// The driver's.
    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Result<(), Self::Error>;

    /// Erases a slot, before it is written from its start.
    ///
    /// # Errors
    ///
    /// The driver's.
    fn erase(&mut self, slot: usize) -> Result<(), Self::Error>;

    /// Writes a block of an erased slot.
    ///
    /// # Errors
    ///
    /// The driver's.
    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Result<(), Self::Error>;
}

/// Slots in memory: battery-backed RAM, an image of flash on a host.
#[derive(Debug)]
pub struct MemorySlots<'m> {
    /// The two slots.
    pub slots: [&'m mut [u8]; 2],
}

/// A slot that ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooShort;

impl MemorySlots<'_> {
    fn run(&mut self, slot: usize, at: usize, len: usize) -> Result<&mut [u8], TooShort> {
        let slot = self.slots.get_mut(slot).ok_or(TooShort)?;
        slot.get_mut(at..at.saturating_add(len)).ok_or(TooShort)
    }
}

impl Slots for MemorySlots<'_> {
    type Error = TooShort;

    fn read(&mut self, slot: usize, at: usize, to: &mut [u8]) -> Result<(), TooShort> {
        let from = self.run(slot, at, to.len())?;
        crate::memory::copy(from, to);
        Ok(())
    }

    fn erase(&mut self, slot: usize) -> Result<(), TooShort> {
        self.slots.get_mut(slot).ok_or(TooShort)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, slot: usize, at: usize, block: &[u8; BLOCK]) -> Result<(), TooShort> {
        let to = self.run(slot, at, BLOCK)?;
        crate::memory::copy(block, to);
        Ok(())
    }
}
