//! An issuer's public keys: a JWK Set (RFC 7517), reduced to the signature keys that tokens are verified with.

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{Members, encode};

/// Longest key set that is read, in bytes.
const LONGEST_SET: usize = 65_536;
/// Longest key id, in bytes.
const LONGEST_KEY_ID: usize = 256;
/// Bits of an RSA modulus: FIPS 186-5 asks for at least 2048, the verifier takes at most 8192.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Members of a JWK that are private (RFC 7518 sections 6.2.2, 6.3.2 and 6.4; RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// A P-256 `SubjectPublicKeyInfo` (RFC 5480) up to its point's two coordinates.
const P256_SPKI_HEAD: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];

/// The public signature keys of one issuer, by key id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet(BTreeMap<String, PublicKey>);

/// Why a text is not a usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Longer than 64 KiB.
    #[error("the key set is too long")]
    TooLong,
    /// Not a JSON object with an array `keys` of objects, or with a member given twice.
    #[error("not a JWK Set")]
    NotAKeySet,
}

/// The bytes are not a P-256 public key in DER, or the key id is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key with a key id")]
pub struct PublicKeyError;

/// A JWK Set as it is written. Other members are to be ignored (RFC 7517 section 5).
#[derive(Deserialize)]
struct Listed {
    keys: Vec<Members>,
}

/// A public key that can verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// ECDSA on P-256 with SHA-256: the point's coordinates.
    Es256 { x: [u8; 32], y: [u8; 32] },
    /// Ed25519.
    Ed25519 { x: [u8; 32] },
    /// RSASSA-PKCS1-v1_5 with SHA-256: modulus and exponent, without leading zeros.
    Rs256 { n: Vec<u8>, e: Vec<u8> },
}

impl PublicKey {
    /// Takes a JWK if it is a public signature key of a kind we verify with, and says nothing to the contrary.
    fn from_jwk(jwk: &Members) -> Option<Self> {
        let absent_or = |name: &str, allowed: &dyn Fn(&Value) -> bool| jwk.get(name).is_none_or(allowed);
        let verifies = |operations: &Value| {
            operations.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
        };
        // A private key that was published verifies nothing any more.
        let public = PRIVATE_MEMBERS.iter().all(|name| jwk.get(name).is_none());
        if !public || !absent_or("use", &|purpose| purpose == "sig") || !absent_or("key_ops", &verifies) {
            return None;
        }
        let key = match (jwk.text("kty")?, jwk.text("crv")) {
            ("EC", Some("P-256")) => {
                Self::Es256 { x: jwk.bytes("x")?.try_into().ok()?, y: jwk.bytes("y")?.try_into().ok()? }
            }
            ("OKP", Some("Ed25519")) => Self::Ed25519 { x: jwk.bytes("x")?.try_into().ok()? },
            ("RSA", None) => Self::rsa(&jwk.bytes("n")?, &jwk.bytes("e")?)?,
            _ => return None,
        };
        absent_or("alg", &|name| name.as_str().is_some_and(|name| key.is_named(name))).then_some(key)
    }

    fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
        // FIPS 186-5: the exponent is odd and above 2^16; the verifier takes one of at most 33 bits.
        let exponent = (3..=4).contains(&e.len()) && e.last()? % 2 == 1;
        (RSA_BITS.contains(&bits) && exponent).then(|| Self::Rs256 { n: n.to_vec(), e: e.to_vec() })
    }

    /// Whether `signature` (base64url) is this key's over `message`, by the key's own algorithm.
    pub(super) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.decoding_key(), self.algorithm()).unwrap_or(false)
    }

    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::ES256,
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::Rs256 { .. } => Algorithm::RS256,
        }
    }

    /// Whether a header or key that names `algorithm` agrees with this key. RFC 9864 gives Ed25519 a name of its own
    /// beside RFC 8037's.
    pub(super) fn is_named(&self, algorithm: &str) -> bool {
        match self {
            Self::Es256 { .. } => algorithm == "ES256",
            Self::Ed25519 { .. } => algorithm == "EdDSA" || algorithm == "Ed25519",
            Self::Rs256 { .. } => algorithm == "RS256",
        }
    }

    fn decoding_key(&self) -> DecodingKey {
        match self {
            Self::Es256 { x, y } => DecodingKey::from_ec_der(&[&[0x04], x.as_slice(), y].concat()),
            Self::Ed25519 { x } => DecodingKey::from_ed_der(x),
            Self::Rs256 { n, e } => DecodingKey::from_rsa_raw_components(n, e),
        }
    }

    fn to_jwk(&self, key_id: &str) -> Value {
        match self {
            Self::Es256 { x, y } => json!({
                "alg": "ES256", "crv": "P-256", "kid": key_id, "kty": "EC", "use": "sig", "x": encode(x), "y": encode(y),
            }),
            Self::Ed25519 { x } => json!({
                "alg": "EdDSA", "crv": "Ed25519", "kid": key_id, "kty": "OKP", "use": "sig", "x": encode(x),
            }),
            Self::Rs256 { n, e } => json!({
                "alg": "RS256", "e": encode(e), "kid": key_id, "kty": "RSA", "n": encode(n), "use": "sig",
            }),
        }
    }
}

