//! Bearer tokens (JWT, RFC 7519) of members of staff and of service accounts: reading them, the keys that verify them, and
//! what the signer of our own signs.

mod claims;
mod json;
mod keys;
mod sign;

pub use claims::{Claims, Named, TokenError, named, verify};
pub use keys::{KeySet, KeySetError, PublicKeyError, jwk_from_spki};
pub use sign::{Grant, SignatureError, Token, Unsigned};

/// Seconds by which an issuer's clock and ours may differ.
pub const LEEWAY_SECONDS: i64 = 30;
/// Longest life of our own tokens, in seconds.
pub const OUR_LIFETIME_SECONDS: i64 = 900;
/// Longest life of any token, in seconds.
pub const LONGEST_LIFETIME_SECONDS: i64 = 12 * 3600;
/// Issuer of the tokens of service accounts.
pub const OUR_ISSUER: &str = "borrow-rate-engine";
/// Issuer of the bootstrap administrator's tokens.
pub const BOOTSTRAP_ISSUER: &str = "borrow-rate-engine/bootstrap";
/// Longest token that is read, in bytes.
pub const LONGEST_TOKEN: usize = 8192;
