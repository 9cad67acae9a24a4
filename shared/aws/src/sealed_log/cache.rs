//! The last few things read, so that neighbours in the log do not read them again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// At most so many values by key; the one used longest ago goes first. Small enough to be searched through.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    values: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    /// Without values yet.
    pub(super) fn new(most: usize) -> Self {
        Self { most, values: Mutex::default() }
    }

    /// The value under `key`, where `enough` holds of it.
    pub(super) fn get(&self, key: &K, enough: impl Fn(&V) -> bool) -> Option<V> {
        // Whoever panicked with the lock held left at worst one value less.
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let at = values.iter().position(|(known, value)| known == key && enough(value))?;
        let (known, value) = values.remove(at)?;
        values.push_front((known, value.clone()));
        Some(value)
    }

    /// Keeps a value, in the place of the one under `key`.
    pub(super) fn put(&self, key: K, value: V) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.retain(|(known, _)| *known != key);
        values.push_front((key, value));
        values.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_used_longest_ago_makes_room() {
        let recent = Recent::new(2);
        recent.put(1, "one");
        recent.put(2, "two");
        assert_eq!(recent.get(&1, |_| true), Some("one"));
        recent.put(3, "three");
        assert_eq!(recent.get(&2, |_| true), None);
        assert_eq!(recent.get(&1, |_| true), Some("one"));
        recent.put(1, "other");
        assert_eq!(recent.get(&1, |_| true), Some("other"));
        assert_eq!(recent.get(&1, |value| *value == "one"), None, "not enough");
    }
}
