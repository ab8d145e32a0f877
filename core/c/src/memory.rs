//! What C hands over, checked: pointers become references and slices here and nowhere else.
//!
//! The header states a contract, "the caller's contract" below. A pointer that is neither NULL nor misaligned
//! points to as many elements as the call says. Nobody else writes them during the call, nor reads them if
//! the call writes them. What a function reads has been written before.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::{ptr, slice};

use wta_core::Cut;

use crate::status::Checked;
use crate::status::wta_status::*;

/// What the address of memory must be a multiple of.
pub const WTA_ALIGN: usize = 4;

/// Numbers that any bytes are one of, and that [`WTA_ALIGN`] is enough for.
///
/// # Safety
///
/// Every bit pattern must be a value, so that memory from C can be seen as such numbers whatever it holds.
pub(crate) unsafe trait Number: Copy {
    /// Fails to compile for what needs more alignment.
    const ALIGNED: () = assert!(align_of::<Self>() <= WTA_ALIGN);
}

// SAFETY: integers and floats have no invalid bit patterns.
unsafe impl Number for u8 {}
// SAFETY: as above.
unsafe impl Number for i16 {}
// SAFETY: as above.
unsafe impl Number for i32 {}
// SAFETY: as above.
unsafe impl Number for u32 {}
// SAFETY: as above.
unsafe impl Number for f32 {}
// SAFETY: a float and an integer.
unsafe impl Number for Cut {}

/// `Ok` for a pointer that may be used for a `T`.
fn check<T>(pointer: *const T) -> Checked<()> {
    if pointer.is_null() {
        Err(WTA_ERROR_NULL)
    } else if !pointer.is_aligned() {
        Err(WTA_ERROR_ALIGNMENT)
    } else {
        Ok(())
    }
}

/// `Ok` for a length that a slice may have.
fn check_len<T>(len: usize) -> Checked<()> {
    let bytes = len.checked_mul(size_of::<T>());
    if bytes.is_some_and(|bytes| bytes <= isize::MAX as usize) { Ok(()) } else { Err(WTA_ERROR_LENGTH) }
}

/// What C reads or wrote, one value.
///
/// # Safety
///
/// The caller's contract, and what C wrote must be a `T`.
pub(crate) unsafe fn reference<'a, T>(pointer: *const T) -> Checked<&'a T> {
    check(pointer)?;
    // SAFETY: neither NULL nor misaligned; the rest is the caller's contract.
    Ok(unsafe { &*pointer })
}

/// Numbers that C wrote.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn numbers<'a, T: Number>(pointer: *const T, len: usize) -> Checked<&'a [T]> {
    check(pointer)?;
    check_len::<T>(len)?;
    // SAFETY: neither NULL nor misaligned, not too long, and any bytes are numbers; the rest is the caller's
    // contract.
    Ok(unsafe { slice::from_raw_parts(pointer, len) })
}

/// Room for numbers that C will read, which are 0 at first: C may not have written any.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn room<'a, T: Number>(pointer: *mut T, len: usize) -> Checked<&'a mut [T]> {
    check(pointer)?;
    check_len::<T>(len)?;
    // SAFETY: neither NULL nor misaligned, and not too long; the rest is the caller's contract.
    unsafe { ptr::write_bytes(pointer, 0, len) };
    // SAFETY: as above; the numbers have just been written.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, len) })
}

/// Writes a value for C to read.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T) -> Checked<()> {
    check(pointer)?;
    // SAFETY: neither NULL nor misaligned; the rest is the caller's contract.
    unsafe { pointer.write(value) };
    Ok(())
}

