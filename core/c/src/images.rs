//! Images from C: bytes in memory, or a function that gives rows.

use core::ffi::c_void;

use wta_core::{Rows, Shape, runs};

use crate::memory::{numbers, reference};
use crate::status::Checked;
use crate::status::wta_status::*;

/// Writes row y of an image: len floats, width x channels, with the channels of a pixel side by side. Rows
/// are asked for from the first to the last, more than once in training and for novelty scores. It must
/// return, as longjmp may not pass through this library, and must not use the model, trainer or memory of the
/// call that it is part of.
pub type wta_row_fn =
    Option<unsafe extern "C" fn(context: *mut c_void, image: usize, y: usize, row: *mut f32, len: usize)>;

/// Samples are bytes, 0 to 255: `wta_images.kind`.
pub const WTA_UINT8: u32 = 0;
/// Samples are bytes, -128 to 127.
pub const WTA_INT8: u32 = 1;
/// Samples are 16-bit integers with a sign.
pub const WTA_INT16: u32 = 2;
/// Samples are 16-bit integers without one.
pub const WTA_UINT16: u32 = 3;
/// Samples are floats.
pub const WTA_FLOAT: u32 = 4;

/// One or more images, or a sensor's samples: windows of time steps with their channels side by side.
///
/// Either bytes, one for each number of the input, which are multiplied by the model's or the training's
/// scale: set pixels, len and perhaps stride. Or a function that gives rows of floats, which are used as they
/// are: set row and perhaps context, and leave pixels NULL. Or numbers of another kind, which are multiplied
/// by the scale: set samples, kind, len and perhaps stride, both in bytes, and leave pixels NULL. What is not
/// set is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct wta_images {
    /// The first image's pixels, row by row; or NULL.
    pub pixels: *const u8,
    /// Bytes from there to the end of the last image.
    pub len: usize,
    /// Bytes from one image to the next; 0 when there are none between them.
    pub stride: usize,
    /// Where pixels is NULL, what gives an image's rows.
    pub row: wta_row_fn,
    /// What that function is called with.
    pub context: *mut c_void,
    /// Where pixels is NULL, the first image's numbers of that kind, row by row; or NULL.
    pub samples: *const c_void,
    /// WTA_INT8, WTA_INT16, WTA_UINT16, WTA_FLOAT or WTA_UINT8.
    pub kind: u32,
}

impl wta_images {
    /// From one of `count` images of `image` bytes to the next, and the bytes of all; an error if there are
    /// fewer.
    fn extent(&self, count: usize, image: usize) -> Checked<(usize, usize)> {
        let stride = if self.stride == 0 { image } else { self.stride };
        let last = count.saturating_sub(1).checked_mul(stride);
        let needed = last.and_then(|last| last.checked_add(image)).ok_or(WTA_ERROR_LENGTH)?;
        if self.len < needed { Err(WTA_ERROR_LENGTH) } else { Ok((stride, needed)) }
    }
}

/// Images of a known shape, checked.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    source: Source<'a>,
    scale: f32,
    row_len: usize,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Pixels { bytes: &'a [u8], stride: usize },
    Samples { bytes: &'a [u8], stride: usize, kind: Kind },
    Rows { row: unsafe extern "C" fn(*mut c_void, usize, usize, *mut f32, usize), context: *mut c_void },
}

/// A kind of numbers.
#[derive(Clone, Copy)]
enum Kind {
    U8,
    I8,
    I16,
    U16,
    F32,
}

impl Kind {
    fn of(kind: u32) -> Checked<Self> {
        match kind {
            WTA_UINT8 => Ok(Self::U8),
            WTA_INT8 => Ok(Self::I8),
            WTA_INT16 => Ok(Self::I16),
            WTA_UINT16 => Ok(Self::U16),
            WTA_FLOAT => Ok(Self::F32),
            _ => Err(WTA_ERROR_INVALID),
        }
    }

    const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 => 4,
        }
    }

    /// The number that bytes in the processor's order are; what is cut off is 0.
    fn number(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::U8, [byte, ..]) => f32::from(*byte),
            (Self::I8, [byte, ..]) => f32::from(i8::from_ne_bytes([*byte])),
            (Self::I16, [a, b, ..]) => f32::from(i16::from_ne_bytes([*a, *b])),
            (Self::U16, [a, b, ..]) => f32::from(u16::from_ne_bytes([*a, *b])),
            (Self::F32, [a, b, c, d, ..]) => f32::from_ne_bytes([*a, *b, *c, *d]),
            _ => 0.0,
        }
    }
}

