//! A key's record: what it may do, where it stands in its life, and when it says no.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::{ClientId, KeyHash, KeyId, Permission, Tier};
use crate::audit::{ActorRef, Reference};
use crate::ticker::Ticker;

/// Tickers that a key may list itself; the item stays small enough for the hot path.
pub const MAX_LISTED_TICKERS: usize = 50;

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

/// A key's state. Nothing has to run for a key to end: past its end it is refused, whether [`KeyState::Expired`] is noted or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// A successor whose secret was handed out and whose receipt is not confirmed: it can confirm, and nothing else.
    Claimed,
    /// Usable until it expires.
    Active,
    /// Held by the client's contact, who did not recognise its claim. An administrator decides.
    Frozen,
    /// Came to its end by itself, and that is recorded.
    Expired,
    /// Ended before its time. Final.
    Revoked,
}

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyAction {
    /// Receipt of the key is confirmed, with the key itself.
    Confirm,
    /// A successor is offered; the key works on until its end.
    Rotate,
    /// The client's contact stops it.
    Freeze,
    /// An administrator lets it go on, once its receipt is confirmed again.
    Unfreeze,
    /// Its end has come, and is recorded.
    Expire,
    /// It ends at once, and a successor is offered.
    EmergencyRotate,
    /// It ends at once.
    Revoke,
}

/// The action is not open to a key in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key that is {state} cannot be {action}")]
pub struct IllegalTransition {
    /// The key's state.
    pub state: KeyState,
    /// What was to be done.
    pub action: KeyAction,
}

impl KeyState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Claimed, Self::Active, Self::Frozen, Self::Expired, Self::Revoked];

    /// The state's name in the key's item.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "CLAIMED",
            Self::Active => "ACTIVE",
            Self::Frozen => "FROZEN",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The state after `action`: the one table of a key's life.
    pub const fn after(self, action: KeyAction) -> Result<Self, IllegalTransition> {
        use KeyAction as A;
        match (self, action) {
            (Self::Claimed, A::Confirm) | (Self::Active, A::Rotate) => Ok(Self::Active),
            // Whoever holds it must say so again.
            (Self::Frozen, A::Unfreeze) => Ok(Self::Claimed),
            (Self::Claimed | Self::Active, A::Freeze) => Ok(Self::Frozen),
            (Self::Claimed | Self::Active | Self::Frozen, A::Expire) => Ok(Self::Expired),
            (Self::Active | Self::Frozen, A::EmergencyRotate)
            | (Self::Claimed | Self::Active | Self::Frozen | Self::Expired, A::Revoke) => Ok(Self::Revoked),
            (state, action) => Err(IllegalTransition { state, action }),
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl KeyAction {
    /// Every action.
    pub const ALL: [Self; 7] =
        [Self::Confirm, Self::Rotate, Self::Freeze, Self::Unfreeze, Self::Expire, Self::EmergencyRotate, Self::Revoke];
}

impl fmt::Display for KeyAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirm => "confirmed",
            Self::Rotate => "rotated",
            Self::Freeze => "frozen",
            Self::Unfreeze => "unfrozen",
            Self::Expire => "expired",
            Self::EmergencyRotate => "rotated at once",
            Self::Revoke => "revoked",
        })
    }
}

/// A key as the data plane sees it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// The key's public part.
    pub id: KeyId,
    /// SHA-256 of its text. Never changes: a successor is another key.
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
    /// Its receipt is not confirmed.
    NotConfirmed,
    /// Frozen by the client's contact.
    Frozen,
}

impl KeyRecord {
    /// Whether a key that hashes to `presented` may be used at `now`.
    pub fn admit(&self, presented: &KeyHash, now: Timestamp) -> Result<(), Refusal> {
        match self.prove(presented, now)? {
            KeyState::Active => Ok(()),
            KeyState::Claimed => Err(Refusal::NotConfirmed),
            KeyState::Frozen => Err(Refusal::Frozen),
            KeyState::Expired => Err(Refusal::Expired),
            KeyState::Revoked => Err(Refusal::Revoked),
        }
    }

    /// The state of a key whose secret was presented and that has not ended, whatever it may be used for.
    pub fn prove(&self, presented: &KeyHash, now: Timestamp) -> Result<KeyState, Refusal> {
        if self.hash != *presented {
            Err(Refusal::NotAuthenticated)
        } else if self.state == KeyState::Revoked {
            Err(Refusal::Revoked)
        } else if self.state == KeyState::Expired || self.expires_at <= now {
            Err(Refusal::Expired)
        } else {
            Ok(self.state)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table. What is not here is refused.
    const LEGAL: [(KeyState, KeyAction, KeyState); 14] = [
        (KeyState::Claimed, KeyAction::Confirm, KeyState::Active),
        (KeyState::Claimed, KeyAction::Expire, KeyState::Expired),
        (KeyState::Active, KeyAction::Expire, KeyState::Expired),
        (KeyState::Frozen, KeyAction::Expire, KeyState::Expired),
        (KeyState::Expired, KeyAction::Revoke, KeyState::Revoked),
        (KeyState::Claimed, KeyAction::Freeze, KeyState::Frozen),
        (KeyState::Claimed, KeyAction::Revoke, KeyState::Revoked),
        (KeyState::Active, KeyAction::Rotate, KeyState::Active),
        (KeyState::Active, KeyAction::Freeze, KeyState::Frozen),
        (KeyState::Active, KeyAction::EmergencyRotate, KeyState::Revoked),
        (KeyState::Active, KeyAction::Revoke, KeyState::Revoked),
        (KeyState::Frozen, KeyAction::Unfreeze, KeyState::Claimed),
        (KeyState::Frozen, KeyAction::EmergencyRotate, KeyState::Revoked),
        (KeyState::Frozen, KeyAction::Revoke, KeyState::Revoked),
    ];

    #[test]
    fn a_key_lives_by_the_table_and_no_other_way() {
        for state in KeyState::ALL {
            for action in KeyAction::ALL {
                let expected = LEGAL.iter().find(|(from, by, _)| (*from, *by) == (state, action)).map(|legal| legal.2);
                assert_eq!(state.after(action).ok(), expected, "{state} {action}");
            }
        }
    }

    #[test]
    fn states_lead_back_from_their_names() {
        for state in KeyState::ALL {
            assert_eq!(KeyState::from_name(state.as_str()), Some(state));
        }
        assert_eq!(KeyState::from_name("active"), None);
    }
}
