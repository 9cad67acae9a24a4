//! A process's life, as far as the services that it calls can see it: so many calls, and then none.

use std::sync::{Arc, Mutex};

#[derive(Debug, Default)]
struct State {
    calls: usize,
    /// Calls that it has yet to make, where its end is set.
    left: Option<usize>,
}

/// The life of one process. Doubles of several services may share it, so that their calls are counted together: every
/// point at which a process can be killed is the end of one of its calls. Clones are the same life.
#[derive(Clone, Debug, Default)]
pub struct Life(Arc<Mutex<State>>);

impl Life {
    /// One without an end.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `calls` more calls through, whatever their action, and fails every one after them before it is carried out.
    pub fn die_after(&self, calls: usize) {
        self.0.lock().unwrap().left = Some(calls);
    }

    /// Ends [`Life::die_after`].
    pub fn revive(&self) {
        self.0.lock().unwrap().left = None;
    }

    /// Calls made while alive.
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// Whether it has come to the end that was set.
    pub fn is_over(&self) -> bool {
        self.0.lock().unwrap().left == Some(0)
    }

    /// Takes one call; false where it is dead.
    pub(crate) fn spend(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        match &mut state.left {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        state.calls += 1;
        true
    }
}
