//! What the process ends with.

use std::process::ExitCode;

/// Shown at the end of `engine --help`.
pub(crate) const HELP: &str = "\
Exit status:
  0  done
  1  not done, or done in part: what and why is on standard error; or fsck found a difference, audit gaps a gap
  2  the command line itself is wrong
  3  a file was quarantined until a person accepts it; or a bundle is a selection, and proves nothing about what is absent
  4  AWS or the API did not answer, or not in time, or not so often: try again";

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All of it was done.
    Done,
    /// It was refused, only some of it could be done, or a check found something.
    Failed,
    /// A file waits for a person.
    Quarantined,
    /// A bundle proves what it holds, and nothing about what is absent.
    SelectionOnly,
    /// It may work another time.
    Unavailable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            // 2 is the argument parser's.
            Exit::Quarantined | Exit::SelectionOnly => 3,
            Exit::Unavailable => 4,
        })
    }
}
