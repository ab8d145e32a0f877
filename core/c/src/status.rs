//! What a function of the interface answers.

use core::ffi::{CStr, c_char};

use wta_core::Error;

/// What became of a call. But for WTA_OK nothing has been done, unless a function says otherwise.
///
/// 32 bits wide whatever the compiler does with small enumerations.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum wta_status {
    /// Done.
    WTA_OK = 0,
    /// A pointer is NULL that must not be.
    WTA_ERROR_NULL = 1,
    /// A pointer is not a multiple of its type's alignment, or memory not one of WTA_ALIGN.
    WTA_ERROR_ALIGNMENT = 2,
    /// A buffer, an image or a batch of the wrong length.
    WTA_ERROR_LENGTH = 3,
    /// A struct that was not initialised, or whose initialisation failed.
    WTA_ERROR_UNINITIALISED = 4,
    /// A network, pooling or setting that cannot be, or that does not go with the others.
    WTA_ERROR_INVALID = 5,
    /// Bytes that are no whole and undamaged model.wta of this version.
    WTA_ERROR_MODEL = 6,
    /// A model without what the call needs: parameters, their decoder's part, a classifier, or their form in
    /// 8 bits.
    WTA_ERROR_MISSING = 7,
    /// A number that is infinite, not a number or beyond the training's input_limit: in an image, the
    /// parameters, or what becomes of them. A trainer can skip such images: skip_bad.
    WTA_ERROR_NOT_FINITE = 8,
    /// A training step whose gradient is out of all bounds; the parameters are as before the step. Lower the
    /// learning rate, or set clip_gradient.
    WTA_ERROR_DIVERGED = 9,
    /// A model with preprocessing, layers below or samples that are no bytes: wta_model_init_whole takes it.
    WTA_ERROR_WHOLE = 10,
    /// A function of yours that reads, erases or writes flash has failed.
    WTA_ERROR_FLASH = 11,
}

use wta_status::*;

impl From<Error> for wta_status {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(_) => WTA_ERROR_INVALID,
            Error::Length { .. } => WTA_ERROR_LENGTH,
            Error::NotFinite { .. } | Error::BadImage { .. } => WTA_ERROR_NOT_FINITE,
            Error::Diverged { .. } => WTA_ERROR_DIVERGED,
            Error::Model(_) => WTA_ERROR_MODEL,
        }
    }
}

/// What the functions behind the interface return.
pub(crate) type Checked<T> = Result<T, wta_status>;

/// The status of a call.
pub(crate) fn status(result: Checked<()>) -> wta_status {
    match result {
        Ok(()) => WTA_OK,
        Err(status) => status,
    }
}

/// The version of the library, which is WTA_VERSION where the header is that of the library; in static
/// memory.
#[unsafe(no_mangle)]
pub extern "C" fn wta_version() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    TEXT.as_ptr().cast()
}

/// A sentence that says what a status means, in static memory.
#[unsafe(no_mangle)]
pub extern "C" fn wta_status_text(status: i32) -> *const c_char {
    let is = |named: wta_status| status == named as i32;
    let text: &CStr = match status {
        _ if is(WTA_OK) => c"done",
        _ if is(WTA_ERROR_NULL) => c"a pointer is NULL that must not be",
        _ if is(WTA_ERROR_ALIGNMENT) => c"a pointer is not aligned as its type, or memory not to 4 bytes",
        _ if is(WTA_ERROR_LENGTH) => c"a buffer, an image or a batch has the wrong length",
        _ if is(WTA_ERROR_UNINITIALISED) => c"a model or trainer was not initialised",
        _ if is(WTA_ERROR_INVALID) => c"a network or setting cannot be, or does not go with the others",
        _ if is(WTA_ERROR_MODEL) => c"these bytes are no whole and undamaged model.wta of this version",
        _ if is(WTA_ERROR_MISSING) => c"the model does not hold what the call needs",
        _ if is(WTA_ERROR_NOT_FINITE) => c"a number is infinite, not a number or beyond input_limit",
        _ if is(WTA_ERROR_DIVERGED) => c"training diverged: lower the learning rate or set clip_gradient",
        _ if is(WTA_ERROR_WHOLE) => c"the model needs more than one network: call wta_model_init_whole",
        _ if is(WTA_ERROR_FLASH) => c"the flash could not be read, erased or written",
        _ => c"no status of this library",
    };
    text.as_ptr()
}
