//! Progress for people: a bar with the time left on a terminal, plain lines otherwise. It always goes to
//! stderr; results go to stdout, and not through this file.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use wta::{EpochMetrics, Observer};

use crate::log::{self, Message};
use crate::print::one_line;
use crate::signals::Stop;
use crate::volume;

/// Without a terminal, a long phase prints a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows the progress of a command.
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    /// Set by Ctrl-C.
    stop: &'static Stop,
    plain: Mutex<Plain>,
    /// Whether all of it is in the log, too.
    is_logged: bool,
}

struct Plain {
    out: Box<dyn Write + Send>,
    name: String,
    done: u64,
    total: u64,
    last: Instant,
    begun: Instant,
}

impl Bar {
    /// A bar on the terminal, or plain lines if stderr is not a terminal; nothing if the program is quiet or
    /// the log has stderr.
    pub(crate) fn stderr(stop: &'static Stop) -> Self {
        let is_silent = volume::is_quiet() || log::has_stderr();
        let out: Box<dyn Write + Send> =
            if is_silent { Box::new(std::io::sink()) } else { Box::new(std::io::stderr()) };
        let mut progress = Self::lines(out, stop);
        let has_bar = !is_silent && std::io::stderr().is_terminal();
        progress.bar = has_bar.then(|| ProgressBar::new(0));
        progress.is_logged = true;
        progress
    }

    /// A bar that shows nothing, but stops at Ctrl-C.
    pub(crate) fn silent(stop: &'static Stop) -> Self {
        Self::lines(Box::new(std::io::sink()), stop)
    }

    /// Plain lines to a writer.
    fn lines(out: Box<dyn Write + Send>, stop: &'static Stop) -> Self {
        let (name, now) = (String::new(), Instant::now());
        let plain = Plain { out, name, done: 0, total: 0, last: now, begun: now };
        Self { bar: None, stop, plain: Mutex::new(plain), is_logged: false }
    }

    fn plainly(&self, change: impl FnOnce(&mut Plain)) {
        change(&mut self.plain.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    fn log(&self, event: &str, fields: impl Serialize) {
        if self.is_logged {
            log::event(event, fields);
        }
    }

    /// A line for those who want to know more.
    pub(crate) fn detail(&self, line: &str) {
        if volume::is_verbose() {
            self.note(line);
        }
    }

    /// Prints a line that stays.
    fn line(&self, line: &str) {
        let line = &one_line(line);
        match &self.bar {
            Some(bar) => bar.println(line),
            None => self.plainly(|plain| {
                plain.last = Instant::now();
                let _ = writeln!(plain.out, "{line}");
            }),
        }
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
            plain.begun = plain.last;
        });
        self.log("phase", Begun { phase: name, total });
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
        self.log("note", Message { message: line });
        self.line(line);
    }

    fn saved(&self, checkpoint: &Path, step: u64, steps: u64) {
        self.log("checkpoint", Saved { path: &checkpoint.display().to_string(), step, steps });
    }

    fn epoch(&self, epoch: &EpochMetrics, epochs: usize) {
        self.status(&format!("epoch {}/{epochs} loss {:.4}", epoch.epoch, epoch.loss));
        self.log("epoch", Epoch { metrics: epoch, epochs });
        self.line(&format!(
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
        let mut ended = None;
        self.plainly(|plain| ended = Some((std::mem::take(&mut plain.name), plain.begun.elapsed())));
        if let Some((name, took)) = ended.filter(|(name, _)| !name.is_empty()) {
            self.detail(&format!("{name}: {:.1} s", took.as_secs_f64()));
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.is_set()
    }
}

/// The fields of the log's event `phase`.
#[derive(Serialize)]
struct Begun<'a> {
    phase: &'a str,
    total: u64,
}

/// The fields of the log's event `epoch`.
#[derive(Serialize)]
struct Epoch<'a> {
    #[serde(flatten)]
    metrics: &'a EpochMetrics,
    epochs: usize,
}

/// The fields of the log's event `checkpoint`.
#[derive(Serialize)]
struct Saved<'a> {
    path: &'a str,
    step: u64,
    steps: u64,
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
