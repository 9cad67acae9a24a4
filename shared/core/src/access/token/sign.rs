//! Our own tokens, up to the signature: a key management service signs the digest and answers in DER (RFC 3279), a token
//! carries the two numbers side by side (RFC 7518 section 3.4).

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::OUR_LIFETIME_SECONDS;
use super::json::encode;

/// What one of our tokens is to say.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// Who vouches: [`OUR_ISSUER`](super::OUR_ISSUER) or [`BOOTSTRAP_ISSUER`](super::BOOTSTRAP_ISSUER).
    pub issuer: &'a str,
    /// Whom it is for.
    pub audience: &'a str,
    /// Whom it is about.
    pub subject: &'a str,
    /// Its own id.
    pub token_id: &'a str,
    /// When it is issued; the claim is in whole seconds.
    pub issued_at: Timestamp,
    /// How long it lives, in seconds; kept between 1 and [`OUR_LIFETIME_SECONDS`].
    pub lifetime_seconds: i64,
    /// Names of roles.
    pub roles: &'a [&'a str],
    /// Names of permissions.
    pub scopes: &'a [&'a str],
}

/// A token that lacks its signature.
pub struct Unsigned {
    signing_input: String,
}

/// A signed token: whoever has it may use it. It has no `Debug`, `Display` or `Serialize`.
pub struct Token(Zeroizing<String>);

/// The bytes are not one ECDSA signature on P-256 in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 signature in DER")]
pub struct SignatureError;

impl Unsigned {
    /// Writes a token for the key `key_id`, to be signed with ES256.
    #[must_use]
    pub fn new(key_id: &str, grant: &Grant<'_>) -> Self {
        let issued_at = grant.issued_at.as_second();
        let header = json!({ "alg": "ES256", "kid": key_id, "typ": "JWT" });
        let claims = json!({
            "aud": grant.audience,
            "exp": issued_at + grant.lifetime_seconds.clamp(1, OUR_LIFETIME_SECONDS),
            "iat": issued_at,
            "iss": grant.issuer,
            "jti": grant.token_id,
            "roles": grant.roles,
            "scope": grant.scopes.join(" "),
            "sub": grant.subject,
        });
        let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
        Self { signing_input: format!("{header}.{claims}") }
    }

    /// What is signed (RFC 7515 section 5.1).
    #[must_use]
    pub fn signing_input(&self) -> &str {
        &self.signing_input
    }

    /// SHA-256 of what is signed.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.signing_input.as_bytes()).into()
    }

    /// Adds the signature, given in DER. Whether it is the key's is for the verifier to say.
    pub fn signed(self, der: &[u8]) -> Result<Token, SignatureError> {
        let signature = encode(&jose_signature(der)?);
        let mut text = Zeroizing::new(String::with_capacity(self.signing_input.len() + 1 + signature.len()));
        text.push_str(&self.signing_input);
        text.push('.');
        text.push_str(&signature);
        Ok(Token(text))
    }
}

impl Token {
    /// The token in clear, for the one answer that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The numbers r and s of a DER signature, 32 bytes each.
fn jose_signature(der: &[u8]) -> Result<[u8; 64], SignatureError> {
    // SEQUENCE { INTEGER r, INTEGER s } is at most 2 + 2 × (2 + 33) bytes, so every length is a single byte.
    let body = value(0x30, der).filter(|(_, rest)| rest.is_empty()).ok_or(SignatureError)?.0;
    let (r, rest) = value(0x02, body).ok_or(SignatureError)?;
    let (s, rest) = value(0x02, rest).ok_or(SignatureError)?;
    if !rest.is_empty() {
        return Err(SignatureError);
    }
    let mut signature = [0; 64];
    for (number, half) in [r, s].into_iter().zip(signature.chunks_exact_mut(32)) {
        let number = positive(number).ok_or(SignatureError)?;
        let (_, low) = half.split_at_mut_checked(32 - number.len()).ok_or(SignatureError)?;
        low.copy_from_slice(number);
    }
    Ok(signature)
}

/// The contents of the value of that tag at the start of `der`, and what follows it.
fn value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    match der {
        [found, length @ 0..0x80, rest @ ..] if *found == tag => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

/// The magnitude of a positive DER integer of at most 32 bytes, in its only encoding.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    let magnitude = match integer {
        // A zero byte stands before a high bit, which would be a sign, and nowhere else.
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => rest,
        [1..0x80, ..] => integer,
        _ => return None,
    };
    (magnitude.len() <= 32).then_some(magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
        let integer = |bytes: &[u8]| [&[0x02, u8::try_from(bytes.len()).unwrap()], bytes].concat();
        let body = [integer(r), integer(s)].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
    }

    #[test]
    fn numbers_of_every_length_are_padded_to_32_bytes() {
        let high = [&[0], [0xff; 32].as_slice()].concat();
        for (r, s, expected_r, expected_s) in [
            (vec![1], vec![0x7f; 32], [vec![0; 31], vec![1]].concat(), vec![0x7f; 32]),
            (high, vec![0, 0x80], vec![0xff; 32], [vec![0; 31], vec![0x80]].concat()),
        ] {
            let signature = jose_signature(&der(&r, &s)).unwrap();
            assert_eq!(signature.to_vec(), [expected_r, expected_s].concat());
        }
    }

    #[test]
    fn anything_but_the_one_encoding_of_two_positive_numbers_is_refused() {
        let good = der(&[1], &[2]);
        assert!(jose_signature(&good).is_ok());
        let long_form = [&[0x30, 0x81, 6], &good[2..]].concat();
        let three = [&[0x30, 9], &good[2..], &[0x02, 1, 3]].concat();
        for (rule, bad) in [
            ("nothing", vec![]),
            ("bytes after it", [good.as_slice(), &[0]].concat()),
            ("cut short", good[..good.len() - 1].to_vec()),
            ("a third number", three),
            ("a length in long form", long_form),
            ("another tag", [&[0x31], &good[1..]].concat()),
            ("one number", vec![0x30, 3, 0x02, 1, 1]),
            ("zero", der(&[0], &[1])),
            ("an empty integer", der(&[], &[1])),
            ("negative", der(&[1], &[0x80])),
            ("a needless zero byte", der(&[0, 0x7f], &[1])),
            ("33 bytes", der(&[0x7f; 33], &[1])),
            ("33 bytes behind a zero byte", der(&[1], &[&[0], [0xff; 33].as_slice()].concat())),
        ] {
            assert_eq!(jose_signature(&bad), Err(SignatureError), "{rule}");
        }
    }

    #[test]
    fn a_token_of_ours_never_lives_longer_than_the_verifier_allows() {
        let grant = Grant {
            issuer: super::super::OUR_ISSUER,
            audience: "a",
            subject: "svc-x",
            token_id: "t",
            issued_at: Timestamp::UNIX_EPOCH,
            lifetime_seconds: i64::MAX,
            roles: &[],
            scopes: &[],
        };
        let payload = |unsigned: &Unsigned| {
            let (_, claims) = unsigned.signing_input().split_once('.').unwrap();
            String::from_utf8(super::super::json::decode(claims).unwrap()).unwrap()
        };
        assert!(payload(&Unsigned::new("k", &grant)).contains(r#""exp":900,"#));
        let backwards = Grant { lifetime_seconds: -5, ..grant };
        assert!(payload(&Unsigned::new("k", &backwards)).contains(r#""exp":1,"#));
    }
}