/// A call's memory, from which buffers are taken one after the other.
pub(crate) struct Arena<'a> {
    free: *mut u8,
    left: usize,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Arena<'a> {
    /// Memory for `needed` bytes, which are 0 at first; [`WTA_ERROR_LENGTH`] when there are fewer.
    ///
    /// # Safety
    ///
    /// The caller's contract, for `bytes` bytes.
    pub(crate) unsafe fn new(memory: *mut c_void, bytes: usize, needed: usize) -> Checked<Self> {
        // SAFETY: the function's contract; checked before anything is read.
        let mut arena = unsafe { Self::kept(memory, bytes, needed) }?;
        arena.clear_from(0);
        Ok(arena)
    }

    /// The same, with what it holds.
    ///
    /// # Safety
    ///
    /// The caller's contract, for `bytes` bytes; `needed` of them have been written before they are taken.
    pub(crate) unsafe fn kept(memory: *mut c_void, bytes: usize, needed: usize) -> Checked<Self> {
        if memory.is_null() {
            return Err(WTA_ERROR_NULL);
        }
        if !memory.addr().is_multiple_of(WTA_ALIGN) {
            return Err(WTA_ERROR_ALIGNMENT);
        }
        if needed > bytes || needed > isize::MAX as usize {
            return Err(WTA_ERROR_LENGTH);
        }
        Ok(Self { free: memory.cast(), left: needed, memory: PhantomData })
    }

    /// Writes 0 to all bytes from `start` on.
    pub(crate) fn clear_from(&mut self, start: usize) {
        if let Some(len) = self.left.checked_sub(start) {
            // SAFETY: `left` bytes are the arena's, of which these are the last.
            unsafe { ptr::write_bytes(self.free.add(start), 0, len) };
        }
    }

    /// The next `len` numbers, and up to [`WTA_ALIGN`] unused bytes behind them.
    pub(crate) fn take<T: Number>(&mut self, len: usize) -> Checked<&'a mut [T]> {
        const { T::ALIGNED };
        let bytes = bytes_of::<T>(len).ok_or(WTA_ERROR_LENGTH)?;
        let left = self.left.checked_sub(bytes).ok_or(WTA_ERROR_LENGTH)?;
        let taken = self.free.cast::<T>();
        // SAFETY: `bytes` of the memory are left.
        self.free = unsafe { self.free.add(bytes) };
        self.left = left;
        // SAFETY: these bytes were the arena's alone, and have been written; all that is taken is a multiple
        // of WTA_ALIGN long, so that it begins at one, which is enough for a number.
        Ok(unsafe { slice::from_raw_parts_mut(taken, len) })
    }
}

/// Bytes that so many numbers take of an [`Arena`].
pub(crate) fn bytes_of<T: Number>(len: usize) -> Option<usize> {
    len.checked_mul(size_of::<T>())?.checked_next_multiple_of(WTA_ALIGN)
}

/// A struct of the header that holds a value of Rust's.
///
/// # Safety
///
/// The struct must be `repr(C)`, consist of integers alone, the first of which is as wide as a `usize` or
/// wider, and have room for a [`Stored`]: see [`Storage::FITS`].
pub(crate) unsafe trait Storage: Sized {
    /// What it holds.
    type Content: Copy;

    /// What its first word is when it holds that.
    const MARK: usize;

    /// Fails to compile for a struct that is too small.
    const FITS: () = assert!(
        size_of::<Stored<Self::Content>>() <= size_of::<Self>()
            && align_of::<Stored<Self::Content>>() <= align_of::<Self>()
    );
}

/// What a [`Storage`] holds.
#[repr(C)]
pub(crate) struct Stored<T> {
    mark: usize,
    content: T,
}

/// Fills a struct with what `content` gives; when that fails, the struct counts as not initialised.
///
/// # Safety
///
/// The caller's contract.
pub(crate) unsafe fn store<S: Storage>(to: *mut S, content: Checked<S::Content>) -> Checked<()> {
    const { S::FITS };
    check(to)?;
    let to = to.cast::<Stored<S::Content>>();
    match content {
        // SAFETY: neither NULL nor misaligned, and the struct is large enough; the rest is the caller's
        // contract.
        Ok(content) => unsafe { to.write(Stored { mark: S::MARK, content }) },
        Err(status) => {
            // SAFETY: as above; the mark is the first field.
            unsafe { to.cast::<usize>().write(0) };
            return Err(status);
        }
    }
    Ok(())
}

/// What a struct holds.
///
/// # Safety
///
/// The caller's contract; the struct was written by [`store`], or holds anything but the mark in its first
/// word.
pub(crate) unsafe fn stored<'a, S: Storage>(from: *const S) -> Checked<&'a S::Content> {
    const { S::FITS };
    check(from)?;
    // SAFETY: neither NULL nor misaligned; the rest is the caller's contract.
    if unsafe { from.cast::<usize>().read() } != S::MARK {
        return Err(WTA_ERROR_UNINITIALISED);
    }
    // SAFETY: the mark says that `store` has written it.
    Ok(unsafe { &(*from.cast::<Stored<S::Content>>()).content })
}
