//! The whole terminal, while a live view has it, and how it is given back: at the end, after an error, after
//! a panic, and before the program is ended from another thread.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode, with its alternate screen; dropped, it is as it was before.
pub(crate) struct Screen(());

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// What the system says; the terminal is as it was before then.
    pub(crate) fn take() -> io::Result<Self> {
        TAKEN.store(true, Ordering::SeqCst);
        let screen = Self(());
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it is taken. Before anything else is printed, which would be lost with the
/// alternate screen.
pub(crate) fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Where there is no terminal any more, there is nothing to be restored.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}
