//! The edge at which time and randomness enter.

use std::sync::Arc;

use jiff::Timestamp;

use crate::Error;

/// Where the time comes from: the system's clock in a function, a hand-set one in a test.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// A clock that can be shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock. Lambda keeps it in step with the Amazon Time Sync Service.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place where the engine reads the time
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|cause| Error::Unavailable { operation: "os:getrandom", cause: cause.to_string() })?;
    Ok(bytes)
}