impl<'a> Images<'a> {
    /// `count` images.
    ///
    /// # Safety
    ///
    /// The caller's contract (see `memory`), also for the bytes and the function.
    pub(crate) unsafe fn new(
        images: *const wta_images,
        count: usize,
        shape: Shape,
        scale: f32,
    ) -> Checked<Self> {
        // SAFETY: the function's contract.
        let images = unsafe { reference(images) }?;
        let row_len = shape.width * shape.channels;
        let source = if images.pixels.is_null() && !images.samples.is_null() {
            let kind = Kind::of(images.kind)?;
            let len = shape.len().checked_mul(kind.size()).ok_or(WTA_ERROR_LENGTH)?;
            let (stride, needed) = images.extent(count, len)?;
            // SAFETY: the function's contract; `images.len` bytes are there.
            Source::Samples { bytes: unsafe { numbers(images.samples.cast(), needed) }?, stride, kind }
        } else if images.pixels.is_null() {
            Source::Rows { row: images.row.ok_or(WTA_ERROR_NULL)?, context: images.context }
        } else {
            let (stride, needed) = images.extent(count, shape.len())?;
            // SAFETY: the function's contract; `images.len` bytes are there.
            Source::Pixels { bytes: unsafe { numbers(images.pixels, needed) }?, stride }
        };
        Ok(Self { source, scale, row_len })
    }

    /// The rows of an image, as floats.
    pub(crate) fn rows(self, image: usize) -> impl Rows + use<'a> {
        move |y: usize, to: &mut [f32]| match self.source {
            Source::Pixels { .. } => {
                let pixels = to.iter_mut().zip(self.pixels(image, y));
                pixels.for_each(|(to, pixel)| *to = f32::from(*pixel) * self.scale);
            }
            Source::Samples { bytes, stride, kind } => {
                let start = y.saturating_mul(self.row_len).saturating_mul(kind.size());
                let start = image.saturating_mul(stride).saturating_add(start);
                let numbers = runs(bytes.get(start..).unwrap_or_default(), kind.size());
                to.iter_mut().zip(numbers).for_each(|(to, number)| *to = kind.number(number) * self.scale);
            }
            // SAFETY: the contract of `new`: this is how the function wants to be called, and `to` has so
            // many floats.
            Source::Rows { row, context } => unsafe { row(context, image, y, to.as_mut_ptr(), to.len()) },
        }
    }

    /// The rows of the first image as quantised kernels of bytes want them; only of bytes.
    pub(crate) fn quantised_rows(self) -> Checked<impl FnMut(usize, &mut [i16]) + use<'a>> {
        match self.source {
            Source::Rows { .. } | Source::Samples { .. } => Err(WTA_ERROR_NULL),
            Source::Pixels { .. } => Ok(move |y: usize, to: &mut [i16]| {
                to.iter_mut().zip(self.pixels(0, y)).for_each(|(to, pixel)| *to = i16::from(*pixel));
            }),
        }
    }

    /// The bytes from row `y` of an image on.
    fn pixels(&self, image: usize, y: usize) -> &'a [u8] {
        match self.source {
            Source::Pixels { bytes, stride } => {
                let start = image.saturating_mul(stride).saturating_add(y.saturating_mul(self.row_len));
                bytes.get(start..).unwrap_or_default()
            }
            Source::Rows { .. } | Source::Samples { .. } => &[],
        }
    }
}