impl KeySet {
    /// Reads a JWK Set and keeps its usable keys: public, for signatures, with a key id, on P-256 (ES256), Ed25519
    /// (`EdDSA`) or RSA of at least 2048 bits (RS256). A set without any is how an issuer withdraws them all. Of keys with
    /// one id none is kept: nobody could tell which of them is meant.
    pub fn from_jwks(text: &str) -> Result<Self, KeySetError> {
        if text.len() > LONGEST_SET {
            return Err(KeySetError::TooLong);
        }
        // Serde would also take an array for a structure.
        if !text.trim_start().starts_with('{') {
            return Err(KeySetError::NotAKeySet);
        }
        let set: Listed = serde_json::from_str(text).map_err(|_| KeySetError::NotAKeySet)?;
        let (mut keys, mut repeated) = (BTreeMap::new(), BTreeSet::new());
        for jwk in set.keys {
            let Some(key_id) = jwk.text("kid").filter(|id| is_key_id(id)) else { continue };
            let Some(key) = PublicKey::from_jwk(&jwk) else { continue };
            if keys.insert(key_id.to_owned(), key).is_some() {
                repeated.insert(key_id.to_owned());
            }
        }
        keys.retain(|key_id, _| !repeated.contains(key_id));
        Ok(Self(keys))
    }

    /// The set as a JWK Set of nothing but the usable keys, sorted by key id: the same keys give the same text.
    #[must_use]
    pub fn to_jwks(&self) -> String {
        let keys: Vec<_> = self.0.iter().map(|(key_id, key)| key.to_jwk(key_id)).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Whether a key of that id is in the set.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.0.contains_key(key_id)
    }

    /// Whether the set has no key, so that nothing verifies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, key_id: &str) -> Option<&PublicKey> {
        self.0.get(key_id)
    }
}

/// The JWK (JSON text) of a P-256 public key that is given as `SubjectPublicKeyInfo` in DER, as KMS answers it.
pub fn jwk_from_spki(key_id: &str, spki_der: &[u8]) -> Result<String, PublicKeyError> {
    let point = spki_der.strip_prefix(&P256_SPKI_HEAD).ok_or(PublicKeyError)?;
    let (x, y) = point.split_at_checked(32).ok_or(PublicKeyError)?;
    let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) else { return Err(PublicKeyError) };
    if !is_key_id(key_id) {
        return Err(PublicKeyError);
    }
    Ok(PublicKey::Es256 { x, y }.to_jwk(key_id).to_string())
}

fn is_key_id(text: &str) -> bool {
    (1..=LONGEST_KEY_ID).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(jwk: &str) -> PublicKey {
        PublicKey::from_jwk(&serde_json::from_str(jwk).unwrap()).unwrap()
    }

    /// A key, and the header, payload and signature of its JWS in compact form.
    fn vectors() -> [(PublicKey, [&'static str; 3]); 3] {
        const PAYLOAD: &str =
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        [
            // RFC 7515 appendix A.2.
            (
                key(concat!(
                    r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-V"#,
                    "aw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-",
                    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_",
                    r#"I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
                )),
                [
                    "eyJhbGciOiJSUzI1NiJ9",
                    PAYLOAD,
                    concat!(
                        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5juj",
                        "Gbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe",
                        "7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8",
                        "np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
                    ),
                ],
            ),
            // RFC 7515 appendix A.3.
            (
                key(r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#),
                [
                    "eyJhbGciOiJFUzI1NiJ9",
                    PAYLOAD,
                    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                ],
            ),
            // RFC 8037 appendices A.2 and A.4.
            (
                key(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#),
                [
                    "eyJhbGciOiJFZERTQSJ9",
                    "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                ],
            ),
        ]
    }

    #[test]
    fn the_published_signatures_verify_and_no_other_message_or_key_does() {
        let [_, (other, _), _] = vectors();
        for (key, [header, payload, signature]) in vectors() {
            let message = format!("{header}.{payload}");
            assert!(key.verifies(message.as_bytes(), signature), "{message}");
            assert!(!key.verifies(format!("{message}x").as_bytes(), signature));
            assert!(!key.verifies(message.as_bytes(), ""));
            assert!(key == other || !other.verifies(message.as_bytes(), signature));
        }
    }
}
