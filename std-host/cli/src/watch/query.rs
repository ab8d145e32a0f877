//! What a terminal says of itself: whether it shows sixels, and how many pixels a character has.

use ratatui::layout::Size;

/// How long it has for an answer. Every terminal answers the second question, so that this is only for those
/// who are far away, or are none.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// The questions: the size of a cell in pixels (`CSI 16 t`), and what kind of terminal it is (`DA1`), which
/// is answered last.
#[cfg(unix)]
const QUESTIONS: &[u8] = b"\x1b[16t\x1b[c";

/// What a terminal has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// Whether it shows sixels.
    pub(super) sixels: bool,
    /// The pixels of a cell, if it says so.
    pub(super) cell: Option<Size>,
}

/// Asks the terminal, which has to be in raw mode, before anything else reads from it. Without an answer in
/// time, it can nothing.
#[cfg(unix)]
pub(super) fn ask() -> Answers {
    use std::io::{IsTerminal, Write};
    use std::time::Instant;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let (input, mut output) = (std::io::stdin(), std::io::stdout());
    if !input.is_terminal() || output.write_all(QUESTIONS).and_then(|()| output.flush()).is_err() {
        return Answers::default();
    }
    let end = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    // The last answer ends with a `c`.
    while !said.ends_with(b"c") && said.len() < 1024 {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let mut waited = [PollFd::new(&input, PollFlags::IN)];
        let mut bytes = [0; 64];
        // Not by the standard library, which would read ahead what is for others.
        let read = match poll(&mut waited, Some(&left)) {
            Ok(ready) if ready > 0 => rustix::io::read(&input, &mut bytes).unwrap_or(0),
            _ => 0,
        };
        if read == 0 {
            break;
        }
        said.extend_from_slice(bytes.get(..read).unwrap_or_default());
    }
    understood(&String::from_utf8_lossy(&said))
}

#[cfg(not(unix))]
pub(super) fn ask() -> Answers {
    let _ = PATIENCE;
    Answers::default()
}

/// What answers mean: `CSI 6 ; height ; width t`, and `CSI ? kind ; abilities c`, of which 4 is sixels.
#[cfg_attr(not(unix), allow(dead_code, reason = "nobody is asked"))]
fn understood(said: &str) -> Answers {
    let mut answers = Answers::default();
    for answer in said.split("\x1b[").skip(1) {
        if let Some(abilities) = answer.strip_prefix('?').and_then(|answer| answer.split('c').next()) {
            answers.sixels |= abilities.split(';').skip(1).any(|ability| ability == "4");
        } else if let Some(size) = answer.strip_prefix("6;").and_then(|answer| answer.split('t').next()) {
            let mut numbers = size.split(';').map(|number| number.parse().ok().filter(|size| *size > 0));
            if let (Some(Some(height)), Some(Some(width))) = (numbers.next(), numbers.next()) {
                answers.cell = Some(Size { width, height });
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_understood() {
        let cell = Some(Size { width: 10, height: 20 });
        for (said, sixels, cell) in [
            ("\x1b[6;20;10t\x1b[?62;4;22c", true, cell),
            ("\x1b[?1;2c", false, None),
            ("\x1b[?64;14;21c", false, None),
            ("q\x1b[?65;1;4c", true, None),
            ("\x1b[6;0;0t\x1b[?4c", false, None),
            ("", false, None),
        ] {
            assert_eq!(understood(said), Answers { sixels, cell }, "{said:?}");
        }
    }
}
