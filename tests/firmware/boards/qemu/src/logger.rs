//! defmt's frames over semihosting, one write each.
//!
//! The crate `defmt-semihosting` does the same, and can panic; here none may be linked.

use core::cell::RefCell;

use critical_section::Mutex;
use defmt::Encoder;
use semihosting::io::{Write as _, stdout};

/// Bytes of a frame; the rest of a longer one is dropped, and the host sees that it is damaged.
const FRAME: usize = 256;

struct State {
    encoder: Encoder,
    frame: [u8; FRAME],
    len: usize,
}

static STATE: Mutex<RefCell<State>> =
    Mutex::new(RefCell::new(State { encoder: Encoder::new(), frame: [0; FRAME], len: 0 }));

#[defmt::global_logger]
struct Logger;

/// Encodes something into the frame. Nothing interrupts this program, so that the state is always free.
fn encode(what: impl FnOnce(&mut Encoder, &mut dyn FnMut(&[u8]))) {
    critical_section::with(|token| {
        let Ok(mut state) = STATE.borrow(token).try_borrow_mut() else { return };
        let State { encoder, frame, len, .. } = &mut *state;
        what(encoder, &mut |bytes| {
            let places = frame.iter_mut().skip(*len);
            *len += places.zip(bytes).map(|(place, byte)| *place = *byte).count();
        });
    });
}

fn send() {
    critical_section::with(|token| {
        let Ok(mut state) = STATE.borrow(token).try_borrow_mut() else { return };
        let State { frame, len, .. } = &mut *state;
        if let Ok(mut out) = stdout() {
            // A host that does not listen must not stop the program.
            let _ = out.write(frame.get(..*len).unwrap_or(&[]));
        }
        *len = 0;
    });
}

// SAFETY: frames do not mix, since nothing interrupts this program.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        encode(|encoder, write| encoder.start_frame(write));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        encode(|encoder, write| encoder.end_frame(write));
        send();
    }

    unsafe fn write(bytes: &[u8]) {
        encode(|encoder, write| encoder.write(bytes, write));
    }
}
