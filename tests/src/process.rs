//! Programs run to their end, or to a time limit, with what they print.

use std::io::{self, Read as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended; `None` when it was killed for taking too long.
    pub status: Option<ExitStatus>,
    /// All that it printed to stdout and stderr, in this order of time.
    pub output: String,
    /// The same as it was printed, where it is no text.
    pub bytes: Vec<u8>,
}

impl Finished {
    /// Whether it ended by itself, successfully.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, for a message.
    pub fn ending(&self) -> String {
        self.status.map_or_else(|| "killed for taking too long".to_owned(), |status| status.to_string())
    }
}

/// Runs a program to its end, without input.
///
/// # Errors
///
/// When it cannot be started or waited for.
pub fn run(command: Command) -> io::Result<Finished> {
    run_within(Duration::MAX, command)
}

/// Runs a program, without input, and kills it after `limit`.
///
/// The limit is for programs without children: theirs would live on, and keep the output open.
///
/// # Errors
///
/// When it cannot be started or waited for.
pub fn run_within(limit: Duration, mut command: Command) -> io::Result<Finished> {
    let (mut reader, writer) = io::pipe()?;
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The command holds our ends of the pipe, which would keep it open after the child.
    drop(command);
    let reading = thread::spawn(move || {
        let mut output = Vec::new();
        reader.read_to_end(&mut output).map(|_| output)
    });
    let status = if limit == Duration::MAX {
        Some(child.wait()?)
    } else {
        loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if started.elapsed() >= limit {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        }
    };
    let bytes =
        reading.join().map_err(|_| io::Error::other("the thread that reads the output panicked"))??;
    Ok(Finished { status, output: String::from_utf8_lossy(&bytes).into_owned(), bytes })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_kept_in_order() {
        let finished = run(shell("echo one; echo two >&2; echo three")).unwrap();
        assert!(finished.success());
        assert_eq!(finished.output, "one\ntwo\nthree\n");
    }

    #[test]
    fn failure_is_told_from_success() {
        let finished = run(shell("exit 3")).unwrap();
        assert!(!finished.success());
        assert!(finished.ending().contains('3'), "{}", finished.ending());
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_its_output_kept() {
        let started = Instant::now();
        let finished = run_within(Duration::from_millis(200), shell("echo here; exec sleep 60")).unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        assert!(finished.status.is_none() && !finished.success());
        assert_eq!(finished.output, "here\n");
    }

    #[test]
    fn much_output_does_not_block() {
        let finished = run(shell("head -c 1000000 /dev/zero")).unwrap();
        assert_eq!(finished.output.len(), 1_000_000);
    }
}
