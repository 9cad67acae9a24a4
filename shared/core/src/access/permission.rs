//! What a key's record says of it, and when it says no.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{ClientId, KeyHash, KeyId, Tier};
use crate::audit::{ActorRef, Reference};
use crate::ticker::Ticker;

/// Tickers that a key may list itself; the item stays small enough for the hot path.
pub const MAX_LISTED_TICKERS: usize = 50;

/// What a key permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Price positions.
    CalculateFees,
    /// View rates.
    ViewRates,
}

impl Permission {
    /// What a key permits unless said otherwise.
    pub const ALL: [Self; 2] = [Self::CalculateFees, Self::ViewRates];

    /// The permission's name in key metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalculateFees => "fees:calculate",
            Self::ViewRates => "rates:view",
        }
    }

    /// The permission of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }
}

/// Which tickers a key may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TickerScope {
    /// Every ticker.
    All,
    /// These, at most [`MAX_LISTED_TICKERS`].
    Listed(BTreeSet<Ticker>),
}

impl TickerScope {
    /// Whether the ticker may be seen.
    #[must_use]
    pub fn includes(&self, ticker: &Ticker) -> bool {
        match self {
            Self::All => true,
            Self::Listed(tickers) => tickers.contains(ticker),
        }
    }
}

/// A key's state. Expiry is a time, not a state: nothing has to run for a key to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Usable until it expires.
    Active,
    /// Ended before its time. Final.
    Revoked,
}

impl KeyState {
    /// The state's name in the key's item.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Revoked].into_iter().find(|state| state.as_str() == name)
    }
}

/// A key as the data plane sees it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The key's public part.
    pub id: KeyId,
    /// SHA-256 of its text.
    pub hash: KeyHash,
    /// Whose key it is.
    pub client_id: ClientId,
    /// Its state.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// How often it may call.
    pub tier: Tier,
    /// What it permits.
    pub permissions: BTreeSet<Permission>,
    /// Which tickers it may see.
    pub tickers: TickerScope,
    /// The client's keyed actor reference.
    pub actor_ref: ActorRef,
    /// Commitment to the client.
    pub client_ref: Reference,
    /// Latest version of the client's terms; a change of it tells the data plane to read them again.
    pub terms_version: u32,
}

/// Why a presented key does not authenticate. Only the holder of the right secret is told more than the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such key, or not its secret.
    NotAuthenticated,
    /// Revoked.
    Revoked,
    /// Past its end.
    Expired,
}

impl KeyRecord {
    /// Whether a key that hashes to `presented` may be used at `now`.
    pub fn admit(&self, presented: &KeyHash, now: Timestamp) -> Result<(), Refusal> {
        if self.hash != *presented {
            Err(Refusal::NotAuthenticated)
        } else if self.state == KeyState::Revoked {
            Err(Refusal::Revoked)
        } else if self.expires_at <= now {
            Err(Refusal::Expired)
        } else {
            Ok(())
        }
    }
}
