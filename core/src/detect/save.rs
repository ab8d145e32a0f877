//! A detector's state in flash: what is written, and which of two slots is the newest.
//!
//! A state is all that later samples depend on but the window and the batch that are being filled: after a
//! loss of power the stream has a gap, anyway. It is, little-endian: `WTAD`, the version, the settings'
//! fingerprint, the state's number, its length in bytes; then the phase and its counters, means, spreads, the
//! largest scores, the parameters, and, where training goes on, the moments; at last a CRC-32 of all of it.

use crate::crc::Crc;
use crate::detect::detector::{Detector, Status};
use crate::detect::event::Phase;
use crate::detect::settings::Settings;
use crate::detect::slots::{BLOCK, Slots};
use crate::shape::next_multiple;

const MAGIC: u32 = u32::from_le_bytes(*b"WTAD");
const VERSION: u32 = 1;

/// Words before the floats: magic, version, fingerprint, number, length; phase, done, step (2), votes, alarm,
/// threshold.
const HEADER: usize = 12;

/// Bytes of flash that a saved state takes in each of its two slots: a multiple of [`BLOCK`].
pub const fn state_bytes(settings: &Settings) -> usize {
    next_multiple(bytes(settings, true), BLOCK)
}

/// Bytes of a state with its checksum.
const fn bytes(settings: &Settings, with_moments: bool) -> usize {
    let parameters = settings.network.parameters_len();
    let moments = if with_moments { settings.training.optimizer.method.moments() } else { 0 };
    let scales = settings.channels.saturating_mul(2).saturating_add(settings.tail_len());
    let words = parameters.saturating_mul(1 + moments).saturating_add(scales).saturating_add(HEADER + 1);
    words.saturating_mul(4)
}

/// Whether the moments will be needed again.
fn trains_on(settings: &Settings, phase: Phase) -> bool {
    settings.adapting > 0.0 || phase.number() <= Phase::Learning.number()
}

impl Detector<'_> {
    /// Writes the state to the slot that does not hold the newest one. It is whole there when this returns;
    /// until then, the other slot's is the newest.
    ///
    /// Save at [`Event::Conditioned`](super::Event::Conditioned), [`Event::Learnt`](super::Event::Learnt) and
    /// [`Event::Calibrated`](super::Event::Calibrated), and while it learns as often as the flash bears.
    ///
    /// # Errors
    ///
    /// The flash's. The newest state is then still there.
    pub fn save<S: Slots>(&mut self, slots: &mut S) -> Result<(), S::Error> {
        let saved = match self.status.saved {
            Some(saved) => Some(saved),
            None => newest(self.settings, slots)?,
        };
        // The newest state is remembered before the other slot is touched: were that forgotten after a
        // failure, the next attempt could choose this one.
        self.status.saved = saved;
        let (slot, number) = saved.map_or((0, 0), |(slot, number)| (1 - slot.min(1), number.wrapping_add(1)));
        slots.erase(slot)?;
        let mut writer = Writer { slots, slot, at: 0, block: [0xff; BLOCK], filled: 0, crc: Crc::default() };
        self.write_to(number, &mut writer)?;
        self.status.saved = Some((slot, number));
        Ok(())
    }

    fn write_to<S: Slots>(&self, number: u32, writer: &mut Writer<'_, S>) -> Result<(), S::Error> {
        let Self { settings, status, floats, .. } = self;
        let with_moments = trains_on(settings, status.phase);
        let header = [
            MAGIC,
            VERSION,
            settings.fingerprint(),
            number,
            bytes(settings, with_moments) as u32,
            status.phase.number(),
            status.done,
            status.step as u32,
            (status.step >> 32) as u32,
            status.ballot.history,
            u32::from(status.ballot.alarmed),
            status.threshold.to_bits(),
        ];
        header.into_iter().try_for_each(|word| writer.word(word))?;
        let moments = if with_moments { &*floats.moments } else { &[] };
        for floats in [&*floats.means, floats.spreads, floats.tail, floats.parameters, moments] {
            floats.iter().try_for_each(|value| writer.word(value.to_bits()))?;
        }
        writer.end()
    }

    /// Takes the newest whole state from its slot, if there is one of these settings, and goes on from there
    /// with the next sample. `false` when there is none; the detector is then as it was.
    ///
    /// # Errors
    ///
    /// The flash's, when no slot has a whole state that can be read: the detector is then as it was. When the
    /// flash fails halfway through a state, the detector begins anew.
    pub fn restore<S: Slots>(&mut self, slots: &mut S) -> Result<bool, S::Error> {
        let Some((slot, number)) = newest(self.settings, slots)? else { return Ok(false) };
        let read = self.read_from(slots, slot);
        match read {
            Ok(Some(status)) => {
                self.status = status;
                self.status.saved = Some((slot, number));
                self.gap();
                Ok(true)
            }
            other => {
                // Half of a state is none.
                let _ = self.restart();
                other.map(|_| false)
            }
        }
    }

    /// Reads a state that [`newest`] has found whole. Nothing if it is not the same any more.
    fn read_from<S: Slots>(&mut self, slots: &mut S, slot: usize) -> Result<Option<Status>, S::Error> {
        let mut reader = Reader::new(slots, slot);
        let mut header = [0; HEADER];
        for word in &mut header {
            *word = reader.word()?;
        }
        let [_, _, _, _, _, phase, done, low, high, history, alarmed, threshold] = header;
        let Some(phase) = Phase::from_number(phase) else { return Ok(None) };
        let floats = &mut self.floats;
        let moments = if trains_on(self.settings, phase) { &mut *floats.moments } else { &mut [] };
        let (means, spreads) = (&mut *floats.means, &mut *floats.spreads);
        for floats in [means, spreads, &mut *floats.tail, &mut *floats.parameters, moments] {
            for value in floats {
                *value = f32::from_bits(reader.word()?);
            }
        }
        if !reader.is_whole()? {
            return Ok(None);
        }
        let mut status = Status::new();
        (status.phase, status.done) = (phase, done);
        status.step = u64::from(high) << 32 | u64::from(low);
        (status.ballot.history, status.ballot.alarmed) = (history, alarmed != 0);
        status.threshold = f32::from_bits(threshold);
        Ok(Some(status))
    }
}

