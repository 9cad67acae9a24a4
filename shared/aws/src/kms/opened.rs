//! Data keys that were opened a moment ago, so that who opens one thing many times asks KMS once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

/// How long an opened data key is kept: for so long a right to open it that was taken away still works in this process.
const KEPT: SignedDuration = SignedDuration::from_secs(60);
/// Most of them.
const MOST: usize = 256;

/// Opened data keys by what they were opened from. Clones share them; each is wiped when it goes.
#[derive(Clone, Default)]
pub(super) struct OpenedKeys(Arc<Mutex<BTreeMap<Vec<u8>, Opened>>>);

struct Opened {
    at: Timestamp,
    plain: Arc<Zeroizing<Vec<u8>>>,
}

impl Opened {
    /// Not one from the future either: a clock that was set back would keep it for longer.
    fn is_fresh(&self, now: Timestamp) -> bool {
        (SignedDuration::ZERO..KEPT).contains(&now.duration_since(self.at))
    }
}

impl OpenedKeys {
    /// The data key that was opened from `sealed` under that context.
    pub(super) fn get(&self, context: &[u8], sealed: &[u8], now: Timestamp) -> Option<Arc<Zeroizing<Vec<u8>>>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, opened| opened.is_fresh(now));
        keys.get(&place(context, sealed)).map(|opened| Arc::clone(&opened.plain))
    }

    /// Keeps a data key, in place of the oldest where there are too many.
    pub(super) fn put(&self, context: &[u8], sealed: &[u8], plain: Arc<Zeroizing<Vec<u8>>>, now: Timestamp) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(place(context, sealed), Opened { at: now, plain });
        while keys.len() > MOST {
            let Some(oldest) = keys.iter().min_by_key(|(_, opened)| opened.at).map(|(place, _)| place.clone()) else {
                break;
            };
            keys.remove(&oldest);
        }
    }
}

impl fmt::Debug for OpenedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedKeys").finish_non_exhaustive()
    }
}

/// Bytes that no other pair of context and sealed key has.
fn place(context: &[u8], sealed: &[u8]) -> Vec<u8> {
    [&(context.len() as u64).to_be_bytes()[..], context, sealed].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Arc<Zeroizing<Vec<u8>>> {
        Arc::new(Zeroizing::new(vec![byte; 32]))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_514_400 + second).unwrap()
    }

    #[test]
    fn a_key_is_kept_for_less_than_a_minute_and_not_from_the_future() {
        let keys = OpenedKeys::default();
        for (now, kept) in [(0, true), (59, true), (60, false), (3600, false), (-1, false)] {
            keys.put(b"context", b"sealed", key(1), at(0));
            assert_eq!(keys.get(b"context", b"sealed", at(now)).is_some(), kept, "after {now} s");
        }
    }

    #[test]
    fn a_key_is_given_for_the_same_context_and_sealed_key_only() {
        let keys = OpenedKeys::default();
        keys.put(b"ab", b"cd", key(1), at(0));
        for (context, sealed) in [(&b"ab"[..], &b"ce"[..]), (b"ac", b"cd"), (b"abc", b"d"), (b"a", b"bcd"), (b"", b"")]
        {
            assert!(keys.get(context, sealed, at(0)).is_none(), "{context:?} {sealed:?}");
        }
        assert_eq!(keys.get(b"ab", b"cd", at(0)), Some(key(1)));
    }

    #[test]
    fn of_too_many_the_oldest_goes() {
        let keys = OpenedKeys::default();
        for number in 0..=u16::try_from(MOST).unwrap() {
            let opened_at = at(0) + SignedDuration::from_millis(i64::from(number));
            keys.put(b"context", &number.to_be_bytes(), key(1), opened_at);
        }
        let kept = |number: u16| keys.get(b"context", &number.to_be_bytes(), at(1)).is_some();
        assert!(!kept(0) && kept(1) && kept(256));
        assert_eq!(keys.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn a_key_that_is_no_longer_given_is_gone_from_memory() {
        let keys = OpenedKeys::default();
        let plain = key(1);
        keys.put(b"context", b"sealed", Arc::clone(&plain), at(0));
        assert_eq!(Arc::strong_count(&plain), 2);
        assert!(keys.get(b"other", b"other", at(60)).is_none());
        assert_eq!(Arc::strong_count(&plain), 1);
    }

    #[test]
    fn no_key_is_shown() {
        let keys = OpenedKeys::default();
        keys.put(b"context", b"sealed", key(7), at(0));
        assert_eq!(format!("{keys:?}"), "OpenedKeys { .. }");
    }
}
