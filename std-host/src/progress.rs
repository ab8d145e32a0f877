//! Progress for people: a bar with the time left on a terminal, plain lines otherwise. Always on stderr; results
//! go to stdout, and not through here.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Without a terminal, a long phase says where it is this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Where progress goes.
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: Mutex<Plain>,
}

struct Plain {
    out: Box<dyn Write + Send>,
    name: String,
    done: u64,
    total: u64,
    last: Instant,
}

impl Progress {
    /// To the terminal, or as lines where stderr is none.
    pub fn stderr() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        let mut progress = Self::lines(Box::new(std::io::stderr()));
        progress.bar = bar;
        progress
    }

    /// As plain lines to a writer.
    pub fn lines(out: Box<dyn Write + Send>) -> Self {
        let plain = Plain { out, name: String::new(), done: 0, total: 0, last: Instant::now() };
        Self { bar: None, plain: Mutex::new(plain) }
    }

    /// Begins a phase of `total` steps (0 when that is not known).
    pub fn phase(&self, name: &str, total: u64) {
        if let Some(bar) = &self.bar {
            let template = if total > 0 {
                "{prefix} {wide_bar} {percent:>3}%  {elapsed} gone, {eta} left  {msg}"
            } else {
                "{prefix} {spinner}  {elapsed} gone  {msg}"
            };
            bar.reset();
            bar.set_length(total);
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_prefix(name.to_owned());
            bar.set_message("");
        }
        self.plainly(|plain| {
            (plain.name, plain.done, plain.total) = (name.to_owned(), 0, total);
            plain.last = Instant::now();
        });
    }

    /// So many steps more are done.
    pub fn inc(&self, steps: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(steps);
        }
        let silent = self.bar.is_some();
        self.plainly(|plain| {
            plain.done += steps;
            if !silent && plain.last.elapsed() >= LINE_EVERY {
                plain.last = Instant::now();
                let line = if plain.total > 0 {
                    format!("{}: {} of {}", plain.name, plain.done, plain.total)
                } else {
                    format!("{}: {}", plain.name, plain.done)
                };
                // Progress that cannot be shown is no reason to stop.
                let _ = writeln!(plain.out, "{line}");
            }
        });
    }

    /// What is said beside the bar.
    pub fn message(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
        }
    }

    /// A line that stays.
    pub fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.plainly(|plain| {
                plain.last = Instant::now();
                let _ = writeln!(plain.out, "{line}");
            }),
        }
    }

    /// Ends the phase; the bar goes away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn plainly(&self, change: impl FnOnce(&mut Plain)) {
        change(&mut self.plain.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_stay_and_steps_are_quiet() {
        let out = Shared::default();
        let progress = Progress::lines(Box::new(out.clone()));
        progress.phase("train", 1_000);
        (0..1_000).for_each(|_| progress.inc(1));
        progress.message("not without a terminal");
        progress.line("epoch 1/1: loss 2");
        progress.finish();
        assert_eq!(String::from_utf8(out.0.lock().unwrap().clone()).unwrap(), "epoch 1/1: loss 2\n");
    }

    #[test]
    fn a_long_phase_says_where_it_is() {
        let out = Shared::default();
        let progress = Progress::lines(Box::new(out.clone()));
        progress.phase("train", 10);
        progress.plainly(|plain| plain.last -= LINE_EVERY);
        progress.inc(4);
        assert_eq!(String::from_utf8(out.0.lock().unwrap().clone()).unwrap(), "train: 4 of 10\n");
    }
}
