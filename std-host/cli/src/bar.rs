//! Progress for people: a bar with the time left on a terminal, plain lines otherwise. It always goes to
//! stderr; results go to stdout, and not through this file.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use wta::{EpochMetrics, Observer};

use crate::print::one_line;
use crate::signals::Stop;

/// Without a terminal, a long phase prints a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress of a command.
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    /// Set by Ctrl-C.
    stop: &'static Stop,
    plain: Mutex<Plain>,
}

struct Plain {
    out: Box<dyn Write + Send>,
    name: String,
    done: u64,
    total: u64,
    last: Instant,
}

impl Bar {
    /// A bar on the terminal, or plain lines if stderr is not a terminal.
    pub(crate) fn stderr(stop: &'static Stop) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        let mut progress = Self::lines(Box::new(std::io::stderr()), stop);
        progress.bar = bar;
        progress
    }

    /// A bar that shows nothing, but stops at Ctrl-C.
    pub(crate) fn silent(stop: &'static Stop) -> Self {
        Self::lines(Box::new(std::io::sink()), stop)
    }

    /// Plain lines to a writer.
    fn lines(out: Box<dyn Write + Send>, stop: &'static Stop) -> Self {
        let plain = Plain { out, name: String::new(), done: 0, total: 0, last: Instant::now() };
        Self { bar: None, stop, plain: Mutex::new(plain) }
    }

    fn plainly(&self, change: impl FnOnce(&mut Plain)) {
        change(&mut self.plain.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Observer for Bar {
    fn begin(&self, name: &str, total: u64) {
        self.stop.next_phase();
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

    fn advance(&self, steps: u64) {
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
                // Work goes on even if its progress cannot be shown.
                let _ = writeln!(plain.out, "{line}");
            }
        });
    }

    fn status(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    fn note(&self, line: &str) {
        let line = &one_line(line);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.plainly(|plain| {
                plain.last = Instant::now();
                let _ = writeln!(plain.out, "{line}");
            }),
        }
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        self.status(&format!("epoch {}/{epochs} loss {:.4}", epoch.epoch, epoch.loss));
        self.note(&format!(
            "epoch {}/{epochs}: loss {:.4}, {}dead atoms {:.1}%, {}{:.1} s",
            epoch.epoch,
            epoch.loss,
            measures(epoch.unexplained, epoch.active),
            100.0 * epoch.dead_share,
            held_out(epoch),
            epoch.seconds
        ));
    }

    fn end(&self) {
        self.stop.next_phase();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.is_set()
    }
}

/// `12.3% unexplained, 3.5 active, `
fn measures(unexplained: Option<f64>, active: Option<f64>) -> String {
    match (unexplained, active) {
        (Some(unexplained), Some(active)) => {
            format!("{:.1}% unexplained, {active:.1} active, ", 100.0 * unexplained)
        }
        _ => String::new(),
    }
}

/// `held out: loss 0.1234, 12.3% unexplained, 3.5 active, `
fn held_out(epoch: &EpochMetrics) -> String {
    let Some(loss) = epoch.held_out_loss else { return String::new() };
    format!("held out: loss {loss:.4}, {}", measures(epoch.held_out_unexplained, epoch.held_out_active))
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    static NEVER: Stop = Stop::new();

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
        let bar = Bar::lines(Box::new(out.clone()), &NEVER);
        bar.begin("train", 1_000);
        (0..1_000).for_each(|_| bar.advance(1));
        bar.status("not without a terminal");
        bar.note("reading");
        let epoch = EpochMetrics {
            epoch: 1,
            loss: 2.0,
            pixel_mse: 0.125,
            dead_share: 0.25,
            unexplained: Some(0.125),
            active: Some(3.25),
            held_out_loss: Some(2.5),
            held_out_unexplained: Some(0.5),
            held_out_active: Some(4.0),
            held_out_dead_share: Some(0.5),
            held_out_dense_share: Some(0.125),
            held_out_l1: Some(7.0),
            held_out_cosine: Some(0.75),
            rate: 1e-3,
            seconds: 3.5,
        };
        bar.epoch(&epoch, 2);
        bar.end();
        assert_eq!(
            String::from_utf8(out.0.lock().unwrap().clone()).unwrap(),
            "reading\nepoch 1/2: loss 2.0000, 12.5% unexplained, 3.2 active, dead atoms 25.0%, \
             held out: loss 2.5000, 50.0% unexplained, 4.0 active, 3.5 s\n"
        );
    }

    #[test]
    fn a_long_phase_says_where_it_is() {
        let out = Shared::default();
        let bar = Bar::lines(Box::new(out.clone()), &NEVER);
        bar.begin("train", 10);
        bar.plainly(|plain| plain.last -= LINE_EVERY);
        bar.advance(4);
        assert_eq!(String::from_utf8(out.0.lock().unwrap().clone()).unwrap(), "train: 4 of 10\n");
    }
}
