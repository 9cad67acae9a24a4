//! One-time passwords by RFC 6238 with its defaults, which every authenticator app knows: SHA-1, six digits, 30 seconds.

use jiff::Timestamp;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// Seconds for which one code is shown.
pub const STEP_SECONDS: u64 = 30;
/// Fewest bytes of a secret: the 160 bits that RFC 4226 recommends.
const SHORTEST_SECRET: usize = 20;
/// Most bytes of a secret: a block of the hash, beyond which HMAC would shorten it.
const LONGEST_SECRET: usize = 64;

/// The secret that one person's authenticator shares with the engine. It has no `Debug`, `Display` or `Serialize`, and is
/// wiped from memory when dropped.
pub struct TotpSecret(Totp);

/// The secret is not of 20 to 64 bytes, or its text is not base32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a one-time password secret of at least 160 bits")]
pub struct TotpSecretError;

impl TotpSecret {
    /// Takes a secret of 20 to 64 random bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TotpSecretError> {
        Self::new(bytes.into())
    }

    /// Reads a secret in base32 (RFC 4648, upper case, without padding).
    pub fn from_base32(text: &str) -> Result<Self, TotpSecretError> {
        let secret = Secret::try_from_base32(text).map_err(|_| TotpSecretError)?;
        // The decoder ignores what is left of an incomplete last byte: two texts must not be one secret.
        if *Zeroizing::new(secret.to_base32()) != text {
            return Err(TotpSecretError);
        }
        Self::new(secret)
    }

    fn new(secret: Secret) -> Result<Self, TotpSecretError> {
        if !(SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.len()) {
            return Err(TotpSecretError);
        }
        Builder::new()
            .with_step_duration(STEP_SECONDS)
            .with_digits(6)
            .with_secret(secret)
            .build()
            .map(Self)
            .map_err(|_| TotpSecretError)
    }

    /// The secret's bytes, for encryption.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.secret().as_bytes()
    }

    /// The secret in base32 (RFC 4648, without padding), as a person types it into an authenticator.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.secret().to_base32())
    }

    /// The `otpauth:` address that an authenticator reads from a QR code.
    #[must_use]
    pub fn otpauth_uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (percent_encoded(issuer), percent_encoded(account));
        let secret = self.to_base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP_SECONDS}",
            secret.as_str()
        ))
    }

    /// The code of one step.
    #[must_use]
    pub fn code_at(&self, step: u64) -> TotpCode {
        let digits = Zeroizing::new(self.0.generate(step.saturating_mul(STEP_SECONDS)).to_string());
        let mut code = TotpCode(Zeroizing::new([b'0'; 6]));
        for (held, digit) in code.0.iter_mut().zip(digits.bytes()) {
            *held = digit;
        }
        code
    }
}

/// A code as a person reads it off the authenticator. A secret for as long as it is valid.
pub struct TotpCode(Zeroizing<[u8; 6]>);

/// The text is not six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be six digits")]
pub struct TotpCodeError;

impl TotpCode {
    /// Reads six ASCII digits, with spaces around them and one in the middle allowed, as authenticators show them.
    pub fn parse(text: &str) -> Result<Self, TotpCodeError> {
        let halves = match text.trim_matches(' ').as_bytes() {
            bytes if bytes.len() == 6 => bytes.split_at(3),
            bytes if bytes.len() == 7 && bytes[3] == b' ' => (&bytes[..3], &bytes[4..]),
            _ => return Err(TotpCodeError),
        };
        let mut digits = Zeroizing::new([0; 6]);
        digits[..3].copy_from_slice(halves.0);
        digits[3..].copy_from_slice(halves.1);
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(TotpCodeError) }
    }

    /// The six digits, for a person.
    #[must_use]
    pub fn expose(&self) -> &str {
        // Only digits get in, so the text is never empty.
        std::str::from_utf8(self.0.as_slice()).unwrap_or_default()
    }
}

/// The step of a time; the epoch's for times before it.
#[must_use]
pub fn step_at(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or_default() / STEP_SECONDS
}

/// The step whose code it is: that of `now`, the one before or the one after (RFC 6238 section 5.2). Every step is compared,
/// so the time taken does not tell which. Where two steps share a code it is the later one, so that accepting it uses up
/// both.
#[must_use]
pub fn matching_step(secret: &TotpSecret, code: &TotpCode, now: Timestamp) -> Option<u64> {
    let current = step_at(now);
    let (mut matched, mut step) = (subtle::Choice::from(0), 0);
    for candidate in [current.saturating_sub(1), current, current.saturating_add(1)] {
        let equal = secret.code_at(candidate).0.as_slice().ct_eq(code.0.as_slice());
        step = u64::conditional_select(&step, &candidate, equal);
        matched |= equal;
    }
    bool::from(matched).then_some(step)
}

/// `text` with all but RFC 3986's unreserved characters percent-encoded.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;

    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
