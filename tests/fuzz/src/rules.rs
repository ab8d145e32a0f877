//! What holds for all targets: errors are sentences, and no panic of our own code is hidden.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::PathBuf;
use std::sync::{Mutex, Once};

use wta::Observer;

/// The longest error, in bytes.
const LONGEST: usize = 2_000;

thread_local! {
    /// Where code of this repository has panicked in a case's thread, also where the library caught it.
    static PANICKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };

    /// Whether this thread tries cases.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// The same in the threads that the library starts.
static ELSEWHERE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// `Ok` to print: one line, not long, nothing that a terminal takes for a command.
pub fn sentence(error: &impl ToString) {
    let text = error.to_string();
    let one_line = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
    assert!(one_line, "not one sentence: {text:?}");
}

/// Looks at what a person is shown while something works.
#[derive(Clone, Copy, Debug)]
pub struct Lines;

impl Observer for Lines {
    fn begin(&self, phase: &str, _: u64) {
        sentence(&phase);
    }

    fn status(&self, text: &str) {
        sentence(&text);
    }

    fn note(&self, line: &str) {
        sentence(&line);
    }
}

/// Watches over panics. The library catches those of decoders; to be heard first, this is called after its
/// own hook is there.
pub fn watch() {
    static ONCE: Once = Once::new();
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    IS_OURS.set(true);
    ONCE.call_once(|| {
        // The first decoder that runs puts the library's hook into place.
        assert!(wta::data::read("/no/such/file.npy").is_err());
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map_or_else(String::new, ToString::to_string);
            let foreign = ["/registry/", "/rustc/", "/library/"].iter().any(|part| place.contains(part));
            if !foreign && IS_OURS.get() {
                PANICKED.with_borrow_mut(|places| places.push(place.clone()));
            } else if !foreign && let Ok(mut places) = ELSEWHERE.lock() {
                places.push(place.clone());
            }
            // A long run meets a fault more than once.
            if TOLD.lock().is_ok_and(|mut told| told.insert(place)) {
                others(info);
            }
        }));
    });
}

/// Fails if code of this repository has panicked since the last call.
pub fn expect_no_hidden_panic() {
    let mut places = PANICKED.take();
    if let Ok(mut elsewhere) = ELSEWHERE.lock() {
        places.append(&mut elsewhere);
    }
    assert!(places.is_empty(), "a panic was caught that is our own: {places:?}");
}

/// Forgets what has panicked: it is told already.
pub fn forget() {
    drop(PANICKED.take());
    if let Ok(mut places) = ELSEWHERE.lock() {
        places.clear();
    }
}

/// A folder of this thread's own that goes away with the process's temporary files.
pub fn folder(name: &str) -> PathBuf {
    let thread = format!("{:?}", std::thread::current().id());
    let number: String = thread.chars().filter(char::is_ascii_digit).collect();
    let folder = std::env::temp_dir().join(format!("wta-fuzz-{}-{number}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}
