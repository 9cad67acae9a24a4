//! Secrets for tests: of the right form and known to everyone.

use engine_core::audit::SecretKey;

/// An actor key, as it would come from Secrets Manager.
pub fn actor_key() -> SecretKey {
    document('a')
}

/// A reference key, as it would come from Secrets Manager.
pub fn reference_key() -> SecretKey {
    document('r')
}

fn document(letter: char) -> SecretKey {
    let secret = letter.to_string().repeat(64);
    SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{secret}"}}"#)).expect("a versioned key")
}
