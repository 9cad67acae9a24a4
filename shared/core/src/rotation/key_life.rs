//! What becomes of an API key by time alone: a successor is offered, it ends, or it is revoked for want of use.

use jiff::{SignedDuration, Timestamp};

use super::CredentialKind;
use crate::access::KeyState;

/// A key that nobody used for so long is revoked.
pub const KEY_IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is due for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDue {
    /// It is revoked: its client has left.
    RevokeTerminated,
    /// Its end has come, and is recorded.
    Expire,
    /// It is revoked: nobody used it for [`KEY_IDLE`].
    RevokeIdle,
    /// It nears its end, and a successor is offered.
    Offer,
}

/// What time makes of a key depends on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// Its state.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was used last, if ever.
    pub last_used_at: Option<Timestamp>,
    /// Whether it was offered a successor.
    pub offered: bool,
}

impl KeyLife {
    /// What is due at `now`: one thing at most, the most final first.
    #[must_use]
    pub fn due(&self, client_terminated: bool, now: Timestamp) -> Option<KeyDue> {
        if self.has_ended() {
            None
        } else if client_terminated {
            Some(KeyDue::RevokeTerminated)
        } else if self.expires_at <= now {
            Some(KeyDue::Expire)
        } else if self.idle_at() <= now {
            Some(KeyDue::RevokeIdle)
        } else if self.offer_at().is_some_and(|at| at <= now) {
            Some(KeyDue::Offer)
        } else {
            None
        }
    }

    /// The first moment at which something is due, as far as the key alone says; `None` once it has ended.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.has_ended() {
            return None;
        }
        [Some(self.expires_at), Some(self.idle_at()), self.offer_at()].into_iter().flatten().min()
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, KeyState::Expired | KeyState::Revoked)
    }

    fn idle_at(&self) -> Timestamp {
        self.last_used_at.unwrap_or(self.created_at) + KEY_IDLE
    }

    /// A key that lives no longer than the notice is offered a successor from the start.
    fn offer_at(&self) -> Option<Timestamp> {
        let notice = CredentialKind::ApiKey.schedule().notice?;
        (self.state == KeyState::Active && !self.offered).then(|| self.created_at.max(self.expires_at - notice))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn day(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + DAY * i32::try_from(day).unwrap()
    }

    /// A key of 90 days that is used every day.
    fn used(last: i64) -> KeyLife {
        KeyLife {
            state: KeyState::Active,
            created_at: day(0),
            expires_at: day(90),
            last_used_at: Some(day(last)),
            offered: false,
        }
    }

    #[test]
    fn a_successor_is_offered_fourteen_days_before_the_end_and_once() {
        assert_eq!(used(75).due(false, day(76) - SignedDuration::from_millis(1)), None);
        assert_eq!(used(75).due(false, day(76)), Some(KeyDue::Offer));
        assert_eq!(KeyLife { offered: true, ..used(76) }.due(false, day(80)), None);
        assert_eq!(KeyLife { offered: true, ..used(89) }.due(false, day(90)), Some(KeyDue::Expire));
    }

    #[test]
    fn a_key_that_lives_no_longer_than_the_notice_is_offered_one_from_the_start() {
        let short = KeyLife { expires_at: day(10), last_used_at: None, ..used(0) };
        assert_eq!((short.due(false, day(0)), short.due_at()), (Some(KeyDue::Offer), Some(day(0))));
    }

    #[test]
    fn a_key_is_idle_thirty_days_after_its_last_use_or_its_creation() {
        let unused = KeyLife { last_used_at: None, ..used(0) };
        assert_eq!(unused.due(false, day(30)), Some(KeyDue::RevokeIdle));
        assert_eq!(unused.due(false, day(30) - SignedDuration::from_millis(1)), None);
        assert_eq!(used(20).due(false, day(49)), None);
        assert_eq!(used(20).due(false, day(50)), Some(KeyDue::RevokeIdle));
    }

    #[test]
    fn the_most_final_comes_first() {
        let all = KeyLife { last_used_at: None, ..used(0) };
        assert_eq!(all.due(true, day(95)), Some(KeyDue::RevokeTerminated));
        assert_eq!(all.due(false, day(95)), Some(KeyDue::Expire));
        assert_eq!(all.due(false, day(80)), Some(KeyDue::RevokeIdle));
        assert_eq!(used(79).due(false, day(80)), Some(KeyDue::Offer));
    }

    #[test]
    fn what_is_not_confirmed_or_is_frozen_is_offered_nothing_and_ends_as_others_do() {
        for state in [KeyState::Claimed, KeyState::Frozen] {
            let life = KeyLife { state, ..used(79) };
            assert_eq!(life.due(false, day(80)), None, "{state}");
            assert_eq!(life.due(false, day(90)), Some(KeyDue::Expire), "{state}");
            assert_eq!(KeyLife { last_used_at: None, ..life }.due(false, day(30)), Some(KeyDue::RevokeIdle), "{state}");
        }
    }

    #[test]
    fn nothing_is_due_for_what_has_ended() {
        for state in [KeyState::Expired, KeyState::Revoked] {
            let life = KeyLife { state, ..used(0) };
            assert_eq!((life.due(true, day(500)), life.due_at()), (None, None), "{state}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_due_before_the_time_that_the_index_says_and_something_is_at_it(
            lives in 1i64..90, used_on in proptest::option::of(0i64..90), offered: bool, state in 0usize..3, at in -5i64..200,
        ) {
            let state = [KeyState::Claimed, KeyState::Active, KeyState::Frozen][state];
            let last_used_at = used_on.map(|on| day(on.min(lives)));
            let life = KeyLife { state, created_at: day(0), expires_at: day(lives), last_used_at, offered };
            let due_at = life.due_at().unwrap();
            prop_assert!(life.due(false, due_at).is_some());
            prop_assert_eq!(life.due(false, day(at)).is_some(), due_at <= day(at));
        }

        #[test]
        fn a_use_never_brings_the_time_forward(lives in 1i64..90, first in 0i64..90, later in 0i64..90) {
            let life = |on| KeyLife { expires_at: day(lives), ..used(on) };
            prop_assert!(life(first).due_at() <= life(first.max(later)).due_at());
        }
    }
}
