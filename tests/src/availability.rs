//! What a test does when a tool that it needs is not on this machine.

use std::env;
use std::io::Write as _;

/// A tool, or why it is not to be had here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability<T> {
    /// The tool.
    Ready(T),
    /// One sentence: what is missing, and how to get it.
    Missing(String),
}

impl<T> Availability<T> {
    /// Goes on with the tool, where there is one.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Availability<U>) -> Availability<U> {
        match self {
            Self::Ready(tool) => next(tool),
            Self::Missing(why) => Availability::Missing(why),
        }
    }

    /// Both tools; of two reasons the first.
    pub fn and<U>(self, other: Availability<U>) -> Availability<(T, U)> {
        self.and_then(|tool| match other {
            Availability::Ready(other) => Availability::Ready((tool, other)),
            Availability::Missing(why) => Availability::Missing(why),
        })
    }
}

/// The tool; or `None`, having said `SKIPPED` and why: the test then returns.
///
/// # Panics
///
/// When the tool is missing, but the environment says that all tools are there: `CI` is `true`, or
/// `WTA_REQUIRE_CROSS` is `1`.
#[track_caller]
pub fn require<T>(tool: Availability<T>) -> Option<T> {
    match tool {
        Availability::Ready(tool) => Some(tool),
        Availability::Missing(why) => {
            assert!(!must_be_there(), "{why} (CI=true and WTA_REQUIRE_CROSS=1 forbid skipping)");
            announce(&format!("SKIPPED: {why}"));
            None
        }
    }
}

fn must_be_there() -> bool {
    let is = |variable, value| env::var_os(variable).is_some_and(|found| found == value);
    is("CI", "true") || is("WTA_REQUIRE_CROSS", "1")
}

/// Prints a line that people see even when the test passes.
///
/// The test harness captures what `println!` and `eprintln!` print, and shows it for failed tests only; what
/// is written to the stream itself goes through.
pub fn announce(line: &str) {
    // Nothing depends on it: a closed stderr must not fail a test. It starts on a line of its own, since the
    // harness may have begun one; it is one write, lest other tests' lines mix into it.
    let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::run;

    const IN_CHILD: &str = "WTA_TEST_OF_SKIPPING";

    /// A test that needs a missing tool, when [`child`] runs this program; it has nothing to do otherwise.
    #[test]
    fn needs_a_missing_tool() {
        if env::var_os(IN_CHILD).is_some() {
            assert_eq!(require(Availability::<()>::Missing("no emulator".into())), None);
        }
    }

    /// Whether that test passes in this environment, and all that its harness prints.
    fn child(environment: &[(&str, &str)]) -> (bool, String) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "availability::tests::needs_a_missing_tool"]);
        command.env_remove("CI").env_remove("WTA_REQUIRE_CROSS").env(IN_CHILD, "1");
        command.envs(environment.iter().copied());
        let finished = run(command).unwrap();
        assert!(finished.output.contains("running 1 test"), "{}", finished.output);
        (finished.success(), finished.output)
    }

    #[test]
    fn a_skipped_test_passes_and_says_so() {
        for environment in [&[][..], &[("CI", "false")], &[("WTA_REQUIRE_CROSS", "0")]] {
            let (passed, output) = child(environment);
            assert!(passed && output.contains("\nSKIPPED: no emulator\n"), "{environment:?}: {output}");
        }
    }

    #[test]
    fn it_fails_where_all_tools_must_be_there() {
        for environment in [("CI", "true"), ("WTA_REQUIRE_CROSS", "1")] {
            let (passed, output) = child(&[environment]);
            assert!(!passed && output.contains("no emulator (CI=true"), "{environment:?}: {output}");
        }
    }

    #[test]
    fn a_tool_that_is_there_is_handed_out() {
        assert_eq!(require(Availability::Ready(7)), Some(7));
    }

    #[test]
    fn of_two_tools_the_first_missing_one_is_named() {
        let missing = |why: &str| Availability::<()>::Missing(why.to_owned());
        assert_eq!(missing("a").and(missing("b")), Availability::Missing("a".into()));
        assert_eq!(Availability::Ready(1).and(missing("b")), Availability::Missing("b".into()));
        assert_eq!(Availability::Ready(1).and(Availability::Ready(2)), Availability::Ready((1, 2)));
    }
}