/// The slot of the newest whole state of these settings, and its number. A slot that cannot be read is none,
/// as long as the other has a state.
fn newest<S: Slots>(settings: &Settings, slots: &mut S) -> Result<Option<(usize, u32)>, S::Error> {
    let (first, second) = match (number_of(settings, slots, 0), number_of(settings, slots, 1)) {
        (Err(error), Ok(None) | Err(_)) | (Ok(None), Err(error)) => return Err(error),
        (first, second) => (first.ok().flatten(), second.ok().flatten()),
    };
    Ok(match (first, second) {
        (Some(first), Some(second)) if second.wrapping_sub(first).cast_signed() > 0 => Some((1, second)),
        (Some(first), _) => Some((0, first)),
        (None, second) => second.map(|second| (1, second)),
    })
}

/// The number of the state in a slot, if it is whole and of these settings.
fn number_of<S: Slots>(settings: &Settings, slots: &mut S, slot: usize) -> Result<Option<u32>, S::Error> {
    let mut reader = Reader::new(slots, slot);
    let mut words = [0; 6];
    for word in &mut words {
        *word = reader.word()?;
    }
    let [magic, version, fingerprint, number, len, phase] = words;
    let Some(phase) = Phase::from_number(phase) else { return Ok(None) };
    let expected = bytes(settings, trains_on(settings, phase));
    let is_ours = magic == MAGIC && version == VERSION && fingerprint == settings.fingerprint();
    if !is_ours || len as usize != expected {
        return Ok(None);
    }
    for _ in words.len() + 1..expected / 4 {
        reader.word()?;
    }
    Ok(reader.is_whole()?.then_some(number))
}

/// Writes words in whole blocks.
struct Writer<'s, S> {
    slots: &'s mut S,
    slot: usize,
    at: usize,
    block: [u8; BLOCK],
    filled: usize,
    crc: Crc,
}

impl<S: Slots> Writer<'_, S> {
    fn word(&mut self, word: u32) -> Result<(), S::Error> {
        let bytes = word.to_le_bytes();
        self.crc.add(&bytes);
        let places = self.block.iter_mut().skip(self.filled);
        places.zip(bytes).for_each(|(to, byte)| *to = byte);
        self.filled += bytes.len();
        if self.filled < BLOCK { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), S::Error> {
        self.slots.write(self.slot, self.at, &self.block)?;
        self.at += BLOCK;
        (self.block, self.filled) = ([0xff; BLOCK], 0);
        Ok(())
    }

    /// Puts the checksum behind everything.
    fn end(&mut self) -> Result<(), S::Error> {
        self.word(self.crc.end())?;
        if self.filled > 0 { self.write() } else { Ok(()) }
    }
}

/// Reads words a block at a time.
struct Reader<'s, S> {
    slots: &'s mut S,
    slot: usize,
    at: usize,
    block: [u8; BLOCK],
    /// Bytes of the block that have not been taken.
    left: usize,
    crc: Crc,
}

impl<'s, S: Slots> Reader<'s, S> {
    fn new(slots: &'s mut S, slot: usize) -> Self {
        Self { slots, slot, at: 0, block: [0; BLOCK], left: 0, crc: Crc::default() }
    }

    /// Whether the checksum that comes next is that of all words so far.
    fn is_whole(&mut self) -> Result<bool, S::Error> {
        let crc = core::mem::take(&mut self.crc).end();
        Ok(self.word()? == crc)
    }

    fn word(&mut self) -> Result<u32, S::Error> {
        if self.left == 0 {
            self.slots.read(self.slot, self.at, &mut self.block)?;
            self.at += BLOCK;
            self.left = BLOCK;
        }
        let start = BLOCK - self.left;
        self.left -= 4;
        let bytes =
            self.block.get(start..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default();
        self.crc.add(&bytes);
        Ok(u32::from_le_bytes(bytes))
    }
}
