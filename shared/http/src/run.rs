//! What became of a run that nobody waits for an answer of: each of its steps is tried, whatever became of the others.

use std::fmt::{self, Debug, Display};

/// Steps that were not done, each by its name; the others were.
#[derive(Debug)]
pub struct RunError<N, E>(pub Vec<(N, E)>);

impl<N: Display, E: Display> Display for RunError<N, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.0.iter().map(|(step, error)| format!("{step}: {error}")).collect();
        f.write_str(&steps.join("; "))
    }
}

impl<N: Debug + Display, E: Debug + Display> std::error::Error for RunError<N, E> {}
