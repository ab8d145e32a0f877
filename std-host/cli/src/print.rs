//! Results for people and pipes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use crate::error::{Error, Result};
use crate::exit::FAILED;
use crate::log::{self, Failure, Message};
use crate::screen;

/// What errors begin with: the program's name; of several processes, which one it is, too.
static SPEAKER: RwLock<String> = RwLock::new(String::new());

/// Sets what errors begin with from now on.
pub(crate) fn speak_as(name: String) {
    *SPEAKER.write().unwrap_or_else(PoisonError::into_inner) = name;
}

/// Prints the error that ends the program with this exit code to standard error, as one line that begins with
/// who has it.
pub(crate) fn complain(code: u8, sentence: &str) {
    let kind = if code == FAILED { "error" } else { "interrupted" };
    log::event(kind, Failure { message: sentence, exit_code: code });
    if log::has_stderr() {
        return;
    }
    // What is printed on the screen of a live view is gone with it.
    screen::give_back();
    let speaker = SPEAKER.read().unwrap_or_else(PoisonError::into_inner).clone();
    write(&(one_line(&format!("{speaker}: {sentence}")) + "\n"));
}

/// Prints a result to standard error, because standard output has another one.
pub(crate) fn say(text: &str) {
    if !log::has_stderr() {
        write(text);
    }
}

/// Prints a sentence that may quote what somebody else wrote to standard error, as one line.
pub(crate) fn tell(sentence: &str) {
    log::event("note", Message { message: sentence });
    if !log::has_stderr() {
        write(&(one_line(sentence) + "\n"));
    }
}

/// Writes to standard error. If nobody reads it, it is dropped.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The longest sentence, in characters.
const LONGEST: usize = 2000;

/// A sentence that may quote what somebody else wrote, so that it neither breaks the line nor reaches the
/// terminal's commands.
pub(crate) fn one_line(sentence: &str) -> String {
    wta::error::one_line(sentence.to_owned(), LONGEST)
}

/// A path as a word of a shell's command line: in quotes if it has anything but what needs none.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with('-') {
        return text;
    }
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A result that was written as JSON, as lines; `what` names it in the error.
pub(crate) fn json(what: &str, text: serde_json::Result<String>) -> Result<String> {
    match text {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Error::Usage(format!("cannot write {what} as JSON: {error}"))),
    }
}

/// Prints a result; a closed pipe (as with `| head`) is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(wta::Error::io("write to", "standard output", error).into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        let word = |path: &str| shell_word(Path::new(path));
        assert_eq!(word("runs/conv16.v2"), "runs/conv16.v2");
        assert_eq!(word("my runs/$(x)"), "'my runs/$(x)'");
        assert_eq!(word("it's"), r"'it'\''s'");
        assert_eq!(word("-rf"), "'./-rf'");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn a_sentence_is_one_line() {
        assert_eq!(one_line("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(one_line(&"ä".repeat(3000)).chars().count(), LONGEST + 3);
    }
}
